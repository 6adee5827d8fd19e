//! Starts the control loops: while this process leads, every kind's reconcile, the plan writer and the usage loop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::driver::{self, Seat};
use super::world::World;
use super::{
    approval, calendar, caller_list, claim, gateway, number, overrides, plan, pool, schedule, tariff, tenant, usage,
};
use crate::ledger::Ledger;

/// Waits until every store holds its first whole list and the indexes know it. False when `stop` came first.
pub async fn synced(world: &World, stop: &CancellationToken) -> bool {
    let stores = &world.stores;
    let all = async {
        let _ = tokio::join!(
            stores.numbers.wait_until_ready(),
            stores.gateways.wait_until_ready(),
            stores.tariffs.wait_until_ready(),
            stores.pools.wait_until_ready(),
            stores.claims.wait_until_ready(),
            stores.calendars.wait_until_ready(),
            stores.tenants.wait_until_ready(),
            stores.approvals.wait_until_ready(),
            stores.schedules.wait_until_ready(),
            stores.overrides.wait_until_ready(),
            stores.caller_lists.wait_until_ready(),
            stores.namespaces.wait_until_ready(),
        );
        while !world.knows_all() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => false,
        () = all => true,
    }
}

/// Runs the loops until `stop`; open reconciles end first.
pub async fn lead(world: Arc<World>, ledger: Option<Arc<dyn Ledger>>, stop: CancellationToken) {
    world.metrics.leader.set(1);
    world.begin_term();
    if let Some(ledger) = &ledger {
        tariff::remember_charged(&world, &**ledger).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    macro_rules! kind {
        ($line:ident, $name:literal, $concurrency:literal, $reconcile:path) => {
            let seat = Seat {
                kind: $name,
                store: world.stores.$line.clone(),
                triggers: world.hub.$line.listen(),
                concurrency: $concurrency,
            };
            tasks.spawn(driver::run(seat, world.clone(), stop.clone(), $reconcile));
        };
    }
    kind!(numbers, "FourHundredNumber", 32, number::reconcile);
    kind!(gateways, "CallGateway", 8, gateway::reconcile);
    kind!(tariffs, "Tariff", 4, tariff::reconcile);
    kind!(pools, "NumberPool", 4, pool::reconcile);
    kind!(claims, "NumberClaim", 16, claim::reconcile);
    kind!(calendars, "HolidayCalendar", 4, calendar::reconcile);
    kind!(tenants, "Tenant", 8, tenant::reconcile);
    kind!(approvals, "Approval", 4, approval::reconcile);
    kind!(schedules, "RoutingSchedule", 16, schedule::reconcile);
    kind!(overrides, "RoutingOverride", 8, overrides::reconcile);
    kind!(caller_lists, "CallerList", 4, caller_list::reconcile);
    tasks.spawn(plan::writer::run(world.clone(), stop.clone()));
    if let Some(ledger) = ledger {
        tasks.spawn(usage::run(world.clone(), ledger, stop.clone()));
    }
    stop.cancelled().await;
    world.hub.close();
    while tasks.join_next().await.is_some() {}
    world.metrics.leader.set(0);
}
