//! References from one object to another: `somethingRef: {name}`, with a namespace only where crossing is allowed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalars;

/// An object of the same namespace, or a cluster-scoped one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object.
    #[schemars(schema_with = "scalars::object_name")]
    pub name: String,
}

impl LocalRef {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

/// A CallGateway, possibly of another namespace; it must admit the namespace that refers to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// Name of the CallGateway.
    #[schemars(schema_with = "scalars::object_name")]
    pub name: String,
    /// Namespace of the CallGateway; the number's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::namespace_name")]
    pub namespace: Option<String>,
}

/// One key of a Secret in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(schema_with = "scalars::object_name")]
    pub name: String,
    /// Key inside the Secret's data.
    #[schemars(schema_with = "scalars::secret_key")]
    pub key: String,
}

/// `NAMESPACE/NAME`: an object by place, as logs, plans and indexes name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
