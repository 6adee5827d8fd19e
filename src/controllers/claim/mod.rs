//! NumberClaims: who holds which number, decided by the API server, released only when the holder is surely gone.
//!
//! Created by POST, changed by PUT or DELETE with resourceVersion and uid, never applied, never forced. No owner
//! reference and no finalizer: a restore changes UIDs, and nobody's object waits for us to be deleted.

mod hold;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;

pub use hold::{Held, Service, choose, choose_in_turns, hold, mark_served, may_take, new_claim, rests_for};

use super::error::Error;
use super::facts::Facts;
use super::key::{Key, ObjectMetaExt as _};
use super::plan::standing;
use super::recent_claims::is_newer;
use super::sink::Presence;
use super::world::{Find as _, World};
use crate::api::number_claim::ClaimState;
use crate::api::{NumberClaim, NumberPoolSpec};
use crate::domain::numbering::FourHundred;

/// How soon an unanswered question about a holder is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The number a claim is named after.
pub fn number_of(claim: &NumberClaim) -> Option<FourHundred> {
    claim.number().parse().ok()
}

/// The holder's key.
pub fn holder_of(claim: &NumberClaim) -> Key {
    Key::new(&claim.spec.holder.namespace, &claim.spec.holder.name)
}

/// The bound claim whose holder is `key`; the oldest where there are two. One that was just made counts before the cache
/// shows it.
pub fn held_by(facts: &Facts, key: &Key) -> Option<Arc<NumberClaim>> {
    let cached = |number: &str| facts.stores.claims.find_name(number);
    let recent = facts.recent_claims.of(key);
    let numbers = facts.references().holders.of(key);
    // The watch may have come further since: what it shows then holds, also before the index knows of it.
    let newest = recent.into_iter().map(|noted| match cached(noted.number()) {
        Some(shown) if !is_newer(&noted, &shown) => shown,
        _ => Arc::new(noted),
    });
    let mut claims: Vec<Arc<NumberClaim>> = newest.collect();
    for shown in numbers.into_iter().filter_map(|number| cached(&number.to_string())) {
        if claims.iter().all(|claim| claim.number() != shown.number()) {
            claims.push(shown);
        }
    }
    claims
        .into_iter()
        .filter(|claim| claim.is_bound() && holder_of(claim) == *key)
        .min_by(|one, other| (&one.spec.claimed_at, one.number()).cmp(&(&other.spec.claimed_at, other.number())))
}

/// Releases a claim whose holder is gone, and frees one that has rested long enough.
pub async fn reconcile(claim: Arc<NumberClaim>, world: Arc<World>) -> Result<Action, Error> {
    if claim.is_terminating() {
        return Ok(Action::await_change());
    }
    match claim.spec.state {
        ClaimState::Bound => check_holder(&claim, &world).await,
        ClaimState::Cooling => rest(&claim, &world).await,
    }
}

async fn check_holder(claim: &NumberClaim, world: &World) -> Result<Action, Error> {
    let holder = holder_of(claim);
    if let Some(number) = world.stores.numbers.find_key(&holder) {
        let superseded = number.spec.choose.is_some()
            && held_by(world, &holder).is_some_and(|oldest| oldest.number() != claim.number());
        if !superseded {
            return Ok(Action::await_change());
        }
        // Two claims for one holder: a crash came between POST and remembering. The older stays.
        world.sink.delete_claim(claim).await?;
        world.metrics.wrote("claim", "sent");
        return Ok(Action::await_change());
    }
    match world.sink.number_presence(&holder).await {
        Presence::Here => Ok(Action::requeue(Duration::from_secs(1))),
        Presence::Unknown => Ok(Action::requeue(ASK_AGAIN)),
        Presence::Gone => release(claim, world).await,
    }
}

async fn release(claim: &NumberClaim, world: &World) -> Result<Action, Error> {
    let now = world.clock.now();
    if was_never_served(claim, world).await? {
        world.metrics.wrote("claim", "sent");
        world.sink.delete_claim(claim).await?;
        tracing::info!(pool = claim.spec.pool, "number released: no router ever served it");
        return Ok(Action::await_change());
    }
    let pool = world.stores.pools.find_name(&claim.spec.pool);
    let days = pool.map_or(NumberPoolSpec::DEFAULT_COOLING_DAYS, |pool| pool.spec.cooling_days());
    let until = now.saturating_add(jiff::SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    let mut cooling = claim.clone();
    cooling.spec.state = ClaimState::Cooling;
    cooling.spec.cooling_until = Some(text(until));
    world.metrics.wrote("claim", "sent");
    world.sink.replace_claim(&cooling).await?;
    tracing::info!(pool = claim.spec.pool, days, "number released: it rests");
    Ok(Action::await_change())
}

/// Whether no router ever served the number: its claim says of none, and no part of the plan has it or had it since this
/// process leads.
async fn was_never_served(claim: &NumberClaim, world: &World) -> Result<bool, Error> {
    let Some(number) = number_of(claim) else { return Ok(true) };
    if claim.spec.served_at.is_some() {
        return Ok(false);
    }
    standing::read(world, &claim.spec.holder.namespace).await?;
    Ok(!world.plan().was_planned(number))
}

async fn rest(claim: &NumberClaim, world: &World) -> Result<Action, Error> {
    let until = claim.spec.cooling_until.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
    let Some(until) = until.filter(|until| *until > world.clock.now()) else {
        world.sink.delete_claim(claim).await?;
        world.metrics.wrote("claim", "sent");
        tracing::info!(pool = claim.spec.pool, "number free again: it has rested");
        return Ok(Action::await_change());
    };
    Ok(Action::requeue(world.until(until)))
}

/// An instant as claims write it: whole seconds, UTC.
pub fn text(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
