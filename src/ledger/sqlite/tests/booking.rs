use serde_json::Value;

use super::bench::{Bench, LegOf, NUMBER, at, binding, digest, now, part, prices, prices_with, stepped};
use crate::domain::rating::MicroYuan;
use crate::domain::routing::document::Prices;
use crate::ledger::{Booking, Ledger as _, LedgerError, Received, Retried, UnratedCount, UnratedReason};

fn yuan(text: &str) -> MicroYuan {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_record_is_booked_once_and_told_apart_from_its_resend() {
    let mut bench = Bench::held().await;
    let record = LegOf::call("a84b", 124).received();
    assert_eq!(bench.book(vec![record.clone(), record.clone()]).await, [Booking::Booked, Booking::Duplicate]);
    bench.reopen();
    assert_eq!(bench.book(vec![record]).await, [Booking::Duplicate]);
    let usage = bench.usage(NUMBER).await;
    assert_eq!((usage.calls.offered, usage.charged_seconds, usage.charges.voice), (1, 180, yuan("1.80")));
}

#[tokio::test]
async fn the_same_record_written_otherwise_is_a_duplicate() {
    let bench = Bench::held().await;
    let first = LegOf::call("a84b", 124).received();
    let body = first.body().replace("2026-11-23T02:00:00Z", "2026-11-23T10:00:00.000+08:00");
    assert_ne!(first.body(), body);
    let record = crate::domain::rating::CallRecord::from_json(body.as_bytes()).unwrap();
    bench.book(vec![first]).await;
    assert_eq!(bench.book(vec![Received::new(record, body)]).await, [Booking::Duplicate]);
}

#[tokio::test]
async fn other_content_under_the_same_identity_is_kept_aside_and_charges_nothing() {
    let bench = Bench::held().await;
    bench.book(vec![LegOf::call("a84b", 124).received()]).await;
    let longer = LegOf::call("a84b", 300).received();
    let later = LegOf { started_at: at("2026-11-22T10:00:00+08:00"), ..LegOf::call("a84b", 124) }.received();
    let bookings = bench.book(vec![longer.clone(), later, longer]).await;
    assert_eq!(bookings, [Booking::Conflict, Booking::Conflict, Booking::Conflict]);
    let kept: i64 = bench.outside().query_row("SELECT count(*) FROM conflicts", [], |row| row.get(0)).unwrap();
    assert_eq!((kept, bench.usage(NUMBER).await.charges.voice), (2, yuan("1.80")));
}

#[tokio::test]
async fn a_record_of_the_days_to_come_is_refused() {
    let bench = Bench::held().await;
    let ahead = |hours: i64| {
        let started_at = now() + jiff::SignedDuration::from_hours(hours);
        LegOf { started_at, ..LegOf::call(&format!("in {hours} h").replace(' ', "-"), 60) }.received()
    };
    let bookings = bench.book(vec![ahead(23), ahead(25)]).await;
    let sentence = "startedAt is more than a day ahead of the biller's clock".to_owned();
    assert_eq!(bookings, [Booking::Booked, Booking::Refused(sentence)]);
}

#[tokio::test]
async fn what_the_caller_pays_is_kept_outside_every_total() {
    let bench = Bench::new();
    let mut prices = prices("0.60");
    let priced = prices.book.get().replace(r#"{"enterprise":"0.60"}"#, r#"{"caller":"0.11","enterprise":"0.60"}"#);
    prices.book = serde_json::value::RawValue::from_string(priced).unwrap();
    bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    bench.ledger().apply_bindings(part("", vec![binding(NUMBER, "acme", &prices)]), now()).await.unwrap();
    let callers_leg = LegOf { leg: 0, ..LegOf::call("a84b", 90) }.received();
    assert_eq!(bench.book(vec![callers_leg]).await, [Booking::Booked]);
    let kept: String =
        bench.outside().query_row("SELECT information FROM caller_information", [], |row| row.get(0)).unwrap();
    assert!(kept.contains(r#""amount":"0.22""#), "{kept}");
    let usage = bench.usage(NUMBER).await;
    assert_eq!((usage.charges.voice, usage.charged_seconds), (yuan("0.00"), 0));
}

#[tokio::test]
async fn the_prices_that_numbers_are_charged_by_are_those_of_the_last_binding() {
    let bench = Bench::held().await;
    let book = prices("0.70");
    bench.ledger().keep_price_book(book.clone(), now()).await.unwrap();
    bench.ledger().apply_bindings(part("0", vec![binding(NUMBER, "acme", &book)]), now()).await.unwrap();
    let in_force = bench.ledger().books_in_force().await.unwrap();
    assert_eq!(in_force.len(), 1);
    assert_eq!((in_force[0].tariff.as_str(), in_force[0].document.as_str()), ("standard", book.book.get()));
}

#[tokio::test]
async fn a_record_nobody_answers_for_is_kept_and_rated_when_its_binding_comes() {
    let bench = Bench::new();
    let record = LegOf::call("early", 61).received();
    assert_eq!(bench.book(vec![record.clone()]).await, [Booking::Unrated(UnratedReason::NumberNotHeld)]);
    assert_eq!(bench.usage(NUMBER).await.tenant, None);
    assert_eq!(
        bench.ledger().unrated(None).await.unwrap(),
        [UnratedCount { reason: UnratedReason::NumberNotHeld, records: 1 }]
    );
    assert_eq!(bench.ledger().unrated(Some("4001000869".parse().unwrap())).await.unwrap(), []);
    assert_eq!(bench.ledger().unrated(Some(NUMBER.parse().unwrap())).await.unwrap().len(), 1);

    let prices = prices("0.60");
    let entries = vec![binding(NUMBER, "acme", &prices)];
    bench.ledger().apply_bindings(part("", entries), now()).await.unwrap();
    assert_eq!(bench.ledger().retry_unrated(now()).await.unwrap(), Retried { rated: 0, left: 1 });
    bench.ledger().keep_price_book(prices, now()).await.unwrap();
    assert_eq!(bench.ledger().retry_unrated(now()).await.unwrap(), Retried { rated: 1, left: 0 });
    assert_eq!(bench.ledger().retry_unrated(now()).await.unwrap(), Retried::default());

    let usage = bench.ledger().usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
    let of = |tenant: Option<&str>| usage.iter().find(|usage| usage.tenant.as_deref() == tenant).unwrap();
    assert_eq!((of(None).calls.offered, of(None).unrated), (0, 0));
    assert_eq!((of(Some("acme")).calls.answered, of(Some("acme")).charges.voice), (1, yuan("1.20")));
    assert_eq!(bench.book(vec![record]).await, [Booking::Duplicate]);
    assert_eq!(bench.ledger().unrated(None).await.unwrap(), []);
}

#[tokio::test]
async fn a_record_before_the_tenants_claim_stays_unrated() {
    let bench = Bench::held().await;
    let record = LegOf { started_at: at("2026-10-31T23:59:59+08:00"), ..LegOf::call("before", 61) }.received();
    assert_eq!(bench.book(vec![record]).await, [Booking::Unrated(UnratedReason::NumberNotHeld)]);
    assert_eq!(bench.ledger().retry_unrated(now()).await.unwrap(), Retried { rated: 0, left: 1 });
}

#[tokio::test]
async fn a_record_whose_price_book_is_missing_waits_for_it() {
    let bench = Bench::held().await;
    let dearer = prices("0.90");
    let entry = binding(NUMBER, "acme", &dearer);
    let changed_at = at("2026-11-23T09:00:00+08:00");
    bench.ledger().apply_bindings(part("", vec![entry]), changed_at).await.unwrap();
    let records = vec![LegOf::call("a", 60).received()];
    assert_eq!(bench.book(records).await, [Booking::Unrated(UnratedReason::PriceBookMissing)]);
    assert_eq!(bench.usage(NUMBER).await.unrated, 1);
    bench.ledger().keep_price_book(dearer, now()).await.unwrap();
    bench.ledger().retry_unrated(now()).await.unwrap();
    let usage = bench.usage(NUMBER).await;
    assert_eq!((usage.unrated, usage.calls.offered, usage.charges.voice), (0, 1, yuan("0.90")));
}

#[tokio::test]
async fn a_late_record_is_rated_by_the_binding_of_its_start() {
    let bench = Bench::held().await;
    let dearer = prices("0.90");
    bench.ledger().keep_price_book(dearer.clone(), now()).await.unwrap();
    let changed_at = at("2026-11-20T00:00:00+08:00");
    bench.ledger().apply_bindings(part("", vec![binding(NUMBER, "acme", &dearer)]), changed_at).await.unwrap();
    let before = LegOf { started_at: at("2026-11-19T23:59:58+08:00"), ..LegOf::call("late", 60) };
    let after = LegOf { started_at: changed_at, ..LegOf::call("new", 60) };
    bench.book(vec![after.received(), before.received()]).await;
    assert_eq!(bench.usage(NUMBER).await.charges.voice, yuan("1.50"));
}

#[tokio::test]
async fn a_record_beyond_the_horizon_is_refused_by_name() {
    let bench = Bench::held().await;
    let old = LegOf { started_at: at("2025-05-23T17:59:59+08:00"), ..LegOf::call("old", 60) }.received();
    let edge = LegOf { started_at: at("2025-05-23T18:00:00+08:00"), ..LegOf::call("edge", 60) }.received();
    let bookings = bench.book(vec![old, edge]).await;
    assert_eq!(bookings[0], Booking::Refused("startedAt is more than 18 months ago".to_owned()));
    assert_eq!(bookings[1], Booking::Unrated(UnratedReason::NumberNotHeld));
}

#[tokio::test]
async fn a_call_counts_once_by_its_best_leg_in_any_order() {
    let bench = Bench::held().await;
    let legs = [
        LegOf { leg: 2, ..LegOf::call("one", 30) },
        LegOf::lost("one", 1, "NoAnswer"),
        LegOf::lost("one", 0, "Abandoned"),
        LegOf::lost("two", 1, "Busy"),
        LegOf::lost("two", 0, "Refused"),
        LegOf::lost("three", 1, "Busy"),
        LegOf::lost("three", 2, "Failed"),
    ];
    for leg in &legs {
        assert_eq!(bench.book(vec![leg.received()]).await, [Booking::Booked]);
    }
    let calls = bench.usage(NUMBER).await.calls;
    assert_eq!((calls.offered, calls.answered, calls.refused, calls.unanswered), (3, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_senders_of_one_record_book_it_once_and_are_told_so() {
    let bench = std::sync::Arc::new(Bench::held().await);
    for round in 0..25 {
        let record = LegOf::call(&format!("round-{round}"), 60).received();
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (bench, record) = (std::sync::Arc::clone(&bench), record.clone());
                tokio::spawn(async move { bench.book(vec![record]).await.remove(0) })
            })
            .collect();
        let mut booked = 0;
        for sender in senders {
            match sender.await.unwrap() {
                Booking::Booked => booked += 1,
                answer => assert_eq!(answer, Booking::Duplicate),
            }
        }
        assert_eq!(booked, 1);
    }
    let usage = bench.usage(NUMBER).await;
    assert_eq!((usage.calls.offered, usage.charges.voice), (25, yuan("15.00")));
}

#[tokio::test]
async fn more_requests_than_may_wait_are_told_to_come_again() {
    let bench = Bench::held().await;
    let record = LegOf::call("a", 60).received();
    // Nothing here waits, so the thread may take some; far more than may wait are sent before anybody is answered.
    let mut answers = Vec::new();
    for _ in 0..20_000 {
        let mut answer = bench.ledger().book(vec![record.clone()], now());
        let polled = futures::poll!(&mut answer);
        answers.push((answer, polled));
    }
    let mut busy = 0;
    for (answer, polled) in answers {
        let answer = match polled {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => answer.await,
        };
        match answer {
            Ok(_) => {}
            Err(LedgerError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy > 0);
    assert_eq!(bench.usage(NUMBER).await.calls.offered, 1);
}

#[tokio::test]
async fn a_discount_goes_on_with_the_month_through_an_edition_that_leaves_its_version_alone() {
    let bench = Bench::new();
    let first = stepped();
    let mut edited: Value = serde_json::from_str(first.book.get()).unwrap();
    let mut later = edited["versions"][0].clone();
    later["effectiveFrom"] = "2026-12-01".into();
    edited["versions"].as_array_mut().unwrap().push(later);
    let edited = prices_with("0.60", |book| *book = edited);
    assert_ne!(digest(&first), digest(&edited));
    let held = |prices: &Prices| part("", vec![binding(NUMBER, "acme", prices)]);
    for prices in [&first, &edited] {
        bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    }
    bench.ledger().apply_bindings(held(&first), at("2026-11-01T00:00:00+08:00")).await.unwrap();
    bench.ledger().apply_bindings(held(&edited), at("2026-11-23T12:00:00+08:00")).await.unwrap();
    let after = LegOf { started_at: at("2026-11-24T10:00:00+08:00"), ..LegOf::call("after", 240) };
    assert_eq!(bench.book(vec![LegOf::call("before", 240).received()]).await, [Booking::Booked]);
    let told = bench.ledger().book(vec![after.received()], at("2026-11-25T00:00:00+08:00")).await.unwrap();
    assert_eq!(told, [Booking::Booked]);
    // Five minutes in full, three less a tenth.
    assert_eq!(bench.usage(NUMBER).await.charges.voice.to_string(), "4.62");
}
