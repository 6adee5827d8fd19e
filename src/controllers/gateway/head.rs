//! The head part: a gateway's own settings, as its workers read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::CallGateway;
use crate::api::call_gateway::{self as api, RecordFormat, RecordLegs};
use crate::controllers::error::Error;
use crate::controllers::key::{Key, ObjectMetaExt as _};
use crate::controllers::plan::shard::{Leaf, ShardKey, labels};
use crate::controllers::plan::writer;
use crate::controllers::world::{Find as _, PartSeen, World};
use crate::domain::digest::Digest;
use crate::domain::routing::document::{
    FORMAT, Head, Listener, NumberFormat, OriginalCalled, Part, Protocol, RecordSource, Transport, Trunk,
};

pub use crate::domain::routing::place::HEAD_LEAF as LEAF;

/// The shard that holds a gateway's head.
pub fn shard(gateway: &Key) -> ShardKey {
    ShardKey { gateway: gateway.clone(), namespace: String::new() }
}

/// Writes the head of an accepted gateway; one that is refused keeps the head it has, one that is gone loses it.
pub async fn write(world: &Arc<World>, gateway: &Key) -> Result<(), Error> {
    let shard = shard(gateway);
    let Some(object) = world.stores.gateways.find_key(gateway).filter(|object| !object.is_terminating()) else {
        // The head goes last: a router keeps it while it still has numbers of the gateway.
        return if has_leaves(world, gateway) { Ok(()) } else { writer::delete(world, &shard, LEAF).await };
    };
    if super::check::in_process(&object, world).is_err() {
        return Ok(());
    }
    let Ok(text) = serde_json::to_string(&Part::Head(build(gateway, &object))) else { return Ok(()) };
    let leaf = Leaf { part: shard.part(LEAF, text), entries: BTreeMap::new() };
    let known = world.plan().written(&shard, LEAF);
    writer::put(world, &shard, LEAF, &leaf).await?;
    if known != Some(leaf.part.digest) {
        world.hub.gateways.wake(gateway);
    }
    Ok(())
}

/// Whether numbers of `gateway` still stand somewhere: by our own writes, or by those of an earlier term.
fn has_leaves(world: &World, gateway: &Key) -> bool {
    world.plan().has_leaves(gateway)
        || world.parts().iter().any(|((namespace, _), seen)| is_leaf_of(gateway, namespace, seen))
}

fn is_leaf_of(gateway: &Key, namespace: &str, seen: &PartSeen) -> bool {
    let leaf = seen.labels.get(labels::LEAF).is_some_and(|leaf| leaf.starts_with('n'));
    leaf && namespace == gateway.namespace && seen.labels.get(labels::GATEWAY) == Some(&gateway.name)
}

/// The head of a gateway. Pure.
pub fn build(key: &Key, gateway: &CallGateway) -> Head {
    let spec = &gateway.spec;
    // The UID makes the key the gateway's own; hashing it keeps the UID itself out of To-tags.
    let digest = Digest::of(format!("to-tag\0{}", gateway.uid_text()).as_bytes());
    let to_tag_key = digest.as_bytes().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Head {
        format: FORMAT,
        gateway: key.to_string(),
        to_tag_key,
        trunk: trunk(&spec.trunk),
        original_called: match spec.original_called() {
            api::OriginalCalled::None => OriginalCalled::None,
            api::OriginalCalled::Diversion => OriginalCalled::Diversion,
            api::OriginalCalled::HistoryInfo => OriginalCalled::HistoryInfo,
        },
        pass_headers: spec.pass_headers.clone(),
        announcements: spec.announcements.iter().map(|a| (a.name.clone(), a.uri.clone())).collect(),
        listeners: spec.listeners.iter().map(listener).collect(),
        record_sources: spec.call_records.iter().flat_map(|records| &records.sources).map(source).collect(),
    }
}

fn trunk(trunk: &api::Trunk) -> Trunk {
    Trunk {
        host: trunk.host.clone(),
        port: u16::try_from(trunk.port()).unwrap_or(5060),
        transport: match trunk.transport() {
            api::Transport::Udp => Transport::Udp,
            api::Transport::Tcp => Transport::Tcp,
        },
        number_format: match trunk.number_format() {
            api::NumberFormat::National => NumberFormat::National,
            api::NumberFormat::E164 => NumberFormat::E164,
        },
    }
}

fn listener(listener: &api::Listener) -> Listener {
    Listener {
        name: listener.name.clone(),
        protocol: match listener.protocol {
            api::Protocol::Udp => Protocol::Udp,
            api::Protocol::Tcp => Protocol::Tcp,
            api::Protocol::Tls => Protocol::Tls,
            api::Protocol::Http => Protocol::Http,
        },
        port: u16::try_from(listener.port).unwrap_or(0),
        peers: listener.peers.clone(),
        force_rport: listener.force_rport(),
        asks_token: listener.token_secret_ref.is_some(),
    }
}

fn source(source: &api::RecordSource) -> RecordSource {
    RecordSource {
        name: source.name.clone(),
        format: match source.format.unwrap_or(RecordFormat::Neutral) {
            RecordFormat::Neutral => "Neutral",
            RecordFormat::FreeSwitchJson => "FreeSwitchJson",
            RecordFormat::KamailioAcc => "KamailioAcc",
            RecordFormat::AsteriskCsv => "AsteriskCsv",
        }
        .to_owned(),
        time_zone: source.time_zone.clone(),
        number_field: source.number_field.clone(),
        caller_field: source.caller_field.clone(),
        destination_field: source.destination_field.clone(),
        legs: source.legs.map(|legs| {
            match legs {
                RecordLegs::CallFlow => "CallFlow",
                RecordLegs::OwnRecords => "OwnRecords",
            }
            .to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_of_an_earlier_term_hold_the_head_back() {
        let east = Key::new("telephony", "east");
        let mut labels = ShardKey { gateway: east.clone(), namespace: "acme".to_owned() }.labels();
        let mut seen = |leaf: &str| {
            labels.insert(labels::LEAF.to_owned(), leaf.to_owned());
            let resource_version = "1".to_owned();
            PartSeen { digest: None, resource_version, foreign: false, labels: labels.clone() }
        };
        assert!(is_leaf_of(&east, "telephony", &seen("n01")));
        assert!(!is_leaf_of(&east, "elsewhere", &seen("n01")));
        assert!(!is_leaf_of(&Key::new("telephony", "west"), "telephony", &seen("n01")));
        assert!(!is_leaf_of(&east, "telephony", &seen(LEAF)));
    }
}
