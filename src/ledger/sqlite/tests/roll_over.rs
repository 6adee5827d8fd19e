use proptest::prelude::*;
use serde_json::json;

use super::bench::{Bench, LegOf, NUMBER, at, binding, part, prices_with};
use crate::domain::rating::MicroYuan;
use crate::ledger::{Ledger as _, Usage};

const MONTHS: [&str; 3] = ["2026-11", "2026-12", "2027-01"];

/// A number with 10 minutes a month for 5 yuan, 0.12 a further minute, of which the next month has what is left.
async fn rolling() -> Bench {
    let bench = Bench::new();
    let prices = prices_with("0.60", |book| book["versions"][0]["packages"][0]["rollOver"] = json!("NextMonth"));
    let begin = at("2026-11-01T00:00:00+08:00");
    bench.ledger().keep_price_book(prices.clone(), begin).await.unwrap();
    let mut entry = binding(NUMBER, "acme", &prices);
    entry.package = Some("m10".to_owned());
    bench.ledger().apply_bindings(part("", vec![entry]), begin).await.unwrap();
    bench
}

async fn booked(bench: &Bench, call: &str, month: &str, minutes: i64) {
    let started_at = at(&format!("{month}-10T10:00:00+08:00"));
    let leg = LegOf { started_at, ..LegOf::call(call, minutes * 60) };
    bench.ledger().book(vec![leg.received()], at("2027-01-20T00:00:00+08:00")).await.unwrap();
}

async fn usage(bench: &Bench, month: &str) -> Option<Usage> {
    bench.ledger().usage_of(NUMBER.parse().unwrap(), month.parse().unwrap()).await.unwrap().pop()
}

/// Beside the package's own fee, which is due in time.
async fn calls_of(bench: &Bench, month: &str) -> String {
    let charges = usage(bench, month).await.unwrap().charges;
    let fee = if month == "2026-11" { MicroYuan::from_micros(5_000_000) } else { MicroYuan::ZERO };
    charges.voice.checked_sub(fee).unwrap().to_string()
}

#[tokio::test]
async fn what_a_month_leaves_the_next_one_has_until_a_late_call_takes_it() {
    let mut bench = rolling().await;
    booked(&bench, "november", "2026-11", 4).await;
    booked(&bench, "december", "2026-12", 18).await;
    assert_eq!(calls_of(&bench, "2026-12").await, "0.24", "6 carried, 10 of its own, 2 beyond");
    booked(&bench, "january", "2027-01", 11).await;
    assert_eq!(calls_of(&bench, "2027-01").await, "0.12", "nothing was left of December's own");
    bench.reopen();
    booked(&bench, "november-late", "2026-11", 5).await;
    assert_eq!(calls_of(&bench, "2026-11").await, "0.00");
    assert_eq!(calls_of(&bench, "2026-12").await, "0.84", "1 carried now");
    booked(&bench, "november-again", "2026-11", 5).await;
    assert_eq!(
        (calls_of(&bench, "2026-11").await.as_str(), calls_of(&bench, "2026-12").await.as_str()),
        ("0.48", "0.96")
    );
    assert_eq!(calls_of(&bench, "2027-01").await, "0.12");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn months_come_to_the_same_in_whatever_order_their_calls_come(
        calls in prop::collection::vec((0..3_usize, 1_i64..14), 1..9),
        turned in any::<prop::sample::Index>(),
    ) {
        let mut order: Vec<(usize, (usize, i64))> = calls.iter().copied().enumerate().collect();
        order.rotate_left(turned.index(calls.len()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(async {
            let bench = rolling().await;
            for (index, (month, minutes)) in order {
                booked(&bench, &format!("call-{index}"), MONTHS[month], minutes).await;
            }
            let mut told = Vec::new();
            for month in MONTHS {
                let called = usage(&bench, month).await.is_some_and(|usage| usage.charged_seconds > 0);
                told.push(if called { calls_of(&bench, month).await } else { "0.00".to_owned() });
            }
            told
        });
        let mut carried = 0;
        let expected: Vec<String> = (0..3)
            .map(|month| {
                let used: i64 = calls.iter().filter(|(of, _)| *of == month).map(|(_, minutes)| minutes).sum();
                let beyond = (used - 10 - carried).max(0);
                carried = (10 - (used - carried).max(0)).max(0);
                MicroYuan::from_micros(beyond * 120_000).to_string()
            })
            .collect();
        prop_assert_eq!(told, expected);
    }
}
