//! What an override asks for and whether its number has it: by the entry that routers serve, and by the spec where there
//! is none yet. Pure over the caches.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::function::Function;
use crate::api::reasons as reason;
use crate::api::routing_target::OverrideTarget;
use crate::api::{FourHundredNumber, RoutingOverride};
use crate::controllers::claim;
use crate::controllers::facts::Facts;
use crate::controllers::findings::{Finding, refuse};
use crate::controllers::key::{Key, ObjectMetaExt as _};
use crate::controllers::number;
use crate::controllers::plan::shard::PlannedNumber;
use crate::controllers::world::Find as _;
use crate::domain::numbering::{Destination, FourHundred};
use crate::domain::routing::document::{NumberEntry, OverrideEntry, Target};

/// Names that a refusal suggests, at most.
const SUGGESTED: usize = 8;

/// When an override holds: from its `from`, else its creation, until its `until`.
pub(super) fn times(object: &RoutingOverride) -> Result<(Timestamp, Timestamp), Finding> {
    let instant = |field: &str, text: &str| {
        text.parse::<Timestamp>().map_err(|_| {
            Finding::new(
                reason::INVALID,
                format!("{field}: {text} is no instant, write it as 2026-11-23T20:00:00+08:00"),
            )
        })
    };
    let until = instant("until", &object.spec.until)?;
    let from = match &object.spec.from {
        Some(from) => instant("from", from)?,
        // One that comes back from a backup after its end was created too late to hold, and is over, not wrong.
        None => object.creation_timestamp().map(|created| created.0).filter(|at| *at < until).unwrap_or(Timestamp::MIN),
    };
    if from < until { Ok((from, until)) } else { refuse(reason::INVALID, "until lies before from: swap them") }
}

/// What an override may name of its number, and what it may use.
#[derive(Debug)]
pub(super) struct Targets {
    number: String,
    destinations: Vec<String>,
    groups: Vec<String>,
    /// Whether the number subscribes to announcements.
    announces: bool,
}

impl Targets {
    /// Those of a number's spec.
    pub fn of_spec(number: &FourHundredNumber) -> Self {
        let spec = &number.spec;
        Self {
            number: number.name_any(),
            destinations: spec.destinations.iter().map(|destination| destination.name.clone()).collect(),
            groups: spec.groups.iter().map(|group| group.name.clone()).collect(),
            announces: spec.functions.contains(&Function::Announcement),
        }
    }

    /// Those of the entry that stands in a leaf: routers refuse the leaf over anything else. `None` where it is not an
    /// entry of this build's format.
    pub fn of_entry(planned: &PlannedNumber, number: &FourHundredNumber) -> Option<Self> {
        let entry: NumberEntry = serde_json::from_str(planned.entry.get()).ok()?;
        let name = format!("{:?}", Function::Announcement);
        let announces = match &planned.binding {
            Some(binding) => binding.functions.contains(&name),
            None => number.spec.functions.contains(&Function::Announcement),
        };
        Some(Self {
            number: entry.name,
            destinations: entry.destinations.into_iter().map(|destination| destination.name).collect(),
            groups: entry.groups.into_iter().map(|group| group.name).collect(),
            announces,
        })
    }

    /// The target that an override names, or why it cannot.
    pub fn resolve(
        &self,
        object: &RoutingOverride,
        number: &FourHundredNumber,
        facts: &Facts,
    ) -> Result<Target, Finding> {
        let barred = || !self.announces && number::lists_function(number, facts, Function::Announcement);
        match &object.spec.to {
            OverrideTarget::Destination(name) => {
                self.known(&self.destinations, "destination", name)?;
                Ok(Target::Destination(name.clone()))
            }
            OverrideTarget::Group(name) => {
                self.known(&self.groups, "group", name)?;
                Ok(Target::Group(name.clone()))
            }
            OverrideTarget::Announcement(_) if barred() => refuse(
                reason::FUNCTION_NOT_SUBSCRIBED,
                format!(
                    "to.announcement uses the function {0:?}: add {0:?} to functions of {1}, or name a destination",
                    Function::Announcement,
                    self.number
                ),
            ),
            OverrideTarget::Announcement(name) => Ok(Target::Announcement(name.clone())),
            OverrideTarget::Number(text) => match Destination::parse(text) {
                Ok(destination) => Ok(Target::Number(destination.as_str().to_owned())),
                Err(error) => refuse(reason::INVALID, format!("to.number: {error}")),
            },
        }
    }

    fn known(&self, names: &[String], field: &str, name: &String) -> Result<(), Finding> {
        if names.contains(name) {
            return Ok(());
        }
        let change = match names.get(..SUGGESTED.min(names.len())).unwrap_or_default() {
            [] => "name a destination instead".to_owned(),
            some => format!("name one of {}", some.join(", ")),
        };
        let number = &self.number;
        refuse(reason::TARGET_NOT_FOUND, format!("to.{field}: {number} has no {field} {name}: {change}"))
    }
}

/// What can be said of an override by itself and by what it names.
#[derive(Debug)]
pub struct Judgement {
    pub accepted: Result<(), Finding>,
    pub resolved: Result<(), Finding>,
    /// Whether the gateway has what is named.
    pub fully_enforced: Result<(), Finding>,
}

/// Judges an override by its number's spec alone.
pub fn judge(object: &RoutingOverride, facts: &Facts) -> Judgement {
    judge_beside(object, facts, None)
}

/// Judges an override beside the entry that its number is served with: where an edit of the number is refused, a target
/// of either is no mistake of the override's.
pub(super) fn judge_beside(object: &RoutingOverride, facts: &Facts, standing: Option<&PlannedNumber>) -> Judgement {
    let name = &object.spec.number_ref.name;
    let number = facts.stores.numbers.find_key(&number_key(object));
    let resolved = match &number {
        Some(_) => Ok(()),
        None => refuse(
            reason::NUMBER_NOT_FOUND,
            format!("there is no FourHundredNumber {name} in this namespace: create it, or change numberRef"),
        ),
    };
    let accepted = times(object).and_then(|_| {
        let Some(number) = &number else { return Ok(()) };
        let by_spec = Targets::of_spec(number).resolve(object, number, facts).map(drop);
        let by_entry = || standing.and_then(|planned| Targets::of_entry(planned, number));
        by_spec.or_else(|finding| match by_entry() {
            Some(targets) => targets.resolve(object, number, facts).map(drop).map_err(|_| finding),
            None => Err(finding),
        })
    });
    let fully_enforced = number.as_deref().map_or(Ok(()), |number| is_mapped(object, number, facts));
    Judgement { accepted, resolved, fully_enforced }
}

/// Whether the gateway has the announcement that an override names.
fn is_mapped(object: &RoutingOverride, number: &FourHundredNumber, facts: &Facts) -> Result<(), Finding> {
    let OverrideTarget::Announcement(name) = &object.spec.to else { return Ok(()) };
    let key = number::gateway_of(number);
    let Some(gateway) = facts.stores.gateways.find_key(&key) else { return Ok(()) };
    if gateway.spec.announcements.iter().any(|announcement| announcement.name == *name) {
        return Ok(());
    }
    refuse(
        reason::ANNOUNCEMENT_UNMAPPED,
        format!("gateway {key} maps no announcement {name}: calls are sent to sip:{name} at the trunk"),
    )
}

/// The number that an override names.
pub(super) fn number_key(object: &RoutingOverride) -> Key {
    Key::new(Key::of(object).namespace, &object.spec.number_ref.name)
}

/// The overrides of a namespace's numbers that have not ended, in the order in which a router asks them: for each number
/// the latest beginning first, then by name. Each is resolved against the entry that the leaf holds, whatever its number's
/// spec says meanwhile.
pub fn entries(
    facts: &Facts,
    now: Timestamp,
    namespace: &str,
    numbers: &BTreeMap<FourHundred, Arc<PlannedNumber>>,
) -> Vec<OverrideEntry> {
    let keys = facts.references().override_namespaces.of(&namespace.to_owned());
    let mut entries: Vec<OverrideEntry> = keys
        .iter()
        .filter_map(|key| facts.stores.overrides.find_key(key))
        .filter_map(|object| {
            let claim = claim::held_by(facts, &number_key(&object))?;
            entry(facts, &object, numbers.get(&claim::number_of(&claim)?)?)
        })
        .filter(|entry| entry.until > now)
        .collect();
    entries.sort_by(|one, other| (&one.number, other.from, &one.name).cmp(&(&other.number, one.from, &other.name)));
    entries
}

/// An override as it stands beside the entry `planned`; `None` where it has no place there.
pub(super) fn entry(facts: &Facts, object: &RoutingOverride, planned: &PlannedNumber) -> Option<OverrideEntry> {
    if object.is_terminating() {
        return None;
    }
    let number = facts.stores.numbers.find_key(&number_key(object))?;
    let (from, until) = times(object).ok()?;
    let to = Targets::of_entry(planned, &number)?.resolve(object, &number, facts).ok()?;
    Some(OverrideEntry { number: planned.number.to_string(), name: object.name_any(), from, until, to })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
