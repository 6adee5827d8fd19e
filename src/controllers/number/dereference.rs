//! What a number refers to, read from the caches only.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::{CallGateway, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingSchedule, Tariff};
use crate::controllers::facts::Facts;
use crate::controllers::findings::Finding;
use crate::controllers::gateway::admission::{self, Admission};
use crate::controllers::key::Key;
use crate::controllers::references::ClaimCount;
use crate::controllers::tariff::Book;
use crate::controllers::tenant::{self, Membership, Verification};
use crate::controllers::world::Find as _;
use crate::controllers::{caller_list, claim, pool};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::caller_lists::PackedList;

/// The references of one number.
#[derive(Debug)]
pub struct Refs {
    pub gateway_key: Key,
    pub gateway: Option<Arc<CallGateway>>,
    pub admission: Admission,
    /// The gateway whose routers have the last accepted entry: the one that is named, until the entry is found elsewhere.
    pub serving: Key,
    pub serving_admission: Admission,
    pub membership: Membership,
    /// Whether the tenant itself is accepted; nothing is refused where there is none.
    pub tenant_accepted: Result<(), Finding>,
    /// Of the tenant, where there is one.
    pub verification: Verification,
    pub tariff: Option<Arc<Tariff>>,
    /// The tariff's price book, or why it has none.
    pub price_book: Option<Result<Arc<Book>, Finding>>,
    pub schedule: Option<Arc<RoutingSchedule>>,
    pub calendar: Option<Arc<HolidayCalendar>>,
    /// The lists that rules ask for, by name, as parts of the gateway's plan; `None` where there is no such list.
    pub caller_lists: BTreeMap<String, Option<Result<Arc<PackedList>, Finding>>>,
    /// The pool that covers the number, or the one it is to be chosen from.
    pub pool: Option<Arc<NumberPool>>,
    /// The claim whose holder is this object; the oldest where there are two.
    pub own_claim: Option<Arc<NumberClaim>>,
    /// Numbers that the tenant holds and lets cool.
    pub tenant_claims: ClaimCount,
    /// What is asked for rests for this tenant: taking it back makes no further claim.
    pub takes_back: bool,
    /// When they were read: prices begin and end by the day.
    pub now: Timestamp,
}

impl Refs {
    /// The entry in force was found at `gateway`.
    pub fn served_by(&mut self, gateway: Key, namespace: &str, facts: &Facts) {
        let object = facts.stores.gateways.find_key(&gateway);
        self.serving_admission = admission::of(facts, &gateway, object.as_deref(), namespace);
        self.serving = gateway;
    }
}

/// Reads them.
pub fn read(number: &FourHundredNumber, facts: &Facts) -> Refs {
    let key = Key::of(number);
    let stores = &facts.stores;
    let spec = &number.spec;
    let gateway_key = super::gateway_of(number);
    let gateway = stores.gateways.find_key(&gateway_key);
    let admission = admission::of(facts, &gateway_key, gateway.as_deref(), &key.namespace);
    let membership = tenant::of_namespace(facts, &key.namespace);
    let verification = match &membership {
        Membership::Of(tenant) => tenant::verification(facts, tenant),
        _ => Verification::Pending,
    };
    let schedule =
        spec.schedule_ref.as_ref().and_then(|named| stores.schedules.find_key(&Key::new(&key.namespace, &named.name)));
    let calendar = schedule
        .as_ref()
        .and_then(|schedule| schedule.spec.calendar_ref.as_ref())
        .and_then(|named| stores.calendars.find_name(&named.name));
    let caller_lists = caller_list::named_by(number)
        .into_iter()
        .map(|name| {
            let list = stores.caller_lists.find_key(&Key::new(&key.namespace, name));
            (name.to_owned(), list.map(|list| facts.packed_list(&list, &gateway_key)))
        })
        .collect();
    let asked = spec.number.as_deref().and_then(|text| text.parse::<FourHundred>().ok());
    let pool = match (&spec.choose, asked) {
        (Some(choose), _) => stores.pools.find_name(&choose.pool_ref.name),
        (None, Some(number)) => pool::covering(facts, number),
        (None, None) => None,
    };
    let (tenant_claims, tenant_accepted, takes_back) = match &membership {
        Membership::Of(tenant) => {
            let name = tenant.name_any();
            let count = facts.references().claims_of_tenant(&name);
            (count, tenant::check(tenant, facts), takes_back(facts, &key, &name, asked))
        }
        _ => (ClaimCount::default(), Ok(()), false),
    };
    let tariff = stores.tariffs.find_name(&spec.tariff_ref.name);
    Refs {
        price_book: tariff.as_deref().map(|tariff| facts.price_book(tariff)),
        own_claim: claim::held_by(facts, &key),
        serving: gateway_key.clone(),
        serving_admission: admission,
        tariff,
        gateway_key,
        gateway,
        admission,
        membership,
        tenant_accepted,
        verification,
        schedule,
        calendar,
        caller_lists,
        pool,
        tenant_claims,
        takes_back,
        now: facts.clock.now(),
    }
}

/// Whether the number asked for, or one that a chooser had before, rests and would go back to `tenant`.
fn takes_back(facts: &Facts, key: &Key, tenant: &str, asked: Option<FourHundred>) -> bool {
    let candidates = match asked {
        Some(number) => vec![number],
        None => facts.references().holders.of(key),
    };
    candidates.into_iter().any(|number| claim::rests_for(facts, tenant, number))
}
