//! The walk against a naive reading of generated worlds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::decide;
use super::tests::{HOTLINE, MONDAY, facts, words};
use crate::domain::numbering::CallerPattern;
use crate::domain::routing::caller_lists::pack;
use crate::domain::routing::document::{
    Anonymous, CallerListName, Exhausted, GroupEntry, MemberEntry, NumberState, Numbers, OverrideEntry, Part, Release,
    RuleEntry, Strategy as GroupStrategy, Target, TenantState, When,
};
use crate::domain::routing::load::plan_of;
use crate::domain::routing::trace::Explanation;
use crate::domain::routing::{reference, worlds};

fn any_target(overrides_too: bool) -> impl Strategy<Value = Target> {
    let number = u32::from(overrides_too);
    prop_oneof![
        3 => (0..4_u8).prop_map(|i| Target::Destination(format!("d{i}"))),
        4 => (0..3_u8).prop_map(|i| Target::Group(format!("g{i}"))),
        1 => (0..2_u8).prop_map(|i| Target::Announcement(format!("a{i}"))),
        number => Just(Target::Number("02087654321".into())),
    ]
}

const CALLERS: [&str; 7] =
    ["01055551234", "075522223333", "13900001111", "089866660000", "02138880003", "anonymous", "10086"];
const PATTERNS: [&str; 5] = ["0105555*", "13900001111", "0898*", "1*", "10086"];
const LISTS: [&str; 3] = ["l0", "l1", "l2"];
const AREAS: [&str; 5] = ["010", "0755", "0898", "021", "Unknown"];
const PERIODS: [&str; 4] = ["work", "promotion", "holiday", "closed"];
const INSTANTS: [&str; 6] = [
    MONDAY,
    "2026-11-22T03:00:00+08:00",
    "2026-11-11T10:00:00+08:00",
    "2026-10-02T10:00:00+08:00",
    "2026-11-23T21:00:00+08:00",
    "2026-12-31T23:59:59+08:00",
];

fn some_of(list: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let few = prop::sample::subsequence(list, 0..=2).prop_map(|chosen| chosen.into_iter().map(str::to_owned).collect());
    prop_oneof![2 => Just(vec![]), 1 => few]
}

fn any_group(index: u8) -> impl Strategy<Value = GroupEntry> {
    let strategy = prop::sample::select(vec![
        GroupStrategy::InOrder,
        GroupStrategy::RoundRobin,
        GroupStrategy::Random,
        GroupStrategy::Percentage,
    ]);
    let names: Vec<String> = (0..4).map(|i| format!("d{i}")).collect();
    (strategy, prop::sample::subsequence(names.clone(), 1..=4), prop::sample::subsequence(names, 0..=2)).prop_map(
        move |(strategy, members, overflow)| {
            let count = u8::try_from(members.len()).unwrap();
            let members = members.into_iter().enumerate().map(|(position, destination)| {
                let percent = if position == 0 { 100 - 20 * (count - 1) } else { 20 };
                MemberEntry { destination, percent: Some(percent) }
            });
            GroupEntry { name: format!("g{index}"), strategy, members: members.collect(), overflow }
        },
    )
}

fn any_rule() -> impl Strategy<Value = (When, Target)> {
    (some_of(&PERIODS), some_of(&PATTERNS), some_of(&LISTS), some_of(&AREAS), any_target(false)).prop_map(
        |(periods, callers, lists, caller_areas, to)| {
            let caller_lists = lists.into_iter().map(|name| CallerListName { digest: name.clone(), name }).collect();
            (When { periods, callers, caller_lists, caller_areas }, to)
        },
    )
}

fn any_leaf() -> impl Strategy<Value = Numbers> {
    let screening = (some_of(&PATTERNS), some_of(&AREAS), some_of(&AREAS), any::<bool>());
    let tails = (prop::option::of(Just("storm".to_owned())), 0..4_u8, any::<bool>(), 0..12_u8, 1..=4_u8);
    let overrides = prop::collection::vec(any_target(true), 0..2);
    let groups = (any_group(0), any_group(1), any_group(2));
    (screening, prop::collection::vec(any_rule(), 0..5), any_target(false), groups, overrides, tails).prop_map(
        |((deny_callers, deny_areas, only_areas, deny_anonymous), rules, last, (g0, g1, g2), overrides, tails)| {
            let (when_exceeded, exhausted, capped, state, forwards) = tails;
            let mut entry = worlds::hotline();
            entry.destinations = (0..4)
                .map(|i| {
                    serde_json::from_value(
                        serde_json::json!({"name": format!("d{i}"), "number": format!("0108888000{}", i % 3)}),
                    )
                    .unwrap()
                })
                .collect();
            entry.groups = vec![g0, g1, g2];
            entry.screening.deny_callers = deny_callers;
            entry.screening.deny_areas = deny_areas;
            entry.screening.only_areas = only_areas;
            if deny_anonymous {
                entry.screening.anonymous = Anonymous::Deny;
            }
            entry.rules = rules
                .into_iter()
                .map(|(when, to)| (Some(when), to))
                .chain([(None, last)])
                .enumerate()
                .map(|(i, (when, to))| RuleEntry { name: format!("r{i}"), when, to })
                .collect();
            entry.when_exceeded = when_exceeded;
            entry.when_exhausted = match exhausted {
                0 => Some(Exhausted::Announcement("busy".into())),
                1 => Some(Exhausted::Release(Release::Busy)),
                _ => None,
            };
            entry.state = if state == 0 { NumberState::Paused } else { NumberState::Active };
            let mut leaf = worlds::leaf();
            leaf.tenant.state = match state {
                1 => TenantState::Suspended,
                2 => TenantState::Frozen,
                _ => TenantState::Active,
            };
            leaf.tenant.forwards_per_call = forwards;
            if capped {
                leaf.caps_reached.insert(HOTLINE.into(), "2026-10".into());
                if forwards % 2 == 0 {
                    leaf.cap_zones.insert(HOTLINE.into(), "America/New_York".into());
                }
            }
            leaf.overrides = overrides
                .into_iter()
                .enumerate()
                .map(|(i, to)| OverrideEntry { name: format!("o{i}"), to, ..worlds::typhoon() })
                .collect();
            leaf.numbers[0] = worlds::raw(&entry);
            leaf
        },
    )
}

/// Callers of each list.
fn any_lists() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let written: Vec<&str> = CALLERS.iter().chain(&PATTERNS).copied().filter(|text| *text != "anonymous").collect();
    let few = prop::sample::subsequence(written, 0..5);
    prop::collection::vec(few, LISTS.len()).prop_map(|lists| {
        let named = LISTS.iter().zip(lists);
        named.map(|(name, callers)| (str::to_owned(name), callers.into_iter().map(str::to_owned).collect())).collect()
    })
}

/// Puts the lists into the leaf, under their names as digests, and gives their parts.
fn with_lists(leaf: &mut Numbers, lists: &BTreeMap<String, Vec<String>>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, callers) in lists {
        let callers: BTreeSet<CallerPattern> = callers.iter().map(|text| text.parse().unwrap()).collect();
        let packed = pack(&callers.into_iter().collect::<Vec<_>>(), "telephony/east", "acme").unwrap();
        leaf.caller_lists.insert(name.clone(), packed.document);
        parts.extend(packed.parts.iter().map(|part| serde_json::from_str::<Part>(&part.text).unwrap()));
    }
    parts
}

proptest! {
    // Times 42 calls each: a hundred thousand a run.
    #![proptest_config(ProptestConfig::with_cases(2_400))]

    #[test]
    fn the_walk_agrees_with_a_naive_reading_of_the_documents(
        mut leaf in any_leaf(),
        lists in any_lists(),
        turn in any::<u64>(),
        call in any::<u32>(),
    ) {
        let callers = with_lists(&mut leaf, &lists);
        let plan = plan_of(callers.into_iter().chain([Part::Head(worlds::head()), Part::Numbers(leaf.clone())])).unwrap();
        let call_id = format!("{call:08x}@switch");
        for from in CALLERS {
            for at in INSTANTS {
                let facts = facts(from, at, &call_id);
                let decided = words(&decide(&plan, &facts, &mut turn.clone(), &mut ()));
                prop_assert_eq!(&decided, &reference::naive(&leaf, &lists, &facts, turn), "{} at {}", from, at);
                let explained = words(&decide(&plan, &facts, &mut turn.clone(), &mut Explanation::default()));
                prop_assert_eq!(decided, explained);
            }
        }
    }
}
