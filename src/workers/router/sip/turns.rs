//! Whose turn it is in `RoundRobin` groups, remembered for as long as a peer may repeat its request.
//!
//! One memory per socket, bounded in entries; only groups of that strategy ever touch it.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::domain::routing::turns::Turns;

/// Timer B of RFC 3261: a peer gives a request up after so many seconds.
const REMEMBERED_SECONDS: i64 = 32;
/// Requests remembered at once. Beyond it the oldest are forgotten early: a repetition may then get another turn.
const REQUESTS_AT_MOST: usize = 65_536;
/// Groups counted at once. Beyond it all begin anew, which is fair too.
const GROUPS_AT_MOST: usize = 65_536;

/// Counters of groups, and what was said to whom.
#[derive(Debug, Default)]
pub struct TurnMemory {
    next: HashMap<u64, u64>,
    said: HashMap<(u64, u64), u64>,
    ages: VecDeque<(i64, (u64, u64))>,
}

impl TurnMemory {
    /// The turns as one request sees them. `request` is a hash of its Call-ID, `CSeq` number and From-tag.
    pub fn of_request(&mut self, request: u64, now: Timestamp) -> RequestTurns<'_> {
        RequestTurns { memory: self, request, now: now.as_second() }
    }

    fn forget_old(&mut self, now: i64) {
        while let Some((until, key)) = self.ages.front().copied() {
            // A clock that was set back by more than the span would keep entries for ever: they go as well.
            let held = until > now && until <= now + REMEMBERED_SECONDS;
            if held && self.ages.len() < REQUESTS_AT_MOST {
                return;
            }
            self.ages.pop_front();
            self.said.remove(&key);
        }
    }
}

/// The [`Turns`] of one request.
#[derive(Debug)]
pub struct RequestTurns<'a> {
    memory: &'a mut TurnMemory,
    request: u64,
    now: i64,
}

impl Turns for RequestTurns<'_> {
    fn turn(&mut self, group: u64) -> u64 {
        self.memory.forget_old(self.now);
        let key = (self.request, group);
        if let Some(said) = self.memory.said.get(&key) {
            return *said;
        }
        if self.memory.next.len() >= GROUPS_AT_MOST && !self.memory.next.contains_key(&group) {
            self.memory.next.clear();
        }
        let next = self.memory.next.entry(group).or_insert(0);
        let turn = *next;
        *next = next.wrapping_add(1);
        self.memory.said.insert(key, turn);
        self.memory.ages.push_back((self.now + REMEMBERED_SECONDS, key));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn a_repeated_request_gets_the_same_turn_for_thirty_two_seconds() {
        let mut memory = TurnMemory::default();
        assert_eq!(memory.of_request(7, second(0)).turn(1), 0);
        assert_eq!(memory.of_request(8, second(1)).turn(1), 1);
        assert_eq!(memory.of_request(7, second(31)).turn(1), 0);
        assert_eq!(memory.of_request(7, second(32)).turn(1), 2);
        assert_eq!(memory.of_request(9, second(32)).turn(5), 0, "another group counts for itself");
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = TurnMemory::default();
        for request in 0..u64::try_from(REQUESTS_AT_MOST).unwrap() + 500 {
            memory.of_request(request, second(0)).turn(request);
        }
        assert!(memory.said.len() <= REQUESTS_AT_MOST && memory.ages.len() <= REQUESTS_AT_MOST);
        assert!(memory.next.len() <= GROUPS_AT_MOST);
    }

    #[test]
    fn a_clock_set_back_does_not_keep_entries_for_ever() {
        let mut memory = TurnMemory::default();
        memory.of_request(7, second(5_000)).turn(1);
        memory.of_request(8, second(0)).turn(1);
        assert_eq!(memory.said.len(), 1);
    }
}
