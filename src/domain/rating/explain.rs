//! How an amount came to be, in words that a person can check with a pocket calculator.

use super::charge::{Charge, Line, Quantity};
use super::money::{MicroYuan, Rounding, round_ratio};

impl Charge {
    /// The computation of the amount, a few lines of text:
    ///
    /// ```text
    /// 123.800 s in increments of 60 s, then 60 s: 180 s
    /// 180 s ÷ 60 × 0.12 = 0.36, rate "night", long distance
    /// rounded half up to 0.000001, version of 2026-01-01, price book sha256:6f1c…
    /// ```
    pub fn explain(&self) -> String {
        let amount = self.amount;
        let computation = match &self.line {
            Line::Voice { rate, distance, quantity, per_minute } => {
                format!(
                    "{}\n{} s ÷ 60 × {per_minute} = {amount}, rate {rate:?}, {distance}",
                    increments(*quantity),
                    quantity.seconds
                )
            }
            Line::PackageVoice { package, minutes, quantity, used_seconds, then_per_minute, distance } => {
                let covered = u64::from(*minutes) * 60;
                let side = |used: u64| beyond(used, covered, *then_per_minute, self.rounding);
                format!(
                    "{}\npackage {package:?} covers {minutes} min = {covered} s of the month at any distance (here {distance})\n\
                     with this leg {}\nwithout it {}\nthe difference is {amount}",
                    increments(*quantity),
                    side(used_seconds.saturating_add(quantity.seconds)),
                    side(*used_seconds)
                )
            }
            Line::Setup => format!("set-up fee, once per number and tenant: {amount}"),
            Line::Package { package } => format!("package {package:?}, the month in full: {amount}"),
            Line::Function { function } => format!("function {function:?}, the month in full: {amount}"),
            Line::FunctionDay { function, monthly, nth, days } => format!(
                "function {function:?}, day {nth} of those held: {monthly} × {nth} ÷ {days} less {monthly} × {} ÷ {days}, \
                 each rounded, = {amount}",
                nth - 1
            ),
        };
        format!(
            "{computation}\nrounded {} to 0.000001, version of {}, price book {}",
            self.rounding, self.price.version, self.price.book
        )
    }
}

fn increments(Quantity { milliseconds, first_seconds, next_seconds, seconds }: Quantity) -> String {
    format!(
        "{}.{:03} s in increments of {first_seconds} s, then {next_seconds} s: {seconds} s",
        milliseconds / 1000,
        milliseconds % 1000
    )
}

fn beyond(used: u64, covered: u64, per_minute: MicroYuan, rounding: Rounding) -> String {
    let beyond = used.saturating_sub(covered);
    let price = round_ratio(i128::from(beyond) * i128::from(per_minute.micros()), 60, rounding).unwrap_or_default();
    format!("{used} s, {beyond} s beyond the package ÷ 60 × {per_minute} = {price}")
}

#[cfg(test)]
mod tests {
    use super::super::charge::DistanceClass;
    use super::super::fixtures::{answered_leg, book};
    use super::super::rate::{MonthPackage, PackageUse, rate_call};

    #[test]
    fn an_amount_is_explained_figure_by_figure() {
        let book = book();
        let record = answered_leg("x-1", 2, "2026-11-23T02:00:07.200Z", 35_900);
        let charge = rate_call(&book, None, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let expected = format!(
            "35.900 s in increments of 60 s, then 60 s: 60 s\n\
             60 s ÷ 60 × 0.60 = 0.60, rate \"long-distance\", long distance\n\
             rounded half up to 0.000001, version of 2026-01-01, price book {}",
            book.digest()
        );
        assert_eq!(charge.explain(), expected);
    }

    #[test]
    fn a_call_that_crosses_the_end_of_its_package_shows_both_sides() {
        let book = book();
        let version = book.version_on("2026-11-01".parse().unwrap()).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        let record = answered_leg("x-2", 1, "2026-11-23T02:00:07.200Z", 180_000);
        let package = Some(PackageUse { terms, used_seconds: 29_940 });
        let charge = rate_call(&book, package, &record, DistanceClass::Local).unwrap().charge.unwrap();
        let text = charge.explain();
        assert!(text.contains("with this leg 30120 s, 120 s beyond the package ÷ 60 × 0.12 = 0.24\n"), "{text}");
        assert!(text.contains("without it 29940 s, 0 s beyond the package ÷ 60 × 0.12 = 0.00\n"), "{text}");
        assert!(text.contains("the difference is 0.24\n"), "{text}");
    }
}
