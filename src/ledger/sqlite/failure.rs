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
