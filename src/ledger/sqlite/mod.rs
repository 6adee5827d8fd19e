//! The ledger in one SQLite file: for a laptop, an edge box, a gateway with one biller.
//!
//! WAL and `synchronous=FULL`, so that a commit is on the disk before anybody is told. One thread writes, with a
//! connection of its own; a few others read. A lock on a file beside the database keeps every other process from
//! writing, since its caches of bindings and its counts would not hold then.
//!
//! `src/ledger/sqlite/schema.rs` has the tables; nothing outside this folder speaks SQL.

mod accrue;
mod alerts;
mod bind;
mod book;
mod call;
pub mod export;
mod failure;
mod lock;
mod memory;
mod migrations;
mod minimum;
mod post;
mod read;
mod retry;
mod roll_over;
mod schema;
mod tenancy;
mod totals;
mod value;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use futures::FutureExt as _;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use self::failure::Doing;
use self::lock::WriterLock;
use self::read::Readers;
use self::writer::{Command, Writer};
use super::crash::CrashPoints;
use super::{
    Accrued, BindingChanges, BookInForce, Booking, Cursor, Kept, Ledger, LedgerError, LedgerId, Received, Reply,
    Retried, TenantTotal, UnratedCount, Usage, UsagePage, WholeList,
};
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::{Bindings, Prices};

/// Requests that may wait for the writer; the next is told [`LedgerError::Busy`].
const WAITING_REQUESTS: usize = 512;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; made when missing, its folder too.
    pub path: PathBuf,
    /// Records that started longer ago than this are refused: their identities may be gone. In months, default 18.
    pub horizon_months: u16,
    /// For tests that kill the process.
    pub crash_points: CrashPoints,
}

impl Options {
    /// The defaults, at `path`.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), horizon_months: 18, crash_points: CrashPoints::none() }
    }
}

/// A ledger in one SQLite file. Dropping it books what waits, then closes the file.
#[derive(Debug)]
pub struct SqliteLedger {
    id: LedgerId,
    epoch: u64,
    commands: Option<mpsc::Sender<Command>>,
    readers: Readers,
    changes: watch::Receiver<Cursor>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteLedger {
    /// Opens or makes a ledger. Blocks: a large one reads its bindings first.
    pub fn open(options: &Options, now: Timestamp) -> Result<Self, LedgerError> {
        let lock = WriterLock::take(&options.path)?;
        let mut connection = connect(&options.path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        migrations::run(&mut connection, &options.path)?;
        let id = identity(&connection, now)?;
        let (writer, changes) = Writer::new(connection, lock, options)?;
        let readers = Readers::open(&options.path)?;
        let (commands, queue) = mpsc::channel(WAITING_REQUESTS);
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run(queue)).map_err(
            |error| LedgerError::Path {
                path: options.path.clone(),
                class: super::ErrorClass::Transient,
                source: std::sync::Arc::new(error),
            },
        )?;
        Ok(Self {
            id,
            epoch: u64::from_be_bytes(random()?),
            commands: Some(commands),
            readers,
            changes,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands `work` to the writing thread and waits for its answer.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, LedgerError> + Send + 'static,
    ) -> Reply<'_, T> {
        async move {
            let (answer, answered) = oneshot::channel();
            let job = Command::Work(Box::new(move |writer| {
                // Nobody may be waiting any more; what was asked is done all the same.
                let _ = answer.send(work(writer));
            }));
            let commands = self.commands.as_ref().ok_or(LedgerError::Stopped)?;
            commands.send(job).await.map_err(|_| LedgerError::Stopped)?;
            answered.await.map_err(|_| LedgerError::Stopped)?
        }
        .boxed()
    }
}

impl Ledger for SqliteLedger {
    fn id(&self) -> Option<LedgerId> {
        Some(self.id)
    }

    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }

    fn book(&self, records: Vec<Received>, received_at: Timestamp) -> Reply<'_, Vec<Booking>> {
        async move {
            let (answer, answered) = oneshot::channel();
            let commands = self.commands.as_ref().ok_or(LedgerError::Stopped)?;
            commands.try_send(Command::Book { records, received_at, answer }).map_err(|refused| match refused {
                TrySendError::Full(_) => LedgerError::Busy,
                TrySendError::Closed(_) => LedgerError::Stopped,
            })?;
            answered.await.map_err(|_| LedgerError::Stopped)?
        }
        .boxed()
    }

    fn keep_price_book(&self, prices: Prices, now: Timestamp) -> Reply<'_, Kept> {
        self.ask(move |writer| writer.change(Doing::KeepPrices, |desk| bind::keep_price_book(desk, &prices, now)))
    }

    fn apply_bindings(&self, part: Bindings, now: Timestamp) -> Reply<'_, BindingChanges> {
        self.ask(move |writer| writer.change(Doing::Bind, |desk| bind::apply(desk, &part, now)))
    }

    fn keep_only(&self, list: WholeList, now: Timestamp) -> Reply<'_, BindingChanges> {
        self.ask(move |writer| writer.change(Doing::Bind, |desk| bind::keep_only(desk, &list, now)))
    }

    fn accrue(&self, now: Timestamp) -> Reply<'_, Accrued> {
        async move {
            let (mut sum, mut after) = (Accrued::default(), 0);
            loop {
                let step =
                    move |writer: &mut Writer| writer.change(Doing::Accrue, |desk| accrue::some(desk, after, now));
                let (accrued, next) = self.ask(step).await?;
                sum = Accrued {
                    fees: sum.fees + accrued.fees,
                    unpriced: sum.unpriced + accrued.unpriced,
                    waiting: sum.waiting + accrued.waiting,
                };
                match next {
                    Some(next) => after = next,
                    None => return Ok(sum),
                }
            }
        }
        .boxed()
    }

    fn retry_unrated(&self, now: Timestamp) -> Reply<'_, Retried> {
        async move {
            let (mut sum, mut after) = (Retried::default(), 0);
            loop {
                let step = move |writer: &mut Writer| writer.change(Doing::Retry, |desk| retry::some(desk, after, now));
                let (retried, next) = self.ask(step).await?;
                sum = Retried { rated: sum.rated + retried.rated, left: sum.left + retried.left };
                match next {
                    Some(next) => after = next,
                    None => return Ok(sum),
                }
            }
        }
        .boxed()
    }

    fn usage_after(&self, after: Cursor, month: Option<Month>, limit: u32) -> Reply<'_, UsagePage> {
        self.readers.read(move |connection| read::usage_after(connection, after, month, limit)).boxed()
    }

    fn usage_of(&self, number: FourHundred, month: Month) -> Reply<'_, Vec<Usage>> {
        self.readers.read(move |connection| read::usage_of(connection, number, month)).boxed()
    }

    fn tenant_totals(&self, month: Month) -> Reply<'_, Vec<TenantTotal>> {
        self.readers.read(move |connection| read::tenant_totals(connection, month)).boxed()
    }

    fn books_in_force(&self) -> Reply<'_, Vec<BookInForce>> {
        self.readers.read(read::books_in_force).boxed()
    }

    fn unrated(&self, number: Option<FourHundred>) -> Reply<'_, Vec<UnratedCount>> {
        self.readers.read(move |connection| read::unrated(connection, number)).boxed()
    }

    fn changes(&self) -> watch::Receiver<Cursor> {
        self.changes.clone()
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the writer was told when it happened; there is nothing left to save here.
            let _ = thread.join();
        }
    }
}

/// Opens a connection with the settings that durability rests on.
fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, LedgerError> {
    let open = || {
        let mut journal = String::from("wal");
        let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.set_prepared_statement_cache_capacity(64);
        if mode.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
            journal = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
            connection.pragma_update(None, "synchronous", "full")?;
            // Pages that many batches touch are copied back once, not each time.
            connection.pragma_update(None, "wal_autocheckpoint", 8192)?;
            connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        } else {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok((connection, journal))
    };
    let (connection, journal) = open().map_err(failure::when(Doing::Open))?;
    // SQLite answers with the mode that it could not leave, and no error: a file system without shared memory, say.
    if journal != "wal" {
        return Err(LedgerError::Journal { path: path.to_owned(), found: journal });
    }
    Ok(connection)
}

fn random<const N: usize>() -> Result<[u8; N], LedgerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| {
        LedgerError::Invalid("the system gives no random numbers: the ledger needs an identity".to_owned())
    })?;
    Ok(bytes)
}

/// Reads the ledger's identity, or makes it.
fn identity(connection: &Connection, now: Timestamp) -> Result<LedgerId, LedgerError> {
    let failed = failure::when(Doing::Open);
    connection
        .execute(
            "INSERT INTO ledger (one, id, made_at) VALUES (1, ?1, ?2) ON CONFLICT (one) DO NOTHING",
            (LedgerId::from_bytes(random()?).to_string(), now.as_millisecond()),
        )
        .map_err(failed)?;
    let text: String = connection.query_row("SELECT id FROM ledger", [], |row| row.get(0)).map_err(failed)?;
    LedgerId::parse(&text).ok_or(LedgerError::Unreadable { what: "its identity".to_owned() })
}
