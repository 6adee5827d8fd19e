//! The parts of the manual that are printed from code: every kind with its fields, every condition with its reasons. Pure.
//!
//! `docs/api.md` and `docs/conditions.md` hold exactly what is printed here; a test fails when they drift, and
//! `UPDATE_GOLDEN=1` rewrites them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::conditions::{self, ConditionKind};
use super::{GROUP, VERSION, crds};

const PRINTED: &str =
    "<!-- Printed from src/api; `UPDATE_GOLDEN=1 cargo test --lib api::reference` rewrites this page. -->\n";

const CONDITIONS_INTRODUCTION: &str = "\
Every object tells in `status.conditions` what became of it. A condition has a type, a status, one reason of a closed
set, and a sentence that says what to change. Types and reasons follow the Gateway API; `Reconciling` and `Stalled` are
kstatus's pair: they are there only while they hold, so that `kubectl wait`, Argo CD and Flux read the state of an
object without knowing its kind.

`observedGeneration` on a condition is the generation of the spec that it speaks of. `lastTransitionTime` moves only
when the status flips.
";

const API_INTRODUCTION: &str = "\
This page lists the kinds and the first level of their specs. Everything below is in the definitions themselves:

    kubectl explain fhn.spec.rules --recursive
    fourhundred crds

References between objects are written `somethingRef: {name: …}` and stay inside a namespace; only `gatewayRef` may name
another one. Money is text in yuan with at most six decimals (`\"0.15\"`), days are `\"2026-11-23\"`, times of day
`\"09:00\"` to `\"24:00\"`, instants RFC 3339 with an offset. Quote them, and phone numbers too: YAML reads `0755` as 493.
";

/// `docs/conditions.md`.
pub fn conditions_markdown() -> String {
    let introduction = format!("# Conditions and their reasons\n\n{PRINTED}\n{CONDITIONS_INTRODUCTION}");
    conditions::CONDITIONS.iter().fold(introduction, |page, kind| page + &condition_section(kind))
}

fn condition_section(kind: &ConditionKind) -> String {
    let rows: Vec<String> =
        kind.reasons.iter().map(|reason| format!("| `{}` | {} |\n", reason.name, cell(reason.doc))).collect();
    let rows = rows.concat();
    let repeats: Vec<String> = kind.repeats.iter().map(|type_| format!("`{type_}`")).collect();
    let repeats = match repeats.as_slice() {
        [] => String::new(),
        types => format!("\nAlso a reason of {}, where that is the cause.\n", types.join(", ")),
    };
    format!("\n## {}\n\n{}\n\n| reason | meaning |\n|---|---|\n{rows}{repeats}", kind.type_, kind.doc)
}

/// `docs/api.md`.
pub fn kinds_markdown() -> String {
    let definitions = crds::all();
    let rows: String = definitions.iter().map(kind_row).collect();
    let sections: String = definitions.iter().map(kind_section).collect();
    format!(
        "# Kinds of `{GROUP}/{VERSION}`\n\n{PRINTED}\n{API_INTRODUCTION}\n\
         | kind | short | scope |\n|---|---|---|\n{rows}{sections}"
    )
}

fn kind_row(definition: &CustomResourceDefinition) -> String {
    let names = &definition.spec.names;
    let short = names.short_names.clone().unwrap_or_default().join(", ");
    let (anchor, scope) = (names.kind.to_lowercase(), definition.spec.scope.to_lowercase());
    format!("| [{}](#{anchor}) | `{short}` | {scope} |\n", names.kind)
}

fn kind_section(definition: &CustomResourceDefinition) -> String {
    let schema = crds::schema(definition);
    let head = format!("\n## {}\n\n{}\n", definition.spec.names.kind, description(&schema));
    let Some(spec) = schema.pointer("/properties/spec") else { return head };
    let Some(members) = spec.get("properties").and_then(Value::as_object) else { return head };
    let is_required =
        |name: &str| spec.get("required").and_then(Value::as_array).is_some_and(|r| r.iter().any(|v| v == name));
    let (required, optional): (Vec<_>, Vec<_>) = members.iter().partition(|(name, _)| is_required(name));
    let rows = |members: Vec<(&String, &Value)>, word: &str| -> String {
        let row =
            |(name, member): (&String, &Value)| format!("| `{name}` | {word} | {} |\n", cell(description(member)));
        members.into_iter().map(row).collect()
    };
    format!("{head}\n| spec | | |\n|---|---|---|\n{}{}", rows(required, "required"), rows(optional, ""))
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn assert_committed(name: &str, printed: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, printed).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == printed, "{} has drifted; run the test with UPDATE_GOLDEN=1", path.display());
    }

    #[test]
    fn the_committed_pages_are_what_the_types_print() {
        assert_committed("conditions.md", &conditions_markdown());
        assert_committed("api.md", &kinds_markdown());
    }

    #[test]
    fn every_reason_of_every_condition_is_on_the_page() {
        let page = conditions_markdown();
        for kind in conditions::CONDITIONS {
            let (_, section) = page.split_once(&format!("\n## {}\n", kind.type_)).unwrap();
            let section = section.split("\n## ").next().unwrap();
            for reason in kind.reasons {
                assert!(section.contains(&format!("| `{}` |", reason.name)), "{} of {}", reason.name, kind.type_);
            }
        }
    }

    #[test]
    fn a_bar_in_a_description_does_not_end_its_cell() {
        assert_eq!(cell("UDP | TCP"), "UDP \\| TCP");
    }
}
