//! How an amount came to be, in words that a person can check with a pocket calculator.

use super::charge::{Charge, Line, Quantity};
use super::money::{MicroYuan, Rounding, round_ratio};
use super::rate::price_of_seconds;
use super::volume::{self, VolumeStep};

impl Charge {
    /// What seconds come to, rounded as the line is.
    fn exactly(&self, seconds: u64, per_minute: MicroYuan) -> MicroYuan {
        // A line that was booked has an amount that fits.
        price_of_seconds(seconds, per_minute, self.rounding).unwrap_or(self.amount)
    }

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
            Line::Voice { rate, distance, free_seconds, quantity, per_minute, minimum_charge } => {
                let price = self.exactly(quantity.seconds, *per_minute);
                let least = minimum_charge
                    .filter(|_| quantity.seconds > 0)
                    .map_or_else(String::new, |least| format!("\nat least {least} a call: {amount}"));
                format!(
                    "{}\n{} s ÷ 60 × {per_minute} = {price}, rate {rate:?}, {distance}{least}",
                    increments(*free_seconds, *quantity),
                    quantity.seconds
                )
            }
            Line::VolumeVoice { rate, distance, free_seconds, quantity, per_minute, steps, used_seconds } => {
                let side = |used: u64| by_steps(used, *per_minute, steps, self.rounding);
                format!(
                    "{}\nrate {rate:?}, {distance}: each step takes its percentage off the month's seconds beyond it\n\
                     with this leg {}\nwithout it {}\nthe difference is {amount}",
                    increments(*free_seconds, *quantity),
                    side(used_seconds.saturating_add(quantity.seconds)),
                    side(*used_seconds)
                )
            }
            Line::PackageVoice {
                package,
                minutes,
                quantity,
                used_seconds,
                carried_seconds,
                then_per_minute,
                distance,
            } => {
                let covered = u64::from(*minutes) * 60 + carried_seconds;
                let carried = carried(*carried_seconds);
                let side = |used: u64| beyond(used, covered, *then_per_minute, self.rounding);
                format!(
                    "{}\npackage {package:?} covers {minutes} min{carried} = {covered} s of the month at any distance (here {distance})\n\
                     with this leg {}\nwithout it {}\nthe difference is {amount}",
                    increments(0, *quantity),
                    side(used_seconds.saturating_add(quantity.seconds)),
                    side(*used_seconds)
                )
            }
            Line::RollOver { package, minutes, used_seconds, before_seconds, carried_seconds, then_per_minute } => {
                let side = |carried: u64| {
                    beyond(*used_seconds, u64::from(*minutes) * 60 + carried, *then_per_minute, self.rounding)
                };
                format!(
                    "package {package:?}: {carried_seconds} s are carried over from the month before, and not {before_seconds} s\n\
                     with them {}\nwith those {}\nthe difference is {amount}",
                    side(*carried_seconds),
                    side(*before_seconds)
                )
            }
            Line::MinimumSpend { minimum, filled, topped_up } => {
                let before = if *topped_up == MicroYuan::ZERO {
                    String::new()
                } else {
                    format!(", less {topped_up} booked before")
                };
                format!(
                    "minimum spend {minimum} of the month, filled by {filled}: what lacks, at least 0{before}: {amount}"
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

fn increments(free: u32, Quantity { milliseconds, first_seconds, next_seconds, seconds }: Quantity) -> String {
    let text = |milliseconds: u64| format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000);
    let counted = milliseconds.saturating_sub(u64::from(free) * 1000);
    let less = if free == 0 { String::new() } else { format!("{} less {free} s free: ", text(milliseconds)) };
    format!("{less}{} in increments of {first_seconds} s, then {next_seconds} s: {seconds} s", text(counted))
}

/// `90000 s: (60000 s × 100 % + 30000 s × 90 %) ÷ 60 × 0.10 = 145.00`
fn by_steps(used: u64, per_minute: MicroYuan, steps: &[VolumeStep], rounding: Rounding) -> String {
    let parts = volume::stretches(steps, used).filter(|(seconds, _)| *seconds > 0);
    let parts: Vec<String> = parts.map(|(seconds, off)| format!("{seconds} s × {} %", off.rest())).collect();
    let price = volume::price_of_month(used, per_minute, steps, rounding).unwrap_or_default();
    let sum = if parts.is_empty() { "0 s".to_owned() } else { parts.join(" + ") };
    format!("{used} s: ({sum}) ÷ 60 × {per_minute} = {price}")
}

fn carried(seconds: u64) -> String {
    if seconds == 0 { String::new() } else { format!(" and {seconds} s carried over") }
}

fn beyond(used: u64, covered: u64, per_minute: MicroYuan, rounding: Rounding) -> String {
    let beyond = used.saturating_sub(covered);
    let price = round_ratio(i128::from(beyond) * i128::from(per_minute.micros()), 60, rounding).unwrap_or_default();
    format!("{used} s, {beyond} s beyond the package ÷ 60 × {per_minute} = {price}")
}

#[cfg(test)]
mod tests {
    use super::super::book::PriceBook;
    use super::super::charge::DistanceClass;
    use super::super::fixtures::{TARIFF, answered_leg, book, document};
    use super::super::rate::{MonthPackage, PackageUse, Used, rate_call};

    #[test]
    fn an_amount_is_explained_figure_by_figure() {
        let book = book();
        let record = answered_leg("x-1", 2, "2026-11-23T02:00:07.200Z", 35_900);
        let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::LongDistance).unwrap().charge.unwrap();
        let expected = format!(
            "35.900 s in increments of 60 s, then 60 s: 60 s\n\
             60 s ÷ 60 × 0.60 = 0.60, rate \"long-distance\", long distance\n\
             rounded half up to 0.000001, version of 2026-01-01, price book {}",
            book.digest()
        );
        assert_eq!(charge.explain(), expected);
    }

    #[test]
    fn free_seconds_and_the_least_charge_show_what_they_do() {
        let local = "{name: local, freeSeconds: 10, minimumCharge: \"0.15\", when";
        let book = PriceBook::new(&document(&TARIFF.replace("{name: local, when", local))).unwrap();
        let explained = |milliseconds| {
            let record = answered_leg("x-3", 1, "2026-11-23T02:00:07.200Z", milliseconds);
            let charge = rate_call(&book, Used::Nothing, &record, DistanceClass::Local).unwrap().charge.unwrap();
            charge.explain().lines().take(3).collect::<Vec<_>>().join("|")
        };
        assert_eq!(
            explained(61_500),
            "61.500 s less 10 s free: 51.500 s in increments of 60 s, then 60 s: 60 s|60 s ÷ 60 × 0.10 = 0.10, rate \"local\", \
             local|at least 0.15 a call: 0.15"
        );
        assert!(
            explained(9_999)
                .starts_with("9.999 s less 10 s free: 0.000 s in increments of 60 s, then 60 s: 0 s|0 s ÷ 60")
        );
    }

    #[test]
    fn a_call_that_crosses_a_step_shows_both_sides() {
        let steps = "{name: local, volumeSteps: [{aboveMinutes: 10, percentOff: \"12.5\"}], when";
        let book = PriceBook::new(&document(&TARIFF.replace("{name: local, when", steps))).unwrap();
        let record = answered_leg("x-4", 1, "2026-11-23T02:00:07.200Z", 120_000);
        let charge = rate_call(&book, Used::Metered(540), &record, DistanceClass::Local).unwrap().charge.unwrap();
        let text = charge.explain();
        let shown: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            shown,
            [
                "120.000 s in increments of 60 s, then 60 s: 120 s",
                "rate \"local\", local: each step takes its percentage off the month's seconds beyond it",
                "with this leg 660 s: (600 s × 100 % + 60 s × 87.5 %) ÷ 60 × 0.10 = 1.0875",
                "without it 540 s: (540 s × 100 %) ÷ 60 × 0.10 = 0.90",
                "the difference is 0.1875",
            ]
        );
    }

    #[test]
    fn a_call_that_crosses_the_end_of_its_package_shows_both_sides() {
        let book = book();
        let version = book.version_on("2026-11-01".parse().unwrap()).unwrap();
        let terms = MonthPackage { package: version.package("m300").unwrap(), version };
        let record = answered_leg("x-2", 1, "2026-11-23T02:00:07.200Z", 180_000);
        let package = Some(PackageUse { terms, used_seconds: 29_940, carried_seconds: 0 });
        let charge = rate_call(&book, package.into(), &record, DistanceClass::Local).unwrap().charge.unwrap();
        let text = charge.explain();
        assert!(text.contains("with this leg 30120 s, 120 s beyond the package ÷ 60 × 0.12 = 0.24\n"), "{text}");
        assert!(text.contains("without it 29940 s, 0 s beyond the package ÷ 60 × 0.12 = 0.00\n"), "{text}");
        assert!(text.contains("the difference is 0.24\n"), "{text}");
    }
}
