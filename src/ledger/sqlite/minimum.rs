//! Minimum spend: what a month that is over is topped up by, and what a later call takes back of it.

use jiff::Timestamp;

use super::memory::Tenure;
use super::post::{self, Posted, Posting};
use super::totals::UsageKey;
use super::value;
use super::writer::Desk;
use crate::domain::calendar::Month;
use crate::domain::rating::minimum::{Filling, MonthSoFar, minimum_charge};
use crate::domain::rating::monthly::{Holder, Span};
use crate::domain::rating::{Charge, MicroYuan};
use crate::ledger::LedgerError;

/// Brings the month's top-ups to what they must be; asking again changes nothing.
pub(super) fn settle(desk: &mut Desk<'_>, key: UsageKey, now: Timestamp) -> Result<Option<Posted>, LedgerError> {
    let failed = desk.failed();
    let row = *desk.totals.row(desk.connection, key).map_err(failed)?;
    let amount = MicroYuan::from_micros;
    let filling = Filling {
        voice: amount(row.voice.saturating_sub(row.topped_up)),
        messages: amount(row.messages),
        functions: amount(row.functions),
    };
    let Some((binding, charge)) = due(desk, key, (filling, amount(row.topped_up)), now)? else { return Ok(None) };
    let posting = Posting { account: key.tenant, number: key.number, binding, charge: &charge };
    post::fee(desk, posting, now).map(Some)
}

fn due(
    desk: &Desk<'_>,
    key: UsageKey,
    (filling, topped_up): (Filling, MicroYuan),
    now: Timestamp,
) -> Result<Option<(i64, Charge)>, LedgerError> {
    let month: Month = value::month_from(key.month)?;
    let Some(history) = desk.memory.numbers.get(&key.number) else { return Ok(None) };
    let held = history.held.iter().filter_map(|held| held.terms.as_deref());
    let Some(tenant) = held.into_iter().find(|terms| terms.account == key.tenant).map(|terms| &terms.tenant) else {
        return Ok(None);
    };
    let books = &desk.memory.books;
    let tenures: Vec<Tenure<'_>> = history.tenures(tenant, now).collect();
    let Some(opened) = tenures.first().map(|first| first.from) else { return Ok(None) };
    // The month's first span decides, and its book is needed and no other's.
    let first = tenures.into_iter().find_map(|tenure| {
        let book = books.get(&tenure.terms.price_book);
        tenure.lies_in(month, book.map_or(&desk.memory.zone, |book| book.zone())).then_some((tenure, book))
    });
    let Some((tenure, Some(book))) = first else { return Ok(None) };
    let spans: [Span<'_>; 1] = [tenure.span(book)];
    let holder = Holder { number: value::number_from(key.number)?, tenant };
    let so_far = MonthSoFar { month, opened, filling, topped_up };
    Ok(minimum_charge(holder, &spans, so_far, now).map(|fee| (tenure.binding, fee.charge)))
}
