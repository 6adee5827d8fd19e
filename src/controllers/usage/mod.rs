//! Usage and money from the ledger onto the objects they belong to.
//!
//! Follows the ledger's feed from the beginning of each month in progress (nothing is remembered across restarts: what
//! differs from the status is written), at most one write per object and five seconds, all objects together within a
//! budget. A new `asOf` alone makes no write. When a month turns, what still shows the last one is written with nothing
//! used. A ledger that is away leaves every number as it is; a write that failed is made again.

pub mod months;
pub mod pace;
mod shown;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::claim;
use super::plan::shard::CapReached;
use super::world::{Find as _, World};
use crate::api::FourHundredNumber;
use crate::api::tenant::AccountStatus;
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::MicroYuan;
use crate::ledger::{Calls, Charges, Cursor, Ledger, LedgerError, TenantTotal, Usage};

/// Objects that may wait for their turn together: one that waits must not hold up another.
const WAITING: usize = 100_000;
/// Totals read at once.
const PAGE: u32 = 1_000;
/// Longest time between looks at the ledger.
const LOOK: Duration = Duration::from_mins(1);

/// What the feed said last, of the months in progress.
#[derive(Debug, Default)]
struct Totals {
    numbers: HashMap<(Month, FourHundred, String), Usage>,
    tenants: HashMap<(Month, String), TenantTotal>,
    /// Months read from their beginning: what they do not have was not used.
    read: BTreeSet<Month>,
}

/// [`Totals`], shared by who reads and who writes.
#[derive(Debug, Default)]
struct Followed(Mutex<Totals>);

impl Followed {
    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a number used in its present month. Nothing, where its status still shows an earlier one; `None` where there
    /// is nothing to say.
    fn usage(&self, number: FourHundred, tenant: &str, object: &FourHundredNumber, world: &World) -> Option<Usage> {
        let month = months::of_number(world, object);
        let totals = self.lock();
        let known = totals.numbers.get(&(month, number, tenant.to_owned()));
        let shown = object.status.as_ref().and_then(|status| Some(status.usage.as_ref()?.month.as_str()));
        known.cloned().or_else(|| {
            let stale = totals.read.contains(&month) && shown.is_some_and(|shown| *shown < *month.to_string());
            stale.then(|| unused(number, month, tenant))
        })
    }

    /// What a tenant was charged in a month; see [`Self::usage`].
    fn charged(&self, tenant: &str, month: Month, shown: Option<&AccountStatus>) -> Option<MicroYuan> {
        let totals = self.lock();
        let known = totals.tenants.get(&(month, tenant.to_owned())).map(|total| total.charged);
        known.or_else(|| {
            let stale = totals.read.contains(&month) && shown.is_some_and(|shown| shown.month < month.to_string());
            stale.then_some(MicroYuan::ZERO)
        })
    }

    /// Months that are over are not shown any more.
    fn keep(&self, months: &BTreeSet<Month>) {
        let mut totals = self.lock();
        totals.numbers.retain(|(month, ..), _| months.contains(month));
        totals.tenants.retain(|(month, _), _| months.contains(month));
        totals.read.retain(|month| months.contains(month));
    }
}

fn unused(number: FourHundred, month: Month, tenant: &str) -> Usage {
    Usage {
        number,
        month,
        tenant: Some(tenant.to_owned()),
        calls: Calls::default(),
        charged_seconds: 0,
        charges: Charges::default(),
        unrated: 0,
    }
}

/// Follows `ledger` until `stop`.
pub async fn run(world: Arc<World>, ledger: Arc<dyn Ledger>, stop: CancellationToken) {
    let followed = Arc::new(Followed::default());
    let numbers = {
        let (world, followed, stop) = (world.clone(), followed.clone(), stop.clone());
        let dirty = world.usage_of.clone();
        async move {
            dirty.run(WAITING, stop, move |key| write::number(world.clone(), followed.clone(), key)).await;
        }
    };
    let tenants = {
        let (world, followed, stop) = (world.clone(), followed.clone(), stop.clone());
        let dirty = world.usage_of_tenant.clone();
        async move {
            dirty.run(WAITING, stop, move |name| write::tenant(world.clone(), followed.clone(), name)).await;
        }
    };
    tokio::join!(numbers, tenants, follow(world, ledger, followed, stop));
}

async fn follow(world: Arc<World>, ledger: Arc<dyn Ledger>, followed: Arc<Followed>, stop: CancellationToken) {
    let mut changes = ledger.changes();
    let mut cursors: BTreeMap<Month, Cursor> = BTreeMap::new();
    loop {
        let (months, turn) = months::in_progress(&world);
        cursors.retain(|month, _| months.contains(month));
        followed.keep(&months);
        let mut whole = true;
        for month in months {
            let cursor = cursors.entry(month).or_default();
            match read(&world, &*ledger, &followed, *cursor, month).await {
                Ok(next) => *cursor = next,
                Err(error) => {
                    whole = false;
                    tracing::warn!(%error, "usage: the ledger does not answer; statuses stay as they are");
                }
            }
        }
        if whole {
            world.usage_was_read();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK.min(world.until(turn))) => {}
        }
    }
}

async fn read(
    world: &World,
    ledger: &dyn Ledger,
    followed: &Followed,
    mut cursor: Cursor,
    month: Month,
) -> Result<Cursor, LedgerError> {
    let mut anything = false;
    loop {
        let page = ledger.usage_after(cursor, Some(month), PAGE).await?;
        for usage in page.changed {
            anything = true;
            take(world, followed, usage);
        }
        cursor = page.next;
        if !page.more {
            break;
        }
    }
    if anything {
        for total in ledger.tenant_totals(month).await? {
            let name = total.tenant.clone();
            let before = followed.lock().tenants.insert((month, name.clone()), total.clone());
            if before.as_ref() != Some(&total) {
                world.usage_of_tenant.mark(name);
            }
        }
    }
    if followed.lock().read.insert(month) {
        // What shows an earlier month has used nothing of this one yet.
        for claim in world.stores.claims.state() {
            world.usage_of.mark(claim::holder_of(&claim));
        }
        for tenant in world.stores.tenants.state() {
            world.usage_of_tenant.mark(tenant.metadata.name.clone().unwrap_or_default());
        }
    }
    Ok(cursor)
}

fn take(world: &World, followed: &Followed, usage: Usage) {
    let Some(tenant) = usage.tenant.clone() else { return };
    let number = usage.number;
    note_cap(world, &usage);
    followed.lock().numbers.insert((usage.month, number, tenant), usage);
    if let Some(claim) = world.stores.claims.find_name(&number.to_string()) {
        world.usage_of.mark(claim::holder_of(&claim));
    }
}

/// A number that has answered as many calls as it may this month refuses the rest of it. What an earlier holder used
/// does not count, and neither does another month.
fn note_cap(world: &World, usage: &Usage) {
    let number = usage.number;
    let Some(claim) = world.stores.claims.find_name(&number.to_string()) else { return };
    let holder = claim::holder_of(&claim);
    let Some(object) = world.stores.numbers.find_key(&holder) else { return };
    if !counts_now(usage, &claim.spec.tenant, months::of_number(world, &object)) {
        return;
    }
    let limit =
        object.spec.limits.as_ref().and_then(|limits| limits.calls_per_month).and_then(|most| u64::try_from(most).ok());
    let reached = limit.is_some_and(|most| usage.calls.answered >= most);
    let reached = reached.then(|| CapReached::new(usage.month, months::zone_name_of(world, &object)));
    let changed = {
        let mut caps = world.caps();
        let before = match reached.clone() {
            Some(reached) => caps.0.insert(number, reached),
            None => caps.0.remove(&number),
        };
        before != reached
    };
    if changed {
        let shard = world.plan().shard_of(&holder).cloned();
        world.mark_shards(shard);
    }
}

/// Whether a total is of the number's holder and of the month in progress.
fn counts_now(usage: &Usage, holder: &str, month: Month) -> bool {
    usage.tenant.as_deref() == Some(holder) && usage.month == month
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_counts_the_holders_calls_of_the_month_in_progress() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        let usage = unused("4001000868".parse().unwrap(), month("2026-11"), "acme");
        assert!(counts_now(&usage, "acme", month("2026-11")));
        assert!(!counts_now(&usage, "borealis", month("2026-11")), "the number has changed hands");
        assert!(!counts_now(&usage, "acme", month("2026-12")));
    }
}
