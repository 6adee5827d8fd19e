//! Booking call records: identity, binding, price, totals.
//!
//! A record meets the binding and the price book of its own start, so it costs the same however late or often it
//! comes. Whatever cannot be priced is kept with its reason; the only records not kept are those so old that their
//! identity may have been forgotten.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::call::{self, CallHash, Leg, Standing};
use super::post::{self, Posted, Posting};
use super::roll_over;
use super::tenancy::month_package;
use super::totals::UsageKey;
use super::value;
use super::writer::Desk;
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::rating::charge::CallerInformation;
use crate::domain::rating::rate::{PackageUse, Used, meter};
use crate::domain::rating::{CallRecord, Charge, DistanceClass, rate_call};
use crate::ledger::crash::CrashPoint;
use crate::ledger::{Booking, LedgerError, Received, UnratedReason};

/// A switch's clock may be ahead by less than this; a record of a later start would count in a month yet to come.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Books records in order; one answer each.
pub(super) fn all(desk: &mut Desk<'_>, received: &[Received], at: Timestamp) -> Result<Vec<Booking>, LedgerError> {
    let months = i32::from(desk.horizon_months);
    let horizon =
        at.to_zoned(TimeZone::UTC).checked_sub(months.months()).map_or(Timestamp::MIN, |then| then.timestamp());
    received
        .iter()
        .map(|one| {
            if one.record().started_at() < horizon {
                return Ok(Booking::Refused(format!("startedAt is more than {months} months ago")));
            }
            if one.record().started_at() > at.saturating_add(AHEAD).unwrap_or(at) {
                return Ok(Booking::Refused("startedAt is more than a day ahead of the biller's clock".to_owned()));
            }
            book(desk, one, at)
        })
        .collect()
}

fn book(desk: &mut Desk<'_>, received: &Received, at: Timestamp) -> Result<Booking, LedgerError> {
    let failed = desk.failed();
    let record = received.record();
    let (call, content) = (half(received.call()), half(received.content()));
    let source = desk.memory.source(desk.connection, &record.identity().source).map_err(failed)?;
    let index = i64::from(record.identity().leg);
    let mut legs = call::legs(desk.connection, &call).map_err(failed)?;
    if let Some(known) = legs.iter().find(|known| (known.source, known.index) == (source, index)) {
        if known.content == content {
            return Ok(Booking::Duplicate);
        }
        if keep_conflict(desk, known.record, &content, received, at).map_err(failed)? > 0 {
            desk.alerts.conflict(&record.identity().source, received.call(), record.identity().leg);
        }
        return Ok(Booking::Conflict);
    }

    let distance = record.distance();
    let verdict = judge(desk, record, distance)?;
    let id = keep_record(desk, received, distance, at).map_err(failed)?;
    desk.crash_points.pass(CrashPoint::AfterInsert);
    let standing = Standing::of(record.outcome());
    let new = Leg { source, index, content, record: id, key: verdict.key, standing };
    keep_identity(desk, &call, &new).map_err(failed)?;
    let before = legs.clone();
    legs.push(new);
    call::recount(&mut desk.totals, desk.connection, &before, &legs).map_err(failed)?;
    match settle(desk, id, verdict, at)? {
        None => Ok(Booking::Booked),
        Some(reason) => Ok(Booking::Unrated(reason)),
    }
}

/// Whose totals count a record, and what it costs.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) key: UsageKey,
    pub(super) outcome: Result<Priced, UnratedReason>,
}

/// What a record came to.
#[derive(Debug)]
pub(super) struct Priced {
    /// What it was rated by.
    binding: i64,
    /// `None`: its leg is not one that is charged.
    charge: Option<Charge>,
    /// What the caller pays elsewhere, outside every total.
    caller: Option<CallerInformation>,
    /// Which of the month's calls its price looked back on.
    meter: Option<String>,
    /// Whether the next month has what this one leaves of its package.
    rolls_over: bool,
}

/// Rates a record by the binding of its start. Changes no total; what was carried over to the month is noted when it is
/// first asked for.
pub(super) fn judge(desk: &mut Desk<'_>, record: &CallRecord, distance: DistanceClass) -> Result<Verdict, LedgerError> {
    let failed = desk.failed();
    let number = value::number_column(record.number());
    let history = desk.memory.numbers.get(&number);
    let held = history.and_then(|history| history.at(record.started_at()));
    let Some((history, held, terms)) =
        history.zip(held).and_then(|(history, held)| Some((history, held, held.terms.clone()?)))
    else {
        let month = Month::of(record.started_at(), &desk.memory.zone);
        let tenant = desk.memory.account(desk.connection, value::NOBODY).map_err(failed)?;
        let key = UsageKey { month: value::month_column(month), number, tenant };
        return Ok(Verdict { key, outcome: Err(UnratedReason::NumberNotHeld) });
    };
    let (binding, tenant) = (held.id, terms.account);
    let books = &desk.memory.books;
    let Some(book) = books.get(&terms.price_book) else {
        let month = Month::of(record.started_at(), &desk.memory.zone);
        let key = UsageKey { month: value::month_column(month), number, tenant };
        return Ok(Verdict { key, outcome: Err(UnratedReason::PriceBookMissing) });
    };

    let month = book.month_of(record.started_at());
    let key = UsageKey { month: value::month_column(month), number, tenant };
    let tenures = history.tenures(&terms.tenant, record.started_at());
    let package = match month_package(books, tenures, month, book.zone()) {
        Ok(package) => package,
        Err(reason) => return Ok(Verdict { key, outcome: Err(reason) }),
    };
    let (mut used, mut metered, mut rolls_over) = (Used::Nothing, None, false);
    if let Some(terms) = package {
        let used_seconds = value::count_from(desk.totals.row(desk.connection, key).map_err(failed)?.charged_seconds);
        let carried_seconds = roll_over::carried(desk.memory, (&mut desk.totals, desk.connection), failed, key)?;
        rolls_over = terms.package.rolls_over;
        used = Used::Package(PackageUse { terms, used_seconds, carried_seconds });
    } else {
        match meter(book, record, distance) {
            Ok(None) => {}
            Ok(Some(meter)) => {
                let name = meter.to_string();
                let seconds = *desk.totals.metered(desk.connection, key, &name).map_err(failed)?;
                used = Used::Metered(value::count_from(seconds));
                metered = Some(name);
            }
            Err(unrated) => return Ok(Verdict { key, outcome: Err(unrated.into()) }),
        }
    }
    let outcome = match rate_call(book, used, record, distance) {
        Ok(rated) => Ok(Priced { binding, charge: rated.charge, caller: rated.caller, meter: metered, rolls_over }),
        Err(unrated) => Err(unrated.into()),
    };
    Ok(Verdict { key, outcome })
}

/// Books what a kept record costs, or puts it among the unrated and says why.
pub(super) fn settle(
    desk: &mut Desk<'_>,
    record: i64,
    Verdict { key, outcome }: Verdict,
    at: Timestamp,
) -> Result<Option<UnratedReason>, LedgerError> {
    let failed = desk.failed();
    let reason = match outcome {
        Ok(Priced { binding, charge, caller, meter, rolls_over }) => {
            if let Some(caller) = caller {
                keep_caller_information(desk, record, &caller)?;
            }
            let Some(charge) = charge else { return Ok(None) };
            let posting = Posting { account: key.tenant, number: key.number, binding, charge: &charge };
            match post::call(desk, posting, record, at)? {
                Posted::Booked => {
                    if let Some(meter) = meter {
                        let seconds = i64::try_from(charge.seconds()).unwrap_or(i64::MAX);
                        let metered = desk.totals.metered(desk.connection, key, &meter).map_err(failed)?;
                        *metered = metered.saturating_add(seconds);
                    }
                    if rolls_over {
                        roll_over::pass_on(desk, key, at)?;
                    }
                    return Ok(None);
                }
                Posted::Known => return Ok(None),
                Posted::OutOfRange => UnratedReason::AmountOutOfRange,
            }
        }
        Err(reason) => reason,
    };
    desk.connection
        .prepare_cached("INSERT INTO unrated (record, reason, number, tenant, usage_month) VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut statement| statement.execute((record, reason.name(), key.number, key.tenant, key.month)))
        .map_err(failed)?;
    desk.totals.row(desk.connection, key).map_err(failed)?.unrated += 1;
    Ok(Some(reason))
}

/// 128 bits: no two of all the records there will ever be share them.
pub(super) fn half(digest: &Digest) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    half
}

fn keep_record(desk: &Desk<'_>, received: &Received, distance: DistanceClass, at: Timestamp) -> rusqlite::Result<i64> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT INTO records (received_at, started_at, number, distance, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.insert((
        at.as_millisecond(),
        received.record().started_at().as_millisecond(),
        value::number_column(received.record().number()),
        value::distance_column(distance),
        received.body(),
    ))
}

/// Beside the book: the caller pays this to somebody else.
fn keep_caller_information(desk: &Desk<'_>, record: i64, caller: &CallerInformation) -> Result<(), LedgerError> {
    let text = serde_json::to_string(caller).map_err(|error| LedgerError::Invalid(error.to_string()))?;
    desk.connection
        .prepare_cached("INSERT INTO caller_information (record, information) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute((record, text)))
        .map(drop)
        .map_err(desk.failed())
}

fn keep_identity(desk: &Desk<'_>, call: &CallHash, leg: &Leg) -> rusqlite::Result<usize> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT INTO identities (call, source, leg, content, record, number, tenant, usage_month, outcome)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let UsageKey { month, number, tenant } = leg.key;
    statement.execute((
        call.as_slice(),
        leg.source,
        leg.index,
        leg.content.as_slice(),
        leg.record,
        number,
        tenant,
        month,
        leg.standing.column(),
    ))
}

/// The same second body again is kept once.
fn keep_conflict(
    desk: &Desk<'_>,
    record: i64,
    content: &[u8; 16],
    received: &Received,
    at: Timestamp,
) -> rusqlite::Result<usize> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT INTO conflicts (record, content, received_at, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (record, content) DO NOTHING",
    )?;
    statement.execute((record, content.as_slice(), at.as_millisecond(), received.body()))
}
