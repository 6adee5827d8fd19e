//! The JSON paths that printer columns are written in: `.a.b` and `[?(@.key=="value")]`. Pure.

use serde_json::Value;

/// The first value at `path`, as kubectl finds it. `None` also for a path in a form that no column uses.
pub(super) fn find<'a>(path: &str, object: &'a Value) -> Option<&'a Value> {
    let mut value = object;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(filter) = rest.strip_prefix("[?(@.") {
            let (condition, after) = filter.split_once(")]")?;
            let (key, wanted) = condition.split_once("==")?;
            let wanted = wanted.trim_matches(['"', '\'']);
            value = value.as_array()?.iter().find(|item| item.get(key).and_then(Value::as_str) == Some(wanted))?;
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            value = value.get(name)?;
            rest = after;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::crds;
    use serde_json::json;

    #[test]
    fn members_and_filters_are_followed() {
        let object = json!({"status": {"conditions": [
            {"type": "Accepted", "status": "False"}, {"type": "Ready", "status": "True"}], "size": 7}});
        let found = |path| find(path, &object).cloned();
        assert_eq!(found(".status.size"), Some(json!(7)));
        assert_eq!(found(r#".status.conditions[?(@.type=="Ready")].status"#), Some(json!("True")));
        assert_eq!(found(r#".status.conditions[?(@.type=="Stalled")].status"#), None);
        assert_eq!(found(".status.usage.total"), None);
    }

    #[test]
    fn every_printer_column_has_a_path_of_a_known_form() {
        let conditions = json!(
            ["Ready", "Accepted", "Programmed", "FullyEnforced", "LedgerAvailable", "Complete"]
                .map(|name| json!({"type": name, "status": "True", "reason": "R"}))
        );
        for crd in crds::all() {
            for column in
                crd.spec.versions.iter().flat_map(|version| version.additional_printer_columns.iter().flatten())
            {
                let object = if column.json_path.contains('[') {
                    json!({"status": {"conditions": conditions}})
                } else {
                    column
                        .json_path
                        .rsplit('.')
                        .filter(|name| !name.is_empty())
                        .fold(json!("x"), |value, name| json!({name: value}))
                };
                assert!(find(&column.json_path, &object).is_some(), "{}", column.json_path);
            }
        }
    }
}
