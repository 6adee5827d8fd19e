//! A router and a biller in one process: what `operator` embeds, what `serve` runs, and each alone for `router` and
//! `biller`. It starts from the disk copy of the plan, before anybody has a client; parts then come by [`House::take`].

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

use super::biller::{Biller, BillingPart as BillerPart, Counters as BillerCounters, IntakeSettings};
use super::feed::News;
use super::plan::{BillingPart, PlanStore, Verdict};
use super::router::counters::RouterCounters;
use super::router::guard::{Asked, Guard};
use super::router::udp::{Answering, SipListeners, SipOptions};
use crate::domain::digest::Digest;
use crate::domain::routing::document::Protocol;
use crate::ledger::Ledger;
use crate::runtime::clock::Clock;

/// Parts of billing that may wait for the ledger.
const WAITING_PARTS: usize = 1_024;

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
    pub biller_counters: BillerCounters,
    pub ledger: Option<Arc<dyn Ledger>>,
    options: Options,
    /// By gateway and listener.
    gates: Mutex<BTreeMap<(String, String), Gate>>,
    secrets: Mutex<BTreeMap<String, Secrets>>,
    billing: Mutex<BTreeMap<String, Digest>>,
    to_biller: Mutex<Option<mpsc::Sender<BillerPart>>>,
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
            billing: Mutex::default(),
            to_biller: Mutex::default(),
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
            News::Listed { .. } => {}
        }
        self.forward_billing();
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
            let options =
                SipOptions { bind: self.options.bind, answering: self.options.answering, clock: self.options.clock };
            let listeners = SipListeners::new(self.store.clone(), self.router_counters.clone(), options);
            sip_states = Some(listeners.states());
            tasks.spawn(listeners.run(stopped));
        }
        if let Some(ledger) = self.ledger.clone() {
            let (sender, receiver) = mpsc::channel(WAITING_PARTS);
            *lock(&self.to_biller) = Some(sender);
            self.forward_billing();
            let biller = Biller::new(ledger, self.options.clock, self.biller_counters.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = biller.run(receiver) => {}
                }
            });
        }
        let web = http::Listeners::new(self.clone());
        let web_states = web.states();
        tasks.spawn(web.run(stop.clone()));
        tasks.spawn(self.clone().tell_listeners(sip_states, web_states, stop.clone()));
        stop.cancelled().await;
        stopping.send_replace(true);
        lock(&self.to_biller).take();
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

    /// Hands to the biller what it has not had yet: price books before the bindings that name them.
    fn forward_billing(&self) {
        let Some(sender) = lock(&self.to_biller).clone() else { return };
        let mut known = lock(&self.billing);
        let mut parts: Vec<_> = self.store.billing().into_iter().collect();
        parts.sort_by_key(|(_, (_, part))| matches!(part, BillingPart::Bindings(_)));
        for (name, (digest, part)) in parts {
            if known.get(&name) == Some(&digest) {
                continue;
            }
            let part = match part {
                BillingPart::Prices(prices) => BillerPart::Prices((*prices).clone()),
                BillingPart::Bindings(bindings) => BillerPart::Bindings((*bindings).clone()),
            };
            // A full queue is asked again with the next part; nothing is marked as handed over before it is.
            if sender.try_send(part).is_ok() {
                known.insert(name, digest);
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

    /// Heads and secrets as guards, each listener's its own.
    fn refresh_gates(&self) {
        let plan = self.store.snapshot();
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
                let intake = secrets.intake.as_deref().and_then(super::access::Token::new);
                gate.intake.store(Arc::new(IntakeSettings::new(intake, &head.record_sources)));
            }
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
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::AUTHORIZATION;

    use super::*;
    use crate::domain::routing::document::{Listener, Part};
    use crate::domain::routing::worlds;

    fn house(data: &std::path::Path) -> Arc<House> {
        let options = Options {
            bind: IpAddr::from([127, 0, 0, 1]),
            data: data.to_owned(),
            clock: Clock::SYSTEM,
            ledger: None,
            routes_calls: true,
            answering: Answering::default(),
            epoch: "e1".to_owned(),
        };
        House::open(options).unwrap()
    }

    fn listener(name: &str, peer: &str, asks_token: bool) -> Listener {
        let peers = vec![peer.to_owned()];
        Listener { name: name.to_owned(), protocol: Protocol::Http, port: 0, peers, force_rport: true, asks_token }
    }

    #[test]
    fn each_listener_has_its_own_peers_and_token() {
        let data = tempfile::tempdir().unwrap();
        let house = house(data.path());
        let mut head = worlds::head();
        head.listeners = vec![
            listener("inside", "10.0.0.0/8", false),
            listener("switches", "192.168.0.0/16", true),
            listener("portal", "172.16.0.0/12", true),
        ];
        let text = serde_json::to_string(&Part::Head(head)).unwrap();
        assert_eq!(house.store.offer("telephony.head", Digest::of(text.as_bytes()), &text), Verdict::Accepted);
        let route = BTreeMap::from([("switches".to_owned(), "s3cret".to_owned())]);
        house.set_secrets("telephony/east", Secrets { route, ..Secrets::default() });
        let admits = |listener: &str, source: &str, token: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            let gate = house.gate("telephony/east", listener);
            gate.route.load().admits(&headers, Some(source.parse().unwrap()))
        };
        assert!(admits("inside", "10.0.0.7", ""), "this one asks for no token");
        assert!(!admits("inside", "192.168.0.7", "s3cret"), "another's peers are not its own");
        assert!(admits("switches", "192.168.0.7", "s3cret"));
        assert!(!admits("switches", "192.168.0.7", "") && !admits("switches", "10.0.0.7", "s3cret"));
        assert!(!admits("portal", "172.16.0.7", "s3cret"), "its own token is missing: nobody");
    }
}
