//! Whose turn it is in `RoundRobin` groups, remembered for as long as a peer may repeat its request.
//!
//! One memory per socket, bounded in entries; only groups of that strategy ever touch it.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use super::remembered::Remembered;
use crate::domain::routing::turns::Turns;

/// Groups counted at once. Beyond it all begin anew, which is fair too.
const GROUPS_AT_MOST: usize = 65_536;

/// Counters of groups, and what was said to whom.
#[derive(Debug, Default)]
pub struct TurnMemory {
    next: HashMap<u64, u64>,
    said: Remembered<(u64, u64), u64>,
}

impl TurnMemory {
    /// The turns as one request sees them. `request` gives a hash of its Call-ID, `CSeq` number and From-tag,
    /// which few requests are asked for.
    pub fn of_request<'a>(&'a mut self, request: &'a dyn Fn() -> u64, now: Timestamp) -> RequestTurns<'a> {
        RequestTurns { memory: self, request, now }
    }
}

/// The [`Turns`] of one request.
pub struct RequestTurns<'a> {
    memory: &'a mut TurnMemory,
    request: &'a dyn Fn() -> u64,
    now: Timestamp,
}

impl fmt::Debug for RequestTurns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestTurns").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Turns for RequestTurns<'_> {
    fn turn(&mut self, group: u64) -> u64 {
        let key = ((self.request)(), group);
        if let Some(said) = self.memory.said.get(&key, self.now) {
            return said;
        }
        if self.memory.next.len() >= GROUPS_AT_MOST && !self.memory.next.contains_key(&group) {
            self.memory.next.clear();
        }
        let next = self.memory.next.entry(group).or_insert(0);
        let turn = *next;
        *next = next.wrapping_add(1);
        self.memory.said.put(key, turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::super::remembered::ENTRIES_AT_MOST;
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap()
    }

    #[test]
    fn a_repeated_request_gets_the_same_turn_for_thirty_two_seconds() {
        let mut memory = TurnMemory::default();
        assert_eq!(memory.of_request(&|| 7, at(900)).turn(1), 0);
        assert_eq!(memory.of_request(&|| 8, at(1_000)).turn(1), 1);
        assert_eq!(memory.of_request(&|| 7, at(900 + 31_500)).turn(1), 0, "the last repetition");
        assert_eq!(memory.of_request(&|| 7, at(900 + 32_000)).turn(1), 2);
        assert_eq!(memory.of_request(&|| 9, at(33_000)).turn(5), 0, "another group counts for itself");
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = TurnMemory::default();
        for request in 0..u64::try_from(ENTRIES_AT_MOST).unwrap() + 500 {
            memory.of_request(&|| request, at(0)).turn(request);
        }
        assert!(memory.said.entries() <= ENTRIES_AT_MOST && memory.next.len() <= GROUPS_AT_MOST);
    }
}
