//! What somebody should look at, in the log: as much of it as can be read.

use std::time::{Duration, Instant};

use crate::domain::digest::Digest;

/// Alerts told in one [`WINDOW`]; the next ones are counted.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);

/// Bounds what a broken switch can write into the log.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    window_began: Option<Instant>,
    told: u32,
    hushed: u64,
}

impl Alerts {
    /// A record came again with other content. Names no phone number; the call id stays out of the log as well, since
    /// some switches write numbers into it.
    pub(super) fn conflict(&mut self, source: &str, call: &Digest, leg: u32) {
        let Some(hushed) = self.turn(Instant::now()) else { return };
        tracing::warn!(
            source,
            call_digest = call.short(),
            leg,
            not_told_before = hushed,
            "a record came again with other content: the second is kept and charges nothing"
        );
    }

    /// Whether one more may be told now, and how many were not since the last that was.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        if self.window_began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            self.window_began = Some(now);
            self.told = 0;
        }
        if self.told >= MOST {
            self.hushed += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.hushed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_by_its_first_lines_and_a_count() {
        let (mut alerts, start) = (Alerts::default(), Instant::now());
        let told = (0..100).filter(|_| alerts.turn(start).is_some()).count();
        assert_eq!(told, 10);
        assert_eq!(alerts.turn(start + WINDOW), Some(90));
        assert_eq!(alerts.turn(start + WINDOW), Some(0));
    }
}
