//! A restore from plain YAML into an empty cluster.

use fourhundred::runtime::control_plane::ADMIN;
use serde_json::{Value, json};

use crate::{
    harness::{Cluster, eventually, workspace},
    outages,
    rig::{
        PATIENCE, Rig, TOKEN, TUESDAY,
        http::Connection,
        objects::{claim, told},
        process::Process,
        root,
    },
};

suite! { a_restore_into_an_empty_cluster_keeps_numbers_and_money }

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
    rig.apply_acme(&["office-hours", "partners", "hotline", "sales"]).await;
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
    for name in ["hotline", "sales", "desk"] {
        before.push(shown(&rig.cluster, name).await);
    }
    let mut backup = Vec::new();
    // Claims, approvals, pools, tenants, and then the rest; nothing derived.
    for kind in ["nclaim", "appr", "npool", "ten", "tar", "hcal", "cgw", "rsch", "clist", "rov", "fhn"] {
        backup.push((kind, exported(&rig.cluster, kind).await));
    }
    operator.terminate().await;

    let empty = restored_from(&backup, folder.path()).await;
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
    assert!(claim(&empty, "4001000868").await.is_some());
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

/// A cluster of its own with nothing in it but the backup.
async fn restored_from(backup: &[(&str, Value)], folder: &std::path::Path) -> Cluster {
    let empty = Cluster::own().await;
    let crds = root().join("crds");
    empty.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]).await.ok();
    empty.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).await.ok();
    for name in ["00-namespaces", "secrets"] {
        let file = root().join(format!("examples/platform/{name}.yaml"));
        empty.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
    }
    for (kind, list) in backup {
        let file = folder.join(format!("{kind}.json"));
        std::fs::write(&file, list.to_string()).unwrap();
        if !list["items"].as_array().unwrap().is_empty() {
            empty.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.ok();
        }
    }
    empty
}

/// Number, calls and money as a number's status shows them.
async fn shown(cluster: &Cluster, name: &str) -> Value {
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
}
