//! Figures of the real operator, as measured from outside: `make bench-edit`, `make bench-embedded`. A release build, one
//! machine for everything: the API server, the operator and whoever measures share its cores.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use libtest_mimic::Trial;

use crate::{
    edits::{self, NUMBER, edit_in},
    harness::bench,
    outages::record,
    rig::{Rig, TOKEN, is_programmed},
};

pub fn trials() -> Vec<Trial> {
    vec![
        bench("bench::edit", an_edits_way),
        bench("bench::embedded", calls_and_records),
        bench("bench::crash", crate::crashes::five_hundred_moments),
    ]
}

const EDITS: usize = 200;

/// When each edit was first seen somewhere.
type Seen = Arc<Mutex<HashMap<usize, Instant>>>;

fn note(seen: &Seen, edit: usize) {
    seen.lock().unwrap().entry(edit).or_insert_with(Instant::now);
}

async fn an_edits_way() {
    let rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    let (part, answer, programmed) = (Seen::default(), Seen::default(), Seen::default());
    let watching =
        [watch_parts(&rig, part.clone()), watch_numbers(&rig, programmed.clone()), call(&rig, answer.clone()).await];

    let mut began = HashMap::new();
    for edit in 1..=EDITS {
        began.insert(edit, Instant::now());
        edits::edit(&rig, edit).await;
        while [&part, &answer, &programmed].iter().any(|seen| !seen.lock().unwrap().contains_key(&edit)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // One after the other: the next begins when nothing is under way.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for task in watching {
        task.abort();
    }
    println!("{EDITS} edits of one number, milliseconds from the request that edits:");
    for (name, seen) in
        [("plan part at the API server", part), ("router's answer (SIP)", answer), ("Programmed", programmed)]
    {
        let seen = seen.lock().unwrap();
        println!("  {name:28} {}", percentiles(began.iter().map(|(edit, began)| seen[edit].duration_since(*began))));
    }
}

fn watch_parts(rig: &Rig, seen: Seen) -> tokio::task::JoinHandle<()> {
    let parts = Api::<ConfigMap>::namespaced(rig.cluster.client(), "telephony");
    tokio::spawn(async move {
        let mut events = std::pin::pin!(watcher(parts, watcher::Config::default()).applied_objects());
        while let Ok(Some(part)) = events.try_next().await {
            let texts = part.data.unwrap_or_default().into_values();
            for text in texts.filter(|text| text.contains("\"part\":\"numbers\"")) {
                if let Some(at) = text.find("0108888") {
                    note(&seen, edit_in(&text[at..at + 11]));
                }
            }
        }
    })
}

fn watch_numbers(rig: &Rig, seen: Seen) -> tokio::task::JoinHandle<()> {
    let numbers = rig.numbers();
    tokio::spawn(async move {
        let mut events = std::pin::pin!(watcher(numbers, watcher::Config::default()).applied_objects());
        while let Ok(Some(number)) = events.try_next().await {
            if is_programmed(&number) {
                note(&seen, edit_in(&number.spec.destinations[0].number));
            }
        }
    })
}

/// A call every millisecond.
async fn call(rig: &Rig, seen: Seen) -> tokio::task::JoinHandle<()> {
    let mut phone = rig.phone().await;
    tokio::spawn(async move {
        loop {
            if let Some(answer) = phone.call(NUMBER, "02038887777").await {
                note(&seen, edit_in(answer.contacts()[0]));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

fn per_second(count: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / time.as_micros()).unwrap()
}

fn percentiles(times: impl Iterator<Item = Duration>) -> String {
    let mut milliseconds: Vec<f64> = times.map(|time| time.as_secs_f64() * 1_000.0).collect();
    milliseconds.sort_by(f64::total_cmp);
    let at = |percent: usize| milliseconds[(milliseconds.len() * percent / 100).min(milliseconds.len() - 1)];
    format!("p50 {:6.1}  p99 {:6.1}  most {:6.1}", at(50), at(99), at(100))
}

async fn calls_and_records() {
    let rig = Rig::running().await;
    rig.apply(&edits::manifest()).await;
    rig.programmed("desk").await;
    drop(rig.intake_is_open().await);
    println!("through one operator with embedded workers:");
    records(&rig, "batches of 500 on 4 connections", (4, 50, 500)).await;
    records(&rig, "one per request on 32 connections", (32, 300, 1)).await;
    records(&rig, "one per request on 1 connection", (1, 500, 1)).await;
    calls(&rig).await;
    let (succeeded, failed, retransmitted) = sipp(&rig).await;
    println!("  SIPp, 5,000 calls/s asked:   {succeeded} answered, {failed} failed, {retransmitted} retransmitted");
}

async fn records(rig: &Rig, name: &str, (connections, posts, lines): (usize, usize, usize)) {
    let mut switches = Vec::new();
    for _ in 0..connections {
        switches.push(rig.connect().await.unwrap());
    }
    let bodies = |connection: usize| -> Vec<String> {
        let body =
            |post: usize| (0..lines).map(|line| record(&format!("{lines}-{connection}-{post}-{line}"))).collect();
        (0..posts).map(body).collect()
    };
    let work: Vec<_> =
        switches.into_iter().enumerate().map(|(place, switch)| (switch, bodies(connections * 1_000 + place))).collect();
    let began = Instant::now();
    let tasks: Vec<_> = work
        .into_iter()
        .map(|(mut switch, bodies)| {
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(bodies.len());
                for body in bodies {
                    let posted = Instant::now();
                    let answer = switch.post_records(TOKEN, &body).await.unwrap();
                    times.push(posted.elapsed());
                    assert_eq!(answer.json()["accepted"].as_u64(), Some(body.lines().count() as u64), "{answer:?}");
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let count = connections * posts * lines;
    let rate = per_second(count as u64, began.elapsed());
    println!("  records, {name}: {rate}/s ({count} records); a request takes ms {}", percentiles(times.into_iter()));
}

/// Callers that keep some calls in the air each, for five seconds.
async fn calls(rig: &Rig) {
    const CALLERS: usize = 4;
    const AT_ONCE: usize = 32;
    const TIME: Duration = Duration::from_secs(5);
    let mut tasks = Vec::new();
    for caller in 0..CALLERS {
        let phone = rig.phone().await;
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            let (mut sent, mut answered) = (0_u64, 0_u64);
            while began.elapsed() < TIME {
                for _ in 0..AT_ONCE {
                    sent += 1;
                    phone.throw(phone.invite(NUMBER, "02038887777", &format!("{caller}-{sent}")).as_bytes()).await;
                }
                answered += phone.hear(AT_ONCE).await;
            }
            (sent, answered)
        }));
    }
    let (mut sent, mut answered) = (0, 0);
    for task in tasks {
        let (asked, heard) = task.await.unwrap();
        sent += asked;
        answered += heard;
    }
    let rate = per_second(answered, TIME);
    println!("  calls, {CALLERS} sockets with {AT_ONCE} in the air each: {rate}/s ({answered} of {sent} answered)");
}

async fn sipp(rig: &Rig) -> (u64, u64, u64) {
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.programmed("hotline").await;
    let folder = crate::harness::workspace().folder("sipp-");
    crate::sip_load::play(folder.path(), rig.sip, "010", 25_000, 5_000).await
}
