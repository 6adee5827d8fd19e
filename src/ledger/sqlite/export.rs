//! A month read out of a ledger's file, beside the biller that writes it.

use std::path::Path;

use jiff::{SignedDuration, tz::TimeZone};
use rusqlite::{Connection, OpenFlags};

use super::failure::{self, Doing};
use super::read;
use crate::domain::calendar::Month;
use crate::ledger::{Cursor, LedgerError, Usage};

/// Totals, or records, of one page.
const PAGE: u32 = 10_000;
/// A month of any zone begins and ends within this of UTC's.
const ANY_ZONE: SignedDuration = SignedDuration::from_hours(26);

/// A ledger's file, only read.
#[derive(Debug)]
pub struct Export {
    connection: Connection,
}

impl Export {
    /// Opens a file that a ledger has written.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: super::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)? })
    }

    /// Totals of all numbers of a month, as they were booked.
    pub fn usage(&self, month: Month) -> Result<Vec<Usage>, LedgerError> {
        let mut all = Vec::new();
        let mut after = Cursor::default();
        loop {
            let page = read::usage_after(&self.connection, after, Some(month), PAGE)?;
            all.extend(page.changed);
            if !page.more {
                return Ok(all);
            }
            after = page.next;
        }
    }

    /// Texts of the records that may be of a month, whatever its zone, in the order of arrival and in pages.
    pub fn bodies(&self, month: Month, mut each: impl FnMut(&[String])) -> Result<(), LedgerError> {
        let failed = failure::when(Doing::Read);
        let (first, end) = (month.first_instant(&TimeZone::UTC), month.next().first_instant(&TimeZone::UTC));
        let first = first.checked_sub(ANY_ZONE).unwrap_or(first).as_millisecond();
        let end = end.checked_add(ANY_ZONE).unwrap_or(end).as_millisecond();
        // In pages: a snapshot that is held for long keeps the writer's log from being folded back.
        let sql =
            "SELECT id, body FROM records WHERE id > ?1 AND started_at >= ?2 AND started_at < ?3 ORDER BY id LIMIT ?4";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut after = 0_i64;
        loop {
            let page = statement.query_map((after, first, end, PAGE), |row| Ok((row.get(0)?, row.get(1)?)));
            let page: Vec<(i64, String)> = page.and_then(Iterator::collect).map_err(failed)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            each(&page.into_iter().map(|(_, body)| body).collect::<Vec<_>>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::tests::bench::{Bench, LegOf, NUMBER, at};

    #[tokio::test]
    async fn a_month_is_read_beside_its_writer() {
        let bench = Bench::held().await;
        let october = LegOf { started_at: at("2026-10-20T10:00:00+08:00"), ..LegOf::call("earlier", 60) };
        let records = vec![LegOf::call("a", 60).received(), october.received(), LegOf::call("b", 120).received()];
        bench.book(records.clone()).await;
        let export = Export::open(&bench.path()).unwrap();
        let month = "2026-11".parse().unwrap();
        let mut bodies = Vec::new();
        export.bodies(month, |page| bodies.extend_from_slice(page)).unwrap();
        assert_eq!(bodies, [records[0].body(), records[2].body()]);
        let usage = export.usage(month).unwrap();
        let of = usage.iter().find(|usage| usage.number.to_string() == NUMBER).unwrap();
        assert_eq!((of.charged_seconds, of.charges.voice.to_string().as_str()), (180, "1.80"));
        assert!(Export::open(&bench.folder.path().join("none.sqlite")).is_err());
    }
}
