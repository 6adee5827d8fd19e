//! `CallerList` (clist): callers by name (名单), for rules of numbers to ask for. A tenant's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::ordered_of;
use super::{conditions, never_observed, scalars};

/// A list of callers.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "CallerList",
    plural = "callerlists",
    shortname = "clist",
    category = "fourhundred",
    namespaced,
    status = "CallerListStatus",
    derive = "PartialEq",
    doc = "Up to 100,000 callers under one name, for rules of numbers in the same namespace to ask for with `when.callerLists`. Apply a long list with `kubectl apply --server-side`: client-side apply keeps a second copy in an annotation, which may not be longer than 256 KiB.",
    printcolumn(name = "Callers", type_ = "integer", json_path = ".status.callers", description = "Callers on the list, each counted once"),
    printcolumn(name = "Numbers", type_ = "integer", json_path = ".status.usedBy", description = "Numbers with a rule that asks for it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Programmed", type_ = "string", json_path = ".status.conditions[?(@.type==\"Programmed\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
pub struct CallerListSpec {
    /// Callers: digits of the national form with an optional final `*`, such as 13900001111 or 0105555*. An empty list
    /// has nobody on it. Replaced as a whole by whoever applies it.
    #[schemars(transform = ordered_of(scalars::denied_caller, 0, 100_000))]
    pub callers: Vec<String>,
}

/// What the operator tells of a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerListStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Callers on the list, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub callers: Option<i64>,
    /// Numbers with a rule that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub used_by: Option<i64>,
    /// Accepted, Programmed, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}
