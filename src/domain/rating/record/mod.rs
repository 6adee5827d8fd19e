//! Call records (话单) in the neutral form: text from a switch, bounded and checked, then a value that rating trusts.
//!
//! The form is closed: an unknown member is refused, because a misspelt `answeredAt` would make a call free. Instants
//! need an offset and count by whole milliseconds (what is finer is cut off), so the same instant written in another
//! zone is the same record. Sentences of refusals never show a phone number: they travel back to the sender and may
//! reach a log.

mod check;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::charge::DistanceClass;
use super::stand_in::{Area, Caller, FourHundred, NationalNumber};
use crate::domain::digest::Digest;

/// Longest JSON text of one record, in bytes.
pub const LONGEST_LINE: usize = 8 * 1024;
/// One record as it is handed over: JSON, camelCase, members in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NeutralRecord {
    /// Name of the switch: 1 to 63 letters, digits, `-`, `_`, `.`.
    pub source: String,
    /// 1 to 256 visible ASCII characters.
    pub call_id: String,
    /// 0 is the caller's leg; from 1 on attempts towards destinations. At most 99.
    pub leg: i64,
    /// The 400 number.
    pub number: String,
    /// The caller as the network gave it; absent or null when withheld.
    #[serde(default)]
    pub caller: Option<String>,
    /// Whom the leg went to; null on leg 0.
    #[serde(default)]
    pub destination: Option<String>,
    pub started_at: String,
    /// When the platform itself answered (menu, recording, mailbox).
    #[serde(default)]
    pub platform_answered_at: Option<String>,
    #[serde(default)]
    pub answered_at: Option<String>,
    pub ended_at: String,
    pub outcome: Outcome,
    /// Release cause, Q.850 or the switch's own, 0 to 999.
    #[serde(default)]
    pub cause: Option<i64>,
    /// Echo of the routing decision: stored, never priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    Answered,
    Busy,
    NoAnswer,
    Rejected,
    #[default]
    Failed,
    /// The caller hung up first.
    Abandoned,
    /// The platform refused the call.
    Refused,
}

/// What makes a record the same record: it is billed once under this name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordIdentity {
    pub source: String,
    pub call_id: String,
    pub leg: u8,
}

/// A record that holds together. Instants are whole milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    identity: RecordIdentity,
    number: FourHundred,
    caller: Caller,
    destination: Option<Caller>,
    started_at: Timestamp,
    platform_answered_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    ended_at: Timestamp,
    outcome: Outcome,
    cause: Option<u16>,
    decision: Option<String>,
}

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record has {0} bytes, at most {LONGEST_LINE} are read")]
    Length(usize),
    #[error("not a call record: {0}")]
    Json(String),
    #[error("{field} must be {needed}")]
    Field { field: &'static str, needed: &'static str },
    #[error("number is not a 400 number: ten digits starting with 400 are needed, such as 4001000868")]
    Number,
    #[error("destination is missing: leg {0} is an attempt towards one")]
    DestinationMissing(u8),
    #[error("destination must be null on leg 0, the caller's leg")]
    DestinationOnCallersLeg,
    #[error("{0} is not an instant: RFC 3339 with an offset is needed, such as 2026-11-23T10:00:00.000+08:00")]
    Instant(&'static str),
    #[error("{later} is before {earlier}")]
    Order { earlier: &'static str, later: &'static str },
    #[error("the leg lasted more than 30 days")]
    Duration,
    #[error("outcome is Answered, but answeredAt is null")]
    AnsweredWithoutAnswer,
    #[error("outcome is {0}, but answeredAt is set: an answered leg is Answered")]
    AnswerWithoutAnswered(Outcome),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl NeutralRecord {
    /// Reads one record's JSON text.
    pub fn from_json(text: &[u8]) -> Result<Self, RecordError> {
        check::read(text)
    }
}

impl CallRecord {
    /// Checks a record.
    pub fn parse(record: &NeutralRecord) -> Result<Self, RecordError> {
        check::check(record)
    }

    /// Reads and checks one record's JSON text.
    pub fn from_json(text: &[u8]) -> Result<Self, RecordError> {
        check::check(&check::read(text)?)
    }

    /// SHA-256 of what the record says, however it was written: two records of one identity are duplicates if their
    /// hashes agree, else in conflict. Its input is part of the ledger's format.
    pub fn content_hash(&self) -> Digest {
        check::content_hash(self)
    }

    /// The leg's distance class by the areas that the numbers give today; unknown on leg 0.
    pub fn distance(&self) -> DistanceClass {
        DistanceClass::between(self.caller_area(), self.destination_area())
    }

    /// Who sent it and which leg it is.
    pub fn identity(&self) -> &RecordIdentity {
        &self.identity
    }

    /// The 400 number.
    pub fn number(&self) -> FourHundred {
        self.number
    }

    /// The caller; without a number when withheld.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// National form of whom the leg went to; `None` on leg 0.
    pub fn destination(&self) -> Option<NationalNumber> {
        self.destination.and_then(|destination| destination.number())
    }

    /// Area of the caller.
    pub fn caller_area(&self) -> Area {
        self.caller.area()
    }

    /// Area of whom the leg went to; unknown on leg 0.
    pub fn destination_area(&self) -> Area {
        self.destination.map_or(Area::Unknown, |destination| destination.area())
    }

    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub fn platform_answered_at(&self) -> Option<Timestamp> {
        self.platform_answered_at
    }

    pub fn answered_at(&self) -> Option<Timestamp> {
        self.answered_at
    }

    pub fn ended_at(&self) -> Timestamp {
        self.ended_at
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub fn cause(&self) -> Option<u16> {
        self.cause
    }

    pub fn decision(&self) -> Option<&str> {
        self.decision.as_deref()
    }
}
