//! Budgets and drift of the CustomResourceDefinitions.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{all, document, file_name, schema, schema_digest, yaml};
use crate::api::compat::breaking_changes;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

/// Calls `visit` with each schema below `schema` and its path.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, below) in properties {
            walk(&format!("{path}.{name}"), below, visit);
        }
    }
    for (key, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(below) = schema.get(key).filter(|below| below.is_object()) {
            walk(&format!("{path}{sign}"), below, visit);
        }
    }
}

/// Calls `visit` with each schema of each kind.
fn walk_all(mut visit: impl FnMut(&str, &Value)) {
    for crd in all() {
        walk(&crd.spec.names.kind, &schema(&crd), &mut visit);
    }
}

#[test]
fn committed_definitions_are_those_of_the_types() {
    let folder = folder();
    let rewrite = std::env::var_os("UPDATE_GOLDEN").is_some();
    let expected: Vec<PathBuf> = {
        let mut files: Vec<PathBuf> = all().iter().map(|crd| folder.join(file_name(crd))).collect();
        files.sort();
        files
    };
    for crd in all() {
        let path = folder.join(file_name(&crd));
        let text = yaml(&crd).unwrap();
        if rewrite {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} has drifted; run the test with UPDATE_GOLDEN=1", path.display());
    }
    assert_eq!(yaml_files(&folder), expected, "crds/ holds a file that no kind prints");
}

#[test]
fn no_definition_breaks_what_the_baseline_promised() {
    let baseline = yaml_files(&folder().join("baseline"));
    assert!(!baseline.is_empty(), "crds/baseline/ is empty");
    for path in baseline {
        let old: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let crds = all();
        let new = crds.iter().find(|crd| file_name(crd).as_str() == path.file_name().unwrap());
        let new = new.unwrap_or_else(|| panic!("{} has no kind any more", path.display()));
        assert_eq!(breaking_changes(&old, &document(new)), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn yaml_reads_back_as_what_was_written() {
    for crd in all() {
        let read: Value = serde_saphyr::from_str(&yaml(&crd).unwrap()).unwrap();
        assert_eq!(read, document(&crd), "{}", crd.spec.names.kind);
    }
}

#[test]
fn each_definition_is_below_200_kilobytes() {
    for crd in all() {
        let bytes = yaml(&crd).unwrap().len();
        assert!(bytes < 200_000, "{}: {bytes} bytes", crd.spec.names.kind);
    }
}

#[test]
fn the_digest_follows_the_schema() {
    let crds = all();
    let mut digests: Vec<&str> = crds.iter().map(|crd| schema_digest(crd).unwrap()).collect();
    assert!(digests.iter().all(|digest| digest.starts_with("sha256:")));
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 11);
}

#[test]
fn nothing_admits_null_and_no_format_is_unsigned() {
    walk_all(|path, schema| {
        assert!(schema.get("nullable").is_none(), "{path}");
        for key in ["anyOf", "oneOf", "allOf", "title"] {
            assert!(schema.get(key).is_none(), "{path} has {key}");
        }
        let values = schema.get("enum").and_then(Value::as_array);
        assert!(values.is_none_or(|values| !values.contains(&Value::Null)), "{path}");
        let format = schema.get("format").and_then(Value::as_str);
        assert!(matches!(format, None | Some("int32" | "int64" | "date-time")), "{path}: {format:?}");
    });
}

#[test]
fn everything_has_a_bound() {
    walk_all(|path, schema| {
        let has = |key: &str| schema.get(key).is_some();
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => assert!(has("maxLength") || has("enum"), "{path}: a string without maxLength"),
            Some("array") => {
                assert!(has("maxItems") && has("items"), "{path}: a list without maxItems");
                assert!(has("x-kubernetes-list-type"), "{path}: a list without list type");
            }
            Some("integer") => assert!(has("minimum") && has("maximum"), "{path}: an integer without bounds"),
            Some("object") if path.ends_with(".metadata") => {}
            Some("object") => {
                let map = has("additionalProperties") && has("maxProperties");
                assert!(has("properties") || map, "{path}: an object without properties or bound");
            }
            Some("boolean") => {}
            other => panic!("{path}: type {other:?}"),
        }
    });
}

/// Calls `visit` with each rule of each kind.
fn each_rule(mut visit: impl FnMut(&str, &Value)) {
    walk_all(|path, schema| {
        let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        rules.into_iter().flatten().for_each(|rule| visit(path, rule));
    });
}

/// Verbs with which a sentence tells its reader what to do.
const WHAT_TO_DO: &[&str] = &[
    "choose", "delete", "give", "keep", "list", "make", "move", "name", "put", "release", "remove", "restore", "set",
    "shorten", "swap", "write",
];

#[test]
fn every_rule_says_what_to_change() {
    let mut count = 0;
    each_rule(|path, rule| {
        let message = rule.get("message").and_then(Value::as_str).unwrap_or_default();
        let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).collect();
        let told = words.iter().any(|word| WHAT_TO_DO.contains(word));
        assert!(told && words.len() >= 4, "{path}: {message:?} tells nobody what to do");
        count += 1;
    });
    assert!(count > 100, "{count} rules");
}

#[test]
fn a_rule_about_the_shape_of_a_text_shows_one_that_would_pass() {
    let mut count = 0;
    each_rule(|path, rule| {
        let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (rule, message) = (text("rule"), text("message"));
        let Some(shape) = rule.strip_prefix("self.matches('").and_then(|rest| rest.strip_suffix("')")) else { return };
        let shape = regex::Regex::new(&shape.replace(r"\\", r"\")).unwrap();
        // A digest is too long to be shown: the sentence names the command that prints one.
        let shown = message.split([' ', ',', '`']).any(|word| word.len() > 1 && shape.is_match(word));
        assert!(shown && message.contains("such as") || message.contains("prints"), "{path}: {message:?}");
        count += 1;
    });
    assert!(count > 60, "{count} rules");
}

/// Structural errors hide those of rules: a text that has both shows the pattern alone.
#[test]
fn no_text_has_a_pattern_where_a_rule_could_speak() {
    walk_all(|path, schema| {
        let screened =
            [".spec.callers[]", ".screening.denyCallers[]", ".screening.denyAreas[]", ".screening.onlyAreas[]"];
        let may = path.contains(".status") || screened.iter().any(|list| path.ends_with(list));
        assert!(may || schema.get("pattern").is_none(), "{path}");
        let ruled = schema.get("x-kubernetes-validations").is_some();
        assert!(!ruled || schema.get("minLength").is_none(), "{path}");
    });
}

#[test]
fn what_the_operator_writes_has_no_rules() {
    walk_all(|path, schema| {
        let status = path.split('.').nth(1) == Some("status");
        assert!(!status || schema.get("x-kubernetes-validations").is_none(), "{path}");
    });
}

#[test]
fn every_field_is_described() {
    walk_all(|path, schema| {
        let item = path.ends_with("[]") || path.ends_with("{}") || path.ends_with(".metadata");
        assert!(item || schema.get("description").is_some(), "{path} has no description");
    });
}

#[test]
fn an_object_nobody_has_looked_at_is_not_current() {
    for crd in all().iter().filter(|crd| crd.spec.names.kind != "NumberClaim") {
        let default = schema(crd).pointer("/properties/status/default/observedGeneration").cloned();
        assert_eq!(default, Some(Value::from(-1)), "{}", crd.spec.names.kind);
    }
}
