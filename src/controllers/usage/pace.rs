//! How fast figures are written: a floor for each object, a budget for all, the longest stale first.
//!
//! Nobody waits for these writes, so there is no hurry and no burst: one slot after the other, however many objects
//! changed. The first write after quiet goes at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::Instant;

/// The least time between two writes to one object.
const FLOOR: Duration = Duration::from_secs(5);
/// Writes under way together.
const AT_ONCE: usize = 8;

/// See the module's text.
#[derive(Debug)]
pub struct Pace {
    spacing: Duration,
    state: Mutex<State>,
    /// Held by whoever hands out the next slot.
    dispensing: tokio::sync::Mutex<()>,
    writing: Semaphore,
}

#[derive(Debug)]
struct State {
    /// When the next slot is free.
    next: Instant,
    /// When the next of those who gave way may ask again.
    next_spare: Instant,
    /// Objects whose floor has passed, by when they asked.
    waiting: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    serial: u64,
    /// When each object was last written, as far as its floor has not passed.
    last: HashMap<String, Instant>,
    pruned: Instant,
}

impl Pace {
    /// Most writes a second, all objects together.
    pub fn new(per_second: u32) -> Self {
        let now = Instant::now();
        Self {
            spacing: Duration::from_secs(1) / per_second.max(1),
            state: Mutex::new(State {
                next: now,
                next_spare: now,
                waiting: BTreeMap::new(),
                serial: 0,
                last: HashMap::new(),
                pruned: now,
            }),
            dispensing: tokio::sync::Mutex::new(()),
            writing: Semaphore::new(AT_ONCE),
        }
    }

    /// Waits for the object's turn, which lasts as long as what is given is held.
    pub async fn turn(&self, object: &str) -> Option<SemaphorePermit<'_>> {
        let asked = Instant::now();
        let floor = self.lock().last.get(object).map(|last| *last + FLOOR);
        if let Some(floor) = floor {
            tokio::time::sleep_until(floor).await;
        }
        let mut granted = self.enter(asked);
        loop {
            tokio::select! {
                biased;
                _ = &mut granted => break,
                _dispensing = self.dispensing.lock() => self.dispense().await,
            }
        }
        let turn = self.writing.acquire().await.ok();
        self.note(object);
        turn
    }

    /// A slot that nobody else wants, or how long to wait before asking again: for writes that come last in line.
    pub fn spare(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.waiting.is_empty() && state.next <= now {
            state.next = now + self.spacing;
            return Ok(());
        }
        // Each comes back at a time of its own: all at once they would only be sent away again.
        let behind = self.spacing * u32::try_from(state.waiting.len()).unwrap_or(u32::MAX).saturating_add(1);
        state.next_spare = state.next_spare.max(state.next.max(now) + behind) + self.spacing;
        Err(state.next_spare.duration_since(now))
    }

    fn enter(&self, asked: Instant) -> oneshot::Receiver<()> {
        let (grant, granted) = oneshot::channel();
        let mut state = self.lock();
        state.serial += 1;
        let place = (asked, state.serial);
        state.waiting.insert(place, grant);
        granted
    }

    /// Gives the next slot to whoever has waited longest.
    async fn dispense(&self) {
        let next = self.lock().next;
        tokio::time::sleep_until(next).await;
        let mut state = self.lock();
        while let Some((_, grant)) = state.waiting.pop_first() {
            // One that no longer waits takes no slot.
            if grant.send(()).is_ok() {
                state.next = Instant::now() + self.spacing;
                return;
            }
        }
    }

    fn note(&self, object: &str) {
        let now = Instant::now();
        let mut state = self.lock();
        if now.duration_since(state.pruned) >= FLOOR {
            state.pruned = now;
            state.last.retain(|_, last| now.duration_since(*last) < FLOOR);
        }
        state.last.insert(object.to_owned(), now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn objects_that_waited_for_their_floor_take_slots_like_all_others() {
        let pace = Arc::new(Pace::new(50));
        // As if every object had been written a moment ago.
        for object in 0..20 {
            let written = Instant::now().checked_sub(FLOOR).unwrap() + Duration::from_millis(50);
            pace.lock().last.insert(object.to_string(), written);
        }
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for object in 0..20 {
            let pace = pace.clone();
            tasks.spawn(async move { drop(pace.turn(&object.to_string()).await) });
        }
        while tasks.join_next().await.is_some() {}
        assert!(start.elapsed() >= Duration::from_millis(50 + 19 * 20), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn whoever_has_waited_longest_is_next() {
        let pace = Pace::new(1_000);
        let now = Instant::now();
        let mut late = pace.enter(now + Duration::from_secs(2));
        let mut early = pace.enter(now + Duration::from_secs(1));
        drop(pace.enter(now));
        pace.dispense().await;
        assert_eq!((early.try_recv().is_ok(), late.try_recv().is_ok()), (true, false), "one that left takes no slot");
    }

    #[tokio::test]
    async fn a_write_that_is_last_in_line_gives_way_and_comes_back_in_order() {
        let pace = Pace::new(10);
        let waiting = pace.enter(Instant::now());
        let (first, second) = (pace.spare().unwrap_err(), pace.spare().unwrap_err());
        assert!(first < second, "{first:?} {second:?}");
        drop(waiting);
        pace.dispense().await;
        assert_eq!(pace.spare(), Ok(()));
        assert!(pace.spare().is_err(), "the slot is taken");
    }

    #[tokio::test]
    async fn objects_long_quiet_are_forgotten() {
        let pace = Pace::new(10);
        let long_ago = Instant::now().checked_sub(FLOOR * 2).unwrap();
        pace.lock().last.insert("old".to_owned(), long_ago);
        pace.lock().pruned = long_ago;
        pace.note("new");
        assert_eq!(pace.lock().last.keys().collect::<Vec<_>>(), ["new"]);
    }
}
