//! The examples on a real API server: the valid ones become Ready, the invalid ones are told by a condition.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

use crate::{
    harness::eventually,
    rig::{
        PATIENCE, Rig, objects,
        objects::{KINDS, condition},
        root,
    },
};

suite! {
    every_valid_example_becomes_ready,
    every_invalid_example_is_told_by_the_condition_it_names,
}

const ACME: [&str; 4] = ["hotline", "office-hours", "sales", "typhoon"];

async fn all(rig: &Rig) -> Vec<Value> {
    let list = rig.cluster.kubectl(&["get", KINDS, "--all-namespaces", "-o", "json"]).await.json();
    list["items"].as_array().unwrap().clone()
}

fn name_of(object: &Value) -> String {
    let namespace = object["metadata"]["namespace"].as_str().map_or(String::new(), |namespace| format!("{namespace}/"));
    format!("{} {namespace}{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|ready| {
        ready["status"] == "True" && object["status"]["observedGeneration"] == object["metadata"]["generation"]
    })
}

async fn with_valid_examples() -> Rig {
    let rig = Rig::running().await;
    rig.apply_acme(&ACME).await;
    eventually(PATIENCE, "every valid example is Ready", async || {
        let objects = all(&rig).await;
        let unready: Vec<String> = objects
            .iter()
            .filter(|object| !is_ready(object))
            .map(|object| format!("{}: {}", name_of(object), object["status"]["conditions"]))
            .collect();
        if unready.is_empty() { Ok(()) } else { Err(unready.join("\n")) }
    })
    .await;
    rig
}

async fn every_valid_example_becomes_ready() {
    let rig = with_valid_examples().await;
    let objects = all(&rig).await;
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    for kind in [
        "FourHundredNumber",
        "RoutingSchedule",
        "RoutingOverride",
        "CallGateway",
        "Tenant",
        "Tariff",
        "NumberPool",
        "HolidayCalendar",
        "Approval",
    ] {
        assert!(kinds.contains(&kind), "no example of {kind} among {kinds:?}");
    }
    for object in &objects {
        for abnormal in ["Stalled", "Reconciling"] {
            assert!(condition(object, abnormal).is_none(), "{} has {abnormal}", name_of(object));
        }
        assert_eq!(object["metadata"]["finalizers"], Value::Null, "{}", name_of(object));
    }
    let sales = objects.iter().find(|object| object["metadata"]["name"] == "sales").unwrap();
    let chosen = sales["status"]["number"].as_str().expect("a number was chosen");
    assert!(chosen.starts_with("4001") && chosen.ends_with("8888"), "{chosen}");
}

/// `REASON` of a file that begins with `# expect: condition; REASON`.
fn expected_reason(text: &str) -> Option<String> {
    let first = text.lines().next()?;
    first.strip_prefix("# expect: condition; ").map(|reason| reason.trim().to_owned())
}

fn files() -> BTreeMap<String, (PathBuf, String)> {
    let entries = std::fs::read_dir(root().join("examples/invalid")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter_map(|path| {
            let reason = expected_reason(&std::fs::read_to_string(&path).unwrap())?;
            Some((path.file_name().unwrap().to_string_lossy().into_owned(), (path, reason)))
        })
        .collect()
}

async fn every_invalid_example_is_told_by_the_condition_it_names() {
    let rig = with_valid_examples().await;
    let mut told = String::new();
    for (file, (path, reason)) in files() {
        let path = path.to_str().unwrap();
        rig.cluster.kubectl(&["apply", "--server-side", "-f", path]).await.ok();
        let (name, found) = eventually(PATIENCE, &format!("{file} is told by {reason}"), async || {
            let objects = rig.cluster.kubectl(&["get", "-f", path, "-o", "json"]).await.json();
            let items = objects["items"].as_array().cloned().unwrap_or_else(|| vec![objects.clone()]);
            for object in &items {
                let Some(conditions) = object["status"]["conditions"].as_array() else { continue };
                let named = conditions.iter().find(|condition| {
                    condition["status"] == "False"
                        && condition["reason"] == reason.as_str()
                        && condition["observedGeneration"] == object["metadata"]["generation"]
                });
                if let Some(named) = named {
                    return Ok((object["kind"].as_str().unwrap().to_owned(), named.clone()));
                }
            }
            Err(items.iter().map(|object| object["status"].to_string()).collect::<Vec<_>>().join("\n"))
        })
        .await;
        let text = |field: &str| found[field].as_str().unwrap().to_owned();
        let line =
            format!("{file}: {name}/{}={}/{}: {}\n", text("type"), text("status"), text("reason"), text("message"));
        told.push_str(&line.replace(&rig.sip.to_string(), "SIP-PORT"));
        // Namespaces stay: without a controller manager none ever ends.
        let ours = std::fs::read_to_string(path).unwrap();
        let ours: Vec<&str> = ours.split("\n---\n").filter(|text| !text.contains("kind: Namespace\n")).collect();
        rig.delete(&ours.join("\n---\n")).await;
    }
    let golden = root().join("tests/golden/conditions.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &told).unwrap();
    }
    let committed = std::fs::read_to_string(&golden).unwrap_or_default();
    for (was, is) in committed.lines().zip(told.lines()) {
        assert_eq!(is, was, "the sentence changed: run the test with UPDATE_GOLDEN=1 and read the difference");
    }
    assert_eq!(
        committed.lines().count(),
        told.lines().count(),
        "a file came or went: run the test with UPDATE_GOLDEN=1"
    );
    // None of them left anything behind, and none did harm.
    eventually(PATIENCE, "only the valid examples are left, all Ready", async || {
        let objects = all(&rig).await;
        let odd: Vec<String> = objects.iter().filter(|object| !is_ready(object)).map(ToString::to_string).collect();
        if odd.is_empty() { Ok(()) } else { Err(odd.join("\n")) }
    })
    .await;
    let claims = rig.cluster.kubectl(&["get", "nclaim", "-o", "name"]).await.ok();
    assert_eq!(claims.lines().count(), 2, "{claims}");
    assert!(objects::claim(&rig.cluster, "4001000868").await.is_some());
}
