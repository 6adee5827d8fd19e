//! From a call record to its charge line. Pure, closed form: a call of an hour costs as little work as one of a second.
//!
//! - Legs ≥ 1 are charged from their own answer, each by its own distance class. Under `PlatformAnswer` leg 0 is
//!   charged from `platformAnsweredAt`, distance unknown, and no other leg is.
//! - Seconds charged are the milliseconds brought up to whole increments; 0 ms cost 0.
//! - Without a package the price is seconds × price per minute ÷ 60, rounded once. With one it is
//!   F(used + seconds) − F(used), where F(s) is the rounded price of the seconds of the month beyond the package: the
//!   parts always sum to F of the whole, in whatever order the calls come in.
//! - Increments and `chargeFrom` are those of the version in force when the call started, as far as the record itself
//!   knows: at its leg's start, or at the platform's answer where that was earlier. A package's minutes and price are
//!   those of the month's package ([`package_of_month`](super::monthly::package_of_month)).

use jiff::Timestamp;

use super::book::{ChargeFrom, Package, PriceBook, Version};
use super::charge::{CallerInformation, Charge, ChargeKey, DistanceClass, FeeClass, Line, Quantity};
use super::money::{MicroYuan, Rounding, round_ratio};
use super::record::CallRecord;
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
    package: Option<PackageUse<'_>>,
    record: &CallRecord,
    distance: DistanceClass,
) -> Result<Rated, Unrated> {
    let usage_month = book.month_of(record.started_at());
    let mut rated = Rated { usage_month, charge: None, caller: None };
    if record.answered_at().is_none() && record.platform_answered_at().is_none() {
        return Ok(rated);
    }
    let version = version_of(book, record)?;
    if record.identity().leg == 0 {
        rated.caller = caller_information(version, record)?;
    }
    if let Some((answered_at, distance)) = charged_from(version, record, distance)? {
        let quantity = quantity(version, answered_at, record.ended_at());
        rated.charge = Some(voice_charge(version, package, record, (quantity, distance), usage_month)?);
    }
    Ok(rated)
}

/// A record is rated by what stands in it, so that legs may come in any order: of the call's start it knows its own leg's
/// and, after a menu, that the platform had answered before.
fn version_of<'a>(book: &'a PriceBook, record: &CallRecord) -> Result<&'a Version, Unrated> {
    let started_at = record.started_at();
    let under_way = record.platform_answered_at().map_or(started_at, |answered_at| answered_at.min(started_at));
    book.version_at(under_way).or_else(|| book.version_at(started_at)).ok_or_else(|| Unrated::BeforeFirstVersion {
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

/// Milliseconds brought up to the first increment and then to whole further ones.
fn quantity(version: &Version, answered_at: Timestamp, ended_at: Timestamp) -> Quantity {
    let milliseconds = u64::try_from(ended_at.as_millisecond() - answered_at.as_millisecond()).unwrap_or(0);
    let (first_seconds, next_seconds) = version.increments();
    let (first, next) = (u64::from(first_seconds), u64::from(next_seconds));
    let seconds = match milliseconds.checked_sub(first * 1000) {
        _ if milliseconds == 0 => 0,
        None => first,
        Some(beyond) => first + beyond.div_ceil(next * 1000) * next,
    };
    Quantity { milliseconds, first_seconds, next_seconds, seconds }
}

fn voice_charge(
    version: &Version,
    package: Option<PackageUse<'_>>,
    record: &CallRecord,
    (quantity, distance): (Quantity, DistanceClass),
    usage_month: Month,
) -> Result<Charge, Unrated> {
    let (priced_by, line, amount) = if let Some(package_use) = package {
        let (line, amount) = package_voice(package_use, quantity, distance)?;
        (package_use.terms.version, line, amount)
    } else {
        let rate = version.rate_for(distance).ok_or(Unrated::NoRate)?;
        let per_minute = rate.enterprise_per_minute;
        let line = Line::Voice { rate: rate.name.clone(), distance, quantity, per_minute };
        (version, line, price_of_seconds(quantity.seconds, per_minute, version.rounding())?)
    };
    let identity = record.identity().clone();
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

fn package_voice(
    PackageUse { terms, used_seconds }: PackageUse<'_>,
    quantity: Quantity,
    distance: DistanceClass,
) -> Result<(Line, MicroYuan), Unrated> {
    let MonthPackage { package, version } = terms;
    let used_after = used_seconds.checked_add(quantity.seconds).ok_or(Unrated::Amount)?;
    let after = cumulative_price(package, used_after, version.rounding())?;
    let before = cumulative_price(package, used_seconds, version.rounding())?;
    let line = Line::PackageVoice {
        package: package.name.clone(),
        minutes: package.minutes,
        distance,
        quantity,
        used_seconds,
        then_per_minute: package.then_per_minute,
    };
    Ok((line, after.checked_sub(before).ok_or(Unrated::Amount)?))
}

/// F: the rounded price of the first `seconds` of a month with a package.
pub fn cumulative_price(package: &Package, seconds: u64, rounding: Rounding) -> Result<MicroYuan, Unrated> {
    price_of_seconds(seconds.saturating_sub(u64::from(package.minutes) * 60), package.then_per_minute, rounding)
}

/// Seconds × price per minute ÷ 60, rounded once.
pub(super) fn price_of_seconds(seconds: u64, per_minute: MicroYuan, rounding: Rounding) -> Result<MicroYuan, Unrated> {
    let exact_sixtieths = i128::from(seconds) * i128::from(per_minute.micros());
    round_ratio(exact_sixtieths, 60, rounding).ok_or(Unrated::Amount)
}

/// The caller's meter runs from the first answer they hear. No destination stands on leg 0, so its class is unknown.
fn caller_information(version: &Version, record: &CallRecord) -> Result<Option<CallerInformation>, Unrated> {
    let priced = version.rate_for(DistanceClass::Unknown).and_then(|rate| Some((rate, rate.caller_per_minute?)));
    let first_answer = [record.platform_answered_at(), record.answered_at()].into_iter().flatten().min();
    let Some(((rate, per_minute), answered_at)) = priced.zip(first_answer) else { return Ok(None) };
    let quantity = quantity(version, answered_at, record.ended_at());
    let amount = price_of_seconds(quantity.seconds, per_minute, version.rounding())?;
    Ok(Some(CallerInformation { rate: rate.name.clone(), quantity, per_minute, amount }))
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
