//! Who must look again when something changes: one function per kind. No polling; nobody else is woken.
//!
//! Called by the stores' pumps after a store shows the change. A change of generation, labels or deletion wakes; a status
//! that is not as this process left it wakes only its own object.

mod claims;
mod parts;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Resource, ResourceExt as _};

pub use claims::claim;
pub use parts::part;

use super::caller_list;
use super::gateway::head;
use super::hub::Line;
use super::key::{Key, ObjectMetaExt as _};
use super::number::gateway_of;
use super::pool;
use super::publish::Publishable;
use super::pump::Observation;
use super::references::References;
use super::sink::Manager;
use super::world::{Find as _, World};
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};
use crate::domain::numbering::FourHundred;

/// What an observation comes to for the others.
enum Change<K> {
    /// New, or anything but the status differs.
    Present {
        old: Option<Arc<K>>,
        new: Arc<K>,
    },
    Gone(Arc<K>),
    /// A status that is not as this process left it; its own object is woken.
    Forged(Arc<K>),
    /// Nothing that matters, such as a status as this process left it.
    Nothing,
}

impl<K> Change<K> {
    /// The object as it is, or as it was last.
    fn object(&self) -> Option<&Arc<K>> {
        match self {
            Self::Present { new, .. } => Some(new),
            Self::Gone(old) => Some(old),
            Self::Forged(_) | Self::Nothing => None,
        }
    }

    /// What the object says and said.
    fn versions(&self) -> impl Iterator<Item = &Arc<K>> {
        let (first, second) = match self {
            Self::Present { old, new } => (old.as_ref(), Some(new)),
            Self::Gone(old) => (Some(old), None),
            Self::Forged(_) | Self::Nothing => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// What the reverse index is told.
enum Version<'a, K> {
    Present(&'a K),
    Gone(&'a K),
}

/// Weighs an observation, brings the reverse index up to date by `index`, and wakes the object itself: in this order,
/// since its reconcile asks the index. Lets go of what is remembered of an object that is gone.
fn weigh<K: Publishable>(
    world: &World,
    line: &Line<K>,
    observation: Observation<K>,
    index: impl FnOnce(&mut References, Version<'_, K>),
) -> Change<K> {
    match observation {
        Observation::Present { old, new } if is_news(old.as_ref(), &*new) => {
            index(&mut world.references(), Version::Present(&new));
            line.wake(&Key::of(&*new));
            Change::Present { old, new }
        }
        Observation::Present { new, .. } if is_forged(world, &*new) => {
            line.wake(&Key::of(&*new));
            Change::Forged(new)
        }
        Observation::Present { .. } => Change::Nothing,
        Observation::Gone(old) => {
            index(&mut world.references(), Version::Gone(&old));
            world.published.forget::<K>(&Key::of(&*old));
            Change::Gone(old)
        }
    }
}

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
    let change = weigh(world, &world.hub.numbers, observation, |references, version| match version {
        Version::Present(new) => references.number(new),
        Version::Gone(old) => references.number_gone(&Key::of(old)),
    });
    for version in change.versions() {
        count_references(world, version);
    }
    match &change {
        Change::Present { new, .. } => {
            let key = Key::of(&**new);
            wake_overrides_of(world, &key);
            world.usage_of.mark(key);
        }
        Change::Gone(old) => {
            let key = Key::of(&**old);
            let claims = world.references().holders.of(&key);
            let claims: Vec<Key> = claims.iter().map(|number| Key::cluster(number.to_string())).collect();
            world.hub.claims.wake_all(&claims);
            let shards = world.plan().forget(&key);
            world.mark_shards(shards);
            wake_overrides_of(world, &key);
        }
        Change::Forged(new) => world.usage_of.mark(Key::of(&**new)),
        Change::Nothing => {}
    }
}

fn wake_overrides_of(world: &World, number: &Key) {
    let overrides = world.references().overridden.of(number);
    world.hub.overrides.wake_all(&overrides);
}

/// Numbers, and the overrides that are judged by what their numbers name.
fn wake_with_overrides(world: &World, numbers: &[Key]) {
    world.hub.numbers.wake_all(numbers);
    for number in numbers {
        wake_overrides_of(world, number);
    }
}

/// Objects whose status counts the numbers that name them.
fn count_references(world: &World, number: &FourHundredNumber) {
    world.hub.gateways.wake(&gateway_of(number));
    world.hub.tariffs.wake(&Key::cluster(&number.spec.tariff_ref.name));
    if let Some(schedule) = &number.spec.schedule_ref {
        world.hub.schedules.wake(&Key::new(Key::of(number).namespace, &schedule.name));
    }
    let namespace = Key::of(number).namespace;
    for list in caller_list::named_by(number) {
        world.hub.caller_lists.wake(&Key::new(&namespace, list));
    }
}

/// A CallGateway changed.
pub fn gateway(world: &Arc<World>, observation: Observation<CallGateway>) {
    let change = weigh(world, &world.hub.gateways, observation, |_, _| {});
    let Some(key) = change.object().map(|object| Key::of(&**object)) else { return };
    if let Change::Gone(_) = change {
        world.mark_shards([head::shard(&key)]);
    }
    // Another gateway's trunk may be a listener of this one.
    for other in world.stores.gateways.state() {
        world.hub.gateways.wake(&Key::of(&*other));
    }
    world.gateways_changed.send_modify(|version| *version += 1);
    let numbers = world.references().gateways.of(&key);
    wake_with_overrides(world, &numbers);
    // Numbers that name another gateway by now, and are refused there, are still served here.
    let kept: Vec<Key> = {
        let plan = world.plan();
        plan.shards_of(&key).iter().flat_map(|shard| plan.members(shard)).collect()
    };
    world.hub.numbers.wake_all(&kept);
    // A gateway's namespace may hold no tenant.
    let tenants = world.references().tenants.of(&key.namespace);
    world.hub.tenants.wake_all(&tenants.iter().map(Key::cluster).collect::<Vec<_>>());
    for tenant in tenants {
        let namespaces = world.references().tenants.named_by(&tenant).to_vec();
        for namespace in namespaces {
            let numbers = world.references().namespaces.of(&namespace);
            world.hub.numbers.wake_all(&numbers);
        }
    }
}

/// A Tariff changed.
pub fn tariff(world: &Arc<World>, observation: Observation<Tariff>) {
    let change = weigh(world, &world.hub.tariffs, observation, |_, _| {});
    let Some(tariff) = change.object() else { return };
    let numbers = world.references().tariffs.of(&tariff.name_any());
    wake_with_overrides(world, &numbers);
}

/// A NumberPool changed.
pub fn pool(world: &Arc<World>, observation: Observation<NumberPool>) {
    let change = weigh(world, &world.hub.pools, observation, |_, _| {});
    let Some(name) = change.object().map(|pool| pool.name_any()) else { return };
    let pools: Vec<Key> = world.stores.pools.state().iter().map(|pool| Key::of(&**pool)).collect();
    world.hub.pools.wake_all(&pools);
    let mut numbers = world.references().pools.of(&name);
    for version in change.versions() {
        for (first, last) in pool::ranges(version) {
            if let (Some(first), Some(last)) = (FourHundred::from_u64(first), FourHundred::from_u64(last)) {
                numbers.extend(world.references().wanting_between(first, last));
            }
        }
    }
    numbers.sort();
    numbers.dedup();
    world.hub.numbers.wake_all(&numbers);
}

/// A HolidayCalendar changed.
pub fn calendar(world: &Arc<World>, observation: Observation<HolidayCalendar>) {
    let change = weigh(world, &world.hub.calendars, observation, |_, _| {});
    if let Some(calendar) = change.object() {
        wake_calendar_users(world, &calendar.name_any());
    }
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
    let change = weigh(world, &world.hub.tenants, observation, |references, version| match version {
        Version::Present(new) => references.tenant(&new.name_any(), new),
        Version::Gone(old) => references.tenants.remove(&old.name_any()),
    });
    if let Change::Forged(tenant) = &change {
        world.usage_of_tenant.mark(tenant.name_any());
    }
    let Some(name) = change.object().map(|tenant| tenant.name_any()) else { return };
    if let Change::Present { .. } = &change {
        world.usage_of_tenant.mark(name.clone());
    }
    let mut namespaces: Vec<String> = change.versions().flat_map(|tenant| tenant.spec.namespaces.clone()).collect();
    // Entries are kept under the name that claimed them, also where it no longer lists their namespace.
    namespaces.extend(world.references().claimed_by(&name));
    let approvals = world.stores.approvals.state();
    let about = approvals.iter().filter(|approval| approval.spec.subject.name == name);
    world.hub.approvals.wake_all(&about.map(|approval| Key::of(&**approval)).collect::<Vec<_>>());
    wake_namespaces(world, &namespaces);
}

/// Tenants that list these namespaces, the numbers in all of theirs (a tenant that is refused is so with every number),
/// and the leaves that carry these.
pub(super) fn wake_namespaces(world: &World, namespaces: &[String]) {
    let mut concerned: Vec<String> = namespaces.to_vec();
    for namespace in namespaces {
        let rivals = world.references().tenants.of(namespace);
        world.hub.tenants.wake_all(&rivals.iter().map(Key::cluster).collect::<Vec<_>>());
        if rivals.len() > 1 {
            let references = world.references();
            concerned.extend(rivals.iter().flat_map(|rival| references.tenants.named_by(rival).to_vec()));
        }
    }
    concerned.sort();
    concerned.dedup();
    for namespace in &concerned {
        let numbers = world.references().namespaces.of(namespace);
        world.hub.numbers.wake_all(&numbers);
        let shards: Vec<_> = numbers.iter().filter_map(|number| world.plan().shard_of(number).cloned()).collect();
        world.mark_shards(shards);
    }
}

/// An Approval changed.
pub fn approval(world: &Arc<World>, observation: Observation<Approval>) {
    let change = weigh(world, &world.hub.approvals, observation, |references, version| match version {
        Version::Present(new) => references.approval(&new.name_any(), new),
        Version::Gone(old) => references.approvals.remove(&old.name_any()),
    });
    let Some(approval) = change.object() else { return };
    let subject = &approval.spec.subject.name;
    world.hub.tenants.wake(&Key::cluster(subject));
    let namespaces = world.stores.tenants.find_name(subject).map(|tenant| tenant.spec.namespaces.clone());
    wake_namespaces(world, &namespaces.unwrap_or_default());
}

/// A RoutingSchedule changed.
pub fn schedule(world: &Arc<World>, observation: Observation<RoutingSchedule>) {
    let change = weigh(world, &world.hub.schedules, observation, |references, version| match version {
        Version::Present(new) => references.schedule(new),
        Version::Gone(old) => references.calendars.remove(&Key::of(old)),
    });
    let Some(key) = change.object().map(|schedule| Key::of(&**schedule)) else { return };
    let numbers = world.references().schedules.of(&key);
    world.hub.numbers.wake_all(&numbers);
}

/// A CallerList changed.
pub fn caller_list(world: &Arc<World>, observation: Observation<CallerList>) {
    let change = weigh(world, &world.hub.caller_lists, observation, |_, _| {});
    let Some(key) = change.object().map(|list| Key::of(&**list)) else { return };
    if let Change::Gone(_) = change {
        world.packs.forget(&key);
    }
    let numbers = world.references().caller_lists.of(&key);
    world.hub.numbers.wake_all(&numbers);
}

/// A RoutingOverride changed.
pub fn routing_override(world: &Arc<World>, observation: Observation<RoutingOverride>) {
    let change = weigh(world, &world.hub.overrides, observation, |references, version| match version {
        Version::Present(new) => references.routing_override(new),
        Version::Gone(old) => references.routing_override_gone(&Key::of(old)),
    });
    let Some(key) = change.object().map(|object| Key::of(&**object)) else { return };
    let mut numbers: Vec<Key> =
        change.versions().map(|object| Key::new(&key.namespace, &object.spec.number_ref.name)).collect();
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
