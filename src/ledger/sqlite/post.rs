//! Postings: charges in the book.

use jiff::Timestamp;

use super::minimum;
use super::totals::UsageKey;
use super::value;
use super::writer::Desk;
use crate::domain::rating::Charge;
use crate::domain::rating::charge::{Line, Total};
use crate::ledger::LedgerError;

/// Who pays for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting<'a> {
    /// The paying tenant's account.
    pub(super) account: i64,
    pub(super) number: i64,
    pub(super) binding: i64,
    pub(super) charge: &'a Charge,
}

/// What became of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posted {
    Booked,
    /// Its key is in the book already.
    Known,
    /// The month's total would leave what can be counted; nothing was booked.
    OutOfRange,
}

/// Books the charge of a call. The record's identity keeps it from being booked twice.
pub(super) fn call(
    desk: &mut Desk<'_>,
    posting: Posting<'_>,
    record: i64,
    at: Timestamp,
) -> Result<Posted, LedgerError> {
    book(desk, posting, Some(record), at)
}

/// Books a fee, unless one of its key is booked.
pub(super) fn fee(desk: &mut Desk<'_>, posting: Posting<'_>, at: Timestamp) -> Result<Posted, LedgerError> {
    book(desk, posting, None, at)
}

fn book(
    desk: &mut Desk<'_>,
    Posting { account, number, binding, charge }: Posting<'_>,
    record: Option<i64>,
    at: Timestamp,
) -> Result<Posted, LedgerError> {
    let failed = desk.failed();
    let credit = desk.memory.account(desk.connection, revenue_account(charge.total())).map_err(failed)?;
    let month = value::month_column(charge.usage_month);
    let row = desk.totals.row(desk.connection, UsageKey { month, number, tenant: account }).map_err(failed)?;
    let mut added = *row;
    let seconds = i64::try_from(charge.seconds()).unwrap_or(i64::MAX);
    if !added.add(charge.total(), charge.amount.micros(), seconds) {
        return Ok(Posted::OutOfRange);
    }
    let tops_up = matches!(charge.line, Line::MinimumSpend { .. });
    if tops_up {
        added.topped_up = added.topped_up.saturating_add(charge.amount.micros());
    }
    let text = serde_json::to_string(charge).map_err(|error| LedgerError::Invalid(error.to_string()))?;
    let key = record.is_none().then(|| charge.key.to_string());
    // No month is closed yet, so a charge stands on the statement of the month it was used in.
    let statement_month = month;
    let booked = desk
        .connection
        .prepare_cached(
            "INSERT INTO postings (debit, credit, amount, number, usage_month, statement_month, record, binding,
                 charge_key, charge, booked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (charge_key) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute((
                account,
                credit,
                charge.amount.micros(),
                number,
                month,
                statement_month,
                record,
                binding,
                key,
                text,
                at.as_millisecond(),
            ))
        })
        .map_err(failed)?;
    if booked == 0 {
        return Ok(Posted::Known);
    }
    *row = added;
    // The month was over and is fuller now.
    if added.topped_up != 0 && !tops_up {
        minimum::settle(desk, UsageKey { month, number, tenant: account }, at)?;
    }
    Ok(Posted::Booked)
}

fn revenue_account(total: Total) -> &'static str {
    match total {
        Total::Setup => "revenue/setup",
        Total::Voice => "revenue/voice",
        Total::Functions => "revenue/functions",
    }
}
