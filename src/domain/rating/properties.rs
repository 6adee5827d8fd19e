//! Rating against a naive model: fractions kept exact, increments counted one by one, months summed before rounding.

use proptest::prelude::*;

use super::book::{Package, PriceBook};
use super::charge::DistanceClass;
use super::fixtures::{answered_leg, document, flat_book, instant};
use super::fraction::Fraction;
use super::money::MicroYuan;
use super::rate::{MonthPackage, PackageUse, Used, meter, rate_call};

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn counted_seconds(milliseconds: i64, first: i64, next: i64) -> i64 {
    if milliseconds == 0 {
        return 0;
    }
    let mut seconds = first;
    while seconds * 1000 < milliseconds {
        seconds += next;
    }
    seconds
}

fn package_book(then_per_minute: MicroYuan, minutes: u32, next: u32) -> PriceBook {
    PriceBook::new(&document(&format!(
        r#"
versions:
- effectiveFrom: "2026-01-01"
  rounding: HalfEven
  voice:
    increments: {{firstSeconds: 7, nextSeconds: {next}}}
    rates: [{{name: every, perMinute: {{enterprise: "9.99"}}}}]
  packages: [{{name: small, monthly: "12.00", minutes: {minutes}, thenPerMinute: "{then_per_minute}"}}]
"#
    )))
    .unwrap()
}

fn terms(book: &PriceBook) -> MonthPackage<'_> {
    let version = book.versions().first().unwrap();
    MonthPackage { package: version.package("small").unwrap(), version }
}

/// Rates calls one after another; the sum of their amounts and of their seconds.
fn month_in_order(book: &PriceBook, calls: &[i64]) -> (i128, u64) {
    let (mut amount, mut used_seconds) = (0, 0);
    for (at, milliseconds) in calls.iter().enumerate() {
        let record = answered_leg(&format!("call-{at}"), 1, "2026-11-10T10:00:00+08:00", *milliseconds);
        let package = Some(PackageUse { terms: terms(book), used_seconds, carried_seconds: 0 });
        let rated = rate_call(book, package.into(), &record, DistanceClass::Local).unwrap();
        used_seconds += rated.seconds();
        amount += i128::from(rated.charge.unwrap().amount.micros());
    }
    (amount, used_seconds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_call_costs_what_the_naive_model_says(
        micros in 0_i64..3_000_000,
        milliseconds in 0_i64..400_000,
        (first, next) in prop_oneof![Just((60, 60)), Just((1, 1)), Just((6, 6)), Just((30, 6)), (1_u32..90, 1_u32..90)],
        mode in prop_oneof![Just("HalfUp"), Just("HalfEven"), Just("Up")],
    ) {
        let book = flat_book(&MicroYuan::from_micros(micros).to_string(), first, next, mode);
        let record = answered_leg("c", 1, "2026-11-10T10:00:00+08:00", milliseconds);
        let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let seconds = counted_seconds(milliseconds, first.into(), next.into());
        prop_assert_eq!(charge.seconds(), u64::try_from(seconds).unwrap());
        let exact = Fraction { over: i128::from(seconds) * i128::from(micros), under: 60 };
        prop_assert_eq!(i128::from(charge.amount.micros()), exact.rounded(mode));
    }

    #[test]
    fn free_seconds_come_off_first_and_the_least_charge_counts_last(
        micros in 0_i64..3_000_000,
        milliseconds in 0_i64..400_000,
        (first, next) in (1_u32..90, 1_u32..90),
        free in 0_i64..120,
        least in 0_i64..5_000_000,
        mode in prop_oneof![Just("HalfUp"), Just("HalfEven"), Just("Up")],
    ) {
        let [price, minimum] = [micros, least].map(|micros| MicroYuan::from_micros(micros).to_string());
        let book = PriceBook::new(&document(&format!(
            r#"
versions:
- effectiveFrom: "2026-01-01"
  rounding: {mode}
  voice:
    increments: {{firstSeconds: {first}, nextSeconds: {next}}}
    rates: [{{name: every, freeSeconds: {free}, minimumCharge: "{minimum}", perMinute: {{enterprise: "{price}"}}}}]
"#
        )))
        .unwrap();
        let record = answered_leg("c", 1, "2026-11-10T10:00:00+08:00", milliseconds);
        let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let seconds = counted_seconds((milliseconds - free * 1000).max(0), first.into(), next.into());
        prop_assert_eq!(charge.seconds(), u64::try_from(seconds).unwrap());
        let price = Fraction { over: i128::from(seconds) * i128::from(micros), under: 60 }.rounded(mode);
        let expected = if seconds == 0 { 0 } else { price.max(least.into()) };
        prop_assert_eq!(i128::from(charge.amount.micros()), expected);
        prop_assert_eq!(charge.recompute(&book), Some(charge.amount));
    }

    #[test]
    fn hours_of_a_week_hold_on_the_day_on_which_they_begin(
        ranges in prop::collection::vec((0_usize..7, 0_i64..1_440, 1_i64..=1_440), 1..4),
        minute in 0_i64..7 * 1_440,
    ) {
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let written: Vec<String> = ranges
            .iter()
            .map(|(day, from, to)| format!("{{days: [{}], from: \"{}\", to: \"{}\"}}", DAYS[*day], clock(*from), clock(*to)))
            .collect();
        let yaml = format!(
            "versions: [{{effectiveFrom: \"2026-01-01\", voice: {{rates: [{{name: within, when: {{timeOfDay: [{}]}}, \
             perMinute: {{enterprise: \"1\"}}}}, {{name: outside, perMinute: {{enterprise: \"2\"}}}}]}}}}]",
            written.join(", ")
        );
        // A range of no length, and two that are one, are refused.
        let Ok(book) = PriceBook::new(&document(&yaml)) else { return Err(TestCaseError::reject("refused")) };
        let holds = |(day, from, to): &(usize, i64, i64)| {
            let begins = i64::try_from(*day).unwrap() * 1_440 + from;
            let length = if to > from { to - from } else { to + 1_440 - from };
            (minute - begins).rem_euclid(7 * 1_440) < length
        };
        let expected = if ranges.iter().any(holds) { "1.00" } else { "2.00" };
        // A Monday; the leg begins seven seconds before its answer.
        let begins = instant("2026-11-09T00:00:07+08:00") + jiff::SignedDuration::from_mins(minute);
        let record = answered_leg("c", 1, &begins.to_string(), 60_000);
        let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        prop_assert_eq!(charge.amount.to_string(), expected);
    }

    #[test]
    fn discounts_by_volume_come_out_alike_in_any_order(
        micros in 0_i64..1_000_000,
        steps in prop::collection::btree_map(0_i64..40, 0_u16..=10_000, 1..4),
        calls in prop::collection::vec(0_i64..400_000, 1..12),
        shuffled_by in any::<prop::sample::Index>(),
    ) {
        let written: Vec<String> = steps
            .iter()
            .map(|(minutes, off)| format!("{{aboveMinutes: {minutes}, percentOff: \"{}.{:02}\"}}", off / 100, off % 100))
            .collect();
        let book = PriceBook::new(&document(&format!(
            "versions: [{{effectiveFrom: \"2026-01-01\", rounding: HalfEven, voice: {{increments: {{firstSeconds: 7, \
             nextSeconds: 6}}, rates: [{{name: every, volumeSteps: [{}], perMinute: {{enterprise: \"{}\"}}}}]}}}}]",
            written.join(", "),
            MicroYuan::from_micros(micros)
        )))
        .unwrap();
        let month = |calls: &[i64]| {
            let (mut amount, mut used) = (0, 0);
            for (at, milliseconds) in calls.iter().enumerate() {
                let record = answered_leg(&format!("call-{at}"), 1, "2026-11-10T10:00:00+08:00", *milliseconds);
                assert!(meter(&book, &record, DistanceClass::Local).unwrap().is_some());
                let rated = rate_call(&book, Used::Metered(used), &record, DistanceClass::Local).unwrap();
                used += rated.seconds();
                let charge = rated.charge.unwrap();
                assert_eq!(charge.recompute(&book), Some(charge.amount));
                amount += i128::from(charge.amount.micros());
            }
            (amount, i64::try_from(used).unwrap())
        };
        let in_order = month(&calls);
        let mut other_order = calls.clone();
        other_order.reverse();
        other_order.rotate_left(shuffled_by.index(calls.len()));
        prop_assert_eq!(month(&other_order), in_order);

        // Second for second: the last step that it lies beyond.
        let seconds: i64 = calls.iter().map(|call| counted_seconds(*call, 7, 6)).sum();
        let off = |second: i64| steps.iter().rev().find(|(minutes, _)| second >= **minutes * 60).map_or(0, |(_, off)| *off);
        let parts: i128 = (0..seconds).map(|second| i128::from(10_000 - off(second))).sum();
        let whole = Fraction { over: parts * i128::from(micros), under: 600_000 }.rounded("HalfEven");
        prop_assert_eq!(in_order, (whole, seconds));
    }

    #[test]
    fn the_order_of_calls_cannot_change_a_months_total(
        micros in 0_i64..1_000_000,
        minutes in 0_u32..30,
        next in 1_u32..70,
        calls in prop::collection::vec(0_i64..400_000, 1..12),
        shuffled_by in any::<prop::sample::Index>(),
    ) {
        let book = package_book(MicroYuan::from_micros(micros), minutes, next);
        let in_order = month_in_order(&book, &calls);
        let mut other_order = calls.clone();
        other_order.reverse();
        other_order.rotate_left(shuffled_by.index(calls.len()));
        prop_assert_eq!(month_in_order(&book, &other_order), in_order);

        let seconds: i64 = calls.iter().map(|call| counted_seconds(*call, 7, next.into())).sum();
        let beyond = i128::from((seconds - i64::from(minutes) * 60).max(0));
        let whole = Fraction { over: beyond * i128::from(micros), under: 60 }.rounded("HalfEven");
        prop_assert_eq!(in_order, (whole, u64::try_from(seconds).unwrap()));
    }
}

#[test]
fn the_contracts_month_of_5220_minutes_costs_866_40() {
    let package = Package {
        name: "m300".into(),
        monthly: "300.00".parse().unwrap(),
        minutes: 500,
        then_per_minute: "0.12".parse().unwrap(),
        rolls_over: false,
    };
    let voice = super::rate::cumulative_price(&package, 0, 313_200, super::Rounding::HalfUp).unwrap();
    assert_eq!(voice.checked_add(package.monthly).unwrap().to_string(), "866.40");
}
