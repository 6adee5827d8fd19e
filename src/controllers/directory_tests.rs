//! A data directory as source of objects: what it keeps, what it tells, what it takes from manifests.

use super::*;
use crate::api::NumberClaim;
use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;

fn claim(name: &str, pool: &str) -> NumberClaim {
    let spec = json!({"tenant": "acme", "holder": {"namespace": "acme", "name": "hotline"}, "pool": pool,
        "state": "Bound", "claimedAt": "2026-11-23T10:00:00Z"});
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
}

fn schedule(zone: &str) -> RoutingSchedule {
    let spec = json!({"timeZone": zone, "periods": [], "otherwise": "closed"});
    let status = json!({"observedGeneration": 41});
    let metadata = json!({"name": "office-hours", "namespace": "acme"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn claims_are_found_again_word_for_word_however_they_look() {
    let data = tempfile::tempdir().unwrap();
    let pools = ["0755", "on", "1e3", "~", "null", "2026-11-23", "09:00", "- x", "a: b", "#1", "0x1F", " pad ", "'q'"];
    let feed: Feed<NumberClaim> = Feed::new("NumberClaim", data.path());
    let mut put = Vec::new();
    for (position, pool) in pools.iter().enumerate() {
        put.push(feed.put(claim(&format!("40010000{position:02}"), pool), at(90)).unwrap());
    }
    let kept = Feed::<NumberClaim>::new("NumberClaim", data.path()).kept().unwrap();
    assert_eq!(kept.iter().map(value_of).collect::<Vec<_>>(), put.iter().map(value_of).collect::<Vec<_>>());
}

#[test]
fn a_claim_that_cannot_be_read_is_told_and_not_forgotten() {
    let data = tempfile::tempdir().unwrap();
    let feed: Feed<NumberClaim> = Feed::new("NumberClaim", data.path());
    feed.put(claim("4001000868", "p"), at(90)).unwrap();
    let file = data.path().join("status/NumberClaim/4001000868.yaml");
    std::fs::write(&file, "apiVersion: [").unwrap();
    let error = feed.kept().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} cannot be read", file.display())), "{error}");
}

#[test]
fn generations_age_and_status_are_the_directorys_and_not_the_manifests() {
    let data = tempfile::tempdir().unwrap();
    let key = Key::new("acme", "office-hours");
    let feed: Feed<RoutingSchedule> = Feed::new("RoutingSchedule", data.path());
    feed.replace(vec![schedule("Asia/Shanghai")], at(100));
    assert!(feed.get(&key).unwrap().status.is_none());
    let status = json!({"observedGeneration": 1, "usedBy": 3});
    feed.set_status(&key, &["observedGeneration", "usedBy"], &status).unwrap().unwrap();
    feed.replace(vec![schedule("Asia/Tokyo")], at(200));
    feed.replace(vec![schedule("Asia/Tokyo")], at(300));
    let shown = |feed: &Feed<RoutingSchedule>| {
        let object = feed.get(&key).unwrap();
        let created = object.metadata.creation_timestamp.as_ref().unwrap().0.as_second();
        (object.metadata.generation, created, object.status.unwrap().used_by)
    };
    assert_eq!(shown(&feed), (Some(2), 100, Some(3)));

    // Another run: the spec differs from the one that the status speaks of.
    let again: Feed<RoutingSchedule> = Feed::new("RoutingSchedule", data.path());
    again.replace(vec![schedule("Asia/Tokyo")], at(400));
    assert_eq!(shown(&again), (Some(2), 100, Some(3)));
}

#[test]
fn an_unchanged_object_makes_no_event_and_one_that_left_is_gone_with_its_status() {
    let data = tempfile::tempdir().unwrap();
    let feed: Feed<RoutingSchedule> = Feed::new("RoutingSchedule", data.path());
    let mut events = Box::pin(feed.events());
    let mut told = move || match events.next().now_or_never() {
        Some(Some(Ok(Event::Init))) => "init",
        Some(Some(Ok(Event::InitApply(_)))) => "first",
        Some(Some(Ok(Event::InitDone))) => "done",
        Some(Some(Ok(Event::Apply(_)))) => "changed",
        Some(Some(Ok(Event::Delete(_)))) => "gone",
        _ => "nothing",
    };
    feed.replace(vec![schedule("Asia/Shanghai")], at(100));
    assert_eq!([told(), told(), told(), told()], ["init", "first", "done", "nothing"]);
    feed.set_status(&Key::new("acme", "office-hours"), &["usedBy"], &json!({"usedBy": 1})).unwrap().unwrap();
    feed.replace(vec![schedule("Asia/Shanghai")], at(200));
    assert_eq!([told(), told()], ["changed", "nothing"]);
    let file = data.path().join("status/RoutingSchedule/acme/office-hours.yaml");
    assert!(file.exists());
    feed.replace(Vec::new(), at(300));
    assert_eq!([told(), told()], ["gone", "nothing"]);
    assert!(!file.exists());
}
