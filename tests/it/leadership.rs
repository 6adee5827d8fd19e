//! Two replicas, one lease: one writes, the other is warm; at once after SIGTERM, within the lease's time after SIGKILL.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    harness::{OPERATOR, OUTSIDER, eventually, throughout, workspace},
    rig::{
        Rig, TUESDAY,
        objects::{claim_becomes, create, number},
        process::{Process, let_do_everything},
    },
};

suite! { one_replica_writes_and_the_next_takes_over_when_it_ends }

async fn holder(rig: &Rig) -> Option<String> {
    let lease = rig.cluster.kubectl(&["get", "lease", "fourhundred-operator", "-n", "default", "-o", "json"]).await;
    let lease: Value = serde_json::from_str(&lease.stdout).ok()?;
    lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(str::to_owned)
}

async fn leads(process: &Process) -> bool {
    process.metric("fourhundred_leader").await == Some(1.0)
}

async fn one_replica_writes_and_the_next_takes_over_when_it_ends() {
    let rig = Rig::new().await;
    rig.apply(&rig.gateway()).await;
    for user in [OPERATOR, OUTSIDER] {
        let_do_everything(&rig.cluster, user).await;
    }
    let folder = workspace().folder("replicas-");
    let flags = ["--clock-at", TUESDAY];
    let standby = ["--clock-at", TUESDAY, "--workers", "none"];
    let first = Process::ready(&rig.cluster, OPERATOR, folder.path(), "first", &flags).await;
    eventually(Duration::from_secs(10), "the first leads", async || leads(&first).await.then_some(()).ok_or("no"))
        .await;
    let second = Process::ready(&rig.cluster, OUTSIDER, folder.path(), "second", &standby).await;
    let requests = rig.cluster.requests();
    create(&rig.cluster, &number("acme", "one", &json!({ "number": "4001000201" }))).await;
    claim_becomes(&rig.cluster, "4001000201", "there", |claim| claim.is_some()).await;
    throughout(Duration::from_secs(5), "the standby writes nothing", async || {
        let writes: Vec<_> =
            requests.seen().into_iter().filter(|request| request.is_write() && request.user == OUTSIDER).collect();
        if !writes.is_empty() {
            return Err(format!("{writes:?}"));
        }
        if leads(&second).await { Err("it says that it leads".to_owned()) } else { Ok(()) }
    })
    .await;
    let ours = requests.seen().into_iter().filter(|request| request.is_write() && request.user == OPERATOR).count();
    assert!(ours >= 3, "the leader writes: {ours}");
    let before = holder(&rig).await.expect("a holder");

    first.kill().await;
    let since = Instant::now();
    create(&rig.cluster, &number("acme", "two", &json!({ "number": "4001000202" }))).await;
    eventually(Duration::from_secs(25), "the standby leads", async || leads(&second).await.then_some(()).ok_or("no"))
        .await;
    let after_kill = since.elapsed();
    claim_becomes(&rig.cluster, "4001000202", "there", |claim| claim.is_some()).await;
    assert!(after_kill < Duration::from_millis(18_500), "took over after {after_kill:?}");
    assert!(after_kill > Duration::from_secs(8), "a lease of 15 s was not waited for: {after_kill:?}");
    assert_ne!(holder(&rig).await.expect("a holder"), before);

    let third = Process::ready(&rig.cluster, OPERATOR, folder.path(), "third", &standby).await;
    assert!(!leads(&third).await);
    let since = Instant::now();
    let ended = second.terminate().await;
    assert!(ended.success(), "{ended}");
    eventually(Duration::from_secs(10), "the third leads", async || leads(&third).await.then_some(()).ok_or("no"))
        .await;
    let after_term = since.elapsed();
    assert!(after_term < Duration::from_secs(4), "took over after {after_term:?}");
    create(&rig.cluster, &number("acme", "three", &json!({ "number": "4001000203" }))).await;
    claim_becomes(&rig.cluster, "4001000203", "there", |claim| claim.is_some()).await;
    println!("taken over after {after_kill:?} (SIGKILL) and {after_term:?} (SIGTERM)");
    assert!(third.terminate().await.success());
}
