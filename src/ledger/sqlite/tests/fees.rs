use super::bench::{Bench, LegOf, NUMBER, OTHER_NUMBER, at, binding, now, part, prices};
use crate::domain::rating::MicroYuan;
use crate::ledger::{Accrued, Booking, Ledger as _, UnratedReason, Usage};

fn yuan(text: &str) -> MicroYuan {
    text.parse().unwrap()
}

async fn usage(bench: &Bench, month: &str) -> Usage {
    let mut usage = bench.ledger().usage_of(NUMBER.parse().unwrap(), month.parse().unwrap()).await.unwrap();
    usage.retain(|usage| usage.tenant.is_some());
    usage.remove(0)
}

#[tokio::test]
async fn the_set_up_fee_is_booked_once_for_ever() {
    let bench = Bench::held().await;
    assert_eq!(usage(&bench, "2026-11").await.charges.setup, yuan("200.00"));
    let entry = || binding(NUMBER, "acme", &prices("0.60"));
    for day in ["2026-11-24", "2026-11-26"] {
        let at_noon = at(&format!("{day}T12:00:00+08:00"));
        bench.ledger().apply_bindings(part("", Vec::new()), at_noon).await.unwrap();
        let mut again = entry();
        again.since = at(&format!("{day}T18:00:00+08:00"));
        bench.ledger().apply_bindings(part("", vec![again]), at(&format!("{day}T18:00:01+08:00"))).await.unwrap();
    }
    assert_eq!(usage(&bench, "2026-11").await.charges.setup, yuan("200.00"));
}

#[tokio::test]
async fn monthly_fees_are_booked_at_the_months_first_instant_and_once() {
    let mut bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Schedule".to_owned()];
    entry.package = Some("m10".to_owned());
    let entries = vec![entry, binding(OTHER_NUMBER, "acme", &prices("0.60"))];
    let changes = bench.ledger().apply_bindings(part("", entries), now()).await.unwrap();
    assert_eq!(changes.fees, 1, "the function is due at once, the package taken within the month from the next");
    assert_eq!(usage(&bench, "2026-11").await.charges.functions, yuan("10.00"));
    assert_eq!(usage(&bench, "2026-11").await.charges.voice, yuan("0.00"));

    let last_instant = at("2026-11-30T23:59:59.999+08:00");
    assert_eq!(bench.ledger().accrue(last_instant).await.unwrap(), Accrued::default());
    let first_instant = at("2026-12-01T00:00:00+08:00");
    assert_eq!(bench.ledger().accrue(first_instant).await.unwrap(), Accrued { fees: 2, ..Accrued::default() });
    bench.reopen();
    assert_eq!(bench.ledger().accrue(first_instant).await.unwrap(), Accrued::default());
    let december = usage(&bench, "2026-12").await.charges;
    assert_eq!((december.functions, december.voice, december.total), (yuan("10.00"), yuan("5.00"), yuan("15.00")));
}

#[tokio::test]
async fn months_that_went_by_unseen_are_caught_up() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Schedule".to_owned()];
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    let accrued = bench.ledger().accrue(at("2027-02-03T04:05:06+08:00")).await.unwrap();
    assert_eq!(accrued, Accrued { fees: 3, ..Accrued::default() });
    for month in ["2026-12", "2027-01", "2027-02"] {
        assert_eq!(usage(&bench, month).await.charges.functions, yuan("10.00"), "{month}");
    }
}

#[tokio::test]
async fn a_function_by_the_day_costs_the_days_it_was_held() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Recording".to_owned()];
    bench.ledger().apply_bindings(part("", vec![entry]), at("2026-12-03T20:00:00+08:00")).await.unwrap();
    for day in ["04", "05", "06"] {
        for time in ["00:00:00", "13:00:00"] {
            bench.ledger().accrue(at(&format!("2026-12-{day}T{time}+08:00"))).await.unwrap();
        }
    }
    let without = vec![binding(NUMBER, "acme", &prices("0.60"))];
    bench.ledger().apply_bindings(part("", without), at("2026-12-06T14:00:00+08:00")).await.unwrap();
    bench.ledger().accrue(at("2026-12-09T00:00:00+08:00")).await.unwrap();
    assert_eq!(usage(&bench, "2026-12").await.charges.functions, yuan("4.00"));
}

#[tokio::test]
async fn fees_wait_for_their_price_book() {
    let bench = Bench::new();
    let prices = prices("0.60");
    let mut entry = binding(NUMBER, "acme", &prices);
    entry.functions = vec!["Schedule".to_owned()];
    let changes = bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    assert_eq!((changes.changed, changes.fees), (1, 0));
    bench.ledger().keep_price_book(prices, now()).await.unwrap();
    assert_eq!(bench.ledger().accrue(now()).await.unwrap(), Accrued { fees: 2, ..Accrued::default() });
}

#[tokio::test]
async fn a_price_book_that_never_came_stops_its_own_months_and_no_other() {
    let mut bench = Bench::held().await;
    let changed = |price: &str, day: &str| (price.to_owned(), at(&format!("2026-{day}T12:00:00+08:00")));
    // The book of 0.70 is never written.
    for (price, when) in [changed("0.70", "11-24"), changed("0.60", "11-25")] {
        let mut entry = binding(NUMBER, "acme", &prices(&price));
        entry.functions = vec!["Schedule".to_owned()];
        bench.ledger().apply_bindings(part("", vec![entry]), when).await.unwrap();
    }
    let accrued = bench.ledger().accrue(at("2027-01-05T00:00:00+08:00")).await.unwrap();
    assert_eq!(accrued, Accrued { fees: 2, unpriced: 0, waiting: 1 }, "December and January, and November waits");
    for month in ["2026-12", "2027-01"] {
        assert_eq!(usage(&bench, month).await.charges.functions, yuan("10.00"), "{month}");
    }
    let later = LegOf { started_at: at("2026-11-26T10:00:00+08:00"), ..LegOf::call("later", 60) };
    let between = LegOf { started_at: at("2026-11-24T18:00:00+08:00"), ..LegOf::call("between", 60) };
    let received_at = at("2026-11-27T00:00:00+08:00");
    let bookings = bench.ledger().book(vec![later.received(), between.received()], received_at).await.unwrap();
    assert_eq!(bookings, [Booking::Booked, Booking::Unrated(UnratedReason::PriceBookMissing)]);

    bench.reopen();
    bench.ledger().keep_price_book(prices("0.70"), now()).await.unwrap();
    let accrued = bench.ledger().accrue(at("2027-01-05T00:15:00+08:00")).await.unwrap();
    assert_eq!(accrued, Accrued { fees: 1, ..Accrued::default() });
    assert_eq!(usage(&bench, "2026-11").await.charges.functions, yuan("10.00"));
}

#[tokio::test]
async fn whoever_takes_a_number_over_within_a_month_pays_its_fees_too() {
    let bench = Bench::new();
    let prices = prices("0.60");
    bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
    for (tenant, since, until) in [
        ("acme", "2026-11-01T00:00:00+08:00", "2026-11-10T00:00:00+08:00"),
        ("borealis", "2026-11-20T12:00:00+08:00", "2026-11-25T00:00:00+08:00"),
    ] {
        let mut entry = binding(NUMBER, tenant, &prices);
        entry.since = at(since);
        entry.package = Some("m10".to_owned());
        entry.functions = vec!["Schedule".to_owned()];
        bench.ledger().apply_bindings(part("", vec![entry]), at(since)).await.unwrap();
        bench.ledger().apply_bindings(part("", Vec::new()), at(until)).await.unwrap();
    }
    let usage = bench.ledger().usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
    let charges: Vec<_> =
        usage.iter().map(|usage| (usage.tenant.as_deref(), usage.charges.voice, usage.charges.functions)).collect();
    let fees = (yuan("5.00"), yuan("10.00"));
    assert_eq!(charges, [(Some("acme"), fees.0, fees.1), (Some("borealis"), fees.0, fees.1)]);
}

#[tokio::test]
async fn a_fee_names_the_binding_that_made_it_due() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Schedule".to_owned()];
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    let functions: String = bench
        .outside()
        .query_row(
            "SELECT b.functions FROM postings p JOIN bindings b ON b.id = p.binding WHERE p.charge_key LIKE 'function/%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(functions, "[\"Schedule\"]");
}

#[tokio::test]
async fn what_the_price_book_does_not_list_is_told_and_not_booked() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Fax".to_owned()];
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    assert_eq!(bench.ledger().accrue(at("2026-12-01T00:00:00+08:00")).await.unwrap().unpriced, 2);
}

#[tokio::test]
async fn a_set_up_before_the_first_prices_is_told_and_not_booked() {
    let bench = Bench::new();
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.since = at("2025-12-31T23:00:00+08:00");
    bench.ledger().keep_price_book(prices("0.60"), now()).await.unwrap();
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    let tomorrow = at("2026-11-24T00:00:00+08:00");
    assert_eq!(bench.ledger().accrue(tomorrow).await.unwrap(), Accrued { unpriced: 1, ..Accrued::default() });
}

#[tokio::test]
async fn a_number_that_ended_owes_nothing_more() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "acme", &prices("0.60"));
    entry.functions = vec!["Schedule".to_owned()];
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    bench.ledger().apply_bindings(part("", Vec::new()), at("2026-11-30T12:00:00+08:00")).await.unwrap();
    assert_eq!(bench.ledger().accrue(at("2026-12-05T00:00:00+08:00")).await.unwrap(), Accrued::default());
}

#[tokio::test]
async fn calls_fill_the_package_before_they_cost() {
    let bench = Bench::new();
    let prices = prices("0.60");
    let mut entry = binding(NUMBER, "acme", &prices);
    entry.package = Some("m10".to_owned());
    bench.ledger().keep_price_book(prices, now()).await.unwrap();
    bench.ledger().apply_bindings(part("", vec![entry]), now()).await.unwrap();
    let calls = vec![LegOf::call("a", 540).received(), LegOf::call("b", 121).received()];
    bench.book(calls).await;
    let november = usage(&bench, "2026-11").await;
    assert_eq!((november.charged_seconds, november.charges.voice), (720, yuan("5.24")));
}
