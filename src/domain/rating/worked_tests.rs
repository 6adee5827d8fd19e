//! The calls of `tests/fixtures/rating/worked.yaml`, each with its arithmetic: evaluated here with fractions that know
//! nothing of the rating, and rated.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::book::{PriceBook, PriceBookDocument};
use super::charge::DistanceClass;
use super::fixtures::neutral;
use super::fraction::Fraction;
use super::rate::{MonthPackage, PackageUse, Used, rate_call};
use super::record::{CallRecord, NeutralRecord};

const FILE: &str = include_str!("../../../tests/fixtures/rating/worked.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tariffs: BTreeMap<String, PriceBookDocument>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    by: String,
    #[serde(default)]
    starts: Option<String>,
    #[serde(default)]
    rings: Option<String>,
    lasts: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    leg: Option<i64>,
    #[serde(default)]
    platform: Option<String>,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    used: Option<u64>,
    work: String,
    costs: String,
}

/// `61.001` as a duration.
fn seconds(text: &str) -> SignedDuration {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    SignedDuration::from_secs(whole.parse().unwrap())
        + SignedDuration::from_millis(format!("{part:0<3}").parse().unwrap())
}

impl Case {
    fn record(&self) -> CallRecord {
        let starts = self.starts.as_deref().unwrap_or("2026-11-10T10:00:00");
        let starts: Timestamp = format!("{starts}+08:00").parse().unwrap();
        let answered = starts + seconds(self.rings.as_deref().unwrap_or("7"));
        let leg = self.leg.unwrap_or(1);
        let destination = match self.line.as_deref().unwrap_or("fixed") {
            "fixed" => "0755-6666 0002",
            "mobile" => "138 0013 8000",
            "service" => "10086",
            "nation-wide" => "4006000868",
            "overseas" => "0085223456789",
            other => panic!("{other}"),
        };
        CallRecord::parse(&NeutralRecord {
            started_at: starts.to_string(),
            platform_answered_at: self.platform.as_deref().map(|after| (starts + seconds(after)).to_string()),
            answered_at: Some(answered.to_string()),
            ended_at: (answered + seconds(&self.lasts)).to_string(),
            destination: (leg > 0).then(|| destination.to_owned()),
            ..neutral("worked", leg)
        })
        .unwrap()
    }

    fn distance(&self) -> DistanceClass {
        match self.to.as_deref().unwrap_or("far") {
            "local" => DistanceClass::Local,
            "far" => DistanceClass::LongDistance,
            "unknown" => DistanceClass::Unknown,
            other => panic!("{other}"),
        }
    }

    /// What the rating says; 0.00 for a leg that is not charged.
    fn rated(&self, book: &PriceBook) -> String {
        let record = self.record();
        let package = self.package.as_deref().map(|name| {
            let version = book.version_at(record.started_at()).unwrap();
            let terms = MonthPackage { package: version.package(name).unwrap(), version };
            PackageUse { terms, used_seconds: self.used.unwrap_or(0), carried_seconds: 0 }
        });
        let used = if package.is_none() { self.used.map_or(Used::Nothing, Used::Metered) } else { package.into() };
        let charge = rate_call(book, used, &record, self.distance()).unwrap().charge;
        if let Some(charge) = &charge {
            assert_eq!(charge.recompute(book), Some(charge.amount), "{self:?}");
        }
        charge.map_or_else(|| "0.00".to_owned(), |charge| charge.amount.to_string())
    }
}

/// Sums of products of numbers and of `max(a, b)`, left to right.
struct Arithmetic<'a> {
    left: &'a str,
}

impl Arithmetic<'_> {
    fn of(text: &str) -> Fraction {
        let mut arithmetic = Arithmetic { left: text };
        let value = arithmetic.sum();
        assert_eq!(arithmetic.left, "", "{text}");
        value
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.left.trim_start().strip_prefix(token);
        self.left = rest.unwrap_or(self.left.trim_start());
        rest.is_some()
    }

    fn sum(&mut self) -> Fraction {
        let mut value = self.product();
        loop {
            if self.takes("+") {
                value = value.plus(self.product());
            } else if self.takes("-") {
                value = value.plus(self.product().times(Fraction::whole(-1)));
            } else {
                return value;
            }
        }
    }

    fn product(&mut self) -> Fraction {
        let mut value = self.factor();
        loop {
            if self.takes("*") {
                value = value.times(self.factor());
            } else if self.takes("/") {
                value = value.times(self.factor().inverted());
            } else {
                return value;
            }
        }
    }

    fn factor(&mut self) -> Fraction {
        if self.takes("max(") {
            let one = self.sum();
            assert!(self.takes(","), "{}", self.left);
            let other = self.sum();
            assert!(self.takes(")"), "{}", self.left);
            return if one.is_below(other) { other } else { one };
        }
        let text = self.left.trim_start();
        let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        self.left = rest;
        Fraction::decimal(number)
    }
}

#[test]
fn every_call_costs_what_its_arithmetic_comes_to() {
    let file: File = serde_saphyr::from_str(FILE).unwrap();
    let books: BTreeMap<&str, (PriceBook, String)> = file
        .tariffs
        .iter()
        .map(|(name, document)| {
            let rounding = document.versions[0].rounding.unwrap_or_default();
            (name.as_str(), (PriceBook::new(document).unwrap(), format!("{rounding:?}")))
        })
        .collect();
    assert!(file.cases.len() >= 200, "{}", file.cases.len());
    for case in &file.cases {
        let (book, rounding) = &books[case.by.as_str()];
        let worked = Arithmetic::of(&case.work).times(Fraction::whole(1_000_000)).rounded(rounding);
        assert_eq!(super::MicroYuan::from_micros(i64::try_from(worked).unwrap()).to_string(), case.costs, "{case:?}");
        assert_eq!(case.rated(book), case.costs, "{case:?}");
    }
}

#[test]
fn the_arithmetic_is_that_of_school() {
    for (text, expected) in [("1 + 2 * 3", 7), ("8 / 4 / 2", 1), ("max(2, 3) * 4 - 5", 7), ("max(0 - 1, 0)", 0)] {
        assert_eq!(Arithmetic::of(text).rounded("HalfUp"), expected, "{text}");
    }
}
