use std::path::{Path, PathBuf};

use super::codes::manual;
use super::*;
use crate::folder::SKIPPED;
use crate::offline::Offline;

/// One that says nothing.
pub(super) fn diagnostic() -> Diagnostic {
    Diagnostic {
        code: codes::MANIFEST.name,
        severity: Severity::Error,
        file: String::new(),
        line: 1,
        column: 1,
        object: String::new(),
        path: String::new(),
        reason: None,
        message: String::new(),
        repair: None,
    }
}

fn now() -> jiff::Timestamp {
    "2026-11-23T12:00:00+08:00".parse().unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(paths: &[PathBuf]) -> Vec<Diagnostic> {
    match Offline::read(paths, &[SKIPPED.to_owned()], now()) {
        Ok(offline) => run(&offline),
        Err(error) => unreadable(error).unwrap(),
    }
}

fn short(diagnostic: &Diagnostic) -> String {
    let file = Path::new(&diagnostic.file).file_name().unwrap().to_string_lossy().into_owned();
    format!("{file}:{} {} {}", diagnostic.line, diagnostic.code, diagnostic.message)
}

#[test]
fn the_examples_are_clean_but_for_hints() {
    let found = read(&[root().join("examples/platform"), root().join("examples/acme")]);
    let told: Vec<String> = found.iter().map(short).collect();
    assert_eq!(
        told,
        [
            "hotline.yaml:20 FH110 0898* catches fixed lines only: 海南's mobiles need denyAreas: [\"0898\"]",
            "holiday-calendar.yaml:2 FH113 No days of 2027 yet; from 2027-01-01 schedules fall back to weekdays.",
        ]
    );
    assert!(found.iter().all(|diagnostic| diagnostic.severity == Severity::Hint));
}

/// What a schema cannot see, one after the other.
#[test]
fn each_fact_is_found_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("examples/acme/hotline.yaml")).unwrap();
    let spoilt = text
        .replace("  - {name: duty, number: \"138 0013 8000\", ringSeconds: 30}\n", concat!(
            "  - {name: duty, number: \"138 0013 8000\", ringSeconds: 30}\n",
            "  - {name: spare, number: \"0138 0013 8000\"}\n",
        ))
        .replace("overflow: [{destination: duty}]}", "overflow: [{destination: duty}, {destination: shenzhen}]}\n  - {name: one, strategy: Percentage, members: [{destination: duty, percent: 100}]}")
        .replace("  - {name: holiday, when", "  - {name: again, when: {periods: [work], callers: [\"139*\"]}, to: {destination: duty}}\n  - {name: holiday, when");
    assert_ne!(spoilt, text);
    std::fs::write(folder.path().join("hotline.yaml"), spoilt).unwrap();
    std::fs::write(
        folder.path().join("hours.yaml"),
        "apiVersion: fourhundred.io/v1alpha1\nkind: RoutingSchedule\nmetadata: {name: spare}\nspec:\n  periods:\n  - {name: free, at: [{days: [Holiday], from: \"00:00\", to: \"24:00\"}]}\n  otherwise: work\n",
    )
    .unwrap();
    for file in ["office-hours.yaml", "typhoon.yaml"] {
        std::fs::copy(root().join("examples/acme").join(file), folder.path().join(file)).unwrap();
    }
    let found = read(&[root().join("examples/platform"), folder.path().to_owned()]);
    let codes: Vec<String> = found
        .iter()
        .filter(|one| !one.file.contains("platform"))
        .map(|one| format!("{} {} {}", one.code, one.severity, one.path))
        .collect();
    assert_eq!(
        codes,
        [
            "FH102 warning spec.destinations[3]",
            "FH111 warning spec.destinations[3].number",
            "FH108 warning spec.groups[0]",
            "FH103 warning spec.groups[1]",
            "FH109 warning spec.groups[1].members",
            "FH110 hint spec.screening.denyCallers[0]",
            "FH101 warning spec.rules[4]",
            "FH006 warning metadata",
            "FH107 hint spec.periods",
            "FH106 warning spec.periods[0]",
        ]
    );
}

#[test]
fn what_a_schema_refuses_is_told_with_file_and_line() {
    let found = read(&[root().join("examples/invalid/number-unquoted.yaml")]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].line, found[0].path.as_str()), ("FH001", 7, "spec.number"));
    assert!(found[0].message.contains("quote it"), "{}", found[0].message);
}

#[test]
fn codes_are_in_order_and_each_once() {
    let names: Vec<&str> = CODES.iter().map(|code| code.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
}

#[test]
fn the_manual_is_printed_from_the_table() {
    crate::offline::tests::golden(&root().join("docs/lint.md"), &manual(example));
}

/// The file that has a code, and what is said of it.
fn example(code: &str) -> String {
    let file = root().join("src/offline/lint/examples").join(code).with_extension("yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut found = read(&[root().join("examples/platform"), file.clone()]);
    found.retain_mut(|one| {
        let of_it = one.file == file.display().to_string();
        one.file = format!("{code}.yaml");
        of_it && one.code == code
    });
    assert_ne!(found, [], "{code}.yaml should have it");
    let told = crate::commands::lint::text(&found);
    let (told, _summary) = told.trim_end().rsplit_once('\n').unwrap();
    format!("```yaml\n{text}```\n\n```text\n{told}\n```\n")
}

#[test]
fn an_override_to_where_every_rule_sends_calls_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let number = |rules: &str| {
        format!(
            "apiVersion: fourhundred.io/v1alpha1\nkind: FourHundredNumber\nmetadata: {{name: line, namespace: acme}}\n\
             spec:\n  number: \"4001000868\"\n  gatewayRef: {{name: east, namespace: telephony}}\n  \
             tariffRef: {{name: standard}}\n  destinations:\n  - {{name: desk, number: \"010-8888 0001\"}}\n  \
             - {{name: duty, number: \"138 0013 8000\"}}\n  rules:\n{rules}---\napiVersion: fourhundred.io/v1alpha1\n\
             kind: RoutingOverride\nmetadata: {{name: storm, namespace: acme}}\nspec:\n  numberRef: {{name: line}}\n  \
             to: {{destination: duty}}\n  until: \"2026-12-24T08:00:00+08:00\"\n"
        )
    };
    let idle = |rules: &str| {
        std::fs::write(folder.path().join("line.yaml"), number(rules)).unwrap();
        let found = read(&[root().join("examples/platform"), folder.path().to_owned()]);
        found.iter().any(|one| one.code == "FH115" && one.message.contains("delete the override"))
    };
    assert!(idle("  - {name: all, to: {destination: duty}}\n"));
    let elsewhere = "  - {name: some, when: {callers: [\"010*\"]}, to: {destination: desk}}\n";
    assert!(!idle(&format!("{elsewhere}  - {{name: all, to: {{destination: duty}}}}\n")));
}

#[test]
fn what_lists_hold_twice_and_what_never_sees_them_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let list = |name: &str, callers: &str| {
        format!(
            "---\napiVersion: fourhundred.io/v1alpha1\nkind: CallerList\nmetadata: {{name: {name}, namespace: acme}}\nspec: {{callers: [{callers}]}}\n"
        )
    };
    let text = std::fs::read_to_string(root().join("examples/acme/sales.yaml")).unwrap();
    let text = text.replace(
        "  - {name: partners, when",
        concat!(
            "  - {name: mobiles, when: {callers: [\"136*\"]}, to: {destination: shanghai}}\n",
            "  - {name: all-taken, when: {callerLists: [gold]}, to: {destination: partner-desk}}\n",
            "  - {name: partners, when",
        ),
    );
    let lists = [
        list("partners", "\"0215555*\", \"13600001111\", \"13700002222\", \"13600001111\", \"02155551111\", \"0898*\""),
        list("gold", "\"13600003333\""),
        list("silver", "\"13600003333\""),
    ];
    std::fs::write(folder.path().join("sales.yaml"), text + &lists.concat()).unwrap();
    let found = read(&[root().join("examples/platform"), folder.path().to_owned()]);
    let told: Vec<String> = found
        .iter()
        .filter(|one| !one.file.contains("platform"))
        .map(|one| format!("{} {} {}", one.code, one.path, one.message))
        .collect();
    assert_eq!(
        told,
        [
            "FH101 spec.rules[1].when.callerLists rule all-taken is never reached: rule mobiles before it takes every caller on gold",
            "FH116 spec.rules[2].when.callerLists rule mobiles before it takes 1 of the 5 callers on partners: move partners up, or narrow mobiles",
            "FH117 spec.callers[3] the list names this caller before: remove it",
            "FH117 spec.callers[4] 0215555* of the same list names this caller too: remove it",
            "FH110 spec.callers[5] 0898* catches fixed lines only: 海南's mobiles need callerAreas: [\"0898\"] in a rule",
            "FH118 spec.callers no FourHundredNumber of this namespace asks for it",
        ]
    );
    let fixable: Vec<&str> = found.iter().filter(|one| one.repair.is_some()).map(|one| one.code).collect();
    assert_eq!(fixable, ["FH117", "FH117"]);
}
