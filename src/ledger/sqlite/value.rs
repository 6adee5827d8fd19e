//! How the trade's values stand in columns.

use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::DistanceClass;
use crate::ledger::LedgerError;

/// The account of numbers that no tenant held.
pub(super) const NOBODY: &str = "nobody";
/// What the names of tenants' accounts begin with.
pub(super) const TENANT: &str = "tenant/";

pub(super) fn tenant_account(tenant: &str) -> String {
    format!("{TENANT}{tenant}")
}

/// The tenant of an account's name; `None` for nobody.
pub(super) fn tenant_of(account: &str) -> Option<String> {
    account.strip_prefix(TENANT).map(str::to_owned)
}

/// `2026-11` as 202611.
pub(super) fn month_column(month: Month) -> i64 {
    let first = month.first_day();
    i64::from(first.year()) * 100 + i64::from(first.month())
}

pub(super) fn month_from(column: i64) -> Result<Month, LedgerError> {
    let (year, month) = (i16::try_from(column / 100).ok(), i8::try_from(column % 100).ok());
    year.zip(month).and_then(|(year, month)| Month::new(year, month)).ok_or_else(|| unreadable("month", column))
}

/// Ten digits fit into 34 bits.
pub(super) fn number_column(number: FourHundred) -> i64 {
    number.as_u64().cast_signed()
}

pub(super) fn number_from(column: i64) -> Result<FourHundred, LedgerError> {
    column.to_string().parse().map_err(|_| unreadable("number", column))
}

pub(super) fn digest_from(bytes: &[u8]) -> Result<Digest, LedgerError> {
    use std::fmt::Write as _;
    let text = bytes.iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.parse().map_err(|_| unreadable("digest", text))
}

pub(super) fn distance_column(distance: DistanceClass) -> i64 {
    match distance {
        DistanceClass::Unknown => 0,
        DistanceClass::Local => 1,
        DistanceClass::LongDistance => 2,
    }
}

pub(super) fn distance_from(column: i64) -> DistanceClass {
    match column {
        1 => DistanceClass::Local,
        2 => DistanceClass::LongDistance,
        _ => DistanceClass::Unknown,
    }
}

/// Counts never go below zero; one that did would be shown as none and found by the recomputation.
pub(super) fn count_column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn count_from(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

pub(super) fn unreadable(what: &str, value: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable { what: format!("{what} {value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_they_are_written() {
        let month: Month = "2027-01".parse().unwrap();
        assert_eq!((month_column(month), month_from(202_701).unwrap()), (202_701, month));
        let number: FourHundred = "4001000868".parse().unwrap();
        assert_eq!((number_column(number), number_from(4_001_000_868).unwrap()), (4_001_000_868, number));
        let digest = Digest::of(b"a price book");
        assert_eq!(digest_from(digest.as_bytes()).unwrap(), digest);
        assert!(month_from(202_613).is_err() && number_from(12).is_err() && digest_from(b"x").is_err());
    }
}
