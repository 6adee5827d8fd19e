//! How many connections a listener keeps, in all and from one address: a peer that opens ever more takes no other's place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one listener. With a message's bound it bounds the listener's memory.
const IN_ALL: usize = 1_024;
/// Of these, from one address.
const FROM_ONE: usize = 128;

/// The places of one listener.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// A place, until dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    peer: IpAddr,
}

impl Seats {
    /// A place for a connection from `peer`, if there is one.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if taken.all >= IN_ALL || of_peer >= FROM_ONE {
            return None;
        }
        taken.all += 1;
        taken.by_peer.insert(peer, of_peer + 1);
        drop(taken);
        Some(Seat { seats: self.clone(), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_takes_no_other_peers_place_and_gives_its_own_back() {
        let seats = Seats::default();
        let peer = |last: u8| IpAddr::from([10, 0, 0, last]);
        let mut held: Vec<Seat> = (0..FROM_ONE).map(|_| seats.take(peer(1)).unwrap()).collect();
        assert!(seats.take(peer(1)).is_none());
        held.pop();
        assert!(seats.take(peer(1)).is_some_and(|seat| seat.peer == peer(1)));
        let others = (2..).map(peer).flat_map(|peer| (0..FROM_ONE).map(move |_| peer));
        let mut others = others.map_while(|peer| seats.take(peer)).collect::<Vec<_>>();
        assert_eq!(held.len() + others.len(), IN_ALL);
        assert!(seats.take(peer(200)).is_none());
        others.pop();
        assert!(seats.take(peer(200)).is_some());
        drop((held, others));
        let left = seats.0.lock().unwrap();
        assert!(left.all == 0 && left.by_peer.is_empty(), "{left:?}");
    }
}
