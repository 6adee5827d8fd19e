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

/// The parts of a namespace, with the gateway that each is of; price books are of none.
pub type Known = BTreeMap<String, Option<String>>;

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

/// Follows the parts of `namespace`, telling `tell`, until `stop`. Those of `known` (the copy on disk) that are not in
/// the first list are told as gone: they went while nobody looked.
pub async fn follow(
    client: Client,
    namespace: String,
    known: Known,
    stop: CancellationToken,
    mut tell: impl FnMut(News) + Send,
) {
    let api: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let events = watcher(api, watcher::Config::default().labels(SELECTOR)).default_backoff();
    let mut events = std::pin::pin!(events);
    let mut view = View { namespace, known, listed: BTreeSet::new() };
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            None => return,
            Some(Err(error)) => tracing::debug!(%error, "plan: watch broke; it is opened anew"),
            Some(Ok(event)) => view.see(event, &mut tell),
        }
    }
}

/// What a feed has told of its namespace.
#[derive(Debug)]
struct View {
    namespace: String,
    known: Known,
    /// Parts of the list that is being read.
    listed: BTreeSet<String>,
}

impl View {
    fn see(&mut self, event: Event<ConfigMap>, tell: &mut impl FnMut(News)) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) | Event::Apply(object) => {
                let gateway = object.labels().get(GATEWAY_LABEL).cloned();
                self.known.insert(object.name_any(), gateway.clone());
                self.listed.insert(object.name_any());
                if let Some(arrival) = arrival(object, gateway) {
                    tell(News::Part(Box::new(arrival)));
                }
            }
            Event::InitDone => {
                let gone: Vec<_> = self.known.keys().filter(|name| !self.listed.contains(*name)).cloned().collect();
                for name in gone {
                    self.gone(name, tell);
                }
                self.listed.clear();
                let part = |(name, gateway): (&String, &Option<String>)| ListedPart {
                    namespace: self.namespace.clone(),
                    gateway: gateway.clone(),
                    name: name.clone(),
                };
                let parts = self.known.iter().map(part).collect();
                tell(News::Listed { namespace: self.namespace.clone(), parts });
            }
            Event::Delete(object) => self.gone(object.name_any(), tell),
        }
    }

    fn gone(&mut self, name: String, tell: &mut impl FnMut(News)) {
        let gateway = self.known.remove(&name).flatten();
        tell(News::Gone { namespace: self.namespace.clone(), gateway, name });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str) -> ConfigMap {
        let object = serde_json::json!({
            "metadata": {
                "name": name, "namespace": "telephony", "labels": {(GATEWAY_LABEL): "east"},
                "annotations": {(DIGEST_ANNOTATION): Digest::of(b"{}").to_string()},
            },
            "data": {(PART_KEY): "{}"},
        });
        serde_json::from_value(object).expect("a ConfigMap")
    }

    #[test]
    fn a_part_that_went_while_the_process_was_down_is_told_as_gone_before_the_list_is_whole() {
        let known = Known::from([
            ("plan-a-n".to_owned(), Some("east".to_owned())),
            ("plan-b-n".to_owned(), Some("west".to_owned())),
        ]);
        let mut view = View { namespace: "telephony".to_owned(), known, listed: BTreeSet::new() };
        let mut told = Vec::new();
        let mut tell = |news| {
            told.push(match news {
                News::Part(arrival) => format!("part {}", arrival.name),
                News::Gone { gateway, name, .. } => format!("gone {name} of {}", gateway.unwrap_or_default()),
                News::Listed { namespace, parts } => format!("listed {} of {namespace}", parts.len()),
            });
        };
        view.see(Event::Init, &mut tell);
        view.see(Event::InitApply(part("plan-a-n")), &mut tell);
        view.see(Event::InitDone, &mut tell);
        view.see(Event::Delete(part("plan-a-n")), &mut tell);
        assert_eq!(told, ["part plan-a-n", "gone plan-b-n of west", "listed 1 of telephony", "gone plan-a-n of east"]);
    }
}
