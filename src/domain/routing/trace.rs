//! Who listens to a decision: `()` when nobody does, an [`Explanation`] when somebody asked why. Pure.
//!
//! The trace is an argument of the one walk, never a second implementation of it.

use serde::{Deserialize, Serialize};

use super::decision::Reason;

/// A step of the walk, in the order a call meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Is the number served, is it active, is its tenant?
    Number,
    /// Deny list, areas, anonymous.
    Screening,
    /// Counts and concurrency.
    Limits,
    Override,
    /// Which period the schedule is in.
    Period,
    Rule,
    Target,
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding<'a> {
    Pass,
    /// Nothing applies.
    None,
    Refused(Reason),
    /// An override that holds no more, or not yet.
    Inactive(&'a str),
    Override(&'a str),
    Period(&'a str),
    /// A rule that did not match, and the first member of its `when` that said so.
    Skipped {
        rule: &'a str,
        because: Mismatch,
    },
    Rule(&'a str),
    Destination(&'a str),
    Group(&'a str),
    Announcement(&'a str),
    /// A number that the spec does not list.
    Number,
}

/// Why a rule did not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    Period,
    Caller,
    CallerList,
    CallerArea,
}

impl Mismatch {
    fn as_str(self) -> &'static str {
        match self {
            Self::Period => "periods",
            Self::Caller => "callers",
            Self::CallerList => "callerLists",
            Self::CallerArea => "callerAreas",
        }
    }
}

/// Listens to a walk.
pub trait Trace {
    fn step(&mut self, step: Step, finding: Finding<'_>);
}

/// Nobody looks.
impl Trace for () {
    #[inline]
    fn step(&mut self, _step: Step, _finding: Finding<'_>) {}
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    pub step: Step,
    /// `pass`, `none`, `skip`, `match`, a reason, or what was found.
    pub result: String,
    /// Rule, override, group and so on that the result is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member of a rule's `when` that did not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Keeps every step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    pub lines: Vec<TraceLine>,
}

impl Trace for Explanation {
    fn step(&mut self, step: Step, finding: Finding<'_>) {
        let (result, name, because) = match finding {
            Finding::Pass => ("pass", None, None),
            Finding::None => ("none", None, None),
            Finding::Refused(reason) => (reason.as_str(), None, None),
            Finding::Inactive(name) => ("inactive", Some(name), None),
            Finding::Override(name) | Finding::Rule(name) => ("match", Some(name), None),
            Finding::Period(name) => (name, None, None),
            Finding::Skipped { rule, because } => ("skip", Some(rule), Some(because.as_str())),
            Finding::Destination(name) => ("destination", Some(name), None),
            Finding::Group(name) => ("group", Some(name), None),
            Finding::Announcement(name) => ("announcement", Some(name), None),
            Finding::Number => ("number", None, None),
        };
        self.lines.push(TraceLine {
            step,
            result: result.to_owned(),
            name: name.map(str::to_owned),
            because: because.map(str::to_owned),
        });
    }
}
