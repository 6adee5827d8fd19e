//! A price book as text: the spec of a Tariff as the ledger keeps it, by digest. Checked by [`PriceBook::new`].
//!
//! Members are in the contract's order and what is not written is not there, so the same tariff always gives the same
//! bytes. Money and dates stay text here; an unknown member is refused, because a price nobody understood is a wrong
//! bill.
//!
//! [`PriceBook::new`]: super::PriceBook::new

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::numbering::LineClass;
use crate::domain::rating::charge::{DistanceClass, PartialMonth};
use crate::domain::rating::money::Rounding;
use crate::domain::routing::document::Day;

/// An effective-dated price book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceBookDocument {
    /// `CNY`, which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// IANA name of the zone in which days and months begin; default Asia/Shanghai.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// In any order; no two begin on the same day.
    pub versions: Vec<VersionDocument>,
}

/// The prices from one day on, until the next version's day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionDocument {
    /// First day, `2026-01-01`, from 00:00 in the book's zone.
    pub effective_from: String,
    /// Of each charge line; default `HalfUp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// 开户费; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_fee: Option<String>,
    pub voice: VoiceDocument,
    /// 通信费 of downlink messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessagesDocument>,
    /// 功能使用费: the catalogue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionDocument>,
    /// Monthly bundles of enterprise minutes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_monthly: Option<MinimumMonthlyDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxDocument>,
}

/// 通信费 of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoiceDocument {
    /// Default `DestinationAnswer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_from: Option<ChargeFrom>,
    /// Default 60/60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increments: Option<IncrementsDocument>,
    /// First match; the last must match every call.
    pub rates: Vec<RateDocument>,
}

/// Which answer starts the enterprise's minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChargeFrom {
    /// A destination answered: each answered leg from its own answer.
    #[default]
    DestinationAnswer,
    /// A menu, a recording or a mailbox counts as answered: the caller's leg from there.
    PlatformAnswer,
}

/// Seconds of the first and of every further increment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncrementsDocument {
    pub first_seconds: i64,
    pub next_seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateDocument {
    pub name: String,
    /// Absent: every call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<WhenDocument>,
    pub per_minute: PerMinuteDocument,
    /// Seconds of each call that cost nothing, from its answer on; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_seconds: Option<i64>,
    /// Least charge, in yuan, of a call that lasts beyond its free seconds; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_charge: Option<String>,
    /// Discounts by minutes of the month, upwards; default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volume_steps: Vec<VolumeStepDocument>,
}

/// A discount and the minutes of the month beyond which it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeStepDocument {
    pub above_minutes: i64,
    /// `10`, `12.5`
    pub percent_off: String,
}

/// Every member that is present must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhenDocument {
    /// Empty: any distance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distance: Vec<DistanceClass>,
    /// Empty: any line, also one that is neither.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destination_type: Vec<LineClass>,
    /// Any of them; empty: at any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_of_day: Vec<TimeOfDayDocument>,
}

/// Times of a week in the book's zone. A range belongs to the day on which it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeOfDayDocument {
    pub days: Vec<Day>,
    /// `00:00` to `23:59`
    pub from: String,
    /// `00:01` to `24:00`, or earlier than `from`: past midnight.
    pub to: String,
}

/// Prices of a minute in yuan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PerMinuteDocument {
    /// What the caller pays to their own carrier: information only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    pub enterprise: String,
}

/// Prices of downlink messages in yuan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessagesDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_per_segment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mms_per_message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FunctionDocument {
    pub name: String,
    pub monthly: String,
    /// Default `Full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_month: Option<PartialMonth>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PackageDocument {
    pub name: String,
    pub monthly: String,
    pub minutes: i64,
    pub then_per_minute: String,
    /// Default `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_over: Option<RollOver>,
}

/// What becomes of a package's minutes that were not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RollOver {
    None,
    NextMonth,
}

/// 低消: which fees fill a number's minimum spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MinimumMonthlyDocument {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_month_exempt: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaxDocument {
    pub percent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included: Option<bool>,
}

impl PriceBookDocument {
    /// The digest of [`Self::canonical`]: the price book's name.
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }

    /// The document's JSON as the ledger and the plan keep it.
    pub fn canonical(&self) -> String {
        // Text keys and no floats of ours: the one thing that could fail is a float that is not finite, and JSON has
        // none.
        serde_json::to_string(self).unwrap_or_default()
    }
}
