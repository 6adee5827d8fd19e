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
mod tests {
    use super::super::fixtures::{answered_leg, book, flat_book, instant, neutral};
    use super::super::record::{NeutralRecord, Outcome};
    use super::*;

    fn charge(book: &PriceBook, record: &CallRecord, distance: DistanceClass) -> Option<Charge> {
        rate_call(book, None, record, distance).unwrap().charge
    }

    #[test]
    fn a_leg_is_charged_by_its_distance() {
        for (distance, rate, amount) in [
            (DistanceClass::Local, "local", "0.30"),
            (DistanceClass::LongDistance, "long-distance", "1.80"),
            (DistanceClass::Unknown, "unknown-area", "1.74"),
        ] {
            let record = CallRecord::parse(&neutral("a84b", 1)).unwrap();
            let charge = charge(&book(), &record, distance).unwrap();
            assert_eq!(charge.amount.to_string(), amount);
            let Line::Voice { rate: name, quantity, .. } = charge.line else { panic!("{:?}", charge.line) };
            assert_eq!((name.as_str(), quantity.milliseconds, quantity.seconds), (rate, 123_800, 180));
            assert_eq!(charge.price.version, "2026-01-01".parse().unwrap());
        }
    }

    #[test]
    fn durations_are_brought_up_to_whole_increments() {
        for (milliseconds, first, next, seconds) in [
            (0, 60, 60, 0),
            (1, 60, 60, 60),
            (60_000, 60, 60, 60),
            (60_001, 60, 60, 120),
            (61_000, 6, 6, 66),
            (30_000, 30, 6, 30),
            (30_001, 30, 6, 36),
            (36_001, 30, 6, 42),
            (999, 1, 1, 1),
            (1_001, 1, 1, 2),
        ] {
            let book = flat_book("0.25", first, next, "HalfUp");
            let record = answered_leg("c", 1, "2026-11-10T10:00:00+08:00", milliseconds);
            let charge = charge(&book, &record, DistanceClass::Local).unwrap();
            assert_eq!(charge.seconds(), seconds, "{milliseconds} ms by {first}/{next}");
        }
    }

    #[test]
    fn increments_are_not_rounded_one_by_one() {
        let book = flat_book("0.25", 1, 1, "HalfUp");
        for (seconds, amount) in [(60, "0.25"), (197, "0.820833"), (3600, "15.00"), (10_800, "45.00")] {
            let record = answered_leg("c", 3, "2026-11-10T10:00:00+08:00", seconds * 1000);
            assert_eq!(charge(&book, &record, DistanceClass::Local).unwrap().amount.to_string(), amount);
        }
    }

    #[test]
    fn the_callers_leg_is_information_and_never_a_charge() {
        let rated =
            rate_call(&book(), None, &CallRecord::parse(&neutral("a", 0)).unwrap(), DistanceClass::Unknown).unwrap();
        assert_eq!((rated.charge.as_ref(), rated.seconds()), (None, 0));
        let caller = rated.caller.unwrap();
        assert_eq!((caller.rate.as_str(), caller.amount.to_string().as_str()), ("unknown-area", "0.42"));
    }

    #[test]
    fn the_callers_own_meter_runs_from_the_first_answer_they_hear() {
        let welcomed =
            NeutralRecord { platform_answered_at: Some("2026-11-23T10:00:01+08:00".to_owned()), ..neutral("w", 0) };
        let abandoned_in_the_menu =
            NeutralRecord { answered_at: None, outcome: Outcome::Abandoned, ..welcomed.clone() };
        for record in [welcomed, abandoned_in_the_menu] {
            let record = CallRecord::parse(&record).unwrap();
            let caller = rate_call(&book(), None, &record, DistanceClass::Unknown).unwrap().caller.unwrap();
            assert_eq!(caller.quantity.milliseconds, 130_000);
            assert_eq!(caller.amount.to_string(), "0.42");
        }
    }

    #[test]
    fn a_leg_that_nobody_answered_costs_nothing_even_before_the_first_version() {
        let unanswered = NeutralRecord {
            answered_at: None,
            outcome: Outcome::NoAnswer,
            started_at: "2025-12-31T23:00:00+08:00".to_owned(),
            ended_at: "2025-12-31T23:00:20+08:00".to_owned(),
            ..neutral("b", 1)
        };
        let rated = rate_call(&book(), None, &CallRecord::parse(&unanswered).unwrap(), DistanceClass::Local).unwrap();
        assert_eq!(rated.charge, None);
        assert_eq!(rated.usage_month.to_string(), "2025-12");
    }

    #[test]
    fn an_answered_leg_before_the_first_version_is_unrated_and_the_next_second_is_not() {
        let early = answered_leg("e", 1, "2025-12-31T16:00:06Z", 5_000);
        let refused = rate_call(&book(), None, &early, DistanceClass::Local).unwrap_err();
        assert_eq!(refused.reason(), "BeforeFirstVersion");
        let first = answered_leg("e", 1, "2025-12-31T16:00:07Z", 5_000);
        assert_eq!(rate_call(&book(), None, &first, DistanceClass::Local).unwrap().usage_month.to_string(), "2026-01");
    }

    #[test]
    fn a_call_across_a_change_is_charged_by_the_version_of_its_start() {
        let record = answered_leg("m", 1, "2026-12-01T00:00:05+08:00", 61_000);
        let charge = charge(&book(), &record, DistanceClass::LongDistance).unwrap();
        assert_eq!((charge.amount.to_string().as_str(), charge.usage_month.to_string().as_str()), ("1.20", "2026-11"));
    }

    /// Leg 0 at 23:59:58 of the old version, its attempt at 00:00:01 of the new one, which charges from another answer.
    #[test]
    fn a_call_across_a_change_of_charge_from_is_charged_by_one_of_the_two_as_far_as_its_records_know() {
        let at = |text: &str| Some(format!("2026-{text}+08:00"));
        let leg = |leg: i64, started: &str, welcomed: Option<String>| NeutralRecord {
            started_at: at(started).unwrap(),
            platform_answered_at: welcomed,
            answered_at: at("12-01T00:00:03"),
            ended_at: at("12-01T00:01:03").unwrap(),
            ..neutral("x", leg)
        };
        let charged = |record: &NeutralRecord| {
            charge(&book(), &CallRecord::parse(record).unwrap(), DistanceClass::Local).map(|it| it.amount.to_string())
        };
        let welcomed = at("11-30T23:59:59");
        // November charges from the destination's answer: the attempt, by November's price.
        assert_eq!(charged(&leg(0, "11-30T23:59:58", welcomed.clone())), None);
        assert_eq!(charged(&leg(1, "12-01T00:00:01", welcomed)).as_deref(), Some("0.10"));
        // A switch that does not tell of the platform's answer leaves each leg to its own start.
        assert_eq!(charged(&leg(1, "12-01T00:00:01", None)), None);
    }

    fn december(leg: i64, platform_answered_at: Option<&str>, answered_at: Option<&str>) -> CallRecord {
        CallRecord::parse(&NeutralRecord {
            started_at: "2026-12-02T09:00:00+08:00".to_owned(),
            platform_answered_at: platform_answered_at.map(str::to_owned),
            answered_at: answered_at.map(str::to_owned),
            ended_at: "2026-12-02T09:01:00+08:00".to_owned(),
            outcome: if answered_at.is_some() { Outcome::Answered } else { Outcome::Abandoned },
            ..neutral("p", leg)
        })
        .unwrap()
    }

    #[test]
    fn from_the_platforms_answer_only_the_callers_leg_is_charged() {
        let record = december(0, Some("2026-12-02T09:00:10+08:00"), None);
        let charge = charge(&book(), &record, DistanceClass::Local).unwrap();
        let Line::Voice { distance, quantity, .. } = &charge.line else { panic!("{:?}", charge.line) };
        assert_eq!((*distance, quantity.milliseconds, quantity.seconds), (DistanceClass::Unknown, 50_000, 54));
        assert_eq!(charge.amount.to_string(), "0.297");
        let attempt = december(2, Some("2026-12-02T09:00:10+08:00"), Some("2026-12-02T09:00:30+08:00"));
        assert_eq!(super::tests::charge(&book(), &attempt, DistanceClass::Local), None);
    }

    #[test]
    fn an_answered_callers_leg_without_the_platforms_answer_is_unrated() {
        let record = december(0, None, Some("2026-12-02T09:00:30+08:00"));
        let refused = rate_call(&book(), None, &record, DistanceClass::Unknown).unwrap_err();
        assert_eq!(refused, Unrated::PlatformAnswerMissing);
    }

    #[test]
    fn minutes_of_every_class_fill_the_package() {
        let book = book();
        let version = book.version_at(instant("2026-11-01T00:00:00+08:00")).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        for (used_seconds, distance, amount) in [
            (0, DistanceClass::LongDistance, "0.00"),
            (29_820, DistanceClass::Unknown, "0.00"),
            (29_880, DistanceClass::Local, "0.12"),
            (30_000, DistanceClass::LongDistance, "0.36"),
            (90_000, DistanceClass::Local, "0.36"),
        ] {
            let record = CallRecord::parse(&neutral("k", 1)).unwrap();
            let package = Some(PackageUse { terms, used_seconds });
            let charge = rate_call(&book, package, &record, distance).unwrap().charge.unwrap();
            assert_eq!((charge.amount.to_string().as_str(), charge.seconds()), (amount, 180), "{used_seconds}");
        }
    }

    #[test]
    fn a_change_of_tariff_keeps_the_months_package_and_brings_its_increments_at_once() {
        let (book, by_seconds) = (book(), flat_book("7.77", 1, 1, "Up"));
        let version = book.version_at(instant("2026-11-01T00:00:00+08:00")).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        let record = answered_leg("t", 1, "2026-11-20T10:00:00+08:00", 24_001);
        let package = Some(PackageUse { terms, used_seconds: 30_000 });
        let charge = rate_call(&by_seconds, package, &record, DistanceClass::Local).unwrap().charge.unwrap();
        assert_eq!((charge.seconds(), charge.amount.to_string().as_str()), (25, "0.05"));
        assert_eq!((charge.price, charge.rounding), (version.source(), Rounding::HalfUp));
    }

    #[test]
    fn another_offset_gives_the_same_charge() {
        let (local, zulu) = (
            answered_leg("z", 1, "2026-11-30T23:59:59.500+08:00", 75_000),
            answered_leg("z", 1, "2026-11-30T15:59:59.500Z", 75_000),
        );
        assert_eq!(local.content_hash(), zulu.content_hash());
        assert_eq!(charge(&book(), &local, DistanceClass::Local), charge(&book(), &zulu, DistanceClass::Local));
    }
}
