//! SIP over UDP: the listeners that gateways' heads ask for, each a socket and a task.
//!
//! The set follows the plan: a listener that stays keeps its socket, whatever else about it changes (peers are looked
//! up per datagram). A port that is taken is tried again. An answer leaves by the socket that received; bind to one
//! address where a host has several, since the system chooses the source address of a socket bound to all.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::counters::{RouterCounters, Transported};
use super::shedding::Shedding;
use super::sip::redirect::{Admission, DecisionParameter, Place, ReplyPort, answer};
use super::sip::turns::TurnMemory;
use crate::domain::routing::document::Protocol;
use crate::domain::routing::plan::Plan;
use crate::runtime::clock::Clock;
use crate::workers::plan::PlanStore;

/// The largest UDP payload.
const DATAGRAM_AT_MOST: usize = 65_535;
/// Datagrams handled before other tasks get their turn.
const BATCH: usize = 64;
/// What the system keeps while this process is busy: some thousand requests.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
const RETRY: Duration = Duration::from_secs(5);

/// What holds for every SIP listener of a process.
#[derive(Debug, Clone, Copy)]
pub struct SipOptions {
    /// Address that listeners are bound to.
    pub bind: IpAddr,
    pub decision_parameter: DecisionParameter,
    /// New calls a second and peer above which they are shed; `None` sheds nothing.
    pub calls_per_second_and_peer: Option<NonZeroU32>,
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
    pub fn new(store: Arc<PlanStore>, counters: Arc<RouterCounters>, options: SipOptions) -> Self {
        Self { store, counters, options, states: watch::Sender::new(Vec::new()) }
    }

    /// Addresses, told again whenever they change.
    pub fn states(&self) -> watch::Receiver<Vec<ListenerState>> {
        self.states.subscribe()
    }

    /// Serves until `stop` turns true (or its sender is gone), then answers what has been read and closes.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.store.changes();
        let mut open: BTreeMap<ListenerName, Open> = BTreeMap::new();
        loop {
            changes.borrow_and_update();
            let wanted = wanted(&self.store.snapshot());
            self.close(&mut open, |name| !wanted.contains(name)).await;
            let failed = self.open(&mut open, wanted);
            let retry = async { if failed { tokio::time::sleep(RETRY).await } else { std::future::pending().await } };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                news = changes.changed() => if news.is_err() { break },
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
                let ListenerName { gateway, listener, port } = &name;
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
        let socket = open_socket(SocketAddr::new(self.options.bind, name.port))?;
        let address = socket.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let serving = Serving {
            name: name.clone(),
            store: Arc::clone(&self.store),
            counters: Arc::clone(&self.counters),
            options: self.options,
            turns: TurnMemory::default(),
            shedding: Shedding::new(self.options.calls_per_second_and_peer),
        };
        let task = tokio::spawn(serving.run(socket, stopped));
        Ok(Open { address, stop, task })
    }
}

fn wanted(plan: &Plan) -> Vec<ListenerName> {
    let mut names: Vec<_> = plan
        .heads()
        .flat_map(|head| head.listeners.iter().map(move |listener| (head, listener)))
        .filter(|(_, listener)| listener.protocol == Protocol::Udp)
        .map(|(head, listener)| ListenerName {
            gateway: head.gateway.clone(),
            listener: listener.name.clone(),
            port: listener.port,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn open_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(SocketProtocol::UDP))?;
    // The system grants what its own bound allows; less is no reason not to serve.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// One socket's task.
struct Serving {
    name: ListenerName,
    store: Arc<PlanStore>,
    counters: Arc<RouterCounters>,
    options: SipOptions,
    turns: TurnMemory,
    shedding: Shedding,
}

impl Serving {
    async fn run(mut self, socket: UdpSocket, mut stop: watch::Receiver<bool>) {
        let mut datagram = vec![0_u8; DATAGRAM_AT_MOST];
        let mut out = Vec::with_capacity(4 * 1024);
        loop {
            let readable = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                readable = socket.readable() => Some(readable),
            };
            for _ in 0..BATCH {
                match socket.try_recv_from(&mut datagram) {
                    Ok((length, source)) => {
                        let received = datagram.get(..length).unwrap_or_default();
                        if let Some(to) = self.handle(source, received, &mut out)
                            && socket.send_to(&out, to).await.is_err()
                        {
                            self.counters.count(Transported::SendFailed);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // A peer that is gone shows as an error of the next read; the socket is as good as before.
                    Err(_) => {}
                }
            }
            match readable {
                None => return,
                // The socket itself is broken: do not spin.
                Some(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                Some(Ok(())) => tokio::task::yield_now().await,
            }
        }
    }

    /// Where the answer in `out` goes, if there is one.
    fn handle(&mut self, source: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) -> Option<SocketAddr> {
        let plan = self.store.snapshot();
        let head = plan.head(&self.name.gateway);
        let listener = head.and_then(|head| head.listeners.iter().find(|listener| listener.name == self.name.listener));
        let (Some(head), Some(listener)) = (head, listener.filter(|listener| listener.admits(source.ip()))) else {
            self.counters.count(Transported::PeerNotAdmitted);
            return None;
        };
        let now = self.options.clock.now();
        let is_call = datagram.starts_with(b"INVITE ");
        let admission = if is_call { self.shedding.admit(source.ip(), now) } else { Admission::Admit };
        let place = Place {
            plan: &plan,
            head,
            reply_port: if listener.force_rport { ReplyPort::Source } else { ReplyPort::Via },
            decision_parameter: self.options.decision_parameter,
            admission,
        };
        let reply = answer(&place, source, datagram, now, &mut self.turns, out);
        self.counters.count(Transported::Handled(reply.handled));
        reply.to
    }
}
