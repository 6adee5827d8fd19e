//! Fees that time brings: set-up, packages, functions.
//!
//! [`crate::domain::rating::monthly`] says what is due; each line's key lets it into the book once, so asking again, or
//! after a crash, or a month late, comes to the same book.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::memory::{BookMissing, History, Memory};
use super::post::{self, Posted, Posting};
use super::value;
use super::writer::Desk;
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
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
        None => through < latest.valid_from,
        Some(terms) => {
            let zone = memory.books.get(&terms.price_book).map_or(&memory.zone, |book| book.zone());
            through < latest.valid_from || (through < now && day(through, zone) != day(now, zone))
        }
    }
}

fn day(instant: Timestamp, zone: &TimeZone) -> jiff::civil::Date {
    zone.to_datetime(instant).date()
}

/// What a number owes, line by line, with the binding of each.
#[derive(Default)]
struct Due {
    lines: Vec<(i64, i64, Charge)>,
    /// Sentences that say what has no price.
    unpriced: Vec<String>,
}

/// Books what one number owes up to `now`.
pub(super) fn number_fees(desk: &mut Desk<'_>, number: i64, now: Timestamp) -> Result<Accrued, LedgerError> {
    let failed = desk.failed();
    let Some(history) = desk.memory.numbers.get(&number) else { return Ok(Accrued::default()) };
    // Without its price book a number owes nothing yet and is asked again when the book has come.
    let Ok(due) = due(desk.memory, history, value::number_from(number)?, now, desk.horizon_months) else {
        return Ok(Accrued::default());
    };
    for unpriced in &due.unpriced {
        tracing::warn!(reason = unpriced, "a fee is not booked");
    }
    let mut accrued = Accrued { fees: 0, unpriced: due.unpriced.len() as u64 };
    for (account, binding, charge) in &due.lines {
        let posting = Posting { account: *account, number, binding: *binding, charge };
        match post::fee(desk, posting, now)? {
            Posted::Booked => accrued.fees += 1,
            Posted::Known => {}
            Posted::OutOfRange => accrued.unpriced += 1,
        }
    }
    desk.connection
        .prepare_cached(
            "INSERT INTO accruals (number, through) VALUES (?1, ?2)
             ON CONFLICT (number) DO UPDATE SET through = max(through, excluded.through)",
        )
        .and_then(|mut statement| statement.execute((number, now.as_millisecond())))
        .map_err(failed)?;
    if let Some(history) = desk.memory.numbers.get_mut(&number) {
        history.accrued_through = history.accrued_through.max(Some(now));
    }
    Ok(accrued)
}

fn due(
    memory: &Memory,
    history: &History,
    number: FourHundred,
    now: Timestamp,
    horizon_months: u16,
) -> Result<Due, BookMissing> {
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
    for (tenant, account) in tenants {
        let with_ids = history.spans(&memory.books, tenant, now)?;
        let spans: Vec<Span<'_>> = with_ids.iter().map(|(_, span)| *span).collect();
        let Some(((first_binding, first), last)) = with_ids.first().zip(spans.last()) else { continue };
        let holder = Holder { number, tenant };
        match setup_charge(holder, first.book, first.from) {
            Some(charge) => due.lines.push((account, *first_binding, charge)),
            None => due.unpriced.push(format!("set-up: the price book had no version on {}", first.from)),
        }
        let from = history.accrued_through.unwrap_or(first.from).max(first.from.max(horizon)).min(now);
        let end = last.book.month_of(now);
        let mut month = first.book.month_of(from);
        while month <= end {
            let monthly = monthly_charges(holder, &spans, month, now);
            let lines = monthly.charges.into_iter().map(|charge| (account, binding_of(&with_ids, &charge), charge));
            due.lines.extend(lines);
            due.unpriced.extend(monthly.unpriced.iter().map(ToString::to_string));
            month = month.next();
        }
    }
    Ok(due)
}

/// The binding a fee names: the first of its month that has its price book.
fn binding_of(spans: &[(i64, Span<'_>)], charge: &Charge) -> i64 {
    let priced_by = |book: &PriceBook, digest: Digest| book.digest() == digest;
    let in_month = |span: &Span<'_>, month: Month| {
        let zone = span.book.zone();
        span.from < month.next().first_instant(zone) && span.until.is_none_or(|until| until > month.first_instant(zone))
    };
    spans
        .iter()
        .find(|(_, span)| priced_by(span.book, charge.price.book) && in_month(span, charge.usage_month))
        .or(spans.first())
        .map_or(0, |(id, _)| *id)
}
