//! Call records rated by a folder's tariffs: what last month's calls would cost, without a ledger.
//!
//! Every number is held since ever by the tariff, package and functions that the folder says now. The rules are the
//! biller's: a record counts once by source, call id and leg, calls of a package fill it in whatever order they come,
//! packages and functions are due for each month in which there was a call.

mod rater;
pub mod what_if;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde::Serialize;

use self::rater::plus;
pub use self::rater::{Rater, has_tariff};
use super::Offline;
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::charge::CallerInformation;
use crate::domain::rating::record::RecordIdentity;
use crate::domain::rating::{CallRecord, Charge, MicroYuan};

/// What became of one line of the records.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RatedLine {
    /// Its place in what was handed in, from 1: the line of a file of lines, the position in a list.
    pub line: usize,
    pub outcome: LineOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<FourHundred>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<Charge>,
    /// What the caller pays elsewhere; outside every total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerInformation>,
    /// Why it is unrated or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LineOutcome {
    /// Rated; a leg that is not charged is too.
    Rated,
    /// Kept without a price.
    Unrated,
    /// The same record again.
    Duplicate,
    /// The same identity with other content: it would charge nothing.
    Conflict,
    /// Not a record.
    Refused,
}

/// A number's month.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberTotal {
    pub number: FourHundred,
    pub tenant: String,
    pub month: Month,
    pub legs_charged: u64,
    pub charged_seconds: u64,
    /// Packages of minutes included.
    pub voice: MicroYuan,
    pub functions: MicroYuan,
    pub total: MicroYuan,
    /// Package and function fees of the month.
    pub fees: Vec<Charge>,
    /// What is held and has no price.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unpriced: Vec<String>,
}

/// A tenant's month.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantTotal {
    pub tenant: String,
    pub month: Month,
    pub numbers: u64,
    pub total: MicroYuan,
}

/// Everything that came of a file of records.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RatingReport {
    pub lines: Vec<RatedLine>,
    pub numbers: Vec<NumberTotal>,
    pub tenants: Vec<TenantTotal>,
    pub total: MicroYuan,
}

impl RatingReport {
    /// How many lines ended so.
    pub fn count(&self, outcome: LineOutcome) -> usize {
        self.lines.iter().filter(|line| line.outcome == outcome).count()
    }
}

struct Desk {
    rater: Rater,
    seen: BTreeMap<RecordIdentity, Digest>,
}

/// Rates records in the order given. Each item is one record's place and JSON text.
pub fn rate<'t>(offline: &Offline, records: impl Iterator<Item = (usize, &'t [u8])>) -> RatingReport {
    let mut desk = Desk { rater: Rater::of(offline, None), seen: BTreeMap::new() };
    let mut report = RatingReport::default();
    for (line, text) in records {
        report.lines.push(desk.line(line, text));
    }
    report.numbers = desk.rater.totals();
    let mut tenants: BTreeMap<(String, Month), (u64, MicroYuan)> = BTreeMap::new();
    for number in &report.numbers {
        let sum = tenants.entry((number.tenant.clone(), number.month)).or_default();
        sum.0 += 1;
        sum.1 = plus(sum.1, number.total);
        report.total = plus(report.total, number.total);
    }
    let tenant = |((tenant, month), (numbers, total))| TenantTotal { tenant, month, numbers, total };
    report.tenants = tenants.into_iter().map(tenant).collect();
    report
}

impl Desk {
    fn line(&mut self, line: usize, text: &[u8]) -> RatedLine {
        let mut rated = RatedLine {
            line,
            outcome: LineOutcome::Refused,
            source: None,
            call_id: None,
            leg: None,
            number: None,
            charge: None,
            caller: None,
            reason: None,
        };
        let record = match CallRecord::from_json(text) {
            Ok(record) => record,
            Err(error) => {
                rated.reason = Some(error.to_string());
                return rated;
            }
        };
        let identity = record.identity().clone();
        rated.source = Some(identity.source.clone());
        rated.call_id = Some(identity.call_id.clone());
        rated.leg = Some(identity.leg);
        rated.number = Some(record.number());
        rated.outcome = match self.seen.entry(identity) {
            Entry::Occupied(known) if *known.get() == record.content_hash() => LineOutcome::Duplicate,
            Entry::Occupied(_) => LineOutcome::Conflict,
            Entry::Vacant(place) => {
                place.insert(record.content_hash());
                LineOutcome::Rated
            }
        };
        if rated.outcome == LineOutcome::Rated {
            self.price(&record, &mut rated);
        }
        rated
    }

    fn price(&mut self, record: &CallRecord, rated: &mut RatedLine) {
        match self.rater.add(record) {
            Ok(priced) => {
                rated.charge = priced.charge;
                rated.caller = priced.caller;
            }
            Err(why) => {
                rated.outcome = LineOutcome::Unrated;
                rated.reason = Some(why.to_string());
            }
        }
    }
}

#[cfg(test)]
mod split_tests;

#[cfg(test)]
mod tests {
    use LineOutcome::{Conflict, Duplicate, Rated, Refused, Unrated};

    use jiff::Timestamp;

    use super::*;
    use crate::offline::tests::examples;

    fn record(call_id: &str, destination: &str, seconds: i64) -> String {
        let ended: Timestamp = "2026-11-10T10:00:10+08:00".parse().unwrap();
        let ended = ended + jiff::SignedDuration::from_secs(seconds);
        format!(
            r#"{{"source":"fs-1","callId":"{call_id}","leg":1,"number":"4001000868","caller":"01066660000","destination":"{destination}","startedAt":"2026-11-10T10:00:00+08:00","answeredAt":"2026-11-10T10:00:10+08:00","endedAt":"{ended}","outcome":"Answered"}}"#
        )
    }

    #[test]
    fn a_package_is_filled_and_the_rest_costs_by_the_minute() {
        let offline = examples();
        let texts = [
            record("a", "01088880001", 500 * 60 - 30),
            record("b", "075566660002", 124),
            record("b", "075566660002", 124),
            record("b", "075566660002", 125),
            "{}".to_owned(),
            record("c", "01088880001", 60).replace("4001000868", "4001000869"),
        ];
        let report = rate(&offline, (1..).zip(texts.iter().map(String::as_bytes)));
        let outcomes: Vec<LineOutcome> = report.lines.iter().map(|line| line.outcome).collect();

        assert_eq!(outcomes, [Rated, Rated, Duplicate, Conflict, Refused, Unrated]);
        let amounts: Vec<Option<String>> =
            report.lines.iter().map(|line| line.charge.as_ref().map(|charge| charge.amount.to_string())).collect();
        assert_eq!(amounts[..2], [Some("0.00".to_owned()), Some("0.36".to_owned())]);
        assert!(report.lines[1].charge.as_ref().unwrap().explain().contains("the difference is 0.36"));
        // m300 costs 300.00 a month, Schedule 10, Screening 5, Percentage 5.
        let number = &report.numbers[0];
        assert_eq!((number.voice.to_string(), number.functions.to_string()), ("300.36".to_owned(), "20.00".to_owned()));
        assert_eq!((number.legs_charged, number.charged_seconds), (2, 30_180));
        assert_eq!((report.tenants[0].tenant.as_str(), report.total.to_string().as_str()), ("acme", "320.36"));
    }
}
