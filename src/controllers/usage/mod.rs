//! Usage and money from the ledger onto the objects they belong to.
//!
//! Follows the ledger's feed from the beginning of the month (nothing is remembered across restarts: what differs from
//! the status is written), at most one write per object and five seconds, all objects together within a budget. A new
//! `asOf` alone makes no write. A ledger that is away leaves every number as it is; a write that failed is made again.

mod shown;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::claim;
use super::key::Key;
use super::sink::Manager;
use super::world::{Find as _, World};
use crate::api::NEVER_OBSERVED;
use crate::api::tenant::{AccountStatus, TenantStatus};
use crate::domain::calendar::{DEFAULT_ZONE, Month, parse_zone};
use crate::domain::numbering::FourHundred;
use crate::ledger::{Cursor, Ledger, TenantTotal, Usage};

/// The least time between two writes to one object.
const FLOOR: Duration = Duration::from_secs(5);
/// Objects that may wait for their turn together: one that waits must not hold up another.
const WAITING: usize = 100_000;
/// Writes under way together.
const AT_ONCE: usize = 8;
/// Totals read at once.
const PAGE: u32 = 1_000;

/// What the feed said last.
#[derive(Debug, Default)]
struct Totals {
    numbers: HashMap<(FourHundred, String), Usage>,
    tenants: HashMap<String, TenantTotal>,
}

/// Follows `ledger` until `stop`.
pub async fn run(world: Arc<World>, ledger: Arc<dyn Ledger>, stop: CancellationToken) {
    let totals = Arc::new(Mutex::new(Totals::default()));
    let pace = Arc::new(Pace::new(world.settings.usage_writes_per_second));
    let numbers = {
        let (world, totals, pace, stop) = (world.clone(), totals.clone(), pace.clone(), stop.clone());
        let dirty = world.usage_of.clone();
        async move {
            dirty.run(WAITING, stop, move |key| write_number(world.clone(), totals.clone(), pace.clone(), key)).await;
        }
    };
    let tenants = {
        let (world, totals, pace, stop) = (world.clone(), totals.clone(), pace.clone(), stop.clone());
        let dirty = world.usage_of_tenant.clone();
        async move {
            dirty.run(WAITING, stop, move |name| write_tenant(world.clone(), totals.clone(), pace.clone(), name)).await;
        }
    };
    tokio::join!(numbers, tenants, follow(world, ledger, totals, stop));
}

async fn follow(world: Arc<World>, ledger: Arc<dyn Ledger>, totals: Arc<Mutex<Totals>>, stop: CancellationToken) {
    let mut changes = ledger.changes();
    let mut cursor = Cursor::default();
    let mut month = None;
    loop {
        let now = this_month(&world);
        if month != Some(now) {
            month = Some(now);
            cursor = Cursor::default();
            *lock(&totals) = Totals::default();
        }
        match read(&world, &*ledger, &totals, cursor, now).await {
            Ok(next) => {
                cursor = next;
                world.usage_was_read();
            }
            Err(error) => tracing::warn!(%error, "usage: the ledger does not answer; statuses stay as they are"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_mins(1)) => {}
        }
    }
}

fn this_month(world: &World) -> Month {
    match parse_zone(DEFAULT_ZONE) {
        Ok(zone) => Month::of(world.clock.now(), &zone),
        Err(_) => Month::of(world.clock.now(), &jiff::tz::TimeZone::UTC),
    }
}

async fn read(
    world: &World,
    ledger: &dyn Ledger,
    totals: &Mutex<Totals>,
    mut cursor: Cursor,
    month: Month,
) -> Result<Cursor, crate::ledger::LedgerError> {
    let mut anything = false;
    loop {
        let page = ledger.usage_after(cursor, Some(month), PAGE).await?;
        for usage in page.changed {
            anything = true;
            take(world, totals, usage);
        }
        cursor = page.next;
        if !page.more {
            break;
        }
    }
    if anything {
        for total in ledger.tenant_totals(month).await? {
            let name = total.tenant.clone();
            let before = lock(totals).tenants.insert(name.clone(), total.clone());
            if before.as_ref() != Some(&total) {
                world.usage_of_tenant.mark(name);
            }
        }
    }
    Ok(cursor)
}

fn take(world: &World, totals: &Mutex<Totals>, usage: Usage) {
    let Some(tenant) = usage.tenant.clone() else { return };
    let number = usage.number;
    note_cap(world, &usage);
    lock(totals).numbers.insert((number, tenant), usage);
    if let Some(claim) = world.stores.claims.find_name(&number.to_string()) {
        world.usage_of.mark(claim::holder_of(&claim));
    }
}

/// A number that has answered as many calls as it may this month refuses the rest of it.
fn note_cap(world: &World, usage: &Usage) {
    let number = usage.number;
    let Some(holder) = world.stores.claims.find_name(&number.to_string()).map(|claim| claim::holder_of(&claim)) else {
        return;
    };
    let Some(object) = world.stores.numbers.find_key(&holder) else { return };
    let limit =
        object.spec.limits.as_ref().and_then(|limits| limits.calls_per_month).and_then(|most| u64::try_from(most).ok());
    let reached = limit.is_some_and(|most| usage.calls.answered >= most);
    let changed = {
        let mut caps = world.caps();
        if reached {
            caps.0.insert(number, usage.month.to_string()).as_deref() != Some(usage.month.to_string().as_str())
        } else {
            caps.0.remove(&number).is_some()
        }
    };
    if changed {
        let shard = world.plan().shard_of(&holder).cloned();
        world.mark_shards(shard);
    }
}

async fn write_number(world: Arc<World>, totals: Arc<Mutex<Totals>>, pace: Arc<Pace>, key: Key) {
    let Some(claim) = claim::held_by(&world, &key) else { return };
    let Some(number) = claim::number_of(&claim) else { return };
    let place = (number, claim.spec.tenant.clone());
    let known = lock(&totals).numbers.get(&place).cloned();
    let Some(usage) = known else { return };
    note_cap(&world, &usage);
    let _turn = pace.wait(&format!("number {key}")).await;
    let Some(usage) = lock(&totals).numbers.get(&place).cloned() else { return };
    let Some(object) = world.stores.numbers.find_key(&key) else { return };
    let status = shown::of_number(&object, &usage, world.clock.now());
    if let Err(error) = world.published.publish(&world, &*object, Manager::Usage, &status).await {
        tracing::debug!(object = %key, %error, "usage not written; it is written again");
        world.usage_of.mark(key);
    }
}

async fn write_tenant(world: Arc<World>, totals: Arc<Mutex<Totals>>, pace: Arc<Pace>, name: String) {
    if !lock(&totals).tenants.contains_key(&name) {
        return;
    }
    let _turn = pace.wait(&format!("tenant {name}")).await;
    let Some(total) = lock(&totals).tenants.get(&name).cloned() else { return };
    let Some(object) = world.stores.tenants.find_name(&name) else { return };
    let shown = object.status.as_ref().and_then(|status| status.account.clone());
    let month = this_month(&world).to_string();
    let charged = total.charged.to_string();
    let as_of = match shown {
        Some(shown) if shown.month == month && shown.charged == charged => shown.as_of,
        _ => claim::text(world.clock.now()),
    };
    let account = AccountStatus { month, charged, balance: None, as_of };
    let status = TenantStatus {
        observed_generation: NEVER_OBSERVED,
        verification: None,
        state: None,
        numbers: None,
        account: Some(account),
        conditions: Vec::new(),
    };
    if let Err(error) = world.published.publish(&world, &*object, Manager::Usage, &status).await {
        tracing::debug!(tenant = name, %error, "account not written; it is written again");
        world.usage_of_tenant.mark(name);
    }
}

/// A floor per object and a budget for all: the first write after quiet goes at once.
#[derive(Debug)]
struct Pace {
    spacing: Duration,
    next: Mutex<Option<Instant>>,
    last: Mutex<HashMap<String, Instant>>,
    writing: Semaphore,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        Self {
            spacing: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(None),
            last: Mutex::new(HashMap::new()),
            writing: Semaphore::new(AT_ONCE),
        }
    }

    /// Waits for the object's turn, which lasts as long as what is given is held.
    async fn wait(&self, object: &str) -> Option<SemaphorePermit<'_>> {
        let now = Instant::now();
        let own = lock(&self.last).get(object).map_or(now, |last| *last + FLOOR);
        let turn = {
            let mut next = lock(&self.next);
            let turn = next.unwrap_or(now).max(own).max(now);
            // Waiting for its own floor must not push everybody else back.
            if own <= now {
                *next = Some(turn + self.spacing);
            }
            turn
        };
        tokio::time::sleep_until(turn).await;
        let turn = self.writing.acquire().await.ok();
        lock(&self.last).insert(object.to_owned(), Instant::now());
        turn
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
