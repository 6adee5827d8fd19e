//! Objects that suites need many of, and what their statuses say.

use fourhundred::{
    api::{FourHundredNumber, Tenant},
    controllers::tenant::reviewed_digest,
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{PATIENCE, Rig};
use crate::harness::{Cluster, eventually};

/// Every kind of ours that has conditions.
pub const KINDS: &str = "fhn,rsch,rov,cgw,ten,tar,npool,hcal,appr,clist";

/// A tenant with these namespaces, which exist afterwards, and its approval.
pub async fn tenant(rig: &Rig, name: &str, namespaces: &[&str], numbers: i64) {
    let object = json!({
        "apiVersion": "fourhundred.io/v1alpha1", "kind": "Tenant", "metadata": {"name": name},
        "spec": {
            "displayName": format!("{name} Ltd"), "kind": "Enterprise", "industry": "Retail",
            "papers": {"licence": format!("licence-of-{name}"), "realNameForm": "2026-0107"},
            "namespaces": namespaces, "tariffs": ["standard"], "limits": {"numbers": numbers},
        },
    });
    let digest = reviewed_digest(&serde_json::from_value::<Tenant>(object.clone()).unwrap()).to_string();
    let approval = json!({
        "apiVersion": "fourhundred.io/v1alpha1", "kind": "Approval", "metadata": {"name": format!("{name}-papers")},
        "spec": {
            "subject": {"kind": "Tenant", "name": name, "digest": digest},
            "verdict": "Approved", "reason": "Seen", "until": "2031-06-30",
        },
    });
    let mut items = vec![object, approval];
    items.extend(
        namespaces.iter().map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})),
    );
    rig.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).await;
}

/// A number whose calls all go to one desk in Beijing.
pub fn number(namespace: &str, name: &str, wish: &Value) -> FourHundredNumber {
    let mut spec = json!({
        "gatewayRef": {"name": "east", "namespace": "telephony"}, "tariffRef": {"name": "standard"},
        "destinations": [{"name": "desk", "number": "010-8888 0001"}],
        "rules": [{"name": "always", "to": {"destination": "desk"}}],
    });
    for (field, value) in wish.as_object().expect("fields of the spec") {
        spec[field] = value.clone();
    }
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})).unwrap()
}

pub fn api(cluster: &Cluster, namespace: &str) -> Api<FourHundredNumber> {
    Api::namespaced(cluster.client(), namespace)
}

pub async fn create(cluster: &Cluster, number: &FourHundredNumber) {
    let namespace = number.metadata.namespace.as_deref().unwrap();
    api(cluster, namespace).create(&PostParams::default(), number).await.unwrap();
}

pub async fn delete(cluster: &Cluster, namespace: &str, name: &str) {
    api(cluster, namespace).delete(name, &DeleteParams::default()).await.unwrap();
}

/// A condition by type, of any object as JSON.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether a condition is told for the object's present generation with this status and reason.
pub fn says(object: &Value, kind: &str, status: &str, reason: &str) -> bool {
    condition(object, kind).is_some_and(|condition| {
        condition["status"] == status
            && condition["reason"] == reason
            && condition["observedGeneration"] == object["metadata"]["generation"]
    })
}

/// Waits until the object says so, and returns it.
pub async fn told(cluster: &Cluster, object: &[&str], kind: &str, status: &str, reason: &str) -> Value {
    let mut arguments = vec!["get", "-o", "json"];
    arguments.extend_from_slice(object);
    eventually(PATIENCE, &format!("{} says {kind}={status}, {reason}", object.join(" ")), async || {
        let answer = cluster.kubectl(&arguments).await;
        let Ok(seen) = serde_json::from_str::<Value>(&answer.stdout) else { return Err(answer.stderr) };
        if says(&seen, kind, status, reason) { Ok(seen) } else { Err(seen["status"].to_string()) }
    })
    .await
}

/// A claim's spec, if there is one.
pub async fn claim(cluster: &Cluster, number: &str) -> Option<Value> {
    let answer = cluster.kubectl(&["get", "nclaim", number, "-o", "json", "--ignore-not-found"]).await.ok();
    serde_json::from_str::<Value>(&answer).ok().map(|claim| claim["spec"].clone())
}

/// Waits until the claim is as `looks` wants it; `None` is "no claim".
pub async fn claim_becomes(cluster: &Cluster, number: &str, what: &str, looks: impl Fn(Option<&Value>) -> bool) {
    eventually(PATIENCE, &format!("the claim of {number} is {what}"), async || {
        let seen = claim(cluster, number).await;
        if looks(seen.as_ref()) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}
