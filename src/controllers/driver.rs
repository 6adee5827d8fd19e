//! Runs one kind's reconcile by kube's controller: triggers in, bounded concurrency, a time limit, back-off by class.
//!
//! Triggers come from the reverse index (`references`) and from timers, never from polling. Deletions do not reach a
//! reconcile (kube drops them with the object); what a deletion undoes is done where the store sees it (`sources`).

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Resource;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::error::{Error, ErrorClass};
use super::world::World;
use crate::runtime::metrics::{KindLabel, Outcome, ReconcileLabel};
use crate::runtime::sentence::with_causes;

/// A reconcile that takes longer is given up and tried again.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Beyond so many failing objects those that are gone are forgotten.
const MANY_FAILURES: usize = 1_024;

/// What the control loops need of a kind.
pub trait Kind: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {}
impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Kind for K {}

/// A driver's place in the house.
#[derive(Debug)]
pub struct Seat<K: Kind> {
    pub kind: &'static str,
    pub store: Store<K>,
    pub triggers: UnboundedReceiver<ObjectRef<K>>,
    pub concurrency: u16,
}

/// Reconciles every object of the store once and then whatever is triggered, until `stop`; open reconciles end first.
pub async fn run<K, Fut>(
    seat: Seat<K>,
    world: Arc<World>,
    stop: CancellationToken,
    reconcile: impl Fn(Arc<K>, Arc<World>) -> Fut + Send + Sync + Clone + 'static,
) where
    K: Kind,
    Fut: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let Seat { kind, store, triggers, concurrency } = seat;
    let everything: Vec<ObjectRef<K>> = store.state().iter().map(|object| ObjectRef::from_obj(&**object)).collect();
    let failures: Arc<Mutex<HashMap<ObjectRef<K>, u32>>> = Arc::default();
    let triggers = futures::stream::iter(everything).chain(futures::stream::unfold(triggers, |mut triggers| async {
        triggers.recv().await.map(|object| (object, triggers))
    }));
    let limited = {
        let failures = failures.clone();
        move |object: Arc<K>, world: Arc<World>| {
            let (reconcile, failures) = (reconcile.clone(), failures.clone());
            async move {
                let began = Instant::now();
                let outcome = match tokio::time::timeout(TIME_LIMIT, reconcile(object.clone(), world.clone())).await {
                    Ok(result) => result,
                    Err(_) => Err(Error::TimedOut(TIME_LIMIT)),
                };
                if outcome.is_ok() {
                    lock(&failures).remove(&ObjectRef::from_obj(&*object));
                }
                count(&world, kind, &outcome, began.elapsed());
                outcome
            }
        }
    };
    let policy = {
        let (failures, store) = (failures.clone(), store.clone());
        move |object: Arc<K>, error: &Error, world: Arc<World>| {
            let attempt = {
                let mut failures = lock(&failures);
                // What is deleted while it fails never succeeds.
                if failures.len() >= MANY_FAILURES {
                    failures.retain(|object, _| store.get(object).is_some());
                }
                let attempt = failures.entry(ObjectRef::from_obj(&*object)).or_insert(0);
                *attempt = attempt.saturating_add(1);
                *attempt
            };
            if error.class() == ErrorClass::Final {
                let object = super::key::Key::of(&*object);
                tracing::info!(kind, %object, error = with_causes(error), "reconcile ended: its namespace goes");
                return Action::await_change();
            }
            let wait = error.class().back_off(attempt, world.jitter());
            report(kind, &*object, error, attempt, wait);
            Action::requeue(wait)
        }
    };
    Controller::for_stream(futures::stream::pending(), store)
        .with_config(Config::default().concurrency(concurrency))
        .reconcile_on(triggers)
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(limited, policy, world)
        .for_each(|_| async {})
        .await;
}

fn count(world: &World, kind: &'static str, outcome: &Result<Action, Error>, took: Duration) {
    let result = match outcome {
        Ok(_) => Outcome::Ok,
        Err(Error::TimedOut(_)) => Outcome::TimedOut,
        Err(error) => error.class().outcome(),
    };
    world.metrics.reconciles.get_or_create(&ReconcileLabel { kind, result }).inc();
    world.metrics.reconcile_seconds.get_or_create(&KindLabel { kind }).observe(took.as_secs_f64());
}

fn report<K: Kind>(kind: &str, object: &K, error: &Error, attempt: u32, wait: Duration) {
    let object = super::key::Key::of(object);
    let error_text = with_causes(error);
    if error.class() == ErrorClass::Conflict && attempt < 5 {
        tracing::debug!(kind, %object, error = error_text, attempt, "reconcile will be repeated");
    } else {
        tracing::warn!(kind, %object, error = error_text, attempt, wait_ms = wait.as_millis(), "reconcile failed");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
