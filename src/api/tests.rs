//! What a user writes is what the types hold and write again, nothing added and nothing lost.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call_gateway::{GatewayMode, LedgerType, NamespacesFrom, NumberFormat, Runtime, Transport};
use super::tariff::{ChargeFrom, Increments, RollOver, Rounding};
use super::tenant::{Payment, TenantState};
use super::*;

/// Reads `text` as `T`, checks that it writes the same, and returns it.
fn round_trip<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let written: Value = serde_saphyr::from_str(text).unwrap();
    let read: T = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    read
}

#[test]
fn a_number_with_everything_keeps_everything() {
    let number: FourHundredNumber = round_trip(
        r#"
apiVersion: fourhundred.io/v1alpha1
kind: FourHundredNumber
metadata: {name: hotline, namespace: acme}
spec:
  choose: {poolRef: {name: mobile-4001}, pattern: "8888"}
  gatewayRef: {name: east, namespace: telephony}
  tariffRef: {name: standard}
  package: m300
  state: Paused
  functions: [Schedule, MissedCallSms]
  scheduleRef: {name: office-hours}
  destinations:
  - {name: beijing, number: "010-8888 0001", ringSeconds: 20, concurrentCalls: 30}
  - {name: duty, number: "138 0013 8000"}
  groups:
  - {name: trial, strategy: Percentage, members: [{destination: beijing, percent: 70}], overflow: [{destination: duty}]}
  screening: {denyCallers: ["0898*"], denyAreas: ["0898"], onlyAreas: ["010", Unknown], anonymous: Deny}
  limits: {concurrentCalls: 40, callsPerMonth: 100000, whenExceeded: {announcement: all-lines-busy}}
  rules:
  - {name: south-by-day, when: {periods: [work], callers: ["0105555*"], callerAreas: ["020"]}, to: {group: trial}}
  - {name: night, to: {announcement: closed}}
  whenExhausted: {release: NoAnswer}
status:
  observedGeneration: 3
  number: "4001008888"
  grade: plain
  conditions:
  - {type: Ready, status: "True", reason: Paused, message: "", observedGeneration: 3, lastTransitionTime: "2026-11-23T02:15:00Z"}
  usage:
    month: "2026-11"
    calls: {offered: 1840, answered: 1712, refused: 31, unanswered: 97}
    chargedSeconds: 313200
    messages: {submitted: 400, delivered: 391, failed: 7, pending: 2}
    charges: {setup: "0.00", voice: "866.40", messages: "19.55", functions: "20.00", total: "905.95"}
    unrated: 5
    asOf: "2026-11-23T10:15:00+08:00"
"#,
    );
    assert_eq!(number.gateway().to_string(), "telephony/east");
    assert_eq!(number.key().to_string(), "acme/hotline");
}

#[test]
fn an_object_with_the_default_status_can_be_read() {
    let tariff: Tariff = serde_json::from_value(json!({
        "apiVersion": "fourhundred.io/v1alpha1", "kind": "Tariff", "metadata": {"name": "standard"},
        "spec": {"versions": [{"effectiveFrom": "2026-01-01",
            "voice": {"rates": [{"name": "all", "perMinute": {"enterprise": "0.15"}}]}}]},
        "status": {"observedGeneration": -1}
    }))
    .unwrap();
    assert_eq!(tariff.status.unwrap().observed_generation, NEVER_OBSERVED);
}

#[test]
fn a_target_is_exactly_one_member() {
    for text in [r#"{"destination": "a", "group": "b"}"#, "{}", r#"{"number": "10086"}"#] {
        assert!(serde_json::from_str::<routing_target::Target>(text).is_err(), "{text}");
    }
}

#[test]
fn a_gateway_that_says_little_is_embedded_redirect_on_sqlite() {
    let spec: CallGatewaySpec =
        round_trip("{listeners: [{name: sip, protocol: UDP, port: 0, peers: [127.0.0.0/8]}], trunk: {host: sbc}}");
    assert_eq!(
        (spec.mode(), spec.runtime(), spec.ledger_type()),
        (GatewayMode::Redirect, Runtime::Embedded, LedgerType::Sqlite)
    );
    assert_eq!((spec.trunk.port(), spec.trunk.transport()), (5060, Transport::Udp));
    assert_eq!((spec.trunk.number_format(), spec.namespaces_from()), (NumberFormat::National, NamespacesFrom::Same));
    assert!(spec.listeners[0].force_rport());
}

#[test]
fn a_tariff_that_says_little_has_the_documented_defaults() {
    let spec: TariffSpec = round_trip(
        r#"
versions:
- effectiveFrom: "2026-01-01"
  voice: {rates: [{name: all, perMinute: {enterprise: "0.10"}}]}
- effectiveFrom: "2026-07-01"
  voice: {rates: [{name: all, perMinute: {enterprise: "0.15"}}]}
  packages: [{name: m300, monthly: "300.00", minutes: 500, thenPerMinute: "0.12"}]
"#,
    );
    let version = spec.version_on("2026-11-23").unwrap();
    assert_eq!(version.effective_from, "2026-07-01");
    assert_eq!(spec.version_on("2026-06-30").unwrap().effective_from, "2026-01-01");
    assert_eq!(spec.version_on("2025-12-31"), None);
    assert_eq!(spec.time_zone(), "Asia/Shanghai");
    assert_eq!((version.rounding(), version.voice.charge_from()), (Rounding::HalfUp, ChargeFrom::DestinationAnswer));
    assert_eq!(version.voice.increments(), Increments { first_seconds: 60, next_seconds: 60 });
    assert_eq!(version.packages[0].roll_over(), RollOver::None);
}

#[test]
fn a_tenant_that_says_little_has_the_documented_limits() {
    let tenant: Tenant = round_trip(
        "{apiVersion: fourhundred.io/v1alpha1, kind: Tenant, metadata: {name: acme}, spec: {displayName: 甲, kind: Enterprise, account: {arrears: {freezeAfterDays: 60}}}}",
    );
    let spec = &tenant.spec;
    assert_eq!((spec.number_limit(), spec.destinations_per_number(), spec.forwards_per_call()), (20, 20, 3));
    assert_eq!((spec.payment(), tenant.state()), (Payment::Postpaid, TenantState::Active));
    let arrears = spec.account.as_ref().unwrap().arrears.as_ref().unwrap();
    assert_eq!(
        (arrears.suspend_after_days(), arrears.freeze_after_days(), arrears.recover_after_days()),
        (30, 60, 180)
    );
}
