//! The compiled timetable (时间表): which period holds at an instant, and when the next one begins.
//!
//! A range belongs to the civil day on which it starts and has that day's rank; of the ranges that cover an instant by
//! wall time, those begun the day before included, the lowest rank decides, and where none covers it the period is
//! `otherwise`. [`Schedule::compile`] refuses what could ever be ambiguous, so that asking cannot fail.

mod overlap;
mod rules;
#[cfg(test)]
mod tests;
mod timeline;

use std::iter;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use self::rules::{MAX_PERIODS, MAX_RANGES, ScheduleError};
use self::timeline::{Dated, Weekly};
use super::Calendar;
use super::time::Wall;
use super::zone::{Clock, parse_zone};
use crate::domain::routing::document::ScheduleDocument;

/// Days after the last that is not ordinary within which every change of the week shows at least once, even where a
/// clock change hides one of them.
const WHOLE_WEEKS: i32 = 28;

/// A schedule that has been checked, with its calendar and zone inside. Asking allocates nothing and takes no lock.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// `otherwise` last.
    names: Box<[String]>,
    otherwise: u16,
    clock: Clock,
    weekly: Weekly,
    dated: Dated,
}

impl Schedule {
    /// Checks a document and builds its tables. Without a calendar weekdays decide and no day is a `Holiday`.
    pub fn compile(document: &ScheduleDocument, calendar: Option<&Calendar>) -> Result<Self, ScheduleError> {
        let zone = parse_zone(&document.time_zone)?;
        let calendar = match (&document.calendar, calendar) {
            (Some(digest), None) => return Err(ScheduleError::CalendarMissing(digest.clone())),
            (_, given) => given.cloned().unwrap_or_default(),
        };
        let (names, rules) = rules::read(document)?;
        overlap::check(&names, &rules)?;
        Ok(Self {
            otherwise: u16::try_from(names.len().saturating_sub(1)).unwrap_or_default(),
            names: names.into(),
            clock: Clock::new(zone),
            weekly: Weekly::of(&rules, calendar),
            dated: Dated::of(&rules),
        })
    }

    /// The names of its periods, each once, `otherwise` last. A period of the document that is named like `otherwise`
    /// has no place of its own.
    pub fn period_names(&self) -> &[String] {
        &self.names
    }

    /// Index into [`Self::period_names`] of the period that holds at `at`.
    pub fn period_index_at(&self, at: Timestamp) -> u16 {
        self.index_on_wall(self.clock.wall(at))
    }

    /// The name of the period that holds at `at`.
    pub fn period_at(&self, at: Timestamp) -> &str {
        self.name(self.period_index_at(at))
    }

    /// What a wall clock in the schedule's zone shows at `at`.
    pub fn wall(&self, at: Timestamp) -> DateTime {
        self.clock.date_time(at)
    }

    /// The zone by whose wall time the ranges go.
    pub fn zone(&self) -> &TimeZone {
        self.clock.zone()
    }

    /// The first instant after `at` at which another period holds than at `at`, with that period; `None` if the period
    /// never changes again.
    pub fn next_change(&self, at: Timestamp) -> Option<(Timestamp, &str)> {
        let current = self.period_index_at(at);
        if self.names.len() < 2 {
            return None;
        }
        let mut wall = self.clock.wall(at);
        let mut offset_seconds = i64::from(self.clock.offset(at).seconds());
        let mut adjustment = self.clock.next_adjustment(at);
        let last_day = self.weekly.end().max(self.dated.end()).max(wall.day).plus(WHOLE_WEEKS);
        while wall.day <= last_day {
            let next = self.next_edge(wall);
            let instant = Timestamp::from_second(next.seconds() - offset_seconds).ok()?;
            let instant = match adjustment {
                Some((when, offset)) if when <= instant => {
                    wall = Wall::of_seconds(when.as_second() + i64::from(offset.seconds()));
                    offset_seconds = i64::from(offset.seconds());
                    adjustment = self.clock.next_adjustment(when);
                    when
                }
                _ => {
                    wall = next;
                    instant
                }
            };
            let period = self.index_on_wall(wall);
            if period != current {
                return Some((instant, self.name(period)));
            }
        }
        None
    }

    /// The timetable from `from` until `until`: the period at `from`, then every change before `until` with the period
    /// that begins there. Empty where `until` is not after `from`.
    pub fn changes(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, &str)> {
        let first = (from < until).then(|| (from, self.period_at(from)));
        iter::successors(first, move |&(at, _)| self.next_change(at).filter(|&(next, _)| next < until))
    }

    fn index_on_wall(&self, wall: Wall) -> u16 {
        // Dates have the lowest rank of all.
        self.dated.at(wall).or_else(|| self.weekly.at(wall)).unwrap_or(self.otherwise)
    }

    /// The next reading of the wall clock at which a range may begin or end; midnight is always one.
    fn next_edge(&self, wall: Wall) -> Wall {
        let edge = [self.dated.next_edge(wall), self.weekly.next_edge(wall)].into_iter().flatten().min();
        edge.map_or(Wall { day: wall.day.plus(1), minute: 0 }, |minute| Wall { minute, ..wall })
    }

    fn name(&self, index: u16) -> &str {
        self.names.get(usize::from(index)).map_or("", String::as_str)
    }
}
