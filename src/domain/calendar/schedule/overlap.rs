//! Whether two periods could both hold at one instant with equal rank, under any calendar at all.
//!
//! The question is asked of the ranges alone, never of a calendar or of a zone's clock changes, so that neither an edit
//! of the calendar nor new zone rules can break a schedule that was accepted.

use super::super::holidays::DayStatus;
use super::super::time::{CivilDay, CivilMinute, DAY_MINUTES};
use super::rules::{DayClass, Owners, Rank, Rule, ScheduleError};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Refuses two different periods that could cover one instant with one rank.
pub fn check(names: &[String], rules: &[Rule]) -> Result<(), ScheduleError> {
    for (index, first) in rules.iter().enumerate() {
        for second in rules.iter().skip(index + 1).filter(|second| second.period != first.period) {
            // A range lasts less than two days: only owners on one day or on adjacent days can meet.
            let example =
                same_day(first, second).or_else(|| next_day(first, second)).or_else(|| next_day(second, first));
            if let Some(example) = example {
                let name = |rule: &Rule| names.get(usize::from(rule.period)).cloned().unwrap_or_default();
                return Err(ScheduleError::PeriodsOverlap { first: name(first), second: name(second), example });
            }
        }
    }
    Ok(())
}

fn same_day(one: &Rule, other: &Rule) -> Option<String> {
    let minute = one.from.max(other.from);
    (minute < one.end.min(other.end)).then(|| meeting(one, other, 0, minute)).flatten()
}

/// As [`same_day`], where `late` is owned by the day after the one that owns `early`.
fn next_day(early: &Rule, late: &Rule) -> Option<String> {
    (late.from + DAY_MINUTES < early.end).then(|| meeting(early, late, 1, late.from)).flatten()
}

/// A day on which `late` starts with the rank with which `early` starts `gap` days before, told with the `minute`.
///
/// Make-up days need no look. There only `Workday` has a rank of its own, and two ranges of `Workday` that meet there
/// meet on a plain Monday and Tuesday too. A weekday's name ranks as ordinary whatever the day is, so that what it
/// meets on a day off or a make-up day it meets on a plain one.
fn meeting(early: &Rule, late: &Rule, gap: i32, minute: u16) -> Option<String> {
    let time = CivilMinute::of_minutes(minute);
    if let (Owners::Dates { first, last }, Owners::Dates { first: late_first, last: late_last }) =
        (early.owners, late.owners)
    {
        let day = CivilDay::max(first.plus(gap), late_first);
        return (day <= last.plus(gap).min(late_last))
            .then(|| day.date().map(|date| format!("{date} {time}")))
            .flatten();
    }
    let ordinary = WEEKDAYS.iter().zip(0_u8..).find(|&(_, weekday)| {
        let owns = |rule: &Rule, weekday| {
            rule.rank_by_day(DayClass { weekday, status: DayStatus::Ordinary }) == Some(Rank::Ordinary)
        };
        // Six days on is one day back.
        owns(late, weekday) && owns(early, if gap == 0 { weekday } else { (weekday + 6) % 7 })
    });
    if let Some((name, _)) = ordinary {
        return Some(format!("{name} {time}"));
    }
    let off = |rule: &Rule| rule.rank_by_day(DayClass { weekday: 0, status: DayStatus::Off }) == Some(Rank::DayOff);
    let words = if gap == 0 { "on a day off" } else { "on a day off that follows another" };
    (off(early) && off(late)).then(|| format!("{time} {words}"))
}
