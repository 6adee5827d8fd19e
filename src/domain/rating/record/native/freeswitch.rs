//! FreeSWITCH `mod_json_cdr`: one JSON object a channel, all values texts, instants in microseconds since 1970.
//!
//! The caller's channel (A-leg) holds a call flow: one entry for each time the dialplan took the call up, the newest
//! first, with whom it was bridged to and when. Where the switch also writes B-legs (`log-b-leg`), each is an attempt of
//! its own, with its own answer and cause. `billsec` is never read: it cuts both ends to whole seconds first.
//!
//! Field names: `switch_ivr_generate_json_cdr` of FreeSWITCH; the module's settings:
//! <https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_json_cdr_4653124>.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::text::{field, object};
use super::{Legs, Native, NativeError};
use crate::domain::digest::Digest;
use crate::domain::rating::record::{NeutralRecord, Outcome};

/// Most entries of a call flow: a call transferred more often is a loop, and is told rather than charged by half.
const MOST_STAGES: usize = 64;
const TO_WHOM: &str = "the caller was bridged, but to whom is not said; with log-b-leg=true set legs: OwnRecords";
const MICROSECONDS: &str = "microseconds since 1970, as mod_json_cdr writes them";

/// Reads one channel's record.
pub(super) fn read(native: &Native, text: &[u8]) -> Result<Vec<NeutralRecord>, NativeError> {
    let cdr = Cdr { native, object: object(&plain(text))? };
    if cdr.entries().len() > MOST_STAGES {
        return Err(NativeError::Field { field: "callflow".to_owned(), needed: "a list of at most 64 entries" });
    }
    match (cdr.originator(), native.legs) {
        (Some(_), Legs::CallFlow) => Ok(Vec::new()),
        (Some(originator), Legs::OwnRecords) => Ok(vec![cdr.attempt(originator)?]),
        (None, Legs::OwnRecords) => Ok(vec![cdr.callers_leg(&[])?.0]),
        (None, Legs::CallFlow) => cdr.with_call_flow(),
    }
}

/// The JSON text, however the module was told to wrap it (`encode`): bare, percent-encoded or Base64, with `cdr=` before
/// it as in a POST, or without as in a file of `err-log-dir`. Text that is none of these stays as it is.
fn plain(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.trim_ascii();
    if text.first() == Some(&b'{') {
        return Cow::Borrowed(text);
    }
    let text = text.strip_prefix(b"cdr=").unwrap_or(text);
    let unescaped: Cow<'_, [u8]> = percent_decode(text).into();
    if unescaped.trim_ascii_start().first() == Some(&b'{') {
        return unescaped;
    }
    // The module leaves the + of Base64 as it is, where a browser's form would escape it.
    STANDARD.decode(&unescaped).map_or(Cow::Borrowed(text), Cow::Owned)
}

struct Cdr<'a> {
    native: &'a Native,
    object: Value,
}

/// Once that the dialplan took the call up.
struct Stage<'a> {
    index: u64,
    entry: &'a Value,
}

/// A stage in which the caller spoke to somebody.
struct Bridged {
    destination: String,
    started: Timestamp,
    answered: Timestamp,
    ended: Timestamp,
}

impl Cdr<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        field(self.object.get("variables")?, name)
    }

    /// Caller profile of the channel that called this one: there is none on a caller's channel.
    fn originator(&self) -> Option<&Value> {
        let mut stages = self.stages().into_iter();
        let found =
            stages.find_map(|stage| stage.entry.pointer("/caller_profile/originator/originator_caller_profiles/0"));
        // Some channels (a queue's) have no profile of their caller, only its name.
        found.or_else(|| self.object.pointer("/variables/originating_leg_uuid").map(|_| &Value::Null))
    }

    /// The call flow, the newest first. Older versions write one entry in place of a list.
    fn entries(&self) -> &[Value] {
        match self.object.get("callflow") {
            Some(Value::Array(entries)) => entries,
            Some(entry @ Value::Object(_)) => std::slice::from_ref(entry),
            _ => &[],
        }
    }

    /// Oldest first.
    fn stages(&self) -> Vec<Stage<'_>> {
        let index = |entry: &Value| field(entry, "profile_index").and_then(|index| index.parse().ok()).unwrap_or(0);
        let mut stages: Vec<_> =
            self.entries().iter().rev().map(|entry| Stage { index: index(entry), entry }).collect();
        stages.sort_by_key(|stage| stage.index);
        stages
    }

    /// A field that the source's settings name, or else the oldest caller profile's.
    fn chosen(&self, named: Option<&String>, profile: &str) -> Option<String> {
        match named {
            Some(path) => field(&self.object, path),
            None => self.stages().first().and_then(|stage| field(stage.entry.get("caller_profile")?, profile)),
        }
    }

    fn number(&self) -> Result<String, NativeError> {
        let named = self.native.number.as_ref();
        let field = named.map_or("callflow caller_profile.destination_number", String::as_str);
        let number = self.chosen(named, "destination_number").ok_or_else(|| NativeError::Missing {
            field: field.to_owned(),
            remedy: "numberField must name the field that holds the 400 number the caller dialled",
        })?;
        Native::four_hundred(field, &number)
    }

    fn micros(&self, name: &'static str) -> Result<Option<Timestamp>, NativeError> {
        self.variable(name).map_or(Ok(None), |text| microseconds("variables", name, &text))
    }

    fn needed_micros(&self, name: &'static str) -> Result<Timestamp, NativeError> {
        let missing = || NativeError::Missing {
            field: format!("variables.{name}"),
            remedy: "the record must be written by mod_json_cdr when its channel has ended",
        };
        self.micros(name)?.ok_or_else(missing)
    }

    fn uuid(&self) -> Result<String, NativeError> {
        self.variable("uuid").ok_or(NativeError::Missing {
            field: "variables.uuid".to_owned(),
            remedy: "a record without its channel's id cannot be told from another",
        })
    }

    fn with_call_flow(&self) -> Result<Vec<NeutralRecord>, NativeError> {
        let ended = self.needed_micros("end_uepoch")?;
        let mut bridged = Vec::new();
        for stage in self.stages() {
            bridged.extend(stage.bridged(ended)?);
        }
        if bridged.is_empty() && self.micros("bridge_uepoch")?.is_some() {
            return Err(NativeError::Missing { field: "callflow times.bridged_time".to_owned(), remedy: TO_WHOM });
        }
        let (callers, number) = self.callers_leg(&bridged)?;
        let mut records = vec![callers];
        for (leg, bridge) in (1..).zip(bridged) {
            let callers = records.first();
            records.push(NeutralRecord {
                source: self.native.source.clone(),
                call_id: callers.map(|leg| leg.call_id.clone()).unwrap_or_default(),
                leg,
                number: number.clone(),
                caller: callers.and_then(|leg| leg.caller.clone()),
                destination: Some(bridge.destination),
                started_at: bridge.started.to_string(),
                platform_answered_at: None,
                answered_at: Some(bridge.answered.to_string()),
                ended_at: bridge.ended.to_string(),
                outcome: Outcome::Answered,
                cause: callers.and_then(|leg| leg.cause),
                decision: callers.and_then(|leg| leg.decision.clone()),
            });
        }
        Ok(records)
    }

    /// Leg 0, and the 400 number. Without a call flow to go by, a call is answered when its channel was.
    fn callers_leg(&self, bridged: &[Bridged]) -> Result<(NeutralRecord, String), NativeError> {
        let number = self.number()?;
        let platform = self.micros("answer_uepoch")?;
        let answered = bridged.iter().map(|bridge| bridge.answered).min().or_else(|| self.bridge_time(platform));
        let record = NeutralRecord {
            source: self.native.source.clone(),
            call_id: self.uuid()?,
            leg: 0,
            number: number.clone(),
            caller: self.chosen(self.native.caller.as_ref(), "caller_id_number"),
            destination: None,
            started_at: self.needed_micros("start_uepoch")?.to_string(),
            platform_answered_at: platform.map(|at| at.to_string()),
            answered_at: answered.map(|at| at.to_string()),
            ended_at: self.needed_micros("end_uepoch")?.to_string(),
            outcome: if answered.is_some() { Outcome::Answered } else { self.unanswered() },
            cause: self.cause(),
            decision: self.decision(),
        };
        Ok((record, number))
    }

    fn bridge_time(&self, platform: Option<Timestamp>) -> Option<Timestamp> {
        let bridge = self.micros("bridge_uepoch").ok()??;
        Some(platform.map_or(bridge, |platform| platform.max(bridge)))
    }

    /// A B-leg. Its number among the call's legs is taken from its id: nothing else tells it from its siblings.
    fn attempt(&self, originator: &Value) -> Result<NeutralRecord, NativeError> {
        let call_id = self.variable("originating_leg_uuid").or_else(|| field(originator, "uuid"));
        let call_id = call_id.ok_or(NativeError::Missing {
            field: "variables.originating_leg_uuid".to_owned(),
            remedy: "a record of a B-leg must name the call it belongs to",
        })?;
        let dialled = field(originator, "destination_number").filter(|_| self.native.number.is_none());
        let number = match dialled {
            Some(number) => Native::four_hundred("originator_caller_profiles[0].destination_number", &number)?,
            None => self.number()?,
        };
        let caller = match &self.native.caller {
            Some(path) => field(&self.object, path),
            None => field(originator, "caller_id_number")
                .or_else(|| self.chosen(self.native.caller.as_ref(), "caller_id_number")),
        };
        let answered = self.micros("answer_uepoch")?;
        Ok(NeutralRecord {
            source: self.native.source.clone(),
            call_id,
            leg: leg_of(&self.uuid()?),
            number,
            caller,
            destination: self.chosen(self.native.destination.as_ref(), "destination_number"),
            started_at: self.needed_micros("start_uepoch")?.to_string(),
            platform_answered_at: None,
            answered_at: answered.map(|at| at.to_string()),
            ended_at: self.needed_micros("end_uepoch")?.to_string(),
            outcome: if answered.is_some() { Outcome::Answered } else { self.unanswered() },
            cause: self.cause(),
            decision: self.decision(),
        })
    }

    fn cause(&self) -> Option<i64> {
        self.variable("hangup_cause_q850")?.parse().ok()
    }

    fn decision(&self) -> Option<String> {
        self.variable("sip_h_X-Route-Decision")
    }

    /// What became of a leg that nobody answered. A caller that was let in and hung up is `NORMAL_CLEARING`.
    fn unanswered(&self) -> Outcome {
        match self.variable("hangup_cause").as_deref() {
            Some("USER_BUSY") => Outcome::Busy,
            Some(
                "NO_ANSWER" | "NO_USER_RESPONSE" | "ALLOTTED_TIMEOUT" | "SUBSCRIBER_ABSENT" | "USER_NOT_REGISTERED",
            ) => Outcome::NoAnswer,
            Some("CALL_REJECTED" | "OUTGOING_CALL_BARRED" | "INCOMING_CALL_BARRED") => Outcome::Rejected,
            Some("ORIGINATOR_CANCEL" | "NORMAL_CLEARING" | "LOSE_RACE" | "PICKED_OFF") => Outcome::Abandoned,
            _ => Outcome::Failed,
        }
    }
}

impl Stage<'_> {
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, NativeError> {
        let text = self.entry.get("times").and_then(|times| field(times, name));
        text.map_or(Ok(None), |text| microseconds("callflow times", name, &text))
    }

    /// Whom the caller spoke to in this stage, if anybody. A stage ends when the call is taken up again elsewhere.
    fn bridged(&self, call_ended: Timestamp) -> Result<Option<Bridged>, NativeError> {
        let Some(answered) = self.time("bridged_time")? else { return Ok(None) };
        let newest = self.entry.pointer("/caller_profile/originatee/originatee_caller_profiles/0");
        let destination = newest.and_then(|profile| field(profile, "destination_number"));
        let destination = destination.ok_or(NativeError::Missing {
            field: "callflow originatee_caller_profiles[0].destination_number".to_owned(),
            remedy: TO_WHOM,
        })?;
        let ended = match self.time("transfer_time")? {
            Some(moved) => moved,
            None => self.time("hangup_time")?.unwrap_or(call_ended),
        };
        // A profile may be made in the same microsecond as its bridge, on another clock reading.
        let started = self.time("profile_created_time")?.unwrap_or(answered).min(answered);
        Ok(Some(Bridged { destination, started, answered, ended: ended.max(answered) }))
    }
}

/// `None`: zero, which the switch writes for what did not happen.
fn microseconds(object: &str, name: &str, text: &str) -> Result<Option<Timestamp>, NativeError> {
    let read = text.parse().ok().filter(|micros: &i64| *micros >= 0).map(Timestamp::from_microsecond);
    match read {
        Some(Ok(instant)) => Ok(Some(instant).filter(|instant| *instant != Timestamp::UNIX_EPOCH)),
        _ => Err(NativeError::Field { field: format!("{object}.{name}"), needed: MICROSECONDS }),
    }
}

/// 1 to 2³¹, the same for the same channel.
fn leg_of(uuid: &str) -> i64 {
    let bytes = *Digest::of(uuid.as_bytes()).as_bytes();
    let first = bytes.iter().take(4).fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    (first >> 1) + 1
}

#[cfg(test)]
#[path = "freeswitch_tests.rs"]
mod tests;
