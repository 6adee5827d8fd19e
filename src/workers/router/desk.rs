//! What the sockets of one listener have in common: the plan in force, who may speak, how a message is answered and what
//! is counted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::counters::{RouterCounters, Transported};
use super::listeners::{ListenerName, SipOptions};
use super::shedding::Shedding;
use super::sip::redirect::{Breach, Handled, Memory, Place, Reply, ReplyPort, answer};
use crate::domain::routing::head::{CompiledHead, CompiledListener};
use crate::domain::routing::plan::Plan;
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
        self.admitting(&self.store.snapshot(), source).is_some()
    }

    fn admitting<'p>(&self, plan: &'p Plan, source: SocketAddr) -> Option<(&'p CompiledHead, &'p CompiledListener)> {
        let head = plan.head(&self.name.gateway)?;
        let listener = head.listeners.iter().find(|listener| listener.name == self.name.listener)?;
        listener.admits(source.ip()).then_some((head, listener))
    }

    /// Where the answer to a datagram, written to `out`, goes, if there is one. Of a peer that floods it is not read: on a
    /// stream such a peer is slowed down instead, by what its connection holds.
    pub(super) fn answer(
        &self,
        source: SocketAddr,
        datagram: &[u8],
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let (plan, now) = (self.store.snapshot(), self.options.clock.now());
        let Some((head, listener)) = self.admitting(&plan, source) else {
            self.counters.count(Transported::PeerNotAdmitted);
            return None;
        };
        if let Some(shedding) = &memory.shedding
            && !shedding.lock().unwrap_or_else(PoisonError::into_inner).reads(source.ip(), now)
        {
            self.counters.count(Transported::PeerFloods);
            return None;
        }
        let reply = answer(&self.place(&plan, head, listener, None), source, datagram, now, memory, out);
        self.count(reply.handled);
        reply.to
    }

    /// What became of a message of an admitted peer on a stream; `None` where the listener does not admit it.
    pub(super) fn reply(
        &self,
        source: SocketAddr,
        message: &[u8],
        breach: Option<Breach>,
        memory: &mut Memory,
        out: &mut Vec<u8>,
    ) -> Option<Reply> {
        let plan = self.store.snapshot();
        let Some((head, listener)) = self.admitting(&plan, source) else {
            self.counters.count(Transported::PeerNotAdmitted);
            return None;
        };
        let place = self.place(&plan, head, listener, breach);
        let reply = answer(&place, source, message, self.options.clock.now(), memory, out);
        self.count(reply.handled);
        Some(reply)
    }

    fn place<'a>(
        &self,
        plan: &'a Plan,
        head: &'a CompiledHead,
        listener: &CompiledListener,
        breach: Option<Breach>,
    ) -> Place<'a> {
        Place {
            plan,
            head,
            breach,
            reply_port: if listener.force_rport { ReplyPort::Source } else { ReplyPort::Via },
            decision_parameter: self.options.answering.decision_parameter,
        }
    }

    pub(super) fn count(&self, handled: Handled) {
        self.counters.count(Transported::Handled(handled));
    }
}
