//! A router and a biller in one process: what `operator` embeds, what `serve` runs, and each alone for `router` and
//! `biller`. It starts from the disk copy of the plan, before anybody has a client; parts then come by [`House::take`].

mod billing;
mod first_list;
mod http;
mod metrics;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::billing::ToBiller;
use self::first_list::FirstLists;
use super::biller::{Biller, Counters as BillerCounters, IntakeSettings};
use super::feed::{Arrival, Known, News};
use super::plan::{Offer, PlanStore, Verdict};
use super::router::certificates::Certificates;
use super::router::counters::RouterCounters;
use super::router::guard::{Asked, Guard};
use super::router::listeners::{Answering, SipListeners, SipOptions};
use crate::domain::routing::document::Protocol;
use crate::domain::routing::place;
use crate::ledger::{Ledger, ListScope};
use crate::runtime::clock::Clock;

/// How a house is opened.
#[derive(Debug)]
pub struct Options {
    /// The address that listeners bind.
    pub bind: IpAddr,
    /// Keeps the copy of the plan.
    pub data: PathBuf,
    pub clock: Clock,
    /// `None`: this process takes no records.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// Whether this process answers calls.
    pub routes_calls: bool,
    pub answering: Answering,
    /// Differs at each start.
    pub epoch: String,
}

/// A listener as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerWord {
    /// `NAMESPACE/NAME` of the gateway.
    pub gateway: String,
    pub listener: String,
    /// The address bound, or why there is none.
    pub address: Result<SocketAddr, String>,
}

/// What guards one HTTP listener of a gateway; swapped while it serves.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) route: Arc<ArcSwap<Guard>>,
    pub(super) operator: Arc<ArcSwap<Guard>>,
    pub(super) intake: Arc<ArcSwap<IntakeSettings>>,
}

/// The secrets of a gateway, as whoever may read them brings them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// What a switch shows to hand over records; without it intake is off.
    pub intake: Option<String>,
    /// What a switch shows to ask for decisions, by the name of the listener; where one asks for a token and none is
    /// here, nobody is admitted.
    pub route: BTreeMap<String, String>,
    /// The same for every listener that has none of its own.
    pub every_route: Option<String>,
    /// What the operator shows to read the plan served and the usage.
    pub operator: Option<String>,
}

/// See the module's text.
#[derive(Debug)]
pub struct House {
    pub store: Arc<PlanStore>,
    pub router_counters: Arc<RouterCounters>,
    /// What TLS listeners show.
    pub certificates: Arc<Certificates>,
    pub biller_counters: BillerCounters,
    pub ledger: Option<Arc<dyn Ledger>>,
    options: Options,
    /// By gateway and listener.
    gates: Mutex<BTreeMap<(String, String), Gate>>,
    secrets: Mutex<BTreeMap<String, Secrets>>,
    first_lists: Mutex<FirstLists>,
    billing: ToBiller,
    listeners: watch::Sender<Vec<ListenerWord>>,
}

impl House {
    /// Opens the copy of the plan; nothing is served yet.
    pub fn open(options: Options) -> std::io::Result<Arc<Self>> {
        let store = Arc::new(PlanStore::open(&options.data, options.epoch.clone())?);
        Ok(Arc::new(Self {
            store,
            router_counters: Arc::default(),
            certificates: Arc::default(),
            biller_counters: BillerCounters::default(),
            ledger: options.ledger.clone(),
            options,
            gates: Mutex::default(),
            secrets: Mutex::default(),
            first_lists: Mutex::default(),
            billing: ToBiller::default(),
            listeners: watch::Sender::new(Vec::new()),
        }))
    }

    /// Puts every counter of this process's workers where metrics are read.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        self.biller_counters.register(registry);
        registry.register_collector(Box::new(metrics::HouseCollector::new(self.clone())));
    }

    /// The listeners as they are, all gateways together.
    pub fn listeners(&self) -> watch::Receiver<Vec<ListenerWord>> {
        self.listeners.subscribe()
    }

    /// A feed of `namespace` is about to begin. A worker that holds nothing of it begins to serve when the first list is
    /// whole; one with a copy of the plan serves that, and takes each part as it comes.
    pub fn expect_list(&self, namespace: &str) {
        let plan = self.store.snapshot();
        let is_of = |gateway: &str| gateway.split_once('/').is_some_and(|(of, _)| of == namespace);
        if !plan.heads().any(|head| is_of(&head.gateway)) {
            lock(&self.first_lists).expect(namespace);
        }
    }

    /// The parts of `namespace` that are held, as a feed knows parts.
    pub fn known(&self, namespace: &str) -> Known {
        let name = |gateway: String| gateway.split_once('/').map(|(_, name)| name.to_owned());
        let parts = self.store.parts().into_iter();
        parts.filter_map(|(part, of)| Some((part_name(namespace, &part)?.to_owned(), of.and_then(name)))).collect()
    }

    /// Takes over what a feed tells. Blocks for the copy on disk.
    pub fn take(&self, news: &News) {
        match news {
            News::Part(arrival) => {
                if !lock(&self.first_lists).hold_back(arrival) {
                    self.offer(std::slice::from_ref(&**arrival));
                }
            }
            News::Gone { namespace, name, .. } => {
                lock(&self.first_lists).forget(namespace, name);
                let name = stored_name(namespace, name);
                let removal = self.store.remove(&name);
                tracing::debug!(part = name, ?removal, "plan: a part is gone at its source");
            }
            News::Listed { namespace, parts } => {
                self.first_list_is_whole(namespace);
                self.listed(ListScope::Namespace(namespace.clone()), parts);
            }
        }
        self.billing.changed();
    }

    /// What was held back until the first list of `namespace` was whole takes effect.
    pub fn first_list_is_whole(&self, namespace: &str) {
        let held_back = lock(&self.first_lists).complete(namespace);
        self.offer(&held_back);
    }

    /// Offers parts that stand where they may; they take effect together.
    fn offer(&self, arrivals: &[Arrival]) {
        let mut names = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let name = stored_name(&arrival.namespace, &arrival.name);
            match place::check(&arrival.text, &arrival.namespace, &arrival.name, arrival.gateway.as_deref()) {
                Ok(()) => names.push((name, arrival)),
                Err(misplaced) => {
                    self.store.counters.refused.add_one();
                    tracing::warn!(part = name, reason = %misplaced, "plan: a part may not stand where it does");
                }
            }
        }
        let offers: Vec<Offer<'_>> =
            names.iter().map(|(part, arrival)| Offer { part, digest: arrival.digest, text: &arrival.text }).collect();
        for (offer, verdict) in offers.iter().zip(self.store.offer_all(&offers)) {
            if let Verdict::Refused { reason } = verdict {
                tracing::warn!(part = offer.part, reason, "plan: a part is refused; the last good one goes on");
            }
        }
    }

    /// The secrets of a gateway changed.
    pub fn set_secrets(&self, gateway: &str, secrets: Secrets) {
        lock(&self.secrets).insert(gateway.to_owned(), secrets);
        self.refresh_gates();
    }

    /// Whether the gateway's listeners ask for anything that is known here.
    #[cfg(test)]
    pub(crate) fn has_secrets(&self, gateway: &str) -> bool {
        lock(&self.secrets).contains_key(gateway)
    }

    /// The gateway is no more, or names no Secret any longer.
    pub fn forget_secrets(&self, gateway: &str) {
        lock(&self.secrets).remove(gateway);
        self.refresh_gates();
    }

    /// Serves until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = tokio::task::JoinSet::new();
        let (stopping, stopped) = watch::channel(false);
        let mut sip_states = None;
        if self.options.routes_calls {
            let options =
                SipOptions { bind: self.options.bind, answering: self.options.answering, clock: self.options.clock };
            let listeners =
                SipListeners::new(self.store.clone(), self.router_counters.clone(), self.certificates.clone(), options);
            sip_states = Some(listeners.states());
            tasks.spawn(listeners.run(stopped));
        }
        if let Some(ledger) = self.ledger.clone() {
            let (sender, receiver) = mpsc::channel(billing::WAITING_PARTS);
            let house = self.clone();
            let biller = Biller::new(ledger, self.options.clock, self.biller_counters.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    ((), ()) = async { tokio::join!(billing::hand_over(&house, sender), biller.run(receiver)) } => {}
                }
            });
        }
        let web = http::Listeners::new(self.clone());
        let web_states = web.states();
        tasks.spawn(web.run(stop.clone()));
        tasks.spawn(self.clone().tell_listeners(sip_states, web_states, stop.clone()));
        stop.cancelled().await;
        stopping.send_replace(true);
        while tasks.join_next().await.is_some() {}
    }

    /// SIP and HTTP listeners as one list.
    async fn tell_listeners(
        self: Arc<Self>,
        mut sip: Option<watch::Receiver<Vec<super::router::listeners::ListenerState>>>,
        mut web: watch::Receiver<Vec<ListenerWord>>,
        stop: CancellationToken,
    ) {
        loop {
            let mut words = web.borrow_and_update().clone();
            if let Some(sip) = sip.as_mut() {
                words.extend(sip.borrow_and_update().iter().map(|state| ListenerWord {
                    gateway: state.name.gateway.clone(),
                    listener: state.name.listener.clone(),
                    address: state.address.clone(),
                }));
            }
            words.sort_by(|one, other| (&one.gateway, &one.listener).cmp(&(&other.gateway, &other.listener)));
            self.listeners.send_if_modified(|current| {
                let differs = *current != words;
                *current = words;
                differs
            });
            let sip_changed = async {
                match sip.as_mut() {
                    Some(sip) => sip.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = sip_changed => if changed.is_err() { return },
                changed = web.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The gate of a listener, made when it is first asked for.
    fn gate(&self, gateway: &str, listener: &str) -> Gate {
        let mut gates = lock(&self.gates);
        let gate = gates.entry((gateway.to_owned(), listener.to_owned())).or_insert_with(|| Gate {
            route: Arc::default(),
            operator: Arc::default(),
            intake: Arc::default(),
        });
        gate.clone()
    }

    /// The token by which the operator reads the usage feed.
    fn operator_token(&self, gateway: &str) -> Option<super::access::Token> {
        let secrets = lock(&self.secrets);
        secrets.get(gateway)?.operator.as_deref().and_then(super::access::Token::new)
    }

    /// Heads and secrets as guards, each listener's its own. A guard with neither token nor peers admits nobody, and so is
    /// that of a gateway without a head.
    fn refresh_gates(&self) {
        let plan = self.store.snapshot();
        let token = |text: &Option<String>| text.as_deref().and_then(super::access::Token::new);
        for head in plan.heads() {
            let secrets = lock(&self.secrets).get(&head.gateway).cloned().unwrap_or_default();
            for listener in head.listeners.iter().filter(|listener| listener.protocol == Protocol::Http) {
                let gate = self.gate(&head.gateway, &listener.name);
                let route = secrets.route.get(&listener.name).or(secrets.every_route.as_ref());
                gate.route.store(Arc::new(Guard {
                    token: Asked::of(listener.asks_token, route.map(String::as_str)),
                    peers: listener.peers.clone(),
                }));
                let operator = Asked::of(true, secrets.operator.as_deref());
                gate.operator.store(Arc::new(Guard { token: operator, peers: Vec::new() }));
                gate.intake.store(Arc::new(IntakeSettings::new(token(&secrets.intake), &head.record_sources)));
            }
        }
        for (_, gate) in lock(&self.gates).iter().filter(|((gateway, _), _)| plan.head(gateway).is_none()) {
            gate.route.store(Arc::default());
            gate.operator.store(Arc::default());
            gate.intake.store(Arc::default());
        }
    }
}

/// The name under which a part of `namespace` is held: two gateway namespaces may have parts of one name.
pub fn stored_name(namespace: &str, part: &str) -> String {
    format!("{namespace}.{part}")
}

/// The part's own name within `namespace`.
pub fn part_name<'a>(namespace: &str, stored: &'a str) -> Option<&'a str> {
    stored.strip_prefix(namespace)?.strip_prefix('.')
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "house_tests.rs"]
mod tests;
