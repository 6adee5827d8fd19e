//! What the sockets of one listener have in common: the plan in force, who may speak, how a message is answered and what
//! is counted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::counters::{RouterCounters, Transported};
use super::listeners::{ListenerName, SipOptions};
use super::shedding::Shedding;
use super::sip::redirect::{Breach, Handled, Memory, Place, Reply, ReplyPort, answer};
use crate::workers::plan::PlanStore;

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) name: ListenerName,
    pub(super) store: Arc<PlanStore>,
    pub(super) counters: Arc<RouterCounters>,
    pub(super) options: SipOptions,
    shedding: Option<Arc<Mutex<Shedding>>>,
}

impl Desk {
    pub(super) fn new(
        name: ListenerName,
        store: Arc<PlanStore>,
        counters: Arc<RouterCounters>,
        options: SipOptions,
    ) -> Self {
        let bound = options.answering.calls_per_second_and_peer;
        let shedding = bound.map(|calls| Arc::new(Mutex::new(Shedding::new(calls))));
        Self { name, store, counters, options, shedding }
    }

    /// What a socket of the listener keeps from one message to the next, at its start; a peer's calls are counted over
    /// all of them.
    pub(super) fn memory(&self) -> Memory {
        Memory { shedding: self.shedding.clone(), ..Memory::default() }
    }

    /// Whether the listener, as it stands in the plan now, admits the peer.
    pub(super) fn admits(&self, source: SocketAddr) -> bool {
        let plan = self.store.snapshot();
        let head = plan.head(&self.name.gateway);
        let listener = head.and_then(|head| head.listeners.iter().find(|listener| listener.name == self.name.listener));
        listener.is_some_and(|listener| listener.admits(source.ip()))
    }

    /// Where the answer to a datagram, written to `out`, goes, if there is one.
    pub(super) fn answer(
        &self,
        source: SocketAddr,
        datagram: &[u8],
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        self.reply(source, datagram, None, memory, out)?.to
    }

    /// What became of a message of an admitted peer; `None` where the listener does not admit it.
    pub(super) fn reply(
        &self,
        source: SocketAddr,
        message: &[u8],
        breach: Option<Breach>,
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) -> Option<Reply> {
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
            breach,
            reply_port: if listener.force_rport { ReplyPort::Source } else { ReplyPort::Via },
            decision_parameter: self.options.answering.decision_parameter,
        };
        let reply = answer(&place, source, message, self.options.clock.now(), memory, out);
        self.count(reply.handled);
        Some(reply)
    }

    pub(super) fn count(&self, handled: Handled) {
        self.counters.count(Transported::Handled(handled));
    }
}
