//! From a call record to its charge line. Pure, closed form: a call of an hour costs as little work as one of a second.
//!
//! - Legs ≥ 1 are charged from their own answer, each by its own distance class. Under `PlatformAnswer` leg 0 is
//!   charged from `platformAnsweredAt`, distance unknown, and no other leg is.
//! - Seconds charged are the milliseconds brought up to whole increments; 0 ms cost 0.
//! - Without a package the first rate that matches prices the leg: what lasts beyond the rate's free seconds is brought up
//!   to increments, the price is seconds × price per minute ÷ 60, rounded once, and where seconds are charged at all it is
//!   at least the rate's minimum. A rate with steps looks back on the month ([`volume`](super::volume)). With a package no rate is asked: the price is
//!   F(used + seconds) − F(used), where F(s) is the rounded price of the seconds of the month beyond the package: the
//!   parts always sum to F of the whole, in whatever order the calls come in.
//! - Increments and `chargeFrom` are those of the version in force when the call started, as far as the record itself
//!   knows: at its leg's start, or at the platform's answer where that was earlier. The same instant decides which times of
//!   day hold, for the whole call, however long. A package's minutes and price are
//!   those of the month's package ([`package_of_month`](super::monthly::package_of_month)).

use jiff::Timestamp;

use super::book::{CallTraits, ChargeFrom, Package, PriceBook, Rate, Version};
use super::charge::{CallerInformation, Charge, ChargeKey, DistanceClass, FeeClass, Line, Quantity};
use super::money::{MicroYuan, Rounding, round_ratio};
use super::record::CallRecord;
use super::volume::{Meter, price_of_month};
use crate::domain::calendar::Month;

/// The package of a number's month, with the version whose terms hold for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthPackage<'a> {
    pub package: &'a Package,
    pub version: &'a Version,
}

/// A package and how much of its month was used before the call at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageUse<'a> {
    pub terms: MonthPackage<'a>,
    /// Sum of [`Rated::seconds`] of the number's other calls of the same usage month.
    pub used_seconds: u64,
    /// What the month before left over of its package ([`left_over`](super::roll_over::left_over)).
    pub carried_seconds: u64,
}

/// What the number's month before the call has to do with its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Used<'a> {
    /// Nothing, or there was nothing yet.
    #[default]
    Nothing,
    Package(PackageUse<'a>),
    /// Sum of [`Rated::seconds`] of the month's other calls with the same [`meter`].
    Metered(u64),
}

impl<'a> From<Option<PackageUse<'a>>> for Used<'a> {
    fn from(package: Option<PackageUse<'a>>) -> Self {
        package.map_or(Self::Nothing, Self::Package)
    }
}

/// What a record came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// Month of the call's start in the book's zone.
    pub usage_month: Month,
    /// The charge line, if this leg is one that is charged.
    pub charge: Option<Charge>,
    /// What the caller pays elsewhere; on an answered leg 0 where the rate has a `caller` price.
    pub caller: Option<CallerInformation>,
}

impl Rated {
    /// Seconds that the number's month grows by: charged, or covered by its package.
    pub fn seconds(&self) -> u64 {
        self.charge.as_ref().map_or(0, Charge::seconds)
    }
}

/// Why a record is kept without a price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrated {
    #[error("the call started on {day}, before the price book's first version of {first}")]
    BeforeFirstVersion { day: jiff::civil::Date, first: jiff::civil::Date },
    #[error("the tariff charges from the platform's answer, but leg 0 was answered and platformAnsweredAt is null")]
    PlatformAnswerMissing,
    #[error("package {package:?} is not in the price book's version of {version}")]
    PackageUnknown { package: String, version: jiff::civil::Date },
    #[error("no rate of the price book's version matches the call")]
    NoRate,
    #[error("the amount does not fit")]
    Amount,
}

impl Unrated {
    /// One word for metrics and status, from a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BeforeFirstVersion { .. } => "BeforeFirstVersion",
            Self::PlatformAnswerMissing => "PlatformAnswerMissing",
            Self::PackageUnknown { .. } => "PackageUnknown",
            Self::NoRate => "NoRate",
            Self::Amount => "AmountOutOfRange",
        }
    }
}

/// Rates one record by the book it is bound to. `distance` is [`CallRecord::distance`], or what a stored record says.
///
/// A leg that nobody answered needs no price, so it is rated even before the book's first version.
pub fn rate_call(
    book: &PriceBook,
    used: Used<'_>,
    record: &CallRecord,
    distance: DistanceClass,
) -> Result<Rated, Unrated> {
    let usage_month = book.month_of(record.started_at());
    let mut rated = Rated { usage_month, charge: None, caller: None };
    if record.answered_at().is_none() && record.platform_answered_at().is_none() {
        return Ok(rated);
    }
    let (version, at) = version_of(book, record)?;
    if record.identity().leg == 0 {
        rated.caller = caller_information(version, record, at)?;
    }
    if let Some(leg) = charged_leg((version, at), record, distance)? {
        rated.charge = Some(leg.charge(used, usage_month)?);
    }
    Ok(rated)
}

/// Which of the month's calls a record's price looks back on, of a number without a package; `None`: on none, as most.
pub fn meter<'a>(
    book: &'a PriceBook,
    record: &CallRecord,
    distance: DistanceClass,
) -> Result<Option<Meter<'a>>, Unrated> {
    if record.answered_at().is_none() && record.platform_answered_at().is_none() {
        return Ok(None);
    }
    let (version, at) = version_of(book, record)?;
    if !version.has_volume_steps() {
        return Ok(None);
    }
    let Some(leg) = charged_leg((version, at), record, distance)? else { return Ok(None) };
    Ok(version.rate_for(&leg.traits).and_then(|rate| Meter::of(version, rate)))
}

/// `None` if the leg is not one that is charged.
fn charged_leg<'a>(
    (version, at): (&'a Version, Timestamp),
    record: &'a CallRecord,
    distance: DistanceClass,
) -> Result<Option<Leg<'a>>, Unrated> {
    let Some((answered_at, distance)) = charged_from(version, record, distance)? else { return Ok(None) };
    let line = record.destination().and_then(|destination| destination.line_class());
    Ok(Some(Leg { version, record, answered_at, traits: CallTraits { distance, line, at } }))
}

/// A leg that is charged.
struct Leg<'a> {
    version: &'a Version,
    record: &'a CallRecord,
    /// The answer that starts the enterprise's seconds.
    answered_at: Timestamp,
    traits: CallTraits,
}

/// A record is rated by what stands in it, so that legs may come in any order: of the call's start it knows its own leg's
/// and, after a menu, that the platform had answered before. Gives the instant that decided, too.
fn version_of<'a>(book: &'a PriceBook, record: &CallRecord) -> Result<(&'a Version, Timestamp), Unrated> {
    let started_at = record.started_at();
    let under_way = record.platform_answered_at().map_or(started_at, |answered_at| answered_at.min(started_at));
    let version = [under_way, started_at].into_iter().find_map(|at| Some((book.version_at(at)?, at)));
    version.ok_or_else(|| Unrated::BeforeFirstVersion {
        day: book.zone().to_datetime(started_at).date(),
        first: book.versions().first().map_or(jiff::civil::Date::MAX, Version::effective_from),
    })
}

/// The answer that starts the enterprise's seconds of this leg and the class it is charged by; `None` if the leg is
/// not one that is charged.
fn charged_from(
    version: &Version,
    record: &CallRecord,
    distance: DistanceClass,
) -> Result<Option<(Timestamp, DistanceClass)>, Unrated> {
    let callers_leg = record.identity().leg == 0;
    match version.charge_from() {
        ChargeFrom::DestinationAnswer if callers_leg => Ok(None),
        ChargeFrom::DestinationAnswer => Ok(record.answered_at().map(|answered_at| (answered_at, distance))),
        ChargeFrom::PlatformAnswer if !callers_leg => Ok(None),
        ChargeFrom::PlatformAnswer => match record.platform_answered_at() {
            Some(answered_at) => Ok(Some((answered_at, DistanceClass::Unknown))),
            None => Err(Unrated::PlatformAnswerMissing),
        },
    }
}

/// Milliseconds beyond the free seconds, brought up to the first increment and then to whole further ones.
fn quantity(version: &Version, free_seconds: u32, answered_at: Timestamp, ended_at: Timestamp) -> Quantity {
    let measured = u64::try_from(ended_at.as_millisecond() - answered_at.as_millisecond()).unwrap_or(0);
    let milliseconds = measured.saturating_sub(u64::from(free_seconds) * 1000);
    let (first_seconds, next_seconds) = version.increments();
    let (first, next) = (u64::from(first_seconds), u64::from(next_seconds));
    let seconds = match milliseconds.checked_sub(first * 1000) {
        _ if milliseconds == 0 => 0,
        None => first,
        Some(beyond) => first + beyond.div_ceil(next * 1000) * next,
    };
    Quantity { milliseconds: measured, first_seconds, next_seconds, seconds }
}

impl Leg<'_> {
    fn charge(&self, used: Used<'_>, usage_month: Month) -> Result<Charge, Unrated> {
        let (priced_by, (line, amount)) = match used {
            Used::Package(package) => {
                (package.terms.version, package_voice(package, self.quantity(0), self.traits.distance)?)
            }
            Used::Metered(used_seconds) => (self.version, self.by_rate(used_seconds)?),
            Used::Nothing => (self.version, self.by_rate(0)?),
        };
        let identity = self.record.identity().clone();
        Ok(Charge {
            key: ChargeKey::Call { source: identity.source, call_id: identity.call_id, leg: identity.leg },
            class: FeeClass::Communication,
            line,
            rounding: priced_by.rounding(),
            amount,
            usage_month,
            price: priced_by.source(),
        })
    }

    fn by_rate(&self, used_seconds: u64) -> Result<(Line, MicroYuan), Unrated> {
        let rate = self.version.rate_for(&self.traits).ok_or(Unrated::NoRate)?;
        let quantity = self.quantity(rate.free_seconds);
        if !rate.volume_steps.is_empty() {
            let amount = metered_price(rate, used_seconds, quantity.seconds, self.version.rounding())?;
            let line = Line::VolumeVoice {
                rate: rate.name.clone(),
                distance: self.traits.distance,
                free_seconds: rate.free_seconds,
                quantity,
                per_minute: rate.enterprise_per_minute,
                steps: rate.volume_steps.clone(),
                used_seconds,
            };
            return Ok((line, amount));
        }
        let amount = rate_price(rate, quantity.seconds, self.version.rounding())?;
        let line = Line::Voice {
            rate: rate.name.clone(),
            distance: self.traits.distance,
            free_seconds: rate.free_seconds,
            quantity,
            per_minute: rate.enterprise_per_minute,
            minimum_charge: rate.minimum_charge,
        };
        Ok((line, amount))
    }

    fn quantity(&self, free_seconds: u32) -> Quantity {
        quantity(self.version, free_seconds, self.answered_at, self.record.ended_at())
    }
}

/// What charged seconds cost by a rate.
pub(super) fn rate_price(rate: &Rate, seconds: u64, rounding: Rounding) -> Result<MicroYuan, Unrated> {
    let price = price_of_seconds(seconds, rate.enterprise_per_minute, rounding)?;
    Ok(rate.minimum_charge.filter(|_| seconds > 0).map_or(price, |least| price.max(least)))
}

/// What charged seconds cost by a rate with steps, of a month that has charged some.
pub(super) fn metered_price(rate: &Rate, used: u64, seconds: u64, rounding: Rounding) -> Result<MicroYuan, Unrated> {
    let month = |seconds| price_of_month(seconds, rate.enterprise_per_minute, &rate.volume_steps, rounding);
    let after = used.checked_add(seconds).and_then(month);
    after.zip(month(used)).and_then(|(after, before)| after.checked_sub(before)).ok_or(Unrated::Amount)
}

fn package_voice(
    PackageUse { terms, used_seconds, carried_seconds }: PackageUse<'_>,
    quantity: Quantity,
    distance: DistanceClass,
) -> Result<(Line, MicroYuan), Unrated> {
    let MonthPackage { package, version } = terms;
    let used_after = used_seconds.checked_add(quantity.seconds).ok_or(Unrated::Amount)?;
    let after = cumulative_price(package, carried_seconds, used_after, version.rounding())?;
    let before = cumulative_price(package, carried_seconds, used_seconds, version.rounding())?;
    let line = Line::PackageVoice {
        package: package.name.clone(),
        minutes: package.minutes,
        distance,
        quantity,
        used_seconds,
        carried_seconds,
        then_per_minute: package.then_per_minute,
    };
    Ok((line, after.checked_sub(before).ok_or(Unrated::Amount)?))
}

/// F: the rounded price of the first `seconds` of a month with a package and what was carried over to it.
pub fn cumulative_price(
    package: &Package,
    carried: u64,
    seconds: u64,
    rounding: Rounding,
) -> Result<MicroYuan, Unrated> {
    let covered = package.seconds().saturating_add(carried);
    price_of_seconds(seconds.saturating_sub(covered), package.then_per_minute, rounding)
}

/// Seconds × price per minute ÷ 60, rounded once.
pub(super) fn price_of_seconds(seconds: u64, per_minute: MicroYuan, rounding: Rounding) -> Result<MicroYuan, Unrated> {
    let exact_sixtieths = i128::from(seconds) * i128::from(per_minute.micros());
    round_ratio(exact_sixtieths, 60, rounding).ok_or(Unrated::Amount)
}

/// The caller's meter runs from the first answer they hear. No destination stands on leg 0, so its class is unknown.
fn caller_information(
    version: &Version,
    record: &CallRecord,
    at: Timestamp,
) -> Result<Option<CallerInformation>, Unrated> {
    let traits = CallTraits { distance: DistanceClass::Unknown, line: None, at };
    let priced = version.rate_for(&traits).and_then(|rate| Some((rate, rate.caller_per_minute?)));
    let first_answer = [record.platform_answered_at(), record.answered_at()].into_iter().flatten().min();
    let Some(((rate, per_minute), answered_at)) = priced.zip(first_answer) else { return Ok(None) };
    let quantity = quantity(version, 0, answered_at, record.ended_at());
    let amount = price_of_seconds(quantity.seconds, per_minute, version.rounding())?;
    Ok(Some(CallerInformation { rate: rate.name.clone(), quantity, per_minute, amount }))
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
