//! The words in which the kinds describe their schema: list types, bounds, CEL rules, closed sets.
//!
//! Each function is a schemars transform, written beside the field it bounds. schemars has no words for Kubernetes'
//! list types and rules; these are them, so that a reader of a kind sees type, bound and rule in one place.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};
use serde_json::{Value, json};

/// A function that describes one scalar, such as [`super::scalars::area`].
pub(super) type Scalar = fn(&mut SchemaGenerator) -> Schema;

fn bound_list(schema: &mut Schema, min: u32, max: u32) {
    if min > 0 {
        schema.insert("minItems".into(), min.into());
    }
    schema.insert("maxItems".into(), max.into());
}

/// A list whose order decides: replaced as a whole by whoever applies it.
pub(super) fn ordered(min: u32, max: u32) -> impl Fn(&mut Schema) {
    move |schema| {
        bound_list(schema, min, max);
        schema.insert("x-kubernetes-list-type".into(), "atomic".into());
    }
}

/// A list of items that have a name of their own, `key`; several appliers may each own some.
pub(super) fn keyed(key: &'static str, min: u32, max: u32) -> impl Fn(&mut Schema) {
    move |schema| {
        bound_list(schema, min, max);
        schema.insert("x-kubernetes-list-type".into(), "map".into());
        schema.insert("x-kubernetes-list-map-keys".into(), json!([key]));
    }
}

/// A set of closed values or numbers, whose items describe themselves.
pub(super) fn set(min: u32, max: u32) -> impl Fn(&mut Schema) {
    move |schema| {
        bound_list(schema, min, max);
        schema.insert("x-kubernetes-list-type".into(), "set".into());
    }
}

/// A set of strings, each as `item` says.
pub(super) fn set_of(item: Scalar, min: u32, max: u32) -> impl Fn(&mut Schema) {
    move |schema| {
        set(min, max)(schema);
        schema.insert("items".into(), item(&mut SchemaGenerator::default()).to_value());
    }
}

/// A list of strings, each as `item` says, whose items are not owned one by one: it may be very long.
pub(super) fn ordered_of(item: Scalar, min: u32, max: u32) -> impl Fn(&mut Schema) {
    move |schema| {
        ordered(min, max)(schema);
        schema.insert("items".into(), item(&mut SchemaGenerator::default()).to_value());
    }
}

/// A CEL rule on a field or a struct. `message` is a sentence that says what to change.
pub(super) fn rule(rule: &'static str, message: &'static str) -> impl Fn(&mut Schema) {
    move |schema| {
        let rule = json!({"rule": rule, "message": message});
        match schema.ensure_object().entry("x-kubernetes-validations").or_insert_with(|| json!([])) {
            Value::Array(rules) => rules.push(rule),
            other => *other = json!([rule]),
        }
    }
}

/// An enum of unit variants as one list of values.
///
/// schemars writes an enum with documented variants as alternatives; the API server wants one `enum`. The variants'
/// docs travel in `title`, which [`super::crds`] moves behind the description of whichever field has this type.
pub(super) fn closed_set(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else { return };
    let mut values = Vec::new();
    let mut docs = Vec::new();
    for variant in &variants {
        let name = variant.get("const").cloned().into_iter();
        let names: Vec<Value> =
            name.chain(variant.get("enum").and_then(Value::as_array).cloned().unwrap_or_default()).collect();
        if let (Some(name), Some(doc)) =
            (names.first().and_then(Value::as_str), variant.get("description").and_then(Value::as_str))
        {
            docs.push(format!("{name}: {}", doc.replace('\n', " ")));
        }
        values.extend(names);
    }
    schema.insert("type".into(), "string".into());
    schema.insert("enum".into(), Value::Array(values));
    schema.insert("title".into(), docs.join(" ").into());
}

/// An object of which exactly one member is set: the schema of an externally tagged enum, with `message` where
/// OpenAPI's own `oneOf` would only say that one alternative must match.
pub(super) fn exactly_one(members: &[(&str, &str, Schema)], message: &str) -> Schema {
    let mut properties = serde_json::Map::new();
    for (name, doc, schema) in members {
        let mut schema = schema.clone();
        schema.insert("description".into(), (*doc).into());
        properties.insert((*name).to_owned(), schema.to_value());
    }
    let set: Vec<String> = members.iter().map(|(name, ..)| format!("has(self.{name})")).collect();
    json_schema!({
        "type": "object",
        "properties": properties,
        "x-kubernetes-validations": [{"rule": format!("[{}].exists_one(set, set)", set.join(", ")), "message": message}],
    })
}
