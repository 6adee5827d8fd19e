use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::bench::{Bench, LegOf, NUMBER, OTHER_NUMBER, at, binding, now, part, prices, stepped};
use crate::domain::rating::Charge;
use crate::domain::rating::book::PriceBook;
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
/// The first number pays by the minute, with discounts by volume; the second has a package of 10 minutes.
fn expected(legs: &[Drawn]) -> BTreeMap<bool, (u64, u64, u64, i64)> {
    let mut totals = BTreeMap::new();
    for second_number in [false, true] {
        let of: Vec<&Drawn> = legs.iter().filter(|leg| leg.second_number == second_number).collect();
        let offered: BTreeSet<u8> = of.iter().map(|leg| leg.call).collect();
        let answered: BTreeSet<u8> = of.iter().filter(|leg| leg.answered_for.is_some()).map(|leg| leg.call).collect();
        let charged = of.iter().filter(|leg| leg.leg > 0).filter_map(|leg| leg.answered_for);
        let minutes: i64 = charged.map(|seconds| (seconds + 59) / 60).sum();
        let of_minute = |nth: i64| {
            if nth < 5 {
                600_000
            } else if nth < 20 {
                540_000
            } else {
                300_000
            }
        };
        let voice =
            if second_number { 5_000_000 + (minutes - 10).max(0) * 120_000 } else { (0..minutes).map(of_minute).sum() };
        let seconds = u64::try_from(minutes * 60).unwrap();
        totals.insert(second_number, (offered.len() as u64, answered.len() as u64, seconds, voice));
    }
    totals
}

async fn book_all(batches: Vec<Vec<LegOf>>) -> (Bench, Vec<Vec<Booking>>) {
    let bench = Bench::new();
    let prices = stepped();
    bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    let mut packaged = binding(OTHER_NUMBER, "acme", &prices);
    packaged.package = Some("m10".to_owned());
    bench.ledger().apply_bindings(part("", vec![binding(NUMBER, "acme", &prices), packaged]), now()).await.unwrap();
    let mut bookings = Vec::new();
    for batch in batches {
        let records = batch.iter().map(LegOf::received).collect();
        bookings.push(bench.ledger().book(records, at("2026-12-01T00:00:00+08:00")).await.unwrap());
    }
    (bench, bookings)
}

/// Postings whose amount is not what the price book of their binding comes to, by the ledger's own tables alone.
fn unsound_postings(bench: &Bench) -> Vec<String> {
    let file = bench.outside();
    let sql = "SELECT p.amount, p.charge, b.body FROM postings p JOIN bindings bound ON bound.id = p.binding
        LEFT JOIN price_books b ON 'sha256:' || lower(hex(b.digest)) = json_extract(p.charge, '$.price.book')";
    let mut statement = file.prepare(sql).unwrap();
    let postings = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .unwrap();
    let sound = |(amount, charge, book): &(i64, String, String)| {
        let charge: Charge = serde_json::from_str(charge).unwrap();
        let book = PriceBook::new(&serde_json::from_str(book).unwrap()).unwrap();
        charge.amount.micros() == *amount && charge.recompute(&book) == Some(charge.amount)
    };
    let postings: Vec<_> = postings.collect::<Result<_, _>>().unwrap();
    assert!(!postings.is_empty(), "at least a set-up fee");
    postings.into_iter().filter(|posting| !sound(posting)).map(|(_, charge, _)| charge).collect()
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
            let postings = unsound_postings(&bench);
            prop_assert!(postings.is_empty(), "{:?}", postings);
            Ok(())
        })?;
    }
}

/// One of a number's lives: who holds it from when on, and by what terms; nobody between lives.
#[derive(Debug, Clone)]
struct Life {
    tenant: &'static str,
    hours: i64,
    gap_hours: i64,
    per_minute: &'static str,
    package: bool,
    functions: Vec<&'static str>,
}

fn life() -> impl Strategy<Value = Life> {
    let functions = prop::sample::subsequence(vec!["Schedule", "Recording"], 0..=2);
    (prop::sample::select(vec!["acme", "borealis"]), 1..400_i64, 0..60_i64, any::<bool>(), any::<bool>(), functions)
        .prop_map(|(tenant, hours, gap_hours, dear, package, functions)| Life {
            tenant,
            hours,
            gap_hours,
            per_minute: if dear { "0.70" } else { "0.60" },
            package,
            functions,
        })
}

/// Lives a number through, with a look at the fees after each; gives the last instant.
async fn live(bench: &Bench, lives: &[Life]) -> jiff::Timestamp {
    let hours = jiff::SignedDuration::from_hours;
    let mut now = at("2026-11-03T00:00:00+08:00");
    for life in lives {
        let prices = prices(life.per_minute);
        bench.ledger().keep_price_book(prices.clone(), now).await.unwrap();
        let mut entry = binding(NUMBER, life.tenant, &prices);
        entry.since = now;
        entry.package = life.package.then(|| "m10".to_owned());
        entry.functions = life.functions.iter().map(|name| (*name).to_owned()).collect();
        bench.ledger().apply_bindings(part("", vec![entry]), now).await.unwrap();
        let call = LegOf { started_at: now, ..LegOf::call(&now.to_string(), 700) };
        bench.ledger().book(vec![call.received()], now).await.unwrap();
        now += hours(life.hours);
        bench.ledger().accrue(now).await.unwrap();
        if life.gap_hours > 0 {
            bench.ledger().apply_bindings(part("", Vec::new()), now).await.unwrap();
            now += hours(life.gap_hours);
        }
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Changes of hands, tariff, package and functions within the month: every line comes out of its price book again,
    /// and looks at the fees in between book what one look at the end would.
    #[test]
    fn fees_of_a_number_that_changes_are_sound_whenever_they_are_looked_at(
        lives in proptest::collection::vec(life(), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            let end = live(&bench, &lives).await;
            let later = end + jiff::SignedDuration::from_hours(24 * 40);
            bench.ledger().accrue(later).await.unwrap();
            let fees = |bench: &Bench| -> (i64, i64) {
                let sql = "SELECT count(*), sum(amount) FROM postings";
                bench.outside().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
            };
            let once = fees(&bench);
            // Everything again from the beginning, as after an accrual that left no mark.
            bench.outside().execute("DELETE FROM accruals", []).unwrap();
            let mut bench = bench;
            bench.reopen();
            bench.ledger().accrue(later).await.unwrap();
            prop_assert_eq!(fees(&bench), once);
            let postings = unsound_postings(&bench);
            prop_assert!(postings.is_empty(), "{:?}", postings);
            Ok(())
        })?;
    }
}
