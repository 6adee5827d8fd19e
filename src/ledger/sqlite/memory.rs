//! What the writing thread remembers of the file: names' ids, every number's bindings, price books.
//!
//! It changes only inside a transaction and is thrown away when one fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, Row};

use super::failure::{self, Doing};
use super::value;
use crate::domain::calendar::{self, DEFAULT_ZONE, Month};
use crate::domain::digest::Digest;
use crate::domain::rating::MicroYuan;
use crate::domain::rating::book::{PriceBook, PriceBookDocument};
use crate::domain::rating::monthly::Span;
use crate::ledger::{Cursor, LedgerError};

/// What a number was, from an instant on, until the next of its history.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) id: i64,
    pub(super) valid_from: Timestamp,
    /// `None`: nobody held it.
    pub(super) terms: Option<Arc<Terms>>,
}

/// What a binding says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) tenant: String,
    pub(super) account: i64,
    pub(super) object: String,
    pub(super) tariff: String,
    pub(super) price_book: Digest,
    pub(super) package: Option<String>,
    pub(super) functions: Vec<String>,
    pub(super) calls_per_month: Option<u32>,
    pub(super) minimum: Option<MicroYuan>,
}

/// The bindings of one number, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub(super) held: Vec<Held>,
    /// Up to when its monthly fees are posted.
    pub(super) accrued_through: Option<Timestamp>,
}

impl History {
    /// What the number was at an instant. Instants never fall in a history, so the last that began decides.
    pub(super) fn at(&self, instant: Timestamp) -> Option<&Held> {
        let later = self.held.partition_point(|held| held.valid_from <= instant);
        self.held.get(later.checked_sub(1)?)
    }

    pub(super) fn latest(&self) -> Option<&Held> {
        self.held.last()
    }

    /// The spans in which `tenant` held the number and that began by `until`.
    pub(super) fn tenures<'a>(&'a self, tenant: &str, until: Timestamp) -> impl Iterator<Item = Tenure<'a>> {
        let ends = self.held.iter().skip(1).map(|next| Some(next.valid_from)).chain([None]);
        let begun = self.held.iter().zip(ends).take_while(move |(held, _)| held.valid_from <= until);
        begun.filter_map(move |(held, end)| {
            let terms = held.terms.as_deref().filter(|terms| terms.tenant == tenant)?;
            Some(Tenure { binding: held.id, from: held.valid_from, until: end, terms })
        })
    }
}

/// A span in which a tenant held a number by one binding, whose price book may not have arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenure<'a> {
    pub(super) binding: i64,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) terms: &'a Terms,
}

impl<'a> Tenure<'a> {
    /// Whether any of it lies in a month of `zone`.
    pub(super) fn lies_in(&self, month: Month, zone: &TimeZone) -> bool {
        self.from < month.next().first_instant(zone)
            && self.until.is_none_or(|until| until > month.first_instant(zone).max(self.from))
    }

    /// As rating reads it, with the price book that its binding names.
    pub(super) fn span(&self, book: &'a PriceBook) -> Span<'a> {
        let Terms { package, functions, minimum, .. } = self.terms;
        let package = package.as_deref();
        Span { from: self.from, until: self.until, book, package, functions, minimum: *minimum }
    }
}

#[derive(Debug)]
pub(super) struct Memory {
    sources: HashMap<String, i64>,
    accounts: HashMap<String, i64>,
    /// By the number's column.
    pub(super) numbers: BTreeMap<i64, History>,
    pub(super) books: HashMap<Digest, Arc<PriceBook>>,
    /// Zone of months where no tariff says one.
    pub(super) zone: TimeZone,
    sequence: i64,
}

impl Memory {
    /// Reads it from the file.
    pub(super) fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let failed = failure::when(Doing::Open);
        let sequence = connection
            .query_row("SELECT coalesce(max(sequence), 0) FROM usage", [], |row| row.get(0))
            .map_err(failed)?;
        let zone = calendar::parse_zone(DEFAULT_ZONE).map_err(|_| value::unreadable("zone", DEFAULT_ZONE))?;
        let accounts = names(connection, "SELECT name, id FROM accounts").map_err(failed)?;
        let mut memory = Self {
            sources: names(connection, "SELECT name, id FROM sources").map_err(failed)?,
            numbers: BTreeMap::new(),
            books: HashMap::new(),
            accounts,
            zone,
            sequence,
        };
        memory.read_books(connection)?;
        memory.read_bindings(connection)?;
        memory.read_accruals(connection)?;
        Ok(memory)
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(value::count_from(self.sequence))
    }

    pub(super) fn sequence_mut(&mut self) -> &mut i64 {
        &mut self.sequence
    }

    /// The id of a source's name, given on first sight.
    pub(super) fn source(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        intern(&mut self.sources, connection, "INSERT INTO sources (name) VALUES (?1) RETURNING id", name)
    }

    /// The id of an account, opened on first sight.
    pub(super) fn account(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        intern(&mut self.accounts, connection, "INSERT INTO accounts (name) VALUES (?1) RETURNING id", name)
    }

    fn read_books(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let failed = failure::when(Doing::Open);
        let mut statement = connection.prepare("SELECT digest, body FROM price_books").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (digest, body): (Vec<u8>, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let digest = value::digest_from(&digest)?;
            match compile(&body) {
                Ok(book) => {
                    self.books.insert(digest, Arc::new(book));
                }
                // Its records stay unrated and say so; the rest of the ledger works.
                Err(reason) => tracing::error!(%digest, reason, "a price book of the ledger cannot be used"),
            }
        }
        Ok(())
    }

    fn read_bindings(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let failed = failure::when(Doing::Open);
        let mut statement = connection
            .prepare(
                "SELECT b.number, b.id, b.valid_from, b.tenant, a.name, b.object, b.tariff, b.price_book, b.package,
                     b.functions, b.calls_per_month, b.minimum_monthly
                 FROM bindings b LEFT JOIN accounts a ON a.id = b.tenant ORDER BY b.id",
            )
            .map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let number: i64 = row.get(0).map_err(failed)?;
            let held = held_from(row)?;
            self.numbers.entry(number).or_default().held.push(held);
        }
        Ok(())
    }

    fn read_accruals(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        let failed = failure::when(Doing::Open);
        let mut statement = connection.prepare("SELECT number, through FROM accruals").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let number: i64 = row.get(0).map_err(failed)?;
            self.numbers.entry(number).or_default().accrued_through = Some(instant(row.get(1).map_err(failed)?)?);
        }
        Ok(())
    }
}

/// Reads and checks a price book's text.
pub(super) fn compile(body: &str) -> Result<PriceBook, String> {
    let document: PriceBookDocument = serde_json::from_str(body).map_err(|error| error.to_string())?;
    PriceBook::new(&document).map_err(|error| error.to_string())
}

fn held_from(row: &Row<'_>) -> Result<Held, LedgerError> {
    let failed = failure::when(Doing::Open);
    let account: Option<i64> = row.get(3).map_err(failed)?;
    let terms = match account {
        None => None,
        Some(account) => {
            let name: String = row.get(4).map_err(failed)?;
            let functions: String = row.get(9).map_err(failed)?;
            Some(Arc::new(Terms {
                tenant: value::tenant_of(&name).ok_or_else(|| value::unreadable("account", &name))?,
                account,
                object: row.get(5).map_err(failed)?,
                tariff: row.get(6).map_err(failed)?,
                price_book: value::digest_from(&row.get::<_, Vec<u8>>(7).map_err(failed)?)?,
                package: row.get(8).map_err(failed)?,
                functions: serde_json::from_str(&functions).map_err(|_| value::unreadable("functions", &functions))?,
                calls_per_month: row.get(10).map_err(failed)?,
                minimum: row.get::<_, Option<i64>>(11).map_err(failed)?.map(MicroYuan::from_micros),
            }))
        }
    };
    Ok(Held { id: row.get(1).map_err(failed)?, valid_from: instant(row.get(2).map_err(failed)?)?, terms })
}

fn instant(milliseconds: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| value::unreadable("instant", milliseconds))
}

fn names(connection: &Connection, sql: &str) -> rusqlite::Result<HashMap<String, i64>> {
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    names.collect()
}

fn intern(
    known: &mut HashMap<String, i64>,
    connection: &Connection,
    insert: &str,
    name: &str,
) -> rusqlite::Result<i64> {
    if let Some(id) = known.get(name) {
        return Ok(*id);
    }
    let id = connection.prepare_cached(insert)?.query_row([name], |row| row.get(0))?;
    known.insert(name.to_owned(), id);
    Ok(id)
}
