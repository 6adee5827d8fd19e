//! What numbers are, from when on: the history that rating reads.
//!
//! A part of the plan says what its numbers are now. What is new against the latest of a number's history is appended;
//! nothing is ever changed. A number belongs to the part that named it last, so that a leaf which splits or merges ends
//! no binding.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::accrue;
use super::memory::{self, Held, History, Terms};
use super::value;
use super::writer::Desk;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::{BindingEntry, Bindings, FORMAT, Prices};
use crate::ledger::{BindingChanges, Kept, LedgerError};

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
    let name = format!("{} {} {}", part.gateway, part.namespace, part.leaf);
    let entries = part.bindings.iter().map(|entry| parse(desk, entry)).collect::<Result<Vec<_>, _>>()?;
    let mut changes = BindingChanges::default();
    let named: BTreeSet<i64> = entries.iter().map(|entry| entry.number).collect();
    if named.len() < entries.len() {
        return Err(LedgerError::Invalid(format!("part {name:?} names a number twice")));
    }
    for entry in entries {
        hold(desk, entry.number, &name)?;
        let history = desk.memory.numbers.get(&entry.number);
        if let Some(valid_from) = history.map_or(Some(entry.since), |history| starts(history, &entry, now)) {
            append(desk, entry.number, Some(entry.terms), valid_from, now)?;
            changes.changed += 1;
            changes.fees += accrue::number_fees(desk, entry.number, now)?.fees;
        }
    }
    for number in held_by(desk, &name)?.into_iter().filter(|number| !named.contains(number)) {
        release(desk, number)?;
        let latest = desk.memory.numbers.get(&number).and_then(History::latest);
        if let Some(from) = latest.filter(|held| held.terms.is_some()).map(|held| held.valid_from.max(now)) {
            append(desk, number, None, from, now)?;
            changes.ended += 1;
            changes.fees += accrue::number_fees(desk, number, now)?.fees;
        }
    }
    Ok(changes)
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
    };
    // The file keeps milliseconds; the memory must not know more.
    let since = Timestamp::from_millisecond(entry.since.as_millisecond()).unwrap_or(entry.since);
    Ok(Entry { number: value::number_column(number), since, terms: Arc::new(terms) })
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
                 calls_per_month, recorded_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
                now.as_millisecond(),
            ))
        })
        .map_err(failed)?;
    let valid_from = Timestamp::from_millisecond(valid_from.as_millisecond()).unwrap_or(valid_from);
    desk.memory.numbers.entry(number).or_default().held.push(Held { id, valid_from, terms });
    Ok(())
}

fn hold(desk: &Desk<'_>, number: i64, part: &str) -> Result<(), LedgerError> {
    desk.connection
        .prepare_cached(
            "INSERT INTO holdings (number, part) VALUES (?1, ?2)
             ON CONFLICT (number) DO UPDATE SET part = excluded.part WHERE part <> excluded.part",
        )
        .and_then(|mut statement| statement.execute((number, part)))
        .map(drop)
        .map_err(desk.failed())
}

fn held_by(desk: &Desk<'_>, part: &str) -> Result<Vec<i64>, LedgerError> {
    let read = || {
        let mut statement = desk.connection.prepare_cached("SELECT number FROM holdings WHERE part = ?1")?;
        let numbers = statement.query_map([part], |row| row.get(0))?;
        numbers.collect::<rusqlite::Result<Vec<i64>>>()
    };
    read().map_err(desk.failed())
}

fn release(desk: &Desk<'_>, number: i64) -> Result<(), LedgerError> {
    desk.connection
        .prepare_cached("DELETE FROM holdings WHERE number = ?1")
        .and_then(|mut statement| statement.execute([number]))
        .map(drop)
        .map_err(desk.failed())
}
