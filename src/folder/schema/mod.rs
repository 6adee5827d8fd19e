//! A manifest held against its kind's schema, as the API server would, but with places. Pure.
//!
//! What is checked: types, unknown and missing fields, enums, patterns, bounds, list keys ([`walk`]), then the CEL
//! rules ([`rules`]), which only make sense on values of the right types. Where text is meant and an unquoted word was
//! read as something else, the sentence says "quote it". Transition rules (`oldSelf`) need a cluster and are left out.

mod nearest;
mod rules;
mod walk;

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use regex::Regex;
use serde_json::{Value, json};

pub(super) use self::nearest::nearest;
use super::fault::{Fault, Flaw};
use super::yaml::Node;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("the pattern {pattern} of a schema is not a regular expression")]
    Pattern { pattern: String, source: Box<regex::Error> },
    #[error("the CRD {0} has no served version with a schema")]
    NoVersion(String),
    #[error("the CRD {0} has no JSON form")]
    Json(String, #[source] serde_json::Error),
}

/// One kind's schema, ready to check manifests.
#[derive(Debug)]
pub struct Schema {
    root: Value,
    metadata: Value,
    patterns: HashMap<String, Regex>,
    rules: rules::Rules,
}

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// A kind that the folder may hold.
#[derive(Debug)]
pub struct KindSchema {
    pub api_version: String,
    pub scope: Scope,
    pub schema: Schema,
}

/// The kinds of our group by name.
#[derive(Debug, Default)]
pub struct Schemas {
    group: String,
    kinds: BTreeMap<String, KindSchema>,
}

impl Schema {
    /// Takes an `openAPIV3Schema` in its JSON form.
    pub fn new(root: &Value) -> Result<Self, SchemaError> {
        let metadata = metadata_schema();
        let mut patterns = HashMap::new();
        collect_patterns(root, &mut patterns)?;
        collect_patterns(&metadata, &mut patterns)?;
        Ok(Self { rules: rules::Rules::new(root), root: root.clone(), metadata, patterns })
    }

    /// Every flaw of a manifest, in the order of the text.
    pub fn check(&self, manifest: &Node) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        walk::Walk { patterns: &self.patterns, metadata: &self.metadata, flaws: &mut flaws }.root(manifest, &self.root);
        if flaws.is_empty() {
            flaws = self.rules.check(&manifest.to_json()).into_iter().map(|broken| broken.at(manifest)).collect();
        }
        flaws.sort_by(|a, b| a.position.cmp(&b.position).then_with(|| a.path.cmp(&b.path)));
        flaws
    }

    /// Every flaw of a document that is no manifest: the root is an object as any other, and there are no CEL rules.
    pub fn check_document(&self, document: &Node) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        walk::Walk { patterns: &self.patterns, metadata: &self.metadata, flaws: &mut flaws }
            .node(document, &self.root, "");
        flaws.sort_by(|a, b| a.position.cmp(&b.position).then_with(|| a.path.cmp(&b.path)));
        flaws
    }

    /// CEL rules that cannot be evaluated without a cluster; empty unless a rule uses what the evaluator lacks.
    pub fn unusable_rules(&self) -> Vec<String> {
        self.rules.unusable()
    }
}

impl Schemas {
    /// The kinds of `crds`, which share one group.
    pub fn from_crds<'a>(crds: impl IntoIterator<Item = &'a CustomResourceDefinition>) -> Result<Self, SchemaError> {
        let mut schemas = Self::default();
        for crd in crds {
            let name = crd.metadata.name.clone().unwrap_or_default();
            let version = crd.spec.versions.iter().find(|version| version.served && version.schema.is_some());
            let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
            let (Some(version), Some(schema)) = (version, schema) else { return Err(SchemaError::NoVersion(name)) };
            let root = serde_json::to_value(schema).map_err(|source| SchemaError::Json(name, source))?;
            let scope = if crd.spec.scope == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
            let api_version = format!("{}/{}", crd.spec.group, version.name);
            schemas.group.clone_from(&crd.spec.group);
            schemas
                .kinds
                .insert(crd.spec.names.kind.clone(), KindSchema { api_version, scope, schema: Schema::new(&root)? });
        }
        Ok(schemas)
    }

    /// The API group of the kinds.
    pub fn group(&self) -> &str {
        &self.group
    }

    pub fn get(&self, kind: &str) -> Option<&KindSchema> {
        self.kinds.get(kind)
    }

    /// All kinds in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &KindSchema)> {
        self.kinds.iter().map(|(kind, schema)| (kind.as_str(), schema))
    }

    pub(super) fn unknown_kind(&self, kind: &str) -> Fault {
        Fault::UnknownKind { nearest: nearest(kind, self.kinds.keys().map(String::as_str)) }
    }
}

fn collect_patterns(schema: &Value, patterns: &mut HashMap<String, Regex>) -> Result<(), SchemaError> {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(pattern)) = fields.get("pattern")
                && !patterns.contains_key(pattern)
            {
                let compiled = Regex::new(pattern)
                    .map_err(|source| SchemaError::Pattern { pattern: pattern.clone(), source: Box::new(source) })?;
                patterns.insert(pattern.clone(), compiled);
            }
            fields.values().try_for_each(|field| collect_patterns(field, patterns))
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect_patterns(item, patterns)),
        _ => Ok(()),
    }
}

/// What people write into `metadata`. The API server's own fields are let through: `kubectl get -o yaml` shows them.
fn metadata_schema() -> Value {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let label = json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 63,
        "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"}});
    let free = json!({"x-kubernetes-preserve-unknown-fields": true});
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"},
            "namespace": {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
            "labels": label, "annotations": texts,
            "finalizers": {"type": "array", "items": {"type": "string"}},
            "generateName": {"type": "string"}, "uid": {"type": "string"}, "resourceVersion": {"type": "string"},
            "creationTimestamp": {"type": "string", "nullable": true}, "generation": {"type": "integer"},
            "deletionTimestamp": {"type": "string"}, "deletionGracePeriodSeconds": {"type": "integer"},
            "selfLink": {"type": "string"}, "managedFields": free, "ownerReferences": free,
        }
    })
}

#[cfg(test)]
mod tests;
