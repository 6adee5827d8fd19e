//! Reading totals, beside the writer.
//!
//! Each read takes one of a few connections for one statement: readers never hold a snapshot for long, or the log of
//! changes could not be folded back into the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, Row};
use tokio::sync::Semaphore;

use super::failure::{self, Doing};
use super::value;
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::MicroYuan;
use crate::ledger::{
    BookInForce, Calls, Charges, Cursor, LedgerError, TenantTotal, UnratedCount, UnratedReason, Usage, UsagePage,
};

const CONNECTIONS: usize = 2;
/// Most totals in one page.
const LARGEST_PAGE: u32 = 10_000;

/// A few connections that only read.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        let connections = (0..CONNECTIONS).map(|_| open(path)).collect::<Result<Vec<_>, _>>()?;
        let (idle, turns) = (Arc::new(Mutex::new(connections)), Arc::new(Semaphore::new(CONNECTIONS)));
        Ok(Self { path: path.to_owned(), idle, turns })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| LedgerError::Stopped)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let task = tokio::task::spawn_blocking(move || {
            let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // A question that panicked took its connection along.
            let connection = take().map_or_else(|| open(&path), Ok)?;
            let answer = question(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            answer
        });
        task.await.map_err(|_| LedgerError::Stopped)?
    }
}

fn open(path: &Path) -> Result<Connection, LedgerError> {
    super::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

const USAGE: &str = "SELECT u.month, u.number, a.name, u.offered, u.answered, u.refused, u.charged_seconds,
    u.setup, u.voice, u.messages, u.functions, u.unrated, u.sequence FROM usage u JOIN accounts a ON a.id = u.tenant";

pub(super) fn usage_after(
    connection: &Connection,
    after: Cursor,
    month: Option<Month>,
    limit: u32,
) -> Result<UsagePage, LedgerError> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let sql = format!("{USAGE} WHERE u.sequence > ?1 AND (?2 IS NULL OR u.month = ?2) ORDER BY u.sequence LIMIT ?3");
    let after_column = i64::try_from(after.0).unwrap_or(i64::MAX);
    let rows = rows(connection, &sql, (after_column, month.map(value::month_column), limit + 1))?;
    let more = rows.len() > limit as usize;
    let rows = rows.into_iter().take(limit as usize);
    let mut next = after;
    let mut changed = Vec::new();
    for (usage, sequence) in rows {
        next = sequence;
        changed.push(usage);
    }
    Ok(UsagePage { changed, next, more })
}

pub(super) fn usage_of(connection: &Connection, number: FourHundred, month: Month) -> Result<Vec<Usage>, LedgerError> {
    let sql = format!("{USAGE} WHERE u.month = ?1 AND u.number = ?2 ORDER BY u.tenant");
    let rows = rows(connection, &sql, (value::month_column(month), value::number_column(number)))?;
    Ok(rows.into_iter().map(|(usage, _)| usage).collect())
}

pub(super) fn tenant_totals(connection: &Connection, month: Month) -> Result<Vec<TenantTotal>, LedgerError> {
    let failed = failure::when(Doing::Read);
    let mut statement = connection
        .prepare_cached(
            "SELECT a.name, count(*), sum(u.setup + u.voice + u.messages + u.functions)
             FROM usage u JOIN accounts a ON a.id = u.tenant WHERE u.month = ?1 AND a.name <> ?2
             GROUP BY a.name ORDER BY a.name",
        )
        .map_err(failed)?;
    let rows = statement
        .query_map((value::month_column(month), value::NOBODY), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .map_err(failed)?;
    rows.map(|row| {
        let (account, numbers, charged) = row.map_err(failed)?;
        let tenant = value::tenant_of(&account).ok_or_else(|| value::unreadable("account", &account))?;
        Ok(TenantTotal { tenant, numbers: value::count_from(numbers), charged: MicroYuan::from_micros(charged) })
    })
    .collect()
}

pub(super) fn books_in_force(connection: &Connection) -> Result<Vec<BookInForce>, LedgerError> {
    let failed = failure::when(Doing::Read);
    let mut statement = connection
        .prepare_cached(
            "SELECT b.tariff, p.body, max(b.id) FROM bindings b JOIN price_books p ON p.digest = b.price_book
             WHERE b.id IN (SELECT max(id) FROM bindings GROUP BY number) GROUP BY b.tariff",
        )
        .map_err(failed)?;
    let books = statement
        .query_map([], |row| Ok(BookInForce { tariff: row.get(0)?, document: row.get(1)? }))
        .map_err(failed)?;
    books.collect::<rusqlite::Result<_>>().map_err(failed)
}

pub(super) fn unrated(connection: &Connection, number: Option<FourHundred>) -> Result<Vec<UnratedCount>, LedgerError> {
    let failed = failure::when(Doing::Read);
    let mut statement = connection
        .prepare_cached(
            "SELECT reason, count(*) FROM unrated WHERE ?1 IS NULL OR number = ?1 GROUP BY reason ORDER BY reason",
        )
        .map_err(failed)?;
    let rows = statement
        .query_map([number.map(value::number_column)], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .map_err(failed)?;
    rows.map(|row| {
        let (name, records) = row.map_err(failed)?;
        let reason = UnratedReason::from_name(&name).ok_or_else(|| value::unreadable("reason", &name))?;
        Ok(UnratedCount { reason, records: value::count_from(records) })
    })
    .collect()
}

fn rows(
    connection: &Connection,
    sql: &str,
    arguments: impl rusqlite::Params,
) -> Result<Vec<(Usage, Cursor)>, LedgerError> {
    let failed = failure::when(Doing::Read);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut found = statement.query(arguments).map_err(failed)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        rows.push(usage_from(row)?);
    }
    Ok(rows)
}

fn usage_from(row: &Row<'_>) -> Result<(Usage, Cursor), LedgerError> {
    let failed = failure::when(Doing::Read);
    let column = |index: usize| row.get::<_, i64>(index).map_err(failed);
    let account: String = row.get(2).map_err(failed)?;
    let (offered, answered, refused) = (column(3)?, column(4)?, column(5)?);
    let (setup, voice, messages, functions) = (column(7)?, column(8)?, column(9)?, column(10)?);
    let total = setup.saturating_add(voice).saturating_add(messages).saturating_add(functions);
    let usage = Usage {
        month: value::month_from(column(0)?)?,
        number: value::number_from(column(1)?)?,
        tenant: value::tenant_of(&account),
        calls: Calls {
            offered: value::count_from(offered),
            answered: value::count_from(answered),
            refused: value::count_from(refused),
            unanswered: value::count_from(offered - answered - refused),
        },
        charged_seconds: value::count_from(column(6)?),
        charges: Charges {
            setup: MicroYuan::from_micros(setup),
            voice: MicroYuan::from_micros(voice),
            messages: MicroYuan::from_micros(messages),
            functions: MicroYuan::from_micros(functions),
            total: MicroYuan::from_micros(total),
        },
        unrated: value::count_from(column(11)?),
    };
    Ok((usage, Cursor(value::count_from(column(12)?))))
}
