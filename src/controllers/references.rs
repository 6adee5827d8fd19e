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
    state: ClaimState,
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
    by_value: BTreeMap<FourHundred, BTreeSet<Key>>,
    claims: HashMap<FourHundred, ClaimFacts>,
}

impl References {
    /// A number is there as given.
    pub fn number(&mut self, object: &FourHundredNumber) {
        let key = Key::of(object);
        let spec = &object.spec;
        let namespace = spec.gateway_ref.namespace.clone().unwrap_or_else(|| key.namespace.clone());
        self.gateways.set(&key, vec![Key::new(namespace, &spec.gateway_ref.name)]);
        self.tariffs.set(&key, vec![spec.tariff_ref.name.clone()]);
        let schedule = spec.schedule_ref.iter().map(|schedule| Key::new(&key.namespace, &schedule.name)).collect();
        self.schedules.set(&key, schedule);
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
        let holder = &object.spec.holder;
        self.holders.set(&number, vec![Key::new(&holder.namespace, &holder.name)]);
        let facts =
            ClaimFacts { tenant: object.spec.tenant.clone(), pool: object.spec.pool.clone(), state: object.spec.state };
        self.claims.insert(number, facts);
    }

    /// A claim is gone.
    pub fn claim_gone(&mut self, number: FourHundred) {
        self.holders.remove(&number);
        self.claims.remove(&number);
    }

    /// Overrides of any of `numbers`.
    pub fn waiting_overrides(&self, numbers: &[Key]) -> Vec<Key> {
        numbers.iter().flat_map(|number| self.overridden.of(number)).collect()
    }

    /// Claims of a tenant.
    pub fn claims_of_tenant(&self, tenant: &str) -> ClaimCount {
        count(self.claims.values().filter(|claim| claim.tenant == tenant))
    }

    /// Claims of a pool.
    pub fn claims_of_pool(&self, pool: &str) -> ClaimCount {
        count(self.claims.values().filter(|claim| claim.pool == pool))
    }
}

fn count<'a>(claims: impl Iterator<Item = &'a ClaimFacts>) -> ClaimCount {
    claims.fold(ClaimCount::default(), |mut count, claim| {
        match claim.state {
            ClaimState::Bound => count.bound += 1,
            ClaimState::Cooling => count.cooling += 1,
        }
        count
    })
}
