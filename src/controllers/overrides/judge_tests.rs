//! Overrides of numbers whose last edit was refused, and announcements that cost.

use std::collections::BTreeMap;

use super::*;
use crate::controllers::number::build;
use crate::folder::SKIPPED;
use crate::offline::Offline;
use crate::offline::tests::{examples, now, root};

fn to(target: &str) -> RoutingOverride {
    let text = format!(
        "{{apiVersion: fourhundred.io/v1alpha1, kind: RoutingOverride, metadata: {{name: typhoon, namespace: acme}}, spec: \
         {{numberRef: {{name: hotline}}, from: '2026-11-23T08:00:00+08:00', until: '2026-11-24T08:00:00+08:00', to: {target}}}}}"
    );
    serde_saphyr::from_str(&text).unwrap()
}

/// The example's entry with destination `beijing` under another name: what stands while an edit of it is refused.
fn standing(facts: &Facts) -> PlannedNumber {
    let mut number = (*facts.stores.numbers.find_key(&Key::new("acme", "hotline")).unwrap()).clone();
    number.spec.destinations[0].name = "peking".to_owned();
    let entry = build::entry(&number, "4001000868", None, &BTreeMap::new()).unwrap();
    PlannedNumber::new("4001000868".parse().unwrap(), &entry, None, None, None).unwrap()
}

#[test]
fn a_leaf_holds_only_overrides_whose_target_its_entry_has() {
    let offline = examples();
    let planned = standing(&offline.facts);
    let target = |to: &RoutingOverride| entry(&offline.facts, to, &planned).map(|entry| entry.to);
    assert_eq!(target(&to("{destination: beijing}")), None, "the spec has it, the entry has not");
    assert_eq!(target(&to("{destination: peking}")), Some(Target::Destination("peking".to_owned())));
    let mut deleted = to("{destination: peking}");
    deleted.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time("2026-11-23T08:00:00Z".parse().unwrap()));
    assert_eq!(target(&deleted), None);
}

#[test]
fn a_target_of_the_spec_or_of_the_entry_in_force_is_no_mistake() {
    let offline = examples();
    let planned = standing(&offline.facts);
    let accepted = |target: &str, standing: Option<&PlannedNumber>| {
        judge_beside(&to(target), &offline.facts, standing).accepted.map_err(|finding| finding.reason.name)
    };
    assert_eq!(accepted("{destination: beijing}", Some(&planned)), Ok(()));
    assert_eq!(accepted("{destination: peking}", Some(&planned)), Ok(()));
    assert_eq!(accepted("{destination: peking}", None), Err("TargetNotFound"));
    assert_eq!(accepted("{destination: nobody}", Some(&planned)), Err("TargetNotFound"));
}

#[test]
fn an_announcement_that_the_gateway_does_not_map_is_told() {
    let offline = examples();
    let told = |target: &str| judge(&to(target), &offline.facts).fully_enforced.map_err(|finding| finding.reason.name);
    assert_eq!(told("{announcement: holiday-greeting}"), Ok(()));
    assert_eq!(told("{announcement: nobody-knows}"), Err("AnnouncementUnmapped"));
    assert_eq!(told("{destination: duty}"), Ok(()));
}

#[test]
fn an_announcement_that_the_tariff_prices_needs_its_function() {
    let folder = tempfile::tempdir().unwrap();
    for (part, name) in [("platform", "tariff.yaml"), ("acme", "hotline.yaml")] {
        let text = std::fs::read_to_string(root().join("examples").join(part).join(name)).unwrap();
        let text = text.replace("functions:\n", "functions:\n    - {name: Announcement, monthly: \"20.00\"}\n");
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let offline = Offline::read(&[folder.path().to_owned()], &[SKIPPED.to_owned()], now()).unwrap();
    let planned = standing(&offline.facts);
    let announcement = to("{announcement: holiday-greeting}");
    let refused = judge(&announcement, &offline.facts).accepted.unwrap_err();
    assert_eq!(refused.reason.name, "FunctionNotSubscribed");
    assert_eq!(entry(&offline.facts, &announcement, &planned).map(|entry| entry.to), None, "nor is it served");
    assert!(entry(&offline.facts, &to("{destination: peking}"), &planned).is_some());
}
