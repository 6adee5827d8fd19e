//! The split between caller and enterprise is the platform's: nothing that a tenant may write moves it.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::{Value, json};

use super::*;
use crate::domain::rating::Line;
use crate::folder::SKIPPED;
use crate::offline::tests::{now, root};

/// A field as the schema has it, where it is in its file, and something else that it could say; `null` takes it away.
type Edit = (&'static str, &'static str, Value);

/// Kinds that tenants write, each with a file of the examples.
fn edits() -> [(&'static str, &'static str, Vec<Edit>); 4] {
    let number = vec![
        ("number", "/spec/number", json!("4001000999")),
        ("choose.poolRef.name", "/spec/choose", json!({"poolRef": {"name": "mobile-4001"}})),
        ("choose.pattern", "/spec/choose", json!({"poolRef": {"name": "mobile-4001"}, "pattern": "8888"})),
        ("gatewayRef.name", "/spec/gatewayRef/name", json!("west")),
        ("gatewayRef.namespace", "/spec/gatewayRef/namespace", json!("acme")),
        ("tariffRef.name", "/spec/tariffRef/name", json!("cheaper")),
        ("package", "/spec/package", json!("m300")),
        ("functions.[]", "/spec/functions", json!(["Schedule", "Screening", "Percentage", "Recording"])),
        ("scheduleRef.name", "/spec/scheduleRef/name", json!("other")),
        ("state", "/spec/state", json!("Paused")),
        ("destinations.[].name", "/spec/destinations/0/name", json!("peking")),
        ("destinations.[].number", "/spec/destinations/0/number", json!("138 0013 8001")),
        ("destinations.[].ringSeconds", "/spec/destinations/0/ringSeconds", json!(40)),
        ("destinations.[].concurrentCalls", "/spec/destinations/0/concurrentCalls", json!(3)),
        ("groups.[].name", "/spec/groups/0/name", json!("other")),
        ("groups.[].strategy", "/spec/groups/0/strategy", json!("RoundRobin")),
        ("groups.[].members.[].destination", "/spec/groups/0/members/0/destination", json!("duty")),
        (
            "groups.[].members.[].percent",
            "/spec/groups/1/members",
            json!([
            {"destination": "beijing", "percent": 10}, {"destination": "shenzhen", "percent": 90}]),
        ),
        ("groups.[].overflow.[].destination", "/spec/groups/0/overflow", json!([])),
        ("limits.callsPerMonth", "/spec/limits", json!({"callsPerMonth": 10})),
        ("limits.concurrentCalls", "/spec/limits", json!({"concurrentCalls": 10})),
        (
            "limits.whenExceeded.announcement",
            "/spec/limits",
            json!({"callsPerMonth": 10, "whenExceeded": {"announcement": "all-lines-busy"}}),
        ),
        ("screening.anonymous", "/spec/screening/anonymous", json!("Deny")),
        ("screening.denyAreas.[]", "/spec/screening/denyAreas", json!(["010"])),
        ("screening.onlyAreas.[]", "/spec/screening/onlyAreas", json!(["0755"])),
        ("screening.denyCallers.[]", "/spec/screening/denyCallers", json!(["139*"])),
        ("rules.[].name", "/spec/rules/0/name", json!("other")),
        ("rules.[].to.destination", "/spec/rules/0/to", json!({"destination": "shenzhen"})),
        ("rules.[].to.group", "/spec/rules/0/to", json!({"group": "service"})),
        ("rules.[].to.announcement", "/spec/rules/0/to", json!({"announcement": "holiday-greeting"})),
        ("rules.[].to.queue", "/spec/rules/0/to", json!({"queue": "sales"})),
        ("rules.[].to.menu", "/spec/rules/0/to", json!({"menu": "main"})),
        ("rules.[].when.callers.[]", "/spec/rules/0/when/callers", json!(["13*"])),
        ("rules.[].when.callerAreas.[]", "/spec/rules/1/when/callerAreas", json!(["010"])),
        ("rules.[].when.callerProvinces.[]", "/spec/rules/1/when/callerProvinces", json!(["广东"])),
        ("rules.[].when.callerLists.[]", "/spec/rules/1/when/callerLists", json!(["partners"])),
        ("rules.[].when.periods.[]", "/spec/rules/1/when/periods", json!(["promotion"])),
        ("whenExhausted.announcement", "/spec/whenExhausted", json!({"announcement": "holiday-greeting"})),
        ("whenExhausted.release", "/spec/whenExhausted", json!({"release": "Busy"})),
        ("access.passwordSecretRef.name", "/spec/access", json!({"passwordSecretRef": {"name": "a", "key": "b"}})),
        ("access.passwordSecretRef.key", "/spec/access", json!({"passwordSecretRef": {"name": "a", "key": "c"}})),
    ];
    let schedule = vec![
        ("timeZone", "/spec/timeZone", json!("Europe/Berlin")),
        ("calendarRef.name", "/spec/calendarRef", Value::Null),
        ("otherwise", "/spec/otherwise", json!("work")),
        ("periods.[].name", "/spec/periods/1/name", json!("sale")),
        ("periods.[].at.[].days.[]", "/spec/periods/0/at/0/days", json!(["Sunday"])),
        ("periods.[].at.[].dates.first", "/spec/periods/1/at/0/dates/first", json!("2026-11-10")),
        ("periods.[].at.[].dates.last", "/spec/periods/1/at/0/dates/last", json!("2026-11-12")),
        ("periods.[].at.[].from", "/spec/periods/0/at/0/from", json!("00:00")),
        ("periods.[].at.[].to", "/spec/periods/0/at/0/to", json!("10:00")),
    ];
    let override_ = vec![
        ("numberRef.name", "/spec/numberRef/name", json!("sales")),
        ("to.destination", "/spec/to", json!({"destination": "beijing"})),
        ("to.group", "/spec/to", json!({"group": "service"})),
        ("to.number", "/spec/to", json!({"number": "021-6666 0009"})),
        ("to.announcement", "/spec/to", json!({"announcement": "all-lines-busy"})),
        ("from", "/spec/from", json!("2026-11-01T00:00:00+08:00")),
        ("until", "/spec/until", json!("2026-12-31T00:00:00+08:00")),
        ("reason", "/spec/reason", json!("to pay less")),
    ];
    let list = vec![("callers.[]", "/spec/callers", json!(["13900001111"]))];
    [
        ("FourHundredNumber", "hotline.yaml", number),
        ("RoutingSchedule", "office-hours.yaml", schedule),
        ("RoutingOverride", "typhoon.yaml", override_),
        ("CallerList", "partners.yaml", list),
    ]
}

/// Every field under `spec` that holds a value.
fn fields(schema: &JSONSchemaProps, path: &str, into: &mut BTreeSet<String>) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray::Schema;
    let deeper = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (&schema.properties, &schema.items) {
        (Some(properties), _) => properties.iter().for_each(|(name, of)| fields(of, &deeper(name), into)),
        (None, Some(Schema(item))) => fields(item, &deeper("[]"), into),
        _ => {
            into.insert(path.to_owned());
        }
    }
}

fn fields_of(kind: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let definition = crate::api::crds::all().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = definition.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
    fields(&schema.properties.unwrap()["spec"], "", &mut found);
    found
}

/// What the caller and the enterprise pay for a minute, and by which price book.
type Split = (Option<MicroYuan>, Option<MicroYuan>, Digest);

/// Of a call to the same town and of one to another; `None`: the number is not served.
fn split(folder: &std::path::Path) -> Option<Vec<Split>> {
    let offline =
        Offline::read(&[root().join("examples/platform"), folder.to_owned()], &[SKIPPED.to_owned()], now()).ok()?;
    let record = |leg: u32, destination: &str| {
        let text = json!({"source": "fs-1", "callId": destination, "leg": leg, "number": "4001000868", "caller": "01066660000",
            "destination": (leg > 0).then_some(destination), "startedAt": "2026-11-10T10:00:00+08:00",
            "answeredAt": "2026-11-10T10:00:10+08:00", "endedAt": "2026-11-10T10:01:00+08:00", "outcome": "Answered"});
        CallRecord::from_json(text.to_string().as_bytes()).unwrap()
    };
    let mut rater = Rater::of(&offline, None);
    let mut told = Vec::new();
    for destination in ["01088880001", "075566660002"] {
        let caller = rater.add(&record(0, destination)).ok()?.caller.map(|caller| caller.per_minute);
        let charge = rater.add(&record(1, destination)).ok()?.charge?;
        let enterprise = match charge.line {
            Line::Voice { per_minute, .. } => Some(per_minute),
            Line::PackageVoice { .. } => None,
            other => panic!("{other:?}"),
        };
        told.push((caller, enterprise, charge.price.book));
    }
    Some(told)
}

#[test]
fn nothing_that_a_tenant_writes_moves_the_split() {
    let write = |folder: &std::path::Path, spoilt: &str, edit: &dyn Fn(&mut Value)| {
        for file in ["hotline.yaml", "office-hours.yaml", "typhoon.yaml", "partners.yaml"] {
            let text = std::fs::read_to_string(root().join("examples/acme").join(file)).unwrap();
            let mut object: Value = serde_saphyr::from_str(&text).unwrap();
            if file == "hotline.yaml" {
                // With a package no rate is asked.
                object["spec"].as_object_mut().unwrap().remove("package");
            }
            if file == spoilt {
                edit(&mut object);
            }
            std::fs::write(folder.join(file), serde_json::to_string(&object).unwrap()).unwrap();
        }
    };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "", &|_| {});
    let platform = split(folder.path()).expect("the example is rated");
    assert_eq!(platform.iter().filter(|(caller, enterprise, _)| caller.is_some() && enterprise.is_some()).count(), 2);
    let mut rated = 0;
    for (kind, file, edits) in edits() {
        let named: BTreeSet<String> = edits.iter().map(|(field, ..)| (*field).to_owned()).collect();
        assert_eq!(named, fields_of(kind), "{kind}: a field was added or taken away");
        for (field, at, value) in edits {
            write(folder.path(), file, &|object| {
                let (parent, last) = at.rsplit_once('/').unwrap();
                let parent = object.pointer_mut(parent).unwrap_or_else(|| panic!("{at}"));
                match parent {
                    Value::Array(items) => items[last.parse::<usize>().unwrap()] = value.clone(),
                    Value::Object(members) if value.is_null() => drop(members.remove(last)),
                    Value::Object(members) => drop(members.insert(last.to_owned(), value.clone())),
                    other => panic!("{at}: {other}"),
                }
            });
            // What is refused is not charged at all.
            let Some(told) = split(folder.path()) else { continue };
            rated += 1;
            for ((caller, enterprise, book), (callers, enterprises, books)) in told.iter().zip(&platform) {
                assert_eq!((caller, book), (callers, books), "{kind} {field}");
                assert!(enterprise.is_none() || enterprise == enterprises, "{kind} {field}: {enterprise:?}");
            }
        }
    }
    assert!(rated >= 40, "{rated}");
}
