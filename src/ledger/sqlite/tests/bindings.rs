use super::bench::{Bench, LegOf, NUMBER, OTHER_NUMBER, at, binding, now, part, prices};
use crate::ledger::{BindingChanges, Booking, Kept, Ledger as _, ListScope, UnratedReason, WholeList};

/// Whether a call that starts at `instant` finds a holder.
async fn is_held(bench: &Bench, instant: &str) -> bool {
    let record = LegOf { started_at: at(instant), ..LegOf::call(instant, 60) }.received();
    match bench.book(vec![record]).await.remove(0) {
        Booking::Booked => true,
        Booking::Unrated(UnratedReason::NumberNotHeld) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_part_again_changes_nothing() {
    let mut bench = Bench::held().await;
    let prices = prices("0.60");
    let same = || part("", vec![binding(NUMBER, "acme", &prices), binding(OTHER_NUMBER, "acme", &prices)]);
    assert_eq!(bench.ledger().apply_bindings(same(), now()).await.unwrap(), BindingChanges::default());
    bench.reopen();
    assert_eq!(bench.ledger().apply_bindings(same(), now()).await.unwrap(), BindingChanges::default());
    assert_eq!(bench.ledger().keep_price_book(prices, now()).await.unwrap(), Kept::Known);
}

#[tokio::test]
async fn a_number_its_part_no_longer_names_is_held_by_nobody_from_then_on() {
    let bench = Bench::held().await;
    let ended = at("2026-11-21T08:00:00+08:00");
    let changes = bench
        .ledger()
        .apply_bindings(part("", vec![binding(OTHER_NUMBER, "acme", &prices("0.60"))]), ended)
        .await
        .unwrap();
    assert_eq!((changes.changed, changes.ended), (0, 1));
    assert!(is_held(&bench, "2026-11-21T07:59:59.999+08:00").await);
    assert!(!is_held(&bench, "2026-11-21T08:00:00+08:00").await);
}

#[tokio::test]
async fn a_leaf_that_splits_ends_no_binding() {
    let bench = Bench::held().await;
    let split_at = at("2026-11-21T08:00:00+08:00");
    let prices = prices("0.60");
    let mut ended = 0;
    for (leaf, entries) in [
        ("0", vec![binding(NUMBER, "acme", &prices)]),
        ("1", vec![binding(OTHER_NUMBER, "acme", &prices)]),
        ("", Vec::new()),
    ] {
        ended += bench.ledger().apply_bindings(part(leaf, entries), split_at).await.unwrap().ended;
    }
    assert_eq!(ended, 0);
    assert!(is_held(&bench, "2026-11-22T08:00:00+08:00").await);
}

#[tokio::test]
async fn a_number_that_another_part_still_names_stays_bound_by_what_that_part_says() {
    let mut bench = Bench::held().await;
    let merged_at = at("2026-11-21T08:00:00+08:00");
    let mut moved = binding(NUMBER, "acme", &prices("0.60"));
    moved.functions = vec!["Schedule".to_owned()];
    let apply = async |bench: &Bench, leaf: &str, entries: Vec<_>| {
        bench.ledger().apply_bindings(part(leaf, entries), merged_at).await.unwrap()
    };
    assert_eq!(apply(&bench, "0", vec![moved.clone()]).await.changed, 1);
    bench.reopen();
    // The old leaf again, as after a crash that came before it was emptied: it says nothing new.
    let old = || vec![binding(NUMBER, "acme", &prices("0.60")), binding(OTHER_NUMBER, "acme", &prices("0.60"))];
    assert_eq!(apply(&bench, "", old()).await, BindingChanges::default());
    // The new leaf goes, the old one still names the number.
    let back = apply(&bench, "0", Vec::new()).await;
    assert_eq!((back.changed, back.ended), (1, 0));
    assert!(is_held(&bench, "2026-11-22T08:00:00+08:00").await);
    assert_eq!(apply(&bench, "", Vec::new()).await.ended, 2);
    assert!(!is_held(&bench, "2026-11-23T08:00:00+08:00").await);
}

#[tokio::test]
async fn what_no_part_of_the_whole_list_names_is_held_by_nobody_from_then_on() {
    let bench = Bench::held().await;
    let prices = prices("0.60");
    bench.ledger().apply_bindings(part("0", vec![binding(NUMBER, "acme", &prices)]), now()).await.unwrap();
    let listed = |scope: ListScope, parts: &[&str]| WholeList {
        scope,
        parts: parts.iter().map(|leaf| WholeList::part("telephony/east", "acme", leaf)).collect(),
    };
    let at_noon = at("2026-11-24T12:00:00+08:00");
    let elsewhere = listed(ListScope::Gateway("telephony/west".to_owned()), &[]);
    assert_eq!(bench.ledger().keep_only(elsewhere, at_noon).await.unwrap(), BindingChanges::default());
    let ended = bench
        .ledger()
        .keep_only(listed(ListScope::Namespace("telephony".to_owned()), &["0"]), at_noon)
        .await
        .unwrap()
        .ended;
    assert_eq!(ended, 1, "only the old leaf named the other number");
    assert!(is_held(&bench, "2026-11-24T12:00:00+08:00").await);
}

#[tokio::test]
async fn a_number_that_was_only_moved_has_no_gap_and_one_that_was_away_has() {
    let bench = Bench::held().await;
    let prices = prices("0.60");
    let entries = || vec![binding(NUMBER, "acme", &prices), binding(OTHER_NUMBER, "acme", &prices)];
    for (away, back) in [
        ("2026-11-21T08:00:00+08:00", "2026-11-21T08:05:00+08:00"),
        ("2026-11-22T09:00:00+08:00", "2026-11-22T11:00:00+08:00"),
    ] {
        bench.ledger().apply_bindings(part("", Vec::new()), at(away)).await.unwrap();
        bench.ledger().apply_bindings(part("", entries()), at(back)).await.unwrap();
    }
    assert!(is_held(&bench, "2026-11-21T08:02:00+08:00").await);
    assert!(!is_held(&bench, "2026-11-22T10:59:59+08:00").await);
    assert!(is_held(&bench, "2026-11-22T11:00:00+08:00").await);
}

#[tokio::test]
async fn a_number_that_changes_hands_has_totals_of_each_holder() {
    let bench = Bench::held().await;
    let mut entry = binding(NUMBER, "borealis", &prices("0.60"));
    entry.since = at("2026-11-20T12:00:00+08:00");
    bench.ledger().apply_bindings(part("", Vec::new()), at("2026-11-10T12:00:00+08:00")).await.unwrap();
    bench.ledger().apply_bindings(part("1", vec![entry]), at("2026-11-20T12:00:05+08:00")).await.unwrap();
    for (instant, held) in
        [("2026-11-10T11:59:59+08:00", true), ("2026-11-15T12:00:00+08:00", false), ("2026-11-20T12:00:00+08:00", true)]
    {
        assert_eq!(is_held(&bench, instant).await, held, "{instant}");
    }
    let usage = bench.ledger().usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
    let mut of: Vec<_> = usage.iter().map(|usage| (usage.tenant.as_deref(), usage.calls.offered)).collect();
    of.sort_unstable();
    assert_eq!(of, [(None, 1), (Some("acme"), 1), (Some("borealis"), 1)]);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_whole() {
    let bench = Bench::held().await;
    let prices = prices("0.60");
    let mut wrong = binding("4001000999", "acme", &prices);
    wrong.price_book = "sha256:12".to_owned();
    let entries = vec![binding("4001000998", "acme", &prices), wrong];
    let error = bench.ledger().apply_bindings(part("0", entries), now()).await.unwrap_err();
    assert!(error.to_string().starts_with("binding of 4001000999: \"sha256:12\" is not a digest"), "{error}");
    let bound: i64 = bench
        .outside()
        .query_row("SELECT count(*) FROM bindings WHERE number = 4001000998", [], |row| row.get(0))
        .unwrap();
    assert_eq!(bound, 0);

    let twice = vec![binding("4001000998", "acme", &prices), binding("4001000998", "borealis", &prices)];
    let error = bench.ledger().apply_bindings(part("0", twice), now()).await.unwrap_err();
    assert_eq!(error.to_string(), "part \"telephony/east acme 0\" names a number twice");

    let mut newer = part("", Vec::new());
    newer.format = 99;
    let error = bench.ledger().apply_bindings(newer, now()).await.unwrap_err();
    assert!(error.to_string().starts_with("the part has format 99"), "{error}");

    let mut priceless = prices;
    priceless.book = serde_json::value::RawValue::from_string("{\"versions\":[]}".to_owned()).unwrap();
    assert!(bench.ledger().keep_price_book(priceless, now()).await.is_err());
}
