//! Secrets and customers' numbers go into the operator; none comes out in logs, events, statuses or metrics.

use fourhundred::runtime::control_plane::ADMIN;
use serde_json::json;

use crate::{
    harness::{eventually, workspace},
    rig::{
        PATIENCE, Rig, TUESDAY,
        objects::{KINDS, create, number, told},
        process::Process,
    },
};

suite! { no_secret_and_no_customers_number_comes_out }

const TOKEN: &str = "canary-token-9f3c5b7a1e";
const OTHER_SECRET: &str = "canary-second-secret-77aa";
/// In the forms in which a switch may give it.
const CALLERS: [&str; 3] = ["13912345679", "02087654321", "+8613698765432"];

async fn no_secret_and_no_customers_number_comes_out() {
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
    let folder = workspace().folder("canaries-");
    let flags = ["--leader-election", "none", "--clock-at", TUESDAY, "--log", "debug,hyper=info,h2=info"];
    let process = Process::start(&rig.cluster, ADMIN, folder.path(), "operator", &flags);
    told(&rig.cluster, &["fhn", "hotline", "-n", "acme"], "Ready", "True", "Ready").await;
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
    // Wrong by one letter, so that a log of what was offered shows nearly the secret.
    let mut stranger = rig.connect().await.unwrap();
    assert_eq!(stranger.post_records("canary-token-9f3c5b7a1f", "").await.unwrap().status, 401);
    phone.throw(format!("INVITE sip:4001000868@h SIP/2.0\r\nFrom: <sip:{}@x>\r\n\r\n", CALLERS[0]).as_bytes()).await;
    // Something to complain of: a screening list, and an override that names a customer's number.
    create(
        &rig.cluster,
        &number("acme", "strict", &json!({ "number": "4001000300", "screening": {"denyCallers": [CALLERS[0]]} })),
    )
    .await;
    told(&rig.cluster, &["fhn", "strict", "-n", "acme"], "Accepted", "False", "FunctionNotSubscribed").await;
    eventually(PATIENCE, "usage is shown", async || {
        let seen = rig.cluster.kubectl(&["get", "fhn", "hotline", "-n", "acme", "-o", "json"]).await.json();
        let usage = &seen["status"]["usage"];
        if usage["calls"]["answered"] == 3 { Ok(()) } else { Err(format!("{usage}\n{answers:#?}")) }
    })
    .await;

    let metrics = process.get("/metrics").await.unwrap();
    assert!(metrics.contains("fourhundred_reconciles_total"), "{metrics}");
    let events = rig.cluster.kubectl(&["get", "events.events.k8s.io", "--all-namespaces", "-o", "json"]).await.ok();
    assert!(events.contains("FunctionNotSubscribed"), "{events}");
    let list = rig.cluster.kubectl(&["get", KINDS, "--all-namespaces", "-o", "json"]).await.json();
    let statuses: String =
        list["items"].as_array().unwrap().iter().map(|object| object["status"].to_string()).collect();
    let parts = rig.cluster.kubectl(&["get", "configmaps", "-n", "telephony", "-o", "yaml"]).await.ok();
    let ended = {
        let log = process.log();
        assert!(log.lines().count() > 5, "{log}");
        process.terminate().await
    };
    assert!(ended.success());
    let log = std::fs::read_to_string(folder.path().join("operator/log")).unwrap();
    // The national forms too.
    let customers = CALLERS.iter().map(|caller| caller.trim_start_matches("+86"));
    for (place, text) in [("log", &log), ("metrics", &metrics), ("events", &events), ("statuses", &statuses)] {
        for canary in customers.clone().chain([TOKEN, "canary-token-9f3c5b7a1f", OTHER_SECRET]) {
            let line = text.lines().find(|line| line.contains(canary)).unwrap_or_default();
            assert!(line.is_empty(), "{canary} stands in {place}: {line}");
        }
    }
    for secret in [TOKEN, OTHER_SECRET] {
        assert!(!parts.contains(secret), "{secret} stands in a plan part");
    }
}
