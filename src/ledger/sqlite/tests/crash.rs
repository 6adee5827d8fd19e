use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::bench::{LegOf, NUMBER, binding, now, part, prices};
use crate::ledger::sqlite::{Options, SqliteLedger};
use crate::ledger::{Booking, Ledger as _, Received};

const FOLDER: &str = "LEDGER_CRASH_TEST_FOLDER";
const POINT: &str = "LEDGER_CRASH_TEST_POINT";
const THIS_TEST: &str = "ledger::sqlite::tests::crash::a_process_killed_at_any_step_loses_and_doubles_nothing";

const BATCHES: usize = 5;

/// The records of a batch: three calls of one minute.
fn batch(index: usize) -> Vec<Received> {
    (0..3).map(|call| LegOf::call(&format!("batch-{index}-call-{call}"), 60).received()).collect()
}

/// Books batch after batch and notes each that is acknowledged, until the crash point ends the process.
async fn book_until_killed(folder: &Path, point: &str) {
    let crash_points = point.parse().unwrap();
    let options = Options { crash_points, ..Options::at(&folder.join("ledger.db")) };
    let ledger = SqliteLedger::open(&options, now()).unwrap();
    let prices = prices("0.60");
    ledger.keep_price_book(prices.clone(), now()).await.unwrap();
    ledger.apply_bindings(part("", vec![binding(NUMBER, "acme", &prices)]), now()).await.unwrap();
    let mut acknowledged = std::fs::File::create(folder.join("acknowledged")).unwrap();
    for index in 0..BATCHES {
        ledger.book(batch(index), now()).await.unwrap();
        acknowledged.write_all(b"x").unwrap();
    }
}

/// Sends everything again after the crash, as a switch would.
async fn check(folder: &Path, point: &str, acknowledged: usize, durable: usize) {
    let told = std::fs::read(folder.join("acknowledged")).unwrap().len();
    assert_eq!(told, acknowledged, "{point}");
    let ledger = SqliteLedger::open(&Options::at(&folder.join("ledger.db")), now()).unwrap();
    for index in 0..BATCHES {
        let expected = if index < durable { Booking::Duplicate } else { Booking::Booked };
        let bookings = ledger.book(batch(index), now()).await.unwrap();
        assert_eq!(bookings, vec![expected; 3], "{point}, batch {index}");
    }
    let usage = ledger.usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
    assert_eq!((usage[0].calls.offered, usage[0].charged_seconds), (15, 900), "{point}");
    assert_eq!(usage[0].charges.voice, "9.00".parse().unwrap(), "{point}");
}

/// Runs itself as a child that an armed crash point aborts, then looks at what the child left.
#[test]
fn a_process_killed_at_any_step_loses_and_doubles_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let (Some(folder), Ok(point)) = (std::env::var_os(FOLDER), std::env::var(POINT)) {
        return runtime.block_on(book_until_killed(Path::new(&folder), &point));
    }
    // Acknowledged and durable batches when the process dies.
    for (point, acknowledged, durable) in
        [("after-insert:8", 2, 2), ("before-commit:4", 3, 3), ("after-commit-before-answer:2", 1, 2)]
    {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args([THIS_TEST, "--exact"])
            .env(FOLDER, folder.path())
            .env(POINT, point)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{point}: the child was to be killed");
        runtime.block_on(check(folder.path(), point, acknowledged, durable));
    }
}
