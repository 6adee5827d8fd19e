//! Time zones by IANA name, from the bundled database, and a clock that answers fast where a zone has settled.
//!
//! Asia/Shanghai has kept one offset since 1991, as have most zones without clock changes: from its last change on, a
//! clock adds a constant instead of searching the zone's transitions. The answers are the same.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::time::Wall;

/// The zone of schedules and tariffs that name none.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// The longest IANA name has 32 characters.
const MAX_ZONE_NAME: usize = 64;

/// Text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time zone: a name of the IANA database is needed, such as Asia/Shanghai")]
pub struct ParseZoneError(String);

/// The zone of that IANA name. Offsets (`+08:00`) and POSIX strings are refused: they say nothing of clock changes.
pub fn parse_zone(name: &str) -> Result<TimeZone, ParseZoneError> {
    let wrong = || ParseZoneError(name.chars().take(MAX_ZONE_NAME).collect());
    if name.is_empty() || name.len() > MAX_ZONE_NAME {
        return Err(wrong());
    }
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown()).ok_or_else(wrong)
}

/// A wall clock in a zone.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
    /// From this instant on the offset is `settled`, for ever.
    settled_from: Timestamp,
    settled: Offset,
}

impl Clock {
    pub fn new(zone: TimeZone) -> Self {
        let last_change = zone.preceding(Timestamp::MAX).next().map(|change| (change.timestamp(), change.offset()));
        let (settled_from, settled) = last_change.unwrap_or_else(|| (Timestamp::MIN, zone.to_offset(Timestamp::MIN)));
        Self { zone, settled_from, settled }
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub fn offset(&self, at: Timestamp) -> Offset {
        if at >= self.settled_from { self.settled } else { self.zone.to_offset(at) }
    }

    pub fn date_time(&self, at: Timestamp) -> DateTime {
        self.offset(at).to_datetime(at)
    }

    pub fn wall(&self, at: Timestamp) -> Wall {
        Wall::of_seconds(floor_second(at) + i64::from(self.offset(at).seconds()))
    }

    /// The first instant after `at` at which the clock is changed, and the offset from then on.
    pub fn next_adjustment(&self, at: Timestamp) -> Option<(Timestamp, Offset)> {
        if at >= self.settled_from {
            return None;
        }
        self.zone.following(at).next().map(|change| (change.timestamp(), change.offset()))
    }
}

/// Seconds since 1970, rounded down; `Timestamp::as_second` rounds towards zero.
fn floor_second(at: Timestamp) -> i64 {
    at.as_second() - i64::from(at.subsec_nanosecond() < 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zone_is_an_iana_name() {
        for name in [DEFAULT_ZONE, "Europe/Berlin", "Asia/Urumqi", "UTC"] {
            assert_eq!(parse_zone(name).unwrap().iana_name(), Some(name));
        }
        for name in ["", "+08:00", "Asia/Peking", "CST-8", "Etc/Unknown", &"Asia/Shanghai".repeat(9)] {
            assert!(parse_zone(name).unwrap_err().to_string().contains("such as Asia/Shanghai"), "{name:?}");
        }
    }

    #[test]
    fn shanghai_is_settled_and_berlin_is_not() {
        let at: Timestamp = "2026-10-10T01:00:00Z".parse().unwrap();
        assert_eq!(Clock::new(parse_zone(DEFAULT_ZONE).unwrap()).next_adjustment(at), None);
        let (when, offset) = Clock::new(parse_zone("Europe/Berlin").unwrap()).next_adjustment(at).unwrap();
        assert_eq!((when.to_string().as_str(), offset.seconds()), ("2026-10-25T01:00:00Z", 3600));
    }

    proptest! {
        #[test]
        fn a_clock_reads_what_its_zone_says(
            name in prop::sample::select(vec!["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
            second in -4_000_000_000_i64..20_000_000_000,
            nanosecond in 0..1_000_000_000_i32,
        ) {
            let at = Timestamp::new(second, nanosecond).unwrap();
            let zone = parse_zone(name).unwrap();
            let clock = Clock::new(zone.clone());
            let expected = zone.to_datetime(at);
            prop_assert_eq!(clock.date_time(at), expected);
            let wall = clock.wall(at);
            prop_assert_eq!(wall.day.date(), Some(expected.date()));
            prop_assert_eq!(i32::from(wall.minute), i32::from(expected.hour()) * 60 + i32::from(expected.minute()));
        }
    }
}
