//! `Tariff` (tar): an effective-dated price book. The platform's; the split between caller and enterprise is in it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::function::Function;
use super::routing_schedule::DayName;
use super::schema::{closed_set, keyed, not_empty, ordered, rule, set};
use super::{DEFAULT_TIME_ZONE, conditions, never_observed, scalars};

/// A price book.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "Tariff",
    plural = "tariffs",
    shortname = "tar",
    category = "fourhundred",
    status = "TariffStatus",
    derive = "PartialEq",
    doc = "A price book: the three fee classes 开户费 (set-up), 通信费 (communication) and 功能使用费 (functions), in versions that each begin on a day and are never edited.",
    printcolumn(name = "Numbers", type_ = "integer", json_path = ".status.numbers", description = "Numbers that use it"),
    printcolumn(name = "Locked", type_ = "string", json_path = ".status.lockedThrough", description = "Versions up to this day are history"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.conditions[?(@.type==\"FullyEnforced\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.lockedThrough) || oldSelf.spec.versions.all(old, old.effectiveFrom > oldSelf.status.lockedThrough || self.spec.versions.exists(new, new.effectiveFrom == old.effectiveFrom))")
        .message("put the version back: one whose day has come (status.lockedThrough) cannot be withdrawn, add a later version instead"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.lockedThrough) || self.spec.versions.all(new, new.effectiveFrom > oldSelf.status.lockedThrough || oldSelf.spec.versions.exists(old, old.effectiveFrom == new.effectiveFrom))")
        .message("choose a later effectiveFrom: a version cannot begin on or before status.lockedThrough, calls of those days are already rated")
)]
#[serde(rename_all = "camelCase")]
pub struct TariffSpec {
    /// Currency of every amount. CNY when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Zone in which days and months begin. Asia/Shanghai when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::time_zone")]
    pub time_zone: Option<String>,
    /// Versions by the day on which each begins. One is never edited; a later one may be added, or withdrawn before
    /// its day.
    #[schemars(transform = keyed("effectiveFrom", 1, 24))]
    pub versions: Vec<TariffVersion>,
}

/// Currency of amounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    #[default]
    Cny,
}

/// Prices from one day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("self == oldSelf", "restore this version and add one with a later effectiveFrom: a version is never edited"))]
pub struct TariffVersion {
    /// First day on which these prices hold, in the tariff's zone.
    #[schemars(schema_with = "scalars::date")]
    pub effective_from: String,
    /// Rounding of each charge line to 0.000001 yuan. HalfUp when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Set-up fee (开户费): once per number and owner, never again on re-creation. None when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub setup_fee: Option<String>,
    /// Prices of calls (通信费).
    pub voice: VoicePrices,
    /// Prices of downlink messages (通信费); delivered ones only, never submitted ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessagePrices>,
    /// Monthly fees of functions (功能使用费): the catalogue. A number may use what it lists only by subscribing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 64))]
    pub functions: Vec<FunctionPrice>,
    /// Monthly bundles of enterprise minutes (套餐).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 64))]
    pub packages: Vec<Package>,
    /// Minimum spend (低消); the amount comes from the number's grade. None is asked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_monthly: Option<MinimumMonthly>,
    /// Tax on statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Tax>,
}

/// Rounding of a charge line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Rounding {
    /// To the nearest, a half away from zero.
    #[default]
    HalfUp,
    /// To the nearest, a half to the even digit.
    HalfEven,
    /// Always away from zero.
    Up,
}

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
pub struct Rate {
    /// Name of the rate, unique in the version; charges name it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Which calls; every member must match. Every call when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<RateWhen>,
    /// Price of a minute, split between caller and enterprise.
    pub per_minute: PerMinute,
    /// Seconds of each call that cost nothing. Not yet charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub free_seconds: Option<i32>,
    /// Least charge of an answered call. Not yet charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub minimum_charge: Option<String>,
    /// Discounts by minutes of the month, each from its step on. Not yet charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = ordered(0, 16))]
    pub volume_steps: Vec<VolumeStep>,
}

/// Which calls a rate prices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = not_empty)]
pub struct RateWhen {
    /// Distance classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(1, 3))]
    pub distance: Vec<Distance>,
    /// Kinds of line that answered. Not yet charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(1, 2))]
    pub destination_type: Vec<DestinationType>,
    /// Times at which the call begins. Not yet charged.
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
#[schemars(transform = rule("self.from != self.to", "make `to` differ from `from`: a range of no length holds no call"))]
pub struct RateTime {
    /// Days on which the range begins.
    #[schemars(transform = set(1, 10))]
    pub days: Vec<DayName>,
    /// First minute, `00:00` to `23:59`.
    #[schemars(schema_with = "scalars::time_of_day")]
    pub from: String,
    /// Minute after the last, up to `24:00`; earlier than `from` runs past midnight.
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

/// Prices of downlink messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = not_empty)]
pub struct MessagePrices {
    /// Price of one segment of a short message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub sms_per_segment: Option<String>,
    /// Price of one multimedia message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::money")]
    pub mms_per_message: Option<String>,
}

/// Monthly fee of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionPrice {
    /// The function.
    pub name: Function,
    /// Fee of a month.
    #[schemars(schema_with = "scalars::money")]
    pub monthly: String,
    /// What a part of a month costs. Full when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_month: Option<PartialMonth>,
}

/// What a part of a month costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum PartialMonth {
    /// The whole month, once however often toggled.
    #[default]
    Full,
    /// Days held, both ends included, by days of the month.
    Daily,
}

/// A monthly bundle of enterprise minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Name by which numbers choose it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Fee of a month, due in full at its start or when the number is first bound.
    #[schemars(schema_with = "scalars::money")]
    pub monthly: String,
    /// Enterprise minutes included, of every distance class.
    #[schemars(range(min = 0, max = 100_000_000))]
    pub minutes: i64,
    /// Price of a minute beyond them.
    #[schemars(schema_with = "scalars::money")]
    pub then_per_minute: String,
    /// What becomes of unused minutes. None when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_over: Option<RollOver>,
}

/// What becomes of unused minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum RollOver {
    /// They lapse.
    #[default]
    None,
    /// They can be used up in the next month. Not yet charged.
    NextMonth,
}

/// How minimum spend is counted. Not yet charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinimumMonthly {
    /// Which fees fill the minimum; set-up fees never do.
    #[schemars(transform = set(1, 3))]
    pub counts: Vec<FeeKind>,
    /// Whether the month of the claim is exempt. False when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_month_exempt: Option<bool>,
}

/// A fee that can fill the minimum spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FeeKind {
    Voice,
    Messages,
    Functions,
}

/// Tax on statements. Not yet charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tax {
    /// Rate in percent.
    #[schemars(schema_with = "scalars::percent")]
    pub percent: String,
    /// Whether prices contain it already. True when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included: Option<bool>,
}

/// What the operator tells of a price book.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TariffStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Numbers that use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub numbers: Option<i64>,
    /// Versions that begin on or before this day are history: none may appear or vanish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::date")]
    pub locked_through: Option<String>,
    /// Accepted, FullyEnforced, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

impl TariffSpec {
    pub fn time_zone(&self) -> &str {
        self.time_zone.as_deref().unwrap_or(DEFAULT_TIME_ZONE)
    }

    /// The version in force on a day such as `2026-11-23`: the latest that has begun. Dates of this form order as
    /// text.
    pub fn version_on(&self, day: &str) -> Option<&TariffVersion> {
        self.versions
            .iter()
            .filter(|version| version.effective_from.as_str() <= day)
            .max_by_key(|version| version.effective_from.as_str())
    }
}

impl TariffVersion {
    pub fn rounding(&self) -> Rounding {
        self.rounding.unwrap_or_default()
    }
}

impl VoicePrices {
    pub fn charge_from(&self) -> ChargeFrom {
        self.charge_from.unwrap_or_default()
    }

    pub fn increments(&self) -> Increments {
        self.increments.unwrap_or(Increments { first_seconds: 60, next_seconds: 60 })
    }
}

impl FunctionPrice {
    pub fn partial_month(&self) -> PartialMonth {
        self.partial_month.unwrap_or_default()
    }
}

impl Package {
    pub fn roll_over(&self) -> RollOver {
        self.roll_over.unwrap_or_default()
    }
}
