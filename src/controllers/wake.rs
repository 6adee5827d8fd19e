//! Who must look again when something changes: one function per kind. No polling; nobody else is woken.
//!
//! Called by the stores' pumps after a store shows the change. A change of generation, labels or deletion wakes; a status
//! that is not as this process left it wakes only its own object.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Resource, ResourceExt as _};

use super::claim;
use super::gateway::head;
use super::key::{Key, ObjectMetaExt as _};
use super::pool;
use super::publish::Publishable;
use super::pump::Observation;
use super::sink::Manager;
use super::tariff::is_price_book;
use super::world::{Find as _, PartSeen, World};
use crate::api::{
    Approval, CallGateway, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};
use crate::domain::numbering::FourHundred;

/// Whether anything but the status differs.
fn is_news<K: Resource>(old: Option<&Arc<K>>, new: &K) -> bool {
    old.is_none_or(|old| {
        old.generation() != new.generation()
            || old.meta().uid != new.meta().uid
            || old.meta().labels != new.meta().labels
            || old.meta().deletion_timestamp != new.meta().deletion_timestamp
    })
}

fn is_forged<K: Publishable>(world: &World, object: &K) -> bool {
    [Manager::Operator, Manager::Usage, Manager::Clock]
        .into_iter()
        .any(|manager| !K::owned(manager).is_empty() && world.published.is_foreign(object, manager))
}

/// A FourHundredNumber changed.
pub fn number(world: &Arc<World>, observation: Observation<FourHundredNumber>) {
    match observation {
        Observation::Present { old, new } => {
            let key = Key::of(&*new);
            if !is_news(old.as_ref(), &*new) {
                if is_forged(world, &*new) {
                    world.hub.numbers.wake(&key);
                    world.usage_of.mark(key);
                }
                return;
            }
            if let Some(old) = &old {
                count_references(world, old);
            }
            world.references().number(&new);
            count_references(world, &new);
            world.hub.numbers.wake(&key);
            wake_overrides_of(world, &key);
            world.usage_of.mark(key);
        }
        Observation::Gone(old) => {
            let key = Key::of(&*old);
            count_references(world, &old);
            world.references().number_gone(&key);
            world.published.forget::<FourHundredNumber>(&key);
            let claims = world.references().holders.of(&key);
            world
                .hub
                .claims
                .wake_all(&claims.iter().map(|number| Key::cluster(number.to_string())).collect::<Vec<_>>());
            let shard = world.plan().forget(&key);
            world.mark_shards(shard);
            wake_overrides_of(world, &key);
        }
    }
}

fn wake_overrides_of(world: &World, number: &Key) {
    let overrides = world.references().overridden.of(number);
    world.hub.overrides.wake_all(&overrides);
}

/// Objects whose status counts the numbers that name them.
fn count_references(world: &World, number: &FourHundredNumber) {
    let namespace = number.namespace().unwrap_or_default();
    let gateway = number.spec.gateway_ref.namespace.clone().unwrap_or_else(|| namespace.clone());
    world.hub.gateways.wake(&Key::new(gateway, &number.spec.gateway_ref.name));
    world.hub.tariffs.wake(&Key::cluster(&number.spec.tariff_ref.name));
    if let Some(schedule) = &number.spec.schedule_ref {
        world.hub.schedules.wake(&Key::new(namespace, &schedule.name));
    }
}

/// A CallGateway changed.
pub fn gateway(world: &Arc<World>, observation: Observation<CallGateway>) {
    let key = match observation {
        Observation::Present { old, new } => {
            let key = Key::of(&*new);
            if !is_news(old.as_ref(), &*new) {
                if is_forged(world, &*new) {
                    world.hub.gateways.wake(&key);
                }
                return;
            }
            key
        }
        Observation::Gone(old) => {
            let key = Key::of(&*old);
            world.published.forget::<CallGateway>(&key);
            world.mark_shards([head::shard(&key)]);
            key
        }
    };
    world.hub.gateways.wake(&key);
    // Another gateway's trunk may be a listener of this one.
    for other in world.stores.gateways.state() {
        world.hub.gateways.wake(&Key::of(&*other));
    }
    world.gateways_changed.send_modify(|version| *version += 1);
    let numbers = world.references().gateways.of(&key);
    world.hub.numbers.wake_all(&numbers);
    // A gateway's namespace may hold no tenant.
    let tenants = world.references().tenants.of(&key.namespace);
    world.hub.tenants.wake_all(&tenants.iter().map(Key::cluster).collect::<Vec<_>>());
}

/// A Tariff changed.
pub fn tariff(world: &Arc<World>, observation: Observation<Tariff>) {
    let key = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.tariffs.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { new, .. } => Key::of(&*new),
        Observation::Gone(old) => {
            world.published.forget::<Tariff>(&Key::of(&*old));
            Key::of(&*old)
        }
    };
    world.hub.tariffs.wake(&key);
    let numbers = world.references().tariffs.of(&key.name);
    world.hub.numbers.wake_all(&numbers);
}

/// A NumberPool changed.
pub fn pool(world: &Arc<World>, observation: Observation<NumberPool>) {
    let (key, versions) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.pools.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { old, new } => (Key::of(&*new), old.into_iter().chain([new]).collect::<Vec<_>>()),
        Observation::Gone(old) => {
            world.published.forget::<NumberPool>(&Key::of(&*old));
            (Key::of(&*old), vec![old])
        }
    };
    let pools: Vec<Key> = world.stores.pools.state().iter().map(|pool| Key::of(&**pool)).collect();
    world.hub.pools.wake_all(&pools);
    world.hub.pools.wake(&key);
    let mut numbers = world.references().pools.of(&key.name);
    for version in versions {
        for (first, last) in pool::ranges(&version) {
            let ends = (first.to_string().parse::<FourHundred>(), last.to_string().parse::<FourHundred>());
            if let (Ok(first), Ok(last)) = ends {
                numbers.extend(world.references().wanting_between(first, last));
            }
        }
    }
    numbers.sort();
    numbers.dedup();
    world.hub.numbers.wake_all(&numbers);
}

/// A NumberClaim changed.
pub fn claim(world: &Arc<World>, observation: Observation<NumberClaim>) {
    let (number, versions, gone) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => return,
        Observation::Present { old, new } => {
            let Some(number) = claim::number_of(&new) else { return };
            world.references().claim(number, &new);
            world.recent_claims.shown(number);
            (number, old.into_iter().chain([new]).collect::<Vec<_>>(), false)
        }
        Observation::Gone(old) => {
            let Some(number) = claim::number_of(&old) else { return };
            world.references().claim_gone(number);
            world.recent_claims.gone(number);
            (number, vec![old], true)
        }
    };
    if !gone {
        world.hub.claims.wake(&Key::cluster(number.to_string()));
    }
    let mut numbers = world.references().wanted.of(&number);
    let was_bound = versions.first().is_some_and(|version| version.is_bound());
    if was_bound && (gone || versions.last().is_some_and(|version| !version.is_bound())) {
        numbers.extend(without_claim(world, versions.first().map_or("", |version| &version.spec.tenant)));
    }
    for version in versions {
        let holder = claim::holder_of(&version);
        // The ledger may have charged the number before its claim was seen here.
        world.usage_of.mark(holder.clone());
        // A leaf that was rendered before the claim was seen here lacks the number's overrides.
        if !world.references().overridden.of(&holder).is_empty() {
            let shard = world.plan().shard_of(&holder).cloned();
            world.mark_shards(shard);
        }
        wake_overrides_of(world, &holder);
        numbers.push(holder);
        world.hub.pools.wake(&Key::cluster(&version.spec.pool));
        world.hub.tenants.wake(&Key::cluster(&version.spec.tenant));
        if gone {
            numbers.extend(world.references().pools.of(&version.spec.pool));
        }
    }
    numbers.sort();
    numbers.dedup();
    numbers.retain(|key| is_concerned(world, key, number));
    world.hub.numbers.wake_all(&numbers);
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

/// A HolidayCalendar changed.
pub fn calendar(world: &Arc<World>, observation: Observation<HolidayCalendar>) {
    let key = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.calendars.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { new, .. } => Key::of(&*new),
        Observation::Gone(old) => {
            world.published.forget::<HolidayCalendar>(&Key::of(&*old));
            Key::of(&*old)
        }
    };
    world.hub.calendars.wake(&key);
    wake_calendar_users(world, &key.name);
}

/// Schedules that name a calendar, and the numbers that use these.
pub fn wake_calendar_users(world: &World, calendar: &str) {
    let schedules = world.references().calendars.of(&calendar.to_owned());
    world.hub.schedules.wake_all(&schedules);
    for schedule in &schedules {
        let numbers = world.references().schedules.of(schedule);
        world.hub.numbers.wake_all(&numbers);
    }
}

/// A Tenant changed.
pub fn tenant(world: &Arc<World>, observation: Observation<Tenant>) {
    let (name, namespaces) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.tenants.wake(&Key::of(&*new));
                world.usage_of_tenant.mark(new.name_any());
            }
            return;
        }
        Observation::Present { old, new } => {
            let name = new.name_any();
            world.references().tenant(&name, &new);
            let mut namespaces = new.spec.namespaces.clone();
            namespaces.extend(old.iter().flat_map(|old| old.spec.namespaces.clone()));
            world.usage_of_tenant.mark(name.clone());
            (name, namespaces)
        }
        Observation::Gone(old) => {
            let name = old.name_any();
            world.references().tenants.remove(&name);
            world.published.forget::<Tenant>(&Key::cluster(&name));
            (name, old.spec.namespaces.clone())
        }
    };
    world.hub.tenants.wake(&Key::cluster(&name));
    let approvals = world.stores.approvals.state();
    let about = approvals.iter().filter(|approval| approval.spec.subject.name == name);
    world.hub.approvals.wake_all(&about.map(|approval| Key::of(&**approval)).collect::<Vec<_>>());
    wake_namespaces(world, &namespaces);
}

/// Tenants that list these namespaces, the numbers in them, and the leaves that carry these.
fn wake_namespaces(world: &World, namespaces: &[String]) {
    for namespace in namespaces {
        let rivals = world.references().tenants.of(namespace);
        world.hub.tenants.wake_all(&rivals.iter().map(Key::cluster).collect::<Vec<_>>());
        let numbers = world.references().namespaces.of(namespace);
        world.hub.numbers.wake_all(&numbers);
        let shards: Vec<_> = numbers.iter().filter_map(|number| world.plan().shard_of(number).cloned()).collect();
        world.mark_shards(shards);
    }
}

/// An Approval changed.
pub fn approval(world: &Arc<World>, observation: Observation<Approval>) {
    let (name, subject) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.approvals.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { new, .. } => {
            world.references().approval(&new.name_any(), &new);
            (new.name_any(), new.spec.subject.name.clone())
        }
        Observation::Gone(old) => {
            world.references().approvals.remove(&old.name_any());
            world.published.forget::<Approval>(&Key::of(&*old));
            (old.name_any(), old.spec.subject.name.clone())
        }
    };
    world.hub.approvals.wake(&Key::cluster(name));
    world.hub.tenants.wake(&Key::cluster(&subject));
    let namespaces = world.stores.tenants.find_name(&subject).map(|tenant| tenant.spec.namespaces.clone());
    wake_namespaces(world, &namespaces.unwrap_or_default());
}

/// A RoutingSchedule changed.
pub fn schedule(world: &Arc<World>, observation: Observation<RoutingSchedule>) {
    let key = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.schedules.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { new, .. } => {
            world.references().schedule(&new);
            Key::of(&*new)
        }
        Observation::Gone(old) => {
            let key = Key::of(&*old);
            world.references().calendars.remove(&key);
            world.published.forget::<RoutingSchedule>(&key);
            key
        }
    };
    world.hub.schedules.wake(&key);
    let numbers = world.references().schedules.of(&key);
    world.hub.numbers.wake_all(&numbers);
}

/// A RoutingOverride changed.
pub fn routing_override(world: &Arc<World>, observation: Observation<RoutingOverride>) {
    let (key, mut numbers) = match observation {
        Observation::Present { old, new } if !is_news(old.as_ref(), &*new) => {
            if is_forged(world, &*new) {
                world.hub.overrides.wake(&Key::of(&*new));
            }
            return;
        }
        Observation::Present { old, new } => {
            world.references().routing_override(&new);
            let key = Key::of(&*new);
            let named = old.iter().chain([&new]).map(|o| Key::new(&key.namespace, &o.spec.number_ref.name)).collect();
            (key, named)
        }
        Observation::Gone(old) => {
            let key = Key::of(&*old);
            world.references().routing_override_gone(&key);
            world.published.forget::<RoutingOverride>(&key);
            let named: Vec<Key> = vec![Key::new(&key.namespace, &old.spec.number_ref.name)];
            (key, named)
        }
    };
    world.hub.overrides.wake(&key);
    numbers.dedup();
    for number in &numbers {
        wake_overrides_of(world, number);
        let shard = world.plan().shard_of(number).cloned();
        world.mark_shards(shard);
    }
}

/// A Namespace changed: its labels may admit it to gateways, or no longer.
pub fn namespace(world: &Arc<World>, observation: Observation<PartialObjectMeta<Namespace>>) {
    let name = match observation {
        Observation::Present { old, new } => {
            if old.is_some_and(|old| old.metadata.labels == new.metadata.labels) {
                return;
            }
            new.name_any()
        }
        Observation::Gone(old) => old.name_any(),
    };
    let numbers = world.references().namespaces.of(&name);
    world.hub.numbers.wake_all(&numbers);
}

/// A plan part changed at the API server; one that is not as this process left it is written again.
pub fn part(world: &Arc<World>, place: (String, String), seen: Option<PartSeen>) {
    let ours = world.plan().resource_version(&place.0, &place.1).map(str::to_owned);
    let known = world.plan().part(&place.0, &place.1).cloned();
    let disturbed = match &seen {
        None => known.is_some(),
        Some(seen) => known.is_some() && ours.as_deref() != Some(&seen.resource_version),
    };
    let before = world.parts().get(&place).cloned();
    let edited = |seen: &PartSeen| {
        seen.foreign
            || before.as_ref().is_some_and(|known| (known.digest, &known.labels) != (seen.digest, &seen.labels))
    };
    let spoilt = is_price_book(&place.1) && seen.as_ref().is_none_or(edited);
    let namespace = place.0.clone();
    match seen {
        Some(seen) => {
            world.parts().insert(place, seen);
        }
        None => {
            world.parts().remove(&place);
        }
    }
    if disturbed && let Some((shard, _)) = known {
        world.mark_shards([shard]);
    }
    if spoilt {
        // Bindings of any shard beside it may name this price book.
        let shards = world.plan().shards_in(&namespace);
        world.mark_shards(shards);
    }
}
