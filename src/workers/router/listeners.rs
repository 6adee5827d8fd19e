//! The SIP listeners that gateways' heads ask for, each a socket and its tasks.
//!
//! The set follows the plan: a listener that stays keeps its socket, whatever else about it changes (peers are looked
//! up per message). A port that is taken is tried again, and so is a TLS listener whose certificate is not there yet.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::certificates::Certificates;
use super::counters::RouterCounters;
use super::desk::Desk;
use super::sip::redirect::DecisionParameter;
use super::{datagram, stream, udp};
use crate::domain::routing::document::Protocol;
use crate::domain::routing::plan::Plan;
use crate::runtime::clock::Clock;
use crate::workers::plan::PlanStore;

const RETRY: Duration = Duration::from_secs(5);

/// How calls are answered, as whoever starts the process chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answering {
    pub decision_parameter: DecisionParameter,
    /// New calls a second and peer above which they are shed; `None` sheds nothing.
    pub calls_per_second_and_peer: Option<NonZeroU32>,
    /// Sockets, each with a thread, of a UDP listener; `None`: one for each processor, eight at most.
    pub sockets: Option<NonZeroUsize>,
}

impl Answering {
    /// Beyond so many the system's own work is the bound.
    const SOCKETS_AT_MOST: usize = 8;

    fn sockets(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.sockets.map_or_else(|| processors().min(Self::SOCKETS_AT_MOST), NonZeroUsize::get)
    }
}

/// What holds for every SIP listener of a process.
#[derive(Debug, Clone, Copy)]
pub struct SipOptions {
    /// Address that listeners are bound to.
    pub bind: IpAddr,
    pub answering: Answering,
    pub clock: Clock,
}

/// A listener as the plan asks for it. Whatever is not in here can change without its socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerName {
    /// `NAMESPACE/NAME`.
    pub gateway: String,
    pub listener: String,
    /// As asked for: 0 lets the system choose.
    pub port: u16,
    pub protocol: Protocol,
}

/// A listener as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerState {
    pub name: ListenerName,
    /// The address bound, or why there is none.
    pub address: Result<SocketAddr, String>,
}

/// The SIP listeners of a process.
#[derive(Debug)]
pub struct SipListeners {
    store: Arc<PlanStore>,
    counters: Arc<RouterCounters>,
    certificates: Arc<Certificates>,
    options: SipOptions,
    states: watch::Sender<Vec<ListenerState>>,
}

#[derive(Debug)]
struct Open {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl SipListeners {
    pub fn new(
        store: Arc<PlanStore>,
        counters: Arc<RouterCounters>,
        certificates: Arc<Certificates>,
        options: SipOptions,
    ) -> Self {
        Self { store, counters, certificates, options, states: watch::Sender::new(Vec::new()) }
    }

    /// Addresses, told again whenever they change.
    pub fn states(&self) -> watch::Receiver<Vec<ListenerState>> {
        self.states.subscribe()
    }

    /// Serves until `stop` turns true (or its sender is gone), then answers what has been read and closes.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.store.changes();
        let mut certificates = self.certificates.changes();
        let mut open: BTreeMap<ListenerName, Open> = BTreeMap::new();
        loop {
            changes.borrow_and_update();
            certificates.borrow_and_update();
            let wanted = wanted(&self.store.snapshot());
            self.close(&mut open, |name| !wanted.contains(name)).await;
            let failed = self.open(&mut open, wanted);
            let retry = async { if failed { tokio::time::sleep(RETRY).await } else { std::future::pending().await } };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                news = changes.changed() => if news.is_err() { break },
                news = certificates.changed() => if news.is_err() { break },
                () = retry => {}
            }
        }
        self.close(&mut open, |_| true).await;
        self.states.send_replace(Vec::new());
    }

    /// Opens what is missing; tells whether something could not be opened.
    fn open(&self, open: &mut BTreeMap<ListenerName, Open>, wanted: Vec<ListenerName>) -> bool {
        let mut states = Vec::with_capacity(wanted.len());
        for name in wanted {
            let address = match open.get(&name) {
                Some(listener) => Ok(listener.address),
                None => self.bind(&name).map(|listener| open.entry(name.clone()).or_insert(listener).address),
            };
            if let Err(error) = &address {
                let ListenerName { gateway, listener, port, .. } = &name;
                tracing::warn!(gateway, listener, port, %error, "a SIP listener cannot be opened yet");
            }
            states.push(ListenerState { name, address: address.map_err(|error| error.to_string()) });
        }
        let failed = states.iter().any(|state| state.address.is_err());
        self.states.send_if_modified(|current| {
            let differs = *current != states;
            *current = states;
            differs
        });
        failed
    }

    async fn close(&self, open: &mut BTreeMap<ListenerName, Open>, unwanted: impl Fn(&ListenerName) -> bool) {
        let names: Vec<_> = open.keys().filter(|name| unwanted(name)).cloned().collect();
        for name in names {
            if let Some(listener) = open.remove(&name) {
                listener.stop.send_replace(true);
                // A task that panicked has closed its socket too.
                let _ = listener.task.await;
            }
        }
    }

    fn bind(&self, name: &ListenerName) -> io::Result<Open> {
        let at = SocketAddr::new(self.options.bind, name.port);
        let desk = Desk::new(name.clone(), Arc::clone(&self.store), Arc::clone(&self.counters), self.options);
        let (stop, stopped) = watch::channel(false);
        let (address, task) = match name.protocol {
            Protocol::Udp => {
                let sockets = datagram::bind(at, self.options.answering.sockets())?;
                let bound = sockets.first().map(datagram::local_addr).transpose()?.unwrap_or(at);
                (bound, tokio::spawn(udp::serve(desk, sockets, stopped)))
            }
            Protocol::Tcp | Protocol::Tls | Protocol::Http => {
                let security = match name.protocol {
                    Protocol::Tls => Some(self.certificates.of(&name.gateway, &name.listener)?),
                    _ => None,
                };
                let listener = stream::bind(at)?;
                (listener.local_addr()?, tokio::spawn(stream::serve(desk, listener, security, stopped)))
            }
        };
        Ok(Open { address, stop, task })
    }
}

fn wanted(plan: &Plan) -> Vec<ListenerName> {
    let mut names: Vec<_> = plan
        .heads()
        .flat_map(|head| head.listeners.iter().map(move |listener| (head, listener)))
        .filter(|(_, listener)| listener.protocol != Protocol::Http)
        .map(|(head, listener)| ListenerName {
            gateway: head.gateway.clone(),
            listener: listener.name.clone(),
            port: listener.port,
            protocol: listener.protocol,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}
