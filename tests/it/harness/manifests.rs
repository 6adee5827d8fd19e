//! Manifests: read from the repository's files, handed to the API server.

use std::path::{Path, PathBuf};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::Value;

use super::Cluster;

const GROUP: &str = "fourhundred.io";
const VERSION: &str = "v1alpha1";

/// A path from the repository's root.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The YAML files of a folder, by name.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let folder = path(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "no YAML in {}", folder.display());
    files
}

/// The folders of examples that are to be accepted, the platform's first: each is applied whole, as a user does.
pub fn example_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|entry| entry.is_dir() && !entry.ends_with("invalid")).collect();
    folders.sort_by_key(|folder| (!folder.ends_with("platform"), folder.clone()));
    folders
}

/// The documents of a manifest's text.
pub fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
}

/// The documents of a folder's own files, as `kubectl apply -f FOLDER` reads them.
pub fn documents_in(folder: &Path) -> Vec<Value> {
    let files = files(folder.to_str().unwrap()).into_iter();
    files.flat_map(|file| documents(&std::fs::read_to_string(file).unwrap())).collect()
}

/// Installs the definitions of `crds/`, and waits until they are served. To do so twice changes nothing.
pub async fn install_crds(cluster: &Cluster) {
    let folder = path("crds");
    cluster.kubectl(&["apply", "--server-side", "--filename", folder.to_str().unwrap()]).await.ok();
    established(cluster).await;
}

pub async fn established(cluster: &Cluster) {
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).await.ok();
}

/// One of our kinds, where `object` says it is.
pub fn api_of(client: Client, object: &Value) -> Api<DynamicObject> {
    let kind = object["kind"].as_str().expect("a kind");
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, kind));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    }
}

fn typed(object: &Value) -> DynamicObject {
    serde_json::from_value(object.clone()).unwrap()
}

/// Creates it; a refusal is its sentence.
pub async fn create(client: Client, object: &Value, dry: Dry) -> Result<Value, String> {
    let parameters = PostParams { dry_run: dry == Dry::Run, ..PostParams::default() };
    let created = api_of(client, object).create(&parameters, &typed(object)).await;
    created.map(|object| serde_json::to_value(object).unwrap()).map_err(|error| error.to_string())
}

/// Replaces it; a refusal is its sentence.
pub async fn replace(client: Client, object: &Value, dry: Dry) -> Result<Value, String> {
    let parameters = PostParams { dry_run: dry == Dry::Run, ..PostParams::default() };
    let name = object["metadata"]["name"].as_str().unwrap();
    let replaced = api_of(client, object).replace(name, &parameters, &typed(object)).await;
    replaced.map(|object| serde_json::to_value(object).unwrap()).map_err(|error| error.to_string())
}

/// Applies it server-side, unknown fields refused, as `kubectl apply --server-side` does.
pub async fn apply(client: Client, object: &Value, dry: Dry) -> Result<Value, String> {
    let parameters = PatchParams { dry_run: dry == Dry::Run, ..PatchParams::apply("tests").validation_strict() };
    let name = object["metadata"]["name"].as_str().unwrap();
    let applied = api_of(client, object).patch(name, &parameters, &Patch::Apply(object)).await;
    applied.map(|object| serde_json::to_value(object).unwrap()).map_err(|error| error.to_string())
}

/// Whether the API server only says what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dry {
    Run,
    No,
}

/// Writes a status as an operator does.
pub async fn write_status(client: Client, object: &Value, status: &Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap();
    let patch = serde_json::json!({ "apiVersion": object["apiVersion"], "kind": object["kind"], "status": status });
    let parameters = PatchParams::apply("fourhundred");
    let written = api_of(client, object).patch_status(name, &parameters, &Patch::Apply(patch)).await;
    serde_json::to_value(written.unwrap_or_else(|error| panic!("status of {name}: {error}"))).unwrap()
}
