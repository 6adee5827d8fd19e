//! What a check found, and the conditions made of it. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::conditions::{self as types, Holds};
use crate::api::reasons::{self as reason, Reason};
use crate::runtime::sentence::with_causes;

/// Why something is not as its owner asked: a reason of the closed set and a sentence that says what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub reason: Reason,
    pub sentence: String,
}

impl Finding {
    pub fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, sentence: sentence.into() }
    }

    /// An error of a rule, with its causes, as the sentence of `reason`.
    pub fn of(reason: Reason, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(reason, with_causes(error))
    }
}

/// Shorthand: a finding as the error of a check.
pub fn refuse<T>(reason: Reason, sentence: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::new(reason, sentence))
}

/// Several findings of one kind as one sentence; the first few, then how many more.
pub fn join(sentences: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = sentences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match sentences.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Names as people list them: `a`, `a and b`, `a, b and c`.
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The conditions of one object as they will be written: those set here, the rest dropped.
#[derive(Debug)]
pub struct ConditionSet<'a> {
    old: &'a [Condition],
    generation: i64,
    now: Timestamp,
    conditions: Vec<Condition>,
}

impl<'a> ConditionSet<'a> {
    /// Begins from what the status shows; transition times are kept where nothing flips.
    pub fn new(old: &'a [Condition], generation: i64, now: Timestamp) -> Self {
        Self { old, generation, now, conditions: Vec::new() }
    }

    /// Sets a condition for the present generation.
    pub fn set(&mut self, type_: &'static str, holds: Holds, reason: Reason, message: &str) -> &mut Self {
        self.set_at(self.generation, type_, holds, reason, message)
    }

    /// Sets a condition that speaks of an older generation.
    pub fn set_at(
        &mut self,
        generation: i64,
        type_: &'static str,
        holds: Holds,
        reason: Reason,
        message: &str,
    ) -> &mut Self {
        let status = holds.as_str();
        let since = self.old(type_).filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
        self.conditions.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.name.to_owned(),
            message: types::cut(message).to_owned(),
            observed_generation: Some(generation),
            last_transition_time: since.unwrap_or_else(|| Time(whole_second(self.now))),
        });
        self
    }

    /// Carries a condition over as it stands.
    pub fn keep(&mut self, type_: &str) -> &mut Self {
        if let Some(old) = self.old(type_) {
            self.conditions.push(old.clone());
        }
        self
    }

    /// True with reason `good`, or False as found.
    pub fn set_result(&mut self, type_: &'static str, good: Reason, result: &Result<(), Finding>) -> &mut Self {
        match result {
            Ok(()) => self.set(type_, Holds::True, good, ""),
            Err(finding) => self.set(type_, Holds::False, finding.reason, &finding.sentence),
        }
    }

    /// kstatus's abnormal-true pair: at most one is set, and only while something is amiss.
    pub fn set_progress(&mut self, progress: &Progress) -> &mut Self {
        match progress {
            Progress::Settled => self,
            Progress::Reconciling(finding) => {
                self.set(types::RECONCILING, Holds::True, finding.reason, &finding.sentence)
            }
            Progress::Stalled(finding) => self.set(types::STALLED, Holds::True, finding.reason, &finding.sentence),
        }
    }

    /// What the status showed for a type.
    pub fn old(&self, type_: &str) -> Option<&'a Condition> {
        self.old.iter().find(|condition| condition.type_ == type_)
    }

    /// The finished list, ordered by type so that the same world gives the same bytes.
    pub fn finish(mut self) -> Vec<Condition> {
        self.conditions.sort_by(|one, other| one.type_.cmp(&other.type_));
        self.conditions
    }
}

/// The API keeps whole seconds; what is compared must not have more.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Whether anything is under way, or waits for this object's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Settled,
    Reconciling(Finding),
    Stalled(Finding),
}

/// Whether a condition list says True for `type_` at `generation`.
pub fn is_true_at(conditions: &[Condition], type_: &str, generation: i64) -> bool {
    conditions.iter().any(|condition| {
        condition.type_ == type_
            && condition.status == Holds::True.as_str()
            && condition.observed_generation == Some(generation)
    })
}

/// The usual end of a kind that is accepted or refused and nothing more: Accepted and Ready.
pub fn accepted_and_ready(set: &mut ConditionSet<'_>, accepted: &Result<(), Finding>) {
    set.set_result(types::ACCEPTED, reason::ACCEPTED, accepted);
    set.set_result(types::READY, reason::READY, accepted);
    if let Err(finding) = accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
}
