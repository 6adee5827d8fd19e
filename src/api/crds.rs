//! The CustomResourceDefinitions: what `fourhundred crds` prints and `crds/` holds. Pure.
//!
//! kube derives them from the types; here they are brought into the form the API server should have: no `null` beside
//! an optional field, no unsigned formats, no defaults but the status's, and a digest by which an operator sees that
//! the installed one is another.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NEVER_OBSERVED, NumberClaim, NumberPool,
    RoutingOverride, RoutingSchedule, Tariff, Tenant,
};
use crate::domain::digest::Digest;

/// Annotation on each CustomResourceDefinition: the digest of its spec as generated.
pub const SCHEMA_DIGEST: &str = "fourhundred.io/schema-digest";

const HEADER: &str = "# Printed by `fourhundred crds` from src/api; change it there.\n";

/// Every CustomResourceDefinition, platform's first, each with its digest.
pub fn all() -> Vec<CustomResourceDefinition> {
    [
        CallGateway::crd(),
        Tariff::crd(),
        NumberPool::crd(),
        NumberClaim::crd(),
        HolidayCalendar::crd(),
        Tenant::crd(),
        Approval::crd(),
        FourHundredNumber::crd(),
        RoutingSchedule::crd(),
        RoutingOverride::crd(),
        CallerList::crd(),
    ]
    .into_iter()
    .map(finish)
    .collect()
}

/// The digest that the definition carries: that of an operator's own [`all`], or of what is installed.
pub fn schema_digest(crd: &CustomResourceDefinition) -> Option<&str> {
    crd.metadata.annotations.as_ref()?.get(SCHEMA_DIGEST).map(String::as_str)
}

/// Name of the file in `crds/` that holds the definition.
pub fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

/// The definition as YAML, the same bytes for the same types.
pub fn yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser_error::Error> {
    Ok(format!("{HEADER}{}", serde_saphyr::to_string(&document(crd))?))
}

/// The definition as JSON, with whole numbers written as such.
pub fn document(crd: &CustomResourceDefinition) -> Value {
    let mut document = serde_json::to_value(crd).unwrap_or_default();
    write_whole_numbers(&mut document);
    document
}

/// The OpenAPI schema of the definition's only version, with whole numbers written as such.
pub fn schema(crd: &CustomResourceDefinition) -> Value {
    document(crd).pointer_mut("/spec/versions/0/schema/openAPIV3Schema").map(Value::take).unwrap_or_default()
}

fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(schema) = version.schema.as_mut().and_then(|validation| validation.open_api_v3_schema.as_mut()) else {
            continue;
        };
        *schema = tidy_root(schema);
    }
    let digest = Digest::of_json(&document(&crd).pointer("/spec"));
    crd.metadata.annotations.get_or_insert_default().insert(SCHEMA_DIGEST.to_owned(), digest.to_string());
    crd
}

fn tidy_root(schema: &JSONSchemaProps) -> JSONSchemaProps {
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    tidy(&mut value);
    if let Some(status) = value.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
        status.insert("default".to_owned(), json!({"observedGeneration": NEVER_OBSERVED}));
        status.values_mut().for_each(without_rules);
    }
    // Each key was read from this very type a moment ago, so that it can be read again; the tests walk the outcome.
    serde_json::from_value(value).unwrap_or_else(|_| schema.clone())
}

/// Takes the rules out of what only the operator writes: a sentence there would have no reader, and the scalars that
/// spec and status share keep their bounds.
fn without_rules(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("x-kubernetes-validations");
            members.values_mut().for_each(without_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rules),
        _ => {}
    }
}

/// Brings a schema and all below it into form.
fn tidy(value: &mut Value) {
    let Some(schema) = value.as_object_mut() else { return };
    schema.remove("nullable");
    schema.remove("default");
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    let signed = match schema.get("format").and_then(Value::as_str) {
        Some("uint8" | "uint16" | "uint32" | "int8" | "int16") => Some("int32"),
        Some("uint" | "uint64") => Some("int64"),
        _ => None,
    };
    if let Some(signed) = signed {
        schema.insert("format".to_owned(), signed.into());
    }
    describe(schema);
    for key in ["items", "additionalProperties"] {
        if let Some(below) = schema.get_mut(key) {
            tidy(below);
        }
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tidy);
    }
}

/// Joins the lines of a description and puts the docs of an enum's values, which travel in `title`, behind it.
fn describe(schema: &mut Map<String, Value>) {
    // The root's title is the kind's name, which says nothing new.
    let title = schema.remove("title").filter(|_| schema.contains_key("enum"));
    let texts = [schema.remove("description"), title];
    let text: Vec<String> =
        texts.iter().flatten().filter_map(Value::as_str).map(|text| text.trim().replace('\n', " ")).collect();
    let text = text.join(" ").replace("[`", "`").replace("`]", "`");
    if !text.is_empty() {
        schema.insert("description".to_owned(), text.into());
    }
}

/// Rewrites 1.0 as 1: bounds are floating point in the API's types, and whole in every field of ours.
fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // i64 cannot hold every f64; a bound that large is no bound of ours and stays as it is.
            #[allow(clippy::cast_possible_truncation)]
            if let Some(float) =
                number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 9.1e15)
            {
                *number = (float as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers),
        _ => {}
    }
}

#[cfg(test)]
#[path = "crds_tests.rs"]
mod tests;
