//! Charge lines: what the ledger books, with all that a reader needs to compute the amount again.
//!
//! A line is booked at most once because its [`ChargeKey`] is unique in the ledger. It names the price book by digest,
//! the version by its first day and the price by its name, so a statement can be recomputed to the last digit. Lines
//! are stored as JSON; their field names are part of the ledger's format.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::money::{MicroYuan, Rounding};
use super::volume::VolumeSteps;
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::numbering::{Area, FourHundred};

/// The three classes of fees (资费) that a bill has, and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FeeClass {
    /// 开户费: once per number and tenant.
    Setup,
    /// 通信费: calls, packages of minutes, downlink messages, minimum spend.
    Communication,
    /// 功能使用费: value-added functions, by the month.
    Function,
}

/// The totals that a number's status shows (`usage.charges`), and which of them a line adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Total {
    Setup,
    /// Calls, packages of minutes and what tops a month up.
    Voice,
    Functions,
}

/// Local (市话) or long distance (长途): the caller's area against that of the leg's destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DistanceClass {
    Local,
    LongDistance,
    /// One of the two areas is not known: neither of the others.
    Unknown,
}

impl DistanceClass {
    /// The class of a leg between two areas.
    pub fn between(caller: Area, destination: Area) -> Self {
        match (caller, destination) {
            (Area::Known(from), Area::Known(to)) if from == to => Self::Local,
            (Area::Known(_), Area::Known(_)) => Self::LongDistance,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for DistanceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::LongDistance => "long distance",
            Self::Unknown => "distance unknown",
        })
    }
}

/// How a function's fee counts a month in which the function was not held throughout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartialMonth {
    /// The whole fee, once.
    #[default]
    Full,
    /// Days held, both ends included, by the days of the month.
    Daily,
}

/// What makes a line booked at most once. Its text ([`fmt::Display`]) is the ledger's unique key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ChargeKey {
    /// One answered leg of a call.
    Call { source: Arc<str>, call_id: Arc<str>, leg: u32 },
    /// Once per number and tenant, for ever.
    Setup { number: FourHundred, tenant: String },
    /// A package's fee of a month, at one tenant: whoever takes the number over within the month pays for what it uses.
    Package { number: FourHundred, tenant: String, package: String, month: Month },
    /// A function's fee of a month, `Full`, at one tenant.
    Function { number: FourHundred, tenant: String, function: String, month: Month },
    /// One day's part of a function's fee of a month, `Daily`, at one tenant.
    FunctionDay { number: FourHundred, tenant: String, function: String, month: Month, day: i8 },
    /// What a month's calls cost more or less with so many seconds carried over, at one tenant.
    RollOver { number: FourHundred, tenant: String, month: Month, carried: u64 },
    /// What a month is topped up by, at one tenant, when so much has filled it.
    MinimumSpend { number: FourHundred, tenant: String, month: Month, filled: MicroYuan },
}

impl fmt::Display for ChargeKey {
    /// The part that may hold any character stands last, so two keys never have one text; a tenant's name has no slash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { source, call_id, leg } => write!(f, "call/{leg}/{source}/{call_id}"),
            Self::Setup { number, tenant } => write!(f, "setup/{number}/{tenant}"),
            Self::Package { number, tenant, package, month } => {
                write!(f, "package/{number}/{month}/{tenant}/{package}")
            }
            Self::Function { number, tenant, function, month } => {
                write!(f, "function/{number}/{month}/{tenant}/{function}")
            }
            Self::FunctionDay { number, tenant, function, month, day } => {
                write!(f, "function/{number}/{month}-{day:02}/{tenant}/{function}")
            }
            Self::RollOver { number, tenant, month, carried } => {
                write!(f, "roll-over/{number}/{month}/{tenant}/{carried}")
            }
            Self::MinimumSpend { number, tenant, month, filled } => {
                write!(f, "minimum/{number}/{month}/{tenant}/{filled}")
            }
        }
    }
}

/// Where a line's price stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceSource {
    /// The price book.
    pub book: Digest,
    /// First day of the version that priced the line.
    pub version: Date,
}

/// Seconds of a leg: measured, and as charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantity {
    /// From the answer that counts to the end, in milliseconds.
    pub milliseconds: u64,
    /// Length of the first increment in seconds.
    pub first_seconds: u32,
    /// Length of every further increment in seconds.
    pub next_seconds: u32,
    /// Seconds charged: the duration brought up to whole increments.
    pub seconds: u64,
}

/// What a line is for, with every figure of its computation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Line {
    /// A leg by its rate: seconds × price per minute ÷ 60, at least the rate's minimum.
    Voice {
        rate: Arc<str>,
        distance: DistanceClass,
        /// Seconds that cost nothing, taken off before the rest is brought up to increments.
        #[serde(default, skip_serializing_if = "is_zero")]
        free_seconds: u32,
        #[serde(flatten)]
        quantity: Quantity,
        per_minute: MicroYuan,
        /// Least charge, where seconds are charged at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum_charge: Option<MicroYuan>,
    },
    /// A leg by a rate with discounts by volume: F(used + seconds) − F(used), F(s) = the price of the first s seconds of the
    /// month, each step's percentage off what lies beyond it.
    VolumeVoice {
        rate: Arc<str>,
        distance: DistanceClass,
        #[serde(default, skip_serializing_if = "is_zero")]
        free_seconds: u32,
        #[serde(flatten)]
        quantity: Quantity,
        per_minute: MicroYuan,
        steps: VolumeSteps,
        /// Seconds of the month that the same rate had charged before this leg.
        used_seconds: u64,
    },
    /// A leg of a number that has a package: F(used + seconds) − F(used), F(s) = the price of the seconds beyond the
    /// package.
    PackageVoice {
        package: Arc<str>,
        /// Minutes in the package.
        minutes: u32,
        distance: DistanceClass,
        #[serde(flatten)]
        quantity: Quantity,
        /// Seconds of the month that were charged or covered before this leg.
        used_seconds: u64,
        /// Seconds that the month before left over.
        #[serde(default, skip_serializing_if = "is_no_time")]
        carried_seconds: u64,
        then_per_minute: MicroYuan,
    },
    /// What a month's calls cost more, or less, since the month before turned out to have left over other seconds than
    /// `before`: F(used) with what was carried less F(used) with that.
    RollOver {
        package: Arc<str>,
        /// Minutes in the package.
        minutes: u32,
        used_seconds: u64,
        before_seconds: u64,
        carried_seconds: u64,
        then_per_minute: MicroYuan,
    },
    /// 开户费
    Setup,
    /// A package's monthly fee, due in full.
    Package { package: Arc<str> },
    /// A function's monthly fee, in full.
    Function { function: String },
    /// The `nth` day of a month in which the function was held: F(nth) − F(nth − 1), F(n) = monthly × n ÷ days.
    FunctionDay {
        function: String,
        monthly: MicroYuan,
        /// Which of the days held this one is, from 1.
        nth: i8,
        /// Days of the month.
        days: i8,
    },
    /// 低消: `minimum` less what `filled` it, at least 0, less what the month was topped up by before.
    MinimumSpend { minimum: MicroYuan, filled: MicroYuan, topped_up: MicroYuan },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_no_time(seconds: &u64) -> bool {
    *seconds == 0
}

/// One charge line: at most one rounding went into its amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub key: ChargeKey,
    pub class: FeeClass,
    pub line: Line,
    /// How the amount was rounded.
    pub rounding: Rounding,
    pub amount: MicroYuan,
    /// The month in which it was used, in the tariff's zone.
    pub usage_month: Month,
    pub price: PriceSource,
}

/// What the caller pays to their own carrier by the tariff's `caller` price. Never part of a total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerInformation {
    pub rate: Arc<str>,
    #[serde(flatten)]
    pub quantity: Quantity,
    pub per_minute: MicroYuan,
    pub amount: MicroYuan,
}

impl Charge {
    /// The total of a number's status that this line adds to.
    pub fn total(&self) -> Total {
        match self.line {
            Line::Voice { .. }
            | Line::VolumeVoice { .. }
            | Line::PackageVoice { .. }
            | Line::Package { .. }
            | Line::RollOver { .. }
            | Line::MinimumSpend { .. } => Total::Voice,
            Line::Setup => Total::Setup,
            Line::Function { .. } | Line::FunctionDay { .. } => Total::Functions,
        }
    }

    /// Seconds that the line charges or that a package covers; 0 for what is not a call.
    pub fn seconds(&self) -> u64 {
        match self.line {
            Line::Voice { quantity, .. } | Line::VolumeVoice { quantity, .. } | Line::PackageVoice { quantity, .. } => {
                quantity.seconds
            }
            Line::Setup
            | Line::Package { .. }
            | Line::Function { .. }
            | Line::FunctionDay { .. }
            | Line::RollOver { .. }
            | Line::MinimumSpend { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{answered_leg, book};
    use super::super::rate::{Used, rate_call};
    use super::*;

    fn area(code: &str) -> Area {
        Area::Known(code.parse().unwrap())
    }

    #[test]
    fn an_unknown_area_makes_a_call_neither_local_nor_long_distance() {
        for (caller, destination, class) in [
            (area("010"), area("010"), DistanceClass::Local),
            (area("010"), area("0755"), DistanceClass::LongDistance),
            (Area::Unknown, area("0755"), DistanceClass::Unknown),
            (area("010"), Area::Unknown, DistanceClass::Unknown),
            (Area::Unknown, Area::Unknown, DistanceClass::Unknown),
        ] {
            assert_eq!(DistanceClass::between(caller, destination), class);
        }
    }

    #[test]
    fn a_lines_json_is_the_ledgers_format() {
        let book = book();
        let record = answered_leg("a84b", 2, "2026-11-23T10:00:07.200+08:00", 123_800);
        let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let expected = format!(
            r#"{{"key":{{"call":{{"source":"fs-1","callId":"a84b","leg":2}}}},"class":"Communication","line":{{"kind":"voice","rate":"long-distance","distance":"LongDistance","milliseconds":123800,"firstSeconds":60,"nextSeconds":60,"seconds":180,"perMinute":"0.60"}},"rounding":"HalfUp","amount":"1.80","usageMonth":"2026-11","price":{{"book":"{}","version":"2026-01-01"}}}}"#,
            book.digest()
        );
        assert_eq!(serde_json::to_string(&charge).unwrap(), expected);
    }

    #[test]
    fn two_keys_never_have_one_text() {
        let call =
            |source: &str, call_id: &str| ChargeKey::Call { source: source.into(), call_id: call_id.into(), leg: 1 };
        assert_ne!(call("a", "b/c").to_string(), call("a-b", "c").to_string());
        assert_eq!(call("fs-1", "x/y").to_string(), "call/1/fs-1/x/y");
    }
}
