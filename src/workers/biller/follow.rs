//! Keeping the ledger with the plan, and letting fees fall due.
//!
//! Parts are given in the order they came and none is skipped: one that the ledger cannot take now is tried until it
//! can, one that it never can is counted and dropped, and what was there before goes on. When the parts at hand are in,
//! records that waited for a binding or a price book are rated. Fees are looked at every quarter of an hour, since
//! every zone's midnight is at one. After a start they wait for the plan's first whole list, for a few minutes at most:
//! the copy on disk may name holders of last month.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::counters::{Counters, PartResult};
use crate::domain::routing::document::{Bindings, Prices};
use crate::ledger::{Cursor, ErrorClass, Kept, Ledger, LedgerError, WholeList};
use crate::runtime::clock::Clock;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long fees wait for the plan's first whole list.
const FIRST_LIST_PATIENCE: Duration = Duration::from_mins(5);
/// Seconds between looks at what fell due.
const QUARTER: i64 = 15 * 60;

/// A part of the plan that billing reads.
#[derive(Debug, Clone)]
pub enum BillingPart {
    /// Comes before the bindings that name it; if it comes later, what waited for it is done then.
    Prices(Prices),
    /// A withdrawn part comes as one without bindings.
    Bindings(Bindings),
    /// Every part there is has been given once; with the list, where it can be told, of all that stand.
    Listed(Option<WholeList>),
}

/// The task that follows the plan and the clock.
#[derive(Debug)]
pub struct Biller {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    counters: Counters,
    due: Due,
    /// When fees are looked at next.
    next_look: Timestamp,
    /// Until when fees wait for the plan's first whole list; `None`: it has come.
    awaits_list_until: Option<Instant>,
}

/// What remains to be done once the parts at hand are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    /// A price book came, or a quarter of an hour began.
    fees: bool,
    /// Records may have found their binding or price book.
    records: bool,
}

impl Due {
    const NOTHING: Self = Self { fees: false, records: false };
    const RECORDS: Self = Self { fees: false, records: true };
    const FEES_AND_RECORDS: Self = Self { fees: true, records: true };

    fn and(self, other: Self) -> Self {
        Self { fees: self.fees || other.fees, records: self.records || other.records }
    }
}

impl Biller {
    pub fn new(ledger: Arc<dyn Ledger>, clock: Clock, counters: Counters) -> Self {
        let next_look = next_quarter(clock.now());
        let awaits_list_until = Some(Instant::now() + FIRST_LIST_PATIENCE);
        Self { ledger, clock, counters, due: Due::FEES_AND_RECORDS, next_look, awaits_list_until }
    }

    /// The cursor of the last change of totals as it moves.
    pub fn subscribe(&self) -> watch::Receiver<Cursor> {
        self.ledger.changes()
    }

    /// Works until no part can come any more; dropping the future stops it between two steps.
    pub async fn run(mut self, mut parts: mpsc::Receiver<BillingPart>) {
        loop {
            match parts.try_recv() {
                Ok(part) => {
                    self.take(&part).await;
                    continue;
                }
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            let pause = match self.catch_up().await {
                Ok(()) => self.rest(),
                Err(error) => {
                    self.counters.failure(&error);
                    tracing::warn!(error = &error as &dyn std::error::Error, "fees are booked later");
                    LONGEST_PAUSE
                }
            };
            match tokio::time::timeout(pause, parts.recv()).await {
                Ok(Some(part)) => self.take(&part).await,
                Ok(None) => break,
                Err(_) => {}
            }
        }
        if let Err(error) = self.catch_up().await {
            self.counters.failure(&error);
        }
    }

    /// Gives one part to the ledger, until it is in or known to be useless.
    async fn take(&mut self, part: &BillingPart) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.apply(part).await {
                Ok(due) => {
                    self.due = self.due.and(due);
                    self.counters.part(PartResult::Applied);
                    break;
                }
                Err(error) if error.class() == ErrorClass::Invalid => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a part of the plan is refused");
                    self.counters.part(PartResult::Refused);
                    break;
                }
                Err(error @ LedgerError::Stopped) => {
                    self.counters.failure(&error);
                    break;
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a part of the plan waits for the ledger");
                    self.counters.failure(&error);
                    self.counters.part(PartResult::Delayed);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        if matches!(part, BillingPart::Listed(_)) {
            self.awaits_list_until = None;
        }
    }

    async fn apply(&self, part: &BillingPart) -> Result<Due, LedgerError> {
        let now = self.clock.now();
        let changes = match part {
            BillingPart::Prices(prices) => {
                return Ok(match self.ledger.keep_price_book(prices.clone(), now).await? {
                    Kept::New => Due::FEES_AND_RECORDS,
                    Kept::Known => Due::NOTHING,
                });
            }
            BillingPart::Listed(None) => return Ok(Due::NOTHING),
            BillingPart::Listed(Some(list)) => self.ledger.keep_only(list.clone(), now).await?,
            BillingPart::Bindings(bindings) => self.ledger.apply_bindings(bindings.clone(), now).await?,
        };
        if let (BillingPart::Listed(_), 1..) = (part, changes.ended) {
            tracing::info!(numbers = changes.ended, "withdrawn while nobody listened: held by nobody from now on");
        }
        self.counters.fees(changes.fees, 0);
        Ok(if changes.changed > 0 { Due::RECORDS } else { Due::NOTHING })
    }

    /// Does what is due; what fails stays due.
    async fn catch_up(&mut self) -> Result<(), LedgerError> {
        let now = self.clock.now();
        if now >= self.next_look {
            self.due = Due::FEES_AND_RECORDS;
            self.next_look = next_quarter(now);
        }
        if self.due.fees && self.awaits_list_until.is_none_or(|until| Instant::now() >= until) {
            let accrued = self.ledger.accrue(now).await?;
            self.counters.fees(accrued.fees, accrued.unpriced);
            self.counters.awaiting_prices(accrued.waiting);
            if accrued.waiting > 0 {
                tracing::warn!(numbers = accrued.waiting, "fees wait for price books that the plan has not brought");
            }
            self.due.fees = false;
        }
        if self.due.records {
            let retried = self.ledger.retry_unrated(now).await?;
            if retried.rated > 0 {
                tracing::info!(rated = retried.rated, left = retried.left, "records that waited are rated");
            }
            self.due.records = false;
            self.counters.waiting(&self.ledger.unrated(None).await?);
        }
        Ok(())
    }

    /// How long there is nothing to do.
    fn rest(&self) -> Duration {
        let look = Duration::try_from(self.next_look.duration_since(self.clock.now())).unwrap_or_default();
        let list = self.awaits_list_until.filter(|_| self.due.fees);
        list.map_or(look, |until| look.min(until.saturating_duration_since(Instant::now())))
    }
}

/// When the next quarter of an hour begins. A part that takes long to apply makes the look late, not missed.
fn next_quarter(now: Timestamp) -> Timestamp {
    let into = now.as_second().rem_euclid(QUARTER);
    Timestamp::from_second(now.as_second().saturating_add(QUARTER - into)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::tests::bench::{NUMBER, binding, now, part, prices};
    use crate::ledger::sqlite::{Options, SqliteLedger};

    #[test]
    fn fees_are_looked_at_when_a_quarter_begins() {
        for (now, next) in [
            ("2026-11-30T23:59:59.2+08:00", "2026-12-01T00:00:00+08:00"),
            ("2026-12-01T00:00:00+08:00", "2026-12-01T00:15:00+08:00"),
            ("2026-12-01T05:40:00+05:45", "2026-12-01T05:45:00+05:45"),
        ] {
            assert_eq!(next_quarter(now.parse().unwrap()), next.parse().unwrap(), "{now}");
        }
    }

    fn opened(folder: &tempfile::TempDir) -> Arc<dyn Ledger> {
        Arc::new(SqliteLedger::open(&Options::at(&folder.path().join("ledger.db")), now()).unwrap())
    }

    #[tokio::test]
    async fn a_quarter_that_began_while_a_part_was_taken_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let mut biller = Biller::new(opened(&folder), Clock::showing(now()), Counters::default());
        biller.take(&BillingPart::Listed(None)).await;
        biller.catch_up().await.unwrap();
        assert_eq!(biller.due, Due::NOTHING);
        // As if the last part had taken until now.
        biller.next_look = now() - jiff::SignedDuration::from_secs(1);
        assert_eq!(biller.rest(), Duration::ZERO);
        biller.take(&BillingPart::Prices(prices("0.60"))).await;
        biller.due = Due::NOTHING;
        biller.catch_up().await.unwrap();
        assert!(biller.next_look > now());
    }

    #[tokio::test]
    async fn fees_wait_for_the_first_whole_list_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut biller = Biller::new(opened(&folder), Clock::showing(now()), Counters::default());
        assert!(biller.due.fees && biller.rest() <= FIRST_LIST_PATIENCE);
        biller.catch_up().await.unwrap();
        assert!(biller.due.fees);
        biller.awaits_list_until = Some(Instant::now());
        biller.catch_up().await.unwrap();
        assert!(!biller.due.fees);
    }

    #[tokio::test]
    async fn a_part_that_cannot_be_used_does_not_hold_back_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::at(&folder.path().join("ledger.db"));
        let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&options, now()).unwrap());
        let (parts, follow) = mpsc::channel(4);
        let mut newer = part("0", Vec::new());
        newer.format = 99;
        let entries = vec![binding(NUMBER, "acme", &prices("0.60"))];
        for part in [
            BillingPart::Bindings(newer),
            BillingPart::Bindings(part("1", entries)),
            BillingPart::Prices(prices("0.60")),
            BillingPart::Listed(None),
        ] {
            parts.send(part).await.unwrap();
        }
        drop(parts);
        let counters = Counters::default();
        Biller::new(Arc::clone(&ledger), Clock::showing(now()), counters.clone()).run(follow).await;
        let usage = ledger.usage_of(NUMBER.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
        assert_eq!(usage[0].charges.setup, "200.00".parse().unwrap(), "the fee that waited for its price book");
        let mut registry = prometheus_client::registry::Registry::default();
        counters.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("fourhundred_billing_parts_total{result=\"refused\"} 1"), "{text}");
        assert!(text.contains("fourhundred_billing_parts_total{result=\"applied\"} 3"), "{text}");
    }

    #[test]
    fn what_is_due_only_grows() {
        assert_eq!(Due::NOTHING.and(Due::RECORDS), Due::RECORDS);
        assert_eq!(Due::RECORDS.and(Due::NOTHING), Due::RECORDS);
        assert_eq!(Due::FEES_AND_RECORDS.and(Due::RECORDS), Due::FEES_AND_RECORDS);
    }
}
