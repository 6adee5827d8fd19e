//! The floor: rows of a record's size, in the order of time, written into SQLite in transactions of a thousand.

use std::time::Instant;

use rusqlite::Connection;

const ROWS: u64 = 500_000;
const AT_ONCE: u64 = 1000;

pub fn row() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut connection = Connection::open(folder.path().join("bare.sqlite")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE records (key BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;",
        )
        .unwrap();
    let body = "x".repeat(300);
    let began = Instant::now();
    for batch in 0..ROWS / AT_ONCE {
        let transaction = connection.transaction().unwrap();
        {
            let mut insert = transaction.prepare_cached("INSERT INTO records VALUES (?1, ?2)").unwrap();
            for row in 0..AT_ONCE {
                let key = u128::from(batch * AT_ONCE + row) << 80;
                insert.execute((key.to_be_bytes(), &body)).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
    let pace = ROWS as f64 / began.elapsed().as_secs_f64();
    println!("{:<52} {pace:>10.0}", "bare rows of 300 bytes, transactions of 1,000");
}
