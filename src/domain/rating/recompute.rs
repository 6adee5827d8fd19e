//! The audit of a line: its amount again, from the price book of its time instead of from the line's own prices.

use super::book::{PriceBook, Version};
use super::charge::{Charge, Line};
use super::minimum::top_up;
use super::money::MicroYuan;
use super::monthly::amount_of_day;
use super::rate::{cumulative_price, metered_price, rate_price};

impl Charge {
    /// What the line must amount to by `book`; `None` if the book is another one or does not list what the line names.
    ///
    /// A line is sound if this is its amount.
    pub fn recompute(&self, book: &PriceBook) -> Option<MicroYuan> {
        let version = book.versions().iter().find(|version| version.source() == self.price)?;
        match &self.line {
            Line::Voice { rate, quantity, .. } => {
                rate_price(version.rate(rate)?, quantity.seconds, version.rounding()).ok()
            }
            Line::VolumeVoice { rate, quantity, used_seconds, .. } => {
                metered_price(version.rate(rate)?, *used_seconds, quantity.seconds, version.rounding()).ok()
            }
            Line::PackageVoice { package, quantity, used_seconds, carried_seconds, .. } => {
                let price = |used| package_price(version, package, *carried_seconds, used);
                price(used_seconds.checked_add(quantity.seconds)?)?.checked_sub(price(*used_seconds)?)
            }
            Line::RollOver { package, used_seconds, before_seconds, carried_seconds, .. } => {
                let price = |carried| package_price(version, package, carried, *used_seconds);
                price(*carried_seconds)?.checked_sub(price(*before_seconds)?)
            }
            Line::Setup => Some(version.setup_fee()),
            Line::Package { package } => version.package(package).map(|package| package.monthly),
            Line::Function { function } => version.function(function).map(|function| function.monthly),
            // The amount is the grade's, which no book has.
            Line::MinimumSpend { minimum, filled, topped_up } => {
                version.minimum_spend()?;
                top_up(*minimum, *filled)?.checked_sub(*topped_up)
            }
            Line::FunctionDay { function, nth, days, .. } => {
                amount_of_day(version.function(function)?, *nth, *days, version.rounding())
            }
        }
    }
}

fn package_price(version: &Version, package: &str, carried: u64, seconds: u64) -> Option<MicroYuan> {
    cumulative_price(version.package(package)?, carried, seconds, version.rounding()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::charge::DistanceClass;
    use super::super::fixtures::{TARIFF, answered_leg, book, document, instant};
    use super::super::monthly::{Holder, Span, monthly_charges, setup_charge};
    use super::super::rate::{MonthPackage, PackageUse, Used, rate_call};
    use super::*;

    fn one_of_each(book: &PriceBook) -> Vec<Charge> {
        let version = book.version_at(instant("2026-11-05T00:00:00Z")).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        let record = answered_leg("c", 1, "2026-11-05T10:00:00+08:00", 200_000);
        let holder = Holder { number: record.number(), tenant: "acme" };
        let functions = ["Recording", "Schedule"].map(str::to_owned);
        let from = instant("2026-11-05T00:00:00+08:00");
        let span = Span {
            from,
            until: None,
            book,
            package: Some("m800"),
            functions: &functions,
            minimum: Some("9999.00".parse().unwrap()),
        };
        let rated = |used| rate_call(book, used, &record, DistanceClass::Unknown).unwrap().charge;
        let monthly = monthly_charges(holder, &[span], book.month_of(from), instant("2026-11-08T00:00:00Z"));
        let mut charges: Vec<Charge> = monthly.fees.into_iter().map(|fee| fee.charge).collect();
        charges.extend(setup_charge(holder, book, from));
        charges.extend(rated(Used::Nothing));
        let record = answered_leg("c", 2, "2026-11-05T10:00:00+08:00", 200_000);
        charges.extend(rate_call(book, Used::Metered(590), &record, DistanceClass::Local).unwrap().charge);
        charges.extend(rated(Used::Package(PackageUse { terms, used_seconds: 29_900, carried_seconds: 0 })));

        charges
    }

    #[test]
    fn every_kind_of_line_comes_out_alike_from_its_book() {
        let steps = "{name: local, volumeSteps: [{aboveMinutes: 10, percentOff: \"12.5\"}], when";
        let book = PriceBook::new(&document(&TARIFF.replace("{name: local, when", steps))).unwrap();
        let charges = one_of_each(&book);
        assert_eq!(charges.len(), 10);
        for charge in charges {
            let stored: Charge = serde_json::from_str(&serde_json::to_string(&charge).unwrap()).unwrap();
            assert_eq!(stored, charge);
            assert_eq!(stored.recompute(&book), Some(charge.amount), "{}", charge.explain());
        }
    }

    #[test]
    fn a_book_that_differs_in_one_price_is_not_the_books_of_its_lines() {
        let other = PriceBook::new(&document(&TARIFF.replace("0.58", "0.57"))).unwrap();
        assert!(one_of_each(&book()).iter().all(|charge| charge.recompute(&other).is_none()));
    }
}
