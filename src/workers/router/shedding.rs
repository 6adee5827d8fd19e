//! How many new calls a second one peer may bring: beyond it they are shed, so that other peers are served. A repeated
//! request takes nothing from its peer and gets the answer that it had.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use jiff::Timestamp;

use super::sip::remembered::Remembered;

/// Peers counted at once. Beyond it all begin anew.
const PEERS_AT_MOST: usize = 4_096;
const RETRY_AFTER_SECONDS: u16 = 1;
/// One call, in the thousandths in which a bucket refills.
const CALL: u64 = 1_000;

/// Whether a new call is served now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admit,
    Shed { retry_after_seconds: u16 },
}

/// A bucket per peer, refilled by the millisecond, that holds one second's calls.
#[derive(Debug)]
pub struct Shedding {
    per_second: NonZeroU32,
    peers: HashMap<IpAddr, Bucket>,
    said: Remembered<u64, Admission>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u64,
    at: i64,
}

impl Shedding {
    pub fn new(per_second: NonZeroU32) -> Self {
        Self { per_second, peers: HashMap::new(), said: Remembered::default() }
    }

    /// Whether a call of the peer is served. `request` is what repetitions of one request have in common.
    pub fn admit(&mut self, peer: IpAddr, request: u64, now: Timestamp) -> Admission {
        if let Some(said) = self.said.get(&request, now) {
            return said;
        }
        let admission = self.admit_new(peer, u64::from(self.per_second.get()), now);
        self.said.put(request, admission);
        admission
    }

    fn admit_new(&mut self, peer: IpAddr, per_second: u64, now: Timestamp) -> Admission {
        if self.peers.len() >= PEERS_AT_MOST && !self.peers.contains_key(&peer) {
            self.peers.clear();
        }
        let full = per_second * CALL;
        let now = now.as_millisecond();
        let bucket = self.peers.entry(peer).or_insert(Bucket { left: full, at: now });
        // A clock set back refills nothing, and counts anew from there.
        let passed = u64::try_from(now - bucket.at).unwrap_or(0);
        bucket.left = bucket.left.saturating_add(passed.saturating_mul(per_second)).min(full);
        bucket.at = now;
        match bucket.left.checked_sub(CALL) {
            Some(left) => {
                bucket.left = left;
                Admission::Admit
            }
            None => Admission::Shed { retry_after_seconds: RETRY_AFTER_SECONDS },
        }
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
            shedding.admit(peer, calls, at(millisecond)) == Admission::Admit
        };
        assert_eq!((0..20).filter(|_| admitted(one, 0)).count(), 10);
        assert!(admitted(other, 0));
        assert!(!admitted(one, 99) && admitted(one, 100) && !admitted(one, 100));
        assert!(!admitted(one, -5_000), "a clock set back gives nothing away");
        assert_eq!((0..20).filter(|_| admitted(one, 60_000)).count(), 10, "what was not used does not add up");
    }

    #[test]
    fn a_repetition_takes_nothing_and_gets_the_same_answer() {
        let mut shedding = Shedding::new(NonZeroU32::new(2).unwrap());
        let peer = "10.0.0.1".parse().unwrap();
        let at = |millisecond: i64| Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap();
        for _ in 0..9 {
            assert_eq!(shedding.admit(peer, 1, at(0)), Admission::Admit);
        }
        assert_eq!(shedding.admit(peer, 2, at(0)), Admission::Admit);
        let shed = shedding.admit(peer, 3, at(0));
        assert!(matches!(shed, Admission::Shed { .. }));
        assert_eq!(shedding.admit(peer, 3, at(5_000)), shed);
        assert_eq!(shedding.admit(peer, 4, at(5_000)), Admission::Admit);
    }
}
