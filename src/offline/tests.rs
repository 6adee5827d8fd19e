use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::domain::numbering::Caller;
use crate::domain::routing::decide::{CallFacts, decide};

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn now() -> Timestamp {
    "2026-11-23T12:00:00+08:00".parse().unwrap()
}

/// The repository's examples, judged at [`now`].
pub(crate) fn examples() -> Offline {
    let paths = ["platform", "acme"].map(|part| root().join("examples").join(part));
    Offline::read(&paths, &[crate::folder::SKIPPED.to_owned()], now()).unwrap()
}

/// Compares with a file, or writes it when `UPDATE_GOLDEN` is set.
pub(crate) fn golden(file: &Path, seen: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, seen).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(kept == seen, "{} has drifted; UPDATE_GOLDEN=1 writes it again. It should say:\n{seen}", file.display());
}

#[test]
fn a_folders_numbers_hold_what_they_ask_for() {
    let offline = examples();
    let held: Vec<(String, String)> =
        offline.numbers().iter().map(|(number, object)| (number.to_string(), Key::of(&**object).to_string())).collect();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0], ("4001000868".to_owned(), "acme/hotline".to_owned()));
    assert!(held[1].0.ends_with("8888") && held[1].1 == "acme/sales", "{held:?}");
}

#[test]
fn a_plan_carries_the_calendar_years_around_its_instant() {
    let offline = examples();
    let day = |text: &str| {
        let at: Timestamp = text.parse().unwrap();
        let plan = offline.plan_at(at).unwrap();
        let call =
            CallFacts { to: "4001000868".parse().unwrap(), caller: Caller::parse("13800138000"), at, call_id: "x" };
        decide(&plan, &call, &mut 0_u64, &mut ()).period.map(str::to_owned)
    };
    assert_eq!(day("2025-10-08T10:00:00+08:00").as_deref(), Some("holiday"));
    assert_eq!(day("2026-10-10T10:00:00+08:00").as_deref(), Some("work"), "a make-up Saturday");
    assert_eq!(day("2027-10-01T10:00:00+08:00").as_deref(), Some("work"), "no calendar of that year");
}

/// What only an operator knows: folder tools take papers for approved and serve gateways wherever they stand.
const ON_A_CLUSTER_ONLY: &[&str] = &["NamespaceNotServed", "Rejected", "Unverified"];

/// Every example that a condition refuses, in the company of the valid ones: the reason is the one its first line says.
#[test]
fn invalid_examples_meet_the_condition_they_expect() {
    let schemas = Schemas::from_crds(&api::crds::all()).unwrap();
    let company = ["platform", "acme"].map(|part| root().join("examples").join(part));
    let mut judged = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("examples/invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap();
        let Some(reason) = first.strip_prefix("# expect: condition; ") else { continue };
        let alone = Folder::read(&file, &schemas).unwrap();
        let paths = [&company[..], std::slice::from_ref(&file)].concat();
        let folder = Folder::read_all(&paths, crate::folder::Skip::default(), &schemas).unwrap();
        let verdicts = Offline::judge(folder, now()).unwrap().verdicts();
        let own: BTreeSet<&str> = verdicts
            .iter()
            .filter(|verdict| alone.objects.get(&verdict.object).is_some())
            .map(|verdict| verdict.finding.reason.name)
            .collect();
        judged += 1;
        if own.contains(reason) == ON_A_CLUSTER_ONLY.contains(&reason) {
            wrong.push(format!("{}: expects {reason}, found {own:?}", file.display()));
        }
    }
    assert!(judged >= 30, "{judged}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_examples_would_all_be_accepted() {
    let told: Vec<String> = examples()
        .verdicts()
        .iter()
        .filter(|verdict| verdict.condition != crate::api::conditions::COMPLETE)
        .map(|verdict| format!("{} {}: {}", verdict.object, verdict.finding.reason.name, verdict.finding.sentence))
        .collect();
    assert_eq!(told, Vec::<String>::new());
}
