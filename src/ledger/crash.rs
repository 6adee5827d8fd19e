//! Named points at which a test may kill the process, to prove that no acknowledged record is lost or billed twice.
//!
//! Production passes [`CrashPoints::none`], which costs one comparison per transaction. An armed handle aborts without
//! unwinding, so nothing gets a chance to tidy up: to the database it is a power cut of the process.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A step of the booking transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Records are inserted, their charges and totals are not.
    AfterInsert,
    /// Everything is written, nothing is committed.
    BeforeCommit,
    /// The transaction is durable, nobody has been told.
    AfterCommitBeforeAnswer,
}

impl CrashPoint {
    const ALL: [Self; 3] = [Self::AfterInsert, Self::BeforeCommit, Self::AfterCommitBeforeAnswer];

    fn name(self) -> &'static str {
        match self {
            Self::AfterInsert => "after-insert",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommitBeforeAnswer => "after-commit-before-answer",
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a crash point: after-insert, before-commit or after-commit-before-answer, with an optional count such as before-commit:3"
)]
pub struct ParseCrashPointsError(String);

/// Which point is armed, if any.
#[derive(Debug, Clone, Default)]
pub struct CrashPoints(Option<Arc<Armed>>);

#[derive(Debug)]
struct Armed {
    point: CrashPoint,
    passes_left: AtomicU32,
}

impl CrashPoints {
    /// No point is armed.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// The process aborts when `point` is reached for the `nth` time, counted from 1.
    #[must_use]
    pub fn armed(point: CrashPoint, nth: u32) -> Self {
        Self(Some(Arc::new(Armed { point, passes_left: AtomicU32::new(nth.max(1)) })))
    }

    pub(crate) fn pass(&self, point: CrashPoint) {
        if self.is_due(point) {
            std::process::abort();
        }
    }

    fn is_due(&self, point: CrashPoint) -> bool {
        self.0
            .as_ref()
            .is_some_and(|armed| armed.point == point && armed.passes_left.fetch_sub(1, Ordering::Relaxed) == 1)
    }
}

impl FromStr for CrashPoints {
    type Err = ParseCrashPointsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseCrashPointsError(text.chars().take(60).collect());
        let (name, nth) = match text.split_once(':') {
            Some((name, nth)) => (name, nth.parse().map_err(|_| wrong())?),
            None => (text, 1),
        };
        let point = CrashPoint::ALL.into_iter().find(|point| point.name() == name).ok_or_else(wrong)?;
        Ok(Self::armed(point, nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_point_is_due_at_its_count_only() {
        let points: CrashPoints = "before-commit:3".parse().unwrap();
        assert!(!points.is_due(CrashPoint::AfterInsert));
        let due: Vec<bool> = (0..4).map(|_| points.is_due(CrashPoint::BeforeCommit)).collect();
        assert_eq!(due, [false, false, true, false]);
    }

    #[test]
    fn no_point_is_due_in_production() {
        assert!(CrashPoint::ALL.into_iter().all(|point| !CrashPoints::none().is_due(point)));
    }

    #[test]
    fn a_wrong_name_is_told() {
        let error = "before-lunch".parse::<CrashPoints>().unwrap_err();
        assert!(error.to_string().starts_with("\"before-lunch\" is not a crash point: after-insert"));
        assert!("after-insert:x".parse::<CrashPoints>().is_err());
    }
}
