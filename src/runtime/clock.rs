//! The clock that servers read: the system's, or one that runs some span before or behind it.
//!
//! Domain code takes instants as arguments; what calls it takes them from here, so that a demonstration or a test can
//! stand at a month's end without waiting for one. Production runs with no offset.

use jiff::{SignedDuration, Timestamp};

/// A source of the current instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// The system's clock.
    pub const SYSTEM: Self = Self { offset: SignedDuration::ZERO };

    /// The system's clock moved by `offset`; for tests and demonstrations only.
    #[must_use]
    pub fn moved_by(offset: SignedDuration) -> Self {
        Self { offset }
    }

    /// A clock that now shows `instant` and runs on from there; for tests and demonstrations only.
    #[must_use]
    pub fn showing(instant: Timestamp) -> Self {
        Self { offset: instant.duration_since(Timestamp::now()) }
    }

    /// The current instant. An offset that leaves the calendar's range stands still at its edge.
    #[must_use]
    pub fn now(self) -> Timestamp {
        Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_clock_shows_the_asked_instant_and_runs_on() {
        let asked: Timestamp = "2031-02-28T23:59:59+08:00".parse().unwrap();
        let clock = Clock::showing(asked);
        let first = clock.now();
        assert!(first >= asked && first.duration_since(asked) < SignedDuration::from_secs(60));
        assert!(clock.now() >= first);
    }

    #[test]
    fn an_offset_beyond_the_calendar_stands_at_its_edge() {
        assert_eq!(Clock::moved_by(SignedDuration::MAX).now(), Timestamp::MAX);
    }
}
