//! What was said to whom, for as long as a peer may repeat its request. Bounded; goes by the time that passes, not by the
//! clock's face. Pure.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use jiff::Timestamp;

/// Timer B of RFC 3261 (64 × T1): a peer repeats a request for so long, the last time half a second before.
const REMEMBERED_MILLISECONDS: i64 = 32_000;
/// Entries at once. Beyond it the oldest are forgotten early: a repetition may then get another answer.
pub(in crate::workers::router) const ENTRIES_AT_MOST: usize = 65_536;

/// Answers by request, each held for 32 s.
#[derive(Debug)]
pub struct Remembered<K, V> {
    said: HashMap<K, V>,
    ages: VecDeque<(i64, K)>,
    last: Option<i64>,
    elapsed: i64,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { said: HashMap::new(), ages: VecDeque::new(), last: None, elapsed: 0 }
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Remembered<K, V> {
    /// What was said to `key`, if that is not too long ago.
    pub fn get(&mut self, key: &K, now: Timestamp) -> Option<V> {
        self.pass(now);
        while let Some((_, old)) = self.ages.front().copied().filter(|(until, _)| *until <= self.elapsed) {
            self.ages.pop_front();
            self.said.remove(&old);
        }
        self.said.get(key).copied()
    }

    /// Remembers what is said to a key that [`get`](Self::get) did not find.
    pub fn put(&mut self, key: K, value: V) {
        if self.ages.len() >= ENTRIES_AT_MOST
            && let Some((_, oldest)) = self.ages.pop_front()
        {
            self.said.remove(&oldest);
        }
        self.said.insert(key, value);
        self.ages.push_back((self.elapsed + REMEMBERED_MILLISECONDS, key));
    }

    /// A clock that is set back has passed no time: what is remembered stays, and grows old from there on.
    fn pass(&mut self, now: Timestamp) {
        let now = now.as_millisecond();
        self.elapsed += self.last.map_or(0, |last| (now - last).max(0));
        self.last = Some(now);
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.said.len().max(self.ages.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + millisecond).unwrap()
    }

    #[test]
    fn what_was_said_late_in_a_second_is_known_at_the_last_repetition() {
        let mut remembered = Remembered::default();
        assert_eq!(remembered.get(&7, at(900)), None);
        remembered.put(7, "one");
        assert_eq!(remembered.get(&7, at(900 + 31_500)), Some("one"));
        assert_eq!(remembered.get(&7, at(900 + 31_999)), Some("one"));
        assert_eq!(remembered.get(&7, at(900 + 32_000)), None);
    }

    #[test]
    fn a_clock_set_back_neither_loses_nor_keeps_for_ever() {
        let mut remembered = Remembered::default();
        assert_eq!(remembered.get(&7, at(5_000_000)), None);
        remembered.put(7, "one");
        assert_eq!(remembered.get(&7, at(0)), Some("one"), "an hour back");
        assert_eq!(remembered.get(&7, at(31_999)), Some("one"));
        assert_eq!(remembered.get(&7, at(32_000)), None, "the time that has passed since counts");
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut remembered = Remembered::default();
        for key in 0..=ENTRIES_AT_MOST {
            assert_eq!(remembered.get(&key, at(0)), None);
            remembered.put(key, ());
        }
        assert_eq!(remembered.entries(), ENTRIES_AT_MOST);
        assert_eq!((remembered.get(&0, at(0)), remembered.get(&1, at(0))), (None, Some(())));
    }
}
