//! `Tariff` (tar): an effective-dated price book. The platform's; the split between caller and enterprise is in it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::function::Function;
use super::schema::{closed_set, keyed, rule, set};
pub use super::tariff_voice::{
    ChargeFrom, DestinationType, Distance, Increments, PerMinute, Rate, RateTime, RateWhen, VoicePrices, VolumeStep,
};
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
    /// Prices of downlink messages (通信费); delivered ones only, never submitted ones. Not served yet: told as
    /// FullyEnforced=False, NotYetCharged.
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
    /// Tax on statements. Not served yet: told as FullyEnforced=False, NotYetCharged.
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

/// Prices of downlink messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.smsPerSegment) || has(self.mmsPerMessage)",
    "set smsPerSegment or mmsPerMessage, or remove messages"
))]
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
    /// They can be used up in the next month, before its own, and lapse with it.
    NextMonth,
}

/// How minimum spend is counted.
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

/// Tax on statements.
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
