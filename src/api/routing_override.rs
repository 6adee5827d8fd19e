//! `RoutingOverride` (rov): until an instant, send a number's calls elsewhere. A tenant's, or the portal's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refs::{LocalRef, ObjectKey};
use super::routing_target::OverrideTarget;
use super::schema::{closed_set, rule};
use super::{conditions, never_observed, scalars};

/// A change for a time.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "RoutingOverride",
    plural = "routingoverrides",
    shortname = "rov",
    category = "fourhundred",
    namespaced,
    status = "RoutingOverrideStatus",
    derive = "PartialEq",
    doc = "Until an instant, send a number's calls elsewhere, past its rules. An object of its own, so that Git and people at run time never fight over the number.",
    printcolumn(name = "Number", type_ = "string", json_path = ".spec.numberRef.name"),
    printcolumn(name = "Until", type_ = "string", json_path = ".spec.until"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.from", priority = 1),
    printcolumn(name = "Programmed", type_ = "string", json_path = ".status.conditions[?(@.type==\"Programmed\")].status", priority = 1),
    printcolumn(name = "Why", type_ = "string", json_path = ".spec.reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("!has(self.from) || self.from < self.until", "set `until` after `from`"))]
pub struct RoutingOverrideSpec {
    /// The FourHundredNumber, of the same namespace.
    pub number_ref: LocalRef,
    /// Where its calls go.
    pub to: OverrideTarget,
    /// When it begins, RFC 3339 with offset. Its creation when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::instant")]
    pub from: Option<String>,
    /// When it ends, RFC 3339 with offset. Required: an override without an end is a forgotten one.
    #[schemars(schema_with = "scalars::instant")]
    pub until: String,
    /// Why, for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<1024>")]
    pub reason: Option<String>,
}

/// What the operator tells of an override.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutingOverrideStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Whether it holds now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<OverrideState>,
    /// Accepted, ResolvedRefs, Programmed, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

/// Whether an override holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum OverrideState {
    /// Not yet begun.
    Pending,
    /// It holds.
    Active,
    /// Another with a later beginning holds instead.
    Superseded,
    /// Ended.
    Expired,
}

impl RoutingOverride {
    /// Where the override stands.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(
            self.metadata.namespace.clone().unwrap_or_default(),
            self.metadata.name.clone().unwrap_or_default(),
        )
    }
}
