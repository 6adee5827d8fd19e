//! The examples on a real API server with the operator running: the valid ones become Ready, the invalid ones are told by
//! a condition.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::{
    apply::Invalid,
    harness::{eventually, golden, manifests},
    rig::{
        PATIENCE, Rig, objects,
        objects::{KINDS, condition},
    },
};

suite! {
    every_valid_example_becomes_ready,
    every_valid_example_becomes_ready_server_side,
    every_invalid_example_is_told_by_the_condition_it_names,
}

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

/// What of our kinds stands in the examples' files.
fn written() -> BTreeSet<String> {
    let documents = manifests::example_folders().into_iter().flat_map(|folder| manifests::documents_in(&folder));
    let ours = documents.filter(|document| document["apiVersion"] == "fourhundred.io/v1alpha1");
    ours.map(|document| name_of(&document)).collect()
}

/// An operator to which each folder of the examples was applied as it is, with these flags, and has become Ready.
async fn with_valid_examples(flags: &[&str]) -> Rig {
    let mut rig = Rig::bare().await;
    rig.start(&[]);
    for folder in manifests::example_folders() {
        rig.cluster.kubectl(&[&["apply", "-f", folder.to_str().unwrap()], flags].concat()).await.ok();
    }
    all_ready(&rig, "every valid example is Ready").await;
    rig
}

/// Waits until what the examples hold is there, nothing else is, and all of it is Ready.
async fn all_ready(rig: &Rig, what: &str) -> Vec<Value> {
    let written = written();
    eventually(PATIENCE, what, async || {
        let objects = all(rig).await;
        let unready: Vec<String> = objects
            .iter()
            .filter(|object| !is_ready(object))
            .map(|object| format!("{}: {}", name_of(object), object["status"]["conditions"]))
            .collect();
        let there: BTreeSet<String> = objects.iter().map(name_of).collect();
        match unready.as_slice() {
            [] if there == written => Ok(objects),
            [] => Err(format!("there are {there:?}, the files hold {written:?}")),
            _ => Err(unready.join("\n")),
        }
    })
    .await
}

async fn every_valid_example_becomes_ready() {
    settled(&with_valid_examples(&[]).await).await;
}

async fn every_valid_example_becomes_ready_server_side() {
    settled(&with_valid_examples(&["--server-side"]).await).await;
}

/// Nothing is amiss, and there is an example of every kind that people write.
async fn settled(rig: &Rig) {
    let objects = all(rig).await;
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    for kind in [
        "FourHundredNumber",
        "RoutingSchedule",
        "RoutingOverride",
        "CallerList",
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

async fn every_invalid_example_is_told_by_the_condition_it_names() {
    let rig = with_valid_examples(&[]).await;
    // A number that calls could reach rests when it is released.
    let bound = ["get", "nclaim", "--field-selector", "spec.state=Bound", "-o", "name"];
    let before = rig.cluster.kubectl(&bound).await.ok();
    let mut told = String::new();
    for (path, reason) in Invalid::by_condition() {
        told.push_str(&told_of(&rig, &path, &reason).await);
    }
    // None of them left anything behind, and none did harm.
    all_ready(&rig, "only the valid examples are left, all Ready").await;
    eventually(PATIENCE, "no number is held but the valid examples'", async || {
        let now = rig.cluster.kubectl(&bound).await.ok();
        if now == before { Ok(()) } else { Err(now) }
    })
    .await;
    assert!(objects::claim(&rig.cluster, "4001000868").await.is_some());
    golden::same("conditions.txt", &told);
}

/// Applies a file, waits for the condition with the reason, and takes the file's objects away again; the line of the
/// golden table.
async fn told_of(rig: &Rig, path: &Path, reason: &str) -> String {
    let (name, text) = (path.file_name().unwrap().to_string_lossy(), std::fs::read_to_string(path).unwrap());
    let path = path.to_str().unwrap();
    rig.cluster.kubectl(&["apply", "-f", path]).await.ok();
    let (kind, found) = eventually(PATIENCE, &format!("{name} is told by {reason}"), async || {
        let objects = rig.cluster.kubectl(&["get", "-f", path, "-o", "json"]).await.json();
        let items = objects["items"].as_array().cloned().unwrap_or_else(|| vec![objects.clone()]);
        for object in &items {
            let Some(conditions) = object["status"]["conditions"].as_array() else { continue };
            let named = conditions.iter().find(|condition| {
                condition["status"] == "False"
                    && condition["reason"] == reason
                    && condition["observedGeneration"] == object["metadata"]["generation"]
            });
            if let Some(named) = named {
                return Ok((object["kind"].as_str().unwrap().to_owned(), named.clone()));
            }
        }
        Err(items.iter().map(|object| object["status"].to_string()).collect::<Vec<_>>().join("\n"))
    })
    .await;
    // Namespaces stay: without a controller manager none ever ends.
    let ours: Vec<&str> = text.split("\n---\n").filter(|text| !text.contains("kind: Namespace\n")).collect();
    rig.delete(&ours.join("\n---\n")).await;
    let field = |field: &str| found[field].as_str().unwrap();
    format!("{name}: {kind}/{}={}/{}: {}\n", field("type"), field("status"), field("reason"), field("message"))
}
