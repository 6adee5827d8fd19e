//! The ruling on schedules, read literally: dates and times of `jiff`, each listed day by itself, no tables. Slow.

use jiff::ToSpan as _;
use jiff::civil::Weekday;

use super::*;
use crate::domain::routing::document::CalendarDocument;

/// Rank and period of every range that covers `wall`.
pub fn competitors<'d>(
    schedule: &'d ScheduleDocument,
    calendar: &CalendarDocument,
    wall: DateTime,
) -> Vec<(u8, &'d str)> {
    let mut found = Vec::new();
    for period in &schedule.periods {
        for range in &period.at {
            for owner in [wall.date(), wall.date() - 1.day()] {
                let (start, end) = bounds(range, owner);
                if start <= wall && wall < end {
                    found.extend(ranks(range, calendar, owner).into_iter().map(|rank| (rank, period.name.as_str())));
                }
            }
        }
    }
    found
}

/// The period at `wall`; a panic where the ruling leaves it open.
pub fn period_on<'d>(schedule: &'d ScheduleDocument, calendar: &CalendarDocument, wall: DateTime) -> &'d str {
    let competitors = competitors(schedule, calendar, wall);
    let Some(&(lowest, name)) = competitors.iter().min_by_key(|(rank, _)| *rank) else {
        return &schedule.otherwise;
    };
    let ambiguous = competitors.iter().any(|&(rank, other)| rank == lowest && other != name);
    assert!(!ambiguous, "{wall}: {competitors:?}");
    name
}

fn bounds(range: &RangeDocument, owner: Date) -> (DateTime, DateTime) {
    let on = |date: Date, text: &str| match text {
        "24:00" => (date + 1.day()).at(0, 0, 0, 0),
        _ => date.to_datetime(text.parse().unwrap()),
    };
    let until_next_day = range.from > range.to;
    (on(owner, &range.from), on(if until_next_day { owner + 1.day() } else { owner }, &range.to))
}

/// The rank of each reason for which the range starts on `owner`.
fn ranks(range: &RangeDocument, calendar: &CalendarDocument, owner: Date) -> Vec<u8> {
    if let Some(dates) = range.dates {
        return if (dates.first..=dates.last).contains(&owner) { vec![0] } else { vec![] };
    }
    let off = calendar.days_off.contains(&owner);
    let make_up = calendar.make_up_workdays.contains(&owner);
    let weekend = matches!(owner.weekday(), Weekday::Saturday | Weekday::Sunday);
    let rank = |day: &Day| match day {
        Day::Workday if make_up => Some(1),
        Day::Workday => (!weekend && !off).then_some(3),
        Day::Weekend => (weekend && !make_up && !off).then_some(3),
        Day::Holiday => off.then_some(2),
        Day::Monday => (owner.weekday() == Weekday::Monday).then_some(3),
        Day::Tuesday => (owner.weekday() == Weekday::Tuesday).then_some(3),
        Day::Wednesday => (owner.weekday() == Weekday::Wednesday).then_some(3),
        Day::Thursday => (owner.weekday() == Weekday::Thursday).then_some(3),
        Day::Friday => (owner.weekday() == Weekday::Friday).then_some(3),
        Day::Saturday => (owner.weekday() == Weekday::Saturday).then_some(3),
        Day::Sunday => (owner.weekday() == Weekday::Sunday).then_some(3),
    };
    range.days.iter().filter_map(rank).collect()
}
