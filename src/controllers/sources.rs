//! The API server as source: one watch per kind into a pruned store, each change told to `wake`.
//!
//! The watches run from the start, also while another replica leads, so that a standby is warm. Spec watches wake on
//! generation, labels and deletion; a status that is not as this process left it wakes too, our own writes never.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::Api;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt as _, reflector};
use kube::{Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::driver::Kind;
use super::key::Key;
use super::plan::{self, shard::labels};
use super::pump::{Observation, pump};
use super::sink::{DIGEST_ANNOTATION, Manager};
use super::wake;
use super::world::{Find as _, GatewayNamespaces, PartSeen, Stores, World};
use crate::domain::routing::document::PART_KEY;
use crate::runtime::metrics::KindLabel;

/// The writing halves of [`Stores`].
#[derive(Debug)]
pub struct Writers {
    pub numbers: Writer<crate::api::FourHundredNumber>,
    pub gateways: Writer<crate::api::CallGateway>,
    pub tariffs: Writer<crate::api::Tariff>,
    pub pools: Writer<crate::api::NumberPool>,
    pub claims: Writer<crate::api::NumberClaim>,
    pub calendars: Writer<crate::api::HolidayCalendar>,
    pub tenants: Writer<crate::api::Tenant>,
    pub approvals: Writer<crate::api::Approval>,
    pub schedules: Writer<crate::api::RoutingSchedule>,
    pub overrides: Writer<crate::api::RoutingOverride>,
    pub caller_lists: Writer<crate::api::CallerList>,
    pub namespaces: Writer<PartialObjectMeta<Namespace>>,
}

/// Empty stores and what fills them.
pub fn stores() -> (Stores, Writers) {
    let (numbers, w_numbers) = reflector::store();
    let (gateways, w_gateways) = reflector::store();
    let (tariffs, w_tariffs) = reflector::store();
    let (pools, w_pools) = reflector::store();
    let (claims, w_claims) = reflector::store();
    let (calendars, w_calendars) = reflector::store();
    let (tenants, w_tenants) = reflector::store();
    let (approvals, w_approvals) = reflector::store();
    let (schedules, w_schedules) = reflector::store();
    let (overrides, w_overrides) = reflector::store();
    let (caller_lists, w_caller_lists) = reflector::store();
    let (namespaces, w_namespaces) = reflector::store();
    let stores = Stores {
        numbers,
        gateways,
        tariffs,
        pools,
        claims,
        calendars,
        tenants,
        approvals,
        schedules,
        overrides,
        caller_lists,
        namespaces,
    };
    let writers = Writers {
        numbers: w_numbers,
        gateways: w_gateways,
        tariffs: w_tariffs,
        pools: w_pools,
        claims: w_claims,
        calendars: w_calendars,
        tenants: w_tenants,
        approvals: w_approvals,
        schedules: w_schedules,
        overrides: w_overrides,
        caller_lists: w_caller_lists,
        namespaces: w_namespaces,
    };
    (stores, writers)
}

/// Starts the watch of every kind. They end with `stop`.
pub fn watch_cluster(client: &Client, writers: Writers, world: &Arc<World>, stop: &CancellationToken) {
    let feed = Feed { client: client.clone(), world: world.clone(), stop: stop.clone() };
    feed.kind("FourHundredNumber", writers.numbers, wake::number);
    feed.kind("CallGateway", writers.gateways, wake::gateway);
    feed.kind("Tariff", writers.tariffs, wake::tariff);
    feed.kind("NumberPool", writers.pools, wake::pool);
    feed.kind("NumberClaim", writers.claims, wake::claim);
    feed.kind("HolidayCalendar", writers.calendars, wake::calendar);
    feed.kind("Tenant", writers.tenants, wake::tenant);
    feed.kind("Approval", writers.approvals, wake::approval);
    feed.kind("RoutingSchedule", writers.schedules, wake::schedule);
    feed.kind("RoutingOverride", writers.overrides, wake::routing_override);
    feed.kind("CallerList", writers.caller_lists, wake::caller_list);
    feed.namespaces(writers.namespaces);
    feed.parts();
}

struct Feed {
    client: Client,
    world: Arc<World>,
    stop: CancellationToken,
}

impl Feed {
    fn kind<K: Kind>(&self, kind: &'static str, writer: Writer<K>, observe: fn(&Arc<World>, Observation<K>)) {
        let api: Api<DeserializeGuard<K>> = Api::all(self.client.clone());
        let guard = Guard { kind, store: writer.as_reader(), world: self.world.clone(), listed: BTreeSet::new() };
        let events = guarded(guard, watcher(api, watcher::Config::default()).default_backoff())
            .map(|event| event.map(|event| event.modify(|object| prune(object.meta_mut()))));
        self.run(kind, events, writer, observe);
    }

    fn namespaces(&self, writer: Writer<PartialObjectMeta<Namespace>>) {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let events = watcher(api, watcher::Config::default()).default_backoff().map(|event| {
            event.map(|event| event.modify(|object: &mut PartialObjectMeta<Namespace>| prune(&mut object.metadata)))
        });
        self.run("Namespace", events, writer, wake::namespace);
    }

    fn run<K: Kind>(
        &self,
        kind: &'static str,
        events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
        writer: Writer<K>,
        observe: fn(&Arc<World>, Observation<K>),
    ) {
        let (world, stop) = (self.world.clone(), self.stop.clone());
        world.listing_begins(kind);
        tokio::spawn(async move {
            let observer = world.clone();
            let restarts = world.metrics.watch_restarts.get_or_create_owned(&KindLabel { kind });
            pump(
                events,
                writer,
                stop,
                move |observation| observe(&observer, observation),
                || world.listed(kind),
                move |error| {
                    restarts.inc();
                    tracing::debug!(kind, %error, "watch broke; it is opened anew");
                },
            )
            .await;
        });
    }

    /// Plan parts, as metadata only: their texts are the routers' business.
    fn parts(&self) {
        let GatewayNamespaces::Only(namespaces) = &self.world.settings.gateway_namespaces else { return };
        for namespace in namespaces {
            let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(self.client.clone(), namespace);
            let selector = format!("{}={}", labels::MANAGED_BY, labels::MANAGER);
            let config = watcher::Config::default().labels(&selector);
            let events = watcher(api, config).default_backoff();
            let (world, stop) = (self.world.clone(), self.stop.clone());
            let scope = namespace.clone();
            world.listing_begins(&scope);
            tokio::spawn(async move {
                let mut events = std::pin::pin!(events);
                let mut unlisted = BTreeSet::new();
                loop {
                    let event = tokio::select! {
                        () = stop.cancelled() => return,
                        event = events.next() => event,
                    };
                    match event {
                        None => return,
                        Some(Err(error)) => {
                            tracing::debug!(kind = "ConfigMap", %error, "watch broke; it is opened anew");
                        }
                        Some(Ok(event)) => see_part(&world, &scope, &mut unlisted, event),
                    }
                }
            });
        }
    }
}

type Place = (String, String);

/// `unlisted`: while a list is being read, the parts known before that it has not named yet. Those left at its end went
/// while the watch was down.
fn see_part(
    world: &Arc<World>,
    scope: &str,
    unlisted: &mut BTreeSet<Place>,
    event: Event<PartialObjectMeta<ConfigMap>>,
) {
    match event {
        Event::Init => {
            let parts = world.parts();
            *unlisted = parts.keys().filter(|(namespace, _)| namespace == scope).cloned().collect();
        }
        Event::InitApply(object) | Event::Apply(object) => {
            unlisted.remove(&place(&object));
            wake::part(world, place(&object), Some(seen(&object)));
        }
        Event::InitDone => {
            for gone in std::mem::take(unlisted) {
                wake::part(world, gone, None);
            }
            world.listed(scope);
        }
        Event::Delete(object) => wake::part(world, place(&object), None),
    }
}

fn place(object: &PartialObjectMeta<ConfigMap>) -> Place {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn seen(object: &PartialObjectMeta<ConfigMap>) -> PartSeen {
    PartSeen {
        digest: object.annotations().get(DIGEST_ANNOTATION).and_then(|digest| digest.parse().ok()),
        resource_version: object.resource_version().unwrap_or_default(),
        foreign: !text_is_ours(object),
        labels: object.labels().clone(),
    }
}

/// Whether the text is there, is the operator's and nobody else's. Who removes it leaves the digest beside it.
fn text_is_ours(object: &PartialObjectMeta<ConfigMap>) -> bool {
    let text_field = format!("f:{PART_KEY}");
    let owns_text = |entry: &&ManagedFieldsEntry| {
        let data = entry.fields_v1.as_ref().and_then(|fields| fields.0.get("f:data"));
        data.is_some_and(|data| data.get(&text_field).is_some())
    };
    let mut owners = object.metadata.managed_fields.iter().flatten().filter(owns_text).peekable();
    owners.peek().is_some() && owners.all(|entry| entry.manager.as_deref() == Some(Manager::Operator.name()))
}

/// Drops what no loop reads and what would otherwise dominate the heap.
fn prune(metadata: &mut kube::core::ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = metadata.annotations.as_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// Between a kind's watch and its store: an object that this build cannot read must not blind the whole kind, nor be
/// taken for one that is gone.
struct Guard<K: Kind> {
    kind: &'static str,
    store: Store<K>,
    world: Arc<World>,
    /// Objects named by the list that is being read.
    listed: BTreeSet<Key>,
}

fn guarded<K: Kind>(
    mut guard: Guard<K>,
    events: impl Stream<Item = Result<Event<DeserializeGuard<K>>, watcher::Error>> + Send + 'static,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static {
    events.filter_map(move |event| std::future::ready(event.map(|event| guard.pass(event)).transpose()))
}

impl<K: Kind> Guard<K> {
    fn pass(&mut self, event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
        match event {
            Event::Init => {
                self.listed.clear();
                Some(Event::Init)
            }
            Event::InitApply(object) => {
                let key = Key::of(&object);
                self.listed.insert(key.clone());
                // What was read last is listed in its stead, so that it is not told as gone.
                let known = || self.store.find_key(&key).map(Arc::unwrap_or_clone);
                self.readable(&key, object).or_else(known).map(Event::InitApply)
            }
            Event::InitDone => {
                let gone =
                    self.world.unreadable.of_kind(self.kind).into_iter().filter(|key| !self.listed.contains(key));
                gone.for_each(|key| self.clear(&key));
                Some(Event::InitDone)
            }
            Event::Apply(object) => {
                let key = Key::of(&object);
                self.readable(&key, object).map(Event::Apply)
            }
            Event::Delete(object) => {
                let key = Key::of(&object);
                self.clear(&key);
                object.0.ok().or_else(|| self.store.find_key(&key).map(Arc::unwrap_or_clone)).map(Event::Delete)
            }
        }
    }

    fn readable(&self, key: &Key, object: DeserializeGuard<K>) -> Option<K> {
        match object.0 {
            Ok(object) => {
                self.clear(key);
                Some(object)
            }
            Err(unreadable) => {
                let (kind, error) = (self.kind, unreadable.error);
                if self.world.unreadable.note(kind, key, &error) {
                    tracing::error!(kind, object = %key, error, "an object cannot be read by this version; what stands because of it is left alone");
                }
                None
            }
        }
    }

    fn clear(&self, key: &Key) {
        if self.world.unreadable.forget(self.kind, key) {
            plan::writer::mark_all(&self.world);
        }
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
