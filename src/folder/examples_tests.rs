//! The repository's examples, held against the schemas as built: each must pass, each of `invalid/` must fail as its
//! first line says. What conditions say needs a controller and is not judged here.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::api;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn schemas() -> Schemas {
    Schemas::from_crds(&api::crds::all()).expect("schemas")
}

#[test]
fn every_cel_rule_can_be_evaluated_without_a_cluster() {
    for (kind, schema) in schemas().kinds() {
        assert_eq!(schema.schema.unusable_rules(), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn the_examples_pass_and_decode() {
    let schemas = schemas();
    for part in ["platform", "acme"] {
        if let Err(problems) = Folder::read(&examples().join(part), &schemas) {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        }
    }
    let platform = Folder::read(&examples().join("platform"), &schemas).expect("platform");
    let acme = Folder::read(&examples().join("acme"), &schemas).expect("acme");
    assert_eq!(platform.objects.of_kind::<api::CallGateway>().expect("gateways").len(), 1);
    assert_eq!(platform.objects.of_kind::<api::Tariff>().expect("tariffs").len(), 1);
    assert_eq!(platform.objects.of_kind::<api::NumberPool>().expect("pools").len(), 1);
    assert_eq!(platform.objects.of_kind::<api::HolidayCalendar>().expect("calendars")[0].spec.years.len(), 2);
    assert_eq!(platform.objects.of_kind::<api::Tenant>().expect("tenants").len(), 1);
    assert_eq!(platform.objects.of_kind::<api::Approval>().expect("approvals").len(), 1);
    assert_eq!(acme.objects.of_kind::<api::FourHundredNumber>().expect("numbers").len(), 2);
    assert_eq!(acme.objects.of_kind::<api::RoutingSchedule>().expect("schedules").len(), 1);
    assert_eq!(acme.objects.of_kind::<api::RoutingOverride>().expect("overrides").len(), 1);
    assert!(platform.objects.secret("telephony", "cdr-writer").is_some_and(|secret| secret.0.contains_key("token")));
    assert_eq!(acme.routing_tests.len(), 1);
}

#[test]
fn invalid_examples_fail_as_they_say() {
    let schemas = schemas();
    let mut files: Vec<PathBuf> = fs::read_dir(examples().join("invalid"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 45);
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let expectation = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect("an expectation");
        let (who, contains) = expectation.split_once("; ").expect("who; contains");
        let told: Vec<String> = match Folder::read(&file, &schemas) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        let as_said = match who {
            "apply" => !told.is_empty() && told.iter().all(|sentence| sentence.contains(contains)),
            "condition" => told.is_empty(),
            _ => false,
        };
        if !as_said {
            wrong.push(format!("{}: {expectation}: {told:#?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_an_invalid_example() {
    let all: BTreeSet<String> = schemas().kinds().map(|(kind, _)| kind.to_owned()).collect();
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(examples().join("invalid")).expect("a folder") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        seen.extend(text.lines().filter_map(|line| line.strip_prefix("kind: ")).map(str::to_owned));
    }
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn folders_named_invalid_are_read_past_and_read_when_they_are_asked_for() {
    let schemas = schemas();
    let folder = Folder::read(&examples(), &schemas).expect("the examples as one folder");
    assert!(folder.objects.iter().any(|(key, _)| key.name == "hotline"));
    assert!(Folder::read(&examples().join("invalid"), &schemas).is_err());
    assert!(Folder::read_all(&[examples()], Skip::default(), &schemas).is_err());
}
