//! A router and a biller in one process: what `operator` embeds, what `serve` runs, and each alone for `router` and
//! `biller`. It starts from the disk copy of the plan, before anybody has a client; parts then come by [`House::take`].

mod billing;
mod http;
mod metrics;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::billing::ToBiller;
use super::biller::{Biller, Counters as BillerCounters, IntakeSettings};
use super::feed::News;
use super::plan::{PlanStore, Verdict};
use super::router::counters::RouterCounters;
use super::router::guard::Guard;
use super::router::sip::redirect::DecisionParameter;
use super::router::udp::{SipListeners, SipOptions};
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
    pub calls_per_second_and_peer: Option<NonZeroU32>,
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

/// What guards a gateway's HTTP listener; swapped while it serves.
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
    /// What a switch shows to ask for decisions; without it the listener's peers decide.
    pub route: Option<String>,
    /// What the operator shows to read the plan served and the usage.
    pub operator: Option<String>,
}

/// See the module's text.
#[derive(Debug)]
pub struct House {
    pub store: Arc<PlanStore>,
    pub router_counters: Arc<RouterCounters>,
    pub biller_counters: BillerCounters,
    pub ledger: Option<Arc<dyn Ledger>>,
    options: Options,
    gates: Mutex<BTreeMap<String, Gate>>,
    secrets: Mutex<BTreeMap<String, Secrets>>,
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
            biller_counters: BillerCounters::default(),
            ledger: options.ledger.clone(),
            options,
            gates: Mutex::default(),
            secrets: Mutex::default(),
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

    /// Takes over what a feed tells. Blocks for the copy on disk.
    pub fn take(&self, news: &News) {
        match news {
            News::Part(arrival) => {
                let name = stored_name(&arrival.namespace, &arrival.name);
                if let Verdict::Refused { reason } = self.store.offer(&name, arrival.digest, &arrival.text) {
                    tracing::warn!(part = name, reason, "plan: a part is refused; the last good one goes on");
                }
            }
            News::Gone { namespace, name, .. } => {
                let name = stored_name(namespace, name);
                let removal = self.store.remove(&name);
                tracing::debug!(part = name, ?removal, "plan: a part is gone at its source");
            }
            News::Listed { namespace, parts } => {
                let all = namespace.is_empty();
                self.listed(if all { ListScope::All } else { ListScope::Namespace(namespace.clone()) }, parts);
            }
        }
        self.billing.changed();
    }

    /// The secrets of a gateway changed.
    pub fn set_secrets(&self, gateway: &str, secrets: Secrets) {
        lock(&self.secrets).insert(gateway.to_owned(), secrets);
        self.refresh_gates();
    }

    /// Serves until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = tokio::task::JoinSet::new();
        let (stopping, stopped) = watch::channel(false);
        let mut sip_states = None;
        if self.options.routes_calls {
            let options = SipOptions {
                bind: self.options.bind,
                decision_parameter: DecisionParameter::Absent,
                calls_per_second_and_peer: self.options.calls_per_second_and_peer,
                clock: self.options.clock,
            };
            let listeners = SipListeners::new(self.store.clone(), self.router_counters.clone(), options);
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
        mut sip: Option<watch::Receiver<Vec<super::router::udp::ListenerState>>>,
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

    /// The gate of a gateway, made when it is first asked for.
    fn gate(&self, gateway: &str) -> Gate {
        let mut gates = lock(&self.gates);
        let gate = gates.entry(gateway.to_owned()).or_insert_with(|| Gate {
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

    /// Heads and secrets as guards. A guard with neither token nor peers admits nobody.
    fn refresh_gates(&self) {
        let plan = self.store.snapshot();
        for head in plan.heads() {
            let gate = self.gate(&head.gateway);
            let secrets = lock(&self.secrets).get(&head.gateway).cloned().unwrap_or_default();
            let web = head.listeners.iter().find(|l| l.protocol == crate::domain::routing::document::Protocol::Http);
            let token = |text: &Option<String>| text.as_deref().and_then(super::access::Token::new);
            gate.route.store(Arc::new(Guard {
                token: token(&secrets.route),
                peers: web.map(|listener| listener.peers.clone()).unwrap_or_default(),
            }));
            gate.operator.store(Arc::new(Guard { token: token(&secrets.operator), peers: Vec::new() }));
            let intake = secrets.intake.as_deref().and_then(super::access::Token::new);
            gate.intake.store(Arc::new(IntakeSettings::new(intake, &head.record_sources)));
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
