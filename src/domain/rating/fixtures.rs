//! A tariff and records for the tests of this room. No two prices are alike.

use jiff::{SignedDuration, Timestamp};

use super::book::{PriceBook, PriceBookDocument};
use super::record::{CallRecord, NeutralRecord, Outcome};

/// From December on: from the platform's answer, by 6 seconds after the first 30, rounded up.
pub const TARIFF: &str = r#"
currency: CNY
timeZone: Asia/Shanghai
versions:
- effectiveFrom: "2026-12-01"
  rounding: Up
  setupFee: "180.00"
  voice:
    chargeFrom: PlatformAnswer
    increments: {firstSeconds: 30, nextSeconds: 6}
    rates:
    - {name: flat, perMinute: {caller: "0.22", enterprise: "0.33"}}
  functions:
  - {name: Recording, monthly: "31.00", partialMonth: Daily}
  packages:
  - {name: m300, monthly: "310.00", minutes: 480, thenPerMinute: "0.13"}
- effectiveFrom: "2026-01-01"
  setupFee: "200.00"
  voice:
    chargeFrom: DestinationAnswer
    increments: {firstSeconds: 60, nextSeconds: 60}
    rates:
    - {name: local, when: {distance: [Local]}, perMinute: {caller: "0.11", enterprise: "0.10"}}
    - {name: long-distance, when: {distance: [LongDistance]}, perMinute: {caller: "0.12", enterprise: "0.60"}}
    - {name: unknown-area, perMinute: {caller: "0.14", enterprise: "0.58"}}
  messages: {smsPerSegment: "0.05", mmsPerMessage: "0.30"}
  functions:
  - {name: Schedule, monthly: "10.00", partialMonth: Full}
  - {name: Screening, monthly: "5.00"}
  - {name: Recording, monthly: "29.99", partialMonth: Daily}
  packages:
  - {name: m300, monthly: "300.00", minutes: 500, thenPerMinute: "0.12"}
  - {name: m800, monthly: "800.00", minutes: 2000, thenPerMinute: "0.08", rollOver: None}
  minimumMonthly: {counts: [Voice, Messages, Functions], openingMonthExempt: true}
  tax: {percent: "6", included: true}
"#;

pub fn document(yaml: &str) -> PriceBookDocument {
    serde_saphyr::from_str(yaml).unwrap()
}

pub fn book() -> PriceBook {
    PriceBook::new(&document(TARIFF)).unwrap()
}

/// A book of one version and one rate for every call.
pub fn flat_book(per_minute: &str, first_seconds: u32, next_seconds: u32, rounding: &str) -> PriceBook {
    PriceBook::new(&document(&format!(
        r#"
versions:
- effectiveFrom: "2026-01-01"
  rounding: {rounding}
  voice:
    increments: {{firstSeconds: {first_seconds}, nextSeconds: {next_seconds}}}
    rates: [{{name: every, perMinute: {{enterprise: "{per_minute}"}}}}]
"#
    )))
    .unwrap()
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn neutral(call_id: &str, leg: i64) -> NeutralRecord {
    NeutralRecord {
        source: "fs-1".to_owned(),
        call_id: call_id.to_owned(),
        leg,
        number: "4001000868".to_owned(),
        caller: Some("139 0000 2222".to_owned()),
        destination: (leg > 0).then(|| "0755-6666 0002".to_owned()),
        started_at: "2026-11-23T10:00:00.000+08:00".to_owned(),
        platform_answered_at: None,
        answered_at: Some("2026-11-23T10:00:07.200+08:00".to_owned()),
        ended_at: "2026-11-23T10:02:11.000+08:00".to_owned(),
        outcome: Outcome::Answered,
        cause: Some(16),
        decision: None,
    }
}

/// A leg that rang for seven seconds and then lasted so long.
pub fn answered_leg(call_id: &str, leg: i64, answered_at: &str, milliseconds: i64) -> CallRecord {
    let answered_at = instant(answered_at);
    CallRecord::parse(&NeutralRecord {
        started_at: (answered_at - SignedDuration::from_secs(7)).to_string(),
        answered_at: Some(answered_at.to_string()),
        ended_at: (answered_at + SignedDuration::from_millis(milliseconds)).to_string(),
        ..neutral(call_id, leg)
    })
    .unwrap()
}
