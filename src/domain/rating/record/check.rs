//! From a neutral record's text to a record: bounds, order of instants, outcome; and the hash of what it says.

use jiff::Timestamp;
use serde::Serialize;

use super::{CallRecord, LONGEST_LINE, NeutralRecord, Outcome, RecordError, RecordIdentity};
use crate::domain::digest::Digest;
use crate::domain::numbering::{Caller, NationalNumber};

/// Longest name of a source.
const SOURCE_CHARS: usize = 63;
/// Longest call id.
const CALL_ID_CHARS: usize = 256;
/// Longest phone number as written.
const PHONE_CHARS: usize = 64;
/// Longest instant as written.
const INSTANT_CHARS: usize = 64;
/// Longest echo of a routing decision.
const DECISION_CHARS: usize = 256;
/// Highest cause: Q.850 ends at 127, switches put their own above it.
const HIGHEST_CAUSE: i64 = 999;
/// A longer call is a broken clock.
const LONGEST_CALL_MILLISECONDS: i64 = 30 * 24 * 3600 * 1000;

/// Reads JSON. What serde says of a value may quote it, so only sentences about members' names are passed on.
pub(super) fn read(text: &[u8]) -> Result<NeutralRecord, RecordError> {
    if text.len() > LONGEST_LINE {
        return Err(RecordError::Length(text.len()));
    }
    serde_json::from_slice(text).map_err(|error| {
        let sentence = error.to_string();
        let about_names = ["missing field", "unknown field", "duplicate field"];
        if error.is_data() && about_names.iter().any(|start| sentence.starts_with(start)) {
            RecordError::Json(shortened(&sentence))
        } else if error.is_data() {
            RecordError::Json(format!("the member that ends at column {} has the wrong type", error.column()))
        } else {
            RecordError::Json(format!("no JSON object, seen at column {}", error.column()))
        }
    })
}

fn shortened(sentence: &str) -> String {
    sentence.chars().take(120).collect()
}

/// Checks a record.
pub(super) fn check(written: &NeutralRecord) -> Result<CallRecord, RecordError> {
    let identity = check_identity(written)?;
    let number = bounded("number", &written.number)?.parse().map_err(|_| RecordError::Number)?;
    let caller = Caller::parse(bounded("caller", written.caller.as_deref().unwrap_or_default())?);
    let destination = check_destination(identity.leg, written.destination.as_deref())?;
    let record = CallRecord {
        number,
        caller,
        destination,
        started_at: instant("startedAt", &written.started_at)?,
        platform_answered_at: optional_instant("platformAnsweredAt", written.platform_answered_at.as_deref())?,
        answered_at: optional_instant("answeredAt", written.answered_at.as_deref())?,
        ended_at: instant("endedAt", &written.ended_at)?,
        outcome: written.outcome,
        cause: written.cause.map(check_cause).transpose()?,
        decision: written.decision.as_deref().map(check_decision).transpose()?,
        identity,
    };
    check_order(&record)?;
    match (record.outcome, record.answered_at) {
        (Outcome::Answered, None) => Err(RecordError::AnsweredWithoutAnswer),
        (outcome, Some(_)) if outcome != Outcome::Answered => Err(RecordError::AnswerWithoutAnswered(outcome)),
        _ => Ok(record),
    }
}

fn check_identity(written: &NeutralRecord) -> Result<RecordIdentity, RecordError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if written.source.is_empty() || written.source.len() > SOURCE_CHARS || !written.source.bytes().all(plain) {
        return Err(RecordError::Field { field: "source", needed: "1 to 63 letters, digits, '-', '_' or '.'" });
    }
    let visible = |byte: u8| byte.is_ascii_graphic();
    if written.call_id.is_empty() || written.call_id.len() > CALL_ID_CHARS || !written.call_id.bytes().all(visible) {
        return Err(RecordError::Field { field: "callId", needed: "1 to 256 visible ASCII characters" });
    }
    let leg = u32::try_from(written.leg);
    let leg = leg.map_err(|_| RecordError::Field { field: "leg", needed: "0 to 4294967295" })?;
    Ok(RecordIdentity { source: written.source.as_str().into(), call_id: written.call_id.as_str().into(), leg })
}

/// A leg may have gone anywhere a switch can dial (a service code, abroad): its area is then unknown, and the call is
/// rated by that instead of being lost.
fn check_destination(leg: u32, written: Option<&str>) -> Result<Option<Caller>, RecordError> {
    match (leg, written) {
        (0, None) => Ok(None),
        (0, Some(_)) => Err(RecordError::DestinationOnCallersLeg),
        (_, None) => Err(RecordError::DestinationMissing(leg)),
        (_, Some(text)) => {
            let destination = Caller::parse(bounded("destination", text)?);
            let needed = "a phone number, such as 075566660002";
            destination.number().ok_or(RecordError::Field { field: "destination", needed })?;
            Ok(Some(destination))
        }
    }
}

fn check_cause(cause: i64) -> Result<u16, RecordError> {
    let fits = u16::try_from(cause).ok().filter(|_| cause <= HIGHEST_CAUSE);
    fits.ok_or(RecordError::Field { field: "cause", needed: "0 to 999" })
}

fn check_decision(decision: &str) -> Result<String, RecordError> {
    if decision.len() <= DECISION_CHARS && !decision.chars().any(char::is_control) {
        Ok(decision.to_owned())
    } else {
        Err(RecordError::Field { field: "decision", needed: "at most 256 bytes without control characters" })
    }
}

fn bounded<'a>(field: &'static str, text: &'a str) -> Result<&'a str, RecordError> {
    if text.len() <= PHONE_CHARS { Ok(text) } else { Err(RecordError::Field { field, needed: "at most 64 bytes" }) }
}

fn optional_instant(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, RecordError> {
    text.map(|text| instant(field, text)).transpose()
}

/// RFC 3339 with an offset, cut off to whole milliseconds. jiff also reads a zone in brackets and other extensions of
/// RFC 9557, which are refused: two texts for one instant are enough.
fn instant(field: &'static str, text: &str) -> Result<Timestamp, RecordError> {
    let refused = || RecordError::Instant(field);
    if text.len() > INSTANT_CHARS || text.contains('[') {
        return Err(refused());
    }
    let instant: Timestamp = text.parse().map_err(|_| refused())?;
    let milliseconds = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(milliseconds).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).ok_or_else(refused)
}

/// What money or counting depends on. A leg ≥ 1 may begin long after the platform answered (a menu), so that pair is
/// compared on the caller's leg only.
fn check_order(record: &CallRecord) -> Result<(), RecordError> {
    let (started, ended) = (Some(record.started_at), Some(record.ended_at));
    let (platform, answered) = (record.platform_answered_at, record.answered_at);
    let callers_leg = record.identity.leg == 0;
    let pairs = [
        (("startedAt", started), ("endedAt", ended)),
        (("startedAt", started), ("answeredAt", answered)),
        (("startedAt", started.filter(|_| callers_leg)), ("platformAnsweredAt", platform)),
        (("answeredAt", answered), ("endedAt", ended)),
        (("platformAnsweredAt", platform), ("endedAt", ended)),
    ];
    for ((earlier, first), (later, second)) in pairs {
        if first.zip(second).is_some_and(|(first, second)| second < first) {
            return Err(RecordError::Order { earlier, later });
        }
    }
    let earliest = platform.map_or(record.started_at, |platform| platform.min(record.started_at));
    if record.ended_at.as_millisecond() - earliest.as_millisecond() > LONGEST_CALL_MILLISECONDS {
        return Err(RecordError::Duration);
    }
    Ok(())
}

/// What a record says, in one form only.
#[derive(Serialize)]
struct Content<'a> {
    source: &'a str,
    call_id: &'a str,
    leg: u32,
    number: String,
    caller: Option<&'a str>,
    destination: Option<&'a str>,
    started_ms: i64,
    platform_answered_ms: Option<i64>,
    answered_ms: Option<i64>,
    ended_ms: i64,
    outcome: Outcome,
    cause: Option<u16>,
    decision: Option<&'a str>,
}

/// SHA-256 of the normalised content.
pub(super) fn content_hash(record: &CallRecord) -> Digest {
    let (caller, destination) = (record.caller.number(), record.destination());
    Digest::of_json(&Content {
        source: &record.identity.source,
        call_id: &record.identity.call_id,
        leg: record.identity.leg,
        number: record.number.to_string(),
        caller: caller.as_ref().map(NationalNumber::as_str),
        destination: destination.as_ref().map(NationalNumber::as_str),
        started_ms: record.started_at.as_millisecond(),
        platform_answered_ms: record.platform_answered_at.map(Timestamp::as_millisecond),
        answered_ms: record.answered_at.map(Timestamp::as_millisecond),
        ended_ms: record.ended_at.as_millisecond(),
        outcome: record.outcome,
        cause: record.cause,
        decision: record.decision.as_deref(),
    })
}
