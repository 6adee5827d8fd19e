//! Brings plan parts from the API server's ConfigMaps to those who hold them. One watch per namespace; nothing else is
//! read. The API server's absence is waited out: what is held goes on being served.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::domain::digest::Digest;
use crate::domain::routing::document::PART_KEY;

/// The annotation that announces a part's digest.
pub const DIGEST_ANNOTATION: &str = "fourhundred.io/digest";
/// What selects plan parts.
pub const SELECTOR: &str = "app.kubernetes.io/managed-by=fourhundred";
/// The label that names the gateway of a part; price books have none.
pub const GATEWAY_LABEL: &str = "fourhundred.io/gateway";

/// A part as it came.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub namespace: String,
    /// `None`: for every gateway of the namespace.
    pub gateway: Option<String>,
    pub name: String,
    pub digest: Digest,
    pub text: String,
}

/// What a feed tells.
#[derive(Debug)]
pub enum News {
    Part(Box<Arrival>),
    /// The object is gone at its source.
    Gone {
        namespace: String,
        gateway: Option<String>,
        name: String,
    },
    /// Everything there is has been told once: `parts`, of `namespace` or, where it is empty, of all.
    Listed {
        namespace: String,
        parts: Vec<ListedPart>,
    },
}

/// A part that stands at its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    pub namespace: String,
    pub gateway: Option<String>,
    pub name: String,
}

/// Follows the parts of `namespace` (all namespaces where `None`), telling `tell`, until `stop`.
pub async fn follow(
    client: Client,
    namespace: Option<String>,
    stop: CancellationToken,
    mut tell: impl FnMut(News) + Send,
) {
    let api: Api<ConfigMap> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let scope = namespace.unwrap_or_default();
    let events = watcher(api, watcher::Config::default().labels(SELECTOR)).default_backoff();
    let mut events = std::pin::pin!(events);
    let mut known: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let mut listed: BTreeSet<(String, String)> = BTreeSet::new();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            None => return,
            Some(Err(error)) => tracing::debug!(%error, "plan: watch broke; it is opened anew"),
            Some(Ok(Event::Init)) => listed.clear(),
            Some(Ok(Event::InitApply(object) | Event::Apply(object))) => {
                let place = (object.namespace().unwrap_or_default(), object.name_any());
                let gateway = object.labels().get(GATEWAY_LABEL).cloned();
                known.insert(place.clone(), gateway.clone());
                listed.insert(place);
                if let Some(arrival) = arrival(object, gateway) {
                    tell(News::Part(Box::new(arrival)));
                }
            }
            Some(Ok(Event::InitDone)) => {
                let gone: Vec<_> = known.keys().filter(|place| !listed.contains(*place)).cloned().collect();
                for place in gone {
                    let gateway = known.remove(&place).flatten();
                    tell(News::Gone { namespace: place.0, gateway, name: place.1 });
                }
                let part = |((namespace, name), gateway): (&(String, String), &Option<String>)| ListedPart {
                    namespace: namespace.clone(),
                    gateway: gateway.clone(),
                    name: name.clone(),
                };
                tell(News::Listed { namespace: scope.clone(), parts: known.iter().map(part).collect() });
            }
            Some(Ok(Event::Delete(object))) => {
                let place = (object.namespace().unwrap_or_default(), object.name_any());
                let gateway = known.remove(&place).flatten();
                tell(News::Gone { namespace: place.0, gateway, name: place.1 });
            }
        }
    }
}

fn arrival(mut object: ConfigMap, gateway: Option<String>) -> Option<Arrival> {
    let announced = object.annotations().get(DIGEST_ANNOTATION).and_then(|text| text.parse().ok());
    let text = object.data.as_mut().and_then(|data| data.remove(PART_KEY));
    let (Some(digest), Some(text)) = (announced, text) else {
        tracing::warn!(part = object.name_any(), "plan: a part without a digest or text is passed over");
        return None;
    };
    Some(Arrival { namespace: object.namespace().unwrap_or_default(), gateway, name: object.name_any(), digest, text })
}
