//! CallGateways: settings into the head part, and what the workers say back into status.

pub mod admission;
pub mod head;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;

use super::counted;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, Progress, join, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::world::{GatewayWord, World};
use crate::api::CallGateway;
use crate::api::call_gateway::{
    CallGatewayStatus, GatewayMode, LedgerType, ListenerAddress, PlanStatus, Protocol, RecordFormat, Runtime,
    WorkerStatus,
};
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons as reason;
use crate::domain::digest::Digest;

/// How long a first status waits for the workers' word.
const GRACE: Duration = Duration::from_secs(2);

/// Brings a gateway's head and status up to date.
pub async fn reconcile(gateway: Arc<CallGateway>, world: Arc<World>) -> Result<Action, Error> {
    if gateway.is_terminating() {
        return Ok(Action::await_change());
    }
    let key = Key::of(&*gateway);
    let accepted = check(&gateway, &world);
    if accepted.is_ok() {
        world.mark_shards([head::shard(&key)]);
    }
    let word = world.gateway_word(&key).unwrap_or_default();
    let loaded = loaded(&world, &key, &word);
    if accepted.is_ok()
        && loaded.programmed.is_err()
        && let Some(left) = world.grace_left(&*gateway, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left));
    }
    let old = gateway.status.clone();
    let mut set = ConditionSet::new(
        old.as_ref().map_or(&[], |status| &status.conditions),
        gateway.generation(),
        world.clock.now(),
    );
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    let programmed = accepted.clone().map_err(|_| not_accepted()).and(loaded.programmed.clone());
    set.set_result(types::PROGRAMMED, reason::PROGRAMMED, &programmed);
    if let Some(ledger) = ledger(&word) {
        set.set_result(types::LEDGER_AVAILABLE, reason::LEDGER_AVAILABLE, &ledger);
    }
    match intake(&gateway, &word) {
        Some(Ok(())) if word.unheld_records > 0 => {
            let sentence =
                format!("{} records are kept unrated: nobody held their number when they began", word.unheld_records);
            set.set(types::INTAKE_OPEN, Holds::True, reason::UNRATED_RECORDS, &sentence);
        }
        Some(intake) => {
            set.set_result(types::INTAKE_OPEN, reason::INTAKE_OPEN, &intake);
        }
        None => {}
    }
    let ready = accepted.clone().and(programmed.clone());
    set.set_result(types::READY, reason::READY, &ready);
    set.set_progress(&match (&accepted, &programmed) {
        (Err(finding), _) => Progress::Stalled(finding.clone()),
        (Ok(()), Err(finding)) if finding.reason == reason::AWAITING_ROUTERS => Progress::Reconciling(finding.clone()),
        _ => Progress::Settled,
    });
    let desired = i32::from(accepted.is_ok());
    let status = CallGatewayStatus {
        observed_generation: gateway.generation(),
        addresses: word
            .addresses
            .iter()
            .map(|(listener, value)| ListenerAddress { listener: listener.clone(), value: value.clone() })
            .collect(),
        attached_numbers: i64::try_from(world.references().gateways.count(&key)).ok(),
        plan: loaded.head.map(|digest| PlanStatus {
            digest: digest.to_string(),
            loaded_by: loaded.by,
            of: loaded.routers,
        }),
        workers: vec![
            WorkerStatus { name: "router".to_owned(), ready: loaded.routers, desired },
            WorkerStatus { name: "biller".to_owned(), ready: i32::from(matches!(word.ledger, Some(Ok(())))), desired },
        ],
        conditions: set.finish(),
    };
    let hears = world.plan().acks.hears(&key);
    let status = if hears { status } else { beside_others(status, old.as_ref()) };
    counted::publish(&world, &*gateway, old.map(|status| status.conditions), status.conditions.clone(), &status).await
}

/// The status of a gateway of whose routers this process hears nothing: what another process tells of its workers is left
/// as it stands, while it speaks of this generation and of the same verdict.
fn beside_others(own: CallGatewayStatus, shown: Option<&CallGatewayStatus>) -> CallGatewayStatus {
    let find = |status: &CallGatewayStatus, type_: &str| status.conditions.iter().find(|c| c.type_ == type_).cloned();
    let verdict = |status: &CallGatewayStatus| find(status, types::ACCEPTED).map(|accepted| accepted.status);
    match shown {
        Some(shown)
            if shown.observed_generation == own.observed_generation
                && verdict(shown) == verdict(&own)
                && find(shown, types::PROGRAMMED).is_some() =>
        {
            CallGatewayStatus { attached_numbers: own.attached_numbers, ..shown.clone() }
        }
        _ => own,
    }
}

/// What the workers' acknowledgements come to.
struct Loaded {
    head: Option<Digest>,
    routers: i32,
    by: i32,
    programmed: Result<(), Finding>,
}

fn loaded(world: &World, key: &Key, word: &GatewayWord) -> Loaded {
    let shard = head::shard(key);
    let plan = world.plan();
    let head = plan.written(&shard, head::LEAF);
    let served = plan.acks.served(key, &shard.part_name(head::LEAF));
    let routers = i32::try_from(plan.acks.ready(key)).unwrap_or(i32::MAX);
    let loaded = served.iter().filter(|digest| digest.is_some() && **digest == head).count();
    let loaded_by = i32::try_from(loaded).unwrap_or(i32::MAX);
    let programmed = if let Some((listener, why)) = word.refused.iter().next() {
        refuse(reason::NO_READY_ROUTER, format!("listener {listener} cannot be opened: {why}"))
    } else if routers == 0 {
        refuse(reason::NO_READY_ROUTER, "no router of this gateway is ready")
    } else if loaded_by < routers {
        refuse(reason::AWAITING_ROUTERS, "routers have not all loaded the gateway's settings yet")
    } else {
        Ok(())
    };
    Loaded { head, routers, by: loaded_by, programmed }
}

fn not_accepted() -> Finding {
    Finding::new(
        reason::NOT_ACCEPTED,
        "the gateway's settings are refused: see Accepted; routers go on with the last accepted ones",
    )
}

fn ledger(word: &GatewayWord) -> Option<Result<(), Finding>> {
    Some(match word.ledger.clone()? {
        Err(why) => refuse(reason::LEDGER_UNREACHABLE, format!("the ledger takes no records: {why}")),
        Ok(()) => Ok(()),
    })
}

/// Whether call records are taken; `None` where this gateway has no biller.
fn intake(gateway: &CallGateway, word: &GatewayWord) -> Option<Result<(), Finding>> {
    word.ledger.as_ref()?;
    let named = gateway.spec.call_records.as_ref().is_some_and(|records| records.token_secret_ref.is_some());
    Some(match &word.token {
        _ if !named => refuse(
            reason::TOKEN_MISSING,
            "call record intake is off: name the Secret with its token in callRecords.tokenSecretRef",
        ),
        Some(Err(why)) => refuse(reason::TOKEN_MISSING, format!("call record intake is off: {why}")),
        None => refuse(reason::TOKEN_MISSING, "call record intake is off: its token is not read yet"),
        Some(Ok(())) => Ok(()),
    })
}

/// Whether this version serves the gateway as asked.
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
    check_spec(gateway)
}

/// The part of [`check`] that needs nothing but the object. Pure.
pub fn check_spec(gateway: &CallGateway) -> Result<(), Finding> {
    let unsupported = not_yet_supported(gateway);
    if !unsupported.is_empty() {
        return refuse(reason::NOT_YET_SUPPORTED, format!("not served by this version: {}", join(&unsupported)));
    }
    for listener in &gateway.spec.listeners {
        for peer in &listener.peers {
            if !is_network(peer) {
                return refuse(
                    reason::INVALID,
                    format!("listeners[{}].peers: {peer} is no network, write it as 10.0.0.0/8", listener.name),
                );
            }
        }
    }
    trunk_is_elsewhere(gateway)
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
    let tcp = spec.listeners.iter().filter(|listener| listener.protocol == Protocol::Tcp);
    fields.extend(tcp.map(|listener| format!("listeners[{}].protocol TCP (use UDP)", listener.name)));
    let native = spec.call_records.iter().flat_map(|records| &records.sources);
    fields.extend(
        native
            .filter(|source| !matches!(source.format, None | Some(RecordFormat::Neutral)))
            .map(|source| format!("callRecords.sources[{}].format (use Neutral)", source.name)),
    );
    fields
}

fn is_network(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return text.parse::<IpAddr>().is_ok() };
    match (address.parse::<IpAddr>(), prefix.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(prefix)) => prefix <= 32,
        (Ok(IpAddr::V6(_)), Ok(prefix)) => prefix <= 128,
        _ => false,
    }
}

/// A trunk that is one of our own listeners would send every call round in a circle.
fn trunk_is_elsewhere(gateway: &CallGateway) -> Result<(), Finding> {
    let trunk = &gateway.spec.trunk;
    let here = matches!(trunk.host.as_str(), "127.0.0.1" | "localhost" | "::1" | "0.0.0.0");
    let own =
        gateway.spec.listeners.iter().find(|listener| {
            listener.protocol != Protocol::Http && listener.port != 0 && listener.port == trunk.port()
        });
    match own {
        Some(listener) if here => refuse(
            reason::TRUNK_IS_LISTENER,
            format!(
                "trunk {}:{} is listener {}: name the host behind which the destinations are",
                trunk.host,
                trunk.port(),
                listener.name
            ),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod beside_others_tests {
    use super::*;

    fn status(generation: i64, programmed: &str, attached: i64, routers: i32) -> CallGatewayStatus {
        let condition = |type_: &str, status: &str| {
            let value = serde_json::json!({
                "type": type_, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z",
            });
            serde_json::from_value(value).unwrap()
        };
        CallGatewayStatus {
            observed_generation: generation,
            attached_numbers: Some(attached),
            workers: vec![WorkerStatus { name: "router".to_owned(), ready: routers, desired: 1 }],
            conditions: vec![condition(types::ACCEPTED, "True"), condition(types::PROGRAMMED, programmed)],
            ..CallGatewayStatus::default()
        }
    }

    #[test]
    fn a_process_without_workers_tells_only_what_it_knows_itself() {
        let (own, theirs) = (status(2, "False", 7, 0), status(2, "True", 5, 1));
        assert_eq!(beside_others(own.clone(), None), own, "nobody has told anything yet");
        assert_eq!(beside_others(own.clone(), Some(&theirs)), status(2, "True", 7, 1));
        assert_eq!(beside_others(own.clone(), Some(&status(1, "True", 5, 1))), own, "of an older generation");
    }
}
