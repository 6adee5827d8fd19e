//! Price books (资费): what a Tariff says, checked once and then asked by date.
//!
//! [`PriceBookDocument`] is the text that is stored and digested; [`PriceBook`] is the same with every price parsed and
//! every rule of the contract checked. A book is immutable: a new version of a tariff is a new book with one more
//! version, and the old one stays in the ledger by its digest.

mod check;
mod document;
mod unserved;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use check::PriceBookError;
pub use document::{
    ChargeFrom, FunctionDocument, IncrementsDocument, MessagesDocument, MinimumMonthlyDocument, PackageDocument,
    PerMinuteDocument, PriceBookDocument, RateDocument, RollOver, TaxDocument, TimeOfDayDocument, VersionDocument,
    VoiceDocument, VolumeStepDocument, WhenDocument,
};
pub use unserved::not_yet_charged;

use super::charge::{DistanceClass, PartialMonth, PriceSource};
use super::minimum::MinimumSpend;
use super::money::{MicroYuan, Rounding};
use super::volume::VolumeSteps;
use crate::domain::calendar::{Month, Schedule};
use crate::domain::digest::Digest;
use crate::domain::numbering::LineClass;

/// A price book that holds together.
#[derive(Debug, Clone)]
pub struct PriceBook {
    digest: Digest,
    zone: TimeZone,
    /// By first day, each day once.
    versions: Vec<Version>,
    rolls_over: bool,
}

/// The prices from one day on.
#[derive(Debug, Clone)]
pub struct Version {
    book: Digest,
    effective_from: Date,
    rounding: Rounding,
    setup_fee: MicroYuan,
    charge_from: ChargeFrom,
    first_seconds: u32,
    next_seconds: u32,
    rates: Vec<Rate>,
    functions: Vec<Function>,
    packages: Vec<Package>,
    minimum_spend: Option<MinimumSpend>,
}

/// One book has one version of a day.
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Version {}

/// Prices of a minute for the calls that match.
#[derive(Debug, Clone)]
pub struct Rate {
    pub name: Arc<str>,
    /// Distance classes that match; empty matches all.
    distances: Vec<DistanceClass>,
    /// Lines that match; empty matches all.
    lines: Vec<LineClass>,
    /// Times that match; `None` matches all.
    times: Option<Times>,
    /// Seconds of each call that cost nothing.
    pub free_seconds: u32,
    /// Least charge of a call that lasts beyond its free seconds.
    pub minimum_charge: Option<MicroYuan>,
    /// Information only.
    pub caller_per_minute: Option<MicroYuan>,
    pub enterprise_per_minute: MicroYuan,
    pub volume_steps: VolumeSteps,
}

/// Ranges of a week.
#[derive(Debug, Clone)]
struct Times(Schedule);

impl Times {
    /// The name of the one period that stands for the ranges.
    const WITHIN: &str = "within";

    fn hold(&self, at: Timestamp) -> bool {
        self.0.period_at(at) == Self::WITHIN
    }
}

/// What rates look at in a call.
#[derive(Debug, Clone, Copy)]
pub struct CallTraits {
    pub distance: DistanceClass,
    /// The line that answered; `None` where it is neither a mobile nor a fixed one of the mainland, or none is known.
    pub line: Option<LineClass>,
    /// The instant that also decides the version.
    pub at: Timestamp,
}

impl Rate {
    fn prices(&self, call: &CallTraits) -> bool {
        (self.distances.is_empty() || self.distances.contains(&call.distance))
            && (self.lines.is_empty() || call.line.is_some_and(|line| self.lines.contains(&line)))
            && self.times.as_ref().is_none_or(|times| times.hold(call.at))
    }
}

/// A function of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub monthly: MicroYuan,
    pub partial_month: PartialMonth,
}

/// A monthly bundle of minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub name: Arc<str>,
    pub monthly: MicroYuan,
    pub minutes: u32,
    pub then_per_minute: MicroYuan,
    /// Whether minutes that a month left can be used up in the next.
    pub rolls_over: bool,
}

impl Package {
    /// Its minutes, in seconds.
    pub fn seconds(&self) -> u64 {
        u64::from(self.minutes) * 60
    }
}

impl PriceBook {
    /// Checks a document.
    pub fn new(document: &PriceBookDocument) -> Result<Self, PriceBookError> {
        check::check(document)
    }

    /// The document's digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The zone in which its days and months begin.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Every version, by first day.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version in force on a day; `None` before the first.
    pub fn version_on(&self, day: Date) -> Option<&Version> {
        let later = self.versions.partition_point(|version| version.effective_from <= day);
        self.versions.get(later.checked_sub(1)?)
    }

    /// The version in force at an instant; `None` before the first.
    pub fn version_at(&self, instant: Timestamp) -> Option<&Version> {
        self.version_on(self.zone.to_datetime(instant).date())
    }

    /// Whether some package lets the next month have what is left of it.
    pub fn rolls_over(&self) -> bool {
        self.rolls_over
    }

    /// The first instant of a version.
    pub fn begins_at(&self, version: &Version) -> Timestamp {
        version.effective_from.to_zoned(self.zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// The usage month of an instant.
    pub fn month_of(&self, instant: Timestamp) -> Month {
        Month::of(instant, &self.zone)
    }
}

impl Version {
    /// First day.
    pub fn effective_from(&self) -> Date {
        self.effective_from
    }

    /// How its charge lines are rounded.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// 开户费
    pub fn setup_fee(&self) -> MicroYuan {
        self.setup_fee
    }

    /// Which answer starts the enterprise's minutes.
    pub fn charge_from(&self) -> ChargeFrom {
        self.charge_from
    }

    /// Seconds of the first and of every further increment, both at least 1.
    pub fn increments(&self) -> (u32, u32) {
        (self.first_seconds, self.next_seconds)
    }

    /// Whether some rate looks back on the month.
    pub(super) fn has_volume_steps(&self) -> bool {
        self.rates.iter().any(|rate| !rate.volume_steps.is_empty())
    }

    /// The first rate that matches. A checked book has one for every call.
    pub fn rate_for(&self, call: &CallTraits) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.prices(call))
    }

    /// A rate by its name.
    pub fn rate(&self, name: &str) -> Option<&Rate> {
        self.rates.iter().find(|rate| *rate.name == *name)
    }

    /// A function of the catalogue.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| *package.name == *name)
    }

    /// 低消: what a month's fees must come to, by the number's grade.
    pub fn minimum_spend(&self) -> Option<MinimumSpend> {
        self.minimum_spend
    }

    /// What a charge line says of its price.
    pub fn source(&self) -> PriceSource {
        PriceSource { book: self.book, version: self.effective_from }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{TARIFF, book, document, instant};
    use super::*;

    #[test]
    fn a_version_begins_at_midnight_of_the_books_zone() {
        let book = book();
        let first_day = |text: &str| book.version_at(instant(text)).map(|version| version.effective_from().to_string());
        assert_eq!(first_day("2025-12-31T15:59:59.999Z"), None);
        assert_eq!(first_day("2025-12-31T16:00:00Z").as_deref(), Some("2026-01-01"));
        assert_eq!(first_day("2026-11-30T23:59:59+08:00").as_deref(), Some("2026-01-01"));
        assert_eq!(first_day("2026-12-01T00:00:00+08:00").as_deref(), Some("2026-12-01"));
        assert_eq!(first_day("2099-06-01T00:00:00Z").as_deref(), Some("2026-12-01"));
    }

    #[test]
    fn what_is_left_out_has_its_documented_default() {
        let book = PriceBook::new(&document(
            r#"{versions: [{effectiveFrom: "2026-02-03", voice: {rates: [{name: all, perMinute: {enterprise: "0.2"}}]}}]}"#,
        ))
        .unwrap();
        let version = book.versions().first().unwrap();
        assert_eq!(book.zone().iana_name(), Some("Asia/Shanghai"));
        assert_eq!((version.rounding(), version.charge_from()), (Rounding::HalfUp, ChargeFrom::DestinationAnswer));
        assert_eq!((version.increments(), version.setup_fee()), ((60, 60), MicroYuan::ZERO));
    }

    #[test]
    fn the_first_rate_that_matches_decides() {
        let book = book();
        let version = book.version_on("2026-03-01".parse().unwrap()).unwrap();
        let at = instant("2026-03-01T10:00:00+08:00");
        let name = |distance| version.rate_for(&CallTraits { distance, line: None, at }).unwrap().name.clone();
        assert_eq!(&*name(DistanceClass::Local), "local");
        assert_eq!(&*name(DistanceClass::LongDistance), "long-distance");
        assert_eq!(&*name(DistanceClass::Unknown), "unknown-area");
    }

    #[test]
    fn a_document_survives_its_canonical_text_and_keeps_its_digest() {
        let written = document(TARIFF);
        let read: PriceBookDocument = serde_json::from_str(&written.canonical()).unwrap();
        assert_eq!((read.digest(), &read), (written.digest(), &written));
        assert_ne!(document(&TARIFF.replace("0.58", "0.59")).digest(), written.digest());
    }

    #[test]
    fn what_nobody_charges_yet_is_named() {
        let members = ["messages", "tax"].map(|member| format!("versions[1].{member}"));
        assert_eq!(not_yet_charged(&document(TARIFF)), members);
    }

    #[test]
    fn every_condition_of_a_rate_must_hold() {
        let narrowed = TARIFF.replace(
            "{distance: [Local]}",
            "{distance: [Local], destinationType: [Mobile], timeOfDay: [{days: [Sunday], from: \"22:00\", to: \"06:00\"}]}",
        );
        let book = PriceBook::new(&document(&narrowed)).unwrap();
        let version = book.version_on("2026-03-01".parse().unwrap()).unwrap();
        let mobile = Some(LineClass::Mobile);
        for (distance, line, at, name) in [
            (DistanceClass::Local, mobile, "2026-03-01T22:00:00+08:00", "local"),
            (DistanceClass::Local, mobile, "2026-03-02T05:59:59.999+08:00", "local"),
            (DistanceClass::Local, mobile, "2026-03-02T06:00:00+08:00", "unknown-area"),
            (DistanceClass::Local, mobile, "2026-03-01T21:59:59.999+08:00", "unknown-area"),
            (DistanceClass::Local, Some(LineClass::Fixed), "2026-03-01T22:00:00+08:00", "unknown-area"),
            (DistanceClass::Local, None, "2026-03-01T22:00:00+08:00", "unknown-area"),
            (DistanceClass::LongDistance, mobile, "2026-03-01T22:00:00+08:00", "long-distance"),
        ] {
            assert_eq!(
                version.rate_for(&CallTraits { distance, line, at: instant(at) }).unwrap().name.as_ref(),
                name,
                "{at}"
            );
        }
    }
}
