//! Renders the shards that changed and applies what differs from what stands.
//!
//! Order matters: price books before the bindings that name them, bindings before the routes that make calls, new
//! leaves before the emptied ones they replace. A leaf that is no more is written empty, and deleted once every ready
//! router has read it so, or after [`WITHDRAWAL`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::shard::{self, Leaf, ShardContent, ShardKey, labels};
use super::standing;
use crate::controllers::error::Error;
use crate::controllers::key::Key;
use crate::controllers::sink::PlanPart;
use crate::controllers::world::{Find as _, PartSeen, World};
use crate::controllers::{gateway, number, overrides, tariff, tenant};
use crate::domain::routing::load::load;
use crate::runtime::sentence::with_causes;

/// How long an emptied leaf is kept for routers that do not answer.
pub const WITHDRAWAL: Duration = Duration::from_mins(1);
/// How long new numbers of a shard wait for others that are being judged, so that a burst makes few writes.
const BURST: Duration = Duration::from_secs(1);
/// Shards written at the same time.
const AT_ONCE: usize = 16;

/// Writes dirty shards until `stop`, beginning with those of which parts stand: what was deleted while nobody led has no
/// object left that would ask for it.
pub async fn run(world: Arc<World>, stop: CancellationToken) {
    world.mark_shards(standing::shards(&world));
    let dirty = world.dirty_shards.clone();
    dirty
        .run(AT_ONCE, stop.clone(), move |shard| {
            let (world, stop) = (world.clone(), stop.clone());
            async move {
                let mut attempt = 1;
                while let Err(error) = write(&world, &shard).await {
                    let wait = error.class().back_off(attempt, world.jitter());
                    tracing::warn!(%shard, error = with_causes(&error), attempt, "plan not written");
                    world.metrics.wrote("plan", "failed");
                    tokio::select! {
                        // This process may lead again.
                        () = stop.cancelled() => return world.mark_shards([shard]),
                        () = tokio::time::sleep(wait) => {}
                    }
                    attempt += 1;
                }
            }
        })
        .await;
}

async fn write(world: &Arc<World>, shard: &ShardKey) -> Result<(), Error> {
    if shard.namespace.is_empty() {
        return gateway::head::write(world, &shard.gateway).await;
    }
    let expected = number::members(world, &shard.gateway, &shard.namespace);
    let allowed = world.plan().may_render(shard, &expected, BURST);
    if let Err(wait) = allowed {
        // Without a time: the last verdict marks the shard.
        if let Some(wait) = wait {
            let (world, shard) = (world.clone(), shard.clone());
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                world.mark_shards([shard]);
            });
        }
        return Ok(());
    }
    // Whether a number was ever served may stand nowhere else.
    let unserved = world.references().has_unserved(&shard.namespace) && !world.plan().is_loaded(shard);
    if unserved || world.plan().needs_previous(shard) {
        standing::read_shard(world, shard).await?;
    }
    let numbers = world.plan().content(shard);
    let content = ShardContent {
        tenant: tenant::header(world, &shard.namespace),
        overrides: overrides::entries(world, world.clock.now(), &shard.namespace, &numbers),
        caps_reached: world
            .caps()
            .0
            .iter()
            .filter(|(n, _)| numbers.contains_key(n))
            .map(|(n, m)| (*n, m.clone()))
            .collect(),
        numbers,
    };
    let Ok((routing, billing)) = shard::render(shard, &content) else { return Ok(()) };
    tariff::ensure_price_books(world, &shard.gateway.namespace, content.numbers.values()).await?;
    let Some(sent) = put_leaves(world, shard, &content, billing.iter().chain(&routing)).await? else { return Ok(()) };
    world.plan().note_overrides(shard, content.overrides);
    wake_waiting(world, shard, sent);
    Ok(())
}

/// Writes the leaves of a shard and retires the old ones; whether any was sent. `None` where one is not fit to be read:
/// its numbers go on in the leaves that stand, and none of these is retired.
async fn put_leaves(
    world: &Arc<World>,
    shard: &ShardKey,
    content: &ShardContent,
    leaves: impl Iterator<Item = &Leaf>,
) -> Result<Option<bool>, Error> {
    let mut wanted = BTreeSet::new();
    let (mut sent, mut refused) = (false, false);
    for leaf in leaves {
        let name = leaf_name(leaf);
        if is_loadable(world, shard, &name, leaf) {
            sent |= put(world, shard, &name, leaf).await? == Put::Sent;
        } else {
            refused = true;
        }
        wanted.insert(name);
    }
    if refused {
        return Ok(None);
    }
    for name in old_leaves(world, shard).into_iter().filter(|name| !wanted.contains(name)) {
        retire(world, shard, &name, content).await?;
    }
    Ok(Some(sent))
}

/// Whether routers would take a leaf, by their own reading; one that they would refuse is not written.
fn is_loadable(world: &World, shard: &ShardKey, name: &str, leaf: &Leaf) -> bool {
    if world.plan().written(shard, name) == Some(leaf.part.digest) {
        return true;
    }
    let Err(error) = load(&leaf.part.text) else { return true };
    tracing::error!(%shard, leaf = name, error = with_causes(&error), "plan part not written: routers would refuse it");
    world.metrics.wrote("plan", "refused");
    false
}

fn leaf_name(leaf: &Leaf) -> String {
    leaf.part.labels.get(labels::LEAF).cloned().unwrap_or_default()
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Sent,
    Stood,
}

/// Applies a part unless it stands already, by our own word or by the watch's.
pub async fn put(world: &Arc<World>, shard: &ShardKey, name: &str, leaf: &Leaf) -> Result<Put, Error> {
    let place = (leaf.part.namespace.clone(), leaf.part.name.clone());
    let seen = world.parts().get(&place).cloned();
    let stands = seen.as_ref().is_some_and(|seen| stands_as(seen, &leaf.part));
    let ours = world.plan().written(shard, name) == Some(leaf.part.digest);
    let disturbed = seen.as_ref().is_some_and(|seen| {
        world.plan().resource_version(&place.0, &place.1).is_some_and(|known| known != seen.resource_version)
            && !stands_as(seen, &leaf.part)
    });
    if stands || (ours && seen.is_some() && !disturbed) {
        world.metrics.wrote("plan", "unchanged");
        let version = seen.map(|seen| seen.resource_version).unwrap_or_default();
        world.plan().note_written(shard, name, leaf, version);
        return Ok(Put::Stood);
    }
    let version = world.sink.apply_part(&leaf.part).await?;
    world.metrics.wrote("plan", "sent");
    world.parts().insert(
        place,
        PartSeen {
            digest: Some(leaf.part.digest),
            resource_version: version.clone(),
            foreign: false,
            labels: leaf.part.labels.clone(),
        },
    );
    world.plan().note_written(shard, name, leaf, version);
    Ok(Put::Sent)
}

fn stands_as(seen: &PartSeen, part: &PlanPart) -> bool {
    seen.digest == Some(part.digest) && !seen.foreign && part.labels.iter().all(|(k, v)| seen.labels.get(k) == Some(v))
}

/// Leaves of the shard that stand, by the watch's word and by ours.
fn old_leaves(world: &World, shard: &ShardKey) -> BTreeSet<String> {
    let wanted = shard.labels();
    let mut leaves: BTreeSet<String> = world
        .parts()
        .iter()
        .filter(|((namespace, _), seen)| {
            *namespace == shard.gateway.namespace && wanted.iter().all(|(k, v)| seen.labels.get(k) == Some(v))
        })
        .filter_map(|(_, seen)| seen.labels.get(labels::LEAF).cloned())
        .collect();
    leaves.extend(world.plan().leaves(shard));
    leaves
}

async fn retire(world: &Arc<World>, shard: &ShardKey, name: &str, content: &ShardContent) -> Result<(), Error> {
    let Ok(part) = shard::render_empty(shard, name, &content.tenant) else { return Ok(()) };
    let leaf = Leaf { part, entries: BTreeMap::new() };
    let already_empty = world.plan().written(shard, name) == Some(leaf.part.digest);
    put(world, shard, name, &leaf).await?;
    let read = name.starts_with('n') && world.plan().is_acknowledged(shard, name);
    if already_empty && read {
        return drop_leaf(world, shard, name).await;
    }
    if !already_empty {
        let (world, shard, name) = (world.clone(), shard.clone(), name.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(WITHDRAWAL).await;
            let still_empty = world.plan().written(&shard, &name) == Some(leaf.part.digest);
            if still_empty && let Err(error) = drop_leaf(&world, &shard, &name).await {
                tracing::warn!(%shard, leaf = name, error = with_causes(&error), "emptied plan part not deleted");
            }
        });
    }
    Ok(())
}

async fn drop_leaf(world: &World, shard: &ShardKey, name: &str) -> Result<(), Error> {
    let part = shard.part_name(name);
    world.sink.delete_part(&shard.gateway.namespace, &part).await?;
    world.parts().remove(&(shard.gateway.namespace.clone(), part));
    world.plan().note_deleted(shard, name);
    if world.stores.gateways.find_key(&shard.gateway).is_none() {
        world.mark_shards([gateway::head::shard(&shard.gateway)]);
    }
    Ok(())
}

/// Routers may have told of a part before its writer's own answer came back.
fn wake_waiting(world: &World, shard: &ShardKey, sent: bool) {
    let waiting: Vec<Key> = {
        let plan = world.plan();
        let parts: Vec<String> = plan.leaves(shard).iter().map(|leaf| shard.part_name(leaf)).collect();
        plan.waiting_for(&shard.gateway, &parts)
    };
    world.hub.numbers.wake_all(&waiting);
    if sent {
        let overrides = world.references().waiting_overrides(&world.plan().members(shard));
        world.hub.overrides.wake_all(&overrides);
    }
}
