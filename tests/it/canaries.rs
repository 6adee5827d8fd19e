//! Secrets and customers' numbers go into the operator; none comes out in logs, events, statuses or metrics.

use fourhundred::runtime::control_plane::ADMIN;
use serde_json::json;

use crate::{
    harness::{eventually, workspace},
    rig::{
        PATIENCE, Rig, TUESDAY,
        http::Answer,
        objects::{KINDS, create, number, told},
        process::Process,
    },
};

suite! { no_secret_and_no_customers_number_comes_out }

const TOKEN: &str = "canary-token-9f3c5b7a1e";
const OTHER_SECRET: &str = "canary-second-secret-77aa";
/// Wrong by one letter, so that a log of what was offered shows nearly the secret.
const NEARLY: &str = "canary-token-9f3c5b7a1f";
/// In the forms in which a switch may give it.
const CALLERS: [&str; 3] = ["13912345679", "02087654321", "+8613698765432"];
/// A customer's private numbers to which overrides send calls: one that may be called, and one overseas that may not.
const DIVERTED: &str = "13756784321";
const OVERSEAS: &str = "85291234567";

async fn no_secret_and_no_customers_number_comes_out() {
    let rig = with_secrets().await;
    let folder = workspace().folder("canaries-");
    let flags = ["--leader-election", "none", "--clock-at", TUESDAY, "--log", "debug,hyper=info,h2=info"];
    let process = Process::start(&rig.cluster, ADMIN, folder.path(), "operator", &flags);
    told(&rig.cluster, &["fhn", "hotline", "-n", "acme"], "Ready", "True", "Ready").await;
    let answers = calls_and_records(&rig).await;
    something_to_complain_of(&rig).await;
    eventually(PATIENCE, "usage is shown", async || {
        let seen = rig.cluster.kubectl(&["get", "fhn", "hotline", "-n", "acme", "-o", "json"]).await.json();
        let usage = &seen["status"]["usage"];
        if usage["calls"]["answered"] == 3 { Ok(()) } else { Err(format!("{usage}\n{answers:#?}")) }
    })
    .await;
    let told = everything_told(&rig, process).await;
    let parts = rig.cluster.kubectl(&["get", "configmaps", "-n", "telephony", "-o", "yaml"]).await.ok();

    // The national forms too.
    let customers = CALLERS.iter().map(|caller| caller.trim_start_matches("+86")).chain([DIVERTED, OVERSEAS]);
    for (place, text) in &told {
        for canary in customers.clone().chain([TOKEN, NEARLY, OTHER_SECRET]) {
            let line = text.lines().find(|line| line.contains(canary)).unwrap_or_default();
            assert!(line.is_empty(), "{canary} stands in {place}: {line}");
        }
    }
    assert!(parts.contains(DIVERTED), "the override is in the plan: {parts}");
    for secret in [TOKEN, OTHER_SECRET] {
        assert!(!parts.contains(secret), "{secret} stands in a plan part");
    }
}

async fn with_secrets() -> Rig {
    let rig = Rig::new().await;
    rig.apply(&format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: cdr-writer, namespace: telephony}}
stringData: {{token: {TOKEN}, other: {OTHER_SECRET}}}
"
    ))
    .await;
    rig.apply(&rig.gateway()).await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig
}

/// Calls, questions and records, good ones and every kind of bad one; the answers to the records.
async fn calls_and_records(rig: &Rig) -> Vec<Answer> {
    let mut phone = rig.phone().await;
    let mut switch = eventually(PATIENCE, "the intake is open", async || {
        let mut switch = rig.connect().await.map_err(|error| error.to_string())?;
        let answer = switch.post_records(TOKEN, "").await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(switch) } else { Err(format!("{answer:?}")) }
    })
    .await;
    let mut answers = Vec::new();
    for (count, caller) in CALLERS.iter().enumerate() {
        for number in ["4001000868", "4001000999"] {
            phone.call(number, caller).await.expect("an answer");
            let record = json!({
                "source": "fs-1", "callId": format!("canary-{count}-{number}"), "leg": 1, "number": number,
                "caller": caller, "destination": "01088880001", "startedAt": "2026-11-10T11:00:00+08:00",
                "platformAnsweredAt": null, "answeredAt": "2026-11-10T11:00:05+08:00",
                "endedAt": "2026-11-10T11:01:05+08:00", "outcome": "Answered", "cause": 16,
            });
            answers.push(switch.post_records(TOKEN, &format!("{record}\n")).await.unwrap());
            // The same call with another body, a record out of order, and no record at all.
            let mut other = record.clone();
            other["endedAt"] = json!("2026-11-10T11:02:05+08:00");
            answers.push(switch.post_records(TOKEN, &format!("{other}\n")).await.unwrap());
            other["callId"] = json!("canary-backwards");
            other["endedAt"] = json!("2026-11-10T10:02:05+08:00");
            answers.push(switch.post_records(TOKEN, &format!("{other}\nnot json {caller} {TOKEN}\n")).await.unwrap());
        }
        let body = json!({ "to": "4001000868", "from": caller, "at": "2026-11-10T11:00:00+08:00" }).to_string();
        switch.post("/v1/route", "wrong", "application/json", body.as_bytes()).await.unwrap();
    }
    let mut stranger = rig.connect().await.unwrap();
    assert_eq!(stranger.post_records(NEARLY, "").await.unwrap().status, 401);
    phone.throw(format!("INVITE sip:4001000868@h SIP/2.0\r\nFrom: <sip:{}@x>\r\n\r\n", CALLERS[0]).as_bytes()).await;
    answers
}

/// A screening list that is refused, an override that holds, and one that is refused for its number.
async fn something_to_complain_of(rig: &Rig) {
    let screening = json!({ "number": "4001000300", "screening": {"denyCallers": [CALLERS[0]]} });
    create(&rig.cluster, &number("acme", "strict", &screening)).await;
    told(&rig.cluster, &["fhn", "strict", "-n", "acme"], "Accepted", "False", "FunctionNotSubscribed").await;
    for (name, to) in [("diverted", DIVERTED.to_owned()), ("overseas", format!("00{OVERSEAS}"))] {
        let object = json!({
            "apiVersion": "fourhundred.io/v1alpha1", "kind": "RoutingOverride",
            "metadata": {"name": name, "namespace": "acme"},
            "spec": {"numberRef": {"name": "hotline"}, "to": {"number": to},
                "from": "2026-11-09T08:00:00+08:00", "until": "2026-11-11T08:00:00+08:00"},
        });
        rig.apply(&object.to_string()).await;
    }
    told(&rig.cluster, &["rov", "overseas", "-n", "acme"], "Accepted", "False", "Invalid").await;
    told(&rig.cluster, &["rov", "diverted", "-n", "acme"], "Ready", "True", "Ready").await;
}

/// Whatever the operator says of itself and of objects, by where it says it; ends it, so that its last words are there.
async fn everything_told(rig: &Rig, process: Process) -> Vec<(&'static str, String)> {
    let metrics = process.get("/metrics").await.unwrap();
    assert!(metrics.contains("fourhundred_reconciles_total"), "{metrics}");
    let events = rig.cluster.kubectl(&["get", "events.events.k8s.io", "--all-namespaces", "-o", "json"]).await.ok();
    assert!(events.contains("FunctionNotSubscribed"), "{events}");
    let list = rig.cluster.kubectl(&["get", KINDS, "--all-namespaces", "-o", "json"]).await.json();
    let items = list["items"].as_array().unwrap();
    let statuses: String = items.iter().map(|object| object["status"].to_string()).collect();
    assert!(items.iter().any(|object| object["metadata"]["name"] == "overseas"), "{statuses}");
    let log = process.log_file();
    assert!(process.terminate().await.success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.lines().count() > 5, "{log}");
    vec![("log", log), ("metrics", metrics), ("events", events), ("statuses", statuses)]
}
