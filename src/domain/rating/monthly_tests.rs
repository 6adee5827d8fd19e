use proptest::prelude::*;

use super::super::fixtures::{TARIFF, book, document, instant};
use super::*;

fn holder() -> Holder<'static> {
    Holder { number: "4001000868".parse().unwrap(), tenant: "acme" }
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn functions(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn span<'a>(
    book: &'a PriceBook,
    (from, until): (&str, Option<&str>),
    package: Option<&'a str>,
    functions: &'a [String],
) -> Span<'a> {
    Span { from: instant(from), until: until.map(instant), book, package, functions, minimum: None }
}

fn lines(monthly: &Monthly) -> Vec<String> {
    monthly.fees.iter().map(|fee| format!("{} {}", fee.charge.key, fee.charge.amount)).collect()
}

fn sum(monthly: &Monthly) -> String {
    MicroYuan::checked_sum(monthly.fees.iter().map(|fee| fee.charge.amount)).unwrap().to_string()
}

const LATER: &str = "2027-03-01T00:00:00+08:00";

#[test]
fn fees_fall_due_at_the_months_first_instant_in_the_tariffs_zone() {
    let (book, held) = (book(), functions(&["Schedule"]));
    let spans = [span(&book, ("2026-09-04T10:00:00+08:00", None), Some("m800"), &held)];
    let due = |now: &str| lines(&monthly_charges(holder(), &spans, month("2026-11"), instant(now)));
    assert!(due("2026-10-31T15:59:59.999Z").is_empty());
    let expected = ["package/4001000868/2026-11/acme/m800 800.00", "function/4001000868/2026-11/acme/Schedule 10.00"];
    assert_eq!(due("2026-10-31T16:00:00Z"), expected);
    assert_eq!(due(LATER), expected);
}

#[test]
fn the_first_month_owes_its_package_in_full_from_the_first_binding() {
    let book = book();
    let spans = [span(&book, ("2026-11-20T10:00:00+08:00", None), Some("m300"), &[])];
    let due = |now: &str| lines(&monthly_charges(holder(), &spans, month("2026-11"), instant(now)));
    assert!(due("2026-11-20T09:59:59+08:00").is_empty());
    assert_eq!(due("2026-11-20T10:00:00+08:00"), ["package/4001000868/2026-11/acme/m300 300.00"]);
    assert!(lines(&monthly_charges(holder(), &spans, month("2026-10"), instant(LATER))).is_empty());
}

#[test]
fn a_package_change_takes_effect_next_month() {
    let book = book();
    let spans = [
        span(&book, ("2026-02-01T00:00:00+08:00", Some("2026-03-10T12:00:00+08:00")), Some("m300"), &[]),
        span(&book, ("2026-03-10T12:00:00+08:00", None), Some("m800"), &[]),
    ];
    let name = |text: &str| package_of_month(&spans, month(text)).unwrap().map(|terms| terms.package.name.clone());
    assert_eq!(name("2026-01"), None);
    assert_eq!(name("2026-03").as_deref(), Some("m300"));
    assert_eq!(name("2026-04").as_deref(), Some("m800"));
    let march = monthly_charges(holder(), &spans, month("2026-03"), instant(LATER));
    assert_eq!(lines(&march), ["package/4001000868/2026-03/acme/m300 300.00"]);
}

#[test]
fn a_months_fees_are_those_of_the_version_of_its_first_instant() {
    let moved = TARIFF.replace("2026-12-01", "2026-12-02");
    let (book, held) = (PriceBook::new(&document(&moved)).unwrap(), functions(&["Recording"]));
    let spans = [span(&book, ("2026-12-15T00:00:00+08:00", None), Some("m300"), &held)];
    assert_eq!(sum(&monthly_charges(holder(), &spans, month("2026-12"), instant(LATER))), "316.446129");
    assert_eq!(sum(&monthly_charges(holder(), &spans, month("2027-01"), instant(LATER))), "341.00");
}

#[test]
fn in_the_month_a_book_begins_its_first_version_counts() {
    let late = TARIFF.replace("2026-01-01", "2026-01-10");
    let book = PriceBook::new(&document(&late)).unwrap();
    let after = [span(&book, ("2026-01-12T00:00:00+08:00", None), Some("m300"), &[])];
    assert_eq!(sum(&monthly_charges(holder(), &after, month("2026-01"), instant(LATER))), "300.00");
}

#[test]
fn a_number_held_before_the_first_prices_pays_by_them_from_the_day_they_begin() {
    let late = TARIFF.replace("2026-01-01", "2026-01-10");
    let (book, held) = (PriceBook::new(&document(&late)).unwrap(), functions(&["Recording", "Screening"]));
    let spans = [span(&book, ("2026-01-05T00:00:00+08:00", None), Some("m300"), &held)];
    let january = |now: &str| monthly_charges(holder(), &spans, month("2026-01"), instant(now));
    assert_eq!(january("2026-01-09T23:59:59+08:00"), Monthly::default(), "prices that may still be edited");
    let expected = [
        "package/4001000868/2026-01/acme/m300 300.00",
        "function/4001000868/2026-01-10/acme/Recording 0.967419",
        "function/4001000868/2026-01/acme/Screening 5.00",
    ];
    assert_eq!(lines(&january("2026-01-10T00:00:00+08:00")), expected);
    let package = package_of_month(&spans, month("2026-01")).unwrap().unwrap();
    assert_eq!((package.package.name.as_ref(), package.version.effective_from().day()), ("m300", 10));
    let refused =
        package_of_month(&[Span { from: instant("2025-12-05T00:00:00+08:00"), ..spans[0] }], month("2025-12"));
    assert_eq!(refused.unwrap_err().reason(), "BeforeFirstVersion");
}

#[test]
fn what_was_given_back_before_the_first_prices_costs_nothing() {
    let book = PriceBook::new(&document(&TARIFF.replace("2026-01-01", "2026-01-10"))).unwrap();
    let held = functions(&["Recording", "Screening"]);
    let spans = [span(&book, ("2026-01-05T00:00:00+08:00", Some("2026-01-09T00:00:00+08:00")), None, &held)];
    assert_eq!(monthly_charges(holder(), &spans, month("2026-01"), instant(LATER)), Monthly::default());
}

#[test]
fn a_number_that_changes_hands_within_a_month_owes_its_fees_twice() {
    let (book, held) = (book(), functions(&["Schedule"]));
    let first = [span(&book, ("2026-06-01T00:00:00+08:00", Some("2026-06-10T00:00:00+08:00")), Some("m300"), &held)];
    let second = [span(&book, ("2026-06-12T00:00:00+08:00", None), Some("m300"), &held)];
    let other = Holder { tenant: "borealis", ..holder() };
    let mut keys = lines(&monthly_charges(holder(), &first, month("2026-06"), instant(LATER)));
    keys.extend(lines(&monthly_charges(other, &second, month("2026-06"), instant(LATER))));
    let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (4, 4), "{keys:?}");
}

#[test]
fn a_fee_names_the_span_that_made_it_due() {
    let (book, with, without) = (book(), functions(&["Screening", "Recording"]), functions(&[]));
    let spans = [
        span(&book, ("2026-06-03T00:00:00+08:00", Some("2026-06-05T00:00:00+08:00")), Some("m300"), &without),
        span(&book, ("2026-06-05T00:00:00+08:00", Some("2026-06-05T09:00:00+08:00")), Some("m300"), &with),
        span(&book, ("2026-06-05T09:00:00+08:00", Some("2026-06-07T00:00:00+08:00")), None, &with),
    ];
    let june = monthly_charges(holder(), &spans, month("2026-06"), instant(LATER));
    let made_due: Vec<usize> = june.fees.iter().map(|fee| fee.span).collect();
    assert_eq!(made_due, [0, 1, 2, 1], "the package, two days of Recording, Screening");
}

#[test]
fn a_full_function_is_due_once_however_often_toggled() {
    let (book, with, without) = (book(), functions(&["Screening"]), functions(&[]));
    let spans = [
        span(&book, ("2026-05-01T00:00:00+08:00", Some("2026-05-02T10:00:00+08:00")), None, &without),
        span(&book, ("2026-05-02T10:00:00+08:00", Some("2026-05-02T11:00:00+08:00")), None, &with),
        span(&book, ("2026-05-02T11:00:00+08:00", Some("2026-05-20T00:00:00+08:00")), None, &without),
        span(&book, ("2026-05-20T00:00:00+08:00", None), None, &with),
    ];
    let may = monthly_charges(holder(), &spans, month("2026-05"), instant(LATER));
    assert_eq!(lines(&may), ["function/4001000868/2026-05/acme/Screening 5.00"]);
}

#[test]
fn a_daily_function_counts_both_end_days_and_a_day_once() {
    let (book, with, without) = (book(), functions(&["Recording"]), functions(&[]));
    let spans = [
        span(&book, ("2026-06-03T23:59:59+08:00", Some("2026-06-05T00:00:01+08:00")), None, &with),
        span(&book, ("2026-06-05T00:00:01+08:00", Some("2026-06-05T09:00:00+08:00")), None, &without),
        span(&book, ("2026-06-05T09:00:00+08:00", Some("2026-06-07T00:00:00+08:00")), None, &with),
    ];
    let june = monthly_charges(holder(), &spans, month("2026-06"), instant(LATER));
    let expected = [
        "function/4001000868/2026-06-03/acme/Recording 0.999667",
        "function/4001000868/2026-06-04/acme/Recording 0.999666",
        "function/4001000868/2026-06-05/acme/Recording 0.999667",
        "function/4001000868/2026-06-06/acme/Recording 0.999667",
    ];
    assert_eq!(lines(&june), expected);
    assert_eq!(sum(&june), "3.998667");
}

#[test]
fn a_month_has_its_own_days_also_where_the_number_moved_to_another_zones_tariff() {
    let tokyo = PriceBook::new(&document(&TARIFF.replace("Asia/Shanghai", "Asia/Tokyo"))).unwrap();
    let (shanghai, held) = (book(), functions(&["Recording"]));
    let spans = [
        span(&tokyo, ("2026-11-01T00:00:00+09:00", Some("2026-11-15T00:00:00+09:00")), None, &held),
        span(&shanghai, ("2026-11-15T00:00:00+09:00", None), None, &held),
    ];
    let november = monthly_charges(holder(), &spans, month("2026-11"), instant(LATER));
    assert_eq!((november.fees.len(), sum(&november).as_str()), (30, "29.99"));
}

#[test]
fn what_the_catalogue_does_not_list_is_told() {
    let (book, held) = (book(), functions(&["MissedCallSms"]));
    let spans = [span(&book, ("2026-05-01T00:00:00+08:00", None), Some("m1"), &held)];
    let may = monthly_charges(holder(), &spans, month("2026-05"), instant(LATER));
    assert_eq!(may.fees, []);
    assert_eq!(
        may.unpriced,
        [
            Unpriced::Package { month: month("2026-05"), name: "m1".to_owned() },
            Unpriced::Function { month: month("2026-05"), name: "MissedCallSms".to_owned() }
        ]
    );
}

#[test]
fn the_setup_fee_is_keyed_by_number_and_tenant() {
    let charge = setup_charge(holder(), &book(), instant("2026-12-01T00:00:00+08:00")).unwrap();
    assert_eq!(
        (charge.key.to_string().as_str(), charge.amount.to_string().as_str()),
        ("setup/4001000868/acme", "180.00")
    );
    assert_eq!((charge.class, charge.usage_month), (FeeClass::Setup, month("2026-12")));
    assert_eq!(setup_charge(holder(), &book(), instant("2025-12-31T00:00:00+08:00")), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Toggling at any hours: lines of an earlier question are among those of a later one, and what n days cost is
    /// the fee times n by the days of the month, rounded once.
    #[test]
    fn asking_earlier_never_contradicts_asking_later(
        hours in prop::collection::btree_set(0_i64..28 * 24, 2..8),
        asked_after_hours in 0_i64..28 * 24,
    ) {
        let (book, held) = (book(), functions(&["Recording"]));
        let start = instant("2026-02-01T00:00:00+08:00");
        let at = |hour: i64| start + jiff::SignedDuration::from_hours(hour);
        let toggles: Vec<i64> = hours.into_iter().collect();
        let spans: Vec<Span<'_>> = toggles.chunks_exact(2).map(|pair| Span {
            from: at(pair[0]), until: Some(at(pair[1])), book: &book, package: None, functions: &held, minimum: None,
        }).collect();
        let whole = monthly_charges(holder(), &spans, month("2026-02"), instant(LATER));
        let early = monthly_charges(holder(), &spans, month("2026-02"), at(asked_after_hours));
        prop_assert!(whole.fees.starts_with(&early.fees));

        let held_on = |day: i64| toggles.chunks_exact(2).any(|pair| pair[0] < (day + 1) * 24 && pair[1] > day * 24);
        let days = (0..28).filter(|day| held_on(*day)).count();
        prop_assert_eq!(whole.fees.len(), days);
        // 29.99 × n ÷ 28 has no half between two millionths, so adding one half before dividing rounds it.
        let expected = (29_990_000 * i64::try_from(days).unwrap() * 2 + 28) / 56;
        prop_assert_eq!(sum(&whole), MicroYuan::from_micros(expected).to_string());
    }
}
