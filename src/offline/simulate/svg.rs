//! A year as a picture: days down, hours across, one colour for each place that calls go to; days off and make-up days
//! marked as Chinese calendars mark them (休, 班). Text in, text out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Weekday;

use super::{Day, Timetable, WayDocument};
use crate::domain::calendar::DayKind;

const HOUR: f64 = 21.0;
const ROW: f64 = 8.0;
/// Room for the month, the day and its mark.
const LEFT: f64 = 88.0;
/// Half a year is one column.
const COLUMN: f64 = LEFT + 24.0 * HOUR + 22.0;
const WIDTH: f64 = 2.0 * COLUMN + 12.0;
/// The longest half of a year.
const ROWS: f64 = 184.0;
/// Height of a line of the legend.
const LINE: f64 = 18.0;

/// For the places, the one that takes most of the year first: it is the ground on which the others stand out. The last
/// serves all that are more. Told apart also by people who see colours differently.
const COLOURS: [&str; 9] =
    ["#DDE5EE", "#1B7F79", "#E3B23C", "#C8553D", "#6C5B9E", "#5FA8D3", "#8FB339", "#D98BB0", "#8A8A8A"];
/// Nobody answers.
const REFUSED: &str = "#FFFFFF";

/// See the module's text.
pub fn render(table: &Timetable) -> String {
    let legend = legend(table);
    let lines = u16::try_from(legend.len() + table.notes.len()).unwrap_or(u16::MAX);
    let top = 68.0 + LINE * f64::from(lines);
    let height = top + 24.0 + ROW * ROWS + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, 'Noto Sans CJK SC', 'PingFang SC', sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    head(&mut svg, table, &legend);
    let (first, second): (Vec<&Day>, Vec<&Day>) = table.days.iter().partition(|day| day.date.month() <= 6);
    for (half, left) in [(first, 0.0), (second, COLUMN)] {
        let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">");
        let mut y = top + 24.0;
        for day in &half {
            draw(&mut svg, table, &legend, day, y);
            y += ROW;
        }
        hours(&mut svg, top, y);
        svg.push_str("</g>\n");
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

/// The place that takes most of the year first.
fn legend(table: &Timetable) -> Vec<Entry<'_>> {
    let mut minutes: BTreeMap<&str, u32> = BTreeMap::new();
    for piece in table.days.iter().flat_map(|day| &day.line.0) {
        let Some(way) = table.ways.get(piece.way) else { continue };
        *minutes.entry(&way.to).or_default() += u32::from(piece.until.saturating_sub(piece.from));
    }
    let mut places: Vec<(&str, u32)> = minutes.into_iter().collect();
    places.sort_by_key(|(to, minutes)| (std::cmp::Reverse(*minutes), *to));
    let mut colours = COLOURS.iter().copied();
    let mut entries = Vec::with_capacity(places.len());
    for (to, _) in places {
        let refused = to.starts_with("refused");
        let colour = if refused { REFUSED } else { colours.next().or(COLOURS.last().copied()).unwrap_or(REFUSED) };
        let because: Vec<String> = table.ways.iter().filter(|way| way.to == to).map(because).collect();
        entries.push(Entry { to, colour, because: because.join("; ") });
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
            "<rect x=\"24\" y=\"{}\" width=\"14\" height=\"11\" rx=\"2\" fill=\"{}\" stroke=\"#999\" stroke-width=\"0.5\"/>\
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
        y += LINE;
    }
}

/// The hours' names and lines, over the days.
fn hours(svg: &mut String, top: f64, bottom: f64) {
    for hour in (0..=24).step_by(3) {
        let x = LEFT + HOUR * f64::from(hour);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{hour:02}</text>\
             <path d=\"M{x} {}V{bottom}\" stroke=\"#000\" stroke-opacity=\"0.12\"/>",
            top + 16.0,
            top + 20.0
        );
    }
}

fn draw(svg: &mut String, table: &Timetable, legend: &[Entry<'_>], day: &Day, y: f64) {
    for piece in &day.line.0 {
        let Some(way) = table.ways.get(piece.way) else { continue };
        let colour = legend.iter().find(|entry| entry.to == way.to).map_or(REFUSED, |entry| entry.colour);
        let x = LEFT + HOUR * f64::from(piece.from) / 60.0;
        let width = HOUR * f64::from(piece.until.saturating_sub(piece.from)) / 60.0;
        let (edge, inset) =
            if way.override_name.is_some() { (" stroke=\"#000\" stroke-width=\"1.2\"", 0.6) } else { ("", 0.0) };
        let _ = writeln!(
            svg,
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{colour}\"{edge}>\
             <title>{} {} {:02}:{:02}-{:02}:{:02} {}</title></rect>",
            x + inset,
            y + inset,
            width - 2.0 * inset,
            ROW - 2.0 * inset,
            day.date,
            day.date.strftime("%a"),
            piece.from / 60,
            piece.from % 60,
            piece.until / 60,
            piece.until % 60,
            escaped(&way.to)
        );
    }
    let edge = LEFT + 24.0 * HOUR;
    if day.date.day() == 1 {
        let _ = writeln!(
            svg,
            "<path d=\"M24 {y}H{edge}\" stroke=\"#444\"/><text x=\"24\" y=\"{}\" font-weight=\"600\">{}</text>",
            y + 11.0,
            day.date.strftime("%b")
        );
    } else if day.date.weekday() == Weekday::Monday {
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y}H{edge}\" stroke=\"#fff\"/>");
    }
    mark(svg, day, y);
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
