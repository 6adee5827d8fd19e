//! The totals that a transaction touches: read once, changed in memory, written back before the commit.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::rating::charge::Total;

/// Whose totals: month, number and holder's account, as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UsageKey {
    pub(super) month: i64,
    pub(super) number: i64,
    pub(super) tenant: i64,
}

/// One row of `usage`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UsageRow {
    pub(super) offered: i64,
    pub(super) answered: i64,
    pub(super) refused: i64,
    pub(super) charged_seconds: i64,
    pub(super) setup: i64,
    pub(super) voice: i64,
    pub(super) messages: i64,
    pub(super) functions: i64,
    pub(super) unrated: i64,
    /// Of `voice`: what the month was topped up by.
    pub(super) topped_up: i64,
    /// Seconds of the month before's package; `None`: nobody asked yet, or it passes nothing on.
    pub(super) carried: Option<i64>,
}

impl UsageRow {
    /// Adds a charge; `false`, and nothing changed, when the total would leave what can be counted.
    pub(super) fn add(&mut self, total: Total, micros: i64, seconds: i64) -> bool {
        let sum = match total {
            Total::Setup => &mut self.setup,
            Total::Voice => &mut self.voice,
            Total::Functions => &mut self.functions,
        };
        match (sum.checked_add(micros), self.charged_seconds.checked_add(seconds)) {
            (Some(amount), Some(seconds)) => {
                *sum = amount;
                self.charged_seconds = seconds;
                true
            }
            _ => false,
        }
    }
}

/// The rows of one transaction.
#[derive(Debug, Default)]
pub(super) struct Totals {
    rows: BTreeMap<UsageKey, (UsageRow, UsageRow)>,
    /// Seconds by meter, as they were and as they are.
    meters: BTreeMap<(UsageKey, String), (i64, i64)>,
}

impl Totals {
    /// The row of `key`, to be changed.
    pub(super) fn row(&mut self, connection: &Connection, key: UsageKey) -> rusqlite::Result<&mut UsageRow> {
        use std::collections::btree_map::Entry;
        match self.rows.entry(key) {
            Entry::Occupied(entry) => Ok(&mut entry.into_mut().1),
            Entry::Vacant(entry) => {
                let found = find(connection, key)?.unwrap_or_default();
                Ok(&mut entry.insert((found, found)).1)
            }
        }
    }

    /// The seconds of a meter of `key`'s month, to be changed.
    pub(super) fn metered(
        &mut self,
        connection: &Connection,
        key: UsageKey,
        meter: &str,
    ) -> rusqlite::Result<&mut i64> {
        use std::collections::btree_map::Entry;
        match self.meters.entry((key, meter.to_owned())) {
            Entry::Occupied(entry) => Ok(&mut entry.into_mut().1),
            Entry::Vacant(entry) => {
                let found = connection
                    .prepare_cached(
                        "SELECT seconds FROM meters WHERE month = ?1 AND number = ?2 AND tenant = ?3 AND meter = ?4",
                    )?
                    .query_row((key.month, key.number, key.tenant, meter), |row| row.get(0))
                    .optional()?
                    .unwrap_or(0);
                Ok(&mut entry.insert((found, found)).1)
            }
        }
    }

    /// Writes the rows that changed, each with the next number of the feed's sequence.
    pub(super) fn write(self, connection: &Connection, sequence: &mut i64) -> rusqlite::Result<()> {
        write_meters(&self.meters, connection)?;
        let mut statement = connection.prepare_cached(
            "INSERT INTO usage (month, number, tenant, offered, answered, refused, charged_seconds, setup, voice,
                 messages, functions, unrated, topped_up, carried, sequence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (month, number, tenant) DO UPDATE SET offered = excluded.offered,
                 answered = excluded.answered, refused = excluded.refused, charged_seconds = excluded.charged_seconds,
                 setup = excluded.setup, voice = excluded.voice, messages = excluded.messages,
                 functions = excluded.functions, unrated = excluded.unrated, topped_up = excluded.topped_up,
                 carried = excluded.carried, sequence = excluded.sequence",
        )?;
        for (key, (before, row)) in self.rows {
            if before == row {
                continue;
            }
            *sequence += 1;
            statement.execute((
                key.month,
                key.number,
                key.tenant,
                row.offered,
                row.answered,
                row.refused,
                row.charged_seconds,
                row.setup,
                row.voice,
                row.messages,
                row.functions,
                row.unrated,
                row.topped_up,
                row.carried,
                *sequence,
            ))?;
        }
        Ok(())
    }
}

fn write_meters(meters: &BTreeMap<(UsageKey, String), (i64, i64)>, connection: &Connection) -> rusqlite::Result<()> {
    for ((key, meter), (before, seconds)) in meters {
        if before != seconds {
            connection
                .prepare_cached(
                    "INSERT INTO meters (month, number, tenant, meter, seconds) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (month, number, tenant, meter) DO UPDATE SET seconds = excluded.seconds",
                )?
                .execute((key.month, key.number, key.tenant, meter, seconds))?;
        }
    }
    Ok(())
}

fn find(connection: &Connection, key: UsageKey) -> rusqlite::Result<Option<UsageRow>> {
    connection
        .prepare_cached(
            "SELECT offered, answered, refused, charged_seconds, setup, voice, messages, functions, unrated,
                 topped_up, carried
             FROM usage WHERE month = ?1 AND number = ?2 AND tenant = ?3",
        )?
        .query_row((key.month, key.number, key.tenant), |row| {
            Ok(UsageRow {
                offered: row.get(0)?,
                answered: row.get(1)?,
                refused: row.get(2)?,
                charged_seconds: row.get(3)?,
                setup: row.get(4)?,
                voice: row.get(5)?,
                messages: row.get(6)?,
                functions: row.get(7)?,
                unrated: row.get(8)?,
                topped_up: row.get(9)?,
                carried: row.get(10)?,
            })
        })
        .optional()
}
