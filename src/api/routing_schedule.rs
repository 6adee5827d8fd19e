//! `RoutingSchedule` (rsch): a timetable (时间表) that turns an instant into the name of a period. A tenant's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refs::{LocalRef, ObjectKey};
use super::schema::{closed_set, ordered, rule, set};
use super::{DEFAULT_TIME_ZONE, conditions, never_observed, scalars};

/// A timetable.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "RoutingSchedule",
    plural = "routingschedules",
    shortname = "rsch",
    category = "fourhundred",
    namespaced,
    status = "RoutingScheduleStatus",
    derive = "PartialEq",
    doc = "A timetable: it turns an instant into the name of a period; the rules of numbers say what a period means.",
    printcolumn(name = "Current", type_ = "string", json_path = ".status.current", description = "Period of this moment"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.next.period", description = "Period that follows"),
    printcolumn(name = "At", type_ = "string", json_path = ".status.next.at", description = "When it begins"),
    printcolumn(name = "Used by", type_ = "integer", json_path = ".status.usedBy", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
pub struct RoutingScheduleSpec {
    /// Zone of every date and time of day. Asia/Shanghai when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::time_zone")]
    pub time_zone: Option<String>,
    /// HolidayCalendar that says which days are off. Without it Monday to Friday are working days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar_ref: Option<LocalRef>,
    /// Periods. At an instant dates beat a make-up working day, that beats a statutory holiday, that beats weekdays;
    /// two periods of one rank that could both hold are refused.
    #[schemars(
        transform = ordered(1, 32),
        transform = rule("self.all(period, self.exists_one(other, other.name == period.name))", "give each period a name of its own")
    )]
    pub periods: Vec<Period>,
    /// The period of every other instant.
    #[schemars(schema_with = "scalars::item_name")]
    pub otherwise: String,
}

/// A named part of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// Name that rules use.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// When it holds.
    #[schemars(transform = ordered(1, 64))]
    pub at: Vec<TimeRange>,
}

/// A range of time of day on some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule("has(self.dates) != has(self.days)", "set exactly one of dates and days"),
    transform = rule("self.from != self.to", "make `to` differ from `from`, such as 00:00 to 24:00 for the whole day"),
    transform = rule("self.from != '24:00'", "write 00:00 of the next day: a range cannot begin at 24:00")
)]
pub struct TimeRange {
    /// Dates on which the range begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateRange>,
    /// Days on which the range begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(1, 10))]
    pub days: Vec<DayName>,
    /// First minute, 00:00 to 23:59.
    #[schemars(schema_with = "scalars::time_of_day")]
    pub from: String,
    /// Minute after the last, up to 24:00; earlier than `from` runs past midnight and belongs to the day it starts on.
    #[schemars(schema_with = "scalars::time_of_day")]
    pub to: String,
}

/// Dates, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("self.first <= self.last", "swap first and last: dates run forwards"))]
pub struct DateRange {
    /// First day.
    #[schemars(schema_with = "scalars::date")]
    pub first: String,
    /// Last day.
    #[schemars(schema_with = "scalars::date")]
    pub last: String,
}

/// A day of the week, or a kind of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum DayName {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
    /// A make-up working day, or Monday to Friday that is not off.
    Workday,
    /// Saturday or Sunday that is neither worked nor off.
    Weekend,
    /// A statutory day off.
    Holiday,
}

/// What the operator tells of a timetable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutingScheduleStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Period of this moment; told only where numbers use the timetable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::item_name")]
    pub current: Option<String>,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextPeriod>,
    /// Numbers that use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub used_by: Option<i64>,
    /// Accepted, ResolvedRefs, Programmed, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

/// The change that comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextPeriod {
    /// Name of the period.
    #[schemars(schema_with = "scalars::item_name")]
    pub period: String,
    /// When it begins.
    #[schemars(schema_with = "scalars::instant")]
    pub at: String,
}

impl RoutingSchedule {
    /// Where the timetable stands.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(
            self.metadata.namespace.clone().unwrap_or_default(),
            self.metadata.name.clone().unwrap_or_default(),
        )
    }
}

impl RoutingScheduleSpec {
    pub fn time_zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or(DEFAULT_TIME_ZONE)
    }
}
