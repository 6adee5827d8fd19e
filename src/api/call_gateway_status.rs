//! What the operator tells of a gateway: where it is reached, who serves its plan, and its conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::keyed;
use super::{conditions, never_observed, scalars};

/// What the operator tells of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallGatewayStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Where each listener is reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("listener", 0, 16))]
    pub addresses: Vec<ListenerAddress>,
    /// Numbers attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub attached_numbers: Option<i64>,
    /// The plan and how many routers serve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Workers by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 16))]
    pub workers: Vec<WorkerStatus>,
    /// Accepted, Programmed, LedgerAvailable, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

/// Where a listener is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerAddress {
    /// Name of the listener.
    #[schemars(schema_with = "scalars::item_name")]
    pub listener: String,
    /// Address and port.
    #[schemars(schema_with = "scalars::free_text::<300>")]
    pub value: String,
}

/// The plan and who serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Digest over all parts of the plan.
    #[schemars(schema_with = "scalars::digest")]
    pub digest: String,
    /// Ready routers that serve this digest.
    #[schemars(range(min = 0, max = 10_000))]
    pub loaded_by: i32,
    /// Ready routers.
    #[schemars(range(min = 0, max = 10_000))]
    pub of: i32,
}

/// Workers of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// router or biller.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Workers ready.
    #[schemars(range(min = 0, max = 10_000))]
    pub ready: i32,
    /// Workers asked for.
    #[schemars(range(min = 0, max = 10_000))]
    pub desired: i32,
}
