//! What the operator tells of a number: the number it got, its conditions, and this month's usage and money.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{conditions, never_observed, scalars};

/// What the operator tells of a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FourHundredNumberStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// The number claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::number")]
    pub number: Option<String>,
    /// Its grade in the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::item_name")]
    pub grade: Option<String>,
    /// This month's calls and money, from the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Accepted, ResolvedRefs, Programmed, FullyEnforced, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

/// Calls and money of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The month, in the tariff's zone.
    #[schemars(schema_with = "scalars::month")]
    pub month: String,
    /// Calls by outcome.
    #[serde(default)]
    pub calls: CallCounts,
    /// Enterprise seconds after rounding up, as charged.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub charged_seconds: i64,
    /// Downlink messages by state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessageCounts>,
    /// Money, in yuan.
    #[serde(default)]
    pub charges: Charges,
    /// Records kept but not rated; the reason is in the event and the metric.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub unrated: i64,
    /// When these figures were read from the ledger.
    #[schemars(schema_with = "scalars::instant")]
    pub as_of: String,
}

/// Calls by outcome: distinct call ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    /// All.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub offered: i64,
    /// Answered by a destination.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub answered: i64,
    /// Refused by the platform, as reported by whoever refused.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub refused: i64,
    /// The rest.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub unanswered: i64,
}

/// Downlink messages by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageCounts {
    /// Handed to the carrier.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub submitted: i64,
    /// Delivered.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub delivered: i64,
    /// Failed.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub failed: i64,
    /// Without a report yet.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub pending: i64,
}

/// Money of a month, in yuan, by fee class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Charges {
    /// Set-up fee (开户费).
    #[schemars(schema_with = "scalars::signed_money")]
    pub setup: String,
    /// Calls and packages (通信费).
    #[schemars(schema_with = "scalars::signed_money")]
    pub voice: String,
    /// Messages (通信费).
    #[schemars(schema_with = "scalars::signed_money")]
    pub messages: String,
    /// Functions (功能使用费).
    #[schemars(schema_with = "scalars::signed_money")]
    pub functions: String,
    /// All of them.
    #[schemars(schema_with = "scalars::signed_money")]
    pub total: String,
}
