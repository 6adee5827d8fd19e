//! What a call is told, as two plans are compared by it: whole groups instead of one draw from them. Pure.

use jiff::Timestamp;

use crate::domain::numbering::{Caller, FourHundred};
use crate::domain::routing::compiled::CompiledTarget;
use crate::domain::routing::decide::{CallFacts, decide};
use crate::domain::routing::decision::{AfterLast, DecidedBy, Outcome};
use crate::domain::routing::document::Strategy;
use crate::domain::routing::leaf::CompiledNumber;
use crate::domain::routing::plan::Plan;
use crate::offline::simulate::target;

/// An answer in words and to the last digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// By the names that the folder gives.
    pub words: String,
    /// With numbers, ring times and what follows: two answers differ exactly where this does.
    pub exact: String,
}

/// What `caller` is told at `at`.
pub fn answer(plan: &Plan, number: FourHundred, caller: Caller, at: Timestamp) -> Answer {
    let facts = CallFacts { to: number, caller, at, call_id: "" };
    let decision = decide(plan, &facts, &mut 0_u64, &mut ());
    match (decision.outcome, decision.held) {
        (Outcome::Refuse(reason), _) => told(format!("refused: {}", reason.as_str())),
        (Outcome::Announce { announcement, .. }, _) => Answer {
            words: format!("announcement {}", announcement.name()),
            exact: format!("announcement {announcement}"),
        },
        (Outcome::Route { when_exhausted, .. }, Some(held)) => {
            let to = match decision.decided_by {
                DecidedBy::Rule(name) => held.entry.rules.iter().find(|rule| &*rule.name == name).map(|rule| &rule.to),
                DecidedBy::Override(name) => {
                    held.overrides().iter().find(|each| &*each.name == name).map(|each| &each.to)
                }
                DecidedBy::Screens => None,
            };
            let last = when_exhausted.map(exhausted).unwrap_or_default();
            match to {
                Some(to) => Answer {
                    words: target(&held, to),
                    exact: format!("{}, at most {}{last}", exactly(&held, to), most(&held, to)),
                },
                None => told("nothing".to_owned()),
            }
        }
        (Outcome::Route { .. }, None) => told("nothing".to_owned()),
    }
}

fn told(words: String) -> Answer {
    Answer { exact: words.clone(), words }
}

fn exhausted(last: AfterLast<'_>) -> String {
    match last {
        AfterLast::Announcement(announcement) => format!(", then announcement {announcement}"),
        AfterLast::Release(release) => format!(", then release {release:?}"),
    }
}

/// A target with every number; a group's name decides who among many is drawn, never how many, and is left out.
fn exactly(number: &CompiledNumber<'_>, to: &CompiledTarget) -> String {
    let destination = |index: &u16| {
        let found = number.destinations.get(usize::from(*index));
        found.map(|d| ringing(d.number.as_str(), d.ring_seconds)).unwrap_or_default()
    };
    match to {
        CompiledTarget::Destination(index) => destination(index),
        CompiledTarget::Announcement(name) => format!("announcement {name}"),
        CompiledTarget::Number(own) => ringing(own.number.as_str(), own.ring_seconds),
        CompiledTarget::Group(index) => {
            number.entry.groups.get(usize::from(*index)).map_or_else(String::new, |group| {
                let members: Vec<String> = match group.strategy {
                    Strategy::Percentage => group
                        .members
                        .iter()
                        .zip(&group.percents)
                        .map(|(member, percent)| format!("{percent} % {}", destination(member)))
                        .collect(),
                    _ => group.members.iter().map(destination).collect(),
                };
                let overflow: Vec<String> = group.overflow.iter().map(destination).collect();
                let how = match group.strategy {
                    Strategy::InOrder => "in order",
                    Strategy::RoundRobin => "in turn",
                    Strategy::Random => "by chance",
                    Strategy::Percentage => "by shares",
                };
                // A group of one in any order, and two lists that are walked one after the other, are the same calls.
                match (group.strategy, members.len()) {
                    (Strategy::Percentage, _) | (_, 2..) if group.strategy != Strategy::InOrder => {
                        let drawn = format!("{how} {}", members.join(" | "));
                        std::iter::once(drawn).chain(overflow).collect::<Vec<_>>().join(", ")
                    }
                    _ => members.into_iter().chain(overflow).collect::<Vec<_>>().join(", "),
                }
            })
        }
    }
}

/// Most destinations of one answer: the tenant's bound where there are more than it allows.
fn most(number: &CompiledNumber<'_>, to: &CompiledTarget) -> usize {
    let listed = match to {
        CompiledTarget::Group(index) => number.entry.groups.get(usize::from(*index)).map_or(0, |group| {
            let drawn = if group.strategy == Strategy::Percentage { 1 } else { group.members.len() };
            drawn + group.overflow.len()
        }),
        _ => 1,
    };
    listed.min(usize::from(number.leaf.forwards_per_call))
}

fn ringing(number: &str, seconds: Option<u16>) -> String {
    seconds.map_or_else(|| number.to_owned(), |seconds| format!("{number} for {seconds} s"))
}
