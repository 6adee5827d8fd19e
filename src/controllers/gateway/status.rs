//! A gateway's status. Pure: what was judged and what the workers say goes in, what `kubectl describe` shows comes out.

use jiff::Timestamp;

use super::Loaded;
use crate::api::CallGateway;
use crate::api::call_gateway::{CallGatewayStatus, ListenerAddress, PlanStatus, WorkerStatus};
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons as reason;
use crate::controllers::findings::{ConditionSet, Finding, Progress, refuse};
use crate::controllers::key::ObjectMetaExt as _;
use crate::controllers::world::GatewayWord;

/// The status to publish; `attached` counts the numbers that name the gateway.
pub(super) fn of(
    gateway: &CallGateway,
    accepted: &Result<(), Finding>,
    loaded: &Loaded,
    word: &GatewayWord,
    attached: usize,
    now: Timestamp,
) -> CallGatewayStatus {
    let shown = gateway.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(shown, gateway.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, accepted);
    let programmed = accepted.clone().map_err(|_| not_accepted()).and(loaded.programmed.clone());
    set.set_result(types::PROGRAMMED, reason::PROGRAMMED, &programmed);
    if let Some(ledger) = ledger(word) {
        set.set_result(types::LEDGER_AVAILABLE, reason::LEDGER_AVAILABLE, &ledger);
    }
    set_intake(&mut set, gateway, word);
    if let Some(certificates) = certificates(gateway, word) {
        set.set_result(types::RESOLVED_REFS, reason::RESOLVED_REFS, &certificates);
    }
    set.set_result(types::READY, reason::READY, &accepted.clone().and(programmed.clone()));
    set.set_progress(&match (accepted, &programmed) {
        (Err(finding), _) => Progress::Stalled(finding.clone()),
        (Ok(()), Err(finding)) if finding.reason == reason::AWAITING_ROUTERS => Progress::Reconciling(finding.clone()),
        _ => Progress::Settled,
    });
    let addresses = word.addresses.iter();
    CallGatewayStatus {
        observed_generation: gateway.generation(),
        addresses: addresses
            .map(|(listener, value)| ListenerAddress { listener: listener.clone(), value: value.clone() })
            .collect(),
        attached_numbers: i64::try_from(attached).ok(),
        plan: loaded.head.map(|digest| PlanStatus {
            digest: digest.to_string(),
            loaded_by: loaded.by,
            of: loaded.routers,
        }),
        workers: workers(loaded.routers, word, i32::from(accepted.is_ok())),
        conditions: set.finish(),
    }
}

fn workers(routers: i32, word: &GatewayWord, desired: i32) -> Vec<WorkerStatus> {
    let biller = i32::from(matches!(word.ledger, Some(Ok(()))));
    vec![
        WorkerStatus { name: "router".to_owned(), ready: routers, desired },
        WorkerStatus { name: "biller".to_owned(), ready: biller, desired },
    ]
}

fn set_intake(set: &mut ConditionSet<'_>, gateway: &CallGateway, word: &GatewayWord) {
    match intake(gateway, word) {
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

/// Whether every TLS listener has a certificate to show; `None` where no word of them came, or none is needed.
fn certificates(gateway: &CallGateway, word: &GatewayWord) -> Option<Result<(), Finding>> {
    let listeners = gateway.spec.listeners.iter().filter(|listener| listener.certificate_secret_ref.is_some());
    let words = listeners.filter_map(|listener| Some((&listener.name, word.certificates.get(&listener.name)?)));
    let broken = words.clone().find_map(|(name, word)| Some((name, word.as_ref().err()?)));
    words.count().checked_sub(1)?;
    Some(match broken {
        Some((listener, why)) => refuse(reason::INVALID_CERTIFICATE_REF, format!("listener {listener}: {why}")),
        None => Ok(()),
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
