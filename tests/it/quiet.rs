//! How much is written: per number from apply to Ready, in steady state, after a restart, and against foreign edits.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use fourhundred::api::FourHundredNumber;
use futures::{StreamExt as _, stream};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use crate::{
    harness::{OPERATOR, Request, eventually, throughout, workspace},
    rig::{
        PATIENCE, Rig, TUESDAY,
        objects::{condition, create, number, tenant},
        process::{Process, let_do_everything},
    },
};

suite! { a_thousand_numbers_make_few_writes_and_then_none }

const NUMBERS: u32 = 1_000;
const NAMESPACES: u32 = 20;

/// Writes of the operator, leases aside.
fn writes(seen: Vec<Request>) -> Vec<Request> {
    seen.into_iter()
        .filter(|request| request.is_write() && request.user == OPERATOR && request.resource != "leases")
        .collect()
}

fn by_resource(writes: &[Request]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for write in writes {
        *counts.entry(format!("{} {}", write.verb, write.resource)).or_default() += 1;
    }
    counts
}

async fn start(rig: &Rig, folder: &std::path::Path) -> Process {
    let process = Process::ready(&rig.cluster, OPERATOR, folder, "operator", &["--clock-at", TUESDAY]).await;
    eventually(PATIENCE, "it leads", async || {
        let leads = process.metric("fourhundred_leader").await;
        if leads == Some(1.0) { Ok(()) } else { Err(format!("{leads:?}\n{}", process.log())) }
    })
    .await;
    process
}

async fn all_ready(rig: &Rig, process: &Process) {
    let numbers: Api<FourHundredNumber> = Api::all(rig.cluster.client());
    eventually(Duration::from_secs(90), "every number is Ready and shows its usage", async || {
        let list = numbers.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let told: Vec<Value> = list.iter().map(|number| serde_json::to_value(number).unwrap()).collect();
        let unready: Vec<&Value> = told
            .iter()
            .filter(|number| condition(number, "Ready").is_none_or(|ready| ready["status"] != "True"))
            .collect();
        match unready.first() {
            None => Ok(()),
            Some(first) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Err(format!("{} not ready, such as {first}\n{}", unready.len(), process.log()))
            }
        }
    })
    .await;
}

/// Waits until nothing has been written for `quiet`.
async fn settled(rig: &Rig, quiet: Duration) {
    let since = Instant::now();
    loop {
        let requests = rig.cluster.requests();
        tokio::time::sleep(quiet).await;
        let writes = writes(requests.seen());
        if writes.is_empty() {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(80), "still writing: {:?}", by_resource(&writes));
    }
}

async fn a_thousand_numbers_make_few_writes_and_then_none() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let (before, after) = gateway.split_once("  allowedNamespaces:").unwrap();
    let (_, rest) = after.split_once("  workers:").unwrap();
    rig.apply(&format!("{before}  allowedNamespaces: {{from: All}}\n  workers:{rest}")).await;
    let_do_everything(&rig.cluster, OPERATOR).await;
    let names: Vec<String> = (0..NAMESPACES).map(|count| format!("crowd-{count}")).collect();
    tenant(&rig, "crowd", &names.iter().map(String::as_str).collect::<Vec<_>>(), 2_000).await;
    let folder = workspace().folder("quiet-");
    let process = start(&rig, folder.path()).await;
    settled(&rig, Duration::from_secs(2)).await;

    let requests = rig.cluster.requests();
    let since = Instant::now();
    stream::iter(0..NUMBERS)
        .for_each_concurrent(16, |count| {
            let (rig, names) = (&rig, &names);
            async move {
                let namespace = &names[usize::try_from(count % NAMESPACES).unwrap()];
                let wish = json!({ "number": (4_001_001_000 + count).to_string() });
                create(&rig.cluster, &number(namespace, &format!("n{count}"), &wish)).await;
            }
        })
        .await;
    let created = since.elapsed();
    all_ready(&rig, &process).await;
    println!(
        "{NUMBERS} numbers applied in {created:?}, all Ready after {:?}, the operator holds {} KiB",
        since.elapsed(),
        process.resident_kib()
    );
    settled(&rig, Duration::from_secs(6)).await;
    let made = writes(requests.seen());
    let counts = by_resource(&made);
    println!("writes from apply to rest: {counts:?}");
    let thousand = usize::try_from(NUMBERS).unwrap();
    assert_eq!(counts.get("create numberclaims"), Some(&thousand));
    let mut statuses: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for write in made.iter().filter(|write| write.resource == "fourhundrednumbers/status") {
        *statuses.entry((&write.namespace, &write.name)).or_default() += 1;
    }
    // One that says Ready, one with the first month-to-date; a third only where routers took longer than two seconds.
    let more: Vec<_> = statuses.iter().filter(|(_, count)| **count > 2).collect();
    assert_eq!(statuses.len(), thousand);
    // How many that is depends on the machine's other work; that it is the exception does not.
    assert!(more.len() <= thousand / 4, "{} written more than twice: {more:?}", more.len());
    assert!(statuses.values().all(|count| *count <= 3), "{more:?}");
    assert!(counts.get("patch configmaps").copied().unwrap_or_default() <= thousand, "{counts:?}");
    let others: usize = counts
        .iter()
        .filter(|(what, _)| {
            !["create numberclaims", "patch fourhundrednumbers/status", "patch configmaps"].contains(&what.as_str())
        })
        .map(|(_, count)| count)
        .sum();
    assert!(others <= 100, "{counts:?}");

    let requests = rig.cluster.requests();
    throughout(Duration::from_secs(14), "a settled operator writes nothing", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let writes = writes(requests.seen());
        if writes.is_empty() { Ok(()) } else { Err(format!("{writes:?}")) }
    })
    .await;

    foreign_edits_are_put_right(&rig).await;

    settled(&rig, Duration::from_secs(2)).await;
    assert!(process.terminate().await.success());
    let requests = rig.cluster.requests();
    let process = start(&rig, folder.path()).await;
    throughout(Duration::from_secs(8), "a restart writes nothing", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let writes = writes(requests.seen());
        if writes.is_empty() { Ok(()) } else { Err(format!("{:?}: {writes:?}", by_resource(&writes))) }
    })
    .await;
    println!("after a restart the operator holds {} KiB", process.resident_kib());
    let answer = rig.phone().await.call("4001001042", "02038887777").await.expect("it answers calls");
    assert_eq!(answer.contacts(), ["01088880001"]);
    assert!(process.terminate().await.success());
}

async fn foreign_edits_are_put_right(rig: &Rig) {
    let cluster = &rig.cluster;
    let list = cluster.kubectl(&["get", "configmaps", "-n", "telephony", "-o", "json"]).await.json();
    let maps = list["items"].as_array().unwrap();
    for leaf in ["n", "b", "prices"] {
        let map = maps
            .iter()
            .find(|map| map["metadata"]["labels"]["fourhundred.io/leaf"] == leaf)
            .unwrap_or_else(|| panic!("no part {leaf}"));
        let name = map["metadata"]["name"].as_str().unwrap();
        let (key, _) = map["data"].as_object().unwrap().iter().next().unwrap();
        let told = |map: &Value| {
            let digest = &map["metadata"]["annotations"]["fourhundred.io/digest"];
            json!([map["data"], map["metadata"]["labels"], digest])
        };
        let whole = async |what: &str| {
            eventually(PATIENCE, &format!("part {name} is put right after {what}"), async || {
                let answer = cluster.kubectl(&["get", "configmap", name, "-n", "telephony", "-o", "json"]).await;
                let Ok(now) = serde_json::from_str::<Value>(&answer.stdout) else { return Err(answer.stderr) };
                if told(&now) == told(map) { Ok(()) } else { Err(told(&now).to_string()) }
            })
            .await;
        };
        let edit = async |kind: &str, patch: Value| {
            let (kind, patch) = (format!("--type={kind}"), patch.to_string());
            cluster.kubectl(&["patch", "configmap", name, "-n", "telephony", &kind, "-p", &patch]).await.ok();
        };
        edit("merge", json!({ "data": { key: "{}" } })).await;
        whole("an edit").await;
        edit("json", json!([{ "op": "remove", "path": format!("/data/{key}") }])).await;
        whole("its text was removed").await;
        let other = format!("sha256:{}", "0".repeat(64));
        edit("merge", json!({ "metadata": { "annotations": { "fourhundred.io/digest": other } } })).await;
        whole("another digest").await;
        // Price books are of no leaf.
        if leaf != "prices" {
            edit("merge", json!({ "metadata": { "labels": { "fourhundred.io/leaf": "n1" } } })).await;
            whole("another label").await;
        }
        // From now on the watch does not show it.
        edit("merge", json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "somebody" } } })).await;
        whole("a label that hides it").await;
        cluster.kubectl(&["delete", "configmap", name, "-n", "telephony"]).await.ok();
        whole("its deletion").await;
    }
    // Two fields of two managers, and a condition.
    let get =
        async || cluster.kubectl(&["get", "fhn", "n7", "-n", "crowd-7", "-o", "json"]).await.json()["status"].clone();
    let before = get().await;
    assert!(before["usage"]["charges"].is_object(), "{before}");
    for forged in [
        json!({ "number": "4001009999" }),
        json!({ "usage": { "charges": { "voice": "0.00", "total": "0.00" } } }),
        json!({ "conditions": [] }),
        json!({ "grade": "forged" }),
    ] {
        let patch = json!({ "status": forged }).to_string();
        cluster
            .kubectl(&["patch", "fhn", "n7", "-n", "crowd-7", "--subresource=status", "--type=merge", "-p", &patch])
            .await
            .ok();
        eventually(PATIENCE, &format!("the status is put right after {forged}"), async || {
            let mut now = get().await;
            // When a condition was set again is new.
            let since = |status: &mut Value| {
                for condition in status["conditions"].as_array_mut().into_iter().flatten() {
                    condition["lastTransitionTime"] = Value::Null;
                }
                status["usage"]["asOf"] = Value::Null;
            };
            let mut wanted = before.clone();
            since(&mut now);
            since(&mut wanted);
            if now == wanted { Ok(()) } else { Err(format!("{now}\ninstead of\n{wanted}")) }
        })
        .await;
    }
}
