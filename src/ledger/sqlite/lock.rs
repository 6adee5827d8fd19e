//! One process writes: an exclusive lock on a file beside the database.
//!
//! SQLite's own locks keep two writers from damaging the file, not from each holding a memory of bindings that the
//! other has changed. The system drops the lock with the process, however it ends; the empty file stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ledger::{ErrorClass, LedgerError};

/// Held as long as this value lives.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of a database file, whose folder is made when missing.
    pub(super) fn take(database: &Path) -> Result<Self, LedgerError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let failed = |error: io::Error| LedgerError::Path {
            path: lock.clone(),
            class: class_of(&error),
            source: Arc::new(error),
        };
        if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Held { lock }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn class_of(error: &io::Error) -> ErrorClass {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorClass::ReadOnly,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorClass::Full,
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => ErrorClass::Invalid,
        _ => ErrorClass::Transient,
    }
}
