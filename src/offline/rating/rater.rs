//! Numbers as a folder says they are, and what their calls come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::NumberTotal;
use crate::api::FourHundredNumber;
use crate::controllers::world::Find as _;
use crate::controllers::{claim, pool, tariff};
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::book::PriceBook;
use crate::domain::rating::charge::Total;
use crate::domain::rating::minimum::{Filling, MonthSoFar, minimum_charge};
use crate::domain::rating::monthly::{Holder, Span, monthly_charges, package_of_month};
use crate::domain::rating::rate::{MonthPackage, PackageUse, Rated, Unrated, Used, meter, rate_call};
use crate::domain::rating::roll_over::{Recarried, left_over, recarried_charge};
use crate::domain::rating::{CallRecord, MicroYuan};
use crate::offline::Offline;

/// What a number is for money, as the folder says.
#[derive(Debug)]
struct Terms {
    tenant: String,
    book: Arc<PriceBook>,
    package: Option<String>,
    functions: Vec<String>,
    minimum: Option<MicroYuan>,
}

impl Terms {
    /// Held since ever, for ever.
    fn span(&self) -> Span<'_> {
        Span {
            from: Timestamp::UNIX_EPOCH,
            until: None,
            book: &self.book,
            package: self.package.as_deref(),
            functions: &self.functions,
            minimum: self.minimum,
        }
    }
}

#[derive(Debug, Default)]
struct MonthUse {
    legs_charged: u64,
    seconds: u64,
    /// Of these, by the meters of rates that look back on the month.
    metered: BTreeMap<String, u64>,
    /// Seconds carried over, once asked for.
    carried: Option<u64>,
    voice: MicroYuan,
}

/// Why a record has no price here.
#[derive(Debug, thiserror::Error)]
pub enum NotRated {
    #[error("no FourHundredNumber of the folder holds {0}")]
    NumberNotHeld(FourHundred),
    #[error("{reason}: {0}", reason = .0.reason())]
    Unrated(#[from] Unrated),
}

/// Rates records by a folder's tariffs, and keeps the sums of each number and month.
#[derive(Debug)]
pub struct Rater {
    terms: HashMap<FourHundred, Terms>,
    used: BTreeMap<(FourHundred, Month), MonthUse>,
}

impl Rater {
    /// By the folder's own tariffs; or by one of them, for every number. Numbers whose tariff cannot be used have no price.
    pub fn of(offline: &Offline, tariff: Option<&str>) -> Self {
        let mut books: HashMap<String, Option<Arc<PriceBook>>> = HashMap::new();
        let mut book = |name: &str| {
            let read = || book(offline, name).map(Arc::new);
            books.entry(name.to_owned()).or_insert_with(read).clone()
        };
        let held = offline.facts.stores.claims.state();
        let found = held.iter().filter_map(|claim| {
            let number = claim::number_of(claim)?;
            let holder = offline.holder_of(number)?;
            let book = book(tariff.unwrap_or(&holder.spec.tariff_ref.name))?;
            let pool = offline.facts.stores.pools.find_name(&claim.spec.pool);
            let minimum = pool.and_then(|pool| pool::minimum_of(&pool, claim, number)?.parse().ok());
            Some((number, terms(&holder, claim.spec.tenant.clone(), book, minimum)))
        });
        Self { terms: found.collect(), used: BTreeMap::new() }
    }

    /// Rates a record and adds it to its number's month.
    pub fn add(&mut self, record: &CallRecord) -> Result<Rated, NotRated> {
        let number = record.number();
        let terms = self.terms.get(&number).ok_or(NotRated::NumberNotHeld(number))?;
        let month = terms.book.month_of(record.started_at());
        let rolls_over = terms.book.rolls_over();
        let carried_seconds = if rolls_over { self.carried(number, month) } else { 0 };
        let used = self.used.entry((number, month)).or_default();
        let package = package_of_month(&[terms.span()], month)?;
        let distance = record.distance();
        let rated = if let Some(terms_of_month) = package {
            let package = PackageUse { terms: terms_of_month, used_seconds: used.seconds, carried_seconds };
            rate_call(&terms.book, Used::Package(package), record, distance)?
        } else if let Some(meter) = meter(&terms.book, record, distance)? {
            let metered = used.metered.entry(meter.to_string()).or_default();
            let rated = rate_call(&terms.book, Used::Metered(*metered), record, distance)?;
            *metered = metered.saturating_add(rated.seconds());
            rated
        } else {
            rate_call(&terms.book, Used::Nothing, record, distance)?
        };
        used.seconds = used.seconds.saturating_add(rated.seconds());
        if let Some(charge) = &rated.charge {
            used.legs_charged += 1;
            used.voice = plus(used.voice, charge.amount);
        }
        if rolls_over {
            self.pass_on(number, month);
        }
        Ok(rated)
    }

    /// What the month before left over of a package. Of the time before the first call nothing is known, and nothing taken.
    fn carried(&self, number: FourHundred, month: Month) -> u64 {
        if let Some(carried) = self.used.get(&(number, month)).and_then(|used| used.carried) {
            return carried;
        }
        let earlier = self.used.range(..(number, month)).next_back();
        if earlier.is_none_or(|((of, _), _)| *of != number) {
            return 0;
        }
        let before = month.previous();
        let Some(package) = self.package(number, before) else { return 0 };
        let used = self.used.get(&(number, before)).map_or(0, |used| used.seconds);
        let carried = if used == 0 { 0 } else { self.carried(number, before) };
        left_over(package.package, used, carried)
    }

    fn package(&self, number: FourHundred, month: Month) -> Option<MonthPackage<'_>> {
        package_of_month(&[self.terms.get(&number)?.span()], month).ok()?
    }

    /// Brings later months to what they have carried over now.
    fn pass_on(&mut self, number: FourHundred, mut month: Month) {
        let carried = self.carried(number, month);
        if let Some(used) = self.used.get_mut(&(number, month)) {
            used.carried = Some(carried);
        }
        loop {
            let next = month.next();
            let later = self.used.get(&(number, next)).and_then(|later| Some((later.carried?, later.seconds)));
            let (Some((before, used)), Some(own)) = (later, self.used.get(&(number, month))) else { return };
            let Some(package) = self.package(number, month) else { return };
            let carried = left_over(package.package, own.seconds, own.carried.unwrap_or(0));
            if carried == before {
                return;
            }
            let more = self.recarried(number, Recarried { month: next, used, before, carried });
            if let Some(later) = self.used.get_mut(&(number, next)) {
                later.carried = Some(carried);
                later.voice = plus(later.voice, more.unwrap_or_default());
            }
            month = next;
        }
    }

    fn recarried(&self, number: FourHundred, recarried: Recarried) -> Option<MicroYuan> {
        let holder = Holder { number, tenant: &self.terms.get(&number)?.tenant };
        let charge = recarried_charge(holder, self.package(number, recarried.month)?, recarried);
        charge.ok()?.map(|charge| charge.amount)
    }

    /// The usage month of a record's start, where its number is held.
    pub fn month_of(&self, record: &CallRecord) -> Option<Month> {
        Some(self.terms.get(&record.number())?.book.month_of(record.started_at()))
    }

    /// Months in which there was a call.
    pub fn months(&self) -> BTreeSet<Month> {
        self.used.keys().map(|(_, month)| *month).collect()
    }

    /// Counts every number as held in these months, with or without a call.
    pub fn hold_in(&mut self, months: &BTreeSet<Month>) {
        for number in self.terms.keys() {
            for month in months {
                self.used.entry((*number, *month)).or_default();
            }
        }
    }

    /// Each number's months in which there was a call, with the fees that were due in them.
    pub fn totals(&self) -> Vec<NumberTotal> {
        let used = self.used.iter();
        used.filter_map(|((number, month), used)| Some(total(*number, *month, used, self.terms.get(number)?))).collect()
    }
}

/// Whether the folder has a tariff of this name that can be used.
pub fn has_tariff(offline: &Offline, name: &str) -> bool {
    book(offline, name).is_some()
}

fn book(offline: &Offline, tariff: &str) -> Option<PriceBook> {
    let tariff = offline.facts.stores.tariffs.find_name(tariff)?;
    PriceBook::new(&tariff::price_book(&tariff).ok()?.document).ok()
}

fn terms(number: &FourHundredNumber, tenant: String, book: Arc<PriceBook>, minimum: Option<MicroYuan>) -> Terms {
    let mut functions: Vec<String> = number.spec.functions.iter().map(|function| format!("{function:?}")).collect();
    functions.sort();
    Terms { tenant, book, package: number.spec.package.clone(), functions, minimum }
}

fn total(number: FourHundred, month: Month, used: &MonthUse, terms: &Terms) -> NumberTotal {
    let holder = Holder { number, tenant: &terms.tenant };
    let end = month.next().first_instant(terms.book.zone());
    let fees = monthly_charges(holder, &[terms.span()], month, end);
    let (mut voice, mut functions) = (used.voice, MicroYuan::ZERO);
    let (fees, unpriced) = (fees.fees.into_iter().map(|fee| fee.charge).collect::<Vec<_>>(), fees.unpriced);
    for fee in &fees {
        match fee.total() {
            Total::Voice => voice = plus(voice, fee.amount),
            _ => functions = plus(functions, fee.amount),
        }
    }
    let filling = Filling { voice, messages: MicroYuan::ZERO, functions };
    let so_far = MonthSoFar { month, opened: Timestamp::UNIX_EPOCH, filling, topped_up: MicroYuan::ZERO };
    let mut fees = fees;
    if let Some(fee) = minimum_charge(holder, &[terms.span()], so_far, end) {
        voice = plus(voice, fee.charge.amount);
        fees.push(fee.charge);
    }
    NumberTotal {
        number,
        tenant: terms.tenant.clone(),
        month,
        legs_charged: used.legs_charged,
        charged_seconds: used.seconds,
        voice,
        functions,
        total: plus(voice, functions),
        fees,
        unpriced: unpriced.iter().map(ToString::to_string).collect(),
    }
}

/// Sums that do not fit stay at the largest amount: nobody owes that much.
pub(super) fn plus(one: MicroYuan, other: MicroYuan) -> MicroYuan {
    one.checked_add(other).unwrap_or(MicroYuan::from_micros(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = r#"{"versions": [{"effectiveFrom": "2026-01-01", "voice": {"rates": [{"name": "all",
        "perMinute": {"enterprise": "0.60"}}]}, "packages": [{"name": "m10", "monthly": "5.00", "minutes": 10,
        "thenPerMinute": "0.12", "rollOver": "NextMonth"}], "minimumMonthly": {"counts": ["Voice"]}}]}"#;

    fn rater(package: Option<&str>) -> Rater {
        let terms = Terms {
            tenant: "acme".to_owned(),
            book: Arc::new(PriceBook::new(&serde_json::from_str(BOOK).unwrap()).unwrap()),
            package: package.map(str::to_owned),
            functions: Vec::new(),
            minimum: Some("5.30".parse().unwrap()),
        };
        Rater { terms: HashMap::from([("4001000868".parse().unwrap(), terms)]), used: BTreeMap::new() }
    }

    fn call(index: usize, month: &str, minutes: i64) -> CallRecord {
        let begin: Timestamp = format!("{month}-10T10:00:00+08:00").parse().unwrap();
        let end = begin + jiff::SignedDuration::from_mins(minutes);
        let text = format!(
            r#"{{"source":"fs-1","callId":"{index}","leg":1,"number":"4001000868","caller":"01066660000","destination":"01088880001","startedAt":"{begin}","answeredAt":"{begin}","endedAt":"{end}","outcome":"Answered"}}"#
        );
        CallRecord::from_json(text.as_bytes()).unwrap()
    }

    fn voice(package: Option<&str>, calls: &[(&str, i64)]) -> Vec<String> {
        let mut rater = rater(package);
        for (index, (month, minutes)) in calls.iter().enumerate() {
            rater.add(&call(index, month, *minutes)).unwrap();
        }
        rater.totals().iter().map(|total| format!("{} {}", total.month, total.voice)).collect()
    }

    #[test]
    fn minutes_roll_over_whatever_the_order_of_the_file_and_months_come_to_their_minimum() {
        let calls = [("2026-10", 4), ("2026-11", 18), ("2026-10", 5), ("2026-12", 14)];
        let expected = ["2026-10 5.30", "2026-11 5.84", "2026-12 5.48"];
        assert_eq!(voice(Some("m10"), &calls), expected);
        for turn in 1..calls.len() {
            let mut turned = calls;
            turned.rotate_left(turn);
            assert_eq!(voice(Some("m10"), &turned), expected, "{turn}");
        }
        assert_eq!(voice(None, &calls[..1]), ["2026-10 5.30"]);
    }
}
