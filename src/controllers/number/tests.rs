//! Verdict to status, as tables: YAML in, conditions out.

use super::apply::Applied;
use super::dereference::Refs;
use super::{status, validate};
use crate::api::{FourHundredNumber, NumberClaim};
use crate::controllers::gateway::admission::Admission;
use crate::controllers::key::Key;
use crate::controllers::plan::book::Progress;
use crate::controllers::references::ClaimCount;
use crate::controllers::tariff;
use crate::controllers::tenant::{self, Membership, Verification};
use std::collections::BTreeMap;
use std::sync::Arc;

const NUMBER: &str = r#"
apiVersion: fourhundred.io/v1alpha1
kind: FourHundredNumber
metadata: {name: hotline, namespace: acme, uid: u-1, generation: 3}
spec:
  number: "4001000868"
  gatewayRef: {name: east, namespace: telephony}
  tariffRef: {name: standard}
  destinations:
  - {name: duty, number: "138 0013 8000", ringSeconds: 30}
  rules:
  - {name: all, to: {destination: duty}}
"#;

const TENANT: &str = r"
apiVersion: fourhundred.io/v1alpha1
kind: Tenant
metadata: {name: acme}
spec:
  displayName: 示例电子有限公司
  kind: Enterprise
  papers: {licence: '91110000MA00000000', realNameForm: 2026-0042}
  namespaces: [acme]
  tariffs: [standard]
  limits: {numbers: 2, destinationsPerNumber: 1}
";

const GATEWAY: &str = r"
apiVersion: fourhundred.io/v1alpha1
kind: CallGateway
metadata: {name: east, namespace: telephony}
spec:
  listeners:
  - {name: sip, protocol: UDP, port: 5070, peers: [127.0.0.0/8]}
  trunk: {host: 10.0.3.20}
  announcements: [{name: busy, uri: 'sip:busy@10.0.3.30'}]
";

const TARIFF: &str = r"
apiVersion: fourhundred.io/v1alpha1
kind: Tariff
metadata: {name: standard}
spec:
  versions:
  - effectiveFrom: '2026-01-01'
    voice: {rates: [{name: all, perMinute: {enterprise: '0.60'}}]}
    functions: [{name: Screening, monthly: '5.00'}]
    packages: [{name: m300, monthly: '300.00', minutes: 500, thenPerMinute: '0.12'}]
";

const POOL: &str = r"
apiVersion: fourhundred.io/v1alpha1
kind: NumberPool
metadata: {name: mobile-4001}
spec: {carrier: ChinaMobile, ranges: [{first: '4001000000', last: '4001009999'}], reserved: ['4001000400']}
";

fn read<K: serde::de::DeserializeOwned>(text: &str) -> K {
    serde_saphyr::from_str(text).expect("a manifest")
}

fn refs() -> Refs {
    let tariff: crate::api::Tariff = read(TARIFF);
    Refs {
        gateway_key: Key::new("telephony", "east"),
        gateway: Some(Arc::new(read(GATEWAY))),
        admission: Admission::Admitted,
        membership: Membership::Of(Arc::new(read(TENANT))),
        verification: Verification::Verified { until: None },
        price_book: Some(tariff::price_book(&tariff).map(Arc::new)),
        tariff: Some(Arc::new(tariff)),
        schedule: None,
        calendar: None,
        caller_lists: BTreeMap::new(),
        pool: Some(Arc::new(read(POOL))),
        own_claim: None,
        tenant_claims: ClaimCount::default(),
        serving: Key::new("telephony", "east"),
        serving_admission: Admission::Admitted,
        tenant_accepted: Ok(()),
        takes_back: false,
        now: now(),
    }
}

fn claim() -> NumberClaim {
    read(
        "{apiVersion: fourhundred.io/v1alpha1, kind: NumberClaim, metadata: {name: '4001000868'}, spec: {tenant: acme, \
         holder: {namespace: acme, name: hotline}, pool: mobile-4001, state: Bound, claimedAt: '2026-11-01T00:00:00Z'}}",
    )
}

fn now() -> jiff::Timestamp {
    "2026-11-23T10:00:00+08:00".parse().expect("an instant")
}

/// `Accepted`'s and `ResolvedRefs`' reasons, or `-` where they hold.
fn reasons(number: &FourHundredNumber, refs: &Refs) -> (String, String, String) {
    let verdict = validate::check(number, refs, now());
    let name = |result: &Result<(), crate::controllers::findings::Finding>| {
        result.as_ref().err().map_or("-".to_owned(), |finding| finding.reason.name.to_owned())
    };
    let standing = match verdict.standing {
        validate::Standing::Serve(_) => "serve",
        validate::Standing::Keep => "keep",
        validate::Standing::Withdraw => "withdraw",
    };
    (name(&verdict.accepted), name(&verdict.resolved), standing.to_owned())
}

#[test]
fn what_the_owner_wrote_is_judged_by_the_first_rule_it_breaks() {
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        ("", "", "-", "-", "serve"),
        ("\"4001000868\"", "\"4001000400\"", "NumberReserved", "-", "keep"),
        ("name: standard", "name: gold", "TariffNotAllowed", "-", "keep"),
        ("tariffRef: {name: standard}", "tariffRef: {name: standard}\n  package: m800", "-", "PackageNotFound", "keep"),
        (
            "tariffRef: {name: standard}",
            "tariffRef: {name: standard}\n  functions: [Recording]",
            "FunctionNotOffered",
            "-",
            "keep",
        ),
        (
            "tariffRef: {name: standard}",
            "tariffRef: {name: standard}\n  screening: {denyCallers: [\"0898*\"]}",
            "FunctionNotSubscribed",
            "-",
            "keep",
        ),
        (
            "- {name: duty,",
            "- {name: other, number: \"010-8888 0001\"}\n  - {name: duty,",
            "TooManyDestinations",
            "-",
            "keep",
        ),
        ("138 0013 8000", "0085212345678", "Invalid", "-", "keep"),
        ("destination: duty", "destination: desk", "Invalid", "-", "keep"),
        (
            "tariffRef: {name: standard}",
            "tariffRef: {name: standard}\n  scheduleRef: {name: office-hours}",
            "-",
            "ScheduleNotFound",
            "keep",
        ),
    ];
    for (find, replace, accepted, resolved, standing) in cases {
        let number: FourHundredNumber = read(&NUMBER.replace(find, replace));
        let expected = ((*accepted).to_owned(), (*resolved).to_owned(), (*standing).to_owned());
        assert_eq!(reasons(&number, &refs()), expected, "{replace}");
    }
}

type Change = fn(&mut Refs);

/// What the gateway that is named says, and which serves too.
fn at_gateway(refs: &mut Refs, admission: Admission) {
    (refs.admission, refs.serving_admission) = (admission, admission);
    if admission == Admission::Unknown {
        refs.gateway = None;
    }
}

fn prepaid() -> Result<(), crate::controllers::findings::Finding> {
    let mut tenant: crate::api::Tenant = read(TENANT);
    tenant.spec.account = serde_saphyr::from_str("{payment: Prepaid}").expect("an account");
    tenant::check_spec(&tenant)
}

#[test]
fn an_edit_to_a_gateway_that_is_not_there_or_does_not_admit_keeps_the_entry_where_it_is() {
    let number: FourHundredNumber = read(&NUMBER.replace("name: east,", "name: west,"));
    for (gateway, admission, accepted, resolved) in [
        (None, Admission::Unknown, "-", "GatewayNotFound"),
        (Some(GATEWAY), Admission::NotAllowed, "NamespaceNotAllowed", "-"),
    ] {
        let mut refs = refs();
        refs.gateway_key = Key::new("telephony", "west");
        refs.gateway = gateway.map(|text| Arc::new(read(text)));
        refs.admission = admission;
        let expected = |standing: &str| (accepted.to_owned(), resolved.to_owned(), standing.to_owned());
        assert_eq!(reasons(&number, &refs), expected("keep"), "served by east");
        refs.serving_admission = Admission::NotAllowed;
        assert_eq!(reasons(&number, &refs), expected("withdraw"), "and east lets it go");
    }
}

#[test]
fn a_choice_is_held_to_the_claim_also_where_status_is_lost() {
    let chooser = |choose: &str| -> FourHundredNumber {
        read(&NUMBER.replace("number: \"4001000868\"", &format!("choose: {choose}")))
    };
    let mut refs = refs();
    refs.own_claim = Some(Arc::new(claim()));
    let refused = |choose: &str, refs: &Refs| reasons(&chooser(choose), refs).0;
    assert_eq!(refused("{poolRef: {name: mobile-4001}, pattern: \"868\"}", &refs), "-");
    assert_eq!(refused("{poolRef: {name: mobile-4001}, pattern: \"888\"}", &refs), "NumberImmutable");
    assert_eq!(refused("{poolRef: {name: other}}", &refs), "NumberImmutable");
}

#[test]
fn a_choice_from_a_pool_that_is_not_there_is_a_missing_reference_and_not_stalled() {
    let number: FourHundredNumber =
        read(&NUMBER.replace("number: \"4001000868\"", "choose: {poolRef: {name: mobile-4001}}"));
    let mut refs = refs();
    refs.pool = None;
    assert_eq!(reasons(&number, &refs), ("-".to_owned(), "PoolNotFound".to_owned(), "keep".to_owned()));
    let verdict = validate::check(&number, &refs, now());
    let applied = Applied { accepted: Ok(()), claim: None, progress: None };
    let status = status::of(&number, &refs, &verdict, &applied, now());
    let types: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert!(!types.contains(&"Stalled"), "{types:?}");
}

#[test]
fn a_number_that_is_withdrawn_is_programmed_no_longer() {
    let shown = "
status:
  conditions:
  - {type: Programmed, status: 'True', reason: Programmed, message: '', observedGeneration: 3, lastTransitionTime: '2026-11-01T00:00:00Z'}
";
    let number: FourHundredNumber = read(&format!("{}{shown}", NUMBER.trim_end()));
    let mut refs = refs();
    at_gateway(&mut refs, Admission::NotAllowed);
    let conditions = conditions(&number, &refs, None);
    assert!(conditions.contains(&"Programmed=False/NotAccepted@3".to_owned()), "{conditions:?}");
}

#[test]
fn admission_lost_on_purpose_withdraws_and_a_missing_reference_keeps() {
    let number: FourHundredNumber = read(NUMBER);
    let cases: &[(Change, &str, &str, &str)] = &[
        (|refs| at_gateway(refs, Admission::NotAllowed), "NamespaceNotAllowed", "-", "withdraw"),
        (|refs| at_gateway(refs, Admission::NotServed), "NamespaceNotServed", "-", "withdraw"),
        (|refs| refs.membership = Membership::Nobody, "NamespaceNotAllowed", "-", "withdraw"),
        (
            |refs| {
                refs.verification = Verification::Rejected { reason: "no seal".to_owned(), approval: "no".to_owned() }
            },
            "Rejected",
            "-",
            "withdraw",
        ),
        (|refs| at_gateway(refs, Admission::Unknown), "-", "GatewayNotFound", "withdraw"),
        (|refs| refs.verification = Verification::Pending, "Unverified", "-", "keep"),
        (|refs| refs.membership = Membership::Mismatch, "TenantMismatch", "-", "keep"),
        (|refs| (refs.tariff, refs.price_book) = (None, None), "-", "TariffNotFound", "keep"),
        (|refs| refs.pool = None, "NumberNotInPool", "-", "keep"),
        (|refs| refs.tenant_claims = ClaimCount { bound: 2, cooling: 0 }, "QuotaExceeded", "-", "keep"),
        (|refs| refs.tenant_claims = ClaimCount { bound: 1, cooling: 3 }, "QuotaExceeded", "-", "keep"),
        (|refs| (refs.tenant_claims, refs.takes_back) = (ClaimCount { bound: 1, cooling: 3 }, true), "-", "-", "serve"),
        (|refs| refs.tenant_accepted = prepaid(), "NotYetSupported", "-", "keep"),
        (|refs| refs.verification = Verification::Expired { until: "2026-01-01".to_owned() }, "-", "-", "serve"),
    ];
    for (change, accepted, resolved, standing) in cases {
        let mut refs = refs();
        change(&mut refs);
        let expected = ((*accepted).to_owned(), (*resolved).to_owned(), (*standing).to_owned());
        assert_eq!(reasons(&number, &refs), expected);
    }
}

/// The conditions as `Type=Status/Reason@generation`.
fn conditions(number: &FourHundredNumber, refs: &Refs, progress: Option<Progress>) -> Vec<String> {
    let verdict = validate::check(number, refs, now());
    let applied = Applied { accepted: verdict.accepted.clone(), claim: Some(claim()), progress };
    let status = status::of(number, refs, &verdict, &applied, now());
    let text = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        format!("{}={}/{}@{}", c.type_, c.status, c.reason, c.observed_generation.unwrap_or(-1))
    };
    status.conditions.iter().map(text).collect()
}

#[test]
fn a_live_number_shows_its_generation_on_every_condition_and_nothing_abnormal() {
    let number: FourHundredNumber = read(NUMBER);
    assert_eq!(
        conditions(&number, &refs(), Some(Progress::Live)),
        [
            "Accepted=True/Accepted@3",
            "FullyEnforced=True/FullyEnforced@3",
            "Programmed=True/Programmed@3",
            "Ready=True/Ready@3",
            "ResolvedRefs=True/ResolvedRefs@3",
        ]
    );
}

#[test]
fn waiting_for_routers_is_reconciling_and_no_router_at_all_is_not() {
    let number: FourHundredNumber = read(NUMBER);
    let waiting = conditions(&number, &refs(), Some(Progress::Waiting));
    assert!(waiting.contains(&"Programmed=False/AwaitingRouters@3".to_owned()), "{waiting:?}");
    assert!(waiting.contains(&"Reconciling=True/AwaitingRouters@3".to_owned()), "{waiting:?}");
    let nobody = conditions(&number, &refs(), Some(Progress::NoReadyRouter));
    assert!(nobody.contains(&"Ready=False/NoReadyRouter@3".to_owned()), "{nobody:?}");
    assert!(!nobody.iter().any(|c| c.starts_with("Reconciling") || c.starts_with("Stalled")), "{nobody:?}");
}

#[test]
fn a_refused_edit_is_stalled_and_leaves_the_old_generation_programmed() {
    let shown = "
status:
  observedGeneration: 2
  conditions:
  - {type: Programmed, status: 'True', reason: Programmed, message: '', observedGeneration: 2, lastTransitionTime: '2026-11-01T00:00:00Z'}
";
    let number: FourHundredNumber = read(&format!("{}{shown}", NUMBER.replace("138 0013 8000", "12345").trim_end()));
    let conditions = conditions(&number, &refs(), None);
    for expected in
        ["Accepted=False/Invalid@3", "Programmed=True/Programmed@2", "Ready=False/Invalid@3", "Stalled=True/Invalid@3"]
    {
        assert!(conditions.contains(&expected.to_owned()), "{expected} in {conditions:?}");
    }
}

#[test]
fn paused_is_ready_and_unenforced_fields_are_named() {
    let number: FourHundredNumber = read(
        &NUMBER
            .replace("ringSeconds: 30}", "concurrentCalls: 5}")
            .replace("  destinations:", "  state: Paused\n  limits: {concurrentCalls: 40}\n  destinations:"),
    );
    let verdict = validate::check(&number, &refs(), now());
    let finding = verdict.fully_enforced.expect_err("not enforced");
    assert_eq!(
        finding.sentence,
        "limits.concurrentCalls and destinations[duty].concurrentCalls need a gateway in mode Proxy."
    );
    assert!(conditions(&number, &refs(), Some(Progress::Live)).contains(&"Ready=True/Paused@3".to_owned()));
}

#[test]
fn a_missing_reference_does_not_hide_what_is_wrong_with_the_spec() {
    let mut refs = refs();
    (refs.tariff, refs.price_book) = (None, None);
    let number: FourHundredNumber = read(&NUMBER.replace("to: {destination: duty}", "to: {group: nobody}"));
    assert_eq!(reasons(&number, &refs).0, "Invalid", "whatever else is missing");
    let periods = "  scheduleRef: {name: office-hours}\n  rules:\n  - {name: day, when: {periods: [work]}, to: {destination: duty}}";
    let waiting: FourHundredNumber = read(&NUMBER.replace("  rules:", periods));
    assert_eq!(reasons(&waiting, &refs).0, "-", "the periods of a schedule that is missing are not known");
    let none: FourHundredNumber =
        read(&NUMBER.replace("  rules:", periods).replace("  scheduleRef: {name: office-hours}\n", ""));
    assert_eq!(reasons(&none, &refs).0, "Invalid", "no schedule at all has no periods");
}

#[test]
fn all_that_is_not_enforced_is_told_at_once() {
    let mut refs = refs();
    let text = TARIFF.replace(
        "{name: Screening, monthly: '5.00'}",
        "{name: Recording, monthly: '30.00'}, {name: Voicemail, monthly: '2.00'}, {name: MissedCallSms, monthly: '0.00'}",
    );
    refs.tariff = Some(Arc::new(read(&text)));
    let number: FourHundredNumber = read(
        &NUMBER
            .replace("to: {destination: duty}}", "to: {announcement: storm}}\n  whenExhausted: {release: Busy}")
            .replace(
                "  destinations:",
                "  functions: [Recording, Voicemail, MissedCallSms]\n  limits: {concurrentCalls: 4, whenExceeded: {announcement: full}}\n  destinations:",
            ),
    );
    let finding = validate::check(&number, &refs, now()).fully_enforced.expect_err("not enforced");
    assert_eq!(finding.reason.name, "ModeRedirect");
    assert_eq!(
        finding.sentence,
        "limits.concurrentCalls and whenExhausted.release need a gateway in mode Proxy. \
         Recording and Voicemail are charged as subscribed to and not performed by this version: remove what is not to be paid for from functions. \
         gateway telephony/east maps no announcements full and storm: calls are sent to sip:full and sip:storm at the trunk"
    );
    let only: FourHundredNumber = read(&NUMBER.replace("  destinations:", "  functions: [Recording]\n  destinations:"));
    let finding = validate::check(&only, &refs, now()).fully_enforced.expect_err("not performed");
    assert_eq!(finding.reason.name, "NotYetPerformed");
    let free: FourHundredNumber =
        read(&NUMBER.replace("  destinations:", "  functions: [MissedCallSms]\n  destinations:"));
    assert_eq!(validate::check(&free, &refs, now()).fully_enforced, Ok(()), "what costs nothing is not owed");
}
