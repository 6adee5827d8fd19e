//! A data directory in the API server's place, for `serve`: objects come from a folder, their status and the claims are
//! kept as files, and both reach the control loops as the same watch events a cluster would send.
//!
//! What a file cannot decide (races between writers) cannot happen here: one process owns the directory.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::driver::Kind;
use super::key::Key;
use super::pump::{Observation, pump};
use super::sources::Writers;
use super::wake;
use super::world::World;
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};

/// The objects of one kind, and their listener.
#[derive(Debug)]
pub struct Feed<K> {
    kind: &'static str,
    /// Where statuses of the kind are kept.
    root: PathBuf,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    objects: BTreeMap<Key, K>,
    version: u64,
    sender: Option<UnboundedSender<Event<K>>>,
    begun: bool,
}

/// A file of the data directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("{path} cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} cannot be read: restore it, or take it away if what it says is to be forgotten")]
    Read { path: PathBuf },
}

/// Whether a file must be there after a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// It cannot be computed again.
    Yes,
    No,
}

impl<K: Kind + Serialize> Feed<K> {
    fn new(kind: &'static str, data: &Path) -> Self {
        let state = State { objects: BTreeMap::new(), version: 0, sender: None, begun: false };
        Self { kind, root: data.join("status").join(kind), state: Mutex::new(state) }
    }

    /// The events, from the beginning. One listener; a second takes the first one's place.
    pub fn events(&self) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + use<K> {
        let receiver = self.listen();
        futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|event| (Ok(event), receiver))
        })
    }

    fn listen(&self) -> UnboundedReceiver<Event<K>> {
        let (sender, receiver) = unbounded_channel();
        self.lock().sender = Some(sender);
        receiver
    }

    /// These are the kind's objects now. Statuses are kept; an object whose spec differs gets a new generation, and one
    /// that was not there before is created at `now`.
    pub fn replace(&self, objects: Vec<K>, now: Timestamp) {
        let mut state = self.lock();
        let first = !std::mem::replace(&mut state.begun, true);
        let mut incoming = BTreeMap::new();
        for object in objects {
            let key = Key::of(&object);
            let known = state.objects.get(&key).cloned().or_else(|| read(&self.file(&key)));
            incoming.insert(key, grown(object, known.as_ref(), now));
        }
        if first {
            self.forget_all_but(&incoming);
        }
        let gone: Vec<Key> = state.objects.keys().filter(|key| !incoming.contains_key(*key)).cloned().collect();
        if first {
            state.tell(Event::Init);
        }
        for (key, object) in incoming {
            let same = state.objects.get(&key).is_some_and(|known| value_of(known) == value_of(&object));
            if !same || first {
                let object = state.stamp(object);
                state.objects.insert(key, object.clone());
                state.tell(if first { Event::InitApply(object) } else { Event::Apply(object) });
            }
        }
        if first {
            state.tell(Event::InitDone);
        }
        for key in gone {
            if let Some(object) = state.objects.remove(&key) {
                let _ = std::fs::remove_file(self.file(&key));
                state.tell(Event::Delete(object));
            }
        }
    }

    /// Sets the `owned` fields of an object's status. `None` where there is no such object.
    pub fn set_status(&self, key: &Key, owned: &[&str], fields: &Value) -> Option<Result<Value, DirectoryError>> {
        let mut state = self.lock();
        let mut value = value_of(state.objects.get(key)?);
        let status = value.as_object_mut()?.entry("status").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if status.is_null() {
            *status = Value::Object(serde_json::Map::new());
        }
        let fields_now = status.as_object_mut()?;
        for field in owned {
            fields_now.remove(*field);
        }
        for (field, content) in fields.as_object().into_iter().flatten() {
            fields_now.insert(field.clone(), content.clone());
        }
        let status = Value::Object(fields_now.clone());
        let object: K = serde_json::from_value(value).ok()?;
        let object = state.stamp(object);
        if let Err(error) = self.write(key, &object, Durable::No) {
            return Some(Err(error));
        }
        state.objects.insert(key.clone(), object.clone());
        state.tell(Event::Apply(object));
        Some(Ok(status))
    }

    /// Puts an object that the operator itself owns. It outlives a power cut.
    pub fn put(&self, object: K, now: Timestamp) -> Result<K, DirectoryError> {
        let key = Key::of(&object);
        let mut state = self.lock();
        let known = state.objects.get(&key).cloned();
        let object = grown(object, known.as_ref(), now);
        let object = state.stamp(object);
        self.write(&key, &object, Durable::Yes)?;
        state.objects.insert(key, object.clone());
        state.tell(Event::Apply(object.clone()));
        Ok(object)
    }

    /// Takes an object that the operator itself owns away.
    pub fn remove(&self, key: &Key) {
        let mut state = self.lock();
        if let Some(object) = state.objects.remove(key) {
            let _ = std::fs::remove_file(self.file(key));
            state.tell(Event::Delete(object));
        }
    }

    /// The object as it is.
    pub fn get(&self, key: &Key) -> Option<K> {
        self.lock().objects.get(key).cloned()
    }

    /// Objects kept from an earlier run. One that cannot be read is an error: a forgotten claim would be given away.
    pub fn kept(&self) -> Result<Vec<K>, DirectoryError> {
        self.files().into_iter().map(|path| read(&path).ok_or(DirectoryError::Read { path })).collect()
    }

    /// Takes away what an earlier run left of objects that are no more.
    fn forget_all_but(&self, present: &BTreeMap<Key, K>) {
        let wanted: Vec<PathBuf> = present.keys().map(|key| self.file(key)).collect();
        for path in self.files().into_iter().filter(|path| !wanted.contains(path)) {
            let _ = std::fs::remove_file(path);
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "yaml") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    fn file(&self, key: &Key) -> PathBuf {
        let folder = if key.namespace.is_empty() { self.root.clone() } else { self.root.join(&key.namespace) };
        folder.join(format!("{}.yaml", key.name))
    }

    fn write(&self, key: &Key, object: &K, durable: Durable) -> Result<(), DirectoryError> {
        let path = self.file(key);
        let mut value = value_of(object);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::String(K::api_version(&()).into_owned()));
            fields.insert("kind".to_owned(), Value::String(self.kind.to_owned()));
        }
        let text = serde_saphyr::to_string(&value).unwrap_or_else(|_| value.to_string());
        write_whole(&path, &text, durable).map_err(|source| DirectoryError::Write { path, source })
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Kind> State<K> {
    fn tell(&self, event: Event<K>) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(event);
        }
    }

    fn stamp(&mut self, mut object: K) -> K {
        self.version += 1;
        object.meta_mut().resource_version = Some(self.version.to_string());
        object
    }
}

/// Leaves the old text or the new one, whatever happens meanwhile.
fn write_whole(path: &Path, text: &str, durable: Durable) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = path.with_extension("yaml.new");
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    if durable == Durable::Yes {
        file.sync_all()?;
    }
    std::fs::rename(&draft, path)?;
    if durable == Durable::Yes {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// `object` with what is known of it: its status, its age, and a generation that grows with its spec. A status in a
/// manifest is an export's, and not taken over.
fn grown<K: Kind + Serialize>(object: K, known: Option<&K>, now: Timestamp) -> K {
    let mut value = value_of(&object);
    let before = known.map(value_of).unwrap_or_default();
    let same = value.get("spec") == before.get("spec");
    if let Some(fields) = value.as_object_mut() {
        match before.get("status") {
            Some(status) => fields.insert("status".to_owned(), status.clone()),
            None => fields.remove("status"),
        };
    }
    let mut object: K = serde_json::from_value(value).unwrap_or(object);
    let metadata = object.meta_mut();
    if let Some(known) = known.map(kube::Resource::meta) {
        let generation = known.generation.unwrap_or(1);
        metadata.generation = Some(if same { generation } else { generation + 1 });
        metadata.creation_timestamp.clone_from(&known.creation_timestamp);
        metadata.resource_version.clone_from(&known.resource_version);
    } else {
        metadata.generation.get_or_insert(1);
        metadata.creation_timestamp = Timestamp::from_second(now.as_second()).ok().map(Time);
    }
    object
}

fn value_of<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn read<K: Kind>(path: &Path) -> Option<K> {
    let text = std::fs::read_to_string(path).ok()?;
    let value: Value = serde_saphyr::from_str(&text).ok()?;
    serde_json::from_value(value).ok()
}

/// The feeds of every kind.
#[derive(Debug)]
pub struct Feeds {
    pub numbers: Feed<FourHundredNumber>,
    pub gateways: Feed<CallGateway>,
    pub tariffs: Feed<Tariff>,
    pub pools: Feed<NumberPool>,
    pub claims: Feed<NumberClaim>,
    pub calendars: Feed<HolidayCalendar>,
    pub tenants: Feed<Tenant>,
    pub approvals: Feed<Approval>,
    pub schedules: Feed<RoutingSchedule>,
    pub overrides: Feed<RoutingOverride>,
    pub caller_lists: Feed<CallerList>,
    /// Their labels only; they have no status.
    pub namespaces: Feed<PartialObjectMeta<Namespace>>,
}

impl Feeds {
    /// Feeds whose statuses and claims are kept under `data`.
    pub fn new(data: &Path) -> Arc<Self> {
        Arc::new(Self {
            numbers: Feed::new("FourHundredNumber", data),
            gateways: Feed::new("CallGateway", data),
            tariffs: Feed::new("Tariff", data),
            pools: Feed::new("NumberPool", data),
            claims: Feed::new("NumberClaim", data),
            calendars: Feed::new("HolidayCalendar", data),
            tenants: Feed::new("Tenant", data),
            approvals: Feed::new("Approval", data),
            schedules: Feed::new("RoutingSchedule", data),
            overrides: Feed::new("RoutingOverride", data),
            caller_lists: Feed::new("CallerList", data),
            namespaces: Feed::new("Namespace", data),
        })
    }

    /// Pumps every feed into its store. They end with `stop`.
    pub fn watch(&self, writers: Writers, world: &Arc<World>, stop: &CancellationToken) {
        watch(&self.numbers, writers.numbers, world, stop, wake::number);
        watch(&self.gateways, writers.gateways, world, stop, wake::gateway);
        watch(&self.tariffs, writers.tariffs, world, stop, wake::tariff);
        watch(&self.pools, writers.pools, world, stop, wake::pool);
        watch(&self.claims, writers.claims, world, stop, wake::claim);
        watch(&self.calendars, writers.calendars, world, stop, wake::calendar);
        watch(&self.tenants, writers.tenants, world, stop, wake::tenant);
        watch(&self.approvals, writers.approvals, world, stop, wake::approval);
        watch(&self.schedules, writers.schedules, world, stop, wake::schedule);
        watch(&self.overrides, writers.overrides, world, stop, wake::routing_override);
        watch(&self.caller_lists, writers.caller_lists, world, stop, wake::caller_list);
        watch(&self.namespaces, writers.namespaces, world, stop, wake::namespace);
    }
}

fn watch<K: Kind + Serialize>(
    feed: &Feed<K>,
    writer: Writer<K>,
    world: &Arc<World>,
    stop: &CancellationToken,
    observe: fn(&Arc<World>, Observation<K>),
) {
    let (events, world, stop, kind) = (feed.events(), world.clone(), stop.clone(), feed.kind);
    world.listing_begins(kind);
    tokio::spawn(async move {
        let tell = |observation| observe(&world, observation);
        pump(events, writer, stop, tell, || world.listed(kind), |_| {}).await;
    });
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
