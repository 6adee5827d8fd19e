//! A set of keys that need work: each key is worked on by one task at a time, and once more if it was marked meanwhile.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What is to follow on work.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Next {
    Nothing,
    /// The key is marked anew after this. Until then it holds no slot.
    After(Duration),
}

impl From<()> for Next {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Mark {
    Queued,
    Running,
    RunningAndMarked,
}

#[derive(Debug)]
struct Inner<K> {
    marks: HashMap<K, Mark>,
    queue: VecDeque<K>,
    /// When a key will be marked: one timer each, unless a further one is due earlier.
    timers: HashMap<K, Instant>,
}

/// See the module's text. Cheap to clone; clones share the set.
#[derive(Debug, Clone)]
pub struct DirtySet<K> {
    inner: Arc<Mutex<Inner<K>>>,
    wake: Arc<Notify>,
}

impl<K> Default for DirtySet<K> {
    fn default() -> Self {
        let inner = Inner { marks: HashMap::new(), queue: VecDeque::new(), timers: HashMap::new() };
        Self { inner: Arc::new(Mutex::new(inner)), wake: Arc::new(Notify::new()) }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> DirtySet<K> {
    /// Asks for work on `key`.
    pub fn mark(&self, key: K) {
        let mut inner = self.lock();
        match inner.marks.get_mut(&key) {
            None => {
                inner.marks.insert(key.clone(), Mark::Queued);
                inner.queue.push_back(key);
                drop(inner);
                self.wake.notify_one();
            }
            Some(mark @ Mark::Running) => *mark = Mark::RunningAndMarked,
            Some(Mark::Queued | Mark::RunningAndMarked) => {}
        }
    }

    /// Asks for work on `key` after `wait`.
    pub fn mark_after(&self, key: K, wait: Duration) {
        let due = Instant::now() + wait;
        {
            let mut inner = self.lock();
            if inner.timers.get(&key).is_some_and(|earlier| *earlier <= due) {
                return;
            }
            inner.timers.insert(key.clone(), due);
        }
        let set = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            {
                let mut inner = set.lock();
                if inner.timers.get(&key) == Some(&due) {
                    inner.timers.remove(&key);
                }
            }
            set.mark(key);
        });
    }

    /// Whether `key` is queued or being worked on.
    pub fn contains(&self, key: &K) -> bool {
        self.lock().marks.contains_key(key)
    }

    /// Whether anything is queued or being worked on.
    pub fn is_idle(&self) -> bool {
        self.lock().marks.is_empty()
    }

    /// Works keys off, at most `at_once` together, until `stop`. Then work under way is dropped where it waits and its
    /// keys are queued again: when this returns, nothing is worked on any more.
    pub async fn run<F, Fut>(&self, at_once: usize, stop: CancellationToken, work: F)
    where
        F: Fn(K) -> Fut,
        Fut: Future + Send + 'static,
        Fut::Output: Into<Next> + Send,
    {
        let mut jobs = JoinSet::new();
        loop {
            while jobs.try_join_next().is_some() {}
            if jobs.len() >= at_once {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = jobs.join_next() => continue,
                }
            }
            let Some(key) = self.take() else {
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = self.wake.notified() => continue,
                }
            };
            let (set, stopped, job) = (self.clone(), stop.clone(), work(key.clone()));
            jobs.spawn(async move {
                tokio::select! {
                    biased;
                    () = stopped.cancelled() => set.abandon(key),
                    next = job => set.finish(key, next.into()),
                }
            });
            if stop.is_cancelled() {
                break;
            }
        }
        while jobs.join_next().await.is_some() {}
    }

    fn take(&self) -> Option<K> {
        let mut inner = self.lock();
        let key = inner.queue.pop_front()?;
        inner.marks.insert(key.clone(), Mark::Running);
        Some(key)
    }

    fn finish(&self, key: K, next: Next) {
        let again = self.lock().marks.remove(&key) == Some(Mark::RunningAndMarked);
        if again {
            self.mark(key);
        } else if let Next::After(wait) = next {
            self.mark_after(key, wait);
        }
    }

    fn abandon(&self, key: K) {
        self.lock().marks.remove(&key);
        self.mark(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_key_marked_while_it_runs_runs_once_more_and_never_twice_at_once() {
        let set = DirtySet::default();
        let (running, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (set, stop, running, runs) = (set.clone(), stop.clone(), running.clone(), runs.clone());
            async move {
                set.run(4, stop, |_: u8| {
                    let (running, runs) = (running.clone(), runs.clone());
                    async move {
                        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        running.fetch_sub(1, Ordering::SeqCst);
                        runs.fetch_add(1, Ordering::SeqCst);
                    }
                })
                .await;
            }
        });
        set.mark(7);
        tokio::time::sleep(Duration::from_millis(5)).await;
        for _ in 0..5 {
            set.mark(7);
        }
        while !set.is_idle() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        stop.cancel();
        task.await.expect("the loop ends");
    }
    #[tokio::test]
    async fn keys_that_wait_to_be_tried_again_hold_back_no_other() {
        let set = DirtySet::default();
        let (tries, others) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (set, stop, tries, others) = (set.clone(), stop.clone(), tries.clone(), others.clone());
            async move {
                set.run(2, stop, |key: u8| {
                    let (tries, others) = (tries.clone(), others.clone());
                    async move {
                        if key < 2 {
                            tries.fetch_add(1, Ordering::SeqCst);
                            return Next::After(Duration::from_secs(2));
                        }
                        others.fetch_add(1, Ordering::SeqCst);
                        Next::Nothing
                    }
                })
                .await;
            }
        });
        for key in 0..6 {
            set.mark(key);
        }
        let in_time = tokio::time::timeout(Duration::from_secs(1), async {
            while others.load(Ordering::SeqCst) < 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        in_time.await.expect("the others are worked on while two wait");
        assert_eq!(tries.load(Ordering::SeqCst), 2);
        let again = tokio::time::timeout(Duration::from_secs(10), async {
            while tries.load(Ordering::SeqCst) < 4 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        again.await.expect("each is tried again by its timer");
        stop.cancel();
        task.await.expect("the loop ends");
    }

    #[tokio::test]
    async fn when_it_has_ended_nothing_is_worked_on_and_what_was_is_queued_again() {
        let set = DirtySet::default();
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (set, stop, begun, ended) = (set.clone(), stop.clone(), begun.clone(), ended.clone());
            async move {
                set.run(4, stop, |_: u8| {
                    let (begun, ended) = (begun.clone(), ended.clone());
                    async move {
                        begun.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                })
                .await;
            }
        });
        set.mark(7);
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.cancel();
        task.await.expect("the loop ends");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!((ended.load(Ordering::SeqCst), set.contains(&7)), (0, true));
    }
}
