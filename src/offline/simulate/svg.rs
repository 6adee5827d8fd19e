//! A year as a picture: days down, hours across, one colour for each place that calls go to; days off and make-up days
//! marked as Chinese calendars mark them (休, 班). Text in, text out.

use std::fmt::Write as _;

use jiff::civil::Weekday;

use super::{Day, Timetable, WayDocument};
use crate::domain::calendar::DayKind;

const HOUR: f64 = 34.0;
const ROW: f64 = 8.0;
const LEFT: f64 = 96.0;
const WIDTH: f64 = LEFT + 24.0 * HOUR + 24.0;
/// Height of a line of the legend.
const LINE: f64 = 18.0;

/// Told apart by people who see colours differently (Okabe and Ito, then Tol); the last serves all that are more.
const COLOURS: [&str; 10] =
    ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00", "#88CCEE", "#AA4499", "#999999"];
/// Nobody answers.
const REFUSED: &str = "#D9D9D9";

/// See the module's text.
pub fn render(table: &Timetable) -> String {
    let legend = legend(table);
    let top = 64.0 + LINE * legend.len() as f64 + if table.notes.is_empty() { 0.0 } else { LINE };
    let height = top + 24.0 + ROW * table.days.len() as f64 + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, 'Noto Sans CJK SC', 'PingFang SC', sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    head(&mut svg, table, &legend);
    hours(&mut svg, top, table.days.len());
    for (row, day) in table.days.iter().enumerate() {
        let y = top + 24.0 + ROW * row as f64;
        days(&mut svg, table, &legend, day, y);
    }
    foot(&mut svg, table, height);
    svg.push_str("</svg>\n");
    svg
}

/// Each place that calls go to, with its colour and the ways that lead there.
struct Entry<'t> {
    to: &'t str,
    colour: &'static str,
    because: String,
}

fn legend(table: &Timetable) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut colours = COLOURS.iter().copied().chain(std::iter::repeat(COLOURS[COLOURS.len() - 1]));
    for way in &table.ways {
        let because = because(way);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.to == way.to) {
            entry.because = format!("{}; {because}", entry.because);
            continue;
        }
        let refused = way.to.starts_with("refused");
        let colour = if refused { REFUSED } else { colours.next().unwrap_or(REFUSED) };
        entries.push(Entry { to: &way.to, colour, because });
    }
    entries
}

fn because(way: &WayDocument) -> String {
    let mut words = Vec::new();
    words.extend(way.period.clone());
    words.extend(way.override_name.as_ref().map(|name| format!("override {name}")));
    words.extend(way.rule.as_ref().map(|rule| format!("rule {rule}")));
    let mut text = words.join(", ");
    if !way.but.is_empty() {
        let but: Vec<String> = way.but.iter().map(|but| format!("{} → {}", but.rule, but.to)).collect();
        let _ = write!(text, " [but {}]", but.join(", "));
    }
    text
}

fn head(svg: &mut String, table: &Timetable, legend: &[Entry<'_>]) {
    let _ = writeln!(
        svg,
        "<text x=\"24\" y=\"32\" font-size=\"20\" font-weight=\"600\">{} · {}</text>\n\
         <text x=\"24\" y=\"50\" fill=\"#666\">{} · {} · where calls go, hour by hour</text>",
        escaped(&table.number),
        table.year,
        escaped(&table.object),
        escaped(&table.time_zone)
    );
    let mut y = 72.0;
    for entry in legend {
        let _ = writeln!(
            svg,
            "<rect x=\"24\" y=\"{}\" width=\"14\" height=\"11\" rx=\"2\" fill=\"{}\"/>\
             <text x=\"46\" y=\"{y}\"><tspan font-weight=\"600\">{}</tspan><tspan fill=\"#666\" dx=\"8\">{}</tspan></text>",
            y - 9.5,
            entry.colour,
            escaped(entry.to),
            escaped(&entry.because)
        );
        y += LINE;
    }
    for note in &table.notes {
        let _ = writeln!(svg, "<text x=\"24\" y=\"{y}\" fill=\"#B00020\">{}</text>", escaped(note));
    }
}

fn hours(svg: &mut String, top: f64, days: usize) {
    let bottom = top + 24.0 + ROW * days as f64;
    for hour in 0..=24 {
        let x = LEFT + HOUR * f64::from(hour);
        if hour % 3 == 0 {
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{hour:02}:00</text>",
                top + 16.0
            );
        }
        let _ = writeln!(svg, "<path d=\"M{x} {}V{bottom}\" stroke=\"#eee\"/>", top + 20.0);
    }
}

fn days(svg: &mut String, table: &Timetable, legend: &[Entry<'_>], day: &Day, y: f64) {
    if day.date.day() == 1 {
        let _ = writeln!(
            svg,
            "<path d=\"M24 {y}H{}\" stroke=\"#999\"/><text x=\"24\" y=\"{}\" font-weight=\"600\">{}</text>",
            LEFT + 24.0 * HOUR,
            y + 12.0,
            day.date.strftime("%b")
        );
    }
    mark(svg, day, y);
    for piece in &day.line.0 {
        let Some(way) = table.ways.get(piece.way) else { continue };
        let colour = legend.iter().find(|entry| entry.to == way.to).map_or(REFUSED, |entry| entry.colour);
        let x = LEFT + HOUR * f64::from(piece.from) / 60.0;
        let width = HOUR * f64::from(piece.until.saturating_sub(piece.from)) / 60.0;
        let edge = if way.override_name.is_some() { " stroke=\"#000\" stroke-width=\"0.8\"" } else { "" };
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.2}\" y=\"{:.2}\" width=\"{width:.2}\" height=\"{:.2}\" fill=\"{colour}\"{edge}>\
             <title>{} {} {:02}:{:02}-{:02}:{:02} {}</title></rect>",
            y + 0.5,
            ROW - 1.0,
            day.date,
            day.date.strftime("%a"),
            piece.from / 60,
            piece.from % 60,
            piece.until / 60,
            piece.until % 60,
            escaped(&way.to)
        );
    }
}

/// The day of the month, and what makes the day special.
fn mark(svg: &mut String, day: &Day, y: f64) {
    let baseline = y + ROW - 1.0;
    let (colour, sign) = match day.kind {
        DayKind::Holiday => ("#C62828", "休"),
        DayKind::Workday { make_up: true } => ("#1565C0", "班"),
        DayKind::Weekend => ("#999", ""),
        DayKind::Workday { make_up: false } => ("#666", ""),
    };
    if !sign.is_empty() {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{baseline}\" font-size=\"8\" fill=\"{colour}\">{sign}</text>",
            LEFT - 14.0
        );
    }
    let monday_or_marked = day.date.weekday() == Weekday::Monday || !sign.is_empty() || day.date.day() == 1;
    if monday_or_marked {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{baseline}\" font-size=\"7\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            LEFT - 17.0,
            day.date.strftime("%a %e")
        );
    }
}

fn foot(svg: &mut String, table: &Timetable, height: f64) {
    let exhausted =
        table.when_exhausted.as_ref().map(|words| format!(" · when nobody answers: {words}")).unwrap_or_default();
    let _ = writeln!(
        svg,
        "<text x=\"24\" y=\"{}\" fill=\"#666\">休 day off · 班 make-up working day · a black edge is an override{}</text>",
        height - 14.0,
        escaped(&exhausted)
    );
}

/// Text that cannot end the element it stands in.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_element() {
        assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
    }
}
