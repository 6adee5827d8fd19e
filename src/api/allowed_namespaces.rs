//! Which namespaces' numbers may attach to a gateway, as in the Gateway API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalars;
use super::schema::{closed_set, ordered, rule, set_of};

/// Which namespaces' numbers may attach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("(self.from == 'Selector') == has(self.selector)", "give a selector with from: Selector, and only then"))]
pub struct AllowedNamespaces {
    /// Which namespaces.
    pub from: NamespacesFrom,
    /// Labels of namespaces, with `from: Selector`. Select on kubernetes.io/metadata.name: other labels may be in
    /// others' hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

/// Which namespaces may attach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum NamespacesFrom {
    /// The gateway's own.
    #[default]
    Same,
    /// Every one.
    All,
    /// Those whose labels the selector matches.
    Selector,
}

/// A label selector over namespaces: every member must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.matchLabels) || has(self.matchExpressions)",
    "set matchLabels or matchExpressions: for every namespace write `from: All` and no selector"
))]
pub struct NamespaceSelector {
    /// Labels with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "match_labels")]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements on labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = ordered(0, 16))]
    pub match_expressions: Vec<LabelRequirement>,
}

fn match_labels(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "maxProperties": 16, "additionalProperties": scalars::label_value(generator)})
}

/// A requirement on one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    "give values with the operators In and NotIn, and only with these"
))]
pub struct LabelRequirement {
    /// Key of the label.
    #[schemars(schema_with = "scalars::label_key")]
    pub key: String,
    /// What is asked of its value.
    pub operator: LabelOperator,
    /// Values, for In and NotIn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::label_value, 0, 64))]
    pub values: Vec<String>,
}

/// What is asked of a label's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl NamespaceSelector {
    /// Whether a namespace with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let exact = self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        exact && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }
}

impl LabelRequirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            LabelOperator::In => value.is_some_and(|value| self.values.contains(value)),
            // Kubernetes takes a label that is not there for one that has another value.
            LabelOperator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_matches_as_kubernetes_selectors_do() {
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let tenant: BTreeMap<String, String> = labels(&[("kubernetes.io/metadata.name", "acme"), ("tier", "gold")]);
        let table = [
            ("In", "tier", vec!["gold", "silver"], true),
            ("In", "region", vec!["north"], false),
            ("NotIn", "tier", vec!["gold"], false),
            ("NotIn", "region", vec!["north"], true),
            ("Exists", "tier", vec![], true),
            ("DoesNotExist", "tier", vec![], false),
            ("DoesNotExist", "region", vec![], true),
        ];
        for (operator, key, values, expected) in table {
            let selector: NamespaceSelector = serde_json::from_value(serde_json::json!({
                "matchLabels": {"kubernetes.io/metadata.name": "acme"},
                "matchExpressions": [{"key": key, "operator": operator, "values": values}],
            }))
            .unwrap();
            assert_eq!(selector.matches(&tenant), expected, "{operator} {key}");
            assert!(!selector.matches(&labels(&[("tier", "gold")])), "matchLabels must hold too");
        }
    }
}
