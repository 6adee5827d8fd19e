//! What the biller counts. Every label is from a closed set; no number, tenant or source is one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::ledger::{Booking, LedgerError, UnratedCount, UnratedReason};

/// `result` of a record or a part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabel {
    result: &'static str,
}

/// `reason` of an unrated record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    reason: &'static str,
}

/// HTTP `code` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CodeLabel {
    code: u16,
}

/// `class` of a ledger failure.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClassLabel {
    class: &'static str,
}

/// The biller's counters. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    records: Family<ResultLabel, Counter>,
    unrated: Family<ReasonLabel, Counter>,
    waiting: Family<ReasonLabel, Gauge>,
    requests: Family<CodeLabel, Counter>,
    parts: Family<ResultLabel, Counter>,
    ledger_failures: Family<ClassLabel, Counter>,
    fees: Counter,
    unpriced: Counter,
    awaiting_prices: Gauge,
}

impl Counters {
    /// Puts the counters where metrics are read.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("fourhundred_call_records", "Call records by what became of them", self.records.clone());
        registry.register(
            "fourhundred_call_records_unrated",
            "Call records kept without a price, by reason",
            self.unrated.clone(),
        );
        registry.register(
            "fourhundred_call_records_waiting",
            "Call records in the ledger that have no price yet, by reason",
            self.waiting.clone(),
        );
        registry.register("fourhundred_intake_requests", "Call record requests by answer", self.requests.clone());
        registry.register("fourhundred_billing_parts", "Parts of the plan given to billing", self.parts.clone());
        registry.register(
            "fourhundred_ledger_failures",
            "Requests that the ledger did not do, by class",
            self.ledger_failures.clone(),
        );
        registry.register("fourhundred_fees", "Set-up and monthly fees booked", self.fees.clone());
        registry.register(
            "fourhundred_fees_unpriced",
            "Looks at a package or function that the price book does not list",
            self.unpriced.clone(),
        );
        registry.register(
            "fourhundred_fees_awaiting_prices",
            "Numbers whose fees wait for a price book that the plan has not brought",
            self.awaiting_prices.clone(),
        );
    }

    pub(super) fn record(&self, booking: &Booking) {
        let result = match booking {
            Booking::Booked => "accepted",
            Booking::Unrated(reason) => {
                self.unrated.get_or_create(&ReasonLabel { reason: reason.name() }).inc();
                "accepted"
            }
            Booking::Duplicate => "duplicate",
            Booking::Conflict => "conflict",
            Booking::Refused(_) => "refused",
        };
        self.records.get_or_create(&ResultLabel { result }).inc();
    }

    /// What the ledger keeps unrated now; reasons that are left out have none.
    pub(super) fn waiting(&self, counts: &[UnratedCount]) {
        for reason in UnratedReason::ALL {
            let records = counts.iter().find(|count| count.reason == reason).map_or(0, |count| count.records);
            let gauge = self.waiting.get_or_create(&ReasonLabel { reason: reason.name() });
            gauge.set(i64::try_from(records).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn refused_lines(&self, lines: usize) {
        self.records.get_or_create(&ResultLabel { result: "refused" }).inc_by(lines as u64);
    }

    pub(super) fn passed_over(&self, lines: usize) {
        if lines > 0 {
            self.records.get_or_create(&ResultLabel { result: "passed_over" }).inc_by(lines as u64);
        }
    }

    pub(super) fn request(&self, code: u16) {
        self.requests.get_or_create(&CodeLabel { code }).inc();
    }

    pub(super) fn part(&self, result: PartResult) {
        let result = match result {
            PartResult::Applied => "applied",
            PartResult::Refused => "refused",
            PartResult::Delayed => "delayed",
        };
        self.parts.get_or_create(&ResultLabel { result }).inc();
    }

    pub(super) fn failure(&self, error: &LedgerError) {
        self.ledger_failures.get_or_create(&ClassLabel { class: error.class().label() }).inc();
    }

    /// How many numbers' fees wait for a price book now.
    pub(super) fn awaiting_prices(&self, numbers: u64) {
        self.awaiting_prices.set(i64::try_from(numbers).unwrap_or(i64::MAX));
    }

    pub(super) fn fees(&self, booked: u64, unpriced: u64) {
        self.fees.inc_by(booked);
        self.unpriced.inc_by(unpriced);
    }
}

/// What became of a part of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartResult {
    Applied,
    /// It cannot be used; what was there before goes on.
    Refused,
    /// The ledger did not take it yet.
    Delayed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_under_their_names() {
        let (counters, mut registry) = (Counters::default(), Registry::default());
        counters.register(&mut registry);
        counters.record(&Booking::Unrated(UnratedReason::NumberNotHeld));
        counters.record(&Booking::Conflict);
        counters.request(422);
        counters.failure(&LedgerError::Busy);
        counters.part(PartResult::Delayed);
        counters.fees(3, 1);
        counters.awaiting_prices(4);
        counters.waiting(&[UnratedCount { reason: UnratedReason::NoRate, records: 7 }]);
        counters.waiting(&[UnratedCount { reason: UnratedReason::PackageUnknown, records: 5 }]);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "fourhundred_call_records_total{result=\"accepted\"} 1",
            "fourhundred_call_records_total{result=\"conflict\"} 1",
            "fourhundred_call_records_unrated_total{reason=\"NumberNotHeld\"} 1",
            "fourhundred_intake_requests_total{code=\"422\"} 1",
            "fourhundred_ledger_failures_total{class=\"busy\"} 1",
            "fourhundred_billing_parts_total{result=\"delayed\"} 1",
            "fourhundred_fees_total 3",
            "fourhundred_call_records_waiting{reason=\"NoRate\"} 0",
            "fourhundred_call_records_waiting{reason=\"PackageUnknown\"} 5",
            "fourhundred_fees_unpriced_total 1",
            "fourhundred_fees_awaiting_prices 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
