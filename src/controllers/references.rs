//! The reverse index: who names whom, kept as objects come and go. Pure data; `wake` asks it who must look again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::key::Key;
use super::links::Links;
use crate::api::number_claim::ClaimState;
use crate::api::{Approval, FourHundredNumber, NumberClaim, RoutingOverride, RoutingSchedule, Tenant};
use crate::domain::numbering::FourHundred;

/// How many claims of a pool or a tenant are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimCount {
    pub bound: usize,
    pub cooling: usize,
}

#[derive(Debug, Clone)]
struct ClaimFacts {
    tenant: String,
    pool: String,
    namespace: String,
    claimed_at: String,
    state: ClaimState,
    served: bool,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct References {
    /// FourHundredNumbers → gateways.
    pub gateways: Links<Key, Key>,
    /// FourHundredNumbers → tariffs.
    pub tariffs: Links<Key, String>,
    /// FourHundredNumbers → schedules.
    pub schedules: Links<Key, Key>,
    /// FourHundredNumbers → caller lists.
    pub caller_lists: Links<Key, Key>,
    /// FourHundredNumbers → pools they choose from.
    pub pools: Links<Key, String>,
    /// FourHundredNumbers → the number they ask for or hold.
    pub wanted: Links<Key, FourHundred>,
    /// FourHundredNumbers → their namespace.
    pub namespaces: Links<Key, String>,
    /// RoutingSchedules → calendars.
    pub calendars: Links<Key, String>,
    /// RoutingOverrides → FourHundredNumbers.
    pub overridden: Links<Key, Key>,
    /// Tenants → namespaces they list.
    pub tenants: Links<String, String>,
    /// Approvals → tenants.
    pub approvals: Links<String, String>,
    /// Numbers claimed → their holders.
    pub holders: Links<FourHundred, Key>,
    /// RoutingOverrides → their namespace.
    pub override_namespaces: Links<Key, String>,
    by_value: BTreeMap<FourHundred, BTreeSet<Key>>,
    claims: HashMap<FourHundred, ClaimFacts>,
    tenant_counts: HashMap<String, ClaimCount>,
    pool_counts: HashMap<String, ClaimCount>,
    /// Bound claims of a holder's namespace, the oldest first.
    namespace_claims: HashMap<String, BTreeSet<(String, FourHundred)>>,
    /// How many claims of a holder's namespace do not say that a router ever served them.
    unserved: HashMap<String, usize>,
}

impl References {
    /// A number is there as given.
    pub fn number(&mut self, object: &FourHundredNumber) {
        let key = Key::of(object);
        let spec = &object.spec;
        self.gateways.set(&key, vec![super::number::gateway_of(object)]);
        self.tariffs.set(&key, vec![spec.tariff_ref.name.clone()]);
        let schedule = spec.schedule_ref.iter().map(|schedule| Key::new(&key.namespace, &schedule.name)).collect();
        self.schedules.set(&key, schedule);
        let lists = super::caller_list::named_by(object).into_iter();
        self.caller_lists.set(&key, lists.map(|list| Key::new(&key.namespace, list)).collect());
        self.pools.set(&key, spec.choose.iter().map(|choose| choose.pool_ref.name.clone()).collect());
        let number = spec.number.as_deref().and_then(|number| number.parse::<FourHundred>().ok());
        self.set_wanted(&key, number);
        self.namespaces.set(&key, vec![key.namespace.clone()]);
    }

    /// A number is gone.
    pub fn number_gone(&mut self, key: &Key) {
        self.gateways.remove(key);
        self.tariffs.remove(key);
        self.schedules.remove(key);
        self.caller_lists.remove(key);
        self.pools.remove(key);
        self.set_wanted(key, None);
        self.namespaces.remove(key);
    }

    fn set_wanted(&mut self, key: &Key, number: Option<FourHundred>) {
        for old in self.wanted.named_by(key).to_vec() {
            if let Some(keys) = self.by_value.get_mut(&old) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_value.remove(&old);
                }
            }
        }
        if let Some(number) = number {
            self.by_value.entry(number).or_default().insert(key.clone());
        }
        self.wanted.set(key, number.into_iter().collect());
    }

    /// Objects that ask for a number within `first..=last`.
    pub fn wanting_between(&self, first: FourHundred, last: FourHundred) -> Vec<Key> {
        if first > last {
            return Vec::new();
        }
        self.by_value.range(first..=last).flat_map(|(_, keys)| keys).cloned().collect()
    }

    /// A schedule is there as given.
    pub fn schedule(&mut self, object: &RoutingSchedule) {
        let calendar = object.spec.calendar_ref.iter().map(|calendar| calendar.name.clone()).collect();
        self.calendars.set(&Key::of(object), calendar);
    }

    /// An override is there as given.
    pub fn routing_override(&mut self, object: &RoutingOverride) {
        let key = Key::of(object);
        let number = Key::new(&key.namespace, &object.spec.number_ref.name);
        self.overridden.set(&key, vec![number]);
        self.override_namespaces.set(&key, vec![key.namespace.clone()]);
    }

    /// An override is gone.
    pub fn routing_override_gone(&mut self, key: &Key) {
        self.overridden.remove(key);
        self.override_namespaces.remove(key);
    }

    /// A tenant is there as given.
    pub fn tenant(&mut self, name: &str, object: &Tenant) {
        self.tenants.set(&name.to_owned(), object.spec.namespaces.clone());
    }

    /// An approval is there as given.
    pub fn approval(&mut self, name: &str, object: &Approval) {
        let subject = &object.spec.subject;
        let tenant = (subject.kind == crate::api::approval::SubjectKind::Tenant).then(|| subject.name.clone());
        self.approvals.set(&name.to_owned(), tenant.into_iter().collect());
    }

    /// A claim is there as given.
    pub fn claim(&mut self, number: FourHundred, object: &NumberClaim) {
        self.claim_gone(number);
        let spec = &object.spec;
        self.holders.set(&number, vec![Key::new(&spec.holder.namespace, &spec.holder.name)]);
        self.tenant_counts.entry(spec.tenant.clone()).or_default().add(spec.state);
        self.pool_counts.entry(spec.pool.clone()).or_default().add(spec.state);
        if spec.state == ClaimState::Bound {
            let claims = self.namespace_claims.entry(spec.holder.namespace.clone()).or_default();
            claims.insert((spec.claimed_at.clone(), number));
        }
        let facts = ClaimFacts {
            tenant: spec.tenant.clone(),
            pool: spec.pool.clone(),
            namespace: spec.holder.namespace.clone(),
            claimed_at: spec.claimed_at.clone(),
            state: spec.state,
            served: spec.served_at.is_some(),
        };
        if !facts.served {
            *self.unserved.entry(facts.namespace.clone()).or_default() += 1;
        }
        self.claims.insert(number, facts);
    }

    /// A claim is gone.
    pub fn claim_gone(&mut self, number: FourHundred) {
        self.holders.remove(&number);
        let Some(facts) = self.claims.remove(&number) else { return };
        for (counts, name) in [(&mut self.tenant_counts, &facts.tenant), (&mut self.pool_counts, &facts.pool)] {
            if let Some(count) = counts.get_mut(name) {
                count.take(facts.state);
                if *count == ClaimCount::default() {
                    counts.remove(name);
                }
            }
        }
        if !facts.served
            && let Some(count) = self.unserved.get_mut(&facts.namespace)
        {
            *count -= 1;
            if *count == 0 {
                self.unserved.remove(&facts.namespace);
            }
        }
        if let Some(claims) = self.namespace_claims.get_mut(&facts.namespace) {
            claims.remove(&(facts.claimed_at, number));
            if claims.is_empty() {
                self.namespace_claims.remove(&facts.namespace);
            }
        }
    }

    /// Overrides of any of `numbers`.
    pub fn waiting_overrides(&self, numbers: &[Key]) -> Vec<Key> {
        numbers.iter().flat_map(|number| self.overridden.of(number)).collect()
    }

    /// Whether the claim of `number` is counted.
    pub fn knows_claim(&self, number: FourHundred) -> bool {
        self.claims.contains_key(&number)
    }

    /// Claims of a tenant.
    pub fn claims_of_tenant(&self, tenant: &str) -> ClaimCount {
        self.tenant_counts.get(tenant).copied().unwrap_or_default()
    }

    /// Whether some claim of a holder in `namespace` does not say that a router ever served it.
    pub fn has_unserved(&self, namespace: &str) -> bool {
        self.unserved.contains_key(namespace)
    }

    /// Namespaces whose numbers `tenant` claims, whether it lists them or not.
    pub fn claimed_by(&self, tenant: &str) -> Vec<String> {
        let claimed = self.namespace_claims.keys();
        claimed.filter(|namespace| self.claiming_tenant(namespace) == Some(tenant)).cloned().collect()
    }

    /// Claims of a pool.
    pub fn claims_of_pool(&self, pool: &str) -> ClaimCount {
        self.pool_counts.get(pool).copied().unwrap_or_default()
    }

    /// The tenant of the oldest bound claim whose holder is in `namespace`.
    pub fn claiming_tenant(&self, namespace: &str) -> Option<&str> {
        let (_, number) = self.namespace_claims.get(namespace)?.first()?;
        self.claims.get(number).map(|facts| facts.tenant.as_str())
    }
}

impl ClaimCount {
    /// Whether a tenant with these claims, which may hold `most` numbers, may have one more: a resting number of its own
    /// that it takes back, or a further one.
    pub fn has_room(self, most: usize, takes_back: bool) -> bool {
        self.bound < most && (takes_back || self.bound + self.cooling < most * 2)
    }

    fn add(&mut self, state: ClaimState) {
        *self.of(state) += 1;
    }

    fn take(&mut self, state: ClaimState) {
        let count = self.of(state);
        *count = count.saturating_sub(1);
    }

    fn of(&mut self, state: ClaimState) -> &mut usize {
        match state {
            ClaimState::Bound => &mut self.bound,
            ClaimState::Cooling => &mut self.cooling,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NumberClaimSpec;
    use crate::api::number_claim::Holder;

    fn claim(number: &str, tenant: &str, state: ClaimState, claimed_at: &str) -> (FourHundred, NumberClaim) {
        let spec = NumberClaimSpec {
            tenant: tenant.to_owned(),
            holder: Holder { namespace: "acme".to_owned(), name: format!("n{number}") },
            pool: "mobile-4001".to_owned(),
            grade: None,
            state,
            claimed_at: claimed_at.to_owned(),
            cooling_until: None,
            served_at: None,
        };
        (number.parse().expect("a number"), NumberClaim::new(number, spec))
    }

    #[test]
    fn counts_follow_every_change_of_a_claim() {
        let mut references = References::default();
        for (number, object) in [
            claim("4001000868", "acme", ClaimState::Bound, "2026-11-23T02:00:00Z"),
            claim("4001000869", "acme", ClaimState::Cooling, "2026-11-22T02:00:00Z"),
            claim("4001000870", "bravo", ClaimState::Bound, "2026-11-21T02:00:00Z"),
        ] {
            references.claim(number, &object);
        }
        assert_eq!(references.claims_of_tenant("acme"), ClaimCount { bound: 1, cooling: 1 });
        assert_eq!(references.claims_of_pool("mobile-4001"), ClaimCount { bound: 2, cooling: 1 });
        assert_eq!(references.claiming_tenant("acme"), Some("bravo"), "the oldest bound claim decides");
        let (number, object) = claim("4001000870", "bravo", ClaimState::Cooling, "2026-11-21T02:00:00Z");
        references.claim(number, &object);
        assert_eq!(references.claiming_tenant("acme"), Some("acme"));
        references.claim_gone(number);
        assert_eq!(references.claims_of_tenant("bravo"), ClaimCount::default());
    }

    #[test]
    fn claims_tell_whose_a_namespace_is_and_which_of_them_nobody_ever_called() {
        let mut references = References::default();
        let (number, mut object) = claim("4001000868", "acme", ClaimState::Bound, "2026-11-23T02:00:00Z");
        references.claim(number, &object);
        assert_eq!((references.claimed_by("acme"), references.claimed_by("bravo")), (vec!["acme".to_owned()], vec![]));
        assert!(references.has_unserved("acme") && !references.has_unserved("bravo"));
        object.spec.served_at = Some("2026-11-23T02:00:01Z".to_owned());
        references.claim(number, &object);
        assert!(!references.has_unserved("acme"));
    }

    #[test]
    fn a_resting_number_that_is_taken_back_needs_no_room_among_the_resting() {
        let room = |bound, cooling, takes_back| ClaimCount { bound, cooling }.has_room(3, takes_back);
        assert!(room(2, 3, false) && room(2, 4, true), "below either limit");
        assert!(!room(2, 4, false), "held and resting are twice the limit");
        assert!(!room(3, 0, false) && !room(3, 1, true), "it holds as many as it may");
    }
}
