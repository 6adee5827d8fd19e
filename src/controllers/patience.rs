//! Small memories with a time in them: how long a first status still waits, when counts were last written, which claims
//! were just made and are not in the cache yet. Bounded: each forgets what is old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::driver::Kind;
use super::key::{Key, ObjectMetaExt as _};
use super::claim::holder_of;
use super::world::World;
use crate::api::NumberClaim;
use crate::domain::numbering::FourHundred;

/// A claim's own watch event comes well within this.
const CACHE_LAG: Duration = Duration::from_secs(30);
/// Beyond so many entries a memory is swept of old ones.
const MANY: usize = 4_096;

#[derive(Debug, Default)]
pub struct Patience {
    /// uid → generation and when it was first met.
    first_met: Mutex<HashMap<String, (i64, Instant)>>,
    counts: Mutex<HashMap<(&'static str, Key), Instant>>,
    /// Claims as their POST or PUT was answered, or `None` where somebody else turned out to hold the number.
    claimed: Mutex<HashMap<FourHundred, (Option<NumberClaim>, Instant)>>,
    /// Claims of each tenant whose POST is under way.
    claiming: Mutex<HashMap<String, usize>>,
}

impl World {
    /// What is left of `grace` since this generation of `object` was first met; `None` when it is over.
    pub fn grace_left<K: Kind>(&self, object: &K, grace: Duration) -> Option<Duration> {
        let mut met = lock(&self.patience.first_met);
        if met.len() > MANY {
            met.retain(|_, (_, at)| at.elapsed() < grace * 2);
        }
        let now = Instant::now();
        let entry = met.entry(object.uid_text().to_owned()).or_insert((object.generation(), now));
        if entry.0 != object.generation() {
            *entry = (object.generation(), now);
        }
        grace.checked_sub(entry.1.elapsed()).filter(|left| !left.is_zero())
    }

    /// How long counts of this object still wait, if they were written less than `floor` ago.
    pub fn counts_may_wait(&self, kind: &'static str, key: &Key, floor: Duration) -> Option<Duration> {
        let at = lock(&self.patience.counts).get(&(kind, key.clone())).copied()?;
        floor.checked_sub(at.elapsed()).filter(|left| !left.is_zero())
    }

    /// Counts of this object were just written.
    pub fn counts_written(&self, kind: &'static str, key: &Key) {
        let mut counts = lock(&self.patience.counts);
        if counts.len() > MANY {
            counts.retain(|_, at| at.elapsed() < CACHE_LAG);
        }
        counts.insert((kind, key.clone()), Instant::now());
    }

    /// `number` was just claimed, by `claim` or (`None`) by somebody else; the cache may not show it yet.
    pub fn note_claimed(&self, number: FourHundred, claim: Option<NumberClaim>) {
        let mut claimed = lock(&self.patience.claimed);
        claimed.retain(|_, (_, at)| at.elapsed() < CACHE_LAG);
        claimed.insert(number, (claim, Instant::now()));
    }

    /// Whether `number` was claimed a moment ago.
    pub fn was_just_claimed(&self, number: FourHundred) -> bool {
        lock(&self.patience.claimed).get(&number).is_some_and(|(_, at)| at.elapsed() < CACHE_LAG)
    }

    /// The claim that was just made for `holder`.
    pub fn just_claimed_for(&self, holder: &Key) -> Option<(FourHundred, NumberClaim)> {
        let claimed = lock(&self.patience.claimed);
        claimed.iter().find_map(|(number, (claim, at))| {
            let claim = claim.as_ref().filter(|claim| at.elapsed() < CACHE_LAG && holder_of(claim) == *holder)?;
            Some((*number, claim.clone()))
        })
    }

    /// A seat for one more claim of `tenant`, which may have `most`: counted are those that the cache shows, those just
    /// made, and those whose POST is under way beside this one.
    pub fn seat(&self, tenant: &str, most: usize) -> Seat<'_> {
        let mut claiming = lock(&self.patience.claiming);
        let under_way = claiming.get(tenant).copied().unwrap_or(0);
        let held = {
            let references = self.references();
            let claimed = lock(&self.patience.claimed);
            let made = claimed.iter().filter(|(number, (claim, at))| {
                let ours = claim.as_ref().is_some_and(|claim| claim.spec.tenant == tenant);
                ours && at.elapsed() < CACHE_LAG && !references.knows_claim(**number)
            });
            references.claims_of_tenant(tenant).bound + made.count()
        };
        if held >= most {
            return Seat::None { held };
        }
        if held + under_way >= most {
            return Seat::Undecided;
        }
        claiming.insert(tenant.to_owned(), under_way + 1);
        Seat::Taken(Taken { world: self, tenant: tenant.to_owned() })
    }

    /// The cache shows what became of `number`'s claim.
    pub fn claim_shown(&self, number: FourHundred) {
        lock(&self.patience.claimed).remove(&number);
    }
}

/// Whether a tenant may claim one more number.
#[derive(Debug)]
pub enum Seat<'a> {
    Taken(Taken<'a>),
    /// It depends on how claims end that are under way.
    Undecided,
    /// The tenant holds as many as it may.
    None {
        held: usize,
    },
}

/// A claim under way, until dropped.
#[derive(Debug)]
pub struct Taken<'a> {
    world: &'a World,
    tenant: String,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut claiming = lock(&self.world.patience.claiming);
        let left = claiming.get(&self.tenant).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            claiming.remove(&self.tenant);
        } else {
            claiming.insert(self.tenant.clone(), left);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
