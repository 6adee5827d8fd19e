//! Feeds a store from a stream of watch events and tells what changed, after the store shows it.
//!
//! The same for both sources: the API server's watches and a folder's states. A broken watch is opened anew with
//! back-off; what vanished while it was down is told as gone when the new list is whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{Error, Event};
use tokio_util::sync::CancellationToken;

use super::driver::Kind;

/// What happened to one object.
#[derive(Debug)]
pub enum Observation<K> {
    /// New or changed; `old` is what the store held before.
    Present { old: Option<Arc<K>>, new: Arc<K> },
    /// Deleted.
    Gone(Arc<K>),
}

/// Applies `events` to `writer`'s store and calls `observe` for every change, until the stream ends or `stop`; `whole` each
/// time a list was told to its end.
pub async fn pump<K: Kind>(
    events: impl Stream<Item = Result<Event<K>, Error>> + Send,
    mut writer: Writer<K>,
    stop: CancellationToken,
    mut observe: impl FnMut(Observation<K>) + Send,
    mut whole: impl FnMut() + Send,
    mut broken: impl FnMut(&Error) + Send,
) {
    let store = writer.as_reader();
    let mut before: HashMap<ObjectRef<K>, Arc<K>> = HashMap::new();
    let mut listed: Vec<ObjectRef<K>> = Vec::new();
    let mut events = std::pin::pin!(events);
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        let event = match event {
            None => return,
            Some(Err(error)) => {
                broken(&error);
                continue;
            }
            Some(Ok(event)) => event,
        };
        match &event {
            Event::Init => {
                before = store.state().into_iter().map(|object| (ObjectRef::from_obj(&*object), object)).collect();
                listed.clear();
                writer.apply_watcher_event(&event);
            }
            Event::InitApply(object) => {
                listed.push(ObjectRef::from_obj(object));
                writer.apply_watcher_event(&event);
            }
            Event::InitDone => {
                writer.apply_watcher_event(&event);
                told_anew(&store, std::mem::take(&mut before), std::mem::take(&mut listed), &mut observe);
                whole();
            }
            Event::Apply(object) => {
                let reference = ObjectRef::from_obj(object);
                let old = store.get(&reference);
                writer.apply_watcher_event(&event);
                if let Some(new) = store.get(&reference) {
                    observe(Observation::Present { old, new });
                }
            }
            Event::Delete(object) => {
                let known = store.get(&ObjectRef::from_obj(object)).unwrap_or_else(|| Arc::new(object.clone()));
                writer.apply_watcher_event(&event);
                observe(Observation::Gone(known));
            }
        }
    }
}

fn told_anew<K: Kind>(
    store: &Store<K>,
    mut before: HashMap<ObjectRef<K>, Arc<K>>,
    listed: Vec<ObjectRef<K>>,
    observe: &mut impl FnMut(Observation<K>),
) {
    let seen: HashSet<ObjectRef<K>> = listed.into_iter().collect();
    let mut present: Vec<_> = seen.iter().filter_map(|reference| Some((reference, store.get(reference)?))).collect();
    // In the order in which a watch would have shown them.
    present
        .sort_by_key(|(_, object)| object.meta().resource_version.as_deref().and_then(|text| text.parse::<u64>().ok()));
    for (reference, new) in present {
        observe(Observation::Present { old: before.remove(reference), new });
    }
    for reference in &seen {
        before.remove(reference);
    }
    for object in before.into_values() {
        observe(Observation::Gone(object));
    }
}
