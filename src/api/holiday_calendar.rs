//! `HolidayCalendar` (hcal): statutory days off and make-up working days (调休), year by year. The platform's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{keyed, rule, set, set_of};
use super::{conditions, never_observed, scalars};

/// A calendar of days off.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "HolidayCalendar",
    plural = "holidaycalendars",
    shortname = "hcal",
    category = "fourhundred",
    status = "HolidayCalendarStatus",
    derive = "PartialEq",
    doc = "Statutory days off and make-up working days per year, with the notice they come from. In a year that is not listed Monday to Friday are working days and the rest is weekend.",
    printcolumn(name = "Years", type_ = "string", json_path = ".status.years", description = "Years covered"),
    printcolumn(name = "Complete", type_ = "string", json_path = ".status.conditions[?(@.type==\"Complete\")].status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Complete\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
pub struct HolidayCalendarSpec {
    /// Years, each in full.
    #[schemars(transform = keyed("year", 1, 20))]
    pub years: Vec<CalendarYear>,
}

/// Days of one year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule("!has(self.daysOff) || self.daysOff.all(day, int(day.substring(0, 4)) == self.year)", "move each day off to the year it lies in"),
    transform = rule("!has(self.makeUpWorkdays) || self.makeUpWorkdays.all(day, int(day.substring(0, 4)) == self.year)", "move each make-up working day to the year it lies in"),
    transform = rule(
        "!has(self.daysOff) || !has(self.makeUpWorkdays) || !self.makeUpWorkdays.exists(day, day in self.daysOff)",
        "keep each day in one list: it is a day off or a make-up working day"
    )
)]
pub struct CalendarYear {
    /// The year.
    #[schemars(range(min = 2000, max = 2999))]
    pub year: i32,
    /// The notice that the days come from: an address or a document number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<512>")]
    pub notice: Option<String>,
    /// Statutory days off, Saturdays and Sundays among them included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::date, 0, 60))]
    pub days_off: Vec<String>,
    /// Make-up working days (调休): Saturdays and Sundays that are worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::date, 0, 60))]
    pub make_up_workdays: Vec<String>,
}

/// What the operator tells of a calendar.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HolidayCalendarStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Years covered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(0, 20), inner(range(min = 0, max = 9999)))]
    pub years: Vec<i32>,
    /// Accepted, Complete, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}
