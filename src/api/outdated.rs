//! What an installed CustomResourceDefinition lacks of this build's: an API server prunes or refuses it. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::crds;

/// The fields and values of `ours` that `installed` does not know, as paths such as `spec.listeners[].forceRport`.
/// Nothing lacking: it is as new, or newer.
pub fn lacking(ours: &CustomResourceDefinition, installed: &CustomResourceDefinition) -> Vec<String> {
    let (ours, installed) = (crds::document(ours), crds::document(installed));
    let mut lacking = Vec::new();
    for version in versions(&ours) {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        let same = versions(&installed).find(|other| other.get("name") == version.get("name"));
        match (schema(version), same.and_then(schema)) {
            (Some(wanted), Some(known)) => walk("", wanted, known, &mut lacking),
            (Some(_), None) => lacking.push(format!("version {name}")),
            (None, _) => {}
        }
    }
    lacking
}

fn versions(crd: &Value) -> impl Iterator<Item = &Value> {
    crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten()
}

fn schema(version: &Value) -> Option<&Value> {
    version.pointer("/schema/openAPIV3Schema")
}

fn walk(path: &str, wanted: &Value, known: &Value, lacking: &mut Vec<String>) {
    if known.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true)) {
        return;
    }
    if let (Some(wanted), Some(known)) = (values(wanted), values(known)) {
        lacking.extend(wanted.iter().filter(|value| !known.contains(value)).map(|value| format!("{path}: {value}")));
    }
    for (name, below) in wanted.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match known.get("properties").and_then(|properties| properties.get(name)) {
            Some(known) => walk(&path, below, known, lacking),
            None => lacking.push(path),
        }
    }
    for (key, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let (Some(wanted), Some(known)) = (wanted.get(key), known.get(key)) {
            walk(&format!("{path}{sign}"), wanted, known, lacking);
        }
    }
}

fn values(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("enum").and_then(Value::as_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> CustomResourceDefinition {
        crds::all().into_iter().find(|crd| crd.spec.names.kind == "CallGateway").expect("the kind")
    }

    fn edited(edit: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
        let mut document = crds::document(&gateway());
        edit(document.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec").expect("its spec"));
        serde_json::from_value(document).expect("a definition")
    }

    #[test]
    fn an_older_one_lacks_fields_or_values_of_ours_and_a_newer_one_nothing() {
        assert_eq!(lacking(&gateway(), &gateway()), Vec::<String>::new());
        let older = edited(|spec| {
            let listener = spec.pointer_mut("/properties/listeners/items/properties").expect("listeners");
            listener.as_object_mut().expect("properties").remove("forceRport");
            let mode = spec.pointer_mut("/properties/mode/enum").expect("modes").as_array_mut().expect("values");
            mode.retain(|value| value != "Proxy");
        });
        assert_eq!(lacking(&gateway(), &older), ["spec.listeners[].forceRport", "spec.mode: \"Proxy\""]);
        // The other way round it is the newer one.
        assert_eq!(lacking(&older, &gateway()), Vec::<String>::new());
    }
}
