//! Price books (资费): what a Tariff says, checked once and then asked by date.
//!
//! [`PriceBookDocument`] is the text that is stored and digested; [`PriceBook`] is the same with every price parsed and
//! every rule of the contract checked. A book is immutable: a new version of a tariff is a new book with one more
//! version, and the old one stays in the ledger by its digest.

mod check;
mod document;
mod unserved;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use check::PriceBookError;
pub use document::{
    ChargeFrom, FunctionDocument, IncrementsDocument, MessagesDocument, MinimumMonthlyDocument, PackageDocument,
    PerMinuteDocument, PriceBookDocument, RateDocument, RollOver, TaxDocument, VersionDocument, VoiceDocument,
    WhenDocument,
};
pub use unserved::{not_yet_charged, not_yet_supported};

use super::charge::{DistanceClass, PartialMonth, PriceSource};
use super::money::{MicroYuan, Rounding};
use super::stand_in::Month;
use crate::domain::digest::Digest;

/// A price book that holds together.
#[derive(Debug, Clone)]
pub struct PriceBook {
    digest: Digest,
    zone: TimeZone,
    /// By first day, each day once.
    versions: Vec<Version>,
}

/// The prices from one day on.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// Prices of a minute for the calls that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    pub name: String,
    /// Distance classes that match; empty matches all.
    distances: Vec<DistanceClass>,
    /// Information only.
    pub caller_per_minute: Option<MicroYuan>,
    pub enterprise_per_minute: MicroYuan,
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
    pub name: String,
    pub monthly: MicroYuan,
    pub minutes: u32,
    pub then_per_minute: MicroYuan,
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

    /// The first rate that matches. A checked book has one for every class.
    pub fn rate_for(&self, distance: DistanceClass) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.distances.is_empty() || rate.distances.contains(&distance))
    }

    /// A function of the catalogue.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// What a charge line says of its price.
    pub fn source(&self) -> PriceSource {
        PriceSource { book: self.book, version: self.effective_from }
    }
}
