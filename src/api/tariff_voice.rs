//! Prices of calls in a [`Tariff`](super::Tariff): when a call begins to cost, in which units, and the rates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::routing_schedule::DayName;
use super::scalars;
use super::schema::{closed_set, ordered, rule, set};

/// Prices of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoicePrices {
    /// When a call begins to cost. DestinationAnswer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_from: Option<ChargeFrom>,
    /// Units in which time is charged. 60 and 60 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increments: Option<Increments>,
    /// Rates in the order of evaluation: the first that matches decides, the last must match every call.
    #[schemars(
        transform = ordered(1, 64),
        transform = rule("!has(self[self.size() - 1].when)", "the last rate must match every call: remove its `when`"),
        transform = rule("self.all(rate, self.exists_one(other, other.name == rate.name))", "give each rate a name of its own")
    )]
    pub rates: Vec<Rate>,
}

/// When a call begins to cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum ChargeFrom {
    /// When a destination answers.
    #[default]
    DestinationAnswer,
    /// When the platform answers: a menu, a recording or a mailbox counts.
    PlatformAnswer,
}

/// Units in which time is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Increments {
    /// Seconds of the first unit.
    #[schemars(range(min = 1, max = 3600))]
    pub first_seconds: i32,
    /// Seconds of each further unit.
    #[schemars(range(min = 1, max = 3600))]
    pub next_seconds: i32,
}

/// A price of calls that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "!has(self.minimumCharge) || !has(self.volumeSteps)",
    "remove minimumCharge or volumeSteps: a least charge of each call and a discount on all of them do not go together"
))]
pub struct Rate {
    /// Name of the rate, unique in the version; charges name it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Which calls; every member must match. Every call when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<RateWhen>,
    /// Price of a minute, split between caller and enterprise.
    pub per_minute: PerMinute,
    /// Seconds of each call, from its answer on, that cost nothing. 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub free_seconds: Option<i32>,
    /// Least charge of a call that lasts beyond its free seconds. None when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub minimum_charge: Option<String>,
    /// Discounts by minutes that the rate charged in the month, for what lies beyond each step. Not beside minimumCharge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        transform = ordered(0, 16),
        transform = rule(
            "self.map(step, step.aboveMinutes).isSorted() && self.all(step, self.exists_one(other, other.aboveMinutes == step.aboveMinutes))",
            "list the steps upwards and each aboveMinutes once, such as 1000, then 5000"
        )
    )]
    pub volume_steps: Vec<VolumeStep>,
}

/// Which calls a rate prices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.distance) || has(self.destinationType) || has(self.timeOfDay)",
    "set a member of `when`, such as distance: [Local], or remove `when`: a rate without it prices every call"
))]
pub struct RateWhen {
    /// Distance classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(1, 3))]
    pub distance: Vec<Distance>,
    /// Kinds of line that answered; a service code is neither.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(1, 2))]
    pub destination_type: Vec<DestinationType>,
    /// Times at which the call begins; they price all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = ordered(1, 16))]
    pub time_of_day: Vec<RateTime>,
}

/// How far a call goes: the caller's local network (本地网) against the destination's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Distance {
    /// Both in one local network.
    Local,
    /// In two.
    LongDistance,
    /// One of them is not known.
    Unknown,
}

/// Kind of line that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DestinationType {
    Mobile,
    Fixed,
}

/// Times of a week, in the tariff's zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule("self.from != self.to", "make `to` differ from `from`: a range of no length holds no call"),
    transform = rule("self.from != '24:00'", "write 00:00 of the next day: a range cannot begin at 24:00"),
    transform = rule(
        "!self.days.exists(day, day in ['Workday', 'Weekend', 'Holiday'])",
        "name days of the week, such as Monday and Tuesday: a tariff has no calendar"
    )
)]
pub struct RateTime {
    /// Days on which the range begins.
    #[schemars(transform = set(1, 7))]
    pub days: Vec<DayName>,
    /// First minute, 00:00 to 23:59.
    #[schemars(schema_with = "scalars::time_of_day")]
    pub from: String,
    /// Minute after the last, up to 24:00; earlier than `from` runs past midnight.
    #[schemars(schema_with = "scalars::time_of_day")]
    pub to: String,
}

/// Price of a minute, split between caller and enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerMinute {
    /// What the caller's own operator charges; for information, outside every total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub caller: Option<String>,
    /// What the enterprise pays.
    #[schemars(schema_with = "scalars::money")]
    pub enterprise: String,
}

/// A discount from a number of minutes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStep {
    /// Minutes of the month above which it holds.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub above_minutes: i64,
    /// Percent taken off.
    #[schemars(schema_with = "scalars::percent")]
    pub percent_off: String,
}

impl VoicePrices {
    pub fn charge_from(&self) -> ChargeFrom {
        self.charge_from.unwrap_or_default()
    }

    pub fn increments(&self) -> Increments {
        self.increments.unwrap_or(Increments { first_seconds: 60, next_seconds: 60 })
    }
}
