//! `NumberPool` (npool): ranges of one carrier's numbers and their vanity grades. The platform's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{closed_set, keyed, ordered, rule, set_of};
use super::{conditions, never_observed, scalars};

/// An inventory of numbers.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "NumberPool",
    plural = "numberpools",
    shortname = "npool",
    category = "fourhundred",
    status = "NumberPoolStatus",
    derive = "PartialEq",
    doc = "An inventory of 400 numbers of one carrier: ranges, reserved numbers, and grades (靓号) by pattern, each with its minimum spend and term.",
    printcolumn(name = "Size", type_ = "integer", json_path = ".status.size"),
    printcolumn(name = "Free", type_ = "integer", json_path = ".status.free"),
    printcolumn(name = "Claimed", type_ = "integer", json_path = ".status.claimed"),
    printcolumn(name = "Cooling", type_ = "integer", json_path = ".status.cooling"),
    printcolumn(name = "Carrier", type_ = "string", json_path = ".spec.carrier", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
pub struct NumberPoolSpec {
    /// Whose numbers these are; every range must lie in that carrier's prefixes.
    pub carrier: Carrier,
    /// Ranges of numbers, both ends included. Ranges of all pools must not overlap.
    #[schemars(transform = keyed("first", 1, 64))]
    pub ranges: Vec<NumberRange>,
    /// Numbers that nobody can claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::number, 0, 1000))]
    pub reserved: Vec<String>,
    /// Days for which a released number rests before another tenant can claim it. 180 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3650))]
    pub cooling_days: Option<i32>,
    /// Grades in the order of evaluation: the first whose pattern matches is the number's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        transform = ordered(0, 64),
        transform = rule("self.all(grade, self.exists_one(other, other.name == grade.name))", "give each grade a name of its own")
    )]
    pub grades: Vec<Grade>,
}

/// Whose numbers a pool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Carrier {
    /// 4001 and 4007.
    ChinaMobile,
    /// 4000 and 4006.
    ChinaUnicom,
    /// 4008 and 4009.
    ChinaTelecom,
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("self.first <= self.last", "swap first and last: a range runs upwards"))]
pub struct NumberRange {
    /// First number, ten digits.
    #[schemars(schema_with = "scalars::number")]
    pub first: String,
    /// Last number, ten digits, part of the range.
    #[schemars(schema_with = "scalars::number")]
    pub last: String,
}

/// A vanity grade (靓号等级).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grade {
    /// Name of the grade.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Pattern, matched at the end of the number: a digit is itself, `?` any digit, equal letters equal digits and
    /// different letters different digits; three or more consecutive letters each used once (ABC, DCBA) are an
    /// ascending or descending run; `*` alone matches every number.
    #[schemars(schema_with = "scalars::number_pattern")]
    pub pattern: String,
    /// Minimum spend of a month, where the tariff asks for one (`minimumMonthly`). None when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub minimum_monthly: Option<String>,
    /// Months for which the number is taken at least. None when absent. Not served yet: nothing is charged when a number
    /// is released early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 600))]
    pub term_months: Option<i32>,
}

/// What the operator tells of a pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberPoolStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Numbers in the ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub size: Option<i64>,
    /// Numbers held by a FourHundredNumber.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub claimed: Option<i64>,
    /// Released numbers that rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub cooling: Option<i64>,
    /// Numbers that can be claimed: neither claimed, cooling nor reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub free: Option<i64>,
    /// Accepted, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

impl NumberPoolSpec {
    pub const DEFAULT_COOLING_DAYS: i32 = 180;

    pub fn cooling_days(&self) -> i32 {
        self.cooling_days.unwrap_or(Self::DEFAULT_COOLING_DAYS)
    }
}
