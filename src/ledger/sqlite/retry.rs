//! Rating what was kept unrated, once its binding or its price book has come.
//!
//! A record that nobody answered for moves to the holder it turns out to have had, and its call with it.

use jiff::Timestamp;
use rusqlite::Connection;

use super::book::{self, Verdict};
use super::call::{self, CallHash, Leg};
use super::totals::UsageKey;
use super::value;
use super::writer::Desk;
use crate::domain::rating::{CallRecord, DistanceClass};
use crate::ledger::{LedgerError, Received, Retried, UnratedReason};

/// Records looked at in one transaction, so that new ones are not kept waiting.
const STEP: i64 = 1_000;

/// One line of the worklist.
struct Waiting {
    record: i64,
    key: UsageKey,
    started_at: i64,
    distance: DistanceClass,
    body: String,
}

/// Tries the next records after `after`; returns where to go on.
pub(super) fn some(desk: &mut Desk<'_>, after: i64, now: Timestamp) -> Result<(Retried, Option<i64>), LedgerError> {
    let failed = desk.failed();
    let waiting = worklist(desk.connection, after).map_err(failed)?;
    let next = waiting.last().map(|last| last.record).filter(|_| waiting.len() == usize::try_from(STEP).unwrap_or(0));
    let mut retried = Retried::default();
    for one in waiting {
        if is_curable(desk, &one) && retry(desk, &one, now)? {
            retried.rated += 1;
        } else {
            retried.left += 1;
        }
    }
    Ok((retried, next))
}

fn worklist(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = connection.prepare_cached(
        "SELECT u.record, u.usage_month, u.number, u.tenant, r.started_at, r.distance, r.body
         FROM unrated u JOIN records r ON r.id = u.record
         WHERE u.record > ?1 AND u.reason IN (?2, ?3) ORDER BY u.record LIMIT ?4",
    )?;
    let reasons = (UnratedReason::NumberNotHeld.name(), UnratedReason::PriceBookMissing.name());
    let rows = statement.query_map((after, reasons.0, reasons.1, STEP), |row| {
        Ok(Waiting {
            record: row.get(0)?,
            key: UsageKey { month: row.get(1)?, number: row.get(2)?, tenant: row.get(3)? },
            started_at: row.get(4)?,
            distance: value::distance_from(row.get(5)?),
            body: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// Whether anything has arrived that could help: cheap, since most lines wait for long.
fn is_curable(desk: &Desk<'_>, waiting: &Waiting) -> bool {
    let started_at = Timestamp::from_millisecond(waiting.started_at).unwrap_or(Timestamp::MIN);
    let history = desk.memory.numbers.get(&waiting.key.number);
    let terms = history.and_then(|history| history.at(started_at)?.terms.as_ref());
    terms.is_some_and(|terms| desk.memory.books.contains_key(&terms.price_book))
}

fn retry(desk: &mut Desk<'_>, waiting: &Waiting, now: Timestamp) -> Result<bool, LedgerError> {
    let failed = desk.failed();
    // What was read when it came is read again by the same rules; a later build that refuses it leaves it here.
    let Ok(record) = CallRecord::from_json(waiting.body.as_bytes()) else { return Ok(false) };
    let verdict = book::judge(desk, &record, waiting.distance)?;
    if let Err(UnratedReason::NumberNotHeld | UnratedReason::PriceBookMissing) = verdict.outcome {
        return Ok(false);
    }
    desk.connection
        .prepare_cached("DELETE FROM unrated WHERE record = ?1")
        .and_then(|mut statement| statement.execute([waiting.record]))
        .map_err(failed)?;
    desk.totals.row(desk.connection, waiting.key).map_err(failed)?.unrated -= 1;
    move_leg(desk, &record, waiting.record, &verdict).map_err(failed)?;
    Ok(book::settle(desk, waiting.record, verdict, now)?.is_none())
}

/// Lets the record's leg count where the verdict says.
fn move_leg(desk: &mut Desk<'_>, record: &CallRecord, id: i64, verdict: &Verdict) -> rusqlite::Result<()> {
    let call: CallHash = book::half(&Received::call_digest(record));
    let before = call::legs(desk.connection, &call)?;
    let to = verdict.key;
    let after: Vec<Leg> =
        before.iter().map(|leg| if leg.record == id { Leg { key: to, ..*leg } } else { *leg }).collect();
    for leg in after.iter().filter(|leg| leg.record == id) {
        desk.connection
            .prepare_cached(
                "UPDATE identities SET tenant = ?4, usage_month = ?5 WHERE call = ?1 AND source = ?2 AND leg = ?3",
            )?
            .execute((call.as_slice(), leg.source, leg.index, to.tenant, to.month))?;
    }
    call::recount(&mut desk.totals, desk.connection, &before, &after)
}
