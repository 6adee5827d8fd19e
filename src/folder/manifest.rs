//! One file's documents → objects, Secrets, Namespaces, notes and problems.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::Note;
use super::fault::{Fault, Flaw, Place, Position, Problem};
use super::objects::{DEFAULT_NAMESPACE, NamespaceOrigin, Object, ObjectKey, Objects, SecretValues};
use super::schema::{KindSchema, Schema, SchemaError, Schemas, Scope};
use super::yaml::{Content, Node, parse};
use crate::domain::digest::Digest;

/// The epoch: creation of objects that do not say. An override without `from` is active since ever.
const CREATED: &str = "1970-01-01T00:00:00Z";

pub(super) struct Reader<'a> {
    pub file: Arc<Path>,
    pub schemas: &'a Schemas,
    pub objects: &'a mut Objects,
    pub notes: &'a mut Vec<Note>,
    pub problems: &'a mut Vec<Problem>,
}

/// What a manifest says it is.
struct Identity<'n> {
    api_version: &'n str,
    kind: &'n str,
}

impl Reader<'_> {
    pub fn read(&mut self, text: &str) {
        match parse(text) {
            Ok(documents) => documents.into_iter().for_each(|node| self.document(node)),
            Err(flaw) => self.tell(flaw),
        }
    }

    fn document(&mut self, node: Node) {
        if node.as_str().is_none() && node.get("kind").and_then(Node::as_str) == Some("List") {
            return self.list(node);
        }
        let Some(identity) = self.identity(&node) else { return };
        let group = identity.api_version.split_once('/').map_or("", |(group, _)| group);
        if group == self.schemas.group() {
            return self.own(node);
        }
        match (identity.api_version, identity.kind) {
            ("v1", "Secret") => self.secret(&node),
            ("v1", "Namespace") => self.namespace(&node),
            (api_version, kind) => {
                let sentence = format!("{api_version} {kind} is read past: it is not a kind of fourhundred");
                self.notes.push(Note { place: self.place(node.position), sentence });
            }
        }
    }

    /// `kind: List` holds manifests; a list in it would be a mistake, and is read as an unknown thing.
    fn list(&mut self, node: Node) {
        let Content::Map(entries) = node.content else { return };
        for entry in entries.into_iter().filter(|entry| entry.key == "items") {
            match entry.value.content {
                Content::List(items) => {
                    for item in items {
                        if item.get("kind").and_then(Node::as_str) == Some("List") {
                            let fault = Fault::UnknownKind { nearest: None };
                            self.tell(Flaw { position: item.position, path: "kind".into(), fault });
                        } else {
                            self.document(item);
                        }
                    }
                }
                Content::Scalar(_) | Content::Map(_) => {
                    let fault = Fault::Type { seen: "another type".into(), needed: "a list".into() };
                    self.tell(Flaw { position: entry.position, path: "items".into(), fault });
                }
            }
        }
    }

    fn identity<'n>(&mut self, node: &'n Node) -> Option<Identity<'n>> {
        let mut text = |name: &str| {
            let found = node.get(name).and_then(Node::as_str).filter(|text| !text.is_empty());
            if found.is_none() {
                self.tell(Flaw { position: node.position_of(name), path: name.to_owned(), fault: Fault::Missing });
            }
            found
        };
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        Some(Identity { api_version: api_version?, kind: kind? })
    }

    fn own(&mut self, node: Node) {
        let schemas = self.schemas;
        let text = |name: &str| node.get(name).and_then(Node::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        let Some(schema) = schemas.get(&kind) else {
            let fault = schemas.unknown_kind(&kind);
            return self.tell(Flaw { position: node.position_of("kind"), path: "kind".into(), fault });
        };
        if api_version != schema.api_version {
            let fault = Fault::Version { seen: api_version, needed: schema.api_version.clone() };
            return self.tell(Flaw { position: node.position_of("apiVersion"), path: "apiVersion".into(), fault });
        }
        let flaws = schema.schema.check(&node);
        if !flaws.is_empty() {
            return flaws.into_iter().for_each(|flaw| self.tell(flaw));
        }
        let (key, namespace_origin) = key_of(&node, &kind, schema);
        if self.claim(&key, node.position) {
            let value = with_metadata(node.to_json(), &key);
            let object = Object { file: Arc::clone(&self.file), node: Arc::new(node), namespace_origin, value };
            self.objects.by_key.insert(key, object);
        }
    }

    fn secret(&mut self, node: &Node) {
        let Some((namespace, name)) = self.core_name(node, &SECRET) else { return };
        let mut values = BTreeMap::new();
        for (field, encoding) in [("data", Encoding::Base64), ("stringData", Encoding::Text)] {
            let Some(Content::Map(entries)) = node.get(field).map(|field| &field.content) else { continue };
            for entry in entries {
                let text = entry.value.as_str().unwrap_or_default();
                match encoding.decode(text) {
                    Some(value) => {
                        values.insert(entry.key.clone(), value);
                    }
                    None => self.tell(Flaw {
                        position: entry.value.position,
                        path: format!("{field}.{}", entry.key),
                        fault: Fault::NotBase64,
                    }),
                }
            }
        }
        let key = ObjectKey { kind: "Secret".into(), namespace: Some(namespace.clone()), name: name.clone() };
        if self.claim(&key, node.position) {
            self.objects.secrets.insert((namespace, name), SecretValues(values));
        }
    }

    fn namespace(&mut self, node: &Node) {
        let Some((_, name)) = self.core_name(node, &NAMESPACE) else { return };
        let labels = node.get("metadata").and_then(|metadata| metadata.get("labels")).map(Node::to_json);
        let labels = labels.and_then(|labels| serde_json::from_value(labels).ok()).unwrap_or_default();
        let key = ObjectKey { kind: "Namespace".into(), namespace: None, name: name.clone() };
        if self.claim(&key, node.position) {
            self.objects.namespaces.insert(name, labels);
        }
    }

    /// Checks a core kind against the little schema that matters here; its namespace and name.
    fn core_name(&mut self, node: &Node, schema: &Result<Schema, SchemaError>) -> Option<(String, String)> {
        let flaws = schema.as_ref().map(|schema| schema.check(node)).unwrap_or_default();
        let stands = flaws.is_empty();
        flaws.into_iter().map(without_values).for_each(|flaw| self.tell(flaw));
        let metadata = node.get("metadata").filter(|_| stands)?;
        let text = |name: &str| metadata.get(name).and_then(Node::as_str).map(str::to_owned);
        Some((text("namespace").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()), text("name")?))
    }

    /// Takes the key for what stands at `position`, unless it is taken.
    fn claim(&mut self, key: &ObjectKey, position: Position) -> bool {
        let place = self.place(position);
        if let Some(first) = self.objects.places.get(key) {
            let fault = Fault::DuplicateObject { first: first.clone() };
            self.problems.push(Problem { place, path: key.to_string(), fault });
            return false;
        }
        self.objects.places.insert(key.clone(), place);
        true
    }

    fn place(&self, position: Position) -> Place {
        Place { file: Arc::clone(&self.file), position }
    }

    fn tell(&mut self, flaw: Flaw) {
        self.problems.push(flaw.in_file(&self.file));
    }
}

/// A flaw of a Secret's value, told without the value.
fn without_values(mut flaw: Flaw) -> Flaw {
    if flaw.path.starts_with("data.") || flaw.path.starts_with("stringData.") {
        flaw.fault = match flaw.fault {
            Fault::QuoteIt { .. } => Fault::QuoteIt { written: "…".into(), read: "something other than text".into() },
            Fault::Empty => Fault::Empty,
            _ => Fault::Type { seen: "something else".into(), needed: "text".into() },
        };
    }
    flaw
}

#[derive(Clone, Copy)]
enum Encoding {
    Base64,
    Text,
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Base64 => {
                let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                base64::engine::general_purpose::STANDARD.decode(compact).ok()
            }
        }
    }
}

/// Secrets: values are texts, whatever they look like. Unknown fields are the API server's business.
static SECRET: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| {
    let texts = json!({"type": "object", "nullable": true, "additionalProperties": {"type": "string"}});
    Schema::new(&json!({"type": "object", "properties": {
        "data": texts, "stringData": texts, "type": {"type": "string"}, "immutable": {"type": "boolean"}}}))
});

static NAMESPACE: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    Schema::new(&json!({"type": "object", "properties": {"spec": open, "status": open}}))
});

fn key_of(node: &Node, kind: &str, schema: &KindSchema) -> (ObjectKey, NamespaceOrigin) {
    let metadata = node.get("metadata");
    let text = |name: &str| metadata.and_then(|metadata| metadata.get(name)).and_then(Node::as_str).map(str::to_owned);
    let (namespace, origin) = match (schema.scope, text("namespace")) {
        (Scope::Cluster, _) => (None, NamespaceOrigin::None),
        (Scope::Namespaced, Some(namespace)) => (Some(namespace), NamespaceOrigin::Written),
        (Scope::Namespaced, None) => (Some(DEFAULT_NAMESPACE.to_owned()), NamespaceOrigin::Defaulted),
    };
    (ObjectKey { kind: kind.to_owned(), namespace, name: text("name").unwrap_or_default() }, origin)
}

/// Adds what a cluster would: the same for the same key, so that tests and caches can rely on it.
fn with_metadata(mut value: Value, key: &ObjectKey) -> Value {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        let mut set = |name: &str, made: Value| {
            if metadata.get(name).is_none_or(Value::is_null) {
                metadata.insert(name.to_owned(), made);
            }
        };
        set("uid", uid(key).into());
        set("generation", 1.into());
        set("creationTimestamp", CREATED.into());
        match &key.namespace {
            Some(namespace) => set("namespace", namespace.as_str().into()),
            None => drop(Map::remove(metadata, "namespace")),
        }
    }
    value
}

/// A uid in the usual form, from the key alone.
fn uid(key: &ObjectKey) -> String {
    let digest = Digest::of_json(&(&key.kind, &key.namespace, &key.name));
    let hex: String = digest.to_string().chars().skip("sha256:".len()).collect();
    [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to).unwrap_or_default()).join("-")
}
