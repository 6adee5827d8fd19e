//! Claims whose POST or PUT was just answered: they count before the watch shows them, and each is forgotten when the cache
//! has it, or after a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::claim::holder_of;
use super::key::Key;
use super::references::References;
use crate::api::NumberClaim;
use crate::domain::numbering::FourHundred;

/// A claim's own watch event comes well within this.
pub(super) const CACHE_LAG: Duration = Duration::from_secs(30);

/// See the module's text.
#[derive(Debug, Default)]
pub struct RecentClaims {
    /// `None` where somebody else turned out to hold the number.
    claimed: Mutex<HashMap<FourHundred, (Option<NumberClaim>, Instant)>>,
}

impl RecentClaims {
    /// `number` was just claimed, by `claim` or (`None`) by somebody else.
    pub fn note(&self, number: FourHundred, claim: Option<NumberClaim>) {
        let mut claimed = self.lock();
        claimed.retain(|_, (_, at)| at.elapsed() < CACHE_LAG);
        claimed.insert(number, (claim, Instant::now()));
    }

    /// Whether `number` was claimed a moment ago.
    pub fn has(&self, number: FourHundred) -> bool {
        self.lock().get(&number).is_some_and(|(_, at)| at.elapsed() < CACHE_LAG)
    }

    /// The claim that was just made for `holder`.
    pub fn of(&self, holder: &Key) -> Option<NumberClaim> {
        let claimed = self.lock();
        claimed.values().find_map(|(claim, at)| {
            claim.clone().filter(|claim| at.elapsed() < CACHE_LAG && holder_of(claim) == *holder)
        })
    }

    /// `claim` as this process left it a moment ago, where the cache does not show yet that it is served.
    pub fn newer(&self, claim: &NumberClaim) -> Option<NumberClaim> {
        if claim.spec.served_at.is_some() {
            return None;
        }
        let (recent, _) = self.lock().get(&claim.number().parse().ok()?)?.clone();
        recent.filter(|recent| recent.metadata.uid == claim.metadata.uid && recent.spec.served_at.is_some())
    }

    /// How many claims of `tenant` were just made that `references` does not know yet.
    pub fn unknown_of(&self, tenant: &str, references: &References) -> usize {
        let claimed = self.lock();
        let made = claimed.iter().filter(|(number, (claim, at))| {
            let ours = claim.as_ref().is_some_and(|claim| claim.spec.tenant == tenant);
            ours && at.elapsed() < CACHE_LAG && !references.knows_claim(**number)
        });
        made.count()
    }

    /// The cache shows what became of `number`'s claim.
    pub fn shown(&self, number: FourHundred) {
        self.lock().remove(&number);
    }

    /// This process begins to lead: what another replica did meanwhile it has not seen.
    pub fn begin_term(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FourHundred, (Option<NumberClaim>, Instant)>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
