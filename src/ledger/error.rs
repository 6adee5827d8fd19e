//! What can go wrong with the book, and what a caller may do about it.
//!
//! The class decides back-off, answer and metric label in one place; the database's own error is chained as the source
//! and never part of the sentence, since it may speak of file names and statements.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// What a caller may do about a [`LedgerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Try again: nothing is known to be wrong for long.
    Transient,
    /// Try again later: more work is waiting than the ledger takes.
    Busy,
    /// The disk is full: somebody must make room.
    Full,
    /// The ledger can be read and not written.
    ReadOnly,
    /// The file is damaged: restore a copy.
    Corrupt,
    /// What was asked cannot be done, now or later.
    Invalid,
}

impl ErrorClass {
    /// The label of metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Corrupt => "corrupt",
            Self::Invalid => "invalid",
        }
    }
}

/// Why the ledger did not do what was asked. After an error nothing of the request is booked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    #[error("the ledger has more work waiting than it takes: send again in a second")]
    Busy,
    #[error("the ledger is stopped")]
    Stopped,
    #[error("the ledger is not open; it is tried again")]
    Unopened {
        #[source]
        source: Arc<LedgerError>,
    },
    #[error("{} is held by another process: one ledger file has one writer; stop the other or give another data folder", lock.display())]
    Held { lock: PathBuf },
    #[error("cannot open {}: a folder that this process may write is needed", path.display())]
    Path { path: PathBuf, class: ErrorClass, source: Arc<std::io::Error> },
    #[error(
        "ledger schema {found} is newer than {known}, the newest of this build: run the newer version, or restore a copy from before the upgrade"
    )]
    NewerSchema { found: u32, known: u32 },
    #[error("{} is a database but not a ledger: name another file", path.display())]
    NotALedger { path: PathBuf },
    #[error(
        "{}: the file system does not carry a write-ahead log (the journal stays {found:?}), on which durability rests: put the data folder on a local disk",
        path.display()
    )]
    Journal { path: PathBuf, found: String },
    #[error("cannot {doing}: {}", class.sentence())]
    Database { doing: &'static str, class: ErrorClass, source: Arc<dyn Error + Send + Sync> },
    #[error("the ledger holds a value this build cannot read: {what}")]
    Unreadable { what: String },
    #[error("{0}")]
    Invalid(String),
}

impl ErrorClass {
    fn sentence(self) -> &'static str {
        match self {
            Self::Transient => "the database failed; nothing was booked, send again",
            Self::Busy => "the database is locked; nothing was booked, send again",
            Self::Full => "the disk is full; nothing was booked, make room and send again",
            Self::ReadOnly => "the database is read-only; nothing was booked",
            Self::Corrupt => "the database file is damaged; restore a copy",
            Self::Invalid => "the database refused a value; nothing was booked",
        }
    }
}

impl LedgerError {
    /// The answer to every request until the ledger, which failed to open with `error`, is open.
    pub(super) fn unopened(error: LedgerError) -> Self {
        Self::Unopened { source: Arc::new(error) }
    }

    /// What a caller may do about it.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Busy | Self::Held { .. } => ErrorClass::Busy,
            Self::Stopped => ErrorClass::Transient,
            // What was asked is not to blame: it may be asked again.
            Self::Unopened { source } => match source.class() {
                ErrorClass::Invalid => ErrorClass::Transient,
                class => class,
            },
            Self::Path { class, .. } | Self::Database { class, .. } => *class,
            Self::NewerSchema { .. } | Self::NotALedger { .. } | Self::Journal { .. } | Self::Invalid(_) => {
                ErrorClass::Invalid
            }
            Self::Unreadable { .. } => ErrorClass::Corrupt,
        }
    }
}
