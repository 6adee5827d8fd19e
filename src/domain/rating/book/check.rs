//! From a price book's text to a price book: each rule of the contract once, each refusal with its place.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::document::{
    MinimumMonthlyDocument, PackageDocument, PriceBookDocument, RateDocument, RollOver, TimeOfDayDocument,
    VersionDocument, VolumeStepDocument, WhenDocument,
};
use super::{Function, Package, PriceBook, Rate, Times, Version};
use crate::domain::calendar::{DEFAULT_ZONE, Schedule, ScheduleError, parse_zone};
use crate::domain::digest::Digest;
use crate::domain::rating::charge::DistanceClass;
use crate::domain::rating::minimum::{Counts, MinimumSpend};
use crate::domain::rating::money::{MicroYuan, ParseMoneyError};
use crate::domain::rating::volume::{ParsePercentError, VolumeStep, VolumeSteps};
use crate::domain::routing::document::{Day, PeriodDocument, RangeDocument, ScheduleDocument};

/// Most entries in any list of a price book.
const LIST_ITEMS: usize = 64;
/// Longest name of a rate, function or package.
const NAME_CHARS: usize = 63;
/// Highest price, in yuan: a month of seconds at this price is far from the end of 64 bits.
const HIGHEST_PRICE: MicroYuan = MicroYuan::from_micros(1_000_000_000_000);
/// Longest increment, in seconds.
const LONGEST_INCREMENT: i64 = 86_400;
/// Most seconds of a call that cost nothing.
const MOST_FREE_SECONDS: i64 = 3_600;
/// Most minutes in a package.
const MOST_MINUTES: i64 = 100_000_000;

/// What is wrong with a price book. `at` is the member's path: `versions[0].voice.rates[2].perMinute.enterprise`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceBookError {
    #[error("currency: {0:?} is not served: CNY is the only currency")]
    Currency(String),
    #[error("timeZone: {0:?} is not an IANA time zone, such as Asia/Shanghai")]
    Zone(String),
    #[error("{at}: {count} entries, but 1 to {LIST_ITEMS} are needed")]
    Count { at: String, count: usize },
    #[error("{at}: {text:?} is not a date, such as 2026-01-01")]
    Date { at: String, text: String },
    #[error("{at}: another version begins on {day} too; each needs a day of its own")]
    SameDay { at: String, day: Date },
    #[error("{at}: not a price")]
    Price { at: String, source: ParseMoneyError },
    #[error("{at}: {price} is no price: 0.00 to {HIGHEST_PRICE} is needed")]
    PriceRange { at: String, price: MicroYuan },
    #[error("{at}: no times of a week")]
    Times { at: String, source: ScheduleError },
    #[error("{at}: {day:?} is no day of the week: a tariff has no calendar, name days such as Monday")]
    DayOfCalendar { at: String, day: Day },
    #[error("{at}: {value} is out of range: {least} to {most} is needed")]
    Range { at: String, value: i64, least: i64, most: i64 },
    #[error("{at}: {name:?} is no name: 1 to {NAME_CHARS} of letters, digits, '-', '_', '.' are needed")]
    Name { at: String, name: String },
    #[error("{at}: the name {name:?} is used twice")]
    SameName { at: String, name: String },
    #[error("{at}: the last rate {name:?} must match every call; give it no `when`")]
    LastRate { at: String, name: String },
    #[error("{at}: not a discount")]
    Percent { at: String, source: ParsePercentError },
    #[error("{at}: list the steps upwards and each aboveMinutes once")]
    StepsOrder { at: String },
    #[error("{at}: {name:?} fills no minimum: Voice, Messages or Functions is needed")]
    FeeKind { at: String, name: String },
    #[error("{at}: a least charge and discounts by volume do not go together: remove minimumCharge or volumeSteps")]
    StepsAndLeast { at: String },
}

/// Checks a document and parses its prices.
pub(super) fn check(document: &PriceBookDocument) -> Result<PriceBook, PriceBookError> {
    if let Some(currency) = document.currency.as_deref().filter(|currency| *currency != "CNY") {
        return Err(PriceBookError::Currency(shortened(currency)));
    }
    let zone_name = document.time_zone.as_deref().unwrap_or(DEFAULT_ZONE);
    let zone = parse_zone(zone_name).map_err(|_| PriceBookError::Zone(shortened(zone_name)))?;
    counted("versions", &document.versions, 1)?;
    let digest = document.digest();
    let mut versions: Vec<Version> = Vec::with_capacity(document.versions.len());
    for (index, written) in document.versions.iter().enumerate() {
        let at = format!("versions[{index}]");
        let version = check_version(&at, digest, zone_name, written)?;
        if versions.iter().any(|other| other.effective_from == version.effective_from) {
            return Err(PriceBookError::SameDay { at: format!("{at}.effectiveFrom"), day: version.effective_from });
        }
        versions.push(version);
    }
    versions.sort_by_key(|version| version.effective_from);
    let rolls_over = versions.iter().flat_map(|version| &version.packages).any(|package| package.rolls_over);
    Ok(PriceBook { digest, zone, versions, rolls_over })
}

fn check_version(at: &str, book: Digest, zone: &str, written: &VersionDocument) -> Result<Version, PriceBookError> {
    let increments = written.voice.increments;
    let increment = |member: &str, seconds: Option<i64>| {
        whole(&format!("{at}.voice.increments.{member}"), seconds.unwrap_or(60), 1, LONGEST_INCREMENT)
    };
    Ok(Version {
        book,
        effective_from: date(&format!("{at}.effectiveFrom"), &written.effective_from)?,
        rounding: written.rounding.unwrap_or_default(),
        setup_fee: match &written.setup_fee {
            Some(fee) => price(&format!("{at}.setupFee"), fee)?,
            None => MicroYuan::ZERO,
        },
        charge_from: written.voice.charge_from.unwrap_or_default(),
        first_seconds: increment("firstSeconds", increments.map(|seconds| seconds.first_seconds))?,
        next_seconds: increment("nextSeconds", increments.map(|seconds| seconds.next_seconds))?,
        rates: check_rates(&format!("{at}.voice.rates"), zone, &written.voice.rates)?,
        functions: check_functions(at, written)?,
        packages: check_packages(&format!("{at}.packages"), &written.packages)?,
        minimum_spend: check_minimum(&format!("{at}.minimumMonthly"), written.minimum_monthly.as_ref())?,
    })
}

fn check_rates(at: &str, zone: &str, written: &[RateDocument]) -> Result<Vec<Rate>, PriceBookError> {
    counted(at, written, 1)?;
    names(at, written.iter().map(|rate| rate.name.as_str()))?;
    if let Some(last) = written.last().filter(|last| !matches_every_call(last)) {
        return Err(PriceBookError::LastRate { at: format!("{at}[{}]", written.len() - 1), name: last.name.clone() });
    }
    let mut rates = Vec::with_capacity(written.len());
    for (index, rate) in written.iter().enumerate() {
        rates.push(check_rate(&format!("{at}[{index}]"), zone, rate)?);
    }
    Ok(rates)
}

fn check_rate(at: &str, zone: &str, rate: &RateDocument) -> Result<Rate, PriceBookError> {
    let nothing = WhenDocument::default();
    let when = rate.when.as_ref().unwrap_or(&nothing);
    let optional =
        |member: &str, text: Option<&String>| text.map(|text| price(&format!("{at}.{member}"), text)).transpose();
    let minimum_charge = optional("minimumCharge", rate.minimum_charge.as_ref())?;
    let volume_steps = check_steps(&format!("{at}.volumeSteps"), &rate.volume_steps)?;
    if minimum_charge.is_some() && !volume_steps.is_empty() {
        return Err(PriceBookError::StepsAndLeast { at: at.to_owned() });
    }
    Ok(Rate {
        name: rate.name.as_str().into(),
        distances: when.distance.clone(),
        lines: when.destination_type.clone(),
        times: check_times(&format!("{at}.when.timeOfDay"), zone, &when.time_of_day)?,
        free_seconds: whole(&format!("{at}.freeSeconds"), rate.free_seconds.unwrap_or(0), 0, MOST_FREE_SECONDS)?,
        minimum_charge,
        volume_steps,
        caller_per_minute: optional("perMinute.caller", rate.per_minute.caller.as_ref())?,
        enterprise_per_minute: price(&format!("{at}.perMinute.enterprise"), &rate.per_minute.enterprise)?,
    })
}

fn check_steps(at: &str, written: &[VolumeStepDocument]) -> Result<VolumeSteps, PriceBookError> {
    counted(at, written, 0)?;
    let mut steps: Vec<VolumeStep> = Vec::with_capacity(written.len());
    for (index, step) in written.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let above_minutes = whole(&format!("{at}.aboveMinutes"), step.above_minutes, 0, MOST_MINUTES)?;
        let percent_off = step.percent_off.parse();
        let percent_off =
            percent_off.map_err(|source| PriceBookError::Percent { at: format!("{at}.percentOff"), source })?;
        if steps.last().is_some_and(|before| before.above_minutes >= above_minutes) {
            return Err(PriceBookError::StepsOrder { at });
        }
        steps.push(VolumeStep { above_minutes, percent_off });
    }
    Ok(steps.into())
}

/// Ranges of a week are a timetable with one period; what may stand in one is told by the timetable.
fn check_times(at: &str, zone: &str, ranges: &[TimeOfDayDocument]) -> Result<Option<Times>, PriceBookError> {
    if ranges.is_empty() {
        return Ok(None);
    }
    counted(at, ranges, 1)?;
    let of_calendar = |day: &&Day| matches!(day, Day::Workday | Day::Weekend | Day::Holiday);
    if let Some(day) = ranges.iter().flat_map(|range| &range.days).find(of_calendar) {
        return Err(PriceBookError::DayOfCalendar { at: at.to_owned(), day: *day });
    }
    let range = |range: &TimeOfDayDocument| RangeDocument {
        dates: None,
        days: range.days.clone(),
        from: range.from.clone(),
        to: range.to.clone(),
    };
    let document = ScheduleDocument {
        time_zone: zone.to_owned(),
        calendar: None,
        periods: vec![PeriodDocument { name: Times::WITHIN.to_owned(), at: ranges.iter().map(range).collect() }],
        otherwise: "outside".to_owned(),
    };
    let times = Schedule::compile(&document, None);
    times.map(|times| Some(Times(times))).map_err(|source| PriceBookError::Times { at: at.to_owned(), source })
}

fn matches_every_call(rate: &RateDocument) -> bool {
    let every = [DistanceClass::Local, DistanceClass::LongDistance, DistanceClass::Unknown];
    rate.when.as_ref().is_none_or(|WhenDocument { distance, destination_type, time_of_day }| {
        destination_type.is_empty()
            && time_of_day.is_empty()
            && (distance.is_empty() || every.iter().all(|class| distance.contains(class)))
    })
}

fn check_functions(at: &str, written: &VersionDocument) -> Result<Vec<Function>, PriceBookError> {
    let at = format!("{at}.functions");
    counted(&at, &written.functions, 0)?;
    names(&at, written.functions.iter().map(|function| function.name.as_str()))?;
    let functions = written.functions.iter().enumerate();
    functions
        .map(|(index, function)| {
            Ok(Function {
                name: function.name.clone(),
                monthly: price(&format!("{at}[{index}].monthly"), &function.monthly)?,
                partial_month: function.partial_month.unwrap_or_default(),
            })
        })
        .collect()
}

fn check_packages(at: &str, written: &[PackageDocument]) -> Result<Vec<Package>, PriceBookError> {
    counted(at, written, 0)?;
    names(at, written.iter().map(|package| package.name.as_str()))?;
    let packages = written.iter().enumerate();
    packages
        .map(|(index, package)| {
            Ok(Package {
                name: package.name.as_str().into(),
                monthly: price(&format!("{at}[{index}].monthly"), &package.monthly)?,
                minutes: whole(&format!("{at}[{index}].minutes"), package.minutes, 0, MOST_MINUTES)?,
                then_per_minute: price(&format!("{at}[{index}].thenPerMinute"), &package.then_per_minute)?,
                rolls_over: package.roll_over == Some(RollOver::NextMonth),
            })
        })
        .collect()
}

fn check_minimum(at: &str, written: Option<&MinimumMonthlyDocument>) -> Result<Option<MinimumSpend>, PriceBookError> {
    let Some(written) = written else { return Ok(None) };
    counted(&format!("{at}.counts"), &written.counts, 1)?;
    let mut counts = Counts::default();
    for (index, name) in written.counts.iter().enumerate() {
        match name.as_str() {
            "Voice" => counts.voice = true,
            "Messages" => counts.messages = true,
            "Functions" => counts.functions = true,
            _ => {
                return Err(PriceBookError::FeeKind { at: format!("{at}.counts[{index}]"), name: shortened(name) });
            }
        }
    }
    Ok(Some(MinimumSpend { counts, opening_month_exempt: written.opening_month_exempt.unwrap_or(false) }))
}

fn counted<T>(at: &str, list: &[T], least: usize) -> Result<(), PriceBookError> {
    let fits = (least..=LIST_ITEMS).contains(&list.len());
    if fits { Ok(()) } else { Err(PriceBookError::Count { at: at.to_owned(), count: list.len() }) }
}

fn names<'a>(at: &str, names: impl Iterator<Item = &'a str>) -> Result<(), PriceBookError> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let at = || format!("{at}[{index}].name");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > NAME_CHARS || !name.bytes().all(plain) {
            return Err(PriceBookError::Name { at: at(), name: shortened(name) });
        }
        if !seen.insert(name) {
            return Err(PriceBookError::SameName { at: at(), name: name.to_owned() });
        }
    }
    Ok(())
}

fn date(at: &str, text: &str) -> Result<Date, PriceBookError> {
    // jiff reads more forms than the contract writes.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    day.ok_or_else(|| PriceBookError::Date { at: at.to_owned(), text: shortened(text) })
}

fn price(at: &str, text: &str) -> Result<MicroYuan, PriceBookError> {
    let price: MicroYuan = text.parse().map_err(|source| PriceBookError::Price { at: at.to_owned(), source })?;
    if (MicroYuan::ZERO..=HIGHEST_PRICE).contains(&price) {
        Ok(price)
    } else {
        Err(PriceBookError::PriceRange { at: at.to_owned(), price })
    }
}

fn whole(at: &str, value: i64, least: i64, most: i64) -> Result<u32, PriceBookError> {
    let fits = u32::try_from(value).ok().filter(|_| (least..=most).contains(&value));
    fits.ok_or_else(|| PriceBookError::Range { at: at.to_owned(), value, least, most })
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::super::super::fixtures::{TARIFF, document};
    use super::*;

    #[test]
    fn each_fault_is_told_with_its_place() {
        for (was, is, sentence) in [
            ("currency: CNY", "currency: EUR", "currency: \"EUR\" is not served"),
            ("Asia/Shanghai", "Asia/Shangai", "timeZone: \"Asia/Shangai\" is not an IANA"),
            ("\"2026-12-01\"", "\"2026-13-01\"", "versions[0].effectiveFrom: \"2026-13-01\" is not a date"),
            ("\"2026-12-01\"", "\"20261201\"", "versions[0].effectiveFrom: \"20261201\" is not a date"),
            ("\"2026-12-01\"", "\"2026-01-01\"", "versions[1].effectiveFrom: another version begins on 2026-01-01"),
            ("\"180.00\"", "\"-180.00\"", "versions[0].setupFee: -180.00 is no price"),
            ("\"0.58\"", "\"0.5800001\"", "versions[1].voice.rates[2].perMinute.enterprise: not a price"),
            ("\"0.12\", enterprise", "\"1e3\", enterprise", "versions[1].voice.rates[1].perMinute.caller: not a price"),
            ("nextSeconds: 6}", "nextSeconds: 0}", "versions[0].voice.increments.nextSeconds: 0 is out of range"),
            ("firstSeconds: 30", "firstSeconds: 86401", "versions[0].voice.increments.firstSeconds: 86401 is out"),
            (
                "unknown-area, per",
                "unknown-area, when: {distance: [Local]}, per",
                "versions[1].voice.rates[2]: the last",
            ),
            ("name: long-distance", "name: local", "versions[1].voice.rates[1].name: the name \"local\" is used twice"),
            ("name: Screening", "name: \"a/b\"", "versions[1].functions[1].name: \"a/b\" is no name"),
            (
                "name: local, when",
                "name: local, freeSeconds: 3601, when",
                "versions[1].voice.rates[0].freeSeconds: 3601 is out",
            ),
            (
                "name: local, when",
                "name: local, minimumCharge: \"x\", when",
                "versions[1].voice.rates[0].minimumCharge: not",
            ),
            (
                "{distance: [Local]}",
                "{timeOfDay: [{days: [Monday], from: \"9:00\", to: \"10:00\"}]}",
                "versions[1].voice.rates[0].when.timeOfDay: no times of a week",
            ),
            (
                "{distance: [Local]}",
                "{timeOfDay: [{days: [Holiday], from: \"09:00\", to: \"10:00\"}]}",
                "versions[1].voice.rates[0].when.timeOfDay: Holiday is no day of the week",
            ),
            (
                "unknown-area, per",
                "unknown-area, when: {destinationType: [Mobile, Fixed]}, per",
                "versions[1].voice.rates[2]: the last",
            ),
            (
                "name: local, when",
                "name: local, volumeSteps: [{aboveMinutes: 9, percentOff: \"5\"}, {aboveMinutes: 9, percentOff: \"6\"}], when",
                "versions[1].voice.rates[0].volumeSteps[1]: list the steps upwards",
            ),
            (
                "name: local, when",
                "name: local, volumeSteps: [{aboveMinutes: 9, percentOff: \"101\"}], when",
                "versions[1].voice.rates[0].volumeSteps[0].percentOff: not a discount",
            ),
            (
                "name: local, when",
                "name: local, minimumCharge: \"1\", volumeSteps: [{aboveMinutes: 9, percentOff: \"5\"}], when",
                "versions[1].voice.rates[0]: a least charge and discounts",
            ),
            ("counts: [Voice,", "counts: [Setup,", "versions[1].minimumMonthly.counts[0]: \"Setup\" fills no minimum"),
            ("minutes: 2000", "minutes: -1", "versions[1].packages[1].minutes: -1 is out of range"),
            ("\"0.08\"", "\"1000000.01\"", "versions[1].packages[1].thenPerMinute: 1000000.01 is no price"),
        ] {
            assert!(TARIFF.contains(was), "{was}");
            let refused = PriceBook::new(&document(&TARIFF.replace(was, is))).unwrap_err();
            assert!(refused.to_string().starts_with(sentence), "{refused}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_price_is_its_source() {
        let refused = PriceBook::new(&document(&TARIFF.replace("0.58", "0.5800001"))).unwrap_err();
        assert!(refused.source().unwrap().to_string().contains("more than six decimals"));
    }

    #[test]
    fn a_last_rate_that_names_every_class_matches_every_call() {
        let every = "unknown-area, when: {distance: [Unknown, Local, LongDistance]}, per";
        assert!(PriceBook::new(&document(&TARIFF.replace("unknown-area, per", every))).is_ok());
    }

    #[test]
    fn a_member_that_nobody_knows_is_refused() {
        let unknown = TARIFF.replace("setupFee: \"200.00\"", "setUpFee: \"200.00\"");
        assert!(serde_saphyr::from_str::<PriceBookDocument>(&unknown).is_err());
    }
}
