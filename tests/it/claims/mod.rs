//! One number, one owner: release and rest, choice by pattern.

pub mod races;
pub mod restore;

use std::time::Duration;

use futures::future::join_all;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::{
    harness::{eventually, throughout},
    rig::{
        PATIENCE, Rig, TUESDAY,
        objects::{api, claim, claim_becomes, create, delete, number, tenant, told},
    },
};

suite! {
    a_released_number_rests_and_then_goes_to_who_waits,
    a_number_never_served_is_free_at_once_also_after_a_restart,
    the_same_tenant_takes_its_number_back_under_another_name,
    choosers_of_one_pattern_get_different_numbers,
    what_is_deleted_while_no_operator_runs_is_released_when_one_does,
}

/// Any tenant's namespace may attach.
fn open_gateway(rig: &Rig) -> String {
    let gateway = rig.gateway();
    let (before, after) = gateway.split_once("  allowedNamespaces:").unwrap();
    let (_, rest) = after.split_once("  workers:").unwrap();
    format!("{before}  allowedNamespaces: {{from: All}}\n  workers:{rest}")
}

/// A pool of its own: numbers of China Mobile that the examples' pool has not.
async fn pool(rig: &Rig, name: &str, first: &str, last: &str, cooling_days: u32) {
    rig.apply(&format!(
        "apiVersion: fourhundred.io/v1alpha1
kind: NumberPool
metadata: {{name: {name}}}
spec:
  carrier: ChinaMobile
  ranges: [{{first: \"{first}\", last: \"{last}\"}}]
  coolingDays: {cooling_days}
"
    ))
    .await;
}

/// Seconds between two instants as claims write them.
fn days_between(from: &str, until: &str) -> f64 {
    let (from, until): (jiff::Timestamp, jiff::Timestamp) = (from.parse().unwrap(), until.parse().unwrap());
    until.duration_since(from).as_secs_f64() / 86_400.0
}

async fn a_released_number_rests_and_then_goes_to_who_waits() {
    let mut rig = Rig::new().await;
    rig.apply(&open_gateway(&rig)).await;
    pool(&rig, "resting", "4001100000", "4001100999", 45).await;
    tenant(&rig, "zuoji", &["zuoji-live"], 5).await;
    tenant(&rig, "youji", &["youji-live"], 5).await;
    rig.start(&[]);
    let cluster = &rig.cluster;
    let wish = json!({ "number": "4001100042" });
    create(cluster, &number("zuoji-live", "desk", &wish)).await;
    told(cluster, &["fhn", "desk", "-n", "zuoji-live"], "Ready", "True", "Ready").await;
    create(cluster, &number("youji-live", "desk", &wish)).await;
    told(cluster, &["fhn", "desk", "-n", "youji-live"], "Accepted", "False", "NumberTaken").await;

    delete(cluster, "zuoji-live", "desk").await;
    claim_becomes(cluster, "4001100042", "Cooling", |claim| claim.is_some_and(|claim| claim["state"] == "Cooling"))
        .await;
    let resting = claim(cluster, "4001100042").await.unwrap();
    let days = days_between(TUESDAY, resting["coolingUntil"].as_str().unwrap());
    assert!((days - 45.0).abs() < 0.01, "{days} days: {resting}");
    // The other tenant waits, and is told until when, not after whom.
    let waiting = told(cluster, &["fhn", "desk", "-n", "youji-live"], "Accepted", "False", "NumberCooling").await;
    assert!(!waiting["status"].to_string().contains("zuoji"), "{waiting}");
    let mut phone = rig.phone().await;
    let answer = phone.call("4001100042", "02038887777").await.unwrap();
    assert_eq!(answer.code, 404, "{}", answer.text);

    rig.kill().await;
    // A minute before the end, then across it: no restart, nobody touches anything.
    let end: jiff::Timestamp = resting["coolingUntil"].as_str().unwrap().parse().unwrap();
    rig.start(&["--clock-at", &(end - jiff::SignedDuration::from_secs(8)).to_string()]);
    told(&rig.cluster, &["fhn", "desk", "-n", "youji-live"], "Ready", "True", "Ready").await;
    let claim = claim(&rig.cluster, "4001100042").await.unwrap();
    assert_eq!((&claim["tenant"], &claim["state"]), (&json!("youji"), &json!("Bound")));
    let claimed_at: jiff::Timestamp = claim["claimedAt"].as_str().unwrap().parse().unwrap();
    assert!(claimed_at >= end, "{claimed_at} is before {end}");
    let answer = rig.phone().await.call("4001100042", "02038887777").await.unwrap();
    assert_eq!(answer.contacts(), ["01088880001"]);
}

async fn a_number_never_served_is_free_at_once_also_after_a_restart() {
    let mut rig = Rig::running().await;
    let wish =
        |number: &str| json!({ "number": number, "scheduleRef": {"name": "not-yet"}, "functions": ["Schedule"] });
    let numbers = [("desk", "4001000077"), ("later", "4001000076")];
    for (name, asked) in numbers {
        create(&rig.cluster, &number("acme", name, &wish(asked))).await;
        told(&rig.cluster, &["fhn", name, "-n", "acme"], "ResolvedRefs", "False", "ScheduleNotFound").await;
        let spec = claim(&rig.cluster, asked).await.unwrap();
        assert_eq!((&spec["state"], &spec["servedAt"]), (&json!("Bound"), &Value::Null), "{spec}");
    }
    let served = json!({ "number": "4001000075" });
    create(&rig.cluster, &number("acme", "served", &served)).await;
    told(&rig.cluster, &["fhn", "served", "-n", "acme"], "Ready", "True", "Ready").await;
    assert!(claim(&rig.cluster, "4001000075").await.unwrap()["servedAt"].is_string());
    delete(&rig.cluster, "acme", "desk").await;
    claim_becomes(&rig.cluster, "4001000077", "gone", |claim| claim.is_none()).await;
    // Also for an operator that did not see the claim made, and neither for one that was not there at the deletion.
    rig.kill().await;
    delete(&rig.cluster, "acme", "later").await;
    delete(&rig.cluster, "acme", "served").await;
    rig.start(&[]);
    claim_becomes(&rig.cluster, "4001000076", "gone", |claim| claim.is_none()).await;
    claim_becomes(&rig.cluster, "4001000075", "Cooling", |claim| {
        claim.is_some_and(|claim| claim["state"] == "Cooling")
    })
    .await;
}

async fn the_same_tenant_takes_its_number_back_under_another_name() {
    let rig = Rig::running().await;
    let cluster = &rig.cluster;
    let wish = json!({ "number": "4001000078" });
    create(cluster, &number("acme", "before", &wish)).await;
    told(cluster, &["fhn", "before", "-n", "acme"], "Ready", "True", "Ready").await;
    let since = claim(cluster, "4001000078").await.unwrap()["claimedAt"].clone();
    delete(cluster, "acme", "before").await;
    create(cluster, &number("acme", "after", &wish)).await;
    told(cluster, &["fhn", "after", "-n", "acme"], "Ready", "True", "Ready").await;
    let spec = claim(cluster, "4001000078").await.unwrap();
    assert_eq!((&spec["state"], &spec["holder"]["name"]), (&json!("Bound"), &json!("after")));
    assert_eq!(spec["claimedAt"], since, "it is still the same claim");
    let answer = rig.phone().await.call("4001000078", "02038887777").await.unwrap();
    assert_eq!(answer.contacts(), ["01088880001"]);
}

async fn choosers_of_one_pattern_get_different_numbers() {
    let mut rig = Rig::running().await;
    // Ten numbers end in 77 among a thousand.
    pool(&rig, "choice", "4001100000", "4001100999", 30).await;
    let wish = json!({ "choose": {"poolRef": {"name": "choice"}, "pattern": "77"} });
    let chosen = async |rig: &Rig, name: &str| {
        told(&rig.cluster, &["fhn", name, "-n", "acme"], "Ready", "True", "Ready").await["status"]["number"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let names: Vec<String> = (0..10).map(|count| format!("wish{count}")).collect();
    let objects: Vec<_> = names.iter().map(|name| number("acme", name, &wish)).collect();
    join_all(objects.iter().map(|object| create(&rig.cluster, object))).await;
    let mut numbers = Vec::new();
    for name in &names {
        numbers.push(chosen(&rig, name).await);
    }
    let mut distinct = numbers.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 10, "{numbers:?}");
    assert!(numbers.iter().all(|number| number.starts_with("4001100") && number.ends_with("77")), "{numbers:?}");
    create(&rig.cluster, &number("acme", "late", &wish)).await;
    told(&rig.cluster, &["fhn", "late", "-n", "acme"], "Accepted", "False", "PoolExhausted").await;

    // A chooser that is created again, as a pipeline does, gets its own number and not another.
    delete(&rig.cluster, "acme", "wish3").await;
    claim_becomes(&rig.cluster, &numbers[3], "Cooling", |claim| claim.is_some_and(|claim| claim["state"] == "Cooling"))
        .await;
    create(&rig.cluster, &objects[3]).await;
    assert_eq!(chosen(&rig, "wish3").await, numbers[3]);
    // And what was chosen stays chosen across a restart.
    let before: Vec<String> = numbers.clone();
    rig.kill().await;
    rig.start(&[]);
    drop(rig.intake_is_open().await);
    throughout(Duration::from_secs(2), "the choice stays", async || {
        let list = api(&rig.cluster, "acme").list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        for (name, number) in names.iter().zip(&before) {
            let object = list.iter().find(|object| object.metadata.name.as_deref() == Some(name)).ok_or("gone")?;
            let shown = object.status.as_ref().and_then(|status| status.number.clone());
            if shown.as_ref() != Some(number) {
                return Err(format!("{name}: {shown:?} instead of {number}"));
            }
        }
        Ok(())
    })
    .await;
}

async fn what_is_deleted_while_no_operator_runs_is_released_when_one_does() {
    let mut rig = Rig::running().await;
    for (name, asked) in [("desk", "4001000081"), ("other", "4001000082")] {
        create(&rig.cluster, &number("acme", name, &json!({ "number": asked }))).await;
        told(&rig.cluster, &["fhn", name, "-n", "acme"], "Ready", "True", "Ready").await;
    }
    for names in [&["desk"][..], &["other"][..]] {
        rig.kill().await;
        for name in names {
            delete(&rig.cluster, "acme", name).await;
        }
        rig.start(&[]);
        let asked = if names == ["desk"] { "4001000081" } else { "4001000082" };
        claim_becomes(&rig.cluster, asked, "Cooling", |claim| claim.is_some_and(|claim| claim["state"] == "Cooling"))
            .await;
        let mut phone = rig.phone().await;
        eventually(PATIENCE, &format!("{asked} is unknown"), async || {
            let answer = phone.call(asked, "02038887777").await.ok_or("nobody answers".to_owned())?;
            if answer.code == 404 { Ok(()) } else { Err(answer.text) }
        })
        .await;
        if names == ["desk"] {
            let answer = phone.call("4001000082", "02038887777").await.unwrap();
            assert_eq!(answer.contacts(), ["01088880001"], "the other one goes on");
        }
    }
}
