//! Status writes: only where something differs, never the same twice, one manager per field.
//!
//! Each manager compares the fields it owns with what the store shows. What was written is remembered together with how
//! it landed, so that an API server that drops a field (an older schema) does not make a write loop, a cache that is a
//! moment behind does not repeat a write, and a watch event with our own words wakes nobody while a forgery does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::Error;
use super::key::{Key, ObjectMetaExt as _};
use super::sink::{KindName, Manager, StatusWrite};
use super::world::World;
use crate::domain::digest::Digest;

/// The same bytes are not sent again within this time unless somebody else overwrote them.
const REPEAT_AFTER: Duration = Duration::from_mins(10);

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
        let digest = Digest::of_json(&wanted);
        if wanted == shown {
            self.remember_unchanged(place, object, digest);
            world.metrics.wrote(manager.label(), "unchanged");
            return Ok(Publication::Unchanged);
        }
        if self.is_repetition(&place, object, digest, Digest::of_json(&shown)) {
            world.metrics.wrote(manager.label(), "held-back");
            return Ok(Publication::HeldBack);
        }
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
            landed: Digest::of_json(&owned_part::<K>(&landed, manager)),
            based_on: object.resource_version(),
            at: Instant::now(),
        };
        self.lock().insert(place, sent);
        world.metrics.wrote(manager.label(), "sent");
        Ok(Publication::Sent)
    }

    /// What stands already counts as sent, so that a forgery of it is noticed also after a restart that wrote nothing.
    fn remember_unchanged<K: Publishable>(&self, place: Place, object: &K, digest: Digest) {
        let sent = Sent {
            uid: object.uid_text().to_owned(),
            generation: object.generation(),
            wanted: digest,
            landed: digest,
            based_on: None,
            at: Instant::now(),
        };
        self.lock().insert(place, sent);
    }

    fn is_repetition<K: Publishable>(&self, place: &Place, object: &K, wanted: Digest, shown: Digest) -> bool {
        self.lock().get(place).is_some_and(|known| {
            let same =
                known.wanted == wanted && known.uid == object.uid_text() && known.generation == object.generation();
            let stuck = shown == known.landed && known.at.elapsed() < REPEAT_AFTER;
            same && (stuck || object.resource_version() == known.based_on)
        })
    }

    /// Whether `object` shows, in `manager`'s fields, anything but what this process's last write left there. False where
    /// it wrote nothing.
    pub fn is_foreign<K: Publishable>(&self, object: &K, manager: Manager) -> bool {
        let place = (K::KIND.kind, Key::of(object), manager);
        let sent = self.lock();
        let Some(known) = sent.get(&place) else { return false };
        known.based_on != object.resource_version()
            && known.landed != Digest::of_json(&owned_part::<K>(&object.status_value(), manager))
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

/// Whether `status` says anything else, in `manager`'s fields, than the store shows.
pub fn differs<K: Publishable>(object: &K, manager: Manager, status: &impl Serialize) -> bool {
    let wanted = owned_part::<K>(&serde_json::to_value(status).unwrap_or_default(), manager);
    wanted != owned_part::<K>(&object.status_value(), manager)
}
