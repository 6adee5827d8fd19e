//! What a folder's manifests are once read: objects by key, each with its place; Secrets decoded, never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kube::Resource;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Fault, Place, Position, Problem};
use super::yaml::Node;

/// The namespace of namespaced objects that name none. kubectl would take its context's; a folder has no context.
pub const DEFAULT_NAMESPACE: &str = "default";

/// What makes an object that object. `namespace` is `None` for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Whether a manifest said which namespace it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceOrigin {
    Written,
    /// [`DEFAULT_NAMESPACE`] was taken; lint tells.
    Defaulted,
    /// The kind is cluster-scoped.
    None,
}

/// An object of our group that passed its schema.
#[derive(Debug, Clone)]
pub struct Object {
    pub file: Arc<std::path::Path>,
    pub node: Arc<Node>,
    pub namespace_origin: NamespaceOrigin,
    /// The manifest with the metadata that a cluster would have added: a uid made from the key, generation 1, the
    /// namespace, and the epoch as time of creation where the manifest has none.
    pub value: Value,
}

/// The decoded values of one Secret; their `Debug` shows keys only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValues(pub BTreeMap<String, Vec<u8>>);

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Everything of a folder that the tools use.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    pub(super) by_key: BTreeMap<ObjectKey, Object>,
    /// Every key's place, Secrets and Namespaces too: a second declaration names the first.
    pub(super) places: BTreeMap<ObjectKey, Place>,
    pub(super) secrets: BTreeMap<(String, String), SecretValues>,
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Object {
    /// Where the manifest begins.
    pub fn place(&self) -> Place {
        self.at(self.node.position)
    }

    /// Where a JSON path stands, or the nearest thing above it.
    pub fn place_of(&self, path: &str) -> Place {
        self.at(self.node.position_of(path))
    }

    fn at(&self, position: Position) -> Place {
        Place { file: Arc::clone(&self.file), position }
    }

    /// The object as its API type.
    pub fn decode<K: DeserializeOwned>(&self) -> Result<K, Problem> {
        K::deserialize(&self.value).map_err(|error| Problem {
            place: self.place(),
            path: String::new(),
            fault: Fault::Decode(error.to_string()),
        })
    }
}

impl Objects {
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.by_key.get(key)
    }

    /// All objects of our group, by kind, namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        self.by_key.iter()
    }

    /// Where everything stands that was read, Secrets and Namespaces too.
    pub fn places(&self) -> impl Iterator<Item = (&ObjectKey, &Place)> {
        self.places.iter()
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// All objects of one kind as their API type, by namespace and name.
    pub fn of_kind<K: Resource<DynamicType = ()> + DeserializeOwned>(&self) -> Result<Vec<Arc<K>>, Vec<Problem>> {
        let kind = K::kind(&());
        let decoded = self.by_key.iter().filter(|(key, _)| key.kind == kind).map(|(_, object)| object.decode::<K>());
        let (mut whole, mut problems) = (Vec::new(), Vec::new());
        for object in decoded {
            match object {
                Ok(object) => whole.push(Arc::new(object)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(whole) } else { Err(problems) }
    }

    /// A Secret of the folder, `data` and `stringData` as one.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&SecretValues> {
        self.secrets.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// All Secrets by namespace and name.
    pub fn secrets(&self) -> impl Iterator<Item = (&(String, String), &SecretValues)> {
        self.secrets.iter()
    }

    /// Labels of a Namespace, with the name's label that the API server sets. A namespace that the folder does not
    /// declare has that label alone.
    pub fn namespace_labels(&self, name: &str) -> BTreeMap<String, String> {
        let mut labels = self.namespaces.get(name).cloned().unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
        labels
    }

    /// Namespaces that the folder declares.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(String::as_str)
    }
}
