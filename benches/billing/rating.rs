//! Rating alone: one record by one price book, from a record that was read to a charge line.

use fourhundred::domain::rating::book::{PriceBook, PriceBookDocument};
use fourhundred::domain::rating::rate::{MonthPackage, PackageUse, rate_call};
use fourhundred::domain::rating::{CallRecord, DistanceClass};
use serde_json::json;

use crate::histogram::each;

/// A book of a platform: three distances, nights, a package, increments as they are given.
pub fn book(first_seconds: u32, next_seconds: u32) -> PriceBook {
    let document: PriceBookDocument = serde_json::from_value(json!({
        "currency": "CNY",
        "timeZone": "Asia/Shanghai",
        "versions": [
            {"effectiveFrom": "2025-01-01", "voice": {"rates": [{"name": "all", "perMinute": {"enterprise": "0.70"}}]}},
            {
                "effectiveFrom": "2026-01-01",
                "setupFee": "200.00",
                "voice": {
                    "increments": {"firstSeconds": first_seconds, "nextSeconds": next_seconds},
                    "rates": [
                        {"name": "night", "when": {"timeOfDay": [{"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "from": "22:00", "to": "24:00"}]},
                            "perMinute": {"enterprise": "0.10"}},
                        {"name": "local", "when": {"distance": ["Local"]}, "perMinute": {"caller": "0.22", "enterprise": "0.10"}},
                        {"name": "long-distance", "when": {"distance": ["LongDistance"]}, "perMinute": {"enterprise": "0.60"}},
                        {"name": "unknown-area", "perMinute": {"enterprise": "0.60"}},
                    ],
                },
                "packages": [{"name": "m300", "monthly": "60.00", "minutes": 300, "thenPerMinute": "0.12"}],
            },
        ],
    }))
    .unwrap();
    PriceBook::new(&document).unwrap()
}

fn call(seconds: i64) -> CallRecord {
    let started: jiff::Timestamp = "2026-11-23T10:00:00+08:00".parse().unwrap();
    let answered = started + jiff::SignedDuration::from_millis(7_200);
    let ended = answered + jiff::SignedDuration::from_secs(seconds);
    let text = json!({"source": "fs-1", "callId": "a84b4c76e66710", "leg": 1, "number": "4001000868", "caller": "13900002222",
        "destination": "075566660002", "startedAt": started, "answeredAt": answered, "endedAt": ended,
        "outcome": "Answered", "cause": 16});
    CallRecord::from_json(text.to_string().as_bytes()).unwrap()
}

pub fn rows() {
    println!("{:<52} {:>8} {:>9} {:>10}", "rating one record, alone", "p50 ns", "p99 ns", "p99.9 ns");
    for (name, seconds, (first, next), packaged) in [
        ("rate: a minute's call, by the minute", 60, (60, 60), false),
        ("rate: an hour's call, by the second", 3_600, (1, 1), false),
        ("rate: an hour's call, by the second, over a package", 3_600, (1, 1), true),
    ] {
        let (book, record) = (book(first, next), call(seconds));
        let distance = record.distance();
        assert_eq!(distance, DistanceClass::LongDistance);
        let version = book.version_at(record.started_at()).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        let package = packaged.then_some(PackageUse { terms, used_seconds: 17_000, carried_seconds: 0 });
        let times = each(
            |_| (),
            |()| {
                let rated = rate_call(&book, package.into(), std::hint::black_box(&record), distance);
                assert!(std::hint::black_box(rated).is_ok());
            },
        );
        println!("{name:<52} {:>8.0} {:>9.0} {:>10.0}", times.at(0.5), times.at(0.99), times.at(0.999));
    }
}
