//! What one call costs: increments, classes, packages, boundaries.

use super::super::fixtures::{answered_leg, book, flat_book, instant, neutral};
use super::super::record::{NeutralRecord, Outcome};
use super::*;

fn charge(book: &PriceBook, record: &CallRecord, distance: DistanceClass) -> Option<Charge> {
    rate_call(book, Used::Nothing, record, distance).unwrap().charge
}

#[test]
fn a_leg_is_charged_by_its_distance() {
    for (distance, rate, amount) in [
        (DistanceClass::Local, "local", "0.30"),
        (DistanceClass::LongDistance, "long-distance", "1.80"),
        (DistanceClass::Unknown, "unknown-area", "1.74"),
    ] {
        let record = CallRecord::parse(&neutral("a84b", 1)).unwrap();
        let charge = charge(&book(), &record, distance).unwrap();
        assert_eq!(charge.amount.to_string(), amount);
        let Line::Voice { rate: name, quantity, .. } = charge.line else { panic!("{:?}", charge.line) };
        assert_eq!((name.as_ref(), quantity.milliseconds, quantity.seconds), (rate, 123_800, 180));
        assert_eq!(charge.price.version, "2026-01-01".parse().unwrap());
    }
}

#[test]
fn durations_are_brought_up_to_whole_increments() {
    for (milliseconds, first, next, seconds) in [
        (0, 60, 60, 0),
        (1, 60, 60, 60),
        (60_000, 60, 60, 60),
        (60_001, 60, 60, 120),
        (61_000, 6, 6, 66),
        (30_000, 30, 6, 30),
        (30_001, 30, 6, 36),
        (36_001, 30, 6, 42),
        (999, 1, 1, 1),
        (1_001, 1, 1, 2),
    ] {
        let book = flat_book("0.25", first, next, "HalfUp");
        let record = answered_leg("c", 1, "2026-11-10T10:00:00+08:00", milliseconds);
        let charge = charge(&book, &record, DistanceClass::Local).unwrap();
        assert_eq!(charge.seconds(), seconds, "{milliseconds} ms by {first}/{next}");
    }
}

#[test]
fn increments_are_not_rounded_one_by_one() {
    let book = flat_book("0.25", 1, 1, "HalfUp");
    for (seconds, amount) in [(60, "0.25"), (197, "0.820833"), (3600, "15.00"), (10_800, "45.00")] {
        let record = answered_leg("c", 3, "2026-11-10T10:00:00+08:00", seconds * 1000);
        assert_eq!(charge(&book, &record, DistanceClass::Local).unwrap().amount.to_string(), amount);
    }
}

#[test]
fn the_callers_leg_is_information_and_never_a_charge() {
    let rated =
        rate_call(&book(), Used::Nothing, &CallRecord::parse(&neutral("a", 0)).unwrap(), DistanceClass::Unknown)
            .unwrap();
    assert_eq!((rated.charge.as_ref(), rated.seconds()), (None, 0));
    let caller = rated.caller.unwrap();
    assert_eq!((caller.rate.as_ref(), caller.amount.to_string().as_str()), ("unknown-area", "0.42"));
}

#[test]
fn the_callers_own_meter_runs_from_the_first_answer_they_hear() {
    let welcomed =
        NeutralRecord { platform_answered_at: Some("2026-11-23T10:00:01+08:00".to_owned()), ..neutral("w", 0) };
    let abandoned_in_the_menu = NeutralRecord { answered_at: None, outcome: Outcome::Abandoned, ..welcomed.clone() };
    for record in [welcomed, abandoned_in_the_menu] {
        let record = CallRecord::parse(&record).unwrap();
        let caller = rate_call(&book(), Used::Nothing, &record, DistanceClass::Unknown).unwrap().caller.unwrap();
        assert_eq!(caller.quantity.milliseconds, 130_000);
        assert_eq!(caller.amount.to_string(), "0.42");
    }
}

#[test]
fn a_leg_that_nobody_answered_costs_nothing_even_before_the_first_version() {
    let unanswered = NeutralRecord {
        answered_at: None,
        outcome: Outcome::NoAnswer,
        started_at: "2025-12-31T23:00:00+08:00".to_owned(),
        ended_at: "2025-12-31T23:00:20+08:00".to_owned(),
        ..neutral("b", 1)
    };
    let rated =
        rate_call(&book(), Used::Nothing, &CallRecord::parse(&unanswered).unwrap(), DistanceClass::Local).unwrap();
    assert_eq!(rated.charge, None);
    assert_eq!(rated.usage_month.to_string(), "2025-12");
}

#[test]
fn an_answered_leg_before_the_first_version_is_unrated_and_the_next_second_is_not() {
    let early = answered_leg("e", 1, "2025-12-31T16:00:06Z", 5_000);
    let refused = rate_call(&book(), Used::Nothing, &early, DistanceClass::Local).unwrap_err();
    assert_eq!(refused.reason(), "BeforeFirstVersion");
    let first = answered_leg("e", 1, "2025-12-31T16:00:07Z", 5_000);
    assert_eq!(
        rate_call(&book(), Used::Nothing, &first, DistanceClass::Local).unwrap().usage_month.to_string(),
        "2026-01"
    );
}

#[test]
fn a_call_across_a_change_is_charged_by_the_version_of_its_start() {
    let record = answered_leg("m", 1, "2026-12-01T00:00:05+08:00", 61_000);
    let charge = charge(&book(), &record, DistanceClass::LongDistance).unwrap();
    assert_eq!((charge.amount.to_string().as_str(), charge.usage_month.to_string().as_str()), ("1.20", "2026-11"));
}

/// Leg 0 at 23:59:58 of the old version, its attempt at 00:00:01 of the new one, which charges from another answer.
#[test]
fn a_call_across_a_change_of_charge_from_is_charged_by_one_of_the_two_as_far_as_its_records_know() {
    let at = |text: &str| Some(format!("2026-{text}+08:00"));
    let leg = |leg: i64, started: &str, welcomed: Option<String>| NeutralRecord {
        started_at: at(started).unwrap(),
        platform_answered_at: welcomed,
        answered_at: at("12-01T00:00:03"),
        ended_at: at("12-01T00:01:03").unwrap(),
        ..neutral("x", leg)
    };
    let charged = |record: &NeutralRecord| {
        charge(&book(), &CallRecord::parse(record).unwrap(), DistanceClass::Local).map(|it| it.amount.to_string())
    };
    let welcomed = at("11-30T23:59:59");
    // November charges from the destination's answer: the attempt, by November's price.
    assert_eq!(charged(&leg(0, "11-30T23:59:58", welcomed.clone())), None);
    assert_eq!(charged(&leg(1, "12-01T00:00:01", welcomed)).as_deref(), Some("0.10"));
    // A switch that does not tell of the platform's answer leaves each leg to its own start.
    assert_eq!(charged(&leg(1, "12-01T00:00:01", None)), None);
}

fn december(leg: i64, platform_answered_at: Option<&str>, answered_at: Option<&str>) -> CallRecord {
    CallRecord::parse(&NeutralRecord {
        started_at: "2026-12-02T09:00:00+08:00".to_owned(),
        platform_answered_at: platform_answered_at.map(str::to_owned),
        answered_at: answered_at.map(str::to_owned),
        ended_at: "2026-12-02T09:01:00+08:00".to_owned(),
        outcome: if answered_at.is_some() { Outcome::Answered } else { Outcome::Abandoned },
        ..neutral("p", leg)
    })
    .unwrap()
}

#[test]
fn from_the_platforms_answer_only_the_callers_leg_is_charged() {
    let record = december(0, Some("2026-12-02T09:00:10+08:00"), None);
    let charge = charge(&book(), &record, DistanceClass::Local).unwrap();
    let Line::Voice { distance, quantity, .. } = &charge.line else { panic!("{:?}", charge.line) };
    assert_eq!((*distance, quantity.milliseconds, quantity.seconds), (DistanceClass::Unknown, 50_000, 54));
    assert_eq!(charge.amount.to_string(), "0.297");
    let attempt = december(2, Some("2026-12-02T09:00:10+08:00"), Some("2026-12-02T09:00:30+08:00"));
    assert_eq!(super::tests::charge(&book(), &attempt, DistanceClass::Local), None);
}

#[test]
fn an_answered_callers_leg_without_the_platforms_answer_is_unrated() {
    let record = december(0, None, Some("2026-12-02T09:00:30+08:00"));
    let refused = rate_call(&book(), Used::Nothing, &record, DistanceClass::Unknown).unwrap_err();
    assert_eq!(refused, Unrated::PlatformAnswerMissing);
}

#[test]
fn minutes_of_every_class_fill_the_package() {
    let book = book();
    let version = book.version_at(instant("2026-11-01T00:00:00+08:00")).unwrap();
    let terms = MonthPackage { package: version.package("m300").unwrap(), version };
    for (used_seconds, distance, amount) in [
        (0, DistanceClass::LongDistance, "0.00"),
        (29_820, DistanceClass::Unknown, "0.00"),
        (29_880, DistanceClass::Local, "0.12"),
        (30_000, DistanceClass::LongDistance, "0.36"),
        (90_000, DistanceClass::Local, "0.36"),
    ] {
        let record = CallRecord::parse(&neutral("k", 1)).unwrap();
        let package = Some(PackageUse { terms, used_seconds, carried_seconds: 0 });
        let charge = rate_call(&book, package.into(), &record, distance).unwrap().charge.unwrap();
        assert_eq!((charge.amount.to_string().as_str(), charge.seconds()), (amount, 180), "{used_seconds}");
    }
}

#[test]
fn a_change_of_tariff_keeps_the_months_package_and_brings_its_increments_at_once() {
    let (book, by_seconds) = (book(), flat_book("7.77", 1, 1, "Up"));
    let version = book.version_at(instant("2026-11-01T00:00:00+08:00")).unwrap();
    let terms = MonthPackage { package: version.package("m300").unwrap(), version };
    let record = answered_leg("t", 1, "2026-11-20T10:00:00+08:00", 24_001);
    let package = Some(PackageUse { terms, used_seconds: 30_000, carried_seconds: 0 });
    let charge = rate_call(&by_seconds, package.into(), &record, DistanceClass::Local).unwrap().charge.unwrap();
    assert_eq!((charge.seconds(), charge.amount.to_string().as_str()), (25, "0.05"));
    assert_eq!((charge.price, charge.rounding), (version.source(), Rounding::HalfUp));
}

#[test]
fn another_offset_gives_the_same_charge() {
    let (local, zulu) = (
        answered_leg("z", 1, "2026-11-30T23:59:59.500+08:00", 75_000),
        answered_leg("z", 1, "2026-11-30T15:59:59.500Z", 75_000),
    );
    assert_eq!(local.content_hash(), zulu.content_hash());
    assert_eq!(charge(&book(), &local, DistanceClass::Local), charge(&book(), &zulu, DistanceClass::Local));
}
