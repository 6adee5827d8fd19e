//! FourHundredNumber: dereference → validate → build → apply → status.

pub mod apply;
pub mod build;
mod checks;
pub mod dereference;
mod serving;
pub mod status;
pub mod validate;

#[cfg(test)]
mod tests;

pub use checks::lists_function;

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;

use super::error::Error;
use super::gateway::admission::Admission;
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::plan::book::Progress;
use super::plan::shard::ShardKey;
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
        let shards = world.plan().forget(&Key::of(&*number));
        world.mark_shards(shards);
        return Ok(Action::await_change());
    }
    let key = Key::of(&*number);
    let mut refs = dereference::read(&number, &world);
    if refs.admission == Admission::Undecided {
        return Err(Error::Undecided("the labels of the number's namespace are not known yet"));
    }
    let mut verdict = validate::check(&number, &refs, world.clock.now());
    if !matches!(verdict.standing, validate::Standing::Serve(_))
        && let Some(gateway) = serving::gateway(&world, &key, &refs).await?
    {
        refs.served_by(gateway, &key.namespace, &world);
        verdict = validate::check(&number, &refs, world.clock.now());
    }
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
    Ok(transitions::publish(&world, &*number, &status.conditions, &status).await?.action())
}

/// The gateway that a number names.
pub fn gateway_of(number: &FourHundredNumber) -> Key {
    let reference = &number.spec.gateway_ref;
    let namespace = reference.namespace.clone().unwrap_or_else(|| Key::of(number).namespace);
    Key::new(namespace, &reference.name)
}

/// The numbers whose verdicts a shard waits for: those of the namespace that name the gateway; at first all of the
/// namespace, since the shard may hold the entry of one that names another gateway by now.
pub fn members(world: &World, gateway: &Key, namespace: &str) -> Vec<Key> {
    let shard = ShardKey { gateway: gateway.clone(), namespace: namespace.to_owned() };
    let candidates = if world.plan().is_complete(&shard) {
        world.references().gateways.of(gateway)
    } else {
        world.references().namespaces.of(&shard.namespace)
    };
    candidates
        .into_iter()
        .filter(|key| key.namespace == namespace)
        .filter(|key| world.stores.numbers.find_key(key).is_some_and(|number| !number.is_terminating()))
        .collect()
}
