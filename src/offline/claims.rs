//! Claims as a cluster would have them once every number of a folder was accepted: each number gets what it asks for,
//! those that name one before those that choose.
//!
//! The instant of these claims is the epoch: a folder's numbers are held since ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::stores::{Filled, add_claim};
use crate::api::reasons as reason;
use crate::api::{FourHundredNumber, NumberClaim};
use crate::controllers::claim::{self, Service};
use crate::controllers::findings::{Finding, refuse};
use crate::controllers::key::Key;
use crate::controllers::number::dereference;
use crate::controllers::number::validate::{self, Wish};
use crate::controllers::tenant::Membership;
use crate::controllers::world::Find as _;

/// Claims for every number that may have one. Returns why others got none.
pub fn assume(filled: &mut Filled, now: Timestamp) -> BTreeMap<Key, Finding> {
    let mut refused = BTreeMap::new();
    for number in in_order(filled.facts.stores.numbers.state()) {
        let key = Key::of(&*number);
        match claim_of(filled, &number, &key, now) {
            Ok(Some(claim)) => add_claim(filled, &claim),
            Ok(None) => {}
            Err(finding) => {
                refused.insert(key, finding);
            }
        }
    }
    refused
}

/// What is asked for by name first, so that a choice never takes it.
fn in_order(mut numbers: Vec<Arc<FourHundredNumber>>) -> Vec<Arc<FourHundredNumber>> {
    numbers.sort_by_key(|number| (number.spec.number.is_none(), Key::of(&**number)));
    numbers
}

fn claim_of(
    filled: &Filled,
    number: &FourHundredNumber,
    key: &Key,
    now: Timestamp,
) -> Result<Option<NumberClaim>, Finding> {
    let refs = dereference::read(number, &filled.facts);
    let verdict = validate::check(number, &refs, now);
    let (Ok(()), None, Membership::Of(tenant)) = (&verdict.accepted, &refs.own_claim, &refs.membership) else {
        return Ok(None);
    };
    let tenant = tenant.name_any();
    let wanted = match verdict.wish {
        Some(Wish::Number(wanted)) => wanted,
        Some(Wish::Choose) => match &refs.pool {
            Some(pool) => claim::choose(&filled.facts, key, &tenant, pool, pattern(number))?,
            // Told as a missing reference.
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    if let Some(standing) = filled.facts.stores.claims.find_name(&wanted.to_string()) {
        claim::may_take(&standing, key, &tenant)?;
    }
    match &refs.pool {
        Some(pool) => Ok(Some(claim::new_claim(key, &tenant, wanted, pool, Timestamp::UNIX_EPOCH, Service::Now))),
        None => refuse(reason::NUMBER_NOT_IN_POOL, format!("no NumberPool covers {wanted}")),
    }
}

fn pattern(number: &FourHundredNumber) -> &str {
    number.spec.choose.as_ref().and_then(|choose| choose.pattern.as_deref()).unwrap_or("*")
}
