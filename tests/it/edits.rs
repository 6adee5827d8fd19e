//! The way of an edit: spec → plan part → the router's answer → `Programmed`, without a poll on it; and `Programmed`
//! kept for what it says.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use fourhundred::api::FourHundredNumber;
use futures::TryStreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use crate::{
    harness::{eventually, throughout},
    rig::{PATIENCE, Rig, condition, is_programmed, sip::Phone},
};

suite! {
    programmed_comes_after_the_routers_answer_and_no_answer_goes_back,
    a_number_whose_gateway_has_no_ready_router_says_so_and_is_programmed_when_it_has,
    overrides_applied_with_their_numbers_are_live_when_they_say_so,
    a_restarted_operator_leaves_the_status_of_a_programmed_number_alone,
}

/// A number with one destination, which tells the edit: `0108888` and four digits.
pub const NUMBER: &str = "4001000123";

pub fn destination(edit: usize) -> String {
    format!("0108888{edit:04}")
}

/// The edit that an answer shows.
pub fn edit_in(contact: &str) -> usize {
    contact
        .strip_prefix("0108888")
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("contact {contact}"))
}

pub fn manifest() -> String {
    format!(
        "apiVersion: fourhundred.io/v1alpha1
kind: FourHundredNumber
metadata: {{name: desk, namespace: acme}}
spec:
  number: \"{NUMBER}\"
  gatewayRef: {{name: east, namespace: telephony}}
  tariffRef: {{name: standard}}
  destinations:
  - {{name: desk, number: \"{}\"}}
  rules:
  - {{name: always, to: {{destination: desk}}}}
",
        destination(0)
    )
}

pub async fn edit(rig: &Rig, edit: usize) -> i64 {
    rig.edit("desk", json!({ "destinations": [{ "name": "desk", "number": destination(edit) }] })).await
}

async fn shown_edit(phone: &mut Phone) -> usize {
    let answer = phone.call(NUMBER, "02038887777").await.expect("the router answers");
    assert_eq!(answer.code, 302, "{}", answer.text);
    edit_in(answer.contacts()[0])
}

fn edit_of(number: &FourHundredNumber) -> usize {
    edit_in(&number.spec.destinations[0].number)
}

async fn programmed_comes_after_the_routers_answer_and_no_answer_goes_back() {
    const EDITS: usize = 25;
    let rig = Rig::running().await;
    rig.apply(&manifest()).await;
    rig.programmed("desk").await;

    // Every event that says "live" is tried at once, on the wire.
    let numbers = rig.numbers();
    let mut judge = rig.phone().await;
    let judged = tokio::spawn(async move {
        let events = watcher(numbers, watcher::Config::default()).applied_objects();
        let mut events = std::pin::pin!(events);
        let mut seen = Vec::new();
        while let Some(number) = events.try_next().await.unwrap() {
            if is_programmed(&number) {
                let (claimed, shown) = (edit_of(&number), shown_edit(&mut judge).await);
                assert!(shown >= claimed, "Programmed at edit {claimed}, but the router answers by edit {shown}");
                seen.push(claimed);
                if claimed == EDITS {
                    break;
                }
            }
        }
        seen
    });
    // A caller meanwhile never sees an older edit again, and always somebody answers.
    let mut caller = rig.phone().await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let calling = tokio::spawn(async move {
        let (mut calls, mut last) = (0_u32, 0);
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let shown = shown_edit(&mut caller).await;
            assert!(shown >= last, "edit {shown} is answered after edit {last}");
            (calls, last) = (calls + 1, shown);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        calls
    });
    for count in 1..=EDITS {
        edit(&rig, count).await;
        // Some edits come while the one before is still under way.
        if count % 3 == 0 {
            rig.programmed("desk").await;
        }
    }
    let seen = tokio::time::timeout(PATIENCE, judged).await.expect("the last edit becomes Programmed").unwrap();
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]) && seen.len() >= EDITS / 3, "{seen:?}");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(calling.await.unwrap() > 50);
}

async fn a_number_whose_gateway_has_no_ready_router_says_so_and_is_programmed_when_it_has() {
    let mut rig = Rig::new().await;
    let somebody_else = UdpSocket::bind(("127.0.0.1", rig.sip)).unwrap();
    rig.apply(&rig.gateway()).await;
    rig.start(&[]);
    rig.apply(&manifest()).await;
    eventually(PATIENCE, "the number says that no router is ready", async || {
        let number = rig.numbers().get("desk").await.map_err(|error| error.to_string())?;
        match condition(&number, "Programmed") {
            Some((status, reason, 1)) if (status.as_str(), reason.as_str()) == ("False", "NoReadyRouter") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let gateway = rig.cluster.kubectl(&["get", "cgw", "east", "-n", "telephony", "-o", "json"]).await.json();
    let conditions = gateway["status"]["conditions"].as_array().unwrap();
    let programmed = conditions.iter().find(|condition| condition["type"] == "Programmed").unwrap();
    assert_eq!((programmed["status"].as_str(), programmed["reason"].as_str()), (Some("False"), Some("NoReadyRouter")));
    assert!(programmed["message"].as_str().unwrap().contains("sip-udp"), "{programmed}");

    drop(somebody_else);
    rig.programmed("desk").await;
    assert_eq!(shown_edit(&mut rig.phone().await).await, 0);
}

async fn a_restarted_operator_leaves_the_status_of_a_programmed_number_alone() {
    let mut rig = Rig::running().await;
    rig.apply(&manifest()).await;
    let before = rig.programmed("desk").await;
    // Its first usage is shown too before counting begins.
    eventually(PATIENCE, "usage is shown", async || {
        let number = rig.numbers().get("desk").await.map_err(|error| error.to_string())?;
        number.status.and_then(|status| status.usage).map(drop).ok_or("no usage yet".to_owned())
    })
    .await;
    let requests = rig.cluster.requests();
    for _ in 0..2 {
        rig.kill().await;
        rig.start(&[]);
        drop(rig.intake_is_open().await);
        assert_eq!(shown_edit(&mut rig.phone().await).await, 0);
        throughout(Duration::from_secs(4), "nobody writes the number's status", async || {
            let written: Vec<_> = requests
                .seen()
                .into_iter()
                .filter(|request| request.is_write() && request.resource == "fourhundrednumbers/status")
                .collect();
            if written.is_empty() { Ok(()) } else { Err(format!("{written:?}")) }
        })
        .await;
        rig.still_runs();
    }
    let after = rig.numbers().get("desk").await.unwrap();
    assert_eq!(condition(&after, "Programmed"), condition(&before, "Programmed"));
    // And the restarted one is alive to edits, also to those that nobody was there for.
    edit(&rig, 7).await;
    rig.programmed("desk").await;
    assert_eq!(shown_edit(&mut rig.phone().await).await, 7);
    rig.kill().await;
    edit(&rig, 8).await;
    rig.start(&[]);
    rig.programmed("desk").await;
    assert_eq!(shown_edit(&mut rig.phone().await).await, 8);
}

/// A tenant's folder comes as one: the override's event may be seen before the claim on its number is.
async fn overrides_applied_with_their_numbers_are_live_when_they_say_so() {
    let rig = Rig::running().await;
    let digits = |count: usize| format!("40010002{count:02}");
    let of = |count: usize| {
        let number = manifest()
            .replace(NUMBER, &digits(count))
            .replace("name: desk, namespace", &format!("name: desk-{count}, namespace"));
        format!(
            "{number}---
apiVersion: fourhundred.io/v1alpha1
kind: RoutingOverride
metadata: {{name: moved-{count}, namespace: acme}}
spec: {{numberRef: {{name: desk-{count}}}, to: {{number: \"01066665555\"}}, from: \"2026-11-01T00:00:00+08:00\", until: \"2026-12-24T00:00:00+08:00\"}}
"
        )
    };
    let mut phone = rig.phone().await;
    let folder: Vec<String> = (0..16).map(of).collect();
    rig.apply(&folder.join("---\n")).await;
    for count in 0..16 {
        let name = format!("moved-{count}");
        let wait = ["wait", "rov", &name, "-n", "acme", "--for=condition=Programmed", "--timeout=30s"];
        rig.cluster.kubectl(&wait).await.ok();
        let answer = phone.call(&digits(count), "02038887777").await.expect("the router answers");
        assert_eq!((answer.code, answer.contacts()), (302, vec!["01066665555"]), "{name}");
    }
}
