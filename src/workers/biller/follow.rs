//! Keeping the ledger with the plan, and letting fees fall due.
//!
//! Parts are given in the order they came and none is skipped: one that the ledger cannot take now is tried until it
//! can, one that it never can is counted and dropped, and what was there before goes on. When the parts at hand are in,
//! records that waited for a binding or a price book are rated. Fees are looked at every quarter of an hour, since
//! every zone's midnight is at one.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::counters::{Counters, PartResult};
use crate::domain::routing::document::{Bindings, Prices};
use crate::ledger::{Cursor, ErrorClass, Kept, Ledger, LedgerError};
use crate::runtime::clock::Clock;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Seconds between looks at what fell due.
const QUARTER: i64 = 15 * 60;

/// A part of the plan that billing reads.
#[derive(Debug, Clone)]
pub enum BillingPart {
    /// Comes before the bindings that name it; if it comes later, what waited for it is done then.
    Prices(Prices),
    /// A withdrawn part comes as one without bindings.
    Bindings(Bindings),
}

/// The task that follows the plan and the clock.
#[derive(Debug)]
pub struct Biller {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    counters: Counters,
    due: Due,
}

/// What remains to be done once the parts at hand are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Records may have found their binding.
    Records,
    /// A price book came, or a quarter of an hour went by: fees too.
    FeesAndRecords,
}

impl Due {
    fn and(self, other: Self) -> Self {
        if self == Self::FeesAndRecords || other == Self::Nothing { self } else { other }
    }
}

impl Biller {
    pub fn new(ledger: Arc<dyn Ledger>, clock: Clock, counters: Counters) -> Self {
        Self { ledger, clock, counters, due: Due::FeesAndRecords }
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
                Ok(()) => until_next_quarter(self.clock.now()),
                Err(error) => {
                    self.counters.failure(&error);
                    tracing::warn!(error = &error as &dyn std::error::Error, "fees are booked later");
                    LONGEST_PAUSE
                }
            };
            match tokio::time::timeout(pause, parts.recv()).await {
                Ok(Some(part)) => self.take(&part).await,
                Ok(None) => break,
                Err(_) => self.due = Due::FeesAndRecords,
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
                    return;
                }
                Err(error) if error.class() == ErrorClass::Invalid => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a part of the plan is refused");
                    self.counters.part(PartResult::Refused);
                    return;
                }
                Err(error @ LedgerError::Stopped) => {
                    self.counters.failure(&error);
                    return;
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
    }

    async fn apply(&self, part: &BillingPart) -> Result<Due, LedgerError> {
        let now = self.clock.now();
        match part {
            BillingPart::Prices(prices) => match self.ledger.keep_price_book(prices.clone(), now).await? {
                Kept::New => Ok(Due::FeesAndRecords),
                Kept::Known => Ok(Due::Nothing),
            },
            BillingPart::Bindings(bindings) => {
                let changes = self.ledger.apply_bindings(bindings.clone(), now).await?;
                self.counters.fees(changes.fees, 0);
                Ok(if changes.changed > 0 { Due::Records } else { Due::Nothing })
            }
        }
    }

    /// Does what is due; what fails stays due.
    async fn catch_up(&mut self) -> Result<(), LedgerError> {
        if self.due == Due::FeesAndRecords {
            let accrued = self.ledger.accrue(self.clock.now()).await?;
            self.counters.fees(accrued.fees, accrued.unpriced);
            self.due = Due::Records;
        }
        if self.due == Due::Records {
            let retried = self.ledger.retry_unrated(self.clock.now()).await?;
            if retried.rated > 0 {
                tracing::info!(rated = retried.rated, left = retried.left, "records that waited are rated");
            }
            self.due = Due::Nothing;
            self.counters.waiting(&self.ledger.unrated(None).await?);
        }
        Ok(())
    }
}

/// How long until the next quarter of an hour has begun.
fn until_next_quarter(now: Timestamp) -> Duration {
    let into = now.as_second().rem_euclid(QUARTER);
    Duration::from_secs(u64::try_from(QUARTER - into).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::tests::bench::{NUMBER, binding, now, part, prices};
    use crate::ledger::sqlite::{Options, SqliteLedger};

    #[test]
    fn fees_are_looked_at_when_a_quarter_begins() {
        for (now, seconds) in
            [("2026-11-30T23:59:59.2+08:00", 1), ("2026-12-01T00:00:00+08:00", 900), ("2026-12-01T05:40:00+05:45", 300)]
        {
            assert_eq!(until_next_quarter(now.parse().unwrap()), Duration::from_secs(seconds), "{now}");
        }
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
        assert!(text.contains("fourhundred_billing_parts_total{result=\"applied\"} 2"), "{text}");
    }

    #[test]
    fn what_is_due_only_grows() {
        assert_eq!(Due::Nothing.and(Due::Records), Due::Records);
        assert_eq!(Due::Records.and(Due::Nothing), Due::Records);
        assert_eq!(Due::FeesAndRecords.and(Due::Records), Due::FeesAndRecords);
    }
}
