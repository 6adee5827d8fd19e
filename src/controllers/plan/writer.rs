//! Renders the shards that changed and applies what differs from what stands.
//!
//! Order matters: price books before the bindings that name them, callers of lists before the routes that ask for them,
//! bindings before the routes that make calls, new leaves before the emptied ones they replace. A leaf that is no more is
//! written empty, and deleted once every ready router has read it so, or after [`WITHDRAWAL`]; callers, which are named by
//! what they hold, are deleted then as they are. Nothing is written or deleted but by a shard's turn, so that all of it ends
//! with the term.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::shard::{self, CapReached, Leaf, ShardContent, ShardKey, labels};
use super::standing;
use crate::controllers::error::{Error, ErrorClass};
use crate::controllers::key::Key;
use crate::controllers::sink::PlanPart;
use crate::controllers::world::{Find as _, PartSeen, World};
use crate::controllers::{gateway, number, overrides, tariff, tenant};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::load::{ANY_CALLERS, load};
use crate::runtime::dirty::Next;
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
    let attempts: Arc<Attempts> = Arc::default();
    dirty
        .run(AT_ONCE, stop, move |shard| {
            let (world, attempts) = (world.clone(), attempts.clone());
            async move {
                match write(&world, &shard).await {
                    Ok(()) => {
                        attempts.succeeded(&shard);
                        Next::Nothing
                    }
                    Err(error) => failed(&world, &attempts, &shard, &error),
                }
            }
        })
        .await;
}

/// How often each shard has failed in a row.
#[derive(Debug, Default)]
struct Attempts(Mutex<HashMap<ShardKey, u32>>);

impl Attempts {
    fn failed(&self, shard: &ShardKey) -> u32 {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(shard.clone()).or_insert(0);
        *attempt = attempt.saturating_add(1);
        *attempt
    }

    fn succeeded(&self, shard: &ShardKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(shard);
    }
}

fn failed(world: &World, attempts: &Attempts, shard: &ShardKey, error: &Error) -> Next {
    world.metrics.wrote("plan", "failed");
    let sentence = with_causes(error);
    if error.class() == ErrorClass::Final {
        attempts.succeeded(shard);
        tracing::info!(%shard, error = sentence, "plan not written: its namespace goes");
        return Next::Nothing;
    }
    let attempt = attempts.failed(shard);
    tracing::warn!(%shard, error = sentence, attempt, "plan not written");
    Next::After(error.class().back_off(attempt, world.jitter()))
}

/// Marks every shard there is or was: something that held any of them back is gone.
pub fn mark_all(world: &World) {
    let mut shards = standing::shards(world);
    shards.extend(world.plan().all_shards());
    world.mark_shards(shards);
}

async fn write(world: &Arc<World>, shard: &ShardKey) -> Result<(), Error> {
    let claimed = world.references().claiming_tenant(&shard.namespace).map(str::to_owned);
    if let Some((kind, object)) = world.unreadable.of_shard(shard, claimed.as_deref()) {
        // Its being readable again, or gone, marks every shard.
        tracing::debug!(%shard, kind, %object, "plan left as it is: an object of it cannot be read");
        return Ok(());
    }
    if shard.namespace.is_empty() {
        return gateway::head::write(world, &shard.gateway).await;
    }
    let expected = number::members(world, &shard.gateway, &shard.namespace);
    let allowed = world.plan().may_render(shard, &expected, BURST);
    if let Err(wait) = allowed {
        // Without a time: the last verdict marks the shard.
        if let Some(wait) = wait {
            world.dirty_shards.mark_after(shard.clone(), wait);
        }
        return Ok(());
    }
    read_earlier(world, shard, &expected).await?;
    let content = content(world, shard);
    let Ok(leaves) = shard::render(shard, &content) else { return Ok(()) };
    tariff::ensure_price_books(world, &shard.gateway.namespace, content.numbers.values()).await?;
    let Some(sent) = put_leaves(world, shard, &content, leaves.in_order()).await? else { return Ok(()) };
    world.plan().note_overrides(shard, content.overrides);
    wake_waiting(world, shard, sent);
    Ok(())
}

/// Reads the shard's parts as they stand, where something of them is to be kept or known: an entry that can no longer be
/// compiled, a cap that was reached before usage is known to this process, whether a number was ever served.
async fn read_earlier(world: &World, shard: &ShardKey, members: &[Key]) -> Result<(), Error> {
    if world.plan().knows_previous(shard) {
        return Ok(());
    }
    let has_cap = |key: &Key| {
        let number = world.stores.numbers.find_key(key);
        number.is_some_and(|n| n.spec.limits.as_ref().is_some_and(|limits| limits.calls_per_month.is_some()))
    };
    let wanted = world.plan().wants_previous(shard)
        || world.references().has_unserved(&shard.namespace)
        || (!world.knows_usage() && members.iter().any(has_cap));
    if wanted {
        standing::read_shard(world, shard).await?;
    }
    Ok(())
}

fn content(world: &World, shard: &ShardKey) -> ShardContent {
    let numbers = world.plan().content(shard);
    let mut caps_reached: BTreeMap<FourHundred, CapReached> =
        if world.knows_usage() { BTreeMap::new() } else { world.plan().earlier_caps(shard) };
    caps_reached.extend(world.caps().0.iter().map(|(number, cap)| (*number, cap.clone())));
    caps_reached.retain(|number, _| numbers.contains_key(number));
    ShardContent {
        tenant: tenant::header(world, &shard.namespace),
        overrides: overrides::entries(world, world.clock.now(), &shard.namespace, &numbers),
        caps_reached,
        numbers,
    }
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
            world.plan().wanted_again(shard, &name);
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
    let Err(error) = load(&leaf.part.text, ANY_CALLERS) else { return true };
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
    let ours = world.plan().written(shard, name) == Some(leaf.part.digest);
    let as_we_left_it = |seen: &PartSeen| {
        let plan = world.plan();
        ours && plan.resource_version(&place.0, &place.1).is_none_or(|known| known == seen.resource_version)
    };
    if let Some(seen) = seen.as_ref().filter(|seen| stands_as(seen, &leaf.part) || as_we_left_it(seen)) {
        world.metrics.wrote("plan", "unchanged");
        world.plan().note_written(shard, name, leaf, seen.resource_version.clone());
        return Ok(Put::Stood);
    }
    let version = world.sink.apply_part(&leaf.part).await?;
    world.metrics.wrote("plan", "sent");
    world.plan().note_written(shard, name, leaf, version.clone());
    let written = PartSeen {
        digest: Some(leaf.part.digest),
        resource_version: version,
        foreign: false,
        labels: leaf.part.labels.clone(),
    };
    if !note_applied(&mut world.parts(), place, seen.as_ref(), written) {
        world.mark_shards([shard.clone()]);
    }
    Ok(Put::Sent)
}

/// Notes a part as written, unless the watch has shown something else of it since `before`: an edit from before our
/// write, or one on top of it. Which of the two shows when our own event has come; false: look again.
fn note_applied(
    parts: &mut HashMap<(String, String), PartSeen>,
    place: (String, String),
    before: Option<&PartSeen>,
    written: PartSeen,
) -> bool {
    let now = parts.get(&place);
    if now != before && now.is_none_or(|seen| seen.resource_version != written.resource_version) {
        return false;
    }
    parts.insert(place, written);
    true
}

/// Whether a part stands at the API server as it is to be, nobody else's hand on it.
pub fn stands_as(seen: &PartSeen, part: &PlanPart) -> bool {
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

/// Empties a leaf that is no more; deletes it once every ready router has read it so, or after [`WITHDRAWAL`].
async fn retire(world: &Arc<World>, shard: &ShardKey, name: &str, content: &ShardContent) -> Result<(), Error> {
    // Callers are named by what they hold: there is no emptying them, and who names them reads them until the end.
    if !shard::is_callers(name) {
        let Ok(part) = shard::render_empty(shard, name, &content.tenant) else { return Ok(()) };
        let leaf = Leaf { part, entries: BTreeMap::new() };
        put(world, shard, name, &leaf).await?;
    }
    let emptied = world.plan().emptied_since(shard, name).elapsed();
    let read = name.starts_with('n') && world.plan().is_acknowledged(shard, name);
    if !read && emptied < WITHDRAWAL {
        world.dirty_shards.mark_after(shard.clone(), WITHDRAWAL.saturating_sub(emptied));
        return Ok(());
    }
    delete(world, shard, name).await?;
    if world.stores.gateways.find_key(&shard.gateway).is_none() {
        world.mark_shards([gateway::head::shard(&shard.gateway)]);
    }
    Ok(())
}

/// Deletes a leaf as it was seen last; one that somebody wrote since is looked at again.
pub async fn delete(world: &World, shard: &ShardKey, name: &str) -> Result<(), Error> {
    let place = (shard.gateway.namespace.clone(), shard.part_name(name));
    let seen = world.parts().get(&place).cloned();
    if let Some(seen) = seen {
        world.sink.delete_part(&place.0, &place.1, &seen.resource_version).await?;
        world.parts().remove(&place);
    }
    world.plan().note_deleted(shard, name);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;

    fn seen(version: &str) -> PartSeen {
        let digest = Some(Digest::of(version.as_bytes()));
        PartSeen { digest, resource_version: version.to_owned(), foreign: false, labels: BTreeMap::new() }
    }

    /// What the watch shows before and after our write of version 10, and whether that settles it.
    #[test]
    fn an_edit_whose_event_comes_before_our_own_answer_is_not_taken_for_ours() {
        for (before, shown, settled) in [
            (Some("9"), Some("9"), true),
            (Some("9"), Some("10"), true),
            (None, None, true),
            (None, Some("10"), true),
            (Some("9"), Some("11"), false),
            (None, Some("11"), false),
            (Some("9"), None, false),
        ] {
            let place = ("telephony".to_owned(), "plan-a-n".to_owned());
            let mut parts = HashMap::new();
            parts.extend(shown.map(|version| (place.clone(), seen(version))));
            let before = before.map(seen);
            assert_eq!(
                note_applied(&mut parts, place.clone(), before.as_ref(), seen("10")),
                settled,
                "{before:?} {shown:?}"
            );
            let left = parts.get(&place).map(|seen| seen.resource_version.as_str());
            assert_eq!(left, if settled { Some("10") } else { shown });
        }
    }
}
