//! CallGateways: settings into the head part, and what the workers say back into status.

pub mod admission;
pub mod check;
pub mod head;
mod status;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;

use super::counted;
use super::error::Error;
use super::findings::{Finding, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::world::{GatewayWord, World};
use crate::api::CallGateway;
use crate::api::call_gateway::CallGatewayStatus;
use crate::api::conditions as types;
use crate::api::reasons as reason;
use crate::domain::digest::Digest;

/// How long a first status waits for the workers' word.
const GRACE: Duration = Duration::from_secs(2);

/// Brings a gateway's head and status up to date.
pub async fn reconcile(gateway: Arc<CallGateway>, world: Arc<World>) -> Result<Action, Error> {
    if gateway.is_terminating() {
        return Ok(Action::await_change());
    }
    let key = Key::of(&*gateway);
    let accepted = check::in_process(&gateway, &world);
    if accepted.is_ok() {
        world.mark_shards([head::shard(&key)]);
    }
    let word = world.gateway_word(&key).unwrap_or_default();
    let loaded = loaded(&world, &key, &word);
    if accepted.is_ok()
        && loaded.programmed.is_err()
        && let Some(left) = world.grace_left(&*gateway, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left));
    }
    let attached = world.references().gateways.count(&key);
    let status = status::of(&gateway, &accepted, &loaded, &word, attached, world.clock.now());
    let hears = world.plan().acks.hears(&key);
    let status = if hears { status } else { beside_others(status, gateway.status.as_ref()) };
    let shown = gateway.status.as_ref().map(|status| status.conditions.clone());
    counted::publish(&world, &*gateway, shown, status.conditions.clone(), &status).await
}

/// The status of a gateway of whose routers this process hears nothing: what another process tells of its workers is left
/// as it stands, while it speaks of this generation and of the same verdict.
fn beside_others(own: CallGatewayStatus, shown: Option<&CallGatewayStatus>) -> CallGatewayStatus {
    let find = |status: &CallGatewayStatus, type_: &str| status.conditions.iter().find(|c| c.type_ == type_).cloned();
    let verdict = |status: &CallGatewayStatus| find(status, types::ACCEPTED).map(|accepted| accepted.status);
    match shown {
        Some(shown)
            if shown.observed_generation == own.observed_generation
                && verdict(shown) == verdict(&own)
                && find(shown, types::PROGRAMMED).is_some() =>
        {
            CallGatewayStatus { attached_numbers: own.attached_numbers, ..shown.clone() }
        }
        _ => own,
    }
}

/// What the workers' acknowledgements come to.
struct Loaded {
    head: Option<Digest>,
    routers: i32,
    by: i32,
    programmed: Result<(), Finding>,
}

fn loaded(world: &World, key: &Key, word: &GatewayWord) -> Loaded {
    let shard = head::shard(key);
    let plan = world.plan();
    let head = plan.written(&shard, head::LEAF);
    let served = plan.acks.served(key, &shard.part_name(head::LEAF));
    let routers = i32::try_from(plan.acks.ready(key)).unwrap_or(i32::MAX);
    let loaded = served.iter().filter(|digest| digest.is_some() && **digest == head).count();
    let loaded_by = i32::try_from(loaded).unwrap_or(i32::MAX);
    let programmed = if let Some((listener, why)) = word.refused.iter().next() {
        refuse(reason::NO_READY_ROUTER, format!("listener {listener} cannot be opened: {why}"))
    } else if routers == 0 {
        refuse(reason::NO_READY_ROUTER, "no router of this gateway is ready")
    } else if let Some(router) = plan.acks.silent(key).first() {
        refuse(reason::ROUTER_SILENT, format!("router {router} was ready and has not answered for ten seconds"))
    } else if loaded_by < routers {
        refuse(reason::AWAITING_ROUTERS, "routers have not all loaded the gateway's settings yet")
    } else {
        Ok(())
    };
    Loaded { head, routers, by: loaded_by, programmed }
}

#[cfg(test)]
mod beside_others_tests {
    use super::*;
    use crate::api::call_gateway::WorkerStatus;

    fn status(generation: i64, programmed: &str, attached: i64, routers: i32) -> CallGatewayStatus {
        let condition = |type_: &str, status: &str| {
            let value = serde_json::json!({
                "type": type_, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z",
            });
            serde_json::from_value(value).unwrap()
        };
        CallGatewayStatus {
            observed_generation: generation,
            attached_numbers: Some(attached),
            workers: vec![WorkerStatus { name: "router".to_owned(), ready: routers, desired: 1 }],
            conditions: vec![condition(types::ACCEPTED, "True"), condition(types::PROGRAMMED, programmed)],
            ..CallGatewayStatus::default()
        }
    }

    #[test]
    fn a_process_without_workers_tells_only_what_it_knows_itself() {
        let (own, theirs) = (status(2, "False", 7, 0), status(2, "True", 5, 1));
        assert_eq!(beside_others(own.clone(), None), own, "nobody has told anything yet");
        assert_eq!(beside_others(own.clone(), Some(&theirs)), status(2, "True", 7, 1));
        assert_eq!(beside_others(own.clone(), Some(&status(1, "True", 5, 1))), own, "of an older generation");
    }
}
