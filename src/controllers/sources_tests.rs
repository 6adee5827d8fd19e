//! What a watch shows: parts that went meanwhile, texts that are no longer ours, objects that cannot be read.

use serde_json::{Value, json};

use super::*;
use crate::api::CallGateway;
use crate::controllers::plan::shard::ShardKey;
use crate::controllers::world::bench;
use crate::domain::digest::Digest;

fn part(name: &str, managed: &Value) -> PartialObjectMeta<ConfigMap> {
    let object = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {
        "name": name, "namespace": "telephony", "resourceVersion": "7", "managedFields": managed,
        "annotations": {(DIGEST_ANNOTATION): Digest::of(b"{}").to_string()},
    }});
    serde_json::from_value(object).expect("metadata")
}

fn owns(manager: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
}

#[test]
fn a_text_is_ours_only_where_it_is_there_and_nobody_else_has_a_hand_in_it() {
    let text = json!({"f:data": {"f:part.json": {}}});
    let digest = json!({"f:metadata": {"f:annotations": {}}});
    for (managed, ours) in [
        (json!([owns("fourhundred", &text)]), true),
        (json!([owns("fourhundred", &text), owns("kubectl", &digest)]), true),
        (json!([owns("fourhundred", &digest), owns("kubectl", &text)]), false),
        (json!([owns("fourhundred", &text), owns("kubectl", &text)]), false),
        // Removed: the digest beside it says nothing about it any longer.
        (json!([owns("fourhundred", &digest)]), false),
        (json!([]), false),
    ] {
        assert_eq!(!seen(&part("plan-a-n", &managed)).foreign, ours, "{managed}");
    }
}

#[tokio::test]
async fn a_part_that_was_deleted_while_the_watch_was_down_is_missed_when_the_new_list_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, _writers) = bench::world(folder.path());
    let managed = json!([owns("fourhundred", &json!({"f:data": {"f:part.json": {}}}))]);
    let mut unlisted = BTreeSet::new();
    let mut see = |event| see_part(&world, "telephony", &mut unlisted, event);
    let names = |world: &World| {
        let mut names: Vec<String> = world.parts().keys().map(|(_, name)| name.clone()).collect();
        names.sort();
        names
    };
    for name in ["plan-a-n", "plan-b-n"] {
        see(Event::Apply(part(name, &managed)));
    }
    see(Event::Init);
    see(Event::InitApply(part("plan-a-n", &managed)));
    assert_eq!(names(&world), ["plan-a-n", "plan-b-n"], "a list that is not whole says nothing of what it lacks");
    see(Event::InitDone);
    assert_eq!(names(&world), ["plan-a-n"]);
}

fn gateway(host: &str, mode: &str) -> DeserializeGuard<CallGateway> {
    let object = json!({
        "apiVersion": "fourhundred.io/v1alpha1", "kind": "CallGateway",
        "metadata": {"name": "east", "namespace": "telephony"},
        "spec": {"mode": mode, "trunk": {"host": host}, "listeners": [{"name": "sip", "protocol": "UDP", "port": 5060}]},
    });
    serde_json::from_value(object).expect("a guard takes anything")
}

#[tokio::test]
async fn what_cannot_be_read_is_not_gone_and_holds_its_shards_back_until_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, mut writers) = bench::world(folder.path());
    let store = writers.gateways.as_reader();
    let mut guard = Guard { kind: "CallGateway", store: store.clone(), world: world.clone(), listed: BTreeSet::new() };
    let mut pass = |event, writer: &mut Writer<CallGateway>| {
        let passed = guard.pass(event);
        if let Some(event) = &passed {
            writer.apply_watcher_event(event);
        }
        passed.is_some()
    };
    let key = Key::new("telephony", "east");
    let shard = ShardKey { gateway: key.clone(), namespace: "acme".to_owned() };
    let host = || store.find_key(&key).map(|gateway| gateway.spec.trunk.host.clone());
    for event in [Event::Init, Event::InitApply(gateway("ims.example", "Redirect")), Event::InitDone] {
        pass(event, &mut writers.gateways);
    }
    assert!(!pass(Event::Apply(gateway("other.example", "Telepathy")), &mut writers.gateways));
    assert_eq!(host().as_deref(), Some("ims.example"));
    assert!(world.unreadable.of_shard(&shard, None).is_some());
    // A new list has it, and still nobody can read it.
    for event in [Event::Init, Event::InitApply(gateway("other.example", "Telepathy")), Event::InitDone] {
        pass(event, &mut writers.gateways);
    }
    assert_eq!(host().as_deref(), Some("ims.example"));
    // Once it is really deleted, it is.
    assert!(pass(Event::Delete(gateway("other.example", "Telepathy")), &mut writers.gateways));
    assert_eq!((host(), world.unreadable.of_shard(&shard, None)), (None, None));
    pass(Event::Apply(gateway("other.example", "Telepathy")), &mut writers.gateways);
    assert!(pass(Event::Apply(gateway("third.example", "Redirect")), &mut writers.gateways));
    assert_eq!((host().as_deref(), world.unreadable.of_shard(&shard, None)), (Some("third.example"), None));
}
