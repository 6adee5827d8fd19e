//! What is known to go wrong in rating engines that people use, held against this one: money that drifts, an instant that
//! costs by how it is written, a resend that is called known and is not there.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::bench::{Bench, LegOf, NUMBER, at, binding, now, part};
use crate::domain::rating::CallRecord;
use crate::domain::rating::book::PriceBookDocument;
use crate::domain::routing::document::{FORMAT, Prices};
use crate::ledger::{Booking, Ledger as _, Received};

/// A ledger whose [`NUMBER`] acme holds, at 0.25 a minute by the second, at night 0.10.
async fn bench() -> Bench {
    let bench = Bench::new();
    let document: PriceBookDocument = serde_json::from_value(json!({
        "timeZone": "Asia/Shanghai",
        "versions": [{"effectiveFrom": "2026-01-01", "voice": {
            "increments": {"firstSeconds": 1, "nextSeconds": 1},
            "rates": [
                {"name": "night", "when": {"timeOfDay": [{"days": ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "20:00", "to": "24:00"}]},
                    "perMinute": {"enterprise": "0.10"}},
                {"name": "day", "perMinute": {"enterprise": "0.25"}},
            ],
        }}],
    }))
    .unwrap();
    let book = RawValue::from_string(document.canonical()).unwrap();
    let prices = Prices { format: FORMAT, tariff: "standard".to_owned(), book };
    bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    bench.ledger().apply_bindings(part("", vec![binding(NUMBER, "acme", &prices)]), now()).await.unwrap();
    bench
}

async fn voice(bench: &Bench) -> String {
    bench.usage(NUMBER).await.charges.voice.to_string()
}

/// The record as it would come, with members changed.
fn written(call: &LegOf, change: impl FnOnce(&mut Value)) -> Result<Received, String> {
    let mut body: Value = serde_json::from_str(call.received().body()).unwrap();
    change(&mut body);
    let text = body.to_string();
    let record = CallRecord::from_json(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(Received::new(record, text))
}

#[tokio::test]
async fn a_price_by_the_second_does_not_drift() {
    for (seconds, price) in [(60, "0.25"), (197, "0.820833"), (3_600, "15.00"), (10_800, "45.00")] {
        let bench = bench().await;
        bench.book(vec![LegOf::call("long", seconds).received()]).await;
        assert_eq!(voice(&bench).await, price, "{seconds} s");
    }
}

#[tokio::test]
async fn an_instant_costs_the_same_however_it_is_written() {
    let evening = LegOf { started_at: at("2026-11-22T20:00:00+08:00"), ..LegOf::call("evening", 60) };
    for zone in ["Z", "+08:00", "-11:00"] {
        let bench = bench().await;
        let record = written(&evening, |body| {
            for member in ["startedAt", "answeredAt", "endedAt"] {
                let instant: jiff::Timestamp = body[member].as_str().unwrap().parse().unwrap();
                let hours = zone.trim_end_matches(":00").parse().unwrap_or(0);
                let local = jiff::tz::Offset::constant(hours).to_datetime(instant);
                body[member] = json!(format!("{local}{zone}"));
            }
        });
        assert_eq!(bench.book(vec![record.unwrap()]).await, [Booking::Booked]);
        // The night's price: the tariff says in which zone its hours are.
        assert_eq!(voice(&bench).await, "0.10", "{zone}");
        assert_eq!(bench.book(vec![evening.received()]).await, [Booking::Duplicate], "{zone}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_used_does_not_bar_the_right_one() {
    let bench = bench().await;
    let call = LegOf::call("a84b", 60);
    for (member, value, sentence) in [
        ("endedAt", json!("abc"), "endedAt is not an instant"),
        ("endedAt", json!(-5), "the member that ends at column"),
        ("endedAt", json!("2026-11-23T01:59:55Z"), "endedAt is before"),
        ("callId", json!(""), "callId must be"),
        ("callId", Value::Null, "the member that ends at column"),
        ("source", json!(""), "source must be"),
    ] {
        let refused = written(&call, |body| body[member] = value.clone()).unwrap_err();
        assert!(refused.contains(sentence), "{member} {value}: {refused}");
    }
    let nameless = written(&call, |body| drop(body.as_object_mut().unwrap().remove("callId"))).unwrap_err();
    assert!(nameless.contains("missing field `callId`"), "{nameless}");
    assert_eq!(bench.book(vec![call.received()]).await, [Booking::Booked]);
    assert_eq!(voice(&bench).await, "0.25");
}

#[tokio::test]
async fn one_call_id_at_two_switches_is_two_calls() {
    let bench = bench().await;
    let call = LegOf::call("a84b", 60);
    let other = written(&call, |body| body["source"] = json!("fs-2")).unwrap();
    assert_eq!(bench.book(vec![call.received(), other]).await, [Booking::Booked, Booking::Booked]);
    assert_eq!(voice(&bench).await, "0.50");
}

#[tokio::test]
async fn rating_again_what_is_rated_changes_nothing() {
    let mut bench = bench().await;
    bench.book(vec![LegOf::call("a", 197).received(), LegOf::call("b", 60).received()]).await;
    let before = bench.usage(NUMBER).await;
    for _ in 0..3 {
        bench.ledger().retry_unrated(now()).await.unwrap();
        bench.reopen();
    }
    assert_eq!(bench.usage(NUMBER).await, before);
}
