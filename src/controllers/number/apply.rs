//! Takes the claim and hands the number's share of the plan to the book: the step with side effects.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::build;
use super::checks::quota_exceeded;
use super::dereference::Refs;
use super::validate::{Standing, Verdict, Wish};
use crate::api::{FourHundredNumber, NumberClaim};
use crate::controllers::claim::{self, Held, Service};
use crate::controllers::error::Error;
use crate::controllers::findings::Finding;
use crate::controllers::key::Key;
use crate::controllers::patience::Seat;
use crate::controllers::plan::book::{Intent, Progress};
use crate::controllers::plan::shard::{PlannedNumber, ShardKey};
use crate::controllers::pool;
use crate::controllers::tenant::Membership;
use crate::controllers::world::World;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::NumberEntry;

/// What was done: status can only be made of this.
#[derive(Debug)]
pub struct Applied {
    pub accepted: Result<(), Finding>,
    pub claim: Option<NumberClaim>,
    /// How far the entry that serves the present spec has come; `None` where the present spec is not served.
    pub progress: Option<Progress>,
}

/// Claims and plans.
pub async fn apply(
    number: &FourHundredNumber,
    refs: &Refs,
    verdict: &Verdict,
    world: &World,
) -> Result<Applied, Error> {
    let key = Key::of(number);
    let (accepted, claim) = take_claim(&key, number, refs, verdict, world).await?;
    let intent = match (&accepted, &claim) {
        (Ok(()), Some(claim)) => intent(number, refs, verdict, claim, world.clock.now()),
        (Err(_), Some(claim)) if !matches!(verdict.standing, Standing::Withdraw) => keep(claim),
        _ => Intent::Withdraw,
    };
    let serves_present_spec = matches!(intent, Intent::Serve(_));
    let claim = match claim {
        Some(claim) if serves_present_spec && claim.spec.served_at.is_none() && has_ready_router(refs, world) => {
            Some(claim::mark_served(world, &claim).await?)
        }
        claim => claim,
    };
    let gateway = if matches!(intent, Intent::Keep(_)) { &refs.serving } else { &refs.gateway_key };
    let shard = ShardKey { gateway: gateway.clone(), namespace: key.namespace.clone() };
    let dirty = world.plan().want(&key, shard, intent);
    world.mark_shards(dirty);
    let planned = claim.as_ref().and_then(claim::number_of).filter(|_| serves_present_spec);
    let progress = planned.map(|planned| world.plan().progress(&key, planned));
    Ok(Applied { accepted, claim, progress })
}

/// The claim in hand, or why there is none. A number whose spec is refused takes no new claim and keeps the one it has.
async fn take_claim(
    key: &Key,
    number: &FourHundredNumber,
    refs: &Refs,
    verdict: &Verdict,
    world: &World,
) -> Result<Taken, Error> {
    let own = || refs.own_claim.as_deref().cloned();
    if verdict.accepted.is_err() || own().is_some() {
        return Ok((verdict.accepted.clone(), own()));
    }
    let Membership::Of(tenant) = &refs.membership else { return Ok((verdict.accepted.clone(), None)) };
    let most = usize::try_from(tenant.spec.number_limit()).unwrap_or(0);
    let tenant = tenant.name_any();
    let _seat = match world.seat(&tenant, most, refs.takes_back) {
        Seat::Taken(seat) => seat,
        Seat::Undecided => return Err(Error::Undecided("the tenant's last free numbers are being claimed")),
        Seat::None(count) => return Ok((Err(quota_exceeded(count, most)), None)),
    };
    let whole = matches!(verdict.standing, Standing::Serve(_));
    let service = if whole && has_ready_router(refs, world) { Service::Now } else { Service::NotYet };
    match &verdict.wish {
        Some(Wish::Number(wanted)) => hold(key, &tenant, *wanted, (refs, service), world).await,
        Some(Wish::Choose) => choose(key, &tenant, number, (refs, service), world).await,
        None => Ok((verdict.accepted.clone(), None)),
    }
}

type Taken = (Result<(), Finding>, Option<NumberClaim>);

fn has_ready_router(refs: &Refs, world: &World) -> bool {
    world.plan().acks.ready(&refs.gateway_key) > 0
}

async fn hold(
    key: &Key,
    tenant: &str,
    wanted: FourHundred,
    (refs, service): (&Refs, Service),
    world: &World,
) -> Result<Taken, Error> {
    Ok(match claim::hold(world, key, tenant, wanted, refs.pool.as_deref(), service).await? {
        Held::Yes(claim) => (Ok(()), Some(*claim)),
        Held::No(finding) => (Err(finding), None),
    })
}

/// Chooses until a number is held: somebody else may take the same one in between.
async fn choose(
    key: &Key,
    tenant: &str,
    number: &FourHundredNumber,
    (refs, service): (&Refs, Service),
    world: &World,
) -> Result<Taken, Error> {
    let pattern = number.spec.choose.as_ref().and_then(|choose| choose.pattern.as_deref()).unwrap_or("*");
    // Told as a missing reference.
    let Some(pool) = &refs.pool else { return Ok((Ok(()), None)) };
    loop {
        let wanted = match claim::choose_in_turns(world, key, tenant, pool, pattern).await? {
            Ok(wanted) => wanted,
            Err(finding) => return Ok((Err(finding), None)),
        };
        if let (Ok(()), Some(claim)) = hold(key, tenant, wanted, (refs, service), world).await? {
            return Ok((Ok(()), Some(claim)));
        }
    }
}

/// What becomes of the place in the plan of a number that is accepted and has its claim. Pure.
pub fn intent(
    number: &FourHundredNumber,
    refs: &Refs,
    verdict: &Verdict,
    claim: &NumberClaim,
    now: Timestamp,
) -> Intent {
    match &verdict.standing {
        Standing::Withdraw => Intent::Withdraw,
        Standing::Keep => keep(claim),
        Standing::Serve(validated) => {
            let asked = claim.number();
            let Some(value) = claim::number_of(claim) else { return Intent::Withdraw };
            let entry = NumberEntry { number: asked.to_owned(), ..validated.entry.clone() };
            let since = claim.spec.claimed_at.parse::<Timestamp>().unwrap_or(now);
            let bound = refs.price_book.as_ref().and_then(|book| book.as_ref().ok()).map(|book| {
                let minimum = refs.pool.as_deref().and_then(|pool| pool::minimum_of(pool, claim, value));
                let prices = (book.digest.to_string(), minimum);
                let binding = build::binding(number, asked, &claim.spec.tenant, since, prices);
                (binding, book.clone())
            });
            let schedule = validated.schedule.clone().map(|(digest, document)| (digest, Arc::new(document)));
            let calendar = validated.calendar.clone().map(|(digest, document)| (digest, Arc::new(document)));
            let lists = validated.caller_lists.values().cloned().collect();
            match PlannedNumber::new(value, &entry, schedule, calendar, bound).map(|planned| planned.asking(lists)) {
                Ok(planned) => Intent::Serve(Arc::new(planned)),
                Err(_) => keep(claim),
            }
        }
    }
}

fn keep(claim: &NumberClaim) -> Intent {
    claim::number_of(claim).map_or(Intent::Withdraw, Intent::Keep)
}
