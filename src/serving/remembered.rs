//! The plan of an earlier run, from the workers' copy on disk: what the loops find standing when they begin, as an
//! operator finds its ConfigMaps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::controllers::key::Key;
use crate::controllers::plan::shard::{ShardKey, labels};
use crate::controllers::sink::PlanPart;
use crate::controllers::wake;
use crate::controllers::world::{PartSeen, World};
use crate::domain::digest::Digest;
use crate::domain::routing::document::Part;
use crate::domain::routing::place::callers_leaf;
use crate::workers::house::House;
use crate::workers::plan::Family;
use crate::workers::plan::disk::DiskCopy;

/// The resourceVersion of a part that this process has not written.
const BEFORE_THIS_RUN: &str = "0";

/// The parts that `house` took from its copy under `data`; what it refused is as if it were not there.
pub(super) fn parts(data: &Path, house: &House) -> Vec<PlanPart> {
    let held = held(house);
    let texts = DiskCopy::open(data).and_then(|disk| disk.read()).unwrap_or_default();
    let readable = texts.into_iter().filter_map(|(name, text)| Some((name, text.ok()?)));
    readable
        .filter_map(|(stored, text)| {
            let digest = Digest::of(text.as_bytes());
            (held.get(&stored) == Some(&digest)).then_some(())?;
            // A namespace has no dot in its name.
            let (namespace, name) = stored.split_once('.')?;
            let labels = labels_of(&serde_json::from_str(&text).ok()?, &digest)?;
            Some(PlanPart { namespace: namespace.to_owned(), name: name.to_owned(), labels, digest, text })
        })
        .collect()
}

fn held(house: &House) -> BTreeMap<String, Digest> {
    let routing = house.store.served(Family::Routing, "", 0).changed;
    let routing = routing.into_iter().filter_map(|change| Some((change.part, change.digest?)));
    let billing = house.store.billing().into_iter().map(|(part, (digest, _))| (part, digest));
    routing.chain(billing).collect()
}

/// The labels that the part was written with: all of them follow from its text.
fn labels_of(part: &Part, digest: &Digest) -> Option<BTreeMap<String, String>> {
    let of_shard = |gateway: &str, namespace: &str, leaf: String| {
        let (gateway_namespace, name) = gateway.split_once('/')?;
        let shard = ShardKey { gateway: Key::new(gateway_namespace, name), namespace: namespace.to_owned() };
        let mut labels = shard.labels();
        labels.insert(labels::LEAF.to_owned(), leaf);
        Some(labels)
    };
    match part {
        Part::Head(head) => of_shard(&head.gateway, "", "head".to_owned()),
        Part::Numbers(leaf) => of_shard(&leaf.gateway, &leaf.namespace, format!("n{}", leaf.leaf)),
        Part::Bindings(leaf) => of_shard(&leaf.gateway, &leaf.namespace, format!("b{}", leaf.leaf)),
        Part::Callers(part) => of_shard(&part.gateway, &part.namespace, callers_leaf(digest)),
        Part::Prices(_) => Some(BTreeMap::from([
            (labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned()),
            (labels::LEAF.to_owned(), "prices".to_owned()),
        ])),
    }
}

/// Shows the parts to the loops as a watch's first list would.
pub(super) fn show(world: &Arc<World>, parts: &[PlanPart]) {
    for part in parts {
        let seen = PartSeen {
            digest: Some(part.digest),
            resource_version: BEFORE_THIS_RUN.to_owned(),
            foreign: false,
            labels: part.labels.clone(),
        };
        wake::part(world, (part.namespace.clone(), part.name.clone()), Some(seen));
    }
}

/// Has every shard of an earlier run rendered once: one whose numbers left the folder while nobody looked has no member
/// that would ask for it.
pub(super) fn look_again(world: &World, parts: &[PlanPart]) {
    let shards = parts.iter().filter_map(|part| {
        let gateway = Key::new(&part.namespace, part.labels.get(labels::GATEWAY)?);
        Some(ShardKey { gateway, namespace: part.labels.get(labels::TENANT_NAMESPACE)?.clone() })
    });
    world.mark_shards(shards);
}
