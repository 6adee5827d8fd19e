use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::bench::{Bench, LegOf, NUMBER, OTHER_NUMBER, at, binding, now, part, prices};
use crate::ledger::{Booking, Ledger as _, Usage};

/// One leg as the generator draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Drawn {
    call: u8,
    leg: u8,
    second_number: bool,
    answered_for: Option<i64>,
    minute_of_month: i64,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..6_u8, 0..3_u8, any::<bool>(), proptest::option::of(0..400_i64), 0..43_200_i64).prop_map(
        |(call, leg, second_number, answered_for, minute_of_month)| Drawn {
            call,
            leg,
            second_number,
            answered_for,
            minute_of_month,
        },
    )
}

impl Drawn {
    fn leg(self) -> LegOf {
        LegOf {
            number: if self.second_number { OTHER_NUMBER } else { NUMBER },
            call_id: format!("call-{}", self.call),
            leg: self.leg,
            started_at: at("2026-11-01T00:00:00+08:00") + jiff::SignedDuration::from_mins(self.minute_of_month),
            seconds: self.answered_for,
            outcome: if self.answered_for.is_some() { "Answered" } else { "NoAnswer" },
        }
    }
}

/// The first of each identity, as a ledger would keep them.
fn distinct(drawn: Vec<Drawn>) -> Vec<Drawn> {
    let mut seen = BTreeSet::new();
    drawn.into_iter().filter(|one| seen.insert((one.call, one.leg))).collect()
}

/// Totals by the words of the contract, from the legs alone: calls offered and answered, seconds, voice in micro-yuan.
/// The first number pays by the minute, the second has a package of 10 minutes.
fn expected(legs: &[Drawn]) -> BTreeMap<bool, (u64, u64, u64, i64)> {
    let mut totals = BTreeMap::new();
    for second_number in [false, true] {
        let of: Vec<&Drawn> = legs.iter().filter(|leg| leg.second_number == second_number).collect();
        let offered: BTreeSet<u8> = of.iter().map(|leg| leg.call).collect();
        let answered: BTreeSet<u8> = of.iter().filter(|leg| leg.answered_for.is_some()).map(|leg| leg.call).collect();
        let charged = of.iter().filter(|leg| leg.leg > 0).filter_map(|leg| leg.answered_for);
        let minutes: i64 = charged.map(|seconds| (seconds + 59) / 60).sum();
        let voice = if second_number { 5_000_000 + (minutes - 10).max(0) * 120_000 } else { minutes * 600_000 };
        let seconds = u64::try_from(minutes * 60).unwrap();
        totals.insert(second_number, (offered.len() as u64, answered.len() as u64, seconds, voice));
    }
    totals
}

async fn book_all(batches: Vec<Vec<LegOf>>) -> (Bench, Vec<Vec<Booking>>) {
    let bench = Bench::new();
    let prices = prices("0.60");
    bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    let mut packaged = binding(OTHER_NUMBER, "acme", &prices);
    packaged.package = Some("m10".to_owned());
    bench.ledger().apply_bindings(part("", vec![binding(NUMBER, "acme", &prices), packaged]), now()).await.unwrap();
    let mut bookings = Vec::new();
    for batch in batches {
        bookings.push(bench.book(batch.iter().map(LegOf::received).collect()).await);
    }
    (bench, bookings)
}

fn told(usage: &Usage) -> (u64, u64, u64, i64) {
    (usage.calls.offered, usage.calls.answered, usage.charged_seconds, usage.charges.voice.micros())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_those_of_the_records_in_any_order_and_any_batches(
        drawn in proptest::collection::vec(drawn(), 1..24),
        order in any::<prop::sample::Index>(),
        batch in 1..6_usize,
    ) {
        let legs = distinct(drawn);
        let mut turned = legs.clone();
        turned.rotate_left(order.index(legs.len()));
        turned.reverse();
        // Everything twice: resends come in between.
        let sent: Vec<LegOf> = turned.iter().chain(&legs).map(|leg| leg.leg()).collect();
        let batches: Vec<Vec<LegOf>> = sent.chunks(batch).map(<[LegOf]>::to_vec).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let (bench, bookings) = book_all(batches).await;
            let booked = bookings.iter().flatten().filter(|booking| **booking == Booking::Booked).count();
            prop_assert_eq!(booked, legs.len());
            for (second_number, totals) in expected(&legs) {
                let number = if second_number { OTHER_NUMBER } else { NUMBER };
                prop_assert_eq!(told(&bench.usage(number).await), totals, "{}", number);
            }
            // The totals that are kept are those of the postings, to the last digit.
            let (kept, posted): (i64, i64) = bench.outside().query_row(
                "SELECT (SELECT sum(setup + voice + messages + functions) FROM usage), (SELECT sum(amount) FROM postings)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            ).unwrap();
            prop_assert_eq!(kept, posted);
            Ok(())
        })?;
    }
}
