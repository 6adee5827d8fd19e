//! Fees that time brings: set-up, packages, functions, minimum spend.
//!
//! [`crate::domain::rating::monthly`] says what is due; each line's key lets it into the book once, so asking again, or
//! after a crash, or a month late, comes to the same book.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::memory::{History, Memory, Tenure};
use super::minimum;
use super::post::{self, Posted, Posting};
use super::totals::UsageKey;
use super::value;
use super::writer::Desk;
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::Charge;
use crate::domain::rating::book::PriceBook;
use crate::domain::rating::monthly::{Holder, Span, monthly_charges, setup_charge};
use crate::ledger::{Accrued, LedgerError};

/// Numbers looked at in one transaction, so that records are not kept waiting at the turn of a month.
const STEP: usize = 500;

/// Books what is due for the next numbers after `after`; returns where to go on.
pub(super) fn some(desk: &mut Desk<'_>, after: i64, now: Timestamp) -> Result<(Accrued, Option<i64>), LedgerError> {
    let numbers: Vec<i64> = desk.memory.numbers.range(after + 1..).map(|(number, _)| *number).take(STEP).collect();
    let next = numbers.last().copied().filter(|_| numbers.len() == STEP);
    let mut sum = Accrued::default();
    for number in numbers {
        if desk.memory.numbers.get(&number).is_some_and(|history| may_owe(desk.memory, history, now)) {
            let accrued = number_fees(desk, number, now)?;
            sum.fees += accrued.fees;
            sum.unpriced += accrued.unpriced;
            sum.waiting += accrued.waiting;
        }
    }
    Ok((sum, next))
}

/// Nothing new falls due within a civil day unless a binding changed, which is looked at when it does.
fn may_owe(memory: &Memory, history: &History, now: Timestamp) -> bool {
    let (Some(latest), Some(through)) = (history.latest(), history.accrued_through) else {
        return history.latest().is_some();
    };
    match &latest.terms {
        // Nothing more, once the month in which it was given back is over and looked at.
        None => {
            let before = history.held.iter().rev().find_map(|held| held.terms.as_ref());
            let zone = before.and_then(|terms| memory.books.get(&terms.price_book)).map_or(&memory.zone, |b| b.zone());
            let over = Month::of(latest.valid_from, zone).next().first_instant(zone);
            through < latest.valid_from || (through < over && over <= now)
        }
        Some(terms) => {
            let zone = memory.books.get(&terms.price_book).map_or(&memory.zone, |book| book.zone());
            through < latest.valid_from || (through < now && day(through, zone) != day(now, zone))
        }
    }
}

fn day(instant: Timestamp, zone: &TimeZone) -> jiff::civil::Date {
    zone.to_datetime(instant).date()
}

/// What a number owes, line by line, with account and binding of each.
#[derive(Default)]
struct Due {
    lines: Vec<(i64, i64, Charge)>,
    /// Sentences that say what has no price.
    unpriced: Vec<String>,
    /// A month, or the set-up, waits for its price book.
    waits: bool,
    /// Months that are over, or may be, each with the account that held the number in it.
    over: Vec<UsageKey>,
}

/// Books what one number owes up to `now`.
pub(super) fn number_fees(desk: &mut Desk<'_>, number: i64, now: Timestamp) -> Result<Accrued, LedgerError> {
    let Some(history) = desk.memory.numbers.get(&number) else { return Ok(Accrued::default()) };
    let due = due(desk.memory, history, value::number_from(number)?, now, desk.horizon_months);
    for unpriced in &due.unpriced {
        tracing::warn!(reason = unpriced, "a fee is not booked");
    }
    let mut accrued = Accrued { fees: 0, unpriced: due.unpriced.len() as u64, waiting: u64::from(due.waits) };
    for (account, binding, charge) in &due.lines {
        let posting = Posting { account: *account, number, binding: *binding, charge };
        match post::fee(desk, posting, now)? {
            Posted::Booked => accrued.fees += 1,
            Posted::Known => {}
            Posted::OutOfRange => accrued.unpriced += 1,
        }
    }
    for key in due.over {
        match minimum::settle(desk, key, now)? {
            Some(Posted::Booked) => accrued.fees += 1,
            Some(Posted::OutOfRange) => accrued.unpriced += 1,
            Some(Posted::Known) | None => {}
        }
    }
    // What waits is looked at again until its price book has come; lines booked meanwhile have their keys.
    if !due.waits {
        note_accrued(desk, number, now)?;
    }
    Ok(accrued)
}

fn note_accrued(desk: &mut Desk<'_>, number: i64, now: Timestamp) -> Result<(), LedgerError> {
    desk.connection
        .prepare_cached(
            "INSERT INTO accruals (number, through) VALUES (?1, ?2)
             ON CONFLICT (number) DO UPDATE SET through = max(through, excluded.through)",
        )
        .and_then(|mut statement| statement.execute((number, now.as_millisecond())))
        .map_err(desk.failed())?;
    if let Some(history) = desk.memory.numbers.get_mut(&number) {
        history.accrued_through = history.accrued_through.max(Some(now));
    }
    Ok(())
}

fn due(memory: &Memory, history: &History, number: FourHundred, now: Timestamp, horizon_months: u16) -> Due {
    let mut due = Due::default();
    let mut tenants: Vec<(&str, i64)> = Vec::new();
    for terms in history.held.iter().filter_map(|held| held.terms.as_deref()) {
        if !tenants.contains(&(terms.tenant.as_str(), terms.account)) {
            tenants.push((&terms.tenant, terms.account));
        }
    }
    let horizon = now
        .to_zoned(TimeZone::UTC)
        .checked_sub(i32::from(horizon_months).months())
        .map_or(Timestamp::MIN, |then| then.timestamp());
    let since = history.accrued_through.map_or(horizon, |through| through.max(horizon));
    for (tenant, account) in tenants {
        let tenures: Vec<Tenure<'_>> = history.tenures(tenant, now).collect();
        let question = Question { memory, holder: Holder { number, tenant }, account, now };
        question.fees(&tenures, since, &mut due);
    }
    due
}

/// Whose fees, up to when.
#[derive(Clone, Copy)]
struct Question<'a> {
    memory: &'a Memory,
    holder: Holder<'a>,
    account: i64,
    now: Timestamp,
}

impl Question<'_> {
    /// The set-up, and the fees of every month from that of `since` on.
    fn fees(self, tenures: &[Tenure<'_>], since: Timestamp, due: &mut Due) {
        let Some((first, last)) = tenures.first().zip(tenures.last()) else { return };
        match self.book(first).map(|book| setup_charge(self.holder, book, first.from)) {
            Some(Some(charge)) => due.lines.push((self.account, first.binding, charge)),
            Some(None) => due.unpriced.push(format!("set-up: the price book had no version on {}", first.from)),
            None => due.waits = true,
        }
        let end = Month::of(self.now, self.zone(last));
        let mut month = Month::of(since.max(first.from).min(self.now), self.zone(first));
        // Tariffs may have zones of their own: the month before may have ended by its own since it was last asked.
        self.over(month.previous(), due);
        while month <= end {
            self.month(tenures, month, due);
            if month < end {
                self.over(month, due);
            }
            month = month.next();
        }
    }

    fn over(self, month: Month, due: &mut Due) {
        let number = value::number_column(self.holder.number);
        due.over.push(UsageKey { month: value::month_column(month), number, tenant: self.account });
    }

    fn month(self, tenures: &[Tenure<'_>], month: Month, due: &mut Due) {
        let held: Vec<&Tenure<'_>> = tenures.iter().filter(|tenure| tenure.lies_in(month, self.zone(tenure))).collect();
        // A month is priced whole or not at all: days of a function that were left out would shift the others.
        let spans = held.iter().map(|tenure| Some(tenure.span(self.book(tenure)?))).collect::<Option<Vec<Span<'_>>>>();
        let Some(spans) = spans else {
            due.waits = true;
            return;
        };
        let monthly = monthly_charges(self.holder, &spans, month, self.now);
        let lines = monthly.fees.into_iter().filter_map(|fee| {
            let tenure = held.get(fee.span)?;
            Some((self.account, tenure.binding, fee.charge))
        });
        due.lines.extend(lines);
        due.unpriced.extend(monthly.unpriced.iter().map(ToString::to_string));
    }

    fn book(&self, tenure: &Tenure<'_>) -> Option<&PriceBook> {
        self.memory.books.get(&tenure.terms.price_book).map(AsRef::as_ref)
    }

    fn zone(&self, tenure: &Tenure<'_>) -> &TimeZone {
        self.book(tenure).map_or(&self.memory.zone, PriceBook::zone)
    }
}
