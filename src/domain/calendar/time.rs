//! Minutes of the civil day and numbered civil days: the units in which ranges of a timetable are compared.
//!
//! Both are plain integers, so that the question "which period?" needs no date arithmetic at the time of a call.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, date};

/// Minutes of a civil day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// A minute of the civil day, 0 (`00:00`) to 1440 (`24:00`, the end of the day).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilMinute(u16);

/// Text that is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time of day: two digits each for hour and minute are needed, \"00:00\" to \"24:00\"")]
pub struct ParseTimeOfDayError(String);

impl CivilMinute {
    /// `24:00`, the end of the day.
    pub const DAY_END: Self = Self(DAY_MINUTES);

    /// Minutes since the day began, 0 to 1440.
    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// The minute of the day in which a count of minutes falls, whole days left out.
    pub const fn of_minutes(minutes: u16) -> Self {
        Self(minutes % DAY_MINUTES)
    }
}

impl fmt::Display for CivilMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for CivilMinute {
    type Err = ParseTimeOfDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_time_of_day(text)
    }
}

/// Reads a time of day, `00:00` to `24:00`, always five characters.
pub fn parse_time_of_day(text: &str) -> Result<CivilMinute, ParseTimeOfDayError> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let read = || {
        let [h1, h2, b':', m1, m2] = *text.as_bytes() else { return None };
        let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
        let minutes = hour * 60 + minute;
        (minute < 60 && minutes <= DAY_MINUTES).then_some(CivilMinute(minutes))
    };
    read().ok_or_else(|| ParseTimeOfDayError(text.chars().take(20).collect()))
}

/// A civil day by its number: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilDay(pub i32);

impl CivilDay {
    const EPOCH: Date = date(1970, 1, 1);

    /// Before every day of which a calendar or schedule speaks.
    pub const FIRST: Self = Self(i32::MIN / 2);

    /// The number of `date`.
    pub fn of(date: Date) -> Self {
        let days = date.duration_since(Self::EPOCH).as_secs() / 86_400;
        Self(i32::try_from(days).unwrap_or(0))
    }

    /// The date, where the proleptic calendar of `jiff` (years -9999 to 9999) has one.
    pub fn date(self) -> Option<Date> {
        Self::EPOCH.checked_add(SignedDuration::from_hours(i64::from(self.0) * 24)).ok()
    }

    /// The day `days` later, or earlier where negative.
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// 0 for Monday to 6 for Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        u8::try_from((self.0 + 3).rem_euclid(7)).unwrap_or(0)
    }
}

/// A wall clock's reading to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall {
    pub day: CivilDay,
    /// 0 to 1439
    pub minute: u16,
}

impl Wall {
    /// The reading `seconds` after 1970-01-01T00:00 on the same wall; parts of a minute are dropped.
    pub fn of_seconds(seconds: i64) -> Self {
        let minutes = seconds.div_euclid(60);
        let day = minutes.div_euclid(i64::from(DAY_MINUTES));
        let minute = minutes.rem_euclid(i64::from(DAY_MINUTES));
        // Both fit: instants end with the year 9999.
        Self { day: CivilDay(i32::try_from(day).unwrap_or(0)), minute: u16::try_from(minute).unwrap_or(0) }
    }

    /// Seconds since 1970-01-01T00:00 on the same wall.
    pub fn seconds(self) -> i64 {
        (i64::from(self.day.0) * i64::from(DAY_MINUTES) + i64::from(self.minute)) * 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_and_written_alike() {
        for (text, minutes) in [("00:00", 0), ("09:07", 547), ("23:59", 1439), ("24:00", 1440)] {
            let minute = parse_time_of_day(text).unwrap();
            assert_eq!((minute.minutes(), minute.to_string().as_str()), (minutes, text));
        }
    }

    #[test]
    fn other_texts_are_no_time_of_day() {
        for text in ["", "9:00", "09:60", "24:01", "25:00", "09.00", "09:00:00", "+9:00", "0９:00", "09:0a", " 9:00"] {
            let error = parse_time_of_day(text).unwrap_err().to_string();
            assert!(error.contains("\"00:00\" to \"24:00\""), "{text:?}: {error}");
        }
    }

    #[test]
    fn numbered_days_agree_with_the_civil_calendar() {
        for day in (-800_000..800_000).step_by(997).map(CivilDay) {
            let date = day.date().unwrap();
            assert_eq!(CivilDay::of(date), day);
            assert_eq!(i16::from(day.weekday()), i16::from(date.weekday().to_monday_zero_offset()), "{date}");
        }
    }

    #[test]
    fn a_wall_reading_before_1970_is_floored() {
        let wall = Wall::of_seconds(-1);
        assert_eq!(wall, Wall { day: CivilDay(-1), minute: 1439 });
        assert_eq!(wall.seconds(), -60);
    }
}
