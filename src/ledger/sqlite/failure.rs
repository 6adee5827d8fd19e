//! SQLite's errors as the ledger's.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::ledger::{ErrorClass, LedgerError};

/// What was tried when it failed; the words of the sentence.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    Open,
    Book,
    Bind,
    KeepPrices,
    Accrue,
    Retry,
    Read,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Open => "open the ledger",
            Self::Book => "book call records",
            Self::Bind => "take over bindings",
            Self::KeepPrices => "keep a price book",
            Self::Accrue => "book monthly fees",
            Self::Retry => "rate records kept unrated",
            Self::Read => "read the ledger",
        }
    }
}

/// Turns a database error into the ledger's.
pub(super) fn when(doing: Doing) -> impl Fn(rusqlite::Error) -> LedgerError + Copy {
    move |error| LedgerError::Database { doing: doing.words(), class: class_of(&error), source: Arc::new(error) }
}

fn class_of(error: &rusqlite::Error) -> ErrorClass {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorClass::Busy,
        Some(ErrorCode::DiskFull) => ErrorClass::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => ErrorClass::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorClass::Corrupt,
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::ApiMisuse,
        ) => ErrorClass::Invalid,
        Some(_) => ErrorClass::Transient,
        None => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => ErrorClass::Corrupt,
            _ => ErrorClass::Invalid,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn each_failure_of_the_database_has_its_class() {
        for (code, class) in [
            (ffi::SQLITE_BUSY, ErrorClass::Busy),
            (ffi::SQLITE_FULL, ErrorClass::Full),
            (ffi::SQLITE_READONLY, ErrorClass::ReadOnly),
            (ffi::SQLITE_CORRUPT, ErrorClass::Corrupt),
            (ffi::SQLITE_NOTADB, ErrorClass::Corrupt),
            (ffi::SQLITE_CONSTRAINT, ErrorClass::Invalid),
            (ffi::SQLITE_IOERR, ErrorClass::Transient),
            (ffi::SQLITE_NOMEM, ErrorClass::Transient),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(when(Doing::Book)(error).class(), class, "{code}");
        }
    }

    #[test]
    fn the_databases_own_words_are_the_source_and_not_the_sentence() {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), Some("page 7".to_owned()));
        let error = when(Doing::Accrue)(error);
        assert_eq!(
            error.to_string(),
            "cannot book monthly fees: the disk is full; nothing was booked, make room and send again"
        );
        assert!(std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("page 7")));
    }
}
