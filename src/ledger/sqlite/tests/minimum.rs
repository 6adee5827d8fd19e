use proptest::prelude::*;
use serde_json::json;

use super::bench::{Bench, LegOf, NUMBER, at, binding, part, prices_with};
use crate::domain::rating::MicroYuan;
use crate::domain::routing::document::Prices;
use crate::ledger::{Accrued, Ledger as _, Usage};

const OVER: &str = "2026-12-01T00:00:00+08:00";

fn asking(exempt: bool) -> Prices {
    prices_with("0.60", |book| {
        book["versions"][0]["minimumMonthly"] = json!({"counts": ["Voice", "Functions"], "openingMonthExempt": exempt});
    })
}

/// A number whose grade asks 40 yuan a month, with a function of 10, held since 1 November.
async fn graded(exempt: bool) -> Bench {
    let bench = Bench::new();
    let prices = asking(exempt);
    bench.ledger().keep_price_book(prices.clone(), at("2026-11-01T00:00:00+08:00")).await.unwrap();
    let mut entry = binding(NUMBER, "acme", &prices);
    entry.functions = vec!["Schedule".to_owned()];
    entry.minimum_monthly = Some("40.00".to_owned());
    bench.ledger().apply_bindings(part("", vec![entry]), at("2026-11-01T00:00:00+08:00")).await.unwrap();
    bench
}

async fn usage(bench: &Bench, month: &str) -> Usage {
    bench.ledger().usage_of(NUMBER.parse().unwrap(), month.parse().unwrap()).await.unwrap().remove(0)
}

async fn booked(bench: &Bench, call: &str, seconds: i64, received: &str) {
    bench.ledger().book(vec![LegOf::call(call, seconds).received()], at(received)).await.unwrap();
}

async fn voice(bench: &Bench) -> String {
    usage(bench, "2026-11").await.charges.voice.to_string()
}

#[tokio::test]
async fn a_month_that_is_over_is_topped_up_and_a_later_call_takes_back_what_it_fills() {
    let mut bench = graded(false).await;
    booked(&bench, "in-time", 600, "2026-11-23T12:00:00+08:00").await;
    assert_eq!(voice(&bench).await, "6.00");
    assert_eq!(bench.ledger().accrue(at("2026-11-30T23:59:59.999+08:00")).await.unwrap(), Accrued::default());
    // The function's December, and November's 40 less 10 less 6.
    assert_eq!(bench.ledger().accrue(at(OVER)).await.unwrap(), Accrued { fees: 2, ..Accrued::default() });
    assert_eq!(voice(&bench).await, "30.00");
    bench.reopen();
    assert_eq!(bench.ledger().accrue(at("2026-12-02T00:00:00+08:00")).await.unwrap(), Accrued::default());
    booked(&bench, "late", 600, "2026-12-02T09:00:00+08:00").await;
    assert_eq!(voice(&bench).await, "30.00");
    bench.reopen();
    booked(&bench, "later", 3_000, "2026-12-02T10:00:00+08:00").await;
    assert_eq!(voice(&bench).await, "42.00", "nothing is left of what was topped up");
    assert_eq!(usage(&bench, "2026-11").await.charges.total.to_string(), "252.00");
}

#[tokio::test]
async fn the_opening_month_may_be_exempt_and_that_of_the_release_is_not() {
    let bench = graded(true).await;
    bench.ledger().accrue(at(OVER)).await.unwrap();
    assert_eq!(voice(&bench).await, "0.00");
    bench.ledger().apply_bindings(part("", Vec::new()), at("2026-12-03T09:00:00+08:00")).await.unwrap();
    for day in ["2026-12-31", "2027-01-01", "2027-02-01"] {
        bench.ledger().accrue(at(&format!("{day}T10:00:00+08:00"))).await.unwrap();
    }
    assert_eq!(usage(&bench, "2026-12").await.charges.voice.to_string(), "30.00");
    assert!(bench.ledger().usage_of(NUMBER.parse().unwrap(), "2027-01".parse().unwrap()).await.unwrap().is_empty());
}

/// Asked when the month was over by the tariff of today, and not yet by that of the month's beginning.
#[tokio::test]
async fn a_month_is_topped_up_whatever_zones_its_tariffs_have() {
    let bench = Bench::new();
    let of = |zone: &'static str| {
        prices_with("0.60", move |book| {
            book["timeZone"] = json!(zone);
            book["versions"][0]["minimumMonthly"] = json!({"counts": ["Voice"]});
        })
    };
    let (tokyo, shanghai) = (of("Asia/Tokyo"), of("Asia/Shanghai"));
    for prices in [&tokyo, &shanghai] {
        bench.ledger().keep_price_book(prices.clone(), at("2026-10-05T00:00:00Z")).await.unwrap();
    }
    for (prices, from) in
        [(&tokyo, "2026-10-05T00:00:00Z"), (&shanghai, "2026-10-20T00:00:00Z"), (&tokyo, "2026-11-20T00:00:00Z")]
    {
        let mut entry = binding(NUMBER, "acme", prices);
        entry.minimum_monthly = Some("40.00".to_owned());
        entry.since = at("2026-10-05T00:00:00Z");
        bench.ledger().apply_bindings(part("", vec![entry]), at(from)).await.unwrap();
    }
    bench.ledger().accrue(at("2026-11-30T15:30:00Z")).await.unwrap();
    assert!(bench.ledger().usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap().is_empty());
    bench.ledger().accrue(at("2026-12-02T00:00:00Z")).await.unwrap();
    assert_eq!(voice(&bench).await, "40.00");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_month_comes_to_its_minimum_or_more_however_its_calls_come(
        calls in prop::collection::vec((0_i64..1_500, any::<bool>()), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (minutes, total) = runtime.block_on(async {
            let bench = graded(false).await;
            for (index, (seconds, _)) in calls.iter().enumerate().filter(|(_, (_, late))| !late) {
                booked(&bench, &format!("call-{index}"), *seconds, "2026-11-23T12:00:00+08:00").await;
            }
            bench.ledger().accrue(at(OVER)).await.unwrap();
            for (index, (seconds, _)) in calls.iter().enumerate().filter(|(_, (_, late))| *late) {
                booked(&bench, &format!("call-{index}"), *seconds, "2026-12-05T12:00:00+08:00").await;
            }
            let usage = usage(&bench, "2026-11").await;
            (i64::try_from(usage.charged_seconds).unwrap() / 60, usage.charges.total)
        });
        prop_assert_eq!(minutes, calls.iter().map(|(seconds, _)| (seconds + 59) / 60).sum::<i64>());
        let spent = (10_000_000 + minutes * 600_000).max(40_000_000);
        prop_assert_eq!(total, MicroYuan::from_micros(200_000_000 + spent));
    }
}
