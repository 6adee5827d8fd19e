//! FourHundredNumber: dereference → validate → build → apply → status.

pub mod apply;
pub mod build;
mod checks;
pub mod dereference;
pub mod status;
pub mod validate;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;

use super::error::Error;
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::plan::book::Progress;
use super::sink::Manager;
use super::transitions;
use super::world::{Find as _, World};
use crate::api::FourHundredNumber;

/// How long a status waits for routers, so that one write tells the end.
const GRACE: Duration = Duration::from_secs(2);
/// How long it waits for this operator's own write of the plan: a burst takes its time.
const OWN_GRACE: Duration = Duration::from_secs(10);

/// Brings one FourHundredNumber to what its owner asked for.
pub async fn reconcile(number: Arc<FourHundredNumber>, world: Arc<World>) -> Result<Action, Error> {
    if number.is_terminating() {
        // Deletion has been asked for; somebody's finalizer may hold the object, not the calls.
        let shard = world.plan().forget(&Key::of(&*number));
        world.mark_shards(shard);
        return Ok(Action::await_change());
    }
    let refs = dereference::read(&number, &world);
    let verdict = validate::check(&number, &refs, world.clock.now());
    let applied = apply::apply(&number, &refs, &verdict, &world).await?;
    let waits = applied.progress.is_some() && !status::programmed(&number, &applied);
    let (step, grace) = match applied.progress {
        Some(Progress::Unwritten) => (AwaitedStep::Writing, OWN_GRACE),
        _ => (AwaitedStep::Routers, GRACE),
    };
    if waits && let Some(left) = world.grace_left(&*number, step, grace) {
        return Ok(Action::requeue(left));
    }
    let status = status::of(&number, &refs, &verdict, &applied, world.clock.now());
    world.published.publish(&world, &*number, Manager::Operator, &status).await?;
    transitions::tell(&world, &*number, &status.conditions).await;
    Ok(Action::await_change())
}

/// The numbers that belong to a shard: those of the namespace that name the gateway.
pub fn members(world: &World, gateway: &Key, namespace: &str) -> Vec<Key> {
    let of_gateway = world.references().gateways.of(gateway);
    of_gateway
        .into_iter()
        .filter(|key| key.namespace == namespace)
        .filter(|key| world.stores.numbers.find_key(key).is_some_and(|number| !number.is_terminating()))
        .collect()
}
