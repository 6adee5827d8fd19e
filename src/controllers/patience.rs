//! Small memories with a time in them: how long a first status still waits, when counts were last written, how many
//! claims are under way. Bounded: each forgets what is old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::driver::Kind;
use super::key::{Key, ObjectMetaExt as _};
use super::recent_claims::CACHE_LAG;
use super::references::ClaimCount;
use super::world::World;

/// Beyond so many entries a memory is swept of old ones.
const MANY: usize = 4_096;

#[derive(Debug, Default)]
pub struct Patience {
    /// uid and what is waited for → generation and when it was first met so.
    first_met: Mutex<HashMap<(String, AwaitedStep), (i64, Instant)>>,
    counts: Mutex<HashMap<(&'static str, Key), Instant>>,
    /// Claims of each tenant whose POST is under way.
    claiming: Mutex<HashMap<String, usize>>,
}

impl World {
    /// What is left of `grace` since this generation of `object` was first met waiting for `step`; `None` when it is over.
    pub fn grace_left<K: Kind>(&self, object: &K, step: AwaitedStep, grace: Duration) -> Option<Duration> {
        let mut met = lock(&self.patience.first_met);
        if met.len() > MANY {
            met.retain(|_, (_, at)| at.elapsed() < CACHE_LAG);
        }
        let now = Instant::now();
        let entry = met.entry((object.uid_text().to_owned(), step)).or_insert((object.generation(), now));
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

    /// A seat for one more claim of `tenant`, which may have `most`: counted are those that the cache shows, those just
    /// made, and those whose POST or PUT is under way beside this one. What `takes_back` a resting number adds none.
    pub fn seat(&self, tenant: &str, most: usize, takes_back: bool) -> Seat<'_> {
        let mut claiming = lock(&self.patience.claiming);
        let under_way = claiming.get(tenant).copied().unwrap_or(0);
        let mut count = {
            let references = self.references();
            let mut count = references.claims_of_tenant(tenant);
            count.bound += self.recent_claims.unknown_of(tenant, &references);
            count
        };
        if !count.has_room(most, takes_back) {
            return Seat::None(count);
        }
        count.bound += under_way;
        if !count.has_room(most, takes_back) {
            return Seat::Undecided;
        }
        claiming.insert(tenant.to_owned(), under_way + 1);
        Seat::Taken(Taken { world: self, tenant: tenant.to_owned() })
    }
}

/// What a first status waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AwaitedStep {
    /// This operator has yet to write its part of the plan: in a burst others come first.
    Writing,
    /// Routers have yet to say that they serve it.
    Routers,
}

/// Whether a tenant may claim one more number.
#[derive(Debug)]
pub enum Seat<'a> {
    Taken(Taken<'a>),
    /// It depends on how claims end that are under way.
    Undecided,
    /// The tenant holds as many as it may.
    None(ClaimCount),
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
