//! A year in words: each way a day can go, once, with the days that go so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;

use super::{Day, DayLine, Exception, Timetable, WayDocument};
use crate::domain::calendar::DayKind;

/// Stretches of dates that are listed one by one; the rest is counted.
const LISTED: usize = 8;

/// What is told of callers whom no rule names; those whom one names follow.
pub fn render(table: &Timetable) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{} ({}) in {}, {} time", table.number, table.object, table.year, table.time_zone);
    for note in &table.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for (line, days) in patterns(table) {
        let _ = writeln!(text, "\n{}", heading(&days, &table.days));
        for piece in &line.0 {
            let Some(way) = table.ways.get(piece.way) else { continue };
            let _ = writeln!(text, "  {}-{}  {}", clock(piece.from), clock(piece.until), told(way));
            for but in &way.but {
                let _ = writeln!(text, "               but {}: {} (rule {})", callers(but), but.to, but.rule);
            }
        }
    }
    if let Some(exhausted) = &table.when_exhausted {
        let _ = writeln!(text, "\nwhen nobody answers: {exhausted}");
    }
    text
}

/// The different days, those that occur most often first.
fn patterns(table: &Timetable) -> Vec<(&DayLine, Vec<&Day>)> {
    let mut by_line: BTreeMap<&DayLine, Vec<&Day>> = BTreeMap::new();
    for day in &table.days {
        by_line.entry(&day.line).or_default().push(day);
    }
    let mut patterns: Vec<_> = by_line.into_iter().collect();
    patterns.sort_by_key(|(_, days)| (std::cmp::Reverse(days.len()), days.first().map(|day| day.date)));
    patterns
}

fn told(way: &WayDocument) -> String {
    let because = match (&way.override_name, &way.rule) {
        (Some(name), _) => format!(" (override {name})"),
        (None, Some(rule)) => format!(" (rule {rule})"),
        (None, None) => String::new(),
    };
    let period = way.period.as_ref().map(|period| format!("{period}: ")).unwrap_or_default();
    format!("{period}{}{because}", way.to)
}

fn callers(but: &Exception) -> String {
    let mut who = Vec::new();
    if !but.callers.is_empty() {
        who.push(but.callers.join(", "));
    }
    if !but.caller_lists.is_empty() {
        who.push(format!("callers on {}", but.caller_lists.join(" or ")));
    }
    for places in [&but.caller_areas, &but.caller_provinces] {
        if !places.is_empty() {
            who.push(format!("callers of {}", places.join(", ")));
        }
    }
    who.join(" among ")
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Which days: by their kind where most of a kind are among them, else by date.
fn heading(days: &[&Day], year: &[Day]) -> String {
    let mut left: Vec<&Day> = days.to_vec();
    let mut names = Vec::new();
    for (name, of_kind) in KINDS {
        let all = year.iter().filter(of_kind).count();
        let here = left.iter().filter(|day| of_kind(day)).count();
        if here * 2 > all {
            left.retain(|day| !of_kind(day));
            let others = if here == all { String::new() } else { format!(" of {all}, the others see below") };
            names.push(format!("{name} ({here}{others})"));
        }
    }
    if !left.is_empty() {
        names.push(dates(&left.iter().map(|day| day.date).collect::<Vec<_>>()));
    }
    names.join(", ")
}

type OfKind = fn(&&Day) -> bool;

/// Kinds of days that have a name; the wider ones first.
const KINDS: [(&str, OfKind); 4] = [
    ("working days", |day| day.kind == DayKind::Workday { make_up: false }),
    ("weekends", |day| day.kind == DayKind::Weekend),
    ("days off", |day| day.kind == DayKind::Holiday),
    ("make-up working days", |day| day.kind == DayKind::Workday { make_up: true }),
];

/// Dates as stretches of neighbours.
fn dates(dates: &[Date]) -> String {
    let mut stretches: Vec<(Date, Date)> = Vec::new();
    for date in dates {
        match stretches.last_mut() {
            Some((_, last)) if last.tomorrow().is_ok_and(|next| next == *date) => *last = *date,
            _ => stretches.push((*date, *date)),
        }
    }
    let shown: Vec<String> = stretches
        .iter()
        .take(LISTED)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    let more = stretches.len().saturating_sub(LISTED);
    let rest =
        if more == 0 { String::new() } else { format!(" and {more} more stretches, {} days in all", dates.len()) };
    format!("{}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_stretch() {
        let of = |texts: &[&str]| dates(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(of(&["2026-10-01", "2026-10-02", "2026-10-05"]), "2026-10-01 to 2026-10-02, 2026-10-05");
        let odd: Vec<String> = (1..=20).map(|day| format!("2026-01-{:02}", day * 3 / 2)).collect();
        let odd: Vec<&str> = odd.iter().map(String::as_str).collect();
        assert!(of(&odd).ends_with("more stretches, 20 days in all"), "{}", of(&odd));
    }
}
