//! Rating against a naive model: fractions kept exact, increments counted one by one, months summed before rounding.

use proptest::prelude::*;

use super::book::{Package, PriceBook};
use super::charge::DistanceClass;
use super::fixtures::{answered_leg, document, flat_book};
use super::fraction::Fraction;
use super::money::MicroYuan;
use super::rate::{MonthPackage, PackageUse, rate_call};

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
        let package = Some(PackageUse { terms: terms(book), used_seconds });
        let rated = rate_call(book, package, &record, DistanceClass::Local).unwrap();
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
        let charge = rate_call(&book, None, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let seconds = counted_seconds(milliseconds, first.into(), next.into());
        prop_assert_eq!(charge.seconds(), u64::try_from(seconds).unwrap());
        let exact = Fraction { over: i128::from(seconds) * i128::from(micros), under: 60 };
        prop_assert_eq!(i128::from(charge.amount.micros()), exact.rounded(mode));
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
        name: "m300".to_owned(),
        monthly: "300.00".parse().unwrap(),
        minutes: 500,
        then_per_minute: "0.12".parse().unwrap(),
    };
    let voice = super::rate::cumulative_price(&package, 313_200, super::Rounding::HalfUp).unwrap();
    assert_eq!(voice.checked_add(package.monthly).unwrap().to_string(), "866.40");
}
