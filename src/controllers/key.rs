//! How the control loops name an object, whatever its kind. Pure.

use std::fmt;

use kube::{Resource, ResourceExt as _};

/// Namespace and name; the namespace is empty for cluster-scoped kinds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    /// A namespaced object.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// A cluster-scoped object.
    pub fn cluster(name: impl Into<String>) -> Self {
        Self { namespace: String::new(), name: name.into() }
    }

    /// The key of an object at hand.
    pub fn of<K: Resource>(object: &K) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// What fields of `metadata` every loop needs, in one place.
pub trait ObjectMetaExt {
    /// `metadata.generation`, 0 where the source gives none.
    fn generation(&self) -> i64;
    /// `metadata.uid`, empty where the source gives none.
    fn uid_text(&self) -> &str;
    /// Whether deletion has been asked for.
    fn is_terminating(&self) -> bool;
}

impl<K: Resource> ObjectMetaExt for K {
    fn generation(&self) -> i64 {
        self.meta().generation.unwrap_or(0)
    }

    fn uid_text(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    fn is_terminating(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }
}
