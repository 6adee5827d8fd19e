//! What the router counts, as plain numbers; telemetry reads them. Labels are closed sets, never a number or a tenant.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sip::redirect::Handled;
use super::sip::scan::{Fault, Unanswerable};
use crate::domain::routing::decision::{OutcomeName, Reason};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every way a message may end, as metrics name it.
pub const SIP_OUTCOMES: [&str; 30] = [
    "redirected",
    "announced",
    "refused_number_unknown",
    "refused_number_paused",
    "refused_number_suspended",
    "refused_number_frozen",
    "refused_caller_denied",
    "refused_area_denied",
    "refused_anonymous_denied",
    "refused_monthly_cap_reached",
    "refused_limit_reached",
    "refused_no_destination",
    "options",
    "ack",
    "cancel",
    "malformed",
    "unsupported_version",
    "unsupported_scheme",
    "bad_extension",
    "no_dialog",
    "not_allowed",
    "not_implemented",
    "shed",
    "keep_alive",
    "stray_response",
    "unreadable",
    "peer_not_admitted",
    "send_failed",
    "too_large",
    "peer_floods",
];

/// Every way a connection may end, as metrics name it, in the order of [`ConnectionEnd`].
pub const CONNECTION_ENDS: [&str; 8] =
    ["closed", "idle", "slow", "broken", "stopped", "peer_not_admitted", "too_many", "handshake_failed"];

/// Why a connection of a TCP or TLS listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// By the peer, or with it.
    Closed,
    /// Nothing came for too long.
    Idle,
    /// A message was not whole in time, or answers were not taken.
    Slow,
    /// What came has no end that could be found.
    Broken,
    /// The listener closes.
    Stopped,
    /// The source is in none of the listener's `peers`.
    PeerNotAdmitted,
    /// The peer, or the listener, has as many as it may.
    TooMany,
    /// TLS was not agreed on.
    HandshakeFailed,
}

/// Connections of TCP and TLS listeners.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    open: AtomicU64,
    ends: [Counter; CONNECTION_ENDS.len()],
}

/// A connection, until dropped.
#[derive(Debug)]
pub(super) struct OpenConnection<'a>(&'a ConnectionCounters);

impl ConnectionCounters {
    pub(super) fn open(&self) -> OpenConnection<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    pub(super) fn ended(&self, end: ConnectionEnd) {
        if let Some(counter) = self.ends.get(end as usize) {
            counter.add_one();
        }
    }

    /// Connections that stand now.
    pub fn standing(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections by end, in the order of [`CONNECTION_ENDS`].
    pub fn ends(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        CONNECTION_ENDS.into_iter().zip(self.ends.iter().map(Counter::get))
    }

    /// One end's count, by its name.
    pub fn end_count(&self, end: &str) -> u64 {
        self.ends().find(|(name, _)| *name == end).map_or(0, |(_, count)| count)
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a datagram ended before or after the redirect server saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transported {
    Handled(Handled),
    /// The source is in none of the listener's `peers`.
    PeerNotAdmitted,
    /// The source brings so much that it is not read.
    PeerFloods,
    /// The system did not take the answer; the peer will repeat its request.
    SendFailed,
}

/// The router's counters.
#[derive(Debug, Default)]
pub struct RouterCounters {
    sip: [Counter; SIP_OUTCOMES.len()],
    pub connections: ConnectionCounters,
    /// Decisions over HTTP: Route, Announce, Refuse.
    http: [Counter; 3],
    /// Requests to the HTTP API without the right to ask.
    pub http_unauthorized: Counter,
    /// Requests to the HTTP API that could not be read.
    pub http_malformed: Counter,
}

impl RouterCounters {
    /// Counts a datagram.
    pub fn count(&self, transported: Transported) {
        if let Some(counter) = self.sip.get(index(transported)) {
            counter.add_one();
        }
    }

    /// Counts a decision over HTTP.
    pub fn count_decision(&self, outcome: OutcomeName) {
        let [route, announce, refuse] = &self.http;
        match outcome {
            OutcomeName::Route => route.add_one(),
            OutcomeName::Announce => announce.add_one(),
            OutcomeName::Refuse => refuse.add_one(),
        }
    }

    /// Datagrams by outcome, in the order of [`SIP_OUTCOMES`].
    pub fn sip(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        SIP_OUTCOMES.into_iter().zip(self.sip.iter().map(Counter::get))
    }

    /// Decisions over HTTP by outcome.
    pub fn http(&self) -> [(&'static str, u64); 3] {
        let [route, announce, refuse] = &self.http;
        [("route", route.get()), ("announce", announce.get()), ("refuse", refuse.get())]
    }

    /// One outcome's count, by its name.
    pub fn sip_count(&self, outcome: &str) -> u64 {
        self.sip().find(|(name, _)| *name == outcome).map_or(0, |(_, count)| count)
    }
}

fn index(transported: Transported) -> usize {
    match transported {
        Transported::Handled(handled) => handled_index(handled),
        Transported::PeerNotAdmitted => 26,
        Transported::SendFailed => 27,
        Transported::PeerFloods => 29,
    }
}

fn handled_index(handled: Handled) -> usize {
    match handled {
        Handled::Redirected => 0,
        Handled::Announced => 1,
        Handled::Refused(reason) => 2 + Reason::ALL.iter().position(|known| *known == reason).unwrap_or(0),
        Handled::Options => 12,
        Handled::Ack => 13,
        Handled::Cancel => 14,
        Handled::Malformed(Fault::Version) => 16,
        Handled::Malformed(_) => 15,
        Handled::UnsupportedScheme => 17,
        Handled::BadExtension => 18,
        Handled::NoDialog => 19,
        Handled::NotAllowed => 20,
        Handled::NotImplemented => 21,
        Handled::Shed => 22,
        Handled::Silent(Unanswerable::KeepAlive) => 23,
        Handled::Silent(Unanswerable::Response) => 24,
        Handled::Silent(Unanswerable::Unreadable) => 25,
        Handled::TooLarge => 28,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_counts_under_its_own_name() {
        let counters = RouterCounters::default();
        counters.count(Transported::Handled(Handled::Refused(Reason::CallerDenied)));
        counters.count(Transported::Handled(Handled::Refused(Reason::NoDestination)));
        counters.count(Transported::Handled(Handled::Malformed(Fault::Version)));
        counters.count(Transported::Handled(Handled::Silent(Unanswerable::Unreadable)));
        counters.count(Transported::PeerNotAdmitted);
        counters.count(Transported::PeerFloods);
        let counted: Vec<_> = counters.sip().filter(|(_, count)| *count == 1).map(|(name, _)| name).collect();
        assert_eq!(
            counted,
            [
                "refused_caller_denied",
                "refused_no_destination",
                "unsupported_version",
                "unreadable",
                "peer_not_admitted",
                "peer_floods"
            ]
        );
    }
}
