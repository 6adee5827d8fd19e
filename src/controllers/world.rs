//! What a reconcile may look at: the stores, the reverse index, the plan book, the clock, and the one sink for writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};

use super::driver::Kind;
use super::facts::Facts;
use super::hub::Hub;
use super::key::Key;
use super::patience::Patience;
use super::plan::book::PlanBook;
use super::plan::shard::{CapReached, ShardKey};
use super::publish::Published;
use super::sink::Sink;
use super::unreadable::Unreadable;
use super::usage::pace::Pace;
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::runtime::clock::Clock;
use crate::runtime::dirty::DirtySet;
use crate::runtime::metrics::ControllerMetrics;

/// The caches of every kind the loops read. Pruned of managedFields and last-applied annotations.
#[derive(Clone, Debug)]
pub struct Stores {
    pub numbers: Store<FourHundredNumber>,
    pub gateways: Store<CallGateway>,
    pub tariffs: Store<Tariff>,
    pub pools: Store<NumberPool>,
    pub claims: Store<NumberClaim>,
    pub calendars: Store<HolidayCalendar>,
    pub tenants: Store<Tenant>,
    pub approvals: Store<Approval>,
    pub schedules: Store<RoutingSchedule>,
    pub overrides: Store<RoutingOverride>,
    pub caller_lists: Store<CallerList>,
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
}

/// What the operator knows of a plan part it did not necessarily write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSeen {
    pub digest: Option<Digest>,
    pub resource_version: String,
    /// Somebody else's name stands among the managers of the text.
    pub foreign: bool,
    pub labels: BTreeMap<String, String>,
}

/// Who vouches for tenants and who decides about numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A cluster: approvals are objects.
    Approvals,
    /// A folder: what only a cluster knows is assumed in the tenant's favour.
    Assumed,
}

/// Namespaces in which gateways are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayNamespaces {
    All,
    Only(Vec<String>),
}

impl GatewayNamespaces {
    /// Whether a gateway in `namespace` is served.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == namespace),
        }
    }
}

/// Set once at start.
#[derive(Debug, Clone)]
pub struct Settings {
    pub trust: Trust,
    pub gateway_namespaces: GatewayNamespaces,
    /// Most usage and clock writes a second, all objects together.
    pub usage_writes_per_second: u32,
}

/// What in-process workers say of a gateway: addresses and ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayWord {
    /// Listener name → address.
    pub addresses: BTreeMap<String, String>,
    /// Listener name → why it could not be opened.
    pub refused: BTreeMap<String, String>,
    /// `None`: no ledger in this process; else whether it takes records.
    pub ledger: Option<Result<(), String>>,
    /// Call record intake's token: `None` where the gateway names no Secret.
    pub token: Option<Result<(), String>>,
    /// TLS listener → whether what its Secret holds can be shown; else why not.
    pub certificates: BTreeMap<String, Result<(), String>>,
    /// Records kept for numbers that nobody held.
    pub unheld_records: u64,
}

/// Numbers that have answered as many calls as they may in a month, with that month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapsReached(pub BTreeMap<FourHundred, CapReached>);

/// See the module's text.
#[derive(Debug)]
pub struct World {
    /// What judgements look at; a `World` is used as one where a check asks for it.
    pub facts: Facts,
    pub hub: Hub,
    pub sink: Sink,
    pub metrics: ControllerMetrics,
    pub published: Published,
    /// Shards whose parts must be rendered anew.
    pub dirty_shards: DirtySet<ShardKey>,
    /// Numbers whose usage may have to be written.
    pub usage_of: DirtySet<Key>,
    /// Tenants whose account may have to be written.
    pub usage_of_tenant: DirtySet<String>,
    /// When figures and clocks are written.
    pub pace: Pace,
    plan: Mutex<PlanBook>,
    parts: Mutex<HashMap<(String, String), PartSeen>>,
    gateway_words: Mutex<HashMap<Key, GatewayWord>>,
    caps: Mutex<CapsReached>,
    jitter: AtomicU64,
    pub(super) patience: Patience,
    /// The year that plans were compiled in: they carry last, this and next year's days.
    pub(super) plan_year: std::sync::atomic::AtomicI32,
    /// Moves when a gateway's spec changes.
    pub gateways_changed: tokio::sync::watch::Sender<u64>,
    /// What is still being listed for the first time: kinds, and namespaces whose plan parts are.
    listing: Mutex<BTreeSet<String>>,
    /// Objects that this build cannot read.
    pub unreadable: Unreadable,
    /// Whether usage was read once since this process leads: until then nobody can say that a cap is not reached.
    usage_known: AtomicBool,
}

impl World {
    /// A world at its start.
    pub fn new(
        stores: Stores,
        hub: Hub,
        sink: Sink,
        clock: Clock,
        metrics: ControllerMetrics,
        settings: Settings,
        seed: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            pace: Pace::new(settings.usage_writes_per_second),
            facts: Facts::new(stores, settings, clock),
            hub,
            sink,
            metrics,
            published: Published::default(),
            dirty_shards: DirtySet::default(),
            plan: Mutex::default(),
            parts: Mutex::default(),
            gateway_words: Mutex::default(),
            caps: Mutex::default(),
            jitter: AtomicU64::new(seed | 1),
            patience: Patience::default(),
            plan_year: std::sync::atomic::AtomicI32::new(0),
            gateways_changed: tokio::sync::watch::Sender::new(0),
            listing: Mutex::default(),
            unreadable: Unreadable::default(),
            usage_known: AtomicBool::new(false),
            usage_of: DirtySet::default(),
            usage_of_tenant: DirtySet::default(),
        })
    }

    /// This process begins to lead: it forgets what may have changed under another replica.
    pub fn begin_term(&self) {
        self.recent_claims.begin_term();
        self.plan().begin_term();
        self.usage_known.store(false, Ordering::Relaxed);
    }

    /// Usage has been read: reached caps are known by it, and no longer by what was written before.
    pub fn usage_was_read(&self) {
        if !self.usage_known.swap(true, Ordering::Relaxed) {
            let shards = self.plan().forget_earlier_caps();
            self.mark_shards(shards);
        }
    }

    /// Whether usage has been read since this process leads.
    pub fn knows_usage(&self) -> bool {
        self.usage_known.load(Ordering::Relaxed)
    }

    /// The plan book.
    pub fn plan(&self) -> MutexGuard<'_, PlanBook> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plan parts as the watch shows them, by namespace and name.
    pub fn parts(&self) -> MutexGuard<'_, HashMap<(String, String), PartSeen>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the workers of a gateway say.
    pub fn gateway_word(&self, gateway: &Key) -> Option<GatewayWord> {
        self.gateway_words.lock().unwrap_or_else(PoisonError::into_inner).get(gateway).cloned()
    }

    /// The workers of a gateway say something (new); returns whether it differs.
    ///
    /// `change` runs under the lock: listeners and secrets are told by two tasks, and neither may undo the other's word.
    pub fn told_by_gateway(&self, gateway: &Key, change: impl FnOnce(&mut GatewayWord)) -> bool {
        let mut words = self.gateway_words.lock().unwrap_or_else(PoisonError::into_inner);
        let word = words.entry(gateway.clone()).or_default();
        let before = word.clone();
        change(word);
        *word != before
    }

    /// The gateway has no workers here any longer.
    pub fn forget_gateway_word(&self, gateway: &Key) {
        self.gateway_words.lock().unwrap_or_else(PoisonError::into_inner).remove(gateway);
    }

    /// `scope` is being listed: the objects of a kind, or the plan parts of a namespace.
    pub fn listing_begins(&self, scope: &str) {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.to_owned());
    }

    /// The first list of `scope` is whole, and the indexes show it: stores are filled before.
    pub fn listed(&self, scope: &str) {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    /// Whether every first list is whole.
    pub fn knows_all(&self) -> bool {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Numbers whose monthly cap is reached.
    pub fn caps(&self) -> MutexGuard<'_, CapsReached> {
        self.caps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number in 0..1 to spread retries; xorshift over the seed given at the start.
    pub fn jitter(&self) -> f64 {
        let mut value = self.jitter.load(Ordering::Relaxed);
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        self.jitter.store(value, Ordering::Relaxed);
        #[allow(clippy::cast_precision_loss)] // 53 bits are kept, and it only spreads pauses
        let unit = (value >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    /// How long until `at`, at least one millisecond.
    pub fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or_default().max(Duration::from_millis(1))
    }

    /// Marks shards for the plan writer.
    pub fn mark_shards(&self, shards: impl IntoIterator<Item = ShardKey>) {
        for shard in shards {
            self.dirty_shards.mark(shard);
        }
    }
}

impl Deref for World {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// Looks up by key instead of by kube's own reference type.
pub trait Find<K: Kind> {
    /// The object, if the store has it.
    fn find_key(&self, key: &Key) -> Option<Arc<K>>;
    /// A cluster-scoped object by name.
    fn find_name(&self, name: &str) -> Option<Arc<K>>;
}

impl<K: Kind> Find<K> for Store<K> {
    fn find_key(&self, key: &Key) -> Option<Arc<K>> {
        self.get(&reference(key))
    }

    fn find_name(&self, name: &str) -> Option<Arc<K>> {
        self.get(&ObjectRef::new(name))
    }
}

/// kube's reference to the object with this key.
pub fn reference<K: Kind>(key: &Key) -> ObjectRef<K> {
    let reference = ObjectRef::new(&key.name);
    if key.namespace.is_empty() { reference } else { reference.within(&key.namespace) }
}

/// A world without a cluster, for tests of what needs one.
#[cfg(test)]
pub(crate) mod bench {
    use std::path::Path;

    use super::*;
    use crate::controllers::directory::Feeds;
    use crate::controllers::sink::DirectorySink;
    use crate::controllers::sources::{self, Writers};

    /// Its sink is `data`; gateways are served in `telephony`.
    pub(crate) fn world(data: &Path) -> (Arc<World>, Writers) {
        let (stores, writers) = sources::stores();
        let clock = Clock::SYSTEM;
        let sink = Sink::Directory(DirectorySink::new(Feeds::new(data), clock, |_| {}));
        let metrics = ControllerMetrics::register(&mut prometheus_client::registry::Registry::default());
        let settings = Settings {
            trust: Trust::Assumed,
            gateway_namespaces: GatewayNamespaces::Only(vec!["telephony".to_owned()]),
            usage_writes_per_second: 50,
        };
        (World::new(stores, Hub::default(), sink, clock, metrics, settings, 1), writers)
    }
}
