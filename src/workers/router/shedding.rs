//! How many new calls a second one peer may bring: beyond it they are shed, so that other peers are served. Once a peer has
//! used up half of that, a repeated request takes nothing more and gets the answer that it had. A peer that goes on in
//! spite of that is not even read any more: an answer to each of its datagrams would be what keeps the others waiting.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use jiff::Timestamp;

use super::sip::remembered::Remembered;

/// Peers counted at once. Beyond it all begin anew.
const PEERS_AT_MOST: usize = 4_096;
const RETRY_AFTER_SECONDS: u16 = 1;
/// One call or message, in the thousandths in which a bucket refills.
const ONE: u64 = 1_000;
/// Datagrams that are read for each call that a peer may bring: the call, its ACK, and as many again for repetitions,
/// OPTIONS and calls that are told that they are too many.
const MESSAGES: u64 = 4;

/// Whether a new call is served now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admit,
    Shed { retry_after_seconds: u16 },
}

/// Two buckets per peer, refilled by the millisecond, that hold one second's calls and one second's messages.
#[derive(Debug)]
pub struct Shedding {
    per_second: NonZeroU32,
    peers: HashMap<IpAddr, Bucket>,
    said: Remembered<u64, Admission>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    calls: u64,
    messages: u64,
    at: i64,
}

impl Bucket {
    fn full(per_second: u64, at: i64) -> Self {
        Self { calls: per_second * ONE, messages: per_second * MESSAGES * ONE, at }
    }

    fn refill(&mut self, per_second: u64, now: i64) {
        // A clock set back refills nothing, and counts anew from there.
        let passed = u64::try_from(now - self.at).unwrap_or(0);
        let full = Self::full(per_second, now);
        let filled = |left: u64, each: u64, full: u64| left.saturating_add(passed.saturating_mul(each)).min(full);
        self.calls = filled(self.calls, per_second, full.calls);
        self.messages = filled(self.messages, per_second * MESSAGES, full.messages);
        self.at = now;
    }
}

/// Whether there was one left.
fn take(left: &mut u64) -> bool {
    let taken = left.checked_sub(ONE);
    *left = taken.unwrap_or(*left);
    taken.is_some()
}

impl Shedding {
    pub fn new(per_second: NonZeroU32) -> Self {
        Self { per_second, peers: HashMap::new(), said: Remembered::default() }
    }

    /// Whether a call of the peer is served. `request` gives what repetitions of one request have in common; a peer with
    /// half of its calls left, as nearly all of them have nearly always, is not asked for it.
    pub fn admit(&mut self, peer: IpAddr, request: impl FnOnce() -> u64, now: Timestamp) -> Admission {
        let half = Bucket::full(u64::from(self.per_second.get()), 0).calls / 2;
        let bucket = self.bucket(peer, now);
        if bucket.calls >= half + ONE && take(&mut bucket.calls) {
            return Admission::Admit;
        }
        let request = request();
        if let Some(said) = self.said.get(&request, now) {
            return said;
        }
        let admission = if take(&mut self.bucket(peer, now).calls) {
            Admission::Admit
        } else {
            Admission::Shed { retry_after_seconds: RETRY_AFTER_SECONDS }
        };
        self.said.put(request, admission);
        admission
    }

    /// Whether a datagram of the peer is read.
    pub fn reads(&mut self, peer: IpAddr, now: Timestamp) -> bool {
        take(&mut self.bucket(peer, now).messages)
    }

    fn bucket(&mut self, peer: IpAddr, now: Timestamp) -> &mut Bucket {
        if self.peers.len() >= PEERS_AT_MOST && !self.peers.contains_key(&peer) {
            self.peers.clear();
        }
        let (per_second, now) = (u64::from(self.per_second.get()), now.as_millisecond());
        let bucket = self.peers.entry(peer).or_insert_with(|| Bucket::full(per_second, now));
        bucket.refill(per_second, now);
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gets_its_calls_a_second_and_does_not_take_anothers() {
        let mut shedding = Shedding::new(NonZeroU32::new(10).unwrap());
        let at = |millisecond: i64| Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap();
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut calls = 0;
        let mut admitted = |peer, millisecond| {
            calls += 1;
            shedding.admit(peer, || calls, at(millisecond)) == Admission::Admit
        };
        assert_eq!((0..20).filter(|_| admitted(one, 0)).count(), 10);
        assert!(admitted(other, 0));
        assert!(!admitted(one, 99) && admitted(one, 100) && !admitted(one, 100));
        assert!(!admitted(one, -5_000), "a clock set back gives nothing away");
        assert_eq!((0..20).filter(|_| admitted(one, 60_000)).count(), 10, "what was not used does not add up");
    }

    #[test]
    fn a_peer_that_goes_on_is_not_read_until_it_slows_down() {
        let mut shedding = Shedding::new(NonZeroU32::new(10).unwrap());
        let at = |millisecond: i64| Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap();
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!((0..100).filter(|_| shedding.reads(one, at(0))).count(), 40);
        assert!(shedding.reads(other, at(0)));
        assert_eq!((0..100).filter(|_| shedding.reads(one, at(100))).count(), 4);
        assert_eq!(shedding.admit(one, || 1, at(100)), Admission::Admit, "calls are counted by themselves");
    }

    #[test]
    fn a_repetition_takes_nothing_and_gets_the_same_answer_once_half_is_used_up() {
        let mut shedding = Shedding::new(NonZeroU32::new(4).unwrap());
        let peer = "10.0.0.1".parse().unwrap();
        let at = |millisecond: i64| Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap();
        let mut admit = |request: u64, millisecond: i64| shedding.admit(peer, || request, at(millisecond));
        assert_eq!([admit(7, 0), admit(8, 0)], [Admission::Admit; 2]);
        for _ in 0..9 {
            assert_eq!(admit(1, 0), Admission::Admit);
        }
        assert_eq!(admit(2, 0), Admission::Admit);
        let shed = admit(3, 0);
        assert!(matches!(shed, Admission::Shed { .. }));
        assert_eq!(admit(3, 400), shed, "there would be room for one again");
        assert_eq!(admit(4, 400), Admission::Admit);
    }
}
