//! Claims as the API server just answered them: they count before the watch shows them. Each is forgotten when the watch
//! shows its version, and one that comes after its own watch event is not remembered at all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::claim::{holder_of, number_of};
use super::key::Key;
use super::references::References;
use crate::api::NumberClaim;
use crate::domain::numbering::FourHundred;

/// A claim's own watch event comes well within this.
pub(super) const CACHE_LAG: Duration = Duration::from_secs(30);

/// See the module's text.
#[derive(Debug, Default)]
pub struct RecentClaims {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    claimed: HashMap<FourHundred, (NumberClaim, Instant)>,
    /// The highest version the watch has shown: what is not above it, the cache has, or has seen go.
    seen: u64,
}

impl RecentClaims {
    /// The API server answered that `claim` stands, whoever holds it.
    pub fn note(&self, claim: &NumberClaim) {
        let Some(number) = number_of(claim) else { return };
        let mut inner = self.lock();
        inner.claimed.retain(|_, (_, at)| at.elapsed() < CACHE_LAG);
        if version(claim).is_some_and(|version| version <= inner.seen) {
            return;
        }
        inner.claimed.insert(number, (claim.clone(), Instant::now()));
    }

    /// Whether `number` was found claimed a moment ago and the cache does not show it yet.
    pub fn has(&self, number: FourHundred) -> bool {
        self.lock().claimed.get(&number).is_some_and(|(_, at)| at.elapsed() < CACHE_LAG)
    }

    /// The claims of `holder` that the cache does not show yet. Ask before the cache: asked after it, a claim that
    /// the watch brings in between would be in neither.
    pub fn of(&self, holder: &Key) -> Vec<NumberClaim> {
        let inner = self.lock();
        let fresh = inner.claimed.values().filter(|(_, at)| at.elapsed() < CACHE_LAG);
        fresh.map(|(claim, _)| claim).filter(|claim| holder_of(claim) == *holder).cloned().collect()
    }

    /// How many claims of `tenant` are noted that `references` does not know yet.
    pub fn unknown_of(&self, tenant: &str, references: &References) -> usize {
        let inner = self.lock();
        let noted = inner.claimed.iter().filter(|(number, (claim, at))| {
            claim.spec.tenant == tenant && at.elapsed() < CACHE_LAG && !references.knows_claim(**number)
        });
        noted.count()
    }

    /// The cache shows `claim`, or that it is gone.
    pub fn shown(&self, claim: &NumberClaim) {
        let Some(number) = number_of(claim) else { return };
        let shown = version(claim);
        let mut inner = self.lock();
        inner.seen = inner.seen.max(shown.unwrap_or(0));
        if inner.claimed.get(&number).is_some_and(|(noted, _)| shown.is_none() || version(noted) <= shown) {
            inner.claimed.remove(&number);
        }
    }

    /// This process begins to lead: what another replica did meanwhile it has not seen.
    pub fn begin_term(&self) {
        *self.lock() = Inner::default();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim's resourceVersion, which orders all claims of one API server.
fn version(claim: &NumberClaim) -> Option<u64> {
    claim.metadata.resource_version.as_deref()?.parse().ok()
}

/// Whether `one` is a later version of a number's claim than `other`.
pub(super) fn is_newer(one: &NumberClaim, other: &NumberClaim) -> bool {
    version(one) > version(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NumberClaimSpec;
    use crate::api::number_claim::{ClaimState, Holder};

    fn claim(number: &str, version: u64) -> NumberClaim {
        let spec = NumberClaimSpec {
            tenant: "acme".to_owned(),
            holder: Holder { namespace: "acme".to_owned(), name: "desk".to_owned() },
            pool: "east".to_owned(),
            grade: None,
            state: ClaimState::Bound,
            claimed_at: "2026-11-10T02:00:00Z".to_owned(),
            cooling_until: None,
            served_at: None,
        };
        let mut claim = NumberClaim::new(number, spec);
        claim.metadata.resource_version = Some(version.to_string());
        claim
    }

    #[test]
    fn a_noted_claim_counts_until_the_watch_shows_its_version() {
        let recent = RecentClaims::default();
        let desk = Key::new("acme", "desk");
        recent.note(&claim("4001000001", 7));
        recent.note(&claim("4001000002", 9));
        assert_eq!(recent.of(&desk).len(), 2);
        recent.shown(&claim("4001000001", 7));
        assert_eq!(recent.of(&desk), [claim("4001000002", 9)]);
        recent.shown(&claim("4001000002", 8));
        assert!(recent.has("4001000002".parse().unwrap()), "an older version of it proves nothing");
        recent.shown(&claim("4001000002", 9));
        assert!(!recent.has("4001000002".parse().unwrap()));
    }

    #[test]
    fn an_answer_that_comes_after_its_own_watch_event_is_not_remembered() {
        let recent = RecentClaims::default();
        recent.shown(&claim("4001000001", 7));
        recent.note(&claim("4001000001", 7));
        assert!(!recent.has("4001000001".parse().unwrap()));
        recent.begin_term();
        recent.note(&claim("4001000001", 7));
        assert!(recent.has("4001000001".parse().unwrap()), "a new term trusts nothing of the old one");
    }
}
