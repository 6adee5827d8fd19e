//! A set of keys that need work: each key is worked on by one task at a time, and once more if it was marked meanwhile.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

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
}

/// See the module's text. Cheap to clone; clones share the set.
#[derive(Debug, Clone)]
pub struct DirtySet<K> {
    inner: Arc<Mutex<Inner<K>>>,
    wake: Arc<Notify>,
}

impl<K> Default for DirtySet<K> {
    fn default() -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner { marks: HashMap::new(), queue: VecDeque::new() })),
            wake: Arc::new(Notify::new()),
        }
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

    /// Whether `key` is queued or being worked on.
    pub fn contains(&self, key: &K) -> bool {
        self.lock().marks.contains_key(key)
    }

    /// Whether anything is queued or being worked on.
    pub fn is_idle(&self) -> bool {
        self.lock().marks.is_empty()
    }

    /// Works keys off, at most `at_once` together, until `stop`.
    pub async fn run<F, Fut>(&self, at_once: usize, stop: CancellationToken, work: F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(at_once));
        loop {
            let slot = tokio::select! {
                () = stop.cancelled() => return,
                slot = slots.clone().acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            let key = loop {
                if let Some(key) = self.take() {
                    break key;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.wake.notified() => {}
                }
            };
            let job = work(key.clone());
            let set = self.clone();
            tokio::spawn(async move {
                job.await;
                set.finish(key);
                drop(slot);
            });
        }
    }

    fn take(&self) -> Option<K> {
        let mut inner = self.lock();
        let key = inner.queue.pop_front()?;
        inner.marks.insert(key.clone(), Mark::Running);
        Some(key)
    }

    fn finish(&self, key: K) {
        let mut inner = self.lock();
        if inner.marks.remove(&key) == Some(Mark::RunningAndMarked) {
            inner.marks.insert(key.clone(), Mark::Queued);
            inner.queue.push_back(key);
            drop(inner);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

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
}
