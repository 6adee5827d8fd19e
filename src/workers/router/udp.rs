//! SIP over UDP: the listeners that gateways' heads ask for, each a socket and a task.
//!
//! The set follows the plan: a listener that stays keeps its socket, whatever else about it changes (peers are looked
//! up per datagram). A port that is taken is tried again. An answer leaves by the socket and address that received.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::counters::{RouterCounters, Transported};
use super::datagram::DatagramSocket;
use super::shedding::Shedding;
use super::sip::redirect::{DecisionParameter, Memory, Place, ReplyPort, answer};
use crate::domain::routing::document::Protocol;
use crate::domain::routing::plan::Plan;
use crate::runtime::clock::Clock;
use crate::workers::plan::PlanStore;

/// The largest UDP payload.
const DATAGRAM_AT_MOST: usize = 65_535;
/// Datagrams handled before other tasks get their turn.
const BATCH: usize = 64;
const RETRY: Duration = Duration::from_secs(5);
/// Pauses of a socket that gives errors: the first, and the longest.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(1)];

/// How calls are answered, as whoever starts the process chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answering {
    pub decision_parameter: DecisionParameter,
    /// New calls a second and peer above which they are shed; `None` sheds nothing.
    pub calls_per_second_and_peer: Option<NonZeroU32>,
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
        let socket = DatagramSocket::bind(SocketAddr::new(self.options.bind, name.port))?;
        let address = socket.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let serving = Serving {
            name: name.clone(),
            store: Arc::clone(&self.store),
            counters: Arc::clone(&self.counters),
            options: self.options,
            memory: Memory {
                shedding: Shedding::new(self.options.answering.calls_per_second_and_peer),
                ..Memory::default()
            },
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

/// One socket's task.
struct Serving {
    name: ListenerName,
    store: Arc<PlanStore>,
    counters: Arc<RouterCounters>,
    options: SipOptions,
    memory: Memory,
}

/// How long to leave a socket alone that gives one error after the other: twice as long each time, so that a broken one
/// costs nothing and one that recovers is served at once.
#[derive(Debug, Default)]
struct BackOff(Option<Duration>);

impl BackOff {
    fn next(&mut self) -> Duration {
        let [first, longest] = BACK_OFF;
        let pause = self.0.map_or(first, |last| (last * 2).min(longest));
        *self.0.insert(pause)
    }

    fn end(&mut self) {
        self.0 = None;
    }
}

impl Serving {
    async fn run(mut self, mut socket: DatagramSocket, mut stop: watch::Receiver<bool>) {
        let mut datagram = vec![0_u8; DATAGRAM_AT_MOST];
        let mut out = Vec::with_capacity(4 * 1024);
        let mut back_off = BackOff::default();
        loop {
            let readable = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                readable = socket.readable() => Some(readable),
            };
            let read = self.read_some(&mut socket, &mut datagram, &mut out).await;
            match (readable, read) {
                (None, _) => return,
                (Some(Ok(())), Ok(())) => {
                    back_off.end();
                    tokio::task::yield_now().await;
                }
                (Some(Err(error)), _) | (_, Err(error)) => {
                    let pause = back_off.next();
                    if Some(pause) == BACK_OFF.first().copied() {
                        let ListenerName { gateway, listener, .. } = &self.name;
                        tracing::warn!(gateway, listener, %error, "a SIP listener's socket gives an error");
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Answers what has come in, up to a batch; the error of a socket that cannot be read.
    async fn read_some(
        &mut self,
        socket: &mut DatagramSocket,
        datagram: &mut [u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        for _ in 0..BATCH {
            let received = match socket.try_receive(datagram) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let text = datagram.get(..received.length).unwrap_or_default();
            if let Some(to) = self.handle(received.source, text, out)
                && socket.send(out, to, received.asked_at).await.is_err()
            {
                self.counters.count(Transported::SendFailed);
            }
        }
        Ok(())
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
        let place = Place {
            plan: &plan,
            head,
            reply_port: if listener.force_rport { ReplyPort::Source } else { ReplyPort::Via },
            decision_parameter: self.options.answering.decision_parameter,
        };
        let reply = answer(&place, source, datagram, self.options.clock.now(), &mut self.memory, out);
        self.counters.count(Transported::Handled(reply.handled));
        reply.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_stays_broken_is_asked_less_and_less_often() {
        let mut back_off = BackOff::default();
        let pauses: Vec<u128> = (0..12).map(|_| back_off.next().as_millis()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
        back_off.end();
        assert_eq!(back_off.next().as_millis(), 1);
    }
}
