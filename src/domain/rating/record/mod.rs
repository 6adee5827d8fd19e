//! Call records (话单) in the neutral form: text from a switch, bounded and checked, then a value that rating trusts.
//!
//! The form is closed: an unknown member is refused, because a misspelt `answeredAt` would make a call free. Instants
//! need an offset and count by whole milliseconds (what is finer is cut off), so the same instant written in another
//! zone is the same record. Sentences of refusals never show a phone number: they travel back to the sender and may
//! reach a log.

mod check;
pub mod native;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::charge::DistanceClass;
use crate::domain::digest::Digest;
use crate::domain::numbering::{Area, Caller, FourHundred, NationalNumber};

/// Longest JSON text of one record, in bytes.
pub const LONGEST_LINE: usize = 8 * 1024;
/// One record as it is handed over: JSON, camelCase, members in any order.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NeutralRecord {
    /// Name of the switch: 1 to 63 letters, digits, `-`, `_`, `.`.
    pub source: String,
    /// 1 to 256 visible ASCII characters.
    pub call_id: String,
    /// 0 is the caller's leg; from 1 on attempts towards destinations. At most 4294967295.
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
    pub source: Arc<str>,
    pub call_id: Arc<str>,
    pub leg: u32,
}

/// A record that holds together. Instants are whole milliseconds.
#[derive(Clone, PartialEq, Eq)]
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
    DestinationMissing(u32),
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

/// Without the phone numbers: what is printed may reach a log.
impl fmt::Debug for NeutralRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, call_id, leg, number, outcome, .. } = self;
        write!(f, "NeutralRecord({source}/{call_id}/{leg} of {number}, {outcome})")
    }
}

/// Without the phone numbers: what is printed may reach a log.
impl fmt::Debug for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity: RecordIdentity { source, call_id, leg }, number, outcome, .. } = self;
        write!(f, "CallRecord({source}/{call_id}/{leg} of {number}, {outcome})")
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

#[cfg(test)]
mod tests {
    use super::super::fixtures::neutral;
    use super::*;

    const CONTRACT: &str = r#"{"source":"fs-1","callId":"a84b4c76e66710","leg":1,"number":"4001000868",
        "caller":"13900002222","destination":"075566660002","startedAt":"2026-11-23T10:00:00.000+08:00",
        "platformAnsweredAt":null,"answeredAt":"2026-11-23T10:00:07.200+08:00",
        "endedAt":"2026-11-23T10:02:11.000+08:00","outcome":"Answered","cause":16}"#;

    type Change = fn(&mut NeutralRecord);

    fn refusal(change: Change) -> String {
        let mut record = neutral("r", 1);
        change(&mut record);
        CallRecord::parse(&record).unwrap_err().to_string()
    }

    #[test]
    fn the_contracts_record_is_read() {
        let record = CallRecord::from_json(CONTRACT.as_bytes()).unwrap();
        assert_eq!((record.identity().call_id.as_ref(), record.identity().leg), ("a84b4c76e66710", 1));
        assert_eq!(record.number().to_string(), "4001000868");
        assert_eq!(record.destination().unwrap().as_str(), "075566660002");
        assert_eq!(record.answered_at().unwrap().to_string(), "2026-11-23T02:00:07.2Z");
        assert_eq!((record.outcome(), record.cause()), (Outcome::Answered, Some(16)));
    }

    #[test]
    fn instants_out_of_order_are_refused_by_name() {
        for (sentence, change) in [
            ("endedAt is before answeredAt", (|r| r.ended_at = "2026-11-23T10:00:07.199+08:00".into()) as Change),
            ("endedAt is before startedAt", |r| r.ended_at = "2026-11-23T01:59:59.999Z".into()),
            ("answeredAt is before startedAt", |r| r.answered_at = Some("2026-11-23T09:59:59+08:00".into())),
            ("endedAt is before platformAnsweredAt", |r| {
                r.platform_answered_at = Some("2026-11-23T10:02:12+08:00".into());
            }),
            ("platformAnsweredAt is before startedAt", |r| {
                (r.leg, r.destination) = (0, None);
                r.platform_answered_at = Some("2026-11-23T09:59:58+08:00".into());
            }),
            ("the leg lasted more than 30 days", |r| r.ended_at = "2026-12-23T10:00:00.001+08:00".into()),
        ] {
            assert_eq!(refusal(change), sentence);
        }
    }

    #[test]
    fn a_leg_after_a_menu_may_begin_after_the_platforms_answer() {
        let mut record = neutral("menu", 2);
        record.platform_answered_at = Some("2026-11-23T09:59:20+08:00".to_owned());
        assert!(CallRecord::parse(&record).is_ok());
    }

    #[test]
    fn distance_is_the_callers_area_against_the_destinations() {
        for (caller, destination, class) in [
            (Some("0755 2222 3333"), "0755-6666 0002", DistanceClass::Local),
            (Some("13800138000"), "010-8888 0001", DistanceClass::Local),
            (Some("13800138000"), "0755-6666 0002", DistanceClass::LongDistance),
            (Some("95588"), "0755-6666 0002", DistanceClass::Unknown),
            (None, "0755-6666 0002", DistanceClass::Unknown),
            (Some("anonymous"), "0755-6666 0002", DistanceClass::Unknown),
            (Some("13800138000"), "10086", DistanceClass::Unknown),
        ] {
            let mut record = neutral("d", 1);
            (record.caller, record.destination) = (caller.map(str::to_owned), Some(destination.to_owned()));
            assert_eq!(CallRecord::parse(&record).unwrap().distance(), class, "{caller:?} to {destination}");
        }
        let mut callers_leg = neutral("d", 0);
        callers_leg.caller = Some("13800138000".to_owned());
        assert_eq!(CallRecord::parse(&callers_leg).unwrap().distance(), DistanceClass::Unknown);
    }

    #[test]
    fn what_is_printed_shows_no_phone_number() {
        let written = neutral("p", 1);
        let printed = format!("{written:?} {:?}", CallRecord::parse(&written).unwrap());
        assert!(printed.contains("fs-1/p/1 of 4001000868, Answered"), "{printed}");
        assert!(!printed.contains("2222") && !printed.contains("0002"), "{printed}");
    }

    #[test]
    fn an_outcome_that_disagrees_with_the_answer_is_refused() {
        assert_eq!(refusal(|r| r.answered_at = None), "outcome is Answered, but answeredAt is null");
        let sentence = "outcome is Busy, but answeredAt is set: an answered leg is Answered";
        assert_eq!(refusal(|r| r.outcome = Outcome::Busy), sentence);
    }

    #[test]
    fn each_member_has_its_bound() {
        for (start, change) in [
            ("source must be", (|r| r.source = "fs 1".into()) as Change),
            ("callId must be", |r| r.call_id = "c".repeat(257)),
            ("callId must be", |r| r.call_id = "a\nb".into()),
            ("leg must be 0 to 4294967295", |r| r.leg = 1 << 32),
            ("leg must be 0 to 4294967295", |r| r.leg = -1),
            ("number is not", |r| r.number = "13900002222".into()),
            ("caller must be", |r| r.caller = Some("1".repeat(65))),
            ("destination must be a phone", |r| r.destination = Some("reception".into())),
            ("destination is missing: leg 1", |r| r.destination = None),
            ("destination must be null", |r| r.leg = 0),
            ("cause must be", |r| r.cause = Some(1000)),
            ("decision must be", |r| r.decision = Some("d".repeat(257))),
            ("endedAt is not an instant", |r| r.ended_at = "2026-11-23T10:02:11".into()),
            ("startedAt is not an instant", |r| r.started_at = "2026-11-23T10:00:00+08:00[Asia/Shanghai]".into()),
        ] {
            let sentence = refusal(change);
            assert!(sentence.starts_with(start), "{sentence:?} for {start:?}");
        }
    }

    #[test]
    fn a_misspelt_member_is_refused_and_no_value_is_repeated() {
        let misspelt = CONTRACT.replace("answeredAt\":\"", "anweredAt\":\"");
        let sentence = CallRecord::from_json(misspelt.as_bytes()).unwrap_err().to_string();
        assert!(sentence.contains("unknown field `anweredAt`"), "{sentence}");
        let wrong_type = CONTRACT.replace("\"leg\":1", "\"leg\":\"13900002222\"");
        let sentence = CallRecord::from_json(wrong_type.as_bytes()).unwrap_err().to_string();
        assert!(sentence.contains("wrong type") && !sentence.contains("139"), "{sentence}");
        let long = format!("{CONTRACT}{}", " ".repeat(LONGEST_LINE));
        assert!(matches!(CallRecord::from_json(long.as_bytes()), Err(RecordError::Length(_))));
    }

    #[test]
    fn the_same_content_written_otherwise_has_the_same_hash() {
        let first = CallRecord::from_json(CONTRACT.as_bytes()).unwrap();
        let otherwise = CONTRACT
            .replace("2026-11-23T10:02:11.000+08:00", "2026-11-23T02:02:11.0009Z")
            .replace("\"caller\":\"13900002222\"", "\"caller\":\"139 0000-2222\"")
            .replace("\"platformAnsweredAt\":null,", "");
        assert_eq!(CallRecord::from_json(otherwise.as_bytes()).unwrap().content_hash(), first.content_hash());
    }

    #[test]
    fn any_other_content_has_another_hash() {
        let first = CallRecord::from_json(CONTRACT.as_bytes()).unwrap().content_hash();
        for (was, is) in [
            ("\"cause\":16", "\"cause\":17"),
            ("02:11.000", "02:11.001"),
            ("\"platformAnsweredAt\":null", "\"platformAnsweredAt\":\"2026-11-23T10:00:01+08:00\""),
            ("13900002222", "13900002223"),
            ("075566660002", "075566660003"),
            ("4001000868", "4001000869"),
            ("\"cause\":16", "\"cause\":16,\"decision\":\"6f1c:night\""),
        ] {
            let other = CallRecord::from_json(CONTRACT.replace(was, is).as_bytes()).unwrap();
            assert_ne!(other.content_hash(), first, "{is}");
        }
    }
}
