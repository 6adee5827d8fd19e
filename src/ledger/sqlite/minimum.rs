//! Minimum spend: what a month that is over is topped up by, and what a later call takes back of it.

use jiff::Timestamp;

use super::post::{self, Posted, Posting};
use super::tenancy::FirstOf;
use super::totals::UsageKey;
use super::writer::Desk;
use crate::domain::rating::minimum::{Filling, MonthSoFar, minimum_charge};
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
    let Some(FirstOf { month, holder, tenure, book: Some(book), opened }) = FirstOf::month_of(desk.memory, key)? else {
        return Ok(None);
    };
    let so_far = MonthSoFar { month, opened, filling, topped_up };
    Ok(minimum_charge(holder, &[tenure.span(book)], so_far, now).map(|fee| (tenure.binding, fee.charge)))
}
