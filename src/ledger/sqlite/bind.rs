//! What numbers are, from when on: the history that rating reads.
//!
//! A part of the plan says what its numbers are now. What is new against the latest of a number's history is appended;
//! nothing is ever changed. Several parts may name a number for a while, when a leaf splits or merges or the number moves
//! to another gateway: the one that spoke last decides, and the binding ends when none names it any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension as _;

use super::accrue;
use super::memory::{self, Held, History, Terms};
use super::value;
use super::writer::Desk;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::MicroYuan;
use crate::domain::routing::document::{BindingEntry, Bindings, FORMAT, Prices};
use crate::ledger::{BindingChanges, Kept, LedgerError, WholeList};

/// A number that was missing for less than this, held by the same tenant all along, was only moved between parts.
const HANDOVER: SignedDuration = SignedDuration::from_mins(10);

/// Keeps a price book by the digest of its text, if its text can be used.
pub(super) fn keep_price_book(desk: &mut Desk<'_>, prices: &Prices, now: Timestamp) -> Result<Kept, LedgerError> {
    let failed = desk.failed();
    check_format(prices.format)?;
    let body = prices.book.get();
    let digest = Digest::of(body.as_bytes());
    if desk.memory.books.contains_key(&digest) {
        return Ok(Kept::Known);
    }
    let book = memory::compile(body)
        .map_err(|reason| LedgerError::Invalid(format!("price book {digest} of tariff {}: {reason}", prices.tariff)))?;
    if book.digest() != digest {
        return Err(LedgerError::Invalid(format!("price book {digest} is not written in its canonical form")));
    }
    desk.connection
        .execute(
            "INSERT INTO price_books (digest, tariff, body, kept_at) VALUES (?1, ?2, ?3, ?4)",
            (digest.as_bytes().as_slice(), &prices.tariff, body, now.as_millisecond()),
        )
        .map_err(failed)?;
    desk.memory.books.insert(digest, Arc::new(book));
    Ok(Kept::New)
}

/// Takes over a part.
pub(super) fn apply(desk: &mut Desk<'_>, part: &Bindings, now: Timestamp) -> Result<BindingChanges, LedgerError> {
    check_format(part.format)?;
    let name = WholeList::part(&part.gateway, &part.namespace, &part.leaf);
    let entries = part.bindings.iter().map(|entry| parse(desk, entry)).collect::<Result<Vec<_>, _>>()?;
    let mut changes = BindingChanges::default();
    let named: BTreeSet<i64> = entries.iter().map(|entry| entry.number).collect();
    if named.len() < entries.len() {
        return Err(LedgerError::Invalid(format!("part {name:?} names a number twice")));
    }
    for entry in entries {
        let news = hold(desk, &entry, &name)?;
        let held = desk.memory.numbers.get(&entry.number).and_then(History::latest);
        // What a part said before must not undo what another has said since.
        if news == News::New || held.is_none_or(|held| held.terms.is_none()) {
            take_over(desk, entry, now, &mut changes)?;
        }
    }
    for number in held_by(desk, &name)?.into_iter().filter(|number| !named.contains(number)) {
        drop_holding(desk, number, &name, now, &mut changes)?;
    }
    Ok(changes)
}

/// Lets go of every part that the whole list does not have: it was withdrawn while nobody here listened.
pub(super) fn keep_only(desk: &mut Desk<'_>, list: &WholeList, now: Timestamp) -> Result<BindingChanges, LedgerError> {
    let mut changes = BindingChanges::default();
    for part in parts(desk)?.into_iter().filter(|part| list.misses(part)) {
        for number in held_by(desk, &part)? {
            drop_holding(desk, number, &part, now, &mut changes)?;
        }
    }
    Ok(changes)
}

/// The number is what the entry says, from when on [`starts`] finds.
fn take_over(
    desk: &mut Desk<'_>,
    entry: Entry,
    now: Timestamp,
    changes: &mut BindingChanges,
) -> Result<(), LedgerError> {
    let history = desk.memory.numbers.get(&entry.number);
    if let Some(valid_from) = history.map_or(Some(entry.since), |history| starts(history, &entry, now)) {
        append(desk, entry.number, Some(entry.terms), valid_from, now)?;
        changes.changed += 1;
        changes.fees += accrue::number_fees(desk, entry.number, now)?.fees;
    }
    Ok(())
}

/// A part names the number no longer: another that does decides, and without one nobody holds it from `now` on.
fn drop_holding(
    desk: &mut Desk<'_>,
    number: i64,
    part: &str,
    now: Timestamp,
    changes: &mut BindingChanges,
) -> Result<(), LedgerError> {
    release(desk, number, part)?;
    if let Some(text) = told_last(desk, number)? {
        let entry = serde_json::from_str(&text).map_err(|_| value::unreadable("holding", number))?;
        let entry = parse(desk, &entry)?;
        return take_over(desk, entry, now, changes);
    }
    let latest = desk.memory.numbers.get(&number).and_then(History::latest);
    if let Some(from) = latest.filter(|held| held.terms.is_some()).map(|held| held.valid_from.max(now)) {
        append(desk, number, None, from, now)?;
        changes.ended += 1;
        changes.fees += accrue::number_fees(desk, number, now)?.fees;
    }
    Ok(())
}

fn check_format(format: u32) -> Result<(), LedgerError> {
    if format <= FORMAT {
        return Ok(());
    }
    Err(LedgerError::Invalid(format!("the part has format {format}; this build reads those up to {FORMAT}")))
}

struct Entry {
    number: i64,
    since: Timestamp,
    terms: Arc<Terms>,
    /// The entry's JSON.
    text: String,
}

/// Whether a part says something of a number that it did not say before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    New,
    Known,
}

fn parse(desk: &mut Desk<'_>, entry: &BindingEntry) -> Result<Entry, LedgerError> {
    let failed = desk.failed();
    let number: FourHundred =
        entry.number.parse().map_err(|_| LedgerError::Invalid(format!("{:?} is not a 400 number", entry.number)))?;
    let price_book = entry
        .price_book
        .parse()
        .map_err(|error| LedgerError::Invalid(format!("binding of {}: {error}", entry.number)))?;
    let account = desk.memory.account(desk.connection, &value::tenant_account(&entry.tenant)).map_err(failed)?;
    let minimum = entry.minimum_monthly.as_deref().map(str::parse::<MicroYuan>).transpose();
    let minimum = minimum.map_err(|error| LedgerError::Invalid(format!("binding of {}: {error}", entry.number)))?;
    let mut functions = entry.functions.clone();
    functions.sort_unstable();
    functions.dedup();
    let terms = Terms {
        tenant: entry.tenant.clone(),
        account,
        object: entry.object.clone(),
        tariff: entry.tariff.clone(),
        price_book,
        package: entry.package.clone(),
        functions,
        calls_per_month: entry.calls_per_month,
        minimum,
    };
    // The file keeps milliseconds; the memory must not know more.
    let since = Timestamp::from_millisecond(entry.since.as_millisecond()).unwrap_or(entry.since);
    let text = serde_json::to_string(entry).map_err(|error| LedgerError::Invalid(error.to_string()))?;
    Ok(Entry { number: value::number_column(number), since, terms: Arc::new(terms), text })
}

/// From when on an entry holds; `None` if the history says the same already.
fn starts(history: &History, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
    let Some(latest) = history.latest() else { return Some(entry.since) };
    let ended_by_same = || {
        let before = history.held.iter().rev().nth(1).and_then(|held| held.terms.as_ref());
        before.is_some_and(|terms| terms.tenant == entry.terms.tenant)
    };
    let from = match &latest.terms {
        Some(terms) if *terms == entry.terms => return None,
        Some(terms) if terms.tenant == entry.terms.tenant => now,
        None if ended_by_same() && entry.since < latest.valid_from => {
            if now.duration_since(latest.valid_from) <= HANDOVER { latest.valid_from } else { now }
        }
        Some(_) | None => entry.since,
    };
    Some(from.max(latest.valid_from))
}

fn append(
    desk: &mut Desk<'_>,
    number: i64,
    terms: Option<Arc<Terms>>,
    valid_from: Timestamp,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let failed = desk.failed();
    let functions = terms.as_ref().map(|terms| serde_json::to_string(&terms.functions)).transpose();
    let functions = functions.map_err(|error| LedgerError::Invalid(error.to_string()))?;
    let said = terms.as_deref();
    let id = desk
        .connection
        .prepare_cached(
            "INSERT INTO bindings (number, valid_from, tenant, object, tariff, price_book, package, functions,
                 calls_per_month, minimum_monthly, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut statement| {
            statement.insert((
                number,
                valid_from.as_millisecond(),
                said.map(|terms| terms.account),
                said.map(|terms| &terms.object),
                said.map(|terms| &terms.tariff),
                said.map(|terms| terms.price_book.as_bytes().as_slice()),
                said.and_then(|terms| terms.package.as_ref()),
                functions,
                said.and_then(|terms| terms.calls_per_month),
                said.and_then(|terms| terms.minimum).map(MicroYuan::micros),
                now.as_millisecond(),
            ))
        })
        .map_err(failed)?;
    let valid_from = Timestamp::from_millisecond(valid_from.as_millisecond()).unwrap_or(valid_from);
    desk.memory.numbers.entry(number).or_default().held.push(Held { id, valid_from, terms });
    Ok(())
}

fn hold(desk: &Desk<'_>, entry: &Entry, part: &str) -> Result<News, LedgerError> {
    let changed = desk
        .connection
        .prepare_cached(
            "INSERT INTO holdings (number, part, entry, told)
             VALUES (?1, ?2, ?3, (SELECT coalesce(max(told), 0) + 1 FROM holdings WHERE number = ?1))
             ON CONFLICT (number, part) DO UPDATE SET entry = excluded.entry, told = excluded.told
                 WHERE entry <> excluded.entry",
        )
        .and_then(|mut statement| statement.execute((entry.number, part, &entry.text)))
        .map_err(desk.failed())?;
    Ok(if changed > 0 { News::New } else { News::Known })
}

/// What the part that spoke last of the number says of it; `None` if no part names it.
fn told_last(desk: &Desk<'_>, number: i64) -> Result<Option<String>, LedgerError> {
    desk.connection
        .prepare_cached("SELECT entry FROM holdings WHERE number = ?1 ORDER BY told DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([number], |row| row.get(0)).optional())
        .map_err(desk.failed())
}

fn parts(desk: &Desk<'_>) -> Result<Vec<String>, LedgerError> {
    let read = || {
        let mut statement = desk.connection.prepare_cached("SELECT DISTINCT part FROM holdings")?;
        let parts = statement.query_map([], |row| row.get(0))?;
        parts.collect::<rusqlite::Result<Vec<String>>>()
    };
    read().map_err(desk.failed())
}

fn held_by(desk: &Desk<'_>, part: &str) -> Result<Vec<i64>, LedgerError> {
    let read = || {
        let mut statement = desk.connection.prepare_cached("SELECT number FROM holdings WHERE part = ?1")?;
        let numbers = statement.query_map([part], |row| row.get(0))?;
        numbers.collect::<rusqlite::Result<Vec<i64>>>()
    };
    read().map_err(desk.failed())
}

fn release(desk: &Desk<'_>, number: i64, part: &str) -> Result<(), LedgerError> {
    desk.connection
        .prepare_cached("DELETE FROM holdings WHERE number = ?1 AND part = ?2")
        .and_then(|mut statement| statement.execute((number, part)))
        .map(drop)
        .map_err(desk.failed())
}
