//! Package minutes that a month left over: what the next one has of them, and what becomes of that when a call of the month
//! comes late.

use jiff::Timestamp;
use rusqlite::Connection;

use super::memory::Memory;
use super::post::{self, Posted, Posting};
use super::tenancy::FirstOf;
use super::totals::{Totals, UsageKey};
use super::value;
use super::writer::Desk;
use crate::domain::calendar::Month;
use crate::domain::rating::rate::MonthPackage;
use crate::domain::rating::roll_over::{Recarried, left_over, recarried_charge};
use crate::ledger::LedgerError;

/// Months of calls without a gap that are looked back on, at most: longer than any record may be late.
const MONTHS: usize = 60;

/// Seconds carried over to the month; noted in its row when first asked for, so that a late call finds them there.
pub(super) fn carried(
    memory: &Memory,
    (totals, connection): (&mut Totals, &Connection),
    failed: impl Fn(rusqlite::Error) -> LedgerError + Copy,
    key: UsageKey,
) -> Result<u64, LedgerError> {
    // Most ledgers have no such package, and each record of a package asks.
    if !memory.books.values().any(|book| book.rolls_over()) {
        return Ok(0);
    }
    // Back to a month that has been asked before, or passed nothing on.
    let mut asked: Vec<(UsageKey, UsageKey, MonthPackage<'_>)> = Vec::new();
    let mut carried = 0;
    let mut month = key;
    while asked.len() < MONTHS {
        if let Some(known) = totals.row(connection, month).map_err(failed)?.carried {
            carried = value::count_from(known);
            break;
        }
        let before = neighbour(month, Month::previous)?;
        let package = FirstOf::month_of(memory, before)?.and_then(|first| first.package());
        let Some(terms) = package.filter(|terms| terms.package.rolls_over) else { break };
        asked.push((month, before, terms));
        // Without calls it left all of its own, whatever was carried over to it.
        if totals.row(connection, before).map_err(failed)?.charged_seconds == 0 {
            break;
        }
        month = before;
    }
    for (month, before, terms) in asked.into_iter().rev() {
        let used = totals.row(connection, before).map_err(failed)?.charged_seconds;
        carried = left_over(terms.package, value::count_from(used), carried);
        totals.row(connection, month).map_err(failed)?.carried = Some(value::count_column(carried));
    }
    Ok(carried)
}

/// The month's calls grew: brings what the later months were charged to what they have carried over now.
pub(super) fn pass_on(desk: &mut Desk<'_>, mut key: UsageKey, at: Timestamp) -> Result<(), LedgerError> {
    let failed = desk.failed();
    loop {
        let next = neighbour(key, Month::next)?;
        let Some(before) = desk.totals.row(desk.connection, next).map_err(failed)?.carried else { return Ok(()) };
        let row = *desk.totals.row(desk.connection, key).map_err(failed)?;
        let Some(terms) = FirstOf::month_of(desk.memory, key)?.and_then(|first| first.package()) else { return Ok(()) };
        let carried = left_over(
            terms.package,
            value::count_from(row.charged_seconds),
            value::count_from(row.carried.unwrap_or(0)),
        );
        if value::count_from(before) == carried {
            return Ok(());
        }
        recharge(desk, next, (value::count_from(before), carried), at)?;
        key = next;
    }
}

fn recharge(
    desk: &mut Desk<'_>,
    key: UsageKey,
    (before, carried): (u64, u64),
    at: Timestamp,
) -> Result<(), LedgerError> {
    let failed = desk.failed();
    let row = desk.totals.row(desk.connection, key).map_err(failed)?;
    row.carried = Some(value::count_column(carried));
    let used = value::count_from(row.charged_seconds);
    let Some(first) = FirstOf::month_of(desk.memory, key)? else { return Ok(()) };
    let Some(terms) = first.package() else { return Ok(()) };
    let recarried = Recarried { month: first.month, used, before, carried };
    let (number, binding) = (first.holder.number, first.tenure.binding);
    // What cannot be counted must not keep the record that brought it out of the book.
    let booked = match recarried_charge(first.holder, terms, recarried) {
        Ok(None) => true,
        Ok(Some(charge)) => {
            let posting = Posting { account: key.tenant, number: key.number, binding, charge: &charge };
            post::fee(desk, posting, at)? != Posted::OutOfRange
        }
        Err(_) => false,
    };
    if !booked {
        tracing::error!(%number, month = key.month, "what a month costs with other minutes carried over is not booked: it cannot be counted");
    }
    Ok(())
}

/// The row of the month beside.
fn neighbour(key: UsageKey, beside: impl Fn(Month) -> Month) -> Result<UsageKey, LedgerError> {
    let month = value::month_column(beside(value::month_from(key.month)?));
    Ok(UsageKey { month, ..key })
}
