//! What a change of a CustomResourceDefinition would break for those who use the old one. Pure.
//!
//! Later versions of the API add optional fields only. Whatever an object of the old schema could say, the new schema
//! must still take, keep and merge alike; and what people type or read by (short names, categories, columns, selectors,
//! the status subresource) stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Bounds from above: a lower one, or a new one, refuses what passed.
const UPPER: &[&str] = &["maximum", "maxLength", "maxItems", "maxProperties"];
/// Bounds from below: a higher one, or a new one, refuses what passed.
const LOWER: &[&str] = &["minimum", "minLength", "minItems", "minProperties"];
/// Words whose every change alters what passes or how appliers' fields merge.
const FIXED: &[&str] = &[
    "type",
    "format",
    "pattern",
    "default",
    "nullable",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
];

/// What the definition `new` breaks of `old`, one sentence each; both as JSON documents.
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    for pointer in ["/spec/group", "/spec/scope", "/spec/names/kind", "/spec/names/plural"] {
        if old.pointer(pointer) != new.pointer(pointer) {
            changes.push(format!(
                "{pointer} changed from {} to {}",
                show(old.pointer(pointer)),
                show(new.pointer(pointer))
            ));
        }
    }
    for (pointer, what) in [("/spec/names/shortNames", "short name"), ("/spec/names/categories", "category")] {
        let names = |crd: &Value| strings(crd.pointer(pointer), Some);
        changes.extend(names(old).difference(&names(new)).map(|name| format!("{what} {name} was removed")));
    }
    let versions = |crd: &Value| crd.pointer("/spec/versions").and_then(Value::as_array).cloned().unwrap_or_default();
    let new_versions = versions(new);
    for version in versions(old) {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        match new_versions.iter().find(|other| other.get("name") == version.get("name")) {
            Some(other) => compare_versions(name, &version, other, &mut changes),
            None => changes.push(format!("version {name} was removed")),
        }
    }
    changes
}

fn compare_versions(name: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    if old.get("served") == Some(&Value::Bool(true)) && new.get("served") != Some(&Value::Bool(true)) {
        changes.push(format!("version {name} is no longer served"));
    }
    let paths = |version: &Value| strings(version.get("selectableFields"), |field| field.get("jsonPath"));
    for path in paths(old).difference(&paths(new)) {
        changes.push(format!("field selector {path} was removed"));
    }
    for name in members(old.get("subresources")).difference(&members(new.get("subresources"))) {
        changes.push(format!("subresource {name} was removed"));
    }
    compare_columns(old, new, changes);
    let empty = Value::Object(Map::new());
    let schema = |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_else(|| empty.clone());
    compare(name, &schema(old), &schema(new), changes);
}

/// A column that scripts cut from `kubectl get`: it stays under its name and shows the same, though it may move.
fn compare_columns(old: &Value, new: &Value, changes: &mut Vec<String>) {
    let columns = |version: &Value| -> BTreeMap<String, Value> {
        let columns = version.get("additionalPrinterColumns").and_then(Value::as_array).cloned().unwrap_or_default();
        let named = |column: Value| Some((column.get("name")?.as_str()?.to_owned(), column));
        columns.into_iter().filter_map(named).collect()
    };
    let new = columns(new);
    for (name, was) in columns(old) {
        let Some(is) = new.get(&name) else {
            changes.push(format!("column {name} was removed"));
            continue;
        };
        for key in ["jsonPath", "type"] {
            if was.get(key) != is.get(key) {
                changes.push(format!(
                    "column {name}: {key} changed from {} to {}",
                    show(was.get(key)),
                    show(is.get(key))
                ));
            }
        }
        if priority(&was) == 0 && priority(is) > 0 {
            changes.push(format!("column {name} is shown with --output wide only"));
        }
    }
}

/// 0 for a column that is always shown.
fn priority(column: &Value) -> i64 {
    column.get("priority").and_then(Value::as_i64).unwrap_or_default()
}

fn compare(path: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    for key in FIXED {
        if old.get(key) != new.get(key) {
            changes.push(format!("{path}: {key} changed from {} to {}", show(old.get(key)), show(new.get(key))));
        }
    }
    compare_bounds(path, old, new, changes);
    let values = |schema: &Value| schema.get("enum").and_then(Value::as_array).cloned();
    match (values(old), values(new)) {
        (Some(old), Some(new)) => {
            for value in old.iter().filter(|value| !new.contains(value)) {
                changes.push(format!("{path}: value {value} was removed"));
            }
        }
        (None, Some(_)) => changes.push(format!("{path}: a closed set of values was added")),
        (_, None) => {}
    }
    let required = |schema: &Value| strings(schema.get("required"), Some);
    for field in required(new).difference(&required(old)) {
        changes.push(format!("{path}.{field} became required"));
    }
    let rules = |schema: &Value| strings(schema.get("x-kubernetes-validations"), |rule| rule.get("rule"));
    for rule in rules(new).difference(&rules(old)) {
        changes.push(format!("{path}: rule added: {rule}"));
    }
    compare_children(path, old, new, changes);
}

fn compare_bounds(path: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    let bound = |schema: &Value, key: &str| schema.get(key).and_then(Value::as_f64);
    for key in UPPER {
        if let Some(now) = bound(new, key)
            && bound(old, key).is_none_or(|before| now < before)
        {
            changes.push(format!("{path}: {key} tightened from {} to {now}", show(old.get(key))));
        }
    }
    for key in LOWER {
        if let Some(now) = bound(new, key)
            && bound(old, key).is_none_or(|before| now > before)
        {
            changes.push(format!("{path}: {key} tightened from {} to {now}", show(old.get(key))));
        }
    }
}

fn compare_children(path: &str, old: &Value, new: &Value, changes: &mut Vec<String>) {
    let properties = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let new_properties = properties(new);
    for (name, schema) in &properties(old) {
        match new_properties.get(name) {
            Some(other) => compare(&format!("{path}.{name}"), schema, other, changes),
            None => changes.push(format!("{path}.{name} was removed")),
        }
    }
    for (key, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(&format!("{path}{sign}"), old, new, changes),
            (Some(_), None) => changes.push(format!("{path}{sign} was removed")),
            (None, _) => {}
        }
    }
}

/// The names of an object's members.
fn members(object: Option<&Value>) -> BTreeSet<String> {
    object.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The strings that `pick` finds in a list.
fn strings<'a>(list: Option<&'a Value>, pick: impl Fn(&'a Value) -> Option<&'a Value>) -> BTreeSet<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(pick).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(schema: &Value) -> Value {
        json!({"spec": {
            "group": "fourhundred.io", "scope": "Cluster",
            "names": {"kind": "Tariff", "plural": "tariffs", "shortNames": ["tar"], "categories": ["fourhundred"]},
            "versions": [{"name": "v1alpha1", "served": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Numbers", "type": "integer", "jsonPath": ".status.numbers"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                "selectableFields": [{"jsonPath": ".spec.currency"}]}],
        }})
    }

    fn before() -> Value {
        json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": ["rates"], "properties": {
            "rates": {"type": "array", "maxItems": 64, "minItems": 1, "x-kubernetes-list-type": "atomic",
                "items": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63, "pattern": "^a"}}}},
            "rounding": {"type": "string", "enum": ["HalfUp", "Up"]},
            "labels": {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 9}},
            "days": {"type": "integer", "minimum": 0, "maximum": 365}
        }}}})
    }

    /// The changes after `pointer` of the schema was set to `value`, or removed.
    fn after(pointer: &str, value: Option<Value>) -> Vec<String> {
        let mut schema = before();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = schema.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
        match value {
            Some(value) => parent.insert(key.to_owned(), value),
            None => parent.remove(key),
        };
        breaking_changes(&definition(&before()), &definition(&schema))
    }

    #[test]
    fn what_refuses_or_merges_otherwise_is_told() {
        let spec = "/properties/spec";
        let table = [
            ("/properties/days", None, "v1alpha1.spec.days was removed"),
            ("/properties/days/maximum", Some(json!(31)), "v1alpha1.spec.days: maximum tightened from 365 to 31"),
            ("/properties/days/minimum", Some(json!(1)), "v1alpha1.spec.days: minimum tightened from 0 to 1"),
            (
                "/properties/days/type",
                Some(json!("string")),
                "v1alpha1.spec.days: type changed from \"integer\" to \"string\"",
            ),
            (
                "/properties/days/format",
                Some(json!("int32")),
                "v1alpha1.spec.days: format changed from nothing to \"int32\"",
            ),
            ("/properties/rounding/enum", Some(json!(["HalfUp"])), "v1alpha1.spec.rounding: value \"Up\" was removed"),
            (
                "/properties/rounding/maxLength",
                Some(json!(8)),
                "v1alpha1.spec.rounding: maxLength tightened from nothing to 8",
            ),
            ("/required", Some(json!(["rates", "days"])), "v1alpha1.spec.days became required"),
            (
                "/properties/rates/x-kubernetes-list-type",
                Some(json!("map")),
                "v1alpha1.spec.rates: x-kubernetes-list-type changed from \"atomic\" to \"map\"",
            ),
            (
                "/properties/rates/items/properties/name/pattern",
                Some(json!("^b")),
                "v1alpha1.spec.rates[].name: pattern changed from \"^a\" to \"^b\"",
            ),
            (
                "/properties/labels/additionalProperties/maxLength",
                Some(json!(8)),
                "v1alpha1.spec.labels{}: maxLength tightened from 9 to 8",
            ),
            ("/properties/labels/enum", Some(json!([])), "v1alpha1.spec.labels: a closed set of values was added"),
            (
                "/x-kubernetes-validations",
                Some(json!([{"rule": "has(self.days)"}])),
                "v1alpha1.spec: rule added: has(self.days)",
            ),
        ];
        for (pointer, value, expected) in table {
            assert_eq!(after(&format!("{spec}{pointer}"), value), [expected], "{pointer}");
        }
    }

    #[test]
    fn what_only_admits_more_is_not_told() {
        let spec = "/properties/spec/properties";
        let table = [
            ("/note", Some(json!({"type": "string", "maxLength": 9}))),
            ("/days/maximum", Some(json!(366))),
            ("/days/minimum", None),
            ("/rounding/enum", Some(json!(["HalfUp", "HalfEven", "Up"]))),
            ("/rates/description", Some(json!("Rates."))),
        ];
        for (pointer, value) in table {
            assert_eq!(after(&format!("{spec}{pointer}"), value), Vec::<String>::new(), "{pointer}");
        }
    }

    #[test]
    fn versions_selectors_and_scope_are_kept() {
        let old = definition(&before());
        let mut new = old.clone();
        new["spec"]["scope"] = json!("Namespaced");
        new["spec"]["versions"][0]["served"] = json!(false);
        new["spec"]["versions"][0]["selectableFields"] = json!([]);
        assert_eq!(
            breaking_changes(&old, &new),
            [
                "/spec/scope changed from \"Cluster\" to \"Namespaced\"",
                "version v1alpha1 is no longer served",
                "field selector .spec.currency was removed"
            ]
        );
        new["spec"]["versions"][0]["name"] = json!("v1");
        assert!(breaking_changes(&old, &new).contains(&"version v1alpha1 was removed".to_owned()));
    }

    #[test]
    fn what_people_type_and_read_by_is_kept() {
        let old = definition(&before());
        let table = [
            ("/names/shortNames", json!(["tarf"]), "short name tar was removed"),
            ("/names/categories", json!([]), "category fourhundred was removed"),
            ("/versions/0/subresources", json!({}), "subresource status was removed"),
            ("/versions/0/additionalPrinterColumns/0/name", json!("Used"), "column Numbers was removed"),
            (
                "/versions/0/additionalPrinterColumns/0/jsonPath",
                json!(".status.used"),
                "column Numbers: jsonPath changed from \".status.numbers\" to \".status.used\"",
            ),
            (
                "/versions/0/additionalPrinterColumns/1/priority",
                json!(1),
                "column Age is shown with --output wide only",
            ),
        ];
        for (pointer, value, expected) in table {
            let mut new = old.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            new["spec"].pointer_mut(parent).unwrap()[key] = value;
            assert_eq!(breaking_changes(&old, &new), [expected], "{pointer}");
        }
        let mut more = old.clone();
        more["spec"]["names"]["shortNames"] = json!(["tar", "tariff"]);
        more["spec"]["versions"][0]["additionalPrinterColumns"].as_array_mut().unwrap().reverse();
        assert_eq!(breaking_changes(&old, &more), Vec::<String>::new());
    }
}
