use std::collections::HashMap;

use super::*;
use crate::domain::routing::decision::DecisionDocument;
use crate::domain::routing::document::{
    GroupEntry, MemberEntry, NumberEntry, Numbers, OverrideEntry, RuleEntry, Target,
};
use crate::domain::routing::trace::Explanation;
use crate::domain::routing::worlds;

/// Monday, in working hours.
pub(super) const MONDAY: &str = "2026-11-23T10:00:00+08:00";
pub(super) const HOTLINE: &str = "4001000868";

pub(super) fn facts<'a>(from: &str, at: &str, call_id: &'a str) -> CallFacts<'a> {
    CallFacts { to: HOTLINE.parse().unwrap(), caller: Caller::parse(from), at: at.parse().unwrap(), call_id }
}

fn document(plan: &Plan, facts: &CallFacts<'_>) -> DecisionDocument {
    decide(plan, facts, &mut 0_u64, &mut ()).document(None, None)
}

/// The answer in the reference walk's own words.
pub(super) fn words(decision: &Decision<'_>) -> String {
    match decision.outcome {
        Outcome::Refuse(reason) => format!("Refuse:{}", reason.as_str()),
        Outcome::Announce { announcement, .. } => format!("Announce:{}", announcement.name),
        Outcome::Route { destinations, when_exhausted } => {
            let by = match decision.decided_by {
                DecidedBy::Rule(name) | DecidedBy::Override(name) => name,
                DecidedBy::Screens => "screens",
            };
            let numbers: Vec<_> = destinations.iter().map(|d| d.number.as_str().to_owned()).collect();
            let after = match when_exhausted {
                Some(AfterLast::Announcement(announcement)) => announcement.name.to_owned(),
                Some(AfterLast::Release(release)) => format!("{release:?}"),
                None => String::new(),
            };
            format!("Route:{by}:{}|{after}", numbers.join(","))
        }
    }
}

fn answer(plan: &Plan, from: &str, at: &str) -> String {
    words(&decide(plan, &facts(from, at, "call-1"), &mut 0_u64, &mut ()))
}

#[test]
fn the_contracts_examples_come_out_as_written() {
    let plan = worlds::plan();
    for (from, at, expected) in [
        ("020 3888 7777", "2026-11-22T03:00:00+08:00", "Route:night:13800138000|all-lines-busy"),
        ("0898 6666 0000", MONDAY, "Refuse:CallerDenied"),
        ("139 0000 1111", MONDAY, "Route:key-customers:13800138000|all-lines-busy"),
        ("010 5555 1234", MONDAY, "Route:key-customers:13800138000|all-lines-busy"),
        ("0755 2222 3333", MONDAY, "Route:south-by-day:075566660002|all-lines-busy"),
        ("021 6666 0000", MONDAY, "Route:by-day:01088880001,075566660002,13800138000|all-lines-busy"),
        ("021 6666 0000", "2026-10-02T10:00:00+08:00", "Announce:holiday-greeting"),
        (
            "021 6666 0000",
            "2026-10-10T10:00:00+08:00",
            "Route:by-day:01088880001,075566660002,13800138000|all-lines-busy",
        ),
        ("021 6666 0000", "2026-11-23T20:00:00+08:00", "Route:typhoon:13800138000|all-lines-busy"),
    ] {
        assert_eq!(answer(&plan, from, at), expected, "{from} at {at}");
    }
}

#[test]
fn a_decision_reads_as_the_contract_shows() {
    let plan = worlds::plan();
    let facts = facts("0755 2222 3333", MONDAY, "call-1");
    let mut explanation = Explanation::default();
    let decision = decide(&plan, &facts, &mut 0_u64, &mut explanation);
    let digest = plan.number(facts.to).unwrap().leaf.digest;
    assert_eq!(
        serde_json::to_value(decision.document(None, Some(explanation.lines))).unwrap(),
        serde_json::json!({
            "outcome": "Route", "number": "4001000868", "tenant": "acme-ltd", "period": "work", "rule": "south-by-day",
            "destinations": [{"name": "shenzhen", "number": "075566660002", "ringSeconds": 25}],
            "whenExhausted": {"announcement": "all-lines-busy", "uri": "sip:busy@10.0.3.30"},
            "plan": digest.to_string(),
            "trace": [
                {"step": "number", "result": "pass"},
                {"step": "screening", "result": "pass"},
                {"step": "limits", "result": "pass"},
                {"step": "override", "result": "inactive", "name": "typhoon"},
                {"step": "override", "result": "none"},
                {"step": "period", "result": "work"},
                {"step": "rule", "result": "skip", "name": "key-customers", "because": "callers"},
                {"step": "rule", "result": "match", "name": "south-by-day"},
                {"step": "target", "result": "destination", "name": "shenzhen"},
            ]
        })
    );
}

#[test]
fn refusals_and_announcements_read_as_the_contract_shows() {
    let plan = worlds::plan();
    let refused = serde_json::to_value(document(&plan, &facts("0898 6666 0000", MONDAY, "c"))).unwrap();
    assert_eq!(
        (&refused["outcome"], &refused["reason"], &refused["sip"]),
        (&"Refuse".into(), &"CallerDenied".into(), &403.into())
    );
    assert!(refused.get("destinations").is_none() && refused.get("rule").is_none());
    let announced =
        serde_json::to_value(document(&plan, &facts("021 6666 0000", "2026-10-02T10:00:00+08:00", "c"))).unwrap();
    assert_eq!(announced["announcement"], "holiday-greeting");
    assert_eq!(announced["uri"], "sip:holiday@10.0.3.30");
    assert_eq!(announced["rule"], "holiday");
}

#[test]
fn every_refusal_has_its_cause() {
    type Change = fn(&mut NumberEntry, &mut Numbers);
    let cases: [(Change, &str, &str); 10] = [
        (|e, _| e.number = "4001000867".into(), "021 6666 0000", "Refuse:NumberUnknown"),
        (|e, _| e.state = NumberState::Paused, "021 6666 0000", "Refuse:NumberPaused"),
        (|_, l| l.tenant.state = TenantState::Suspended, "021 6666 0000", "Refuse:NumberSuspended"),
        (|_, l| l.tenant.state = TenantState::Frozen, "021 6666 0000", "Refuse:NumberFrozen"),
        (|_, _| (), "0898 6666 0000", "Refuse:CallerDenied"),
        (|e, _| e.screening.deny_areas = vec!["021".into()], "021 6666 0000", "Refuse:AreaDenied"),
        (|e, _| e.screening.only_areas = vec!["0755".into()], "anonymous", "Refuse:AreaDenied"),
        (|e, _| e.screening.anonymous = Anonymous::Deny, "anonymous", "Refuse:AnonymousDenied"),
        (
            |_, l| {
                l.caps_reached.insert(HOTLINE.into(), "2026-11".into());
            },
            "021 6666 0000",
            "Refuse:MonthlyCapReached",
        ),
        (|e, _| e.rules.truncate(1), "021 6666 0000", "Refuse:NoDestination"),
    ];
    for (change, from, expected) in cases {
        let plan = worlds::plan_with(|entry, leaf| {
            leaf.overrides.clear();
            change(entry, leaf);
        });
        assert_eq!(answer(&plan, from, MONDAY), expected);
    }
}

#[test]
fn only_areas_admits_unknown_areas_when_it_says_so() {
    let plan = worlds::plan_with(|entry, _| entry.screening.only_areas = vec!["0755".into(), "Unknown".into()]);
    assert!(answer(&plan, "anonymous", MONDAY).starts_with("Route:by-day"));
    assert_eq!(answer(&plan, "021 6666 0000", MONDAY), "Refuse:AreaDenied");
}

#[test]
fn a_cap_ends_with_its_month_in_the_tariffs_zone() {
    let plan = worlds::plan();
    let at = |at: &str| {
        let facts = CallFacts { to: "4001000900".parse().unwrap(), ..facts("021 6666 0000", at, "c") };
        words(&decide(&plan, &facts, &mut 0_u64, &mut ()))
    };
    assert_eq!(at("2026-10-31T15:59:59Z"), "Route:all:02138880003|");
    assert_eq!(at("2026-10-31T16:00:00Z"), "Refuse:MonthlyCapReached");
    assert_eq!(at("2026-11-30T15:59:59Z"), "Refuse:MonthlyCapReached");
    assert_eq!(at("2026-11-30T16:00:00Z"), "Route:all:02138880003|");
}

#[test]
fn a_cap_ends_with_its_month_in_another_tariffs_zone() {
    let plan = worlds::plan_with(|_, leaf| {
        leaf.caps_reached.insert(HOTLINE.into(), "2026-11".into());
        leaf.cap_zones.insert(HOTLINE.into(), "Asia/Tokyo".into());
    });
    let at = |at: &str| words(&decide(&plan, &facts("021 6666 0000", at, "c"), &mut 0_u64, &mut ()));
    assert_eq!(at("2026-10-31T15:00:00Z"), "Refuse:MonthlyCapReached");
    assert_eq!(at("2026-11-30T14:59:59Z"), "Refuse:MonthlyCapReached");
    assert!(at("2026-11-30T15:00:00Z").starts_with("Route:"), "{}", at("2026-11-30T15:00:00Z"));
}

#[test]
fn a_call_over_the_cap_may_meet_an_announcement() {
    let plan = worlds::plan_with(|entry, leaf| {
        entry.when_exceeded = Some("storm".into());
        leaf.caps_reached.insert(HOTLINE.into(), "2026-11".into());
    });
    let document = document(&plan, &facts("021 6666 0000", MONDAY, "c"));
    assert_eq!(document.uri.as_deref(), Some("sip:storm@10.0.3.20:5062"));
    assert_eq!(document.reason, Some(Reason::MonthlyCapReached));
    // What is not a limit is refused as ever.
    assert_eq!(answer(&plan, "0898 6666 0000", MONDAY), "Refuse:CallerDenied");
}

#[test]
fn an_override_holds_from_its_start_until_just_before_its_end() {
    let plan = worlds::plan();
    let by = |at| answer(&plan, "021 6666 0000", at).split(':').nth(1).unwrap().to_owned();
    assert_eq!(by("2026-11-23T19:59:59+08:00"), "night");
    assert_eq!(by("2026-11-23T20:00:00+08:00"), "typhoon");
    assert_eq!(by("2026-11-24T07:59:59+08:00"), "typhoon");
    assert_eq!(by("2026-11-24T08:00:00+08:00"), "night");
}

#[test]
fn an_override_names_itself_and_may_name_a_number() {
    let plan = worlds::plan_with(|_, leaf| {
        leaf.overrides.insert(
            0,
            OverrideEntry { name: "flood".into(), to: Target::Number("02087654321".into()), ..worlds::typhoon() },
        );
    });
    let document = document(&plan, &facts("021 6666 0000", "2026-11-23T21:00:00+08:00", "c"));
    assert_eq!((document.override_name.as_deref(), document.rule), (Some("flood"), None));
    let destinations = document.destinations.unwrap();
    assert_eq!((destinations[0].name.as_deref(), destinations[0].number.as_str()), (None, "02087654321"));
    // Screening stands before overrides.
    assert_eq!(answer(&plan, "0898 6666 0000", "2026-11-23T21:00:00+08:00"), "Refuse:CallerDenied");
}

#[test]
fn another_gateways_number_is_not_known() {
    let plan = worlds::plan();
    let facts = facts("021 6666 0000", MONDAY, "c");
    assert_eq!(
        words(&decide_at(&plan, GatewayId::of("telephony/west"), &facts, &mut 0_u64, &mut ())),
        "Refuse:NumberUnknown"
    );
    assert!(
        words(&decide_at(&plan, GatewayId::of("telephony/east"), &facts, &mut 0_u64, &mut ())).starts_with("Route")
    );
}

fn four_members(strategy: Strategy) -> Plan {
    worlds::plan_with(|entry, leaf| {
        leaf.tenant.forwards_per_call = 9;
        entry.destinations = (1..=5)
            .map(|i| {
                serde_json::from_value(serde_json::json!({"name": format!("d{i}"), "number": format!("0108888000{i}")}))
                    .unwrap()
            })
            .collect();
        let member = |i| MemberEntry { destination: format!("d{i}"), percent: Some(25) };
        entry.groups = vec![GroupEntry {
            name: "all".into(),
            strategy,
            members: (1..=4).map(member).collect(),
            overflow: vec!["d5".into(), "d1".into()],
        }];
        entry.rules = vec![RuleEntry { name: "all".into(), when: None, to: Target::Group("all".into()) }];
        leaf.overrides.clear();
    })
}

fn order(plan: &Plan, call_id: &str, mut turn: u64) -> Vec<String> {
    let facts = facts("021 6666 0000", MONDAY, call_id);
    let decision = decide(plan, &facts, &mut turn, &mut ());
    let destinations = decision.document(None, None).destinations.unwrap();
    destinations.into_iter().map(|destination| destination.name.unwrap()).collect()
}

#[test]
fn round_robin_begins_at_the_turn_and_goes_on_through_the_rest() {
    let plan = four_members(Strategy::RoundRobin);
    assert_eq!(order(&plan, "c", 0), ["d1", "d2", "d3", "d4", "d5"]);
    assert_eq!(order(&plan, "c", 2), ["d3", "d4", "d1", "d2", "d5"]);
    assert_eq!(order(&plan, "c", u64::MAX), ["d4", "d1", "d2", "d3", "d5"]);
}

#[test]
fn a_percentage_group_gives_the_chosen_member_and_the_overflow() {
    let plan = four_members(Strategy::Percentage);
    for call in 0..50 {
        let order = order(&plan, &format!("call-{call}"), 0);
        let expected: &[&str] = if order[0] == "d1" { &["d1", "d5"] } else { &["d5", "d1"] };
        assert_eq!(&order[order.len() - 2..], expected);
        assert!(order.len() <= 3);
    }
}

#[test]
fn random_is_the_same_again_for_the_same_call_and_even_over_many() {
    let plan = four_members(Strategy::Random);
    assert_eq!(order(&plan, "a84b4c76", 0), order(&plan, "a84b4c76", 9));
    let mut first = HashMap::new();
    let mut orders = HashMap::new();
    for call in 0..4_000 {
        let order = order(&plan, &format!("call-{call}"), 0);
        *first.entry(order[0].clone()).or_insert(0) += 1;
        *orders.entry(order[..4].to_vec()).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 24, "every permutation occurs");
    for (name, count) in first {
        assert!((900..=1_100).contains(&count), "{name} was first {count} times of 4000");
    }
}

#[test]
fn seven_of_ten_calls_go_to_beijing() {
    let plan = worlds::plan();
    let beijing = (0..10_000)
        .filter(|call| {
            let id = format!("seven of ten calls go to Beijing#{call}");
            let facts = facts("010 6666 0000", "2026-11-11T10:00:00+08:00", &id);
            document(&plan, &facts).destinations.unwrap()[0].name.as_deref() == Some("beijing")
        })
        .count();
    assert!((6_800..=7_200).contains(&beijing), "{beijing} of 10000");
}

#[test]
fn no_answer_has_more_destinations_than_the_tenant_may_have() {
    let plan = worlds::plan_with(|_, leaf| leaf.tenant.forwards_per_call = 2);
    assert_eq!(answer(&plan, "021 6666 0000", MONDAY), "Route:by-day:01088880001,075566660002|all-lines-busy");
}
