//! A folder's objects in the stores and the index that the checks read, filled at once instead of by watches.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{ObjectMeta, PartialObjectMeta, PartialObjectMetaExt as _};
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::api;
use crate::controllers::claim;
use crate::controllers::facts::Facts;
use crate::controllers::sources;
use crate::controllers::world::{GatewayNamespaces, Settings, Trust};
use crate::folder::{Folder, Problem};
use crate::runtime::clock::Clock;

/// Facts of a folder, and the way by which claims are still added.
#[derive(Debug)]
pub struct Filled {
    pub facts: Facts,
    pub claims: Writer<api::NumberClaim>,
}

/// What a watched kind is in the stores.
trait Stored: Resource<DynamicType = ()> + Clone + 'static {}
impl<K: Resource<DynamicType = ()> + Clone + 'static> Stored for K {}

/// Fills stores and index from `folder`; `now` is what a clock would show.
pub fn fill(folder: &Folder, now: Timestamp) -> Result<Filled, Vec<Problem>> {
    let (stores, mut writers) = sources::stores();
    let settings =
        Settings { trust: Trust::Assumed, gateway_namespaces: GatewayNamespaces::All, usage_writes_per_second: 0 };
    let facts = Facts::new(stores, settings, Clock::showing(now));
    let mut problems = Vec::new();
    put(&mut writers.numbers, read(folder, &mut problems));
    put(&mut writers.gateways, read(folder, &mut problems));
    put(&mut writers.tariffs, read(folder, &mut problems));
    put(&mut writers.pools, read(folder, &mut problems));
    put(&mut writers.claims, read(folder, &mut problems));
    put(&mut writers.calendars, read(folder, &mut problems));
    put(&mut writers.tenants, read(folder, &mut problems));
    put(&mut writers.approvals, read(folder, &mut problems));
    put(&mut writers.schedules, read(folder, &mut problems));
    put(&mut writers.overrides, read(folder, &mut problems));
    put(&mut writers.caller_lists, read(folder, &mut problems));
    put(&mut writers.namespaces, namespaces(folder));
    if !problems.is_empty() {
        return Err(problems);
    }
    index(&facts);
    Ok(Filled { facts, claims: writers.claims })
}

/// Adds one claim to store and index.
pub fn add_claim(filled: &mut Filled, claim: &api::NumberClaim) {
    filled.claims.apply_watcher_event(&Event::Apply(claim.clone()));
    if let Some(number) = claim::number_of(claim) {
        filled.facts.references().claim(number, claim);
    }
}

fn read<K: Stored + DeserializeOwned>(folder: &Folder, problems: &mut Vec<Problem>) -> Vec<K> {
    match folder.objects.of_kind::<K>() {
        Ok(objects) => objects.into_iter().map(|object| (*object).clone()).collect(),
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    }
}

fn put<K: Stored>(writer: &mut Writer<K>, objects: Vec<K>) {
    writer.apply_watcher_event(&Event::Init);
    for object in objects {
        writer.apply_watcher_event(&Event::InitApply(object));
    }
    writer.apply_watcher_event(&Event::InitDone);
}

/// The namespaces declared, and those that objects are in: a folder need not declare what a cluster has.
fn namespaces(folder: &Folder) -> Vec<PartialObjectMeta<Namespace>> {
    let holding = folder.objects.iter().filter_map(|(key, _)| key.namespace.as_deref());
    let mut names: Vec<&str> = folder.objects.namespaces().chain(holding).collect();
    names.sort_unstable();
    names.dedup();
    let metadata = |name: &str| ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(folder.objects.namespace_labels(name)),
        ..ObjectMeta::default()
    };
    names.into_iter().map(|name| metadata(name).into_response_partial()).collect()
}

fn index(facts: &Facts) {
    let mut references = facts.references();
    let stores = &facts.stores;
    stores.numbers.state().iter().for_each(|number| references.number(number));
    stores.schedules.state().iter().for_each(|schedule| references.schedule(schedule));
    stores.overrides.state().iter().for_each(|object| references.routing_override(object));
    stores.tenants.state().iter().for_each(|tenant| references.tenant(&tenant.name_any(), tenant));
    stores.approvals.state().iter().for_each(|approval| references.approval(&approval.name_any(), approval));
    for claim in stores.claims.state() {
        if let Some(number) = claim::number_of(&claim) {
            references.claim(number, &claim);
        }
    }
}
