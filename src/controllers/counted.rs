//! Statuses that carry counts of other objects: conditions are written at once, counts alone at most every few seconds, so
//! that a thousand new numbers do not make a thousand writes of the gateway they attach to.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::controller::Action;
use serde::Serialize;

use super::error::Error;
use super::key::Key;
use super::publish::{Publication, Publishable};
use super::sink::Manager;
use super::transitions::{self, Conditioned};
use super::world::World;

/// The floor between two writes that only change counts.
pub const FLOOR: Duration = Duration::from_secs(3);

/// Publishes `status`; where only counts differ, not more often than [`FLOOR`].
pub async fn publish<K: Publishable + Conditioned>(
    world: &World,
    object: &K,
    shown: Option<Vec<Condition>>,
    wanted: Vec<Condition>,
    status: &impl Serialize,
) -> Result<Action, Error> {
    let only_counts = shown.as_ref() == Some(&wanted);
    if only_counts && let Some(wait) = world.counts_may_wait(K::KIND.kind, &Key::of(object), FLOOR) {
        let differs = super::publish::differs(object, Manager::Operator, status);
        return Ok(if differs { Action::requeue(wait) } else { Action::await_change() });
    }
    let publication = transitions::publish(world, object, &wanted, status).await?;
    if publication == Publication::Sent {
        world.counts_written(K::KIND.kind, &Key::of(object));
    }
    Ok(publication.action())
}
