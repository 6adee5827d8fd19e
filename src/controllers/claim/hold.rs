//! Taking a number for a holder: the race, the return of a resting number, and the choice of one by pattern.

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::ObjectMeta;

use super::{holder_of, text};
use crate::api::number_claim::{ClaimState, Holder};
use crate::api::reasons as reason;
use crate::api::{NumberClaim, NumberClaimSpec, NumberPool};
use crate::controllers::error::Error;
use crate::controllers::facts::Facts;
use crate::controllers::findings::{Finding, refuse};
use crate::controllers::key::Key;
use crate::controllers::pool;
use crate::controllers::sink::ClaimCreation;
use crate::controllers::world::{Find as _, World};
use crate::domain::digest::Digest;
use crate::domain::numbering::{FourHundred, VanityPattern};

/// How an attempt to hold a number ended.
#[derive(Debug)]
pub enum Held {
    /// The claim says that this object holds it.
    Yes(Box<NumberClaim>),
    /// Somebody else does, or it rests.
    No(Finding),
}

/// Makes `holder` the holder of `number`, or says why not. The answer names no other tenant.
pub async fn hold(
    world: &World,
    holder: &Key,
    tenant: &str,
    number: FourHundred,
    pool: Option<&NumberPool>,
) -> Result<Held, Error> {
    if let Some(claim) = world.stores.claims.find_name(&number.to_string()) {
        return settle(world, holder, tenant, claim.as_ref().clone()).await;
    }
    let Some(pool) = pool else {
        let sentence =
            format!("no NumberPool covers {number}: choose a number from a pool's ranges (kubectl get npool)");
        return Ok(Held::No(Finding::new(reason::NUMBER_NOT_IN_POOL, sentence)));
    };
    let claim = new_claim(holder, tenant, number, pool, world.clock.now());
    world.metrics.wrote("claim", "sent");
    match world.sink.create_claim(&claim).await? {
        ClaimCreation::Created(created) => {
            world.recent_claims.note_made(number);
            Ok(Held::Yes(created))
        }
        ClaimCreation::Exists => match world.sink.read_claim(&number.to_string()).await? {
            Some(live) => settle(world, holder, tenant, live).await,
            None => Ok(Held::No(taken(number))),
        },
    }
}

/// The claim that makes `holder` the holder of `number` from `at` on.
pub fn new_claim(holder: &Key, tenant: &str, number: FourHundred, pool: &NumberPool, at: Timestamp) -> NumberClaim {
    NumberClaim {
        metadata: ObjectMeta { name: Some(number.to_string()), ..ObjectMeta::default() },
        spec: NumberClaimSpec {
            tenant: tenant.to_owned(),
            holder: Holder { namespace: holder.namespace.clone(), name: holder.name.clone() },
            pool: pool.name_any(),
            grade: pool::grade_of(pool, number).map(|grade| grade.name.clone()),
            state: ClaimState::Bound,
            claimed_at: text(at),
            cooling_until: None,
            served_at: None,
        },
    }
}

async fn settle(world: &World, holder: &Key, tenant: &str, claim: NumberClaim) -> Result<Held, Error> {
    if let Err(finding) = may_take(&claim, holder, tenant) {
        return Ok(Held::No(finding));
    }
    if claim.is_bound() {
        return Ok(Held::Yes(Box::new(claim)));
    }
    let mut back = claim;
    back.spec.state = ClaimState::Bound;
    back.spec.cooling_until = None;
    back.spec.holder = Holder { namespace: holder.namespace.clone(), name: holder.name.clone() };
    world.metrics.wrote("claim", "sent");
    Ok(Held::Yes(Box::new(world.sink.replace_claim(&back).await?)))
}

/// Whether a claim is `holder`'s, or rests and may go back to the tenant that released it. The answer names no other
/// tenant.
pub fn may_take(claim: &NumberClaim, holder: &Key, tenant: &str) -> Result<(), Finding> {
    let number = claim.number();
    let ours = claim.spec.tenant == tenant;
    if claim.is_bound() {
        return if ours && holder_of(claim) == *holder {
            Ok(())
        } else {
            refuse(reason::NUMBER_TAKEN, format!("{number} is held already: choose another number"))
        };
    }
    if ours {
        return Ok(());
    }
    let until = claim.spec.cooling_until.as_deref().unwrap_or("further notice");
    refuse(
        reason::NUMBER_COOLING,
        format!("{number} was released and rests until {until}: wait, or choose another number"),
    )
}

fn taken(number: FourHundred) -> Finding {
    Finding::new(reason::NUMBER_TAKEN, format!("{number} is held already: choose another number"))
}

/// The number that `holder` had and that still rests, so that an object created again gets its own back; else the first
/// free one of `pool` that matches `pattern`, in an order of `holder`'s own, so that many choosers at once seldom want the
/// same one.
pub fn choose(
    facts: &Facts,
    holder: &Key,
    tenant: &str,
    pool: &NumberPool,
    pattern: &str,
) -> Result<FourHundred, Finding> {
    let parsed: VanityPattern =
        pattern.parse().map_err(|error| Finding::new(reason::INVALID, format!("choose.pattern: {error}")))?;
    let earlier = facts.references().holders.of(holder);
    let mut earlier = earlier.into_iter().filter(|number| parsed.matches(*number) && pool::covers(pool, *number));
    if let Some(number) = earlier.find(|number| rests_for(facts, tenant, *number)) {
        return Ok(number);
    }
    let ranges = pool::ranges(pool);
    let size: u64 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    if size == 0 {
        return Err(none_free(pool, pattern));
    }
    let seed = Digest::of(format!("{}\0{holder}", pool.name_any()).as_bytes());
    let start = seed.as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) % size;
    (0..size)
        .filter_map(|step| pool::nth(&ranges, (start + step) % size))
        .find(|number| parsed.matches(*number) && is_free(facts, pool, *number))
        .ok_or_else(|| none_free(pool, pattern))
}

fn rests_for(facts: &Facts, tenant: &str, number: FourHundred) -> bool {
    let claim = facts.stores.claims.find_name(&number.to_string());
    claim.is_some_and(|claim| !claim.is_bound() && claim.spec.tenant == tenant) && !facts.recent_claims.has(number)
}

fn is_free(facts: &Facts, pool: &NumberPool, number: FourHundred) -> bool {
    let text = number.to_string();
    !pool.spec.reserved.contains(&text)
        && facts.stores.claims.find_name(&text).is_none()
        && !facts.recent_claims.has(number)
}

fn none_free(pool: &NumberPool, pattern: &str) -> Finding {
    Finding::new(
        reason::POOL_EXHAUSTED,
        format!(
            "no free number of NumberPool {} matches {pattern}: widen choose.pattern or choose another pool",
            pool.name_any()
        ),
    )
}
