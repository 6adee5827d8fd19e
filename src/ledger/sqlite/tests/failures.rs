use super::bench::{Bench, LegOf, NUMBER, now};
use crate::ledger::sqlite::{Options, SqliteLedger};
use crate::ledger::{Booking, ErrorClass, Ledger as _, LedgerError};

#[tokio::test]
async fn after_a_failed_booking_nothing_is_booked_and_a_resend_is_accepted() {
    let bench = Bench::held().await;
    let first = bench.ledger().changes();
    let reached = *first.borrow();
    let records = vec![LegOf::call("a", 60).received(), LegOf::call("b", 60).received()];
    // The second record's charge fails: the first must not stay.
    bench
        .outside()
        .execute_batch(
            "CREATE TRIGGER fails BEFORE INSERT ON postings WHEN NEW.record >= 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    let error = bench.ledger().book(records.clone(), now()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    let kept: i64 = bench.outside().query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap();
    assert_eq!((kept, *first.borrow()), (0, reached));

    bench.outside().execute_batch("DROP TRIGGER fails").unwrap();
    assert_eq!(bench.book(records).await, [Booking::Booked, Booking::Booked]);
    assert_eq!(bench.usage(NUMBER).await.calls.offered, 2);
    assert!(*first.borrow() > reached);
}

#[tokio::test]
async fn a_commit_that_fails_is_not_acknowledged() {
    let bench = Bench::held().await;
    bench
        .outside()
        .execute_batch(
            "CREATE TABLE probe (one INTEGER REFERENCES ledger (one) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER fails AFTER INSERT ON records BEGIN INSERT INTO probe VALUES (2); END",
        )
        .unwrap();
    let record = LegOf::call("a", 60).received();
    let error = bench.ledger().book(vec![record.clone()], now()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot book call records: the database refused a value; nothing was booked");
    bench.outside().execute_batch("DROP TRIGGER fails").unwrap();
    assert_eq!(bench.book(vec![record]).await, [Booking::Booked]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_value_the_database_refuses_does_not_hold_back_other_senders() {
    let bench = std::sync::Arc::new(Bench::held().await);
    bench
        .outside()
        .execute_batch(
            "CREATE TRIGGER fails BEFORE INSERT ON records WHEN NEW.body LIKE '%poison%'
             BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    let senders: Vec<_> = (0..40)
        .map(|sender| {
            let bench = std::sync::Arc::clone(&bench);
            let call_id = if sender % 4 == 0 { format!("poison-{sender}") } else { format!("good-{sender}") };
            tokio::spawn(async move { bench.ledger().book(vec![LegOf::call(&call_id, 60).received()], now()).await })
        })
        .collect();
    let mut refused = 0;
    for sender in senders {
        match sender.await.unwrap() {
            Ok(bookings) => assert_eq!(bookings, [Booking::Booked]),
            Err(_) => refused += 1,
        }
    }
    assert_eq!((refused, bench.usage(NUMBER).await.calls.offered), (10, 30));
}

#[tokio::test]
async fn a_second_writer_is_refused_while_the_first_lives() {
    let mut bench = Bench::held().await;
    let id = bench.ledger().id();
    let error = SqliteLedger::open(&Options::at(&bench.path()), now()).unwrap_err();
    assert!(matches!(error, LedgerError::Held { .. }), "{error}");
    assert!(error.to_string().contains("ledger.db.lock is held by another process"), "{error}");
    bench.reopen();
    assert_eq!(bench.ledger().id(), id);
}

#[test]
fn a_damaged_file_is_told_from_one_that_cannot_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, "this is a letter, not a ledger; ".repeat(200)).unwrap();
    let error = SqliteLedger::open(&Options::at(&damaged), now()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Corrupt, "{error}");

    let beneath_a_file = damaged.join("ledger.db");
    let error = SqliteLedger::open(&Options::at(&beneath_a_file), now()).unwrap_err();
    assert!(error.to_string().contains("a folder that this process may write is needed"), "{error}");

    let a_folder = folder.path().join("folder.db");
    std::fs::create_dir(&a_folder).unwrap();
    let error = SqliteLedger::open(&Options::at(&a_folder), now()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ReadOnly, "{error}");
}
