//! Routing outlives everything: no API server, no etcd, a killed operator; and all of it converges afterwards.

use std::time::Duration;

use serde_json::json;

use crate::{
    edits::{self, NUMBER},
    harness::{OPERATOR, eventually, throughout, workspace},
    rig::{
        PATIENCE, Rig, TOKEN, TUESDAY, objects,
        objects::told,
        process::{Process, let_do_everything},
        sip::Phone,
    },
};

suite! {
    without_api_server_and_etcd_calls_go_on_also_after_a_restart_and_all_converges_afterwards,
    an_api_server_that_hangs_delays_no_call_and_no_record,
    a_leader_that_lost_its_lease_to_an_outage_answers_calls_and_leads_again,
    what_was_charged_while_the_api_server_was_away_is_shown_when_it_is_back,
    a_ledger_that_cannot_be_opened_delays_no_call_and_is_opened_when_it_can,
    definitions_older_than_the_operator_are_named_and_waited_for,
}

/// An answered call of one minute from Guangzhou to Beijing, long distance.
pub fn record(call_id: &str) -> String {
    let record = json!({
        "source": "fs-1", "callId": call_id, "leg": 1, "number": NUMBER,
        "caller": "02038887777", "destination": edits::destination(0),
        "startedAt": "2026-11-10T11:00:00+08:00", "platformAnsweredAt": null, "answeredAt": "2026-11-10T11:00:05+08:00",
        "endedAt": "2026-11-10T11:01:05+08:00", "outcome": "Answered", "cause": 16,
    });
    format!("{record}\n")
}

async fn shows(phone: &mut Phone, edit: usize) -> Result<(), String> {
    let answer = phone.call(NUMBER, "02038887777").await.ok_or("nobody answers")?;
    match answer.contacts().first().map(|contact| edits::edit_in(contact)) {
        Some(shown) if answer.code == 302 && shown == edit => Ok(()),
        _ => Err(answer.text),
    }
}

async fn usage_is(rig: &Rig, answered: u64, voice: &str) {
    eventually(PATIENCE, &format!("{answered} answered calls and {voice} yuan are shown"), async || {
        let number = rig.numbers().get("desk").await.map_err(|error| error.to_string())?;
        let usage = serde_json::to_value(number.status.and_then(|status| status.usage)).unwrap();
        if usage["calls"]["answered"] == answered && usage["charges"]["voice"] == voice {
            Ok(())
        } else {
            Err(usage.to_string())
        }
    })
    .await;
}

async fn without_api_server_and_etcd_calls_go_on_also_after_a_restart_and_all_converges_afterwards() {
    let mut rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let mut switch = rig.intake_is_open().await;
    let booked = async |switch: &mut crate::rig::http::Connection, call_id: &str| {
        let answer = switch.post_records(TOKEN, &record(call_id)).await.unwrap();
        assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(1)), "{answer:?}");
        assert_eq!(answer.json()["unrated"], 0, "{answer:?}");
    };
    booked(&mut switch, "before").await;

    rig.cluster.control_plane.kill_api_server().await.unwrap();
    rig.cluster.control_plane.stop_etcd().await.unwrap();
    let mut phone = rig.phone().await;
    throughout(Duration::from_secs(3), "calls are answered without an API server", async || shows(&mut phone, 0).await)
        .await;
    booked(&mut switch, "without-api-server").await;

    rig.kill().await;
    rig.start(&[]);
    let mut phone = rig.phone().await;
    eventually(PATIENCE, "the restarted operator answers from its disk copy", async || shows(&mut phone, 0).await)
        .await;
    throughout(Duration::from_secs(2), "calls are answered after a restart", async || shows(&mut phone, 0).await).await;
    rig.still_runs();
    // Nobody can say what the token is: the switch is told to come again.
    let mut switch = eventually(PATIENCE, "the listener is open", async || rig.connect().await).await;
    let answer = switch.post_records(TOKEN, &record("restarted")).await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer:?}");

    rig.cluster.control_plane.start_etcd().await.unwrap();
    rig.cluster.control_plane.start_api_server().await.unwrap();
    let mut switch = rig.intake_is_open().await;
    booked(&mut switch, "restarted").await;
    edits::edit(&rig, 42).await;
    rig.programmed("desk").await;
    shows(&mut phone, 42).await.unwrap();
    // Three minutes at 0.60 yuan.
    usage_is(&rig, 3, "1.80").await;
}

async fn an_api_server_that_hangs_delays_no_call_and_no_record() {
    let mut rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let mut switch = rig.intake_is_open().await;
    let mut phone = rig.phone().await;
    rig.cluster.control_plane.pause_api_server().await.unwrap();
    for count in 0..20 {
        let both = async {
            shows(&mut phone, 0).await.unwrap();
            let answer = switch.post_records(TOKEN, &record(&format!("hanging-{count}"))).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        };
        tokio::time::timeout(Duration::from_secs(2), both).await.expect("a call and a record within two seconds");
    }
    rig.still_runs();
    rig.cluster.control_plane.resume_api_server().await.unwrap();
    edits::edit(&rig, 9).await;
    rig.programmed("desk").await;
    shows(&mut phone, 9).await.unwrap();
    usage_is(&rig, 20, "12.00").await;
}

async fn a_leader_that_lost_its_lease_to_an_outage_answers_calls_and_leads_again() {
    let mut rig = Rig::new().await;
    rig.apply(&rig.gateway()).await;
    rig.start(&["--leader-election", "lease"]);
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let mut switch = rig.intake_is_open().await;
    let mut phone = rig.phone().await;
    rig.cluster.control_plane.pause_api_server().await.unwrap();
    // A holder that cannot renew gives up after ten seconds.
    throughout(Duration::from_secs(13), "calls are answered while nobody leads", async || shows(&mut phone, 0).await)
        .await;
    let answer = switch.post_records(TOKEN, &record("leaderless")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    rig.still_runs();
    assert!(rig.end_of_log().contains("given up"), "{}", rig.end_of_log());
    rig.cluster.control_plane.resume_api_server().await.unwrap();
    for count in [5, 6] {
        edits::edit(&rig, count).await;
        rig.programmed("desk").await;
        shows(&mut phone, count).await.unwrap();
    }
    usage_is(&rig, 1, "0.60").await;
}

async fn what_was_charged_while_the_api_server_was_away_is_shown_when_it_is_back() {
    let rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let mut switch = rig.intake_is_open().await;
    usage_is(&rig, 0, "0.00").await;
    rig.cluster.control_plane.kill_api_server().await.unwrap();
    let answer = switch.post_records(TOKEN, &record("away")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // Long enough for the write to have been tried, and refused, whatever its pace.
    tokio::time::sleep(Duration::from_secs(7)).await;
    rig.cluster.control_plane.start_api_server().await.unwrap();
    // No further record wakes anybody.
    usage_is(&rig, 1, "0.60").await;
    eventually(PATIENCE, "the tenant's account shows it too", async || {
        let tenant = rig.cluster.kubectl(&["get", "tenant", "acme", "-o", "json"]).await.json();
        let charged = &tenant["status"]["account"]["charged"];
        if *charged == "200.60" { Ok(()) } else { Err(charged.to_string()) }
    })
    .await;
}

async fn a_ledger_that_cannot_be_opened_delays_no_call_and_is_opened_when_it_can() {
    let mut rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let mut switch = rig.intake_is_open().await;
    let answer = switch.post_records(TOKEN, &record("before")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    rig.kill().await;
    let (file, aside) = (rig.data().join("ledger.sqlite"), rig.data().join("ledger.aside"));
    // What a crash left beside it belongs to it.
    for end in ["", "-wal", "-shm"] {
        let beside = |path: &std::path::Path| format!("{}{end}", path.display());
        let _ = std::fs::rename(beside(&file), beside(&aside));
    }
    std::fs::write(&file, "This was a ledger once. ".repeat(400)).unwrap();
    rig.start(&[]);
    let gateway = ["cgw", "east", "-n", "telephony"];
    let seen = told(&rig.cluster, &gateway, "LedgerAvailable", "False", "LedgerUnreachable").await;
    let sentence = objects::condition(&seen, "LedgerAvailable").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(sentence.contains("is damaged; restore a copy"), "{sentence}");
    let mut phone = rig.phone().await;
    throughout(Duration::from_secs(2), "calls are answered without a ledger", async || shows(&mut phone, 0).await)
        .await;
    edits::edit(&rig, 7).await;
    rig.programmed("desk").await;
    shows(&mut phone, 7).await.unwrap();
    let mut switch = eventually(PATIENCE, "the listener is open", async || rig.connect().await).await;
    let answer = switch.post_records(TOKEN, &record("without-ledger")).await.unwrap();
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");

    for end in ["", "-wal", "-shm"] {
        let beside = |path: &std::path::Path| format!("{}{end}", path.display());
        let _ = std::fs::remove_file(beside(&file));
        let _ = std::fs::rename(beside(&aside), beside(&file));
    }
    told(&rig.cluster, &gateway, "LedgerAvailable", "True", "LedgerAvailable").await;
    let mut switch = rig.intake_is_open().await;
    let answer = switch.post_records(TOKEN, &record("without-ledger")).await.unwrap();
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(1)), "{answer:?}");
    usage_is(&rig, 2, "1.20").await;
    rig.still_runs();
}

async fn definitions_older_than_the_operator_are_named_and_waited_for() {
    let rig = Rig::new().await;
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let patch = json!([{ "op": "remove", "path": format!("{spec}/originalCalled") }]).to_string();
    rig.cluster.kubectl(&["patch", "crd", "callgateways.fourhundred.io", "--type=json", "-p", &patch]).await.ok();
    let_do_everything(&rig.cluster, OPERATOR).await;
    let folder = workspace().folder("outdated-");
    let process = Process::start(&rig.cluster, OPERATOR, folder.path(), "operator", &["--clock-at", TUESDAY]);
    eventually(PATIENCE, "it says what it waits for", async || {
        let answer = process.get("/readyz").await.map_err(|error| error.to_string())?;
        let told = "callgateways.fourhundred.io lacks spec.originalCalled (kubectl apply --server-side -f crds/)";
        if answer.starts_with("HTTP/1.1 503") && answer.contains(told) { Ok(()) } else { Err(answer) }
    })
    .await;
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    rig.cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", crds]).await.ok();
    eventually(PATIENCE, "it is ready", async || {
        let answer = process.get("/readyz").await.map_err(|error| error.to_string())?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
    })
    .await;
    assert!(process.terminate().await.success());
}
