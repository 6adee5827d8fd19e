//! Call records in files, handed over to a biller: cut into requests, sent again until they are taken, and every line
//! accounted for.
//!
//! Repeating is always safe, since the ledger books a record once. A file that was interrupted goes on behind the last
//! request that was answered: [`place`] keeps where that was beside the file. [`spool`] does the same for a folder into
//! which a switch writes.

pub mod cut;
mod file;
mod place;
mod send;
pub mod spool;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use cut::Form;
use cut::FormError;
pub use file::{Progress, Told, ingest};
pub use send::Biller;

use crate::runtime::client::ClientError;

/// What became of lines; `accepted + duplicates + conflicts + refused + passedOver` = lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Booked, or kept unrated.
    pub accepted: u64,
    pub duplicates: u64,
    /// Known already with other content: kept, and charged nothing.
    pub conflicts: u64,
    /// Among the accepted.
    pub unrated: u64,
    pub refused: u64,
    /// Lines of a switch that state nothing to be counted.
    pub passed_over: u64,
}

impl Counts {
    pub fn lines(&self) -> u64 {
        self.accepted + self.duplicates + self.conflicts + self.refused + self.passed_over
    }

    pub fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.unrated += other.unrated;
        self.refused += other.refused;
        self.passed_over += other.passed_over;
    }

    /// Whether every line became what its sender meant.
    pub fn is_clean(&self) -> bool {
        self.refused + self.conflicts == 0
    }
}

/// How files are handed over.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a file is cut; by its name when absent.
    pub form: Option<Form>,
    /// Most lines of one request.
    pub lines: usize,
    /// How long a request is tried before its file is given up.
    pub patience: Duration,
}

/// Why files were not handed over. What was answered before counts, and is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} cannot be written")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path}")]
    Form { path: PathBuf, source: FormError },
    #[error("{path} is packed, and the packed text is damaged or does not end")]
    Damaged { path: PathBuf, source: io::Error },
    #[error("the biller at {server} did not take the records for {seconds} s")]
    Unreachable { server: String, seconds: u64, source: Box<ClientError> },
    #[error("the biller at {server} did not take the records for {seconds} s: it answers {status}, {reason}")]
    Unavailable { server: String, seconds: u64, status: u16, reason: String },
    /// Coming again will not help.
    #[error("the biller at {server} answers {status}: {reason}")]
    Refused { server: String, status: u16, reason: String },
    #[error("stopped: the files go on from where they are, by the same command")]
    Stopped,
}
