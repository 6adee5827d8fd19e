//! Facts about gateways.

use std::net::{IpAddr, Ipv4Addr};

use super::{Report, codes};
use crate::domain::routing::network::Network;
use crate::offline::verdicts::object_key;

/// An address in each network that clusters commonly give to pods and services.
const INSIDE_CLUSTERS: &[Ipv4Addr] = &[
    Ipv4Addr::new(10, 42, 0, 1),
    Ipv4Addr::new(10, 43, 0, 1),
    Ipv4Addr::new(10, 96, 0, 1),
    Ipv4Addr::new(10, 244, 0, 1),
];

pub fn look(report: &mut Report<'_>) {
    for gateway in report.offline.facts.stores.gateways.state() {
        for listener in &gateway.spec.listeners {
            for peer in &listener.peers {
                let Ok(network) = peer.parse::<Network>() else { continue };
                if INSIDE_CLUSTERS.iter().any(|address| network.contains(IpAddr::V4(*address))) {
                    let sentence = format!(
                        "{peer} contains networks that clusters use for pods and services: list the switches' addresses"
                    );
                    let field = format!("listeners[{}].peers[{peer}]", listener.name);
                    report.tell(&codes::OPEN_PEERS, &object_key(&*gateway), &field, sentence);
                }
            }
        }
    }
}
