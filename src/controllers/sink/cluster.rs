//! The API server as sink: server-side apply for derived objects and status, POST/PUT/DELETE with preconditions for claims.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use super::{ClaimCreation, KindName, Manager, Notice, PlanPart, Presence, StatusWrite};
use crate::api::{FourHundredNumber, GROUP, NumberClaim, VERSION};
use crate::controllers::error::Error;
use crate::controllers::key::Key;
use crate::domain::routing::document::PART_KEY;

pub use crate::workers::feed::DIGEST_ANNOTATION;

/// See the module's text.
pub struct ClusterSink {
    client: Client,
    recorder: Recorder,
}

impl std::fmt::Debug for ClusterSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterSink").finish_non_exhaustive()
    }
}

impl ClusterSink {
    /// Writes through `client`; `instance` names this process in events.
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: "fourhundred.io/operator".to_owned(), instance: Some(instance) };
        Self { recorder: Recorder::new(client.clone(), reporter), client }
    }

    pub(super) async fn publish_status(&self, write: &StatusWrite) -> Result<Value, Error> {
        let resource = resource_of(write.kind);
        let api: Api<DynamicObject> = if write.kind.namespaced {
            Api::namespaced_with(self.client.clone(), &write.key.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        };
        // The uid makes a late write to a re-created object of the same name a conflict instead of a lie.
        let body = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": write.key.name, "uid": write.uid},
            "status": write.status,
        });
        let parameters = PatchParams::apply(write.manager.name()).force();
        api.patch_status(&write.key.name, &parameters, &Patch::Apply(&body))
            .await
            .map(|mut stored| stored.data.get_mut("status").map(Value::take).unwrap_or_default())
            .map_err(|source| {
                Error::kube("write the status of", format_args!("{} {}", write.kind.kind, write.key), source)
            })
    }

    pub(super) async fn apply_part(&self, part: &PlanPart) -> Result<String, Error> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &part.namespace);
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": part.name,
                "labels": part.labels,
                "annotations": {DIGEST_ANNOTATION: part.digest},
            },
            "data": {PART_KEY: part.text},
        });
        let parameters = PatchParams::apply(Manager::Operator.name()).force();
        api.patch(&part.name, &parameters, &Patch::Apply(&body))
            .await
            .map(|written| written.resource_version().unwrap_or_default())
            .map_err(|source| Error::kube("apply plan part", format_args!("{}/{}", part.namespace, part.name), source))
    }

    pub(super) async fn delete_part(&self, namespace: &str, name: &str, resource_version: &str) -> Result<(), Error> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        // A resourceVersion is of one object and one write: it tells a part of the same name that came later apart, too.
        let version = Some(resource_version.to_owned()).filter(|version| !version.is_empty());
        let preconditions = Preconditions { resource_version: version, uid: None };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match api.delete(name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(Error::kube("delete plan part", format_args!("{namespace}/{name}"), source)),
        }
    }

    pub(super) async fn read_parts(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, Error> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let selector = labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        let list = api
            .list(&ListParams::default().labels(&selector))
            .await
            .map_err(|source| Error::kube("list plan parts in", namespace, source))?;
        Ok(list.items.into_iter().filter_map(|map| map.data?.remove(PART_KEY)).collect())
    }

    pub(super) async fn create_claim(&self, claim: &NumberClaim) -> Result<ClaimCreation, Error> {
        match self.claims().create(&PostParams::default(), claim).await {
            Ok(created) => Ok(ClaimCreation::Created(Box::new(created))),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(ClaimCreation::Exists),
            Err(source) => Err(Error::kube("create claim", claim.name_any(), source)),
        }
    }

    pub(super) async fn read_claim(&self, number: &str) -> Result<Option<NumberClaim>, Error> {
        self.claims().get_opt(number).await.map_err(|source| Error::kube("read claim", number, source))
    }

    pub(super) async fn replace_claim(&self, claim: &NumberClaim) -> Result<NumberClaim, Error> {
        self.claims()
            .replace(&claim.name_any(), &PostParams::default(), claim)
            .await
            .map_err(|source| Error::kube("replace claim", claim.name_any(), source))
    }

    pub(super) async fn delete_claim(&self, claim: &NumberClaim) -> Result<(), Error> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { resource_version: claim.resource_version(), uid: claim.uid() }),
            ..DeleteParams::default()
        };
        match self.claims().delete(&claim.name_any(), &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(source) => Err(Error::kube("delete claim", claim.name_any(), source)),
        }
    }

    pub(super) async fn number_presence(&self, key: &Key) -> Presence {
        let api: Api<FourHundredNumber> = Api::namespaced(self.client.clone(), &key.namespace);
        match api.get_metadata_opt(&key.name).await {
            Ok(Some(_)) => Presence::Here,
            // A 404 also comes when the kind itself is not served; a list tells the two apart.
            Ok(None) => match api.list_metadata(&ListParams::default().limit(1)).await {
                Ok(_) => Presence::Gone,
                Err(_) => Presence::Unknown,
            },
            Err(_) => Presence::Unknown,
        }
    }

    pub(super) async fn tell(&self, notice: &Notice) {
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.to_owned(),
            note: Some(notice.sentence.chars().take(1000).collect()),
            action: notice.action.to_owned(),
            secondary: None,
        };
        let reference = ObjectReference {
            api_version: Some(format!("{GROUP}/{VERSION}")),
            kind: Some(notice.kind.kind.to_owned()),
            name: Some(notice.key.name.clone()),
            namespace: Some(notice.key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            uid: Some(notice.uid.clone()),
            ..ObjectReference::default()
        };
        if let Err(error) = self.recorder.publish(&event, &reference).await {
            tracing::debug!(%error, object = %notice.key, reason = notice.reason, "event not told");
        }
    }

    fn claims(&self) -> Api<NumberClaim> {
        Api::all(self.client.clone())
    }
}

fn resource_of(kind: KindName) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind.kind), kind.plural)
}
