//! RoutingOverrides: until an instant, a number's calls go elsewhere. Routers check the instants themselves; this loop
//! puts overrides into the plan, tells who is superseded, and takes them out when they have ended.

mod judge;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;

use judge::times;
pub use judge::{Judgement, entries, judge};

use super::claim;
use super::error::Error;
use super::findings::{ConditionSet, Finding, Progress, is_true_at, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::plan::shard::PlannedNumber;
use super::publish::Publication;
use super::transitions;
use super::world::{Find as _, World};
use crate::api::RoutingOverride;
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons as reason;
use crate::api::routing_override::{OverrideState, RoutingOverrideStatus};
use crate::api::routing_target::OverrideTarget;

/// How long a first status waits for routers.
const GRACE: Duration = Duration::from_secs(2);

/// Brings an override's status up to date, and its number's part of the plan.
pub async fn reconcile(object: Arc<RoutingOverride>, world: Arc<World>) -> Result<Action, Error> {
    let now = world.clock.now();
    let key = judge::number_key(&object);
    let times = times(&object);
    let standing = world.plan().standing(&key);
    let judgement = judge::judge_beside(&object, &world, standing.as_deref());
    let state = state(&object, &times, &world, &key, now);
    let shown = object.status.as_ref().and_then(|status| status.state);
    // Routers let an ended override go by themselves; its place in the plan is cleared once.
    if state == Some(OverrideState::Expired) && shown != state {
        mark(&world, &key);
    }
    let programmed = programmed(&world, &key, &object, &judgement);
    if (programmed == Some(false) || is_undecided(&world, &key))
        && let Some(left) = world.grace_left(&*object, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left.min(Duration::from_millis(250))));
    }
    let conditions = conditions(&object, &judgement, state, programmed, now);
    let status = RoutingOverrideStatus { observed_generation: object.generation(), state, conditions };
    let publication = transitions::publish(&world, &*object, &status.conditions, &status).await?;
    if publication == Publication::Sent && shown != state {
        wake_rivals(&world, &key, &object);
    }
    if programmed == Some(false) {
        return Ok(Action::requeue(Duration::from_secs(1)));
    }
    let next = times.ok().and_then(|(from, until)| [from, until].into_iter().find(|at| *at > now));
    Ok(next.map_or(publication.action(), |at| Action::requeue(world.until(at) + Duration::from_millis(5))))
}

fn conditions(
    object: &RoutingOverride,
    judgement: &Judgement,
    state: Option<OverrideState>,
    programmed: Option<bool>,
    now: Timestamp,
) -> Vec<Condition> {
    let Judgement { accepted, resolved, fully_enforced } = judgement;
    let old = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(old, object.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, accepted);
    set.set_result(types::RESOLVED_REFS, reason::RESOLVED_REFS, resolved);
    if accepted.is_ok() && matches!(object.spec.to, OverrideTarget::Announcement(_)) {
        set.set_result(types::FULLY_ENFORCED, reason::FULLY_ENFORCED, fully_enforced);
    }
    let live = live(state, programmed);
    set.set_result(types::PROGRAMMED, reason::PROGRAMMED, &live);
    let ready = accepted.clone().and(resolved.clone()).and(superseded(state)).and(live);
    match (&ready, state) {
        (_, Some(OverrideState::Expired)) if accepted.is_ok() => {
            set.set(types::READY, Holds::True, reason::EXPIRED, "the override has ended and may be deleted");
        }
        _ => {
            set.set_result(types::READY, reason::READY, &ready);
        }
    }
    if let Err(finding) = accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    set.finish()
}

fn state(
    object: &RoutingOverride,
    times: &Result<(Timestamp, Timestamp), Finding>,
    world: &World,
    number: &Key,
    now: Timestamp,
) -> Option<OverrideState> {
    let (from, until) = *times.as_ref().ok()?;
    if until <= now {
        return Some(OverrideState::Expired);
    }
    if from > now {
        return Some(OverrideState::Pending);
    }
    let rivals = world.references().overridden.of(number);
    let standing = world.plan().standing(number);
    let beaten = rivals
        .iter()
        .filter(|key| key.name != object.name_any())
        .filter_map(|key| world.stores.overrides.find_key(key))
        .filter(|rival| takes_part(world, rival, standing.as_deref()))
        .filter_map(|rival| judge::times(&rival).ok().map(|(from, until)| (from, until, rival.name_any())))
        .any(|rival| beats((from, &object.name_any()), (rival.0, rival.1, &rival.2), now));
    Some(if beaten { OverrideState::Superseded } else { OverrideState::Active })
}

/// Whether a rival, which holds from its first to its second instant, holds now instead of `own`: the latest beginning
/// wins, then the first name, as in a router.
fn beats(own: (Timestamp, &str), (from, until, name): (Timestamp, Timestamp, &str), now: Timestamp) -> bool {
    from <= now && now < until && (from, Reverse(name)) > (own.0, Reverse(own.1))
}

/// Whether routers know of a rival: one that is refused or being deleted beats nobody.
fn takes_part(world: &World, rival: &RoutingOverride, standing: Option<&PlannedNumber>) -> bool {
    match standing {
        Some(planned) => judge::entry(world, rival, planned).is_some(),
        // A starting operator has no verdict on the number yet.
        None => !rival.is_terminating() && judge::judge(rival, world).accepted.is_ok(),
    }
}

/// Whether the number holds a claim and this operator, at its start, has not judged it yet.
fn is_undecided(world: &World, number: &Key) -> bool {
    // One lock after the other.
    let unplanned = world.plan().shard_of(number).is_none();
    unplanned && claim::held_by(world, number).is_some()
}

/// The loser is told, and who was beaten holds again.
fn wake_rivals(world: &World, number: &Key, object: &RoutingOverride) {
    let mut rivals = world.references().overridden.of(number);
    rivals.retain(|key| *key != Key::of(object));
    world.hub.overrides.wake_all(&rivals);
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
        (_, None) => refuse(
            reason::NOT_ACCEPTED,
            "no router serves this override: see Accepted and ResolvedRefs, here and of its number",
        ),
    }
}

/// Whether every ready router has read the leaf that holds the override, now or once since this generation; `None` where
/// it has no place in a plan.
fn programmed(world: &World, number: &Key, object: &RoutingOverride, judgement: &Judgement) -> Option<bool> {
    if judgement.accepted.is_err()
        || judgement.resolved.is_err()
        || times(object).is_ok_and(|(_, until)| until <= world.clock.now())
    {
        return None;
    }
    claim::held_by(world, number)?;
    let shown = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let latched = is_true_at(shown, types::PROGRAMMED, object.generation());
    // A starting operator may meet the override before its number.
    let Some(shard) = world.plan().shard_of(number).cloned() else { return Some(latched) };
    let standing = world.plan().standing(number)?;
    let expected = judge::entry(world, object, &standing)?;
    if latched {
        return Some(true);
    }
    if world.dirty_shards.contains(&shard) {
        return Some(false);
    }
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
    fn an_override_that_was_created_after_its_end_is_over_and_not_wrong() {
        assert_eq!(refusal(None, "2026-11-23T20:00:01+08:00"), None);
        assert_eq!(refusal(None, "2026-11-23T20:00:00+08:00"), None);
        let swapped = refusal(Some("2026-11-24T09:00:00+08:00"), "2026-11-24T08:00:00+08:00").unwrap();
        assert_eq!(swapped, "until lies before from: swap them");
    }
}
