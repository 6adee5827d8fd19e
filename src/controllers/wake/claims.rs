//! Who must look again when a claim changes: its holder, who waits for the number, and who waits for room.

use std::sync::Arc;

use super::{is_news, wake_namespaces, wake_overrides_of};
use crate::api::NumberClaim;
use crate::controllers::claim;
use crate::controllers::key::Key;
use crate::controllers::pump::Observation;
use crate::controllers::world::{Find as _, World};
use crate::domain::numbering::FourHundred;

/// A NumberClaim changed.
pub fn claim(world: &Arc<World>, observation: Observation<NumberClaim>) {
    let (old, new) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            world.recent_claims.shown(&new);
            return;
        }
        Observation::Present { old, new } => (old, Some(new)),
        Observation::Gone(old) => (Some(old), None),
    };
    let versions: Vec<&Arc<NumberClaim>> = old.iter().chain(&new).collect();
    let Some(number) = versions.last().and_then(|claim| claim::number_of(claim)) else { return };
    let owners = owners(world, &versions);
    match &new {
        Some(new) => {
            world.references().claim(number, new);
            world.hub.claims.wake(&Key::cluster(number.to_string()));
        }
        None => world.references().claim_gone(number),
    }
    for version in &versions {
        world.recent_claims.shown(version);
    }
    wake_disowned(world, owners);

    let mut numbers = world.references().wanted.of(&number);
    let left = new.as_ref().is_none_or(|new| !new.is_bound());
    if let Some(old) = old.as_ref().filter(|old| new.is_none() || (old.is_bound() && left)) {
        // A release, or the end of a rest, makes room in a quota.
        numbers.extend(without_claim(world, &old.spec.tenant));
    }
    for version in versions {
        wake_holder(world, version);
        numbers.push(claim::holder_of(version));
        if new.is_none() {
            numbers.extend(world.references().pools.of(&version.spec.pool));
        }
    }
    numbers.sort();
    numbers.dedup();
    numbers.retain(|key| is_concerned(world, key, number));
    world.hub.numbers.wake_all(&numbers);
}

/// The namespaces of a claim's holders, each with the tenant whose claims it holds.
fn owners(world: &World, versions: &[&Arc<NumberClaim>]) -> Vec<(String, Option<String>)> {
    let references = world.references();
    let namespaces = versions.iter().map(|version| version.spec.holder.namespace.clone());
    namespaces
        .map(|namespace| {
            let owner = references.claiming_tenant(&namespace).map(str::to_owned);
            (namespace, owner)
        })
        .collect()
}

/// Namespaces that the claims of their `owners` (as they were) no longer hold: with the last of these the namespace goes
/// to the tenant that lists it.
fn wake_disowned(world: &World, owners: Vec<(String, Option<String>)>) {
    for (namespace, owner) in owners {
        let now = world.references().claiming_tenant(&namespace).map(str::to_owned);
        if owner.is_some() && now != owner {
            wake_namespaces(world, &[namespace]);
        }
    }
}

fn wake_holder(world: &World, version: &NumberClaim) {
    let holder = claim::holder_of(version);
    // The ledger may have charged the number before its claim was seen here.
    world.usage_of.mark(holder.clone());
    // A leaf that was rendered before the claim was seen here lacks the number's overrides.
    if !world.references().overridden.of(&holder).is_empty() {
        let shard = world.plan().shard_of(&holder).cloned();
        world.mark_shards(shard);
    }
    wake_overrides_of(world, &holder);
    world.hub.pools.wake(&Key::cluster(&version.spec.pool));
    world.hub.tenants.wake(&Key::cluster(&version.spec.tenant));
}

/// Numbers of a tenant that hold none: a released one makes room in the quota.
fn without_claim(world: &World, tenant: &str) -> Vec<Key> {
    let Some(tenant) = world.stores.tenants.find_name(tenant) else { return Vec::new() };
    let references = world.references();
    let all = tenant.spec.namespaces.iter().flat_map(|namespace| references.namespaces.of(namespace));
    all.filter(|key| references.holders.of(key).is_empty()).collect()
}

/// Whether a claim's change matters to `key`: not where it shows what a reconcile of that very object just did.
fn is_concerned(world: &World, key: &Key, number: FourHundred) -> bool {
    let Some(object) = world.stores.numbers.find_key(key) else { return false };
    let shown = object.status.as_ref().and_then(|status| status.number.clone());
    let holds = world.references().holders.of(key).contains(&number);
    let planned = world.plan().shard_of(key).is_some();
    !(holds && planned && (shown.is_none() || shown == Some(number.to_string())))
}
