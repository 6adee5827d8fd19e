//! Civil time: statutory days off and make-up days, timetables, months, zones. Pure.
//!
//! A [`Calendar`] says what kind a civil day is, a [`Schedule`] turns an instant into the name of a period. Both are
//! compiled once from their documents in [`crate::domain::routing::document`]; routing asks a schedule at every call
//! and rating asks for [`Month`]s. Nothing here reads a clock or a file: instants and zones are arguments and the time
//! zone database is the bundled one.

mod holidays;
mod month;
mod schedule;
mod time;
mod zone;

pub use holidays::{Calendar, CalendarError, DayKind};
pub use month::{Month, ParseMonthError};
pub use schedule::{MAX_PERIODS, MAX_RANGES, Schedule, ScheduleError};
pub use time::{CivilMinute, ParseTimeOfDayError, parse_time_of_day};
pub use zone::{DEFAULT_ZONE, ParseZoneError, parse_zone};

/// Years of which a calendar or a schedule may speak. The bound keeps every table small and every search finite.
pub const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;
