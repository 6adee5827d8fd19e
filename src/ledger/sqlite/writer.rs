//! The one thread that writes.
//!
//! It takes whatever waits in its queue and books it in one transaction: under load the disk's flush is shared by many
//! senders, without load nobody waits for company. Its memory of bindings and price books saves the lookups of the hot
//! path; after a failed transaction it is read again, so that it never knows more than the file.

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::alerts::Alerts;
use super::failure::{self, Doing};
use super::lock::WriterLock;
use super::memory::Memory;
use super::totals::Totals;
use super::{Options, book};
use crate::ledger::crash::{CrashPoint, CrashPoints};
use crate::ledger::{Booking, Cursor, ErrorClass, LedgerError, Received};

/// Records after which a transaction takes no further request.
const GROUP_RECORDS: usize = 4_000;

pub(super) type Answer<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What the thread is asked to do.
pub(super) enum Command {
    Book { records: Vec<Received>, received_at: Timestamp, answer: Answer<Vec<Booking>> },
    Work(Box<dyn FnOnce(&mut Writer) + Send>),
}

struct Request {
    records: Vec<Received>,
    received_at: Timestamp,
    answer: Answer<Vec<Booking>>,
}

/// The writing end of the ledger.
pub(super) struct Writer {
    connection: Connection,
    /// `None` after a failure, until it is read again.
    memory: Option<Memory>,
    changes: watch::Sender<Cursor>,
    crash_points: CrashPoints,
    horizon_months: u16,
    alerts: Alerts,
    /// Dropped after the connection: fields drop in order.
    _lock: WriterLock,
}

/// What one transaction works with.
pub(super) struct Desk<'a> {
    pub(super) connection: &'a Connection,
    pub(super) memory: &'a mut Memory,
    pub(super) totals: Totals,
    pub(super) doing: Doing,
    pub(super) horizon_months: u16,
    pub(super) crash_points: &'a CrashPoints,
    pub(super) alerts: &'a mut Alerts,
}

impl Desk<'_> {
    /// Turns a database error into one that says what was tried.
    pub(super) fn failed(&self) -> impl Fn(rusqlite::Error) -> LedgerError + Copy + use<> {
        failure::when(self.doing)
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: WriterLock,
        options: &Options,
    ) -> Result<(Self, watch::Receiver<Cursor>), LedgerError> {
        let memory = Memory::read(&connection)?;
        let (changes, follow) = watch::channel(memory.cursor());
        let writer = Self {
            connection,
            memory: Some(memory),
            changes,
            crash_points: options.crash_points.clone(),
            horizon_months: options.horizon_months,
            alerts: Alerts::default(),
            _lock: lock,
        };
        Ok((writer, follow))
    }

    /// Works until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        while let Some(first) = queue.blocking_recv() {
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Work(work) => work(&mut self),
                    Command::Book { records, received_at, answer } => {
                        let first = Request { records, received_at, answer };
                        let (group, follower) = gather(first, &mut queue);
                        self.book(group);
                        next = follower;
                    }
                }
            }
        }
    }

    /// Runs `work` in a transaction of its own; what it returns is durable when this returns it.
    pub(super) fn change<T>(
        &mut self,
        doing: Doing,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let answer = self.attempt(doing, work);
        match (&answer, &self.memory) {
            (Ok(_), Some(memory)) => {
                let cursor = memory.cursor();
                self.changes.send_if_modified(|known| std::mem::replace(known, cursor) != cursor);
            }
            _ => self.memory = None,
        }
        answer
    }

    fn attempt<T>(
        &mut self,
        doing: Doing,
        work: impl FnOnce(&mut Desk<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let failed = failure::when(doing);
        let memory = match self.memory.take() {
            Some(memory) => self.memory.insert(memory),
            None => self.memory.insert(Memory::read(&self.connection)?),
        };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut desk = Desk {
            connection: &transaction,
            memory,
            totals: Totals::default(),
            doing,
            horizon_months: self.horizon_months,
            crash_points: &self.crash_points,
            alerts: &mut self.alerts,
        };
        let answer = work(&mut desk)?;
        let Desk { memory, totals, .. } = desk;
        totals.write(&transaction, memory.sequence_mut()).map_err(failed)?;
        if matches!(doing, Doing::Book) {
            self.crash_points.pass(CrashPoint::BeforeCommit);
        }
        transaction.commit().map_err(failed)?;
        if matches!(doing, Doing::Book) {
            self.crash_points.pass(CrashPoint::AfterCommitBeforeAnswer);
        }
        Ok(answer)
    }

    fn book(&mut self, group: Vec<Request>) {
        let booked = self.change(Doing::Book, |desk| {
            group.iter().map(|request| book::all(desk, &request.records, request.received_at)).collect()
        });
        match booked {
            Ok(answers) => answer_all(group, answers),
            // A value that the database refuses must not hold back those who only share its transaction.
            Err(error) if error.class() == ErrorClass::Invalid && group.len() > 1 => {
                for request in group {
                    let booked =
                        self.change(Doing::Book, |desk| book::all(desk, &request.records, request.received_at));
                    let _ = request.answer.send(booked);
                }
            }
            Err(error) => {
                tracing::error!(
                    class = error.class().label(),
                    error = &error as &dyn std::error::Error,
                    "nothing booked"
                );
                for request in group {
                    let _ = request.answer.send(Err(error.clone()));
                }
            }
        }
    }
}

/// A sender that has gone away will send again and be told "duplicate".
fn answer_all(group: Vec<Request>, answers: Vec<Vec<Booking>>) {
    for (request, answer) in group.into_iter().zip(answers) {
        let _ = request.answer.send(Ok(answer));
    }
}

/// The requests that wait now, up to the bound, and the command that ended the group, if one did.
fn gather(first: Request, queue: &mut mpsc::Receiver<Command>) -> (Vec<Request>, Option<Command>) {
    let mut records = first.records.len();
    let mut group = vec![first];
    while records < GROUP_RECORDS {
        match queue.try_recv() {
            Ok(Command::Book { records: more, received_at, answer }) => {
                records += more.len();
                group.push(Request { records: more, received_at, answer });
            }
            Ok(work @ Command::Work(_)) => return (group, Some(work)),
            Err(_) => break,
        }
    }
    (group, None)
}
