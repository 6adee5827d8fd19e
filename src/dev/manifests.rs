//! The definitions and the examples, brought to the API server as `kubectl apply --server-side` would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::DevError;
use crate::api::approval::{ApprovalSpec, ApprovalSubject, SubjectKind, Verdict};
use crate::api::{Approval, CallGateway, Tenant, crds};
use crate::controllers::tenant::reviewed_digest;
use crate::embedding::definitions;
use crate::folder::{Folder, Object, ObjectKey, Problem, Schemas};

/// Who owns the fields that `dev` applies.
const MANAGER: &str = "fourhundred-dev";
/// Definitions are established within a second or not at all.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(30);

/// Installs the custom resource definitions of this build.
pub(super) async fn install_definitions(client: &Client, stop: &CancellationToken) -> Result<(), DevError> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in crds::all() {
        apply(&api, &crd.name_any(), &crds::document(&crd)).await?;
    }
    match tokio::time::timeout(ESTABLISHED_WITHIN, definitions::wait(client, stop, |_| {})).await {
        Ok(_) => Ok(()),
        Err(_) => Err(DevError::NotEstablished(ESTABLISHED_WITHIN.as_secs())),
    }
}

/// Whether `dev` may vouch for tenants that nobody has approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vouching {
    /// The cluster is its own.
    Yes,
    No,
}

/// What was applied.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) objects: usize,
    /// Tenants whose papers `dev` itself approved.
    pub(super) vouched_for: Vec<String>,
}

/// Reads the folders. All mistakes are told together.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Folder>, DevError> {
    let schemas = Schemas::from_crds(&crds::all())?;
    let (mut folders, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match Folder::read(path, &schemas) {
            Ok(folder) => folders.push(folder),
            Err(found) => problems.extend(found.iter().map(listed)),
        }
    }
    if problems.is_empty() { Ok(folders) } else { Err(DevError::Manifests(problems.concat())) }
}

/// Namespaces of the folders' gateways.
pub(super) fn gateway_namespaces(folders: &[Folder]) -> Result<BTreeSet<String>, DevError> {
    let mut namespaces = BTreeSet::new();
    for folder in folders {
        let gateways = folder.objects.of_kind::<CallGateway>().map_err(|problems| mistaken(&problems))?;
        namespaces.extend(gateways.iter().filter_map(|gateway| gateway.namespace()));
    }
    Ok(namespaces)
}

/// Namespaces of the gateways that the cluster has already. A kind that was just established may not be listed yet.
pub(super) async fn standing_gateway_namespaces(client: &Client) -> Result<BTreeSet<String>, DevError> {
    let api = Api::<CallGateway>::all(client.clone());
    let since = tokio::time::Instant::now();
    loop {
        match api.list_metadata(&ListParams::default()).await {
            Ok(list) => return Ok(list.items.iter().filter_map(kube::ResourceExt::namespace).collect()),
            Err(kube::Error::Api(status))
                if matches!(status.code, 404 | 429 | 503) && since.elapsed() < ESTABLISHED_WITHIN =>
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(source) => return Err(DevError::Read { what: "the gateways", source: Box::new(source) }),
        }
    }
}

fn mistaken(problems: &[Problem]) -> DevError {
    DevError::Manifests(problems.iter().map(listed).collect::<Vec<_>>().concat())
}

/// Applies the folders: namespaces, Secrets, then everything else.
pub(super) async fn apply_folders(
    client: &Client,
    folders: &[Folder],
    vouching: Vouching,
) -> Result<Applied, DevError> {
    let schemas = Schemas::from_crds(&crds::all())?;
    let mut applied = Applied::default();
    for folder in folders {
        apply_namespaces(client, folder, &mut applied).await?;
    }
    for folder in folders {
        for ((namespace, name), values) in folder.objects.secrets() {
            let data = values.0.iter().map(|(key, value)| (key.clone(), ByteString(value.clone()))).collect();
            let secret = Secret { data: Some(data), metadata: named(name), ..Secret::default() };
            apply(&Api::<Secret>::namespaced(client.clone(), namespace), name, &secret).await?;
            applied.objects += 1;
        }
        for (key, object) in folder.objects.iter() {
            apply_object(client, &schemas, key, object).await?;
            applied.objects += 1;
        }
    }
    if vouching == Vouching::Yes {
        applied.vouched_for = vouch(client, folders).await?;
    }
    Ok(applied)
}

async fn apply_namespaces(client: &Client, folder: &Folder, applied: &mut Applied) -> Result<(), DevError> {
    let api: Api<Namespace> = Api::all(client.clone());
    for name in folder.objects.namespaces() {
        let mut namespace = Namespace { metadata: named(name), ..Namespace::default() };
        let mut labels: BTreeMap<String, String> = folder.objects.namespace_labels(name);
        labels.remove("kubernetes.io/metadata.name");
        namespace.metadata.labels = Some(labels).filter(|labels| !labels.is_empty());
        apply(&api, name, &namespace).await?;
        applied.objects += 1;
    }
    Ok(())
}

async fn apply_object(client: &Client, schemas: &Schemas, key: &ObjectKey, object: &Object) -> Result<(), DevError> {
    let mut value = object.value.clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        // What the folder made up in a cluster's stead.
        for made_up in ["uid", "generation", "creationTimestamp"] {
            metadata.remove(made_up);
        }
    }
    let plural = crds::all().into_iter().find(|crd| crd.spec.names.kind == key.kind).map(|crd| crd.spec.names.plural);
    let version = schemas.get(&key.kind).map(|schema| schema.api_version.clone()).unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or_default();
    let kind = GroupVersionKind::gvk(group, version, &key.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &plural.unwrap_or_default());
    let api: Api<DynamicObject> = match &key.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    apply(&api, &key.name, &value).await
}

/// Approves tenants whose papers no Approval of the folders covers: on a cluster of one's own that is nobody's lie.
async fn vouch(client: &Client, folders: &[Folder]) -> Result<Vec<String>, DevError> {
    let decoded = |problems: Vec<Problem>| mistaken(&problems);
    let (mut tenants, mut covered) = (Vec::new(), BTreeSet::new());
    for folder in folders {
        tenants.extend(folder.objects.of_kind::<Tenant>().map_err(decoded)?);
        let approvals = folder.objects.of_kind::<Approval>().map_err(decoded)?;
        covered.extend(approvals.iter().map(|approval| approval.spec.subject.digest.clone()));
    }
    let mut vouched_for = Vec::new();
    for tenant in tenants {
        let (name, digest) = (tenant.name_any(), reviewed_digest(&tenant).to_string());
        if covered.contains(&digest) {
            continue;
        }
        let spec = ApprovalSpec {
            subject: ApprovalSubject { kind: SubjectKind::Tenant, namespace: None, name: name.clone(), digest },
            verdict: Verdict::Approved,
            reason: "assumed by `fourhundred dev`: nobody looked at the papers".to_owned(),
            until: None,
        };
        let approval_name = format!("dev-{name}");
        apply(&Api::<Approval>::all(client.clone()), &approval_name, &Approval::new(&approval_name, spec)).await?;
        vouched_for.push(name);
    }
    Ok(vouched_for)
}

fn listed(problem: &Problem) -> String {
    format!("\n  {problem}")
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

async fn apply<K>(api: &Api<K>, name: &str, object: &(impl Serialize + std::fmt::Debug)) -> Result<(), DevError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let parameters = PatchParams::apply(MANAGER).force();
    api.patch(name, &parameters, &Patch::Apply(object))
        .await
        .map(drop)
        .map_err(|source| DevError::Apply { what: name.to_owned(), source: Box::new(source) })
}
