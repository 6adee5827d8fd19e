//! RoutingOverrides: until an instant, a number's calls go elsewhere. Routers check the instants themselves; this loop
//! puts overrides into the plan, tells who is superseded, and takes them out when they have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;

use super::claim;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, Progress, is_true_at, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::plan::shard::PlannedNumber;
use super::sink::Manager;
use super::world::{Find as _, World};
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons as reason;
use crate::api::routing_override::{OverrideState, RoutingOverrideStatus};
use crate::api::routing_target::OverrideTarget;
use crate::api::{FourHundredNumber, RoutingOverride};
use crate::domain::numbering::{Destination, FourHundred};
use crate::domain::routing::document::{OverrideEntry, Target};

/// How long a first status waits for routers.
const GRACE: Duration = Duration::from_secs(2);

/// When an override holds: from its `from`, else its creation, until its `until`.
fn times(object: &RoutingOverride) -> Result<(Timestamp, Timestamp), Finding> {
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
        None => object.creation_timestamp().map_or(Timestamp::MIN, |created| created.0),
    };
    match &object.spec.from {
        _ if from < until => Ok((from, until)),
        Some(_) => refuse(reason::INVALID, "until lies before from: swap them"),
        None => refuse(
            reason::INVALID,
            "until had passed when this override was created, and without from it begins then: set a later until, or delete it",
        ),
    }
}

/// Names that a refusal suggests, at most.
const SUGGESTED: usize = 8;

fn target(object: &RoutingOverride, number: &FourHundredNumber) -> Result<Target, Finding> {
    let known = |names: &mut dyn Iterator<Item = &String>, field: &str, name: &String| {
        let names: Vec<&str> = names.map(String::as_str).collect();
        if names.contains(&name.as_str()) {
            return Ok(());
        }
        let change = match names.get(..SUGGESTED.min(names.len())).unwrap_or_default() {
            [] => "name a destination instead".to_owned(),
            some => format!("name one of {}", some.join(", ")),
        };
        let number = number.name_any();
        refuse(reason::TARGET_NOT_FOUND, format!("to.{field}: {number} has no {field} {name}: {change}"))
    };
    let spec = &number.spec;
    match &object.spec.to {
        OverrideTarget::Destination(name) => {
            known(&mut spec.destinations.iter().map(|destination| &destination.name), "destination", name)?;
            Ok(Target::Destination(name.clone()))
        }
        OverrideTarget::Group(name) => {
            known(&mut spec.groups.iter().map(|group| &group.name), "group", name)?;
            Ok(Target::Group(name.clone()))
        }
        OverrideTarget::Announcement(name) => Ok(Target::Announcement(name.clone())),
        OverrideTarget::Number(text) => match Destination::parse(text) {
            Ok(destination) => Ok(Target::Number(destination.number().as_str().to_owned())),
            Err(error) => refuse(reason::INVALID, format!("to.number: {error}")),
        },
    }
}

/// The overrides of a namespace's numbers that have not ended, in the order in which a router asks them: for each number
/// the latest beginning first, then by name.
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
        .filter(|object| !object.is_terminating())
        .filter_map(|object| entry(facts, &object, namespace))
        .filter(|entry| entry.until > now)
        .filter(|entry| entry.number.parse().is_ok_and(|number: FourHundred| numbers.contains_key(&number)))
        .collect();
    entries.sort_by(|one, other| (&one.number, other.from, &one.name).cmp(&(&other.number, one.from, &other.name)));
    entries
}

fn entry(facts: &Facts, object: &RoutingOverride, namespace: &str) -> Option<OverrideEntry> {
    let key = Key::new(namespace, &object.spec.number_ref.name);
    let number = facts.stores.numbers.find_key(&key)?;
    let claim = claim::held_by(facts, &key)?;
    let (from, until) = times(object).ok()?;
    let to = target(object, &number).ok()?;
    Some(OverrideEntry { number: claim.number().to_owned(), name: object.name_any(), from, until, to })
}

/// What can be said of an override by itself and by what it names.
#[derive(Debug)]
pub struct Judgement {
    pub accepted: Result<(), Finding>,
    pub resolved: Result<(), Finding>,
}

/// Judges an override.
pub fn judge(object: &RoutingOverride, facts: &Facts) -> Judgement {
    let own = Key::of(object);
    let name = &object.spec.number_ref.name;
    let number = facts.stores.numbers.find_key(&Key::new(&own.namespace, name));
    let resolved = match &number {
        Some(_) => Ok(()),
        None => refuse(
            reason::NUMBER_NOT_FOUND,
            format!("there is no FourHundredNumber {name} in this namespace: create it, or change numberRef"),
        ),
    };
    let accepted = times(object).and_then(|_| match &number {
        Some(number) => target(object, number).map(drop),
        None => Ok(()),
    });
    Judgement { accepted, resolved }
}

/// Brings an override's status up to date, and its number's part of the plan.
pub async fn reconcile(object: Arc<RoutingOverride>, world: Arc<World>) -> Result<Action, Error> {
    let now = world.clock.now();
    let own = Key::of(&*object);
    let key = Key::new(&own.namespace, &object.spec.number_ref.name);
    let times = times(&object);
    let Judgement { accepted, resolved } = judge(&object, &world);
    let state = state(&object, &times, &world, &key, now);
    // Routers let an ended override go by themselves; its place in the plan is cleared once.
    let ended_before = object.status.as_ref().is_some_and(|status| status.state == Some(OverrideState::Expired));
    if state == Some(OverrideState::Expired) && !ended_before {
        mark(&world, &key);
    }
    let programmed = programmed(&world, &key, &object, &accepted, &resolved);
    if programmed == Some(false)
        && let Some(left) = world.grace_left(&*object, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left.min(Duration::from_millis(250))));
    }
    let old = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(old, object.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    set.set_result(types::RESOLVED_REFS, reason::RESOLVED_REFS, &resolved);
    let live = live(state, programmed);
    set.set_result(types::PROGRAMMED, reason::PROGRAMMED, &live);
    let ready = accepted.clone().and(resolved).and(superseded(state)).and(live);
    match (&ready, state) {
        (_, Some(OverrideState::Expired)) if accepted.is_ok() => {
            set.set(types::READY, Holds::True, reason::EXPIRED, "the override has ended and may be deleted");
        }
        _ => {
            set.set_result(types::READY, reason::READY, &ready);
        }
    }
    if let Err(finding) = &accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let status = RoutingOverrideStatus { observed_generation: object.generation(), state, conditions: set.finish() };
    world.published.publish(&world, &*object, Manager::Operator, &status).await?;
    if programmed == Some(false) {
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    let next = times.ok().and_then(|(from, until)| [from, until].into_iter().find(|at| *at > now));
    Ok(next.map_or(Action::await_change(), |at| Action::requeue(world.until(at) + Duration::from_millis(5))))
}

fn state(
    object: &RoutingOverride,
    times: &Result<(Timestamp, Timestamp), Finding>,
    world: &World,
    number: &Key,
    now: Timestamp,
) -> Option<OverrideState> {
    let (from, until) = times.as_ref().ok()?;
    if *until <= now {
        return Some(OverrideState::Expired);
    }
    if *from > now {
        return Some(OverrideState::Pending);
    }
    let rivals = world.references().overridden.of(number);
    let beaten = rivals
        .iter()
        .filter(|key| key.name != object.name_any())
        .filter_map(|key| world.stores.overrides.find_key(key))
        .filter_map(|rival| self::times(&rival).ok().map(|(from, until)| (from, until, rival.name_any())))
        .filter(|(rival_from, rival_until, _)| *rival_from <= now && now < *rival_until)
        .any(|(rival_from, _, name)| {
            (rival_from, std::cmp::Reverse(&name)) > (*from, std::cmp::Reverse(&object.name_any()))
        });
    Some(if beaten { OverrideState::Superseded } else { OverrideState::Active })
}

fn superseded(state: Option<OverrideState>) -> Result<(), Finding> {
    match state {
        Some(OverrideState::Superseded) => refuse(
            reason::OVERRIDE_SUPERSEDED,
            "another override of this number with a later beginning holds: delete that one, or this",
        ),
        _ => Ok(()),
    }
}

fn live(state: Option<OverrideState>, programmed: Option<bool>) -> Result<(), Finding> {
    match (state, programmed) {
        (Some(OverrideState::Expired), _) => refuse(reason::EXPIRED, "the override has ended"),
        (_, Some(true)) => Ok(()),
        (_, Some(false)) => refuse(reason::AWAITING_ROUTERS, "routers have not all loaded this override yet"),
        (_, None) => refuse(reason::NOT_ACCEPTED, "no router serves this override: see Accepted and ResolvedRefs"),
    }
}

/// Whether every ready router has read the leaf that holds the override, now or once since this generation; `None` where
/// it has no place in a plan.
fn programmed(
    world: &World,
    number: &Key,
    object: &RoutingOverride,
    accepted: &Result<(), Finding>,
    resolved: &Result<(), Finding>,
) -> Option<bool> {
    if accepted.is_err() || resolved.is_err() || times(object).is_ok_and(|(_, until)| until <= world.clock.now()) {
        return None;
    }
    claim::held_by(world, number)?;
    let shown = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    if is_true_at(shown, types::PROGRAMMED, object.generation()) {
        return Some(true);
    }
    // A starting operator may meet the override before its number.
    let Some(shard) = world.plan().shard_of(number).cloned() else { return Some(false) };
    if world.dirty_shards.contains(&shard) {
        return Some(false);
    }
    let expected = entry(world, object, &number.namespace)?;
    let plan = world.plan();
    if !plan.holds(&shard, expected.number.parse().ok()?) {
        return None;
    }
    if !plan.has_override(&shard, &expected) {
        // What was rendered last was rendered before this override or its number's claim was seen.
        drop(plan);
        world.mark_shards([shard]);
        return Some(false);
    }
    let leaves: Vec<String> = plan.leaves(&shard).into_iter().filter(|leaf| leaf.starts_with('n')).collect();
    Some(!leaves.is_empty() && leaves.iter().all(|leaf| plan.is_acknowledged(&shard, leaf)))
}

fn mark(world: &World, number: &Key) {
    let shard = world.plan().shard_of(number).cloned();
    world.mark_shards(shard);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(from: Option<&str>, until: &str) -> Option<String> {
        let object: RoutingOverride = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "typhoon", "creationTimestamp": "2026-11-23T12:00:00Z"},
            "spec": {"numberRef": {"name": "hotline"}, "to": {"destination": "duty"}, "from": from, "until": until},
        }))
        .unwrap();
        times(&object).err().map(|finding| finding.sentence)
    }

    #[test]
    fn an_override_whose_end_came_before_it_is_not_told_to_swap_what_it_has_not() {
        assert_eq!(refusal(None, "2026-11-23T20:00:01+08:00"), None);
        assert!(refusal(None, "2026-11-23T20:00:00+08:00").unwrap().contains("set a later until, or delete it"));
        let swapped = refusal(Some("2026-11-24T09:00:00+08:00"), "2026-11-24T08:00:00+08:00").unwrap();
        assert_eq!(swapped, "until lies before from: swap them");
    }
}
