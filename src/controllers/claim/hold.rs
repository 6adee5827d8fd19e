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

/// Whether a router begins to serve a number as soon as it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Its entry is whole and its gateway has a ready router.
    Now,
    NotYet,
}

/// Says in a claim that a router serves its number from now on. Before the router does: whoever reads the claim after a
/// crash must not take a number for one that nobody ever called.
pub async fn mark_served(world: &World, claim: &NumberClaim) -> Result<NumberClaim, Error> {
    let mut served = claim.clone();
    served.spec.served_at = Some(text(world.clock.now()));
    world.metrics.wrote("claim", "sent");
    let served = world.sink.replace_claim(&served).await?;
    world.recent_claims.note(&served);
    Ok(served)
}

/// Makes `holder` the holder of `number`, or says why not. The answer names no other tenant.
pub async fn hold(
    world: &World,
    holder: &Key,
    tenant: &str,
    number: FourHundred,
    pool: Option<&NumberPool>,
    service: Service,
) -> Result<Held, Error> {
    if let Some(claim) = world.stores.claims.find_name(&number.to_string()) {
        return settle(world, holder, tenant, claim.as_ref().clone(), pool).await;
    }
    let Some(pool) = pool else {
        let sentence =
            format!("no NumberPool covers {number}: choose a number from a pool's ranges (kubectl get npool)");
        return Ok(Held::No(Finding::new(reason::NUMBER_NOT_IN_POOL, sentence)));
    };
    let claim = new_claim(holder, tenant, number, pool, world.clock.now(), service);
    world.metrics.wrote("claim", "sent");
    match world.sink.create_claim(&claim).await? {
        ClaimCreation::Created(created) => {
            world.recent_claims.note(&created);
            Ok(Held::Yes(created))
        }
        ClaimCreation::Exists => match world.sink.read_claim(&number.to_string()).await? {
            Some(live) => {
                world.recent_claims.note(&live);
                settle(world, holder, tenant, live, Some(pool)).await
            }
            None => Ok(Held::No(taken(number))),
        },
    }
}

/// The claim that makes `holder` the holder of `number` from `at` on.
pub fn new_claim(
    holder: &Key,
    tenant: &str,
    number: FourHundred,
    pool: &NumberPool,
    at: Timestamp,
    service: Service,
) -> NumberClaim {
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
            served_at: (service == Service::Now).then(|| text(at)),
        },
    }
}

async fn settle(
    world: &World,
    holder: &Key,
    tenant: &str,
    claim: NumberClaim,
    pool: Option<&NumberPool>,
) -> Result<Held, Error> {
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
    if let Some(pool) = pool {
        // The pool may have another name since.
        back.spec.pool = pool.name_any();
    }
    world.metrics.wrote("claim", "sent");
    let back = world.sink.replace_claim(&back).await?;
    world.recent_claims.note(&back);
    Ok(Held::Yes(Box::new(back)))
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
    let mut search = Search::begin(facts, holder, tenant, pool, pattern)?;
    loop {
        match search.turn(facts, pool) {
            Turn::Found(number) => return Ok(number),
            Turn::Unfinished => {}
            Turn::Exhausted => return Err(none_free(pool, pattern)),
        }
    }
}

/// [`choose`] for a runtime's thread: a large pool is searched a turn at a time, and others run in between.
pub async fn choose_in_turns(
    facts: &Facts,
    holder: &Key,
    tenant: &str,
    pool: &NumberPool,
    pattern: &str,
) -> Result<Result<FourHundred, Finding>, Error> {
    let mut search = match Search::begin(facts, holder, tenant, pool, pattern) {
        Ok(search) => search,
        Err(finding) => return Ok(Err(finding)),
    };
    loop {
        match search.turn(facts, pool) {
            Turn::Found(number) => return Ok(Ok(number)),
            Turn::Unfinished => tokio::task::yield_now().await,
            // Nobody is woken when an answer that the cache never shows is forgotten.
            Turn::Exhausted if search.doubts => {
                return Err(Error::Undecided("the last free numbers that match are being claimed"));
            }
            Turn::Exhausted => return Ok(Err(none_free(pool, pattern))),
        }
    }
}

/// Numbers looked at in one turn of a search: about a millisecond.
const AT_ONCE: usize = 50_000;

/// A search through a pool, in an order of its chooser's own.
#[derive(Debug)]
struct Search {
    pattern: VanityPattern,
    /// The chooser's own number of before, if it rests.
    earlier: Option<FourHundred>,
    /// What is left to look at, as inclusive pairs; the last one first.
    left: Vec<(u64, u64)>,
    /// A number was passed over that the cache does not show as claimed.
    doubts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Found(FourHundred),
    Unfinished,
    Exhausted,
}

impl Search {
    fn begin(facts: &Facts, holder: &Key, tenant: &str, pool: &NumberPool, pattern: &str) -> Result<Self, Finding> {
        let parsed: VanityPattern =
            pattern.parse().map_err(|error| Finding::new(reason::INVALID, format!("choose.pattern: {error}")))?;
        let earlier = facts.references().holders.of(holder);
        let mut earlier = earlier.into_iter().filter(|number| parsed.matches(*number) && pool::covers(pool, *number));
        let earlier = earlier.find(|number| rests_for(facts, tenant, *number));
        let seed = Digest::of(format!("{}\0{holder}", pool.name_any()).as_bytes());
        let seed = seed.as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Self { pattern: parsed, earlier, left: pool::rotated(&pool::ranges(pool), seed), doubts: false })
    }

    fn turn(&mut self, facts: &Facts, pool: &NumberPool) -> Turn {
        if let Some(number) = self.earlier.take() {
            return Turn::Found(number);
        }
        for _ in 0..AT_ONCE {
            let Some((first, last)) = self.left.last_mut() else { return Turn::Exhausted };
            let value = *first;
            if value == *last {
                self.left.pop();
            } else {
                *first += 1;
            }
            let fits = FourHundred::from_u64(value).filter(|number| self.pattern.matches(*number));
            match fits.map(|number| (number, freedom(facts, pool, number))) {
                Some((number, Freedom::Free)) => return Turn::Found(number),
                Some((_, Freedom::Doubtful)) => self.doubts = true,
                Some((_, Freedom::Taken)) | None => {}
            }
        }
        Turn::Unfinished
    }
}

/// Whether `number` rests and would go back to `tenant`.
pub fn rests_for(facts: &Facts, tenant: &str, number: FourHundred) -> bool {
    let claim = facts.stores.claims.find_name(&number.to_string());
    claim.is_some_and(|claim| !claim.is_bound() && claim.spec.tenant == tenant) && !facts.recent_claims.has(number)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freedom {
    Free,
    Taken,
    /// Answered as claimed a moment ago, and not yet in the cache.
    Doubtful,
}

fn freedom(facts: &Facts, pool: &NumberPool, number: FourHundred) -> Freedom {
    let text = number.to_string();
    if pool.spec.reserved.contains(&text) || facts.stores.claims.find_name(&text).is_some() {
        Freedom::Taken
    } else if facts.recent_claims.has(number) {
        Freedom::Doubtful
    } else {
        Freedom::Free
    }
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
