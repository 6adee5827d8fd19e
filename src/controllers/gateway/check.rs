//! Whether this version serves a gateway as asked. Pure over the caches; what routers would refuse is refused here first.

use std::net::{IpAddr, SocketAddr};

use super::head;
use crate::api::CallGateway;
use crate::api::call_gateway::{GatewayMode, LedgerType, Protocol, Runtime};
use crate::api::reasons as reason;
use crate::controllers::facts::Facts;
use crate::controllers::findings::{Finding, join, refuse};
use crate::controllers::key::Key;
use crate::controllers::world::World;
use crate::domain::digest::Digest;
use crate::domain::routing::head::CompiledHead;
use crate::domain::routing::load::LoadError;

/// What can be said of a gateway from objects alone, as folder tools see them.
pub fn check(gateway: &CallGateway, facts: &Facts) -> Result<(), Finding> {
    let namespace = gateway.metadata.namespace.as_deref().unwrap_or_default();
    if !facts.settings.gateway_namespaces.contains(namespace) {
        return refuse(
            reason::NAMESPACE_NOT_SERVED,
            format!(
                "this operator serves no gateways in namespace {namespace}: start it with --gateway-namespaces {namespace}"
            ),
        );
    }
    check_spec(gateway)?;
    let own = Key::of(gateway);
    let others = facts.stores.gateways.state();
    let others = others.iter().filter(|other| {
        let key = Key::of(&***other);
        key != own && facts.settings.gateway_namespaces.contains(&key.namespace)
    });
    others.into_iter().try_for_each(|other| trunk_is_elsewhere(gateway, other))
}

/// [`check`], and what only a process with listeners of its own knows: the addresses that they are bound to.
pub fn in_process(gateway: &CallGateway, world: &World) -> Result<(), Finding> {
    check(gateway, world)?;
    world.stores.gateways.state().iter().try_for_each(|other| {
        let key = Key::of(&**other);
        let word = world.gateway_word(&key).unwrap_or_default();
        word.addresses.iter().filter(|(name, _)| is_sip(other, name)).try_for_each(|(name, address)| {
            let bound: Option<SocketAddr> = address.parse().ok();
            if bound.is_some_and(|bound| is_trunk(gateway, bound)) { is_listener(gateway, other, name) } else { Ok(()) }
        })
    })
}

/// The part of [`check`] that needs nothing but the object.
pub fn check_spec(gateway: &CallGateway) -> Result<(), Finding> {
    let unsupported = not_yet_supported(gateway);
    if !unsupported.is_empty() {
        return refuse(reason::NOT_YET_SUPPORTED, format!("not served by this version: {}", join(&unsupported)));
    }
    // The routers' own reading: a head that they would refuse is never written.
    match CompiledHead::compile(&head::build(&Key::of(gateway), gateway), Digest::of(b"")) {
        Ok(_) => trunk_is_elsewhere(gateway, gateway),
        Err(LoadError::Head { field, sentence, .. }) => refuse(reason::INVALID, format!("{field}: {sentence}")),
        Err(error) => Err(Finding::of(reason::INVALID, &error)),
    }
}

fn not_yet_supported(gateway: &CallGateway) -> Vec<String> {
    let spec = &gateway.spec;
    let mut fields = Vec::new();
    if spec.mode() == GatewayMode::Proxy {
        fields.push("mode Proxy (use Redirect)".to_owned());
    }
    if spec.runtime() == Runtime::Deployment {
        fields.push("workers.runtime Deployment (use Embedded)".to_owned());
    }
    if spec.ledger_type() == LedgerType::Postgresql {
        fields.push("ledger.type PostgreSQL (use SQLite)".to_owned());
    }
    fields
}

/// A trunk that is a listener of this process would send every call round in a circle: refused where the host is this
/// one by its name and the port is one of `other`'s.
fn trunk_is_elsewhere(gateway: &CallGateway, other: &CallGateway) -> Result<(), Finding> {
    let trunk = &gateway.spec.trunk;
    if !is_this_host(&trunk.host) {
        return Ok(());
    }
    let sip = other.spec.listeners.iter().filter(|listener| listener.protocol != Protocol::Http);
    match sip.into_iter().find(|listener| listener.port != 0 && listener.port == trunk.port()) {
        Some(listener) => is_listener(gateway, other, &listener.name),
        None => Ok(()),
    }
}

fn is_listener(gateway: &CallGateway, other: &CallGateway, listener: &str) -> Result<(), Finding> {
    let trunk = &gateway.spec.trunk;
    let (own, owner) = (Key::of(gateway), Key::of(other));
    let whose = if own == owner { String::new() } else { format!(" of gateway {owner}") };
    refuse(
        reason::TRUNK_IS_LISTENER,
        format!(
            "trunk {}:{} is our own listener {listener}{whose}, so that calls would come back to it: set trunk to the \
             switch that reaches the destinations",
            trunk.host,
            trunk.port(),
        ),
    )
}

fn is_sip(gateway: &CallGateway, listener: &str) -> bool {
    let mut listeners = gateway.spec.listeners.iter();
    listeners.any(|candidate| candidate.name == listener && candidate.protocol != Protocol::Http)
}

/// Whether calls to the trunk would come in where a listener is bound.
fn is_trunk(gateway: &CallGateway, bound: SocketAddr) -> bool {
    let trunk = &gateway.spec.trunk;
    let same_address = address_of(&trunk.host) == Some(bound.ip().to_canonical());
    trunk.port() == i32::from(bound.port()) && (same_address || is_this_host(&trunk.host))
}

/// Whether a host is this one wherever it is said: loopback, the unspecified address (which reaches loopback), or
/// `localhost` and names below it (RFC 6761 §6.3).
fn is_this_host(host: &str) -> bool {
    if let Some(address) = address_of(host) {
        return address.is_loopback() || address.is_unspecified();
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The address that a host is, brackets or none; an IPv4 address in IPv6 form is the IPv4 one.
fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(spoil: impl FnOnce(&mut CallGateway)) -> CallGateway {
        let mut gateway = serde_saphyr::from_str(
            "{apiVersion: fourhundred.io/v1alpha1, kind: CallGateway, metadata: {name: east, namespace: telephony}, \
             spec: {listeners: [{name: sip, protocol: UDP, port: 5070, peers: [127.0.0.0/8]}, \
             {name: api, protocol: HTTP, port: 8400}], trunk: {host: 10.0.3.20, port: 5070}}}",
        )
        .unwrap();
        spoil(&mut gateway);
        gateway
    }

    #[test]
    fn what_every_router_would_refuse_is_refused_with_its_field() {
        type Spoil = fn(&mut CallGateway);
        let cases: [(Spoil, &str); 5] = [
            (
                |g| {
                    let uri = "sip:忙@10.0.3.30".to_owned();
                    g.spec.announcements.push(crate::api::call_gateway::Announcement { name: "busy".to_owned(), uri });
                },
                "announcements[busy].uri: ",
            ),
            (|g| g.spec.trunk.host = "trunk_1".to_owned(), "trunk.host: \"trunk_1\""),
            (|g| g.spec.trunk.host = "a:b".to_owned(), "trunk.host: \"a:b\""),
            (|g| g.spec.listeners[0].peers.push("10.0.0.0/+8".to_owned()), "listeners[sip].peers: \"10.0.0.0/+8\""),
            (|g| g.spec.listeners[1].peers.push("10.0.0.0/33".to_owned()), "listeners[api].peers: "),
        ];
        assert_eq!(check_spec(&gateway(|_| ())), Ok(()));
        for (spoil, start) in cases {
            let finding = check_spec(&gateway(spoil)).unwrap_err();
            assert_eq!(finding.reason, reason::INVALID);
            assert!(finding.sentence.starts_with(start), "{}", finding.sentence);
        }
    }

    #[test]
    fn a_trunk_that_is_a_listener_of_this_process_is_refused_however_it_is_written() {
        let at = |host: &str| gateway(|gateway| host.clone_into(&mut gateway.spec.trunk.host));
        for host in [
            "127.0.0.1",
            "127.0.0.2",
            "localhost",
            "LOCALHOST.",
            "sip.localhost",
            "0.0.0.0",
            "::",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            let refused = check_spec(&at(host)).unwrap_err();
            assert_eq!(refused.reason, reason::TRUNK_IS_LISTENER, "{host}");
        }
        for host in ["10.0.3.20", "trunk.example", "notlocalhost", "2001:db8::5"] {
            assert_eq!(check_spec(&at(host)), Ok(()), "{host}");
        }
        let other = gateway(|gateway| gateway.metadata.name = Some("west".to_owned()));
        let own = gateway(|gateway| {
            gateway.spec.trunk.host = "127.0.0.3".to_owned();
            gateway.spec.listeners[0].port = 5099;
        });
        let finding = trunk_is_elsewhere(&own, &other).unwrap_err();
        assert!(finding.sentence.contains("is our own listener sip of gateway telephony/west"), "{}", finding.sentence);
    }

    #[test]
    fn a_trunk_at_an_address_that_a_listener_is_bound_to_is_refused() {
        let own = gateway(|_| ());
        assert!(is_trunk(&own, "10.0.3.20:5070".parse().unwrap()));
        assert!(
            !is_trunk(&own, "10.0.3.20:5071".parse().unwrap()) && !is_trunk(&own, "10.0.3.21:5070".parse().unwrap())
        );
        let loopback = gateway(|gateway| gateway.spec.trunk.host = "localhost".to_owned());
        assert!(is_trunk(&loopback, "0.0.0.0:5070".parse().unwrap()), "a port of the system's choice");
        assert!(is_sip(&own, "sip") && !is_sip(&own, "api"));
    }
}
