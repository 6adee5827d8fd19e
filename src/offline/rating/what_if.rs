//! The same calls under two price lists: what changes for whom.
//!
//! Records are read on every processor and counted one after the other, so that the same file always comes to the same:
//! which of two records of one identity counts is the first. Set-up fees are in neither side.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::rater::{Rater, plus};
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::record::RecordIdentity;
use crate::domain::rating::{CallRecord, MicroYuan};

/// Different reasons that are told; a number that nobody holds is one.
const MOST_REASONS: usize = 20;

/// What numbers came to before.
#[derive(Debug)]
pub enum Before {
    /// By another folder, or by this one's own tariffs.
    Rated(Rater),
    /// As a ledger booked them, for one month.
    Booked(Vec<Booked>),
}

/// A number's month in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    pub number: FourHundred,
    pub tenant: String,
    pub month: Month,
    /// Calls, packages and functions.
    pub amount: MicroYuan,
}

/// What became of the records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Records {
    pub rated: u64,
    /// By one side or both.
    pub unrated: u64,
    pub duplicates: u64,
    pub conflicts: u64,
    pub refused: u64,
    /// Why some were refused or have no price, in the order in which it was met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// Why records do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    pub reason: String,
    pub records: u64,
    /// Place of the first, from 1.
    pub first: u64,
}

/// An amount on both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub before: MicroYuan,
    pub after: MicroYuan,
    pub difference: MicroYuan,
}

/// A tenant's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantChange {
    pub tenant: String,
    pub month: Month,
    pub numbers: u64,
    #[serde(flatten)]
    pub change: Change,
}

/// A number's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberChange {
    pub number: FourHundred,
    pub tenant: String,
    pub month: Month,
    #[serde(flatten)]
    pub change: Change,
}

/// Everything that changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    pub records: Records,
    pub tenants: Vec<TenantChange>,
    /// Numbers whose months change most, the largest first.
    pub movers: Vec<NumberChange>,
    /// Numbers' months that change at all, and all there are.
    pub numbers_changed: u64,
    pub numbers: u64,
    pub total: Change,
}

impl Change {
    fn of(before: MicroYuan, after: MicroYuan) -> Self {
        let limit = MicroYuan::from_micros(if after.micros() < before.micros() { i64::MIN } else { i64::MAX });
        Self { before, after, difference: after.checked_sub(before).unwrap_or(limit) }
    }

    /// Tenths of a per cent, where there was something before.
    pub fn permille(&self) -> Option<i64> {
        let before = i128::from(self.before.micros());
        let scaled = i128::from(self.difference.micros()) * 1000;
        (before != 0).then(|| i64::try_from(scaled / before).unwrap_or(i64::MAX))
    }
}

/// Two sides and the records so far.
#[derive(Debug)]
pub struct Comparison {
    before: Before,
    after: Rater,
    /// The only month that counts, where records are a ledger's.
    month: Option<Month>,
    seen: HashMap<u128, u128>,
    records: Records,
    lines: u64,
}

/// A record that was read, by identity and content.
type Parsed = Result<(CallRecord, u128, u128), String>;

impl Comparison {
    pub fn new(before: Before, after: Rater, month: Option<Month>) -> Self {
        Self { before, after, month, seen: HashMap::new(), records: Records::default(), lines: 0 }
    }

    /// How many records have been counted.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Counts records, each a JSON text.
    pub fn add(&mut self, texts: &[&[u8]]) {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = texts.len().div_ceil(workers).max(1);
        let parsed: Vec<Vec<Parsed>> = std::thread::scope(|scope| {
            let parts = texts.chunks(share).map(|part| {
                let read = move || part.iter().map(|text| parse(text)).collect();
                std::thread::Builder::new().spawn_scoped(scope, read).map_err(|_| part)
            });
            let started: Vec<_> = parts.collect();
            let ended = started.into_iter().map(|part| match part {
                Ok(worker) => worker.join().unwrap_or_default(),
                // A system that has no thread left: the work is done here.
                Err(part) => part.iter().map(|text| parse(text)).collect(),
            });
            ended.collect()
        });
        for record in parsed.into_iter().flatten() {
            self.lines += 1;
            match record {
                Ok((record, identity, content)) => self.count(&record, identity, content),
                Err(reason) => {
                    self.records.refused += 1;
                    self.tell(reason);
                }
            }
        }
    }

    fn count(&mut self, record: &CallRecord, identity: u128, content: u128) {
        match self.seen.entry(identity) {
            Entry::Occupied(known) if *known.get() == content => self.records.duplicates += 1,
            Entry::Occupied(_) => self.records.conflicts += 1,
            Entry::Vacant(place) => {
                place.insert(content);
                self.rate(record);
            }
        }
    }

    fn rate(&mut self, record: &CallRecord) {
        if self.month.is_some_and(|month| self.after.month_of(record).is_some_and(|of| of != month)) {
            return;
        }
        let before = match &mut self.before {
            Before::Rated(rater) => rater.add(record).map(drop),
            Before::Booked(_) => Ok(()),
        };
        match before.and(self.after.add(record).map(drop)) {
            Ok(()) => self.records.rated += 1,
            Err(why) => {
                self.records.unrated += 1;
                self.tell(why.to_string());
            }
        }
    }

    fn tell(&mut self, reason: String) {
        let reasons = &mut self.records.reasons;
        if let Some(known) = reasons.iter_mut().find(|known| known.reason == reason) {
            known.records += 1;
        } else if reasons.len() < MOST_REASONS {
            reasons.push(Reason { reason, records: 1, first: self.lines });
        }
    }

    /// What changes, with at most so many movers. Fees are due of every number in each month of which there were calls.
    pub fn end(mut self, most_movers: usize) -> WhatIf {
        let mut months: BTreeSet<Month> = self.after.months();
        months.extend(self.month);
        if let Before::Rated(rater) = &mut self.before {
            months.extend(rater.months());
            rater.hold_in(&months);
        }
        self.after.hold_in(&months);
        let before: Vec<Booked> = match self.before {
            Before::Rated(rater) => booked(&rater),
            Before::Booked(booked) => booked,
        };
        let mut sides: BTreeMap<(String, Month, FourHundred), (MicroYuan, MicroYuan)> = BTreeMap::new();
        for Booked { number, tenant, month, amount } in before {
            let side = sides.entry((tenant, month, number)).or_default();
            side.0 = plus(side.0, amount);
        }
        for Booked { number, tenant, month, amount } in booked(&self.after) {
            let side = sides.entry((tenant, month, number)).or_default();
            side.1 = plus(side.1, amount);
        }
        report(self.records, sides, most_movers)
    }
}

fn booked(rater: &Rater) -> Vec<Booked> {
    let totals = rater.totals().into_iter();
    totals.map(|of| Booked { number: of.number, tenant: of.tenant, month: of.month, amount: of.total }).collect()
}

fn report(
    records: Records,
    sides: BTreeMap<(String, Month, FourHundred), (MicroYuan, MicroYuan)>,
    most_movers: usize,
) -> WhatIf {
    let mut report = WhatIf { records, numbers: sides.len() as u64, ..WhatIf::default() };
    let (mut before_all, mut after_all) = (MicroYuan::ZERO, MicroYuan::ZERO);
    for ((tenant, month, number), (before, after)) in sides {
        before_all = plus(before_all, before);
        after_all = plus(after_all, after);
        let known = report.tenants.last_mut().filter(|last| last.tenant == tenant && last.month == month);
        if let Some(last) = known {
            last.numbers += 1;
            last.change = Change::of(plus(last.change.before, before), plus(last.change.after, after));
        } else {
            let change = Change::of(before, after);
            report.tenants.push(TenantChange { tenant: tenant.clone(), month, numbers: 1, change });
        }
        if before != after {
            report.numbers_changed += 1;
            report.movers.push(NumberChange { number, tenant, month, change: Change::of(before, after) });
        }
    }
    report
        .movers
        .sort_by_key(|mover| (std::cmp::Reverse(mover.change.difference.micros().unsigned_abs()), mover.number));
    report.movers.truncate(most_movers);
    report.total = Change::of(before_all, after_all);
    report
}

fn parse(text: &[u8]) -> Parsed {
    let record = CallRecord::from_json(text).map_err(|error| error.to_string())?;
    let RecordIdentity { source, call_id, leg } = record.identity();
    let identity = half(&Digest::of(format!("{leg}/{source}/{call_id}").as_bytes()));
    let content = half(&record.content_hash());
    Ok((record, identity, content))
}

/// Half of a digest tells a billion records apart.
fn half(digest: &Digest) -> u128 {
    digest.as_bytes().iter().take(16).fold(0, |half, byte| half << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::Offline;
    use crate::offline::tests::examples;

    fn record(call: &str, number: &str, minutes: u32) -> String {
        format!(
            r#"{{"source":"fs-1","callId":"{call}","leg":1,"number":"{number}","caller":"01066660000","destination":"075566660002","startedAt":"2026-11-10T10:00:00+08:00","answeredAt":"2026-11-10T10:00:00+08:00","endedAt":"2026-11-10T10:{minutes:02}:00+08:00","outcome":"Answered"}}"#
        )
    }

    fn compared(offline: &Offline, tariff: Option<&str>, texts: &[String]) -> WhatIf {
        let mut comparison = Comparison::new(Before::Rated(Rater::of(offline, None)), Rater::of(offline, tariff), None);
        comparison.add(&texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        comparison.end(10)
    }

    #[test]
    fn the_same_prices_change_nothing() {
        let offline = examples();
        let texts: Vec<String> = (1..50).map(|call| record(&call.to_string(), "4001000868", 3)).collect();
        let same = compared(&offline, None, &texts);
        assert_eq!((same.records.rated, same.numbers_changed, same.movers.len()), (49, 0, 0));
        assert_eq!(same.total.difference, MicroYuan::ZERO);
        assert!(same.total.before > MicroYuan::ZERO);
        assert_eq!(same.tenants.len(), 1);
    }

    #[test]
    fn what_was_booked_is_compared_number_by_number() {
        let offline = examples();
        let month: Month = "2026-11".parse().unwrap();
        let booked = |number: &str, tenant: &str, yuan: i64| Booked {
            number: number.parse().unwrap(),
            tenant: tenant.to_owned(),
            month,
            amount: MicroYuan::from_micros(yuan * 1_000_000),
        };
        let before = Before::Booked(vec![booked("4001000868", "acme", 500), booked("4009999999", "gone", 7)]);
        let mut comparison = Comparison::new(before, Rater::of(&offline, None), Some(month));
        let other_month = record("october", "4001000868", 3).replace("2026-11-10", "2026-10-10");
        let texts = [
            record("a", "4001000868", 3),
            record("a", "4001000868", 3),
            record("a", "4001000868", 4),
            other_month,
            "{".to_owned(),
        ];
        comparison.add(&texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        assert_eq!(comparison.lines(), 5);
        let found = comparison.end(1);
        let Records { rated, duplicates, conflicts, refused, ref reasons, .. } = found.records;
        assert_eq!((rated, duplicates, conflicts, refused, reasons[0].first), (1, 1, 1, 1, 5));
        let gone = found.tenants.iter().find(|tenant| tenant.tenant == "gone").unwrap();
        assert_eq!((gone.change.after, gone.change.permille()), (MicroYuan::ZERO, Some(-1000)));
        assert_eq!(found.movers.len(), 1);
        let sum: i64 = found.tenants.iter().map(|tenant| tenant.change.difference.micros()).sum();
        assert_eq!(sum, found.total.difference.micros());
    }

    #[test]
    fn texts_that_come_in_pieces_come_to_the_same() {
        let offline = examples();
        let texts: Vec<String> =
            (0..200).map(|call| record(&(call % 150).to_string(), "4001000868", 1 + call % 7)).collect();
        let whole = compared(&offline, None, &texts);
        let sides = Before::Rated(Rater::of(&offline, None));
        let mut comparison = Comparison::new(sides, Rater::of(&offline, None), None);
        for piece in texts.chunks(7) {
            comparison.add(&piece.iter().map(String::as_bytes).collect::<Vec<_>>());
        }
        assert_eq!(comparison.end(10), whole);
        assert!(whole.records.conflicts > 0);
    }
}
