//! Taking a number for a holder: the race, the return of a resting number, and the choice of one by pattern.

use kube::ResourceExt as _;
use kube::core::ObjectMeta;

use super::{holder_of, text};
use crate::api::number_claim::{ClaimState, Holder};
use crate::api::reasons as reason;
use crate::api::{NumberClaim, NumberClaimSpec, NumberPool};
use crate::controllers::error::Error;
use crate::controllers::findings::Finding;
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
    let claim = NumberClaim {
        metadata: ObjectMeta { name: Some(number.to_string()), ..ObjectMeta::default() },
        spec: NumberClaimSpec {
            tenant: tenant.to_owned(),
            holder: Holder { namespace: holder.namespace.clone(), name: holder.name.clone() },
            pool: pool.name_any(),
            grade: pool::grade_of(pool, number).map(|grade| grade.name.clone()),
            state: ClaimState::Bound,
            claimed_at: text(world.clock.now()),
            cooling_until: None,
            served_at: None,
        },
    };
    world.metrics.wrote("claim", "sent");
    match world.sink.create_claim(&claim).await? {
        ClaimCreation::Created(created) => Ok(Held::Yes(created)),
        ClaimCreation::Exists => match world.sink.read_claim(&number.to_string()).await? {
            Some(live) => settle(world, holder, tenant, live).await,
            None => Ok(Held::No(taken(number))),
        },
    }
}

async fn settle(world: &World, holder: &Key, tenant: &str, claim: NumberClaim) -> Result<Held, Error> {
    let number = claim.number().to_owned();
    let ours = claim.spec.tenant == tenant;
    if ours && claim.is_bound() && holder_of(&claim) == *holder {
        return Ok(Held::Yes(Box::new(claim)));
    }
    if claim.is_bound() {
        return Ok(Held::No(Finding::new(
            reason::NUMBER_TAKEN,
            format!("{number} is held already: choose another number"),
        )));
    }
    if !ours {
        let until = claim.spec.cooling_until.as_deref().unwrap_or("further notice");
        let sentence = format!("{number} was released and rests until {until}: wait, or choose another number");
        return Ok(Held::No(Finding::new(reason::NUMBER_COOLING, sentence)));
    }
    let mut back = claim;
    back.spec.state = ClaimState::Bound;
    back.spec.cooling_until = None;
    back.spec.holder = Holder { namespace: holder.namespace.clone(), name: holder.name.clone() };
    world.metrics.wrote("claim", "sent");
    Ok(Held::Yes(Box::new(world.sink.replace_claim(&back).await?)))
}

fn taken(number: FourHundred) -> Finding {
    Finding::new(reason::NUMBER_TAKEN, format!("{number} is held already: choose another number"))
}

/// The first free number of `pool` that matches `pattern`, in an order of `holder`'s own, so that many choosers at once
/// seldom want the same one.
pub fn choose(world: &World, holder: &Key, pool: &NumberPool, pattern: &str) -> Result<FourHundred, Finding> {
    let parsed: VanityPattern =
        pattern.parse().map_err(|error| Finding::new(reason::INVALID, format!("choose.pattern: {error}")))?;
    let ranges = pool::ranges(pool);
    let size: u64 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    if size == 0 {
        return Err(none_free(pool, pattern));
    }
    let seed = Digest::of(format!("{}\0{holder}", pool.name_any()).as_bytes());
    let start = seed.as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) % size;
    (0..size)
        .filter_map(|step| pool::nth(&ranges, (start + step) % size))
        .find(|number| parsed.matches(*number) && is_free(world, pool, *number))
        .ok_or_else(|| none_free(pool, pattern))
}

fn is_free(world: &World, pool: &NumberPool, number: FourHundred) -> bool {
    let text = number.to_string();
    !pool.spec.reserved.contains(&text)
        && world.stores.claims.find_name(&text).is_none()
        && !world.was_just_claimed(number)
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
