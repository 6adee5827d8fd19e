use super::bench::{Bench, LegOf, NUMBER, OTHER_NUMBER, now};
use crate::ledger::{Cursor, Ledger as _};

#[tokio::test]
async fn changed_totals_are_told_once_and_in_pages() {
    let bench = Bench::held().await;
    let ledger = bench.ledger();
    let all = ledger.usage_after(Cursor::default(), None, 10).await.unwrap();
    assert_eq!((all.changed.len(), all.more, all.next), (2, false, *ledger.changes().borrow()));

    bench.book(vec![LegOf::call("a", 60).received()]).await;
    let changed = ledger.usage_after(all.next, None, 10).await.unwrap();
    assert_eq!(changed.changed.iter().map(|usage| usage.number.to_string()).collect::<Vec<_>>(), [NUMBER]);

    bench.book(vec![LegOf { number: OTHER_NUMBER, ..LegOf::call("b", 60) }.received()]).await;
    let first = ledger.usage_after(all.next, Some("2026-11".parse().unwrap()), 1).await.unwrap();
    assert!(first.more);
    let second = ledger.usage_after(first.next, None, 1).await.unwrap();
    assert_eq!((second.changed[0].number.to_string().as_str(), second.more), (OTHER_NUMBER, false));
    let none = ledger.usage_after(Cursor::default(), Some("2026-10".parse().unwrap()), 10).await.unwrap();
    assert!(none.changed.is_empty());
}

#[tokio::test]
async fn a_duplicate_moves_no_cursor() {
    let mut bench = Bench::held().await;
    let record = LegOf::call("a", 60).received();
    bench.book(vec![record.clone()]).await;
    let reached = *bench.ledger().changes().borrow();
    bench.book(vec![record]).await;
    assert_eq!(*bench.ledger().changes().borrow(), reached);
    bench.reopen();
    assert_eq!(*bench.ledger().changes().borrow(), reached);
}

#[tokio::test]
async fn a_tenants_total_is_that_of_its_numbers() {
    let bench = Bench::held().await;
    bench.ledger().book(vec![LegOf { number: "4001999999", ..LegOf::call("x", 60) }.received()], now()).await.unwrap();
    bench.book(vec![LegOf::call("a", 60).received()]).await;
    let totals = bench.ledger().tenant_totals("2026-11".parse().unwrap()).await.unwrap();
    assert_eq!(totals.len(), 1);
    assert_eq!((totals[0].tenant.as_str(), totals[0].numbers), ("acme", 2));
    assert_eq!(totals[0].charged, "400.60".parse().unwrap());
}
