//! Calls as the totals count them: distinct call ids, each by the best that any of its legs reported.
//!
//! All legs of a call lie beside each other in `identities`, so what a call counted as before and after a leg is known
//! from one look, and no order of arrival can count it twice. A call whose legs fall into two months, or two holders,
//! counts once in each.

use rusqlite::Connection;

use super::totals::{Totals, UsageKey};
use crate::domain::rating::record::Outcome;

/// The first half of the call id's SHA-256.
pub(super) type CallHash = [u8; 16];

/// What a leg makes of its call; the highest of a call's legs decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Unanswered,
    Refused,
    Answered,
}

impl Standing {
    pub(super) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Answered => Self::Answered,
            Outcome::Refused => Self::Refused,
            Outcome::Busy | Outcome::NoAnswer | Outcome::Rejected | Outcome::Failed | Outcome::Abandoned => {
                Self::Unanswered
            }
        }
    }

    pub(super) fn column(self) -> i64 {
        match self {
            Self::Unanswered => 0,
            Self::Refused => 1,
            Self::Answered => 2,
        }
    }

    fn from_column(column: i64) -> Self {
        match column {
            2 => Self::Answered,
            1 => Self::Refused,
            _ => Self::Unanswered,
        }
    }
}

/// One leg of a call that is here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) source: i64,
    /// Its number within the call, from 0.
    pub(super) index: i64,
    pub(super) content: [u8; 16],
    pub(super) record: i64,
    /// Whose totals count it.
    pub(super) key: UsageKey,
    pub(super) standing: Standing,
}

/// The legs of a call.
pub(super) fn legs(connection: &Connection, call: &CallHash) -> rusqlite::Result<Vec<Leg>> {
    let mut statement = connection.prepare_cached(
        "SELECT source, leg, content, record, usage_month, number, tenant, outcome FROM identities WHERE call = ?1",
    )?;
    let legs = statement.query_map([call.as_slice()], |row| {
        Ok(Leg {
            source: row.get(0)?,
            index: row.get(1)?,
            content: row.get(2)?,
            record: row.get(3)?,
            key: UsageKey { month: row.get(4)?, number: row.get(5)?, tenant: row.get(6)? },
            standing: Standing::from_column(row.get(7)?),
        })
    })?;
    legs.collect()
}

/// Moves the totals from what a call's legs counted as `before` to what they count as `after`.
pub(super) fn recount(
    totals: &mut Totals,
    connection: &Connection,
    before: &[Leg],
    after: &[Leg],
) -> rusqlite::Result<()> {
    let mut keys: Vec<UsageKey> = before.iter().chain(after).map(|leg| leg.key).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let (old, new) = (standing(before, key), standing(after, key));
        if old == new {
            continue;
        }
        let row = totals.row(connection, key)?;
        for (standing, change) in [(old, -1), (new, 1)] {
            match standing {
                None => continue,
                Some(Standing::Unanswered) => {}
                Some(Standing::Refused) => row.refused += change,
                Some(Standing::Answered) => row.answered += change,
            }
            row.offered += change;
        }
    }
    Ok(())
}

fn standing(legs: &[Leg], key: UsageKey) -> Option<Standing> {
    legs.iter().filter(|leg| leg.key == key).map(|leg| leg.standing).max()
}
