//! The natural month (自然月), the unit in which usage is counted and statements are written.
//!
//! A month has no zone of its own; the zone of the tariff says at which instant it begins.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A month of the civil calendar, written `2026-11`.
///
/// ```
/// use fourhundred::domain::calendar::{Month, parse_zone};
///
/// let month: Month = "2026-02".parse().unwrap();
/// assert_eq!(month.days(), 28);
/// assert_eq!(month.next().to_string(), "2026-03");
/// assert_eq!(month.first_instant(&parse_zone("Asia/Shanghai").unwrap()).to_string(), "2026-01-31T16:00:00Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(
    /// Its first day.
    Date,
);

/// Text that is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a month: year and month are needed, such as 2026-11")]
pub struct ParseMonthError(String);

impl Month {
    /// The month of that year and number, 1 to 12.
    pub fn new(year: i16, month: i8) -> Option<Self> {
        Date::new(year, month, 1).ok().map(Self)
    }

    /// The month in which `date` lies.
    pub fn of_date(date: Date) -> Self {
        Self(date.first_of_month())
    }

    /// The month that a wall calendar in `zone` shows at `at`.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        Self::of_date(zone.to_datetime(at).date())
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        self.0
    }

    /// Its last day.
    pub fn last_day(self) -> Date {
        self.0.last_of_month()
    }

    /// How many days it has, 28 to 31.
    pub fn days(self) -> i8 {
        self.0.days_in_month()
    }

    /// The first instant that `zone` counts to this month: its midnight, the earlier one where there are two, and the
    /// next instant that exists where there is none.
    pub fn first_instant(self, zone: &TimeZone) -> Timestamp {
        let midnight = zone.to_ambiguous_timestamp(self.0.to_datetime(Time::midnight()));
        let clamped = |found: Result<Timestamp, jiff::Error>| {
            found.unwrap_or(if self.0.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
        };
        match midnight.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => clamped(midnight.earlier()),
            AmbiguousOffset::Gap { .. } => {
                // The clock jumps over midnight: its two readings lie on either side of the jump, or on it.
                let jump = zone.following(clamped(midnight.earlier())).next();
                jump.map_or_else(|| clamped(midnight.later()), |jump| jump.timestamp())
            }
        }
    }

    /// The month after; 9999-12 is the last.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.checked_add(1.month()).map_or(self, Self)
    }

    /// The month before; -9999-01 is the first.
    #[must_use]
    pub fn previous(self) -> Self {
        self.0.checked_sub(1.month()).map_or(self, Self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Month {
    type Err = ParseMonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (year, month) = text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(year) || !digits(month) {
                return None;
            }
            Self::new(year.parse().ok()?, month.parse().ok()?)
        };
        read().ok_or_else(|| ParseMonthError(text.chars().take(20).collect()))
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_read_and_written_alike() {
        assert_eq!(serde_json::to_string(&month("2026-11")).unwrap(), "\"2026-11\"");
        assert_eq!(serde_json::from_str::<Month>("\"2026-11\"").unwrap(), month("2026-11"));
        for text in ["2026-13", "2026-00", "2026-1", "26-11", "2026/11", "2026-11-01", "+026-11", "", "２026-11"] {
            assert!(text.parse::<Month>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn years_end_with_december() {
        assert_eq!(month("2026-12").next(), month("2027-01"));
        assert_eq!(month("2027-01").previous(), month("2026-12"));
        assert!(month("2026-12") < month("2027-01"));
        assert_eq!((month("2028-02").days(), month("2026-02").days(), month("2026-04").days()), (29, 28, 30));
    }

    #[test]
    fn a_month_begins_at_midnight_of_its_zone() {
        let shanghai = parse_zone(DEFAULT_ZONE).unwrap();
        let first = month("2026-11").first_instant(&shanghai);
        assert_eq!(first.to_string(), "2026-10-31T16:00:00Z");
        assert_eq!(Month::of(first, &shanghai), month("2026-11"));
        assert_eq!(Month::of(first - 1.nanosecond(), &shanghai), month("2026-10"));
    }

    #[test]
    fn a_month_whose_midnight_never_occurs_begins_at_the_next_instant_that_exists() {
        // Asuncion jumped from 24:00 on 30 September 2017 to 01:00.
        let asuncion = parse_zone("America/Asuncion").unwrap();
        assert_eq!(month("2017-10").first_instant(&asuncion).to_string(), "2017-10-01T04:00:00Z");
        // A zone that jumps from 23:30 on 31 March to 00:30.
        let jumping = TimeZone::posix("AAA0BBB,J90/23:30,J300/2").unwrap();
        assert_eq!(month("2026-04").first_instant(&jumping).to_string(), "2026-03-31T23:30:00Z");
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_month_and_not_before_its_first_instant(
            name in prop::sample::select(vec!["Asia/Shanghai", "Europe/Berlin", "America/Asuncion"]),
            second in 0_i64..4_000_000_000,
        ) {
            let (at, zone) = (Timestamp::from_second(second).unwrap(), parse_zone(name).unwrap());
            let month = Month::of(at, &zone);
            prop_assert!(month.first_instant(&zone) <= at);
            prop_assert!(at < month.next().first_instant(&zone));
            prop_assert_eq!(month.next().previous(), month);
            prop_assert_eq!(month.to_string().parse::<Month>().unwrap(), month);
        }
    }
}
