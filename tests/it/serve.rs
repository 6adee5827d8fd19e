//! `fourhundred serve`: the whole service from a folder, without an API server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fourhundred::runtime::client;
use serde_json::json;

use crate::child::{self, Program, edit, invite};
use crate::harness::{eventually, throughout};
use crate::site::Site;

suite! {
    a_folder_becomes_answers_charges_and_columns,
    an_edit_changes_the_answer_and_a_mistake_changes_nothing,
    a_restart_keeps_claims_and_writes_no_status,
    calls_are_answered_before_a_broken_folder_is_mended,
    a_number_that_left_while_nobody_looked_is_withdrawn_and_rests,
}

const HOTLINE: &str = "4001000868";
const BEIJING: &str = "01066660000";

/// The contacts that a caller from Beijing gets.
async fn contacts(sip: SocketAddr) -> Result<Vec<String>, String> {
    match invite(sip, HOTLINE, BEIJING).await? {
        (302, contacts) => Ok(contacts),
        (code, _) => Err(format!("answered {code}")),
    }
}

async fn a_folder_becomes_answers_charges_and_columns() {
    let site = Site::new();
    let program = site.start();
    program.ready().await;
    site.number_ready("hotline").await;
    site.number_ready("sales").await;
    let (sip, api) = (site.listener("sip-udp").await, site.listener("api").await);
    let expected = ["01088880001", "075566660002", "13800138000", "busy"];
    assert_eq!(contacts(sip).await.unwrap(), expected);
    assert_eq!(invite(sip, HOTLINE, "089866660000").await.unwrap().0, 403);

    let sales = site.object("fhn", "acme", "sales").unwrap();
    let number = sales["status"]["number"].as_str().unwrap();
    let record = json!({"source": "it", "callId": "one", "leg": 1, "number": number, "caller": BEIJING,
        "destination": "02166660003", "startedAt": "2026-11-23T10:00:30+08:00",
        "answeredAt": "2026-11-23T10:00:40+08:00", "endedAt": "2026-11-23T10:02:00+08:00", "outcome": "Answered"});
    let post = async |token: &str| {
        let body = record.to_string();
        let sent = client::post(&api.to_string(), "/v1/call-records", token, "application/json", body).await;
        sent.unwrap().status
    };
    assert_eq!(post("somebody").await, 401);
    assert_eq!(post("demo-token-change-me").await, 200);
    // Set-up 200.00, and 80 s as two minutes of long distance at 0.60.
    eventually(Duration::from_secs(15), "the record's cost is shown", async || {
        let table = site.get(&["fhn"]);
        let row = table.lines().find(|line| line.contains("sales")).unwrap_or_default().to_owned();
        let cells: Vec<&str> = row.split_whitespace().collect();
        if cells.get(..7) == Some(&["acme", "sales", number, "east", "True", "1", "201.20"]) {
            Ok(())
        } else {
            Err(table)
        }
    })
    .await;
    program.stop().await;
}

async fn an_edit_changes_the_answer_and_a_mistake_changes_nothing() {
    let site = Site::new();
    let program = site.start();
    program.ready().await;
    site.number_ready("hotline").await;
    let sip = site.listener("sip-udp").await;
    let hotline = site.manifest("acme/hotline.yaml");

    edit(&hotline, "010-8888 0001", "010-8888 0077");
    let follows = async |number: &'static str| {
        eventually(Duration::from_secs(15), "the answer follows the folder", async || {
            let contacts = contacts(sip).await?;
            if contacts[0] == number { Ok(()) } else { Err(contacts.join(" ")) }
        })
        .await;
    };
    follows("01088880077").await;
    let generation = || site.object("fhn", "acme", "hotline").unwrap()["metadata"]["generation"].clone();
    assert_eq!(generation(), 2);

    // Another destination, and a word that YAML reads as a number: neither is taken over.
    edit(&hotline, "010-8888 0077", "010-8888 0099");
    edit(&hotline, r#""0755", "020""#, "0755");
    let problems = site.data().join("folder.problems");
    let told =
        eventually(Duration::from_secs(15), "the mistake is told", async || std::fs::read_to_string(&problems)).await;
    assert!(told.contains("hotline.yaml:") && told.contains("quote it"), "{told}");
    throughout(Duration::from_millis(1500), "the last good state is served", async || {
        let contacts = contacts(sip).await?;
        if contacts[0] == "01088880077" { Ok(()) } else { Err(contacts.join(" ")) }
    })
    .await;
    assert_eq!(generation(), 2);
    let data = site.data();
    let output = child::run(&["get", "fhn", "--data", data.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 mistake,"), "{output:?}");

    edit(&hotline, "callerAreas: [0755]", r#"callerAreas: ["0755"]"#);
    follows("01088880099").await;
    assert!(!problems.exists());
    program.stop().await;
}

async fn a_restart_keeps_claims_and_writes_no_status() {
    let site = Site::new();
    let program = site.start();
    program.ready().await;
    for name in ["hotline", "sales"] {
        site.number_ready(name).await;
    }
    let written = settled(&program).await;
    assert!(written > 5, "the first run writes statuses: {written}");
    let before = site.get(&["fhn,nclaim,ten", "-o", "name"]) + &numbers(&site);
    program.stop().await;
    let statuses = files(&site.data().join("status"));

    let program = site.start();
    program.ready().await;
    // The ports are the system's choice, so the gateway's addresses differ, when its status is written; nothing else does.
    eventually(Duration::from_secs(15), "calls are answered at the new address", async || {
        contacts(site.listener("sip-udp").await).await
    })
    .await;
    let written = settled(&program).await;
    assert_eq!(site.get(&["fhn,nclaim,ten", "-o", "name"]) + &numbers(&site), before);
    let changed: Vec<PathBuf> = files(&site.data().join("status"))
        .into_iter()
        .filter(|file| !statuses.contains(file))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(changed, [site.data().join("status/CallGateway/telephony/east.yaml")]);
    assert_eq!(written, 1, "{}", program.probe("/metrics").await.unwrap());
    program.stop().await;
}

/// Status writes so far, once there have been no more for a while.
async fn settled(program: &Program) -> u64 {
    let mut last = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let now = sent(&program.probe("/metrics").await.unwrap());
        if now == last {
            return now;
        }
        last = now;
    }
}

/// Status, usage and timetable writes.
fn sent(metrics: &str) -> u64 {
    let of = |what: &str| {
        let line = format!("fourhundred_api_writes_total{{what=\"{what}\",outcome=\"sent\"}} ");
        metrics.lines().find_map(|text| text.strip_prefix(&line)?.parse::<u64>().ok()).unwrap_or(0)
    };
    of("status") + of("usage") + of("clock")
}

fn numbers(site: &Site) -> String {
    site.get(&["nclaim", "-o", "yaml"])
}

/// Every file below `folder` with its text.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found
}

async fn calls_are_answered_before_a_broken_folder_is_mended() {
    let site = Site::new();
    // A port of its own, since nobody can say which one the system chose while the folder cannot be read.
    let port = fourhundred::runtime::ports::pick().unwrap();
    edit(&site.manifest("platform/gateway.yaml"), "protocol: UDP, port: 0", &format!("protocol: UDP, port: {port}"));
    let sip = SocketAddr::from(([127, 0, 0, 1], port));
    let program = site.start();
    program.ready().await;
    site.number_ready("hotline").await;
    program.stop().await;

    std::fs::write(site.manifest("acme/broken.yaml"), "kind: [").unwrap();
    let program = site.start();
    eventually(Duration::from_secs(15), "the plan on disk is served", async || contacts(sip).await).await;
    let why = eventually(Duration::from_secs(15), "it says why it is not ready", async || {
        match program.probe("/readyz").await {
            Err(why) if why.contains("broken.yaml") => Ok(why),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(why.contains("folder: 1 mistakes"), "{why}");
    std::fs::remove_file(site.manifest("acme/broken.yaml")).unwrap();
    program.ready().await;
    program.stop().await;
}

async fn a_number_that_left_while_nobody_looked_is_withdrawn_and_rests() {
    let site = Site::new();
    let program = site.start();
    program.ready().await;
    site.number_ready("hotline").await;
    program.stop().await;

    for file in ["hotline", "typhoon", "sales"] {
        std::fs::remove_file(site.manifest(&format!("acme/{file}.yaml"))).unwrap();
    }
    let program = site.start();
    program.ready().await;
    eventually(Duration::from_secs(15), "the number is no longer served", async || {
        // The status may still show where the process before this one listened.
        let sip = site.listener("sip-udp").await;
        match invite(sip, HOTLINE, BEIJING).await? {
            (404, _) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    eventually(Duration::from_secs(15), "its claim rests", async || {
        let claims = site.get(&["nclaim"]);
        if claims.contains("Cooling") { Ok(()) } else { Err(claims) }
    })
    .await;
    assert_eq!(site.get(&["fhn"]), "");
    program.stop().await;
}
