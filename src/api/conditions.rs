//! Condition types, and the pure functions that set them.
//!
//! The vocabulary is the Gateway API's (Accepted, ResolvedRefs, Programmed) plus Ready and kstatus's abnormal-true pair
//! (Reconciling, Stalled). Reasons are a closed set per type: [`super::reasons`]. `now` is an argument.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

pub use super::reasons::{CONDITIONS, ConditionKind, Reason};

/// The spec stands: it is valid, permitted, and what it claims is its own.
pub const ACCEPTED: &str = "Accepted";
/// Everything the spec refers to is there.
pub const RESOLVED_REFS: &str = "ResolvedRefs";
/// Every router that was ready when this generation was compiled has loaded it.
pub const PROGRAMMED: &str = "Programmed";
/// Everything the spec asks for is enforced and charged; what is not is named. Never touches Ready.
pub const FULLY_ENFORCED: &str = "FullyEnforced";
/// A calendar lists the year that is about to begin.
pub const COMPLETE: &str = "Complete";
/// A gateway's ledger can be read and written.
pub const LEDGER_AVAILABLE: &str = "LedgerAvailable";
/// A gateway takes call records.
pub const INTAKE_OPEN: &str = "IntakeOpen";
/// The object does what it is for.
pub const READY: &str = "Ready";
/// Work is under way; removed when done.
pub const RECONCILING: &str = "Reconciling";
/// Nothing more will happen until this object's owner acts; removed when that is not so.
pub const STALLED: &str = "Stalled";

/// Most bytes of a condition's message.
pub const MESSAGE_BYTES: usize = 1024;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holds {
    True,
    False,
    Unknown,
}

impl Holds {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a controller found about one condition of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One of the types above.
    pub type_: &'static str,
    pub holds: Holds,
    pub reason: Reason,
    /// A sentence that says what to change; cut at [`MESSAGE_BYTES`].
    pub message: String,
    /// Generation of the spec for which it was found.
    pub generation: i64,
}

/// Writes `finding` into `conditions`. The time of transition moves only when the status flips; a new condition takes
/// its place in the order of [`CONDITIONS`], so that equal findings give equal bytes.
pub fn set(conditions: &mut Vec<Condition>, finding: Finding, now: Timestamp) {
    let Finding { type_, holds, reason, message, generation } = finding;
    let mut condition = Condition {
        type_: type_.to_owned(),
        status: holds.as_str().to_owned(),
        reason: reason.name.to_owned(),
        message: cut(&message).to_owned(),
        observed_generation: Some(generation),
        last_transition_time: Time(now),
    };
    if let Some(present) = conditions.iter_mut().find(|present| present.type_ == type_) {
        if present.status == condition.status {
            condition.last_transition_time = present.last_transition_time.clone();
        }
        *present = condition;
    } else {
        let place = conditions.partition_point(|present| rank(&present.type_) <= rank(type_));
        conditions.insert(place, condition);
    }
}

/// Removes the condition of this type: Reconciling and Stalled exist only while they hold.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The condition of this type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of this type is there and True, for whatever generation.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == Holds::True.as_str())
}

/// `message` up to [`MESSAGE_BYTES`], not through a character.
pub fn cut(message: &str) -> &str {
    message.get(..message.floor_char_boundary(MESSAGE_BYTES)).unwrap_or(message)
}

/// Place of a type among [`CONDITIONS`]; a foreign type comes last.
fn rank(type_: &str) -> usize {
    CONDITIONS.iter().position(|kind| kind.type_ == type_).unwrap_or(CONDITIONS.len())
}

/// The schema of every kind's `status.conditions`: metav1.Condition with its bounds.
pub(super) fn list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z]+$",
                    "description": "What is told."
                },
                "status": {
                    "type": "string", "enum": ["True", "False", "Unknown"],
                    "description": "Whether it holds."
                },
                "observedGeneration": {
                    "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64,
                    "description": "Generation of the spec for which it was found."
                },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "maxLength": 40,
                    "description": "When the status last changed."
                },
                "reason": {
                    "type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z]+$",
                    "description": "Why, in one word of a closed set."
                },
                "message": {
                    "type": "string", "maxLength": MESSAGE_BYTES,
                    "description": "Why, in a sentence that says what to change."
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::reasons;

    fn finding(holds: Holds, reason: Reason, message: &str, generation: i64) -> Finding {
        Finding { type_: ACCEPTED, holds, reason, message: message.to_owned(), generation }
    }

    #[test]
    fn the_time_of_transition_moves_only_on_a_flip() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut conditions = Vec::new();
        set(&mut conditions, finding(Holds::False, reasons::INVALID, "from equals to", 1), at(100));
        set(&mut conditions, finding(Holds::False, reasons::NUMBER_TAKEN, "held", 2), at(200));
        let still = conditions[0].clone();
        assert_eq!((still.last_transition_time, still.reason.as_str()), (Time(at(100)), "NumberTaken"));
        assert_eq!(still.observed_generation, Some(2));
        set(&mut conditions, finding(Holds::True, reasons::ACCEPTED, "", 3), at(300));
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].last_transition_time, Time(at(300)));
    }

    #[test]
    fn conditions_stand_in_one_order_whatever_was_found_first() {
        let now = Timestamp::UNIX_EPOCH;
        let find = |type_| Finding { type_, ..finding(Holds::True, reasons::ACCEPTED, "", 1) };
        let mut conditions = Vec::new();
        for type_ in [READY, ACCEPTED, STALLED, PROGRAMMED] {
            set(&mut conditions, find(type_), now);
        }
        let types: Vec<&str> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, [ACCEPTED, PROGRAMMED, READY, STALLED]);
        remove(&mut conditions, STALLED);
        assert!(find_none(&conditions, STALLED) && is_true(&conditions, READY));
    }

    fn find_none(conditions: &[Condition], type_: &str) -> bool {
        super::find(conditions, type_).is_none()
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "号".repeat(400);
        assert_eq!(cut(&long).len(), 1023);
        assert_eq!(cut("short"), "short");
    }
}
