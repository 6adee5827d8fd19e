//! A caller list as long as they may be, on the real API server: its callers are routed by it, an edit of one of them
//! reaches the routers as one part or two, and calls go on by it when it is gone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fourhundred::api::CallerList;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::harness::{eventually, workspace};
use crate::rig::objects::{says, told};
use crate::rig::{Rig, TUESDAY};

suite! {
    a_hundred_thousand_callers_are_served_edited_and_kept,
}

const NUMBER: &str = "4001000733";
const ASKING: &str = r#"
apiVersion: fourhundred.io/v1alpha1
kind: FourHundredNumber
metadata: {name: club, namespace: acme}
spec:
  number: "4001000733"
  gatewayRef: {name: east, namespace: telephony}
  tariffRef: {name: standard}
  destinations:
  - {name: lounge, number: "021-6666 0011"}
  - {name: office, number: "021-6666 0012"}
  rules:
  - {name: members, when: {callerLists: [members]}, to: {destination: lounge}}
  - {name: else, to: {destination: office}}
"#;
/// For a debug build on a busy machine, and for parts that wait a minute to be deleted.
const LONG: Duration = Duration::from_mins(2);

fn caller(index: u32) -> String {
    format!("13{:09}", index * 9_001)
}

/// The list as a manifest; `last` stands where the last caller would.
fn manifest(last: &str) -> String {
    let callers: Vec<String> =
        (0..99_999).map(caller).chain([last.to_owned()]).map(|one| format!("\"{one}\"")).collect();
    format!(
        "{{\"apiVersion\": \"fourhundred.io/v1alpha1\", \"kind\": \"CallerList\", \
         \"metadata\": {{\"name\": \"members\", \"namespace\": \"acme\"}}, \"spec\": {{\"callers\": [{}]}}}}",
        callers.join(", ")
    )
}

/// The list's status, once routers serve the present generation.
async fn programmed(rig: &Rig) -> Value {
    let lists: Api<CallerList> = Api::namespaced(rig.cluster.client(), "acme");
    eventually(LONG, "the list is programmed", async || {
        let list = lists.get("members").await.map_err(|error| error.to_string())?;
        // Without the callers, a megabyte and a half of them.
        let told = json!({"metadata": {"generation": list.metadata.generation}, "status": list.status});
        if says(&told, "Programmed", "True", "Programmed") { Ok(told["status"].clone()) } else { Err(told.to_string()) }
    })
    .await
}

/// The parts that hold callers: their leaves.
async fn parts(rig: &Rig) -> BTreeSet<String> {
    let maps: Api<ConfigMap> = Api::namespaced(rig.cluster.client(), "telephony");
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=fourhundred");
    let listed = maps.list_metadata(&ours).await.unwrap();
    let leaves = listed.items.iter().filter_map(|map| map.labels().get("fourhundred.io/leaf").cloned());
    leaves.filter(|leaf| leaf.starts_with('l')).collect()
}

async fn goes_to(rig: &Rig, from: &str, destination: &str) {
    let mut phone = rig.phone().await;
    let answer = phone.call(NUMBER, from).await.expect("an answer");
    assert_eq!((answer.code, answer.contacts()), (302, vec![destination]), "from {from}: {}", answer.text);
}

const LOUNGE: &str = "02166660011";
const OFFICE: &str = "02166660012";

async fn a_hundred_thousand_callers_are_served_edited_and_kept() {
    let mut rig = Rig::running().await;
    let refused = {
        let folder = workspace().folder("list-");
        let file = folder.path().join("members.json");
        std::fs::write(&file, manifest("0898*")).unwrap();
        rig.cluster.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.refused()
    };
    assert!(
        refused.contains("annotations: Too long"),
        "a copy in an annotation is what the kind's text warns of: {refused}"
    );
    rig.apply(&manifest("0898*")).await;
    let begun = Instant::now();
    rig.apply(ASKING).await;
    rig.programmed("club").await;
    let status = programmed(&rig).await;
    assert_eq!((&status["callers"], &status["usedBy"]), (&100_000.into(), &1.into()));
    let before = parts(&rig).await;
    println!("100,000 callers in {} parts, programmed after {:.1} s", before.len(), begun.elapsed().as_secs_f64());
    assert!(before.len() >= 8, "{before:?}");
    for (from, destination) in [
        (caller(0).as_str(), LOUNGE),
        (&caller(50_000), LOUNGE),
        (&caller(99_998), LOUNGE),
        ("089866660000", LOUNGE),
        ("13000000001", OFFICE),
        ("01066660000", OFFICE),
        ("anonymous", OFFICE),
    ] {
        goes_to(&rig, from, destination).await;
    }

    // One caller for another.
    let begun = Instant::now();
    rig.apply(&manifest("01066660000")).await;
    programmed(&rig).await;
    println!("one caller edited, programmed after {:.1} s", begun.elapsed().as_secs_f64());
    goes_to(&rig, "01066660000", LOUNGE).await;
    goes_to(&rig, "089866660000", OFFICE).await;
    let after = parts(&rig).await;
    let new = after.difference(&before).count();
    assert!((1..=2).contains(&new), "{new} of {} parts are new", after.len());
    eventually(LONG, "parts that no leaf names are deleted", async || {
        let left = parts(&rig).await;
        if left.len() < after.len() { Ok(()) } else { Err(format!("{} parts", left.len())) }
    })
    .await;
    goes_to(&rig, &caller(50_000), LOUNGE).await;

    // Gone: the last list goes on being served, also by an operator that never saw it.
    rig.cluster.kubectl(&["delete", "clist", "members", "-n", "acme"]).await.ok();
    let club = ["fhn", "club", "-n", "acme"];
    let number = told(&rig.cluster, &club, "ResolvedRefs", "False", "CallerListNotFound").await;
    assert!(says(&number, "Accepted", "True", "Accepted"), "{number}");
    let kept = parts(&rig).await;
    rig.kill().await;
    rig.start(&["--clock-at", TUESDAY]);
    drop(rig.intake_is_open().await);
    told(&rig.cluster, &club, "ResolvedRefs", "False", "CallerListNotFound").await;
    goes_to(&rig, "01066660000", LOUNGE).await;
    goes_to(&rig, "089866660000", OFFICE).await;
    assert_eq!(parts(&rig).await, kept);
}
