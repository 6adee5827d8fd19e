//! Status writes: only where something differs, never the same twice, one manager per field.
//!
//! Each manager compares the fields it owns with what the store shows. What was written is remembered together with how
//! it landed, so that an API server that drops a field (an older schema) does not make a write loop, a cache that is a
//! moment behind does not repeat a write, and a watch event with our own words wakes nobody while a forgery does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::Error;
use super::key::{Key, ObjectMetaExt as _};
use super::sink::{KindName, Manager, StatusWrite};
use super::world::World;
use crate::domain::digest::Digest;

/// The same bytes are not sent again within this time unless somebody else overwrote them.
const REPEAT_AFTER: Duration = Duration::from_mins(10);
/// How often within that time somebody else's words are overwritten with the same ones: a forgery is put right, but two
/// writers of one mind each do not go on for ever.
const OVERWRITES: u32 = 4;

type Place = (&'static str, Key, Manager);

#[derive(Debug, Clone)]
struct Sent {
    uid: String,
    generation: i64,
    wanted: Digest,
    /// Digest of the same fields as the API server stored them.
    landed: Digest,
    /// The resourceVersion this write was based on: a cache that still shows it is behind.
    based_on: Option<String>,
    at: Instant,
    disputed: Dispute,
}

/// How often this process wrote the same over somebody else's words, and since when that is counted.
#[derive(Debug, Clone, Copy)]
struct Dispute {
    since: Instant,
    overwrites: u32,
    told: bool,
}

impl Dispute {
    fn none(now: Instant) -> Self {
        Self { since: now, overwrites: 0, told: false }
    }

    /// As it stands at `now`: what is long ago does not count.
    fn at(self, now: Instant) -> Self {
        if now.duration_since(self.since) < REPEAT_AFTER { self } else { Self::none(now) }
    }
}

/// What was sent last, by object and manager.
#[derive(Debug, Default)]
pub struct Published {
    sent: Mutex<HashMap<Place, Sent>>,
}

/// What became of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    Sent,
    Unchanged,
    /// The same bytes went out a short while ago; the API server keeps less of them, or the cache is behind.
    HeldBack,
    /// Somebody else keeps writing other words, and this process has answered often enough for now.
    Disputed,
}

impl Publication {
    /// When to look again, if nothing else happens.
    pub fn action(self) -> Action {
        match self {
            Self::Disputed => Action::requeue(REPEAT_AFTER),
            Self::Sent | Self::Unchanged | Self::HeldBack => Action::await_change(),
        }
    }
}

/// A kind whose status is published.
pub trait Publishable: super::driver::Kind {
    const KIND: KindName;
    /// The status as JSON, as the store shows it; null where there is none.
    fn status_value(&self) -> Value;
    /// The top-level status fields that `manager` owns.
    fn owned(manager: Manager) -> &'static [&'static str];
}

/// The part of a status that `manager` owns.
pub fn owned_part<K: Publishable>(status: &Value, manager: Manager) -> Value {
    let mut part = Map::new();
    for field in K::owned(manager) {
        if let Some(value) = status.get(*field).filter(|value| !value.is_null()) {
            part.insert((*field).to_owned(), value.clone());
        }
    }
    Value::Object(part)
}

impl Published {
    /// Writes `status`'s fields of `manager` to `object` unless the store shows them already.
    pub async fn publish<K: Publishable>(
        &self,
        world: &World,
        object: &K,
        manager: Manager,
        status: &impl Serialize,
    ) -> Result<Publication, Error> {
        let wanted = owned_part::<K>(&serde_json::to_value(status).unwrap_or_default(), manager);
        let shown = owned_part::<K>(&object.status_value(), manager);
        let place = (K::KIND.kind, Key::of(object), manager);
        let digest = digest_of(&wanted);
        if wanted == shown {
            self.remember_unchanged(place, object, digest);
            world.metrics.wrote(manager.label(), "unchanged");
            return Ok(Publication::Unchanged);
        }
        let now = Instant::now();
        let disputed = match self.weigh(&place, object, digest, digest_of(&shown), now) {
            Weight::Write(disputed) => disputed,
            Weight::HoldBack => {
                world.metrics.wrote(manager.label(), "held-back");
                return Ok(Publication::HeldBack);
            }
            Weight::Disputed { told } => {
                if !told {
                    tracing::warn!(kind = K::KIND.kind, object = %place.1, manager = manager.name(),
                        "another writer keeps changing this status: is a second operator running without the lease?");
                }
                world.metrics.wrote(manager.label(), "held-back");
                return Ok(Publication::Disputed);
            }
        };
        let write = StatusWrite {
            kind: K::KIND,
            key: place.1.clone(),
            uid: object.uid_text().to_owned(),
            manager,
            status: wanted,
        };
        let landed = match world.sink.publish_status(&write).await {
            Ok(landed) => landed,
            Err(error) => {
                world.metrics.wrote(manager.label(), "failed");
                return Err(error);
            }
        };
        let sent = Sent {
            uid: write.uid,
            generation: object.generation(),
            wanted: digest,
            landed: digest_of(&owned_part::<K>(&landed, manager)),
            based_on: object.resource_version(),
            at: now,
            disputed,
        };
        self.lock().insert(place, sent);
        world.metrics.wrote(manager.label(), "sent");
        Ok(Publication::Sent)
    }

    /// What stands already counts as sent, so that a forgery of it is noticed also after a restart that wrote nothing.
    fn remember_unchanged<K: Publishable>(&self, place: Place, object: &K, digest: Digest) {
        let now = Instant::now();
        let mut all = self.lock();
        let disputed = all.get(&place).map_or(Dispute::none(now), |known| known.disputed);
        let sent = Sent {
            uid: object.uid_text().to_owned(),
            generation: object.generation(),
            wanted: digest,
            landed: digest,
            based_on: None,
            at: now,
            disputed,
        };
        all.insert(place, sent);
    }

    fn weigh<K: Publishable>(&self, place: &Place, object: &K, wanted: Digest, shown: Digest, now: Instant) -> Weight {
        let mut sent = self.lock();
        let Some(known) = sent.get_mut(place) else { return Weight::Write(Dispute::none(now)) };
        known.disputed = known.disputed.at(now);
        let same = known.wanted == wanted && known.uid == object.uid_text() && known.generation == object.generation();
        if !same {
            return Weight::Write(known.disputed);
        }
        let stuck = shown == known.landed && now.duration_since(known.at) < REPEAT_AFTER;
        if stuck || object.resource_version() == known.based_on {
            return Weight::HoldBack;
        }
        if known.disputed.overwrites >= OVERWRITES {
            let told = std::mem::replace(&mut known.disputed.told, true);
            return Weight::Disputed { told };
        }
        Weight::Write(Dispute { overwrites: known.disputed.overwrites + 1, ..known.disputed })
    }

    /// Whether `object` shows, in `manager`'s fields, anything but what this process's last write left there. False where
    /// it wrote nothing.
    pub fn is_foreign<K: Publishable>(&self, object: &K, manager: Manager) -> bool {
        let place = (K::KIND.kind, Key::of(object), manager);
        let sent = self.lock();
        let Some(known) = sent.get(&place) else { return false };
        known.based_on != object.resource_version()
            && known.landed != digest_of(&owned_part::<K>(&object.status_value(), manager))
    }

    /// Forgets an object that is no more.
    pub fn forget<K: Publishable>(&self, key: &Key) {
        let mut sent = self.lock();
        for manager in [Manager::Operator, Manager::Usage, Manager::Clock] {
            sent.remove(&(K::KIND.kind, key.clone(), manager));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be done with a status that differs from what the store shows.
#[derive(Debug, Clone, Copy)]
enum Weight {
    Write(Dispute),
    HoldBack,
    Disputed { told: bool },
}

/// A digest of what `part` says, whenever it began to hold: a condition that is set again says the same.
fn digest_of(part: &Value) -> Digest {
    let mut part = part.clone();
    for condition in part.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(condition) = condition.as_object_mut() {
            condition.remove("lastTransitionTime");
        }
    }
    Digest::of_json(&part)
}

/// Whether `status` says anything else, in `manager`'s fields, than the store shows.
pub fn differs<K: Publishable>(object: &K, manager: Manager, status: &impl Serialize) -> bool {
    let wanted = owned_part::<K>(&serde_json::to_value(status).unwrap_or_default(), manager);
    wanted != owned_part::<K>(&object.status_value(), manager)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NumberPool;

    const PLACE: (&str, Manager) = ("NumberPool", Manager::Operator);

    fn place() -> Place {
        (PLACE.0, Key::cluster("mobile-4001"), PLACE.1)
    }

    fn pool(resource_version: &str) -> NumberPool {
        let text = format!(
            "{{apiVersion: fourhundred.io/v1alpha1, kind: NumberPool, metadata: {{name: mobile-4001, uid: u-1, generation: 2, \
             resourceVersion: '{resource_version}'}}, spec: {{carrier: ChinaMobile, ranges: []}}}}"
        );
        serde_saphyr::from_str(&text).unwrap()
    }

    fn ready(status: &str, since: &str) -> Digest {
        digest_of(
            &serde_json::json!({ "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": since}] }),
        )
    }

    /// Ours was written over `resource_version`, `overwrites` times over somebody else's.
    fn wrote(published: &Published, resource_version: &str, disputed: Dispute, at: Instant) {
        let ours = ready("True", "2026-11-23T02:00:00Z");
        let sent = Sent {
            uid: "u-1".to_owned(),
            generation: 2,
            wanted: ours,
            landed: ours,
            based_on: Some(resource_version.to_owned()),
            at,
            disputed,
        };
        published.lock().insert(place(), sent);
    }

    #[test]
    fn a_condition_that_is_set_again_says_the_same() {
        assert_eq!(ready("True", "2026-11-23T02:00:00Z"), ready("True", "2026-11-23T02:00:07Z"));
        assert_ne!(ready("True", "2026-11-23T02:00:00Z"), ready("False", "2026-11-23T02:00:00Z"));
    }

    #[test]
    fn two_writers_of_one_status_come_to_rest() {
        let (published, start) = (Published::default(), Instant::now());
        let (ours, theirs) = (ready("True", "2026-11-23T02:00:00Z"), ready("False", "2026-11-23T02:00:00Z"));
        let mut disputed = Dispute::none(start);
        for round in 0..OVERWRITES {
            wrote(&published, "7", disputed, start);
            match published.weigh(&place(), &pool("8"), ours, theirs, start) {
                Weight::Write(next) => disputed = next,
                other => panic!("round {round}: {other:?}"),
            }
            // Between the other's words this process sees its own.
            published.remember_unchanged(place(), &pool("9"), ours);
        }
        wrote(&published, "7", disputed, start);
        let weigh = |at| published.weigh(&place(), &pool("8"), ours, theirs, at);
        assert!(matches!(weigh(start), Weight::Disputed { told: false }));
        assert!(matches!(weigh(start), Weight::Disputed { told: true }), "it is said once");
        assert!(matches!(weigh(start + REPEAT_AFTER), Weight::Write(_)), "a later forgery is put right");
        let news = ready("Unknown", "2026-11-23T02:00:00Z");
        assert!(
            matches!(published.weigh(&place(), &pool("8"), news, theirs, start), Weight::Write(_)),
            "and what is new"
        );
    }
}
