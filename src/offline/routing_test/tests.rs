use std::fs;

use super::*;
use crate::offline::tests::{examples, root};

fn tests_of(text: &str) -> Result<Vec<Test>, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.routing-test.yaml");
    fs::write(&file, text).unwrap();
    let short = |problem: crate::folder::Problem| {
        let sentence = problem.to_string();
        sentence.split_once("x.routing-test.yaml:").unwrap().1.to_owned()
    };
    read(&file).map_err(|problems| problems.into_iter().map(short).collect())
}

#[test]
fn the_examples_pass_and_reach_every_rule() {
    let offline = examples();
    let tests = read(&root().join("examples/acme/tests/acme.routing-test.yaml")).unwrap();
    let report = run(&offline, &tests).unwrap();
    let failed: Vec<_> = report.tests.iter().filter(|test| !test.passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((report.passed, report.failed), (tests.len(), 0));
    let hotline = &report.coverage.numbers[0];
    assert_eq!((&hotline.rules_missed, &hotline.periods_missed), (&vec![], &vec![]));
}

#[test]
fn a_test_that_fails_says_what_differs() {
    let tests = tests_of(concat!(
        "tests:\n",
        "- name: a\n",
        "  call: {to: 400-1000-868, from: \"0898 6666 0000\", at: \"2026-11-23T10:00:00+08:00\"}\n",
        "  expect: {outcome: Route, destinations: [duty, \"0755-6666 0002\"]}\n",
        "- name: b\n",
        "  call: {to: \"4001000868\", from: \"010 6666 0000\", at: \"2026-11-23T10:00:00+08:00\"}\n",
        "  expect: {rule: by-day, destinations: [beijing, {number: \"+86 755 6666 0002\", ringSeconds: 21}, \"138 0013 8000\"]}\n",
        "- name: c\n",
        "  calls: {to: \"4001000868\", from: \"010 6666 0000\", at: \"2026-11-11T10:00:00+08:00\", count: 500}\n",
        "  expect: {rule: promotion, share: {shenzhen: 0.9, \"010 8888 0001\": 0.7}, within: 0.1}\n",
    ))
    .unwrap();
    let report = run(&examples(), &tests).unwrap();
    assert_eq!((report.passed, report.failed), (0, 3));
    let differences = |index: usize| report.tests[index].differences.join("\n");
    assert_eq!(
        differences(0),
        "destinations: expected [duty, 0755-6666 0002], got nothing\noutcome: expected Route, got Refuse"
    );
    assert!(differences(1).starts_with("destinations: expected [beijing, "), "{}", differences(1));
    assert!(differences(2).starts_with("share.shenzhen: expected 0.9 within 0.1, got 0."), "{}", differences(2));
    assert_eq!(report.tests[2].differences.len(), 1);
    assert_eq!(report.tests[1].line, 5);
}

#[test]
fn a_wrong_file_is_told_with_its_lines() {
    let wrong = tests_of(concat!(
        "tests:\n",
        "- name: a\n",
        "  call: {to: 4001000868, from: 0755, at: \"2026-11-23T10:00:00+08:00\"}\n",
        "  expect: {outcom: Route}\n",
        "- name: b\n",
        "  call: {to: \"4001000868\", at: yesterday}\n",
        "  expect: {reason: CallerDenyed}\n",
    ))
    .unwrap_err();
    let starts = [
        "3:14: tests[0].call.to is written 4001000868, which YAML reads as the number 4001000868: quote it",
        "3:32: tests[0].call.from is written 0755, which YAML reads as the number 493: quote it",
        "4:12: tests[0].expect.outcom is not a field here: did you mean outcome?",
        "6:32: tests[1].call.at is \"yesterday\"",
        "7:20: tests[1].expect.reason is \"CallerDenyed\", but must be one of",
    ];
    assert_eq!(wrong.len(), starts.len(), "{wrong:#?}");
    for (seen, start) in wrong.iter().zip(starts) {
        assert!(seen.starts_with(start), "{seen}");
    }
    let wrong = tests_of(concat!(
        "tests:\n",
        "- {name: a, expect: {outcome: Route}}\n",
        "- {name: b, call: {to: \"400100086\", at: \"2026-11-23T10:00:00+08:00\"}, expect: {outcome: Route}}\n",
        "- {name: c, call: {to: \"4001000868\", at: \"2026-11-23T10:00:00+08:00\"}, expect: {share: {x: 1}}}\n",
    ))
    .unwrap_err();
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(wrong[0].starts_with("2:") && wrong[0].contains("exactly one"), "{}", wrong[0]);
    assert!(wrong[1].starts_with("3:") && wrong[1].contains("ten digits"), "{}", wrong[1]);
    assert!(wrong[2].starts_with("4:") && wrong[2].contains("many calls"), "{}", wrong[2]);
}

#[test]
fn what_no_test_reaches_is_named() {
    let tests = tests_of(
        "tests: [{name: a, call: {to: \"4001000868\", at: \"2026-11-23T03:00:00+08:00\"}, expect: {rule: night}}]",
    )
    .unwrap();
    let report = run(&examples(), &tests).unwrap();
    assert_eq!(report.passed, 1);
    let hotline = &report.coverage.numbers[0];
    assert_eq!((hotline.calls, hotline.rules, hotline.periods), (1, 6, 4));
    assert_eq!(hotline.rules_missed, ["key-customers", "south-by-day", "promotion", "by-day", "holiday"]);
    assert_eq!(hotline.periods_missed, ["work", "promotion", "holiday"]);
    assert_eq!(report.coverage.numbers[1].calls, 0);
}

#[test]
fn a_test_may_name_the_trace_and_the_call_id() {
    let tests = tests_of(concat!(
        "tests:\n",
        "- name: a\n",
        "  call: {to: \"4001000868\", at: \"2026-11-23T03:00:00+08:00\", callId: x1}\n",
        "  expect: {callId: x1, trace: [{step: number}, {step: wrong}]}\n",
    ))
    .unwrap();
    let report = run(&examples(), &tests).unwrap();
    let result = &report.tests[0];
    assert_eq!(result.differences.len(), 1, "the call id is as given: {:?}", result.differences);
    let mut again = tests;
    let trace = serde_json::to_value(result.decision.as_ref().unwrap().trace.as_ref().unwrap()).unwrap();
    assert_eq!(trace[0]["step"], "number");
    again[0].expect.insert("trace".to_owned(), trace);
    assert_eq!(run(&examples(), &again).unwrap().passed, 1);
}

#[test]
fn a_name_that_reads_like_a_number_is_a_name_in_share() {
    let mut first = compare::FirstDestinations::default();
    let document =
        r#"{"outcome":"Route","number":"4001000868","destinations":[{"name":"1-2","number":"01088880001"}]}"#;
    first.count(&serde_json::from_str(document).unwrap());
    assert_eq!((first.of("1-2"), first.of("010-8888 0001"), first.of("12")), (1, 1, 0));
}
