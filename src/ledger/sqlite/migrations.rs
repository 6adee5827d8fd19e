//! Bringing a ledger file to this build's schema, forward only.
//!
//! Each step runs in one transaction together with its mark, so a crash leaves the file at a whole version. A file from
//! a newer build is refused, and so is a database that is something else.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::failure::{self, Doing};
use super::schema;
use crate::ledger::LedgerError;

/// The steps, in order; the version is their count.
const STEPS: [&str; 2] = [schema::V1, schema::V2];

/// Marks the file as ours (`PRAGMA application_id`): "F400" in ASCII.
const APPLICATION_ID: i64 = 0x4634_3030;

/// Brings the file to the newest schema.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = failure::when(Doing::Open);
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    let found = version(connection).map_err(failed)?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(LedgerError::NewerSchema { found, known });
    }
    for (step, next) in STEPS.iter().zip(1_u32..).skip(found as usize) {
        apply(connection, step, next).map_err(failed)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let marked: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'", [], |row| {
            row.get(0)
        })
        .optional()?;
    match marked {
        None => Ok(0),
        Some(_) => connection.query_row("SELECT coalesce(max(version), 0) FROM schema_versions", [], |row| row.get(0)),
    }
}

fn apply(connection: &mut Connection, step: &str, next: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if next == 1 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.execute_batch("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY) STRICT")?;
    }
    transaction.execute_batch(step)?;
    transaction.execute("INSERT INTO schema_versions (version) VALUES (?1)", [next])?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_gets_the_newest_schema_and_a_second_run_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, Path::new("a.db")).unwrap();
        let before: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
        run(&mut connection, Path::new("a.db")).unwrap();
        let after: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!((version(&connection).unwrap(), before), (2, after));
    }

    #[test]
    fn a_file_of_the_first_version_keeps_what_is_in_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        apply(&mut connection, schema::V1, 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO accounts VALUES (1, 'tenant/acme');
                 INSERT INTO bindings (number, valid_from, tenant, price_book, recorded_at)
                     VALUES (4001000868, 0, 1, zeroblob(32), 0);
                 INSERT INTO usage VALUES (202611, 4001000868, 1, 3, 2, 0, 120, 0, 1200000, 0, 0, 0, 7);",
            )
            .unwrap();
        run(&mut connection, Path::new("a.db")).unwrap();
        let row = |sql: &str| -> (Option<i64>, Option<i64>, Option<i64>) {
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
        };
        assert_eq!(row("SELECT voice, topped_up, carried FROM usage"), (Some(1_200_000), Some(0), None));
        assert_eq!(row("SELECT number, tenant, minimum_monthly FROM bindings"), (Some(4_001_000_868), Some(1), None));
    }

    #[test]
    fn a_newer_schema_is_refused_with_a_sentence() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, Path::new("a.db")).unwrap();
        connection.execute("INSERT INTO schema_versions (version) VALUES (7)", []).unwrap();
        let error = run(&mut connection, Path::new("a.db")).unwrap_err();
        assert!(error.to_string().starts_with("ledger schema 7 is newer than 2"), "{error}");
    }

    #[test]
    fn a_database_of_something_else_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE photographs (name TEXT)").unwrap();
        let error = run(&mut connection, Path::new("photos.db")).unwrap_err();
        assert_eq!(error.to_string(), "photos.db is a database but not a ledger: name another file");
    }

    #[test]
    fn what_is_booked_cannot_be_changed() {
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, Path::new("a.db")).unwrap();
        connection.execute_batch("INSERT INTO records VALUES (1, 2, 3, 4001000868, 0, '{}')").unwrap();
        let error = connection.execute("UPDATE records SET number = 4001000869", []).unwrap_err();
        assert!(error.to_string().contains("records are never changed"), "{error}");
    }
}
