//! One number, one owner: races, release and rest, choice by pattern, and a restore from plain YAML.

use std::time::Duration;

use fourhundred::runtime::control_plane::ADMIN;
use futures::future::join_all;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::{
    harness::{Cluster, eventually, throughout, workspace},
    outages,
    rig::{
        PATIENCE, Rig, TOKEN, TUESDAY,
        http::Connection,
        objects::{self, api, claim, claim_becomes, condition, create, delete, number, tenant, told},
        process::Process,
        root,
    },
};

suite! {
    of_two_tenants_and_two_operators_one_gets_each_of_two_hundred_numbers,
    a_released_number_rests_and_then_goes_to_who_waits,
    a_number_never_served_is_free_at_once,
    the_same_tenant_takes_its_number_back_under_another_name,
    choosers_of_one_pattern_get_different_numbers,
    what_is_deleted_while_no_operator_runs_is_released_when_one_does,
    a_tenant_cannot_outrun_its_quota,
    a_restore_into_an_empty_cluster_keeps_numbers_and_money,
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

async fn of_two_tenants_and_two_operators_one_gets_each_of_two_hundred_numbers() {
    const NUMBERS: u32 = 200;
    let rig = Rig::new().await;
    rig.apply(&open_gateway(&rig)).await;
    pool(&rig, "race", "4001100000", "4001100999", 3).await;
    tenant(&rig, "zuoji", &["zuoji-live"], 500).await;
    tenant(&rig, "youji", &["youji-live"], 500).await;
    let folder = workspace().folder("race-");
    let flags = ["--leader-election", "none", "--clock-at", TUESDAY];
    let start = async |name, more: &[&str]| {
        Process::ready(&rig.cluster, ADMIN, folder.path(), name, &[&flags[..], more].concat()).await
    };
    let (first, second) = (start("first", &[]).await, start("second", &["--workers", "none"]).await);
    let wish = |count: u32| json!({ "number": (4_001_100_000 + count).to_string() });
    // Both tenants apply everything at the same time, in opposite order every other time.
    let races = (0..NUMBERS).map(|count| {
        let cluster = &rig.cluster;
        async move {
            let name = format!("n{count}");
            let both = ["zuoji-live", "youji-live"].map(|namespace| number(namespace, &name, &wish(count)));
            let [one, other] =
                if count % 2 == 0 { both } else { both.into_iter().rev().collect::<Vec<_>>().try_into().unwrap() };
            tokio::join!(create(cluster, &one), create(cluster, &other));
        }
    });
    join_all(races).await;
    let outcome = eventually(Duration::from_mins(1), "every race is decided", async || {
        let mut numbers = Vec::new();
        for namespace in ["zuoji-live", "youji-live"] {
            numbers.extend(api(&rig.cluster, namespace).list(&ListParams::default()).await.map_err(|e| e.to_string())?);
        }
        let told: Vec<Value> = numbers.iter().map(|number| serde_json::to_value(number).unwrap()).collect();
        let undecided = told.iter().filter(|number| condition(number, "Accepted").is_none()).count();
        if undecided == 0 { Ok(told) } else { Err(format!("{undecided} undecided\n{}", first.log())) }
    })
    .await;
    let mut won = [0, 0];
    for count in 0..NUMBERS {
        let name = format!("n{count}");
        let pair: Vec<&Value> = outcome.iter().filter(|number| number["metadata"]["name"] == name.as_str()).collect();
        assert_eq!(pair.len(), 2);
        let accepted: Vec<&&Value> =
            pair.iter().filter(|number| condition(number, "Accepted").unwrap()["status"] == "True").collect();
        assert_eq!(accepted.len(), 1, "{name}: one owner, but {pair:#?}");
        let owner = accepted[0]["metadata"]["namespace"].as_str().unwrap();
        let loser = pair.iter().find(|number| number["metadata"]["namespace"] != owner).unwrap();
        let refusal = condition(loser, "Accepted").unwrap();
        assert_eq!(refusal["reason"], "NumberTaken", "{refusal}");
        for word in ["zuoji", "youji"] {
            let status = loser["status"].to_string();
            assert!(!status.contains(word), "{status} names a tenant");
        }
        won[usize::from(owner == "youji-live")] += 1;
        let claims = wish(count)["number"].as_str().unwrap().to_owned();
        if count % 20 == 0 {
            let spec = claim(&rig.cluster, &claims).await.unwrap();
            assert_eq!((&spec["holder"]["namespace"], &spec["holder"]["name"]), (&json!(owner), &json!(name)));
            assert_eq!(format!("{}-live", spec["tenant"].as_str().unwrap()), owner);
        }
    }
    println!("of {NUMBERS} races one tenant won {}, the other {}", won[0], won[1]);
    let claims = rig.cluster.kubectl(&["get", "nclaim", "-o", "name"]).await.ok();
    assert_eq!(claims.lines().count(), usize::try_from(NUMBERS).unwrap());
    drop(second);
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

async fn a_number_never_served_is_free_at_once() {
    let rig = Rig::running().await;
    let cluster = &rig.cluster;
    let wish = json!({ "number": "4001000077", "scheduleRef": {"name": "not-yet"}, "functions": ["Schedule"] });
    create(cluster, &number("acme", "desk", &wish)).await;
    told(cluster, &["fhn", "desk", "-n", "acme"], "ResolvedRefs", "False", "ScheduleNotFound").await;
    assert_eq!(claim(cluster, "4001000077").await.unwrap()["state"], "Bound");
    delete(cluster, "acme", "desk").await;
    claim_becomes(cluster, "4001000077", "gone", |claim| claim.is_none()).await;
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

async fn a_tenant_cannot_outrun_its_quota() {
    let rig = Rig::new().await;
    rig.apply(&open_gateway(&rig)).await;
    tenant(&rig, "zuoji", &["zuoji-live"], 7).await;
    let mut rig = rig;
    rig.start(&[]);
    let objects: Vec<_> = (0..25)
        .map(|count| {
            number("zuoji-live", &format!("n{count}"), &json!({ "number": (4_001_002_000_u64 + count).to_string() }))
        })
        .collect();
    join_all(objects.iter().map(|object| create(&rig.cluster, object))).await;
    let (accepted, refused) = eventually(PATIENCE, "every number is judged", async || {
        let list =
            api(&rig.cluster, "zuoji-live").list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let told: Vec<Value> = list.iter().map(|number| serde_json::to_value(number).unwrap()).collect();
        let with = |reason: &str| {
            told.iter().filter(|number| condition(number, "Accepted").is_some_and(|c| c["reason"] == reason)).count()
        };
        let (accepted, refused) = (with("Accepted"), with("QuotaExceeded"));
        if accepted + refused == 25 { Ok((accepted, refused)) } else { Err(format!("{accepted} and {refused}")) }
    })
    .await;
    assert_eq!((accepted, refused), (7, 18));
    // Who was refused is served as soon as there is room: one more after a release, all when the quota is raised.
    let released = api(&rig.cluster, "zuoji-live").list(&ListParams::default()).await.unwrap();
    let released =
        released.iter().find(|number| number.status.as_ref().is_some_and(|status| status.number.is_some())).unwrap();
    delete(&rig.cluster, "zuoji-live", released.metadata.name.as_deref().unwrap()).await;
    let bound = async || {
        let list = rig.cluster.kubectl(&["get", "nclaim", "-o", "json"]).await.json();
        list["items"].as_array().unwrap().iter().filter(|claim| claim["spec"]["state"] == "Bound").count()
    };
    eventually(PATIENCE, "another number takes the place", async || {
        let claims = rig.cluster.kubectl(&["get", "nclaim", "-o", "name"]).await.ok().lines().count();
        let bound = bound().await;
        if (claims, bound) == (8, 7) { Ok(()) } else { Err(format!("{claims} claims, {bound} bound")) }
    })
    .await;
    rig.cluster
        .kubectl(&["patch", "tenant", "zuoji", "--type=merge", "-p", r#"{"spec":{"limits":{"numbers":30}}}"#])
        .await
        .ok();
    eventually(PATIENCE, "all are accepted", async || {
        let bound = bound().await;
        if bound == 24 { Ok(()) } else { Err(bound) }
    })
    .await;
}

/// Objects as a backup keeps them: no status, no uid, no versions.
async fn exported(cluster: &Cluster, kind: &str) -> Value {
    let mut list = cluster.kubectl(&["get", kind, "--all-namespaces", "-o", "json"]).await.json();
    for object in list["items"].as_array_mut().unwrap() {
        assert_eq!(object["metadata"]["finalizers"], Value::Null, "{kind}: nobody's object waits for the operator");
        assert_eq!(object["metadata"]["ownerReferences"], Value::Null, "{kind}");
        let metadata = &object["metadata"];
        let kept =
            json!({ "name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"] });
        *object = json!({
            "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": kept, "spec": object["spec"],
        });
    }
    list["metadata"] = json!({});
    list
}

async fn a_restore_into_an_empty_cluster_keeps_numbers_and_money() {
    let rig = Rig::new().await;
    rig.apply(&rig.gateway()).await;
    rig.apply_acme(&["office-hours", "hotline", "sales"]).await;
    rig.apply(&crate::edits::manifest()).await;
    let folder = workspace().folder("restore-");
    let flags = ["--leader-election", "none", "--clock-at", TUESDAY];
    let operator = Process::ready(&rig.cluster, ADMIN, folder.path(), "operator", &flags).await;
    let mut before = Vec::new();
    for name in ["hotline", "sales", "desk"] {
        told(&rig.cluster, &["fhn", name, "-n", "acme"], "Ready", "True", "Ready").await;
    }
    let mut switch = rig.intake_is_open().await;
    for count in 0..3 {
        let answer = switch.post_records(TOKEN, &outages::record(&format!("restore-{count}"))).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let shown = async |cluster: &Cluster, name: &str| {
        eventually(PATIENCE, &format!("{name} shows its usage"), async || {
            let object = cluster.kubectl(&["get", "fhn", name, "-n", "acme", "-o", "json"]).await.json();
            let status = &object["status"];
            // Three minutes at 0.60 yuan.
            let whole = name != "desk" || status["usage"]["charges"]["voice"] == "1.80";
            if whole && status["usage"]["charges"].is_object() && status["number"].is_string() {
                Ok(json!([status["number"], status["usage"]["calls"], status["usage"]["charges"]]))
            } else {
                Err(status.to_string())
            }
        })
        .await
    };
    for name in ["hotline", "sales", "desk"] {
        before.push(shown(&rig.cluster, name).await);
    }
    let mut backup = Vec::new();
    // Claims, approvals, pools, tenants, and then the rest; nothing derived.
    for kind in ["nclaim", "appr", "npool", "ten", "tar", "hcal", "cgw", "rsch", "rov", "fhn"] {
        backup.push((kind, exported(&rig.cluster, kind).await));
    }
    operator.terminate().await;

    let empty = Cluster::own().await;
    let crds = root().join("crds");
    empty.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]).await.ok();
    empty.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).await.ok();
    for name in ["00-namespaces", "secrets"] {
        let file = root().join(format!("examples/platform/{name}.yaml"));
        empty.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
    }
    for (kind, list) in &backup {
        let file = folder.path().join(format!("{kind}.json"));
        std::fs::write(&file, list.to_string()).unwrap();
        if !list["items"].as_array().unwrap().is_empty() {
            empty.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
        }
    }
    let requests = empty.requests();
    let restored = Process::ready(&empty, ADMIN, folder.path(), "operator", &flags).await;
    for (name, before) in ["hotline", "sales", "desk"].into_iter().zip(&before) {
        told(&empty, &["fhn", name, "-n", "acme"], "Ready", "True", "Ready").await;
        assert_eq!(&shown(&empty, name).await, before, "{name}");
    }
    let on_claims: Vec<_> = requests
        .seen()
        .into_iter()
        .filter(|request| request.is_write() && request.resource == "numberclaims")
        .collect();
    assert!(on_claims.is_empty(), "{on_claims:?}");
    assert!(objects::claim(&empty, "4001000868").await.is_some());
    // A record sent again is known, a new one is booked.
    let mut switch = eventually(PATIENCE, "the intake is open again", async || {
        let mut connection = Connection::open(([127, 0, 0, 1], rig.http).into()).await.map_err(|e| e.to_string())?;
        let answer = connection.post_records(TOKEN, "").await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(connection) } else { Err(format!("{answer:?}")) }
    })
    .await;
    let answer = switch.post_records(TOKEN, &outages::record("restore-1")).await.unwrap();
    assert_eq!(answer.json()["duplicates"], 1, "{answer:?}");
    restored.terminate().await;
}
