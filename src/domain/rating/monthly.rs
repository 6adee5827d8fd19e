//! Fees that time brings: packages and functions by the month, set-up once. Pure.
//!
//! Their input is the history of one number at one tenant, as spans in which nothing about its price changed. Their
//! output depends on that history and on `now` only, never on when or how often they were asked before: asking later
//! gives the same lines and more. Each line has a key, so booking them again changes nothing.
//!
//! - **Package**: the one of the month's first span, at the version in force on the month's first instant (for a month
//!   that the book begins in: at the number's first instant in it). Due in full at once. A package taken or changed
//!   later counts from the next month.
//! - **Function, `Full`**: due in full at the first instant of the month in which the number held it, once.
//! - **Function, `Daily`**: one line per civil day on which the number held it for any length of time, due at that
//!   day's first instant of holding. The nth such day is charged F(n) − F(n − 1) with F(n) = monthly × n ÷ days of the
//!   month, rounded: n days sum to F(n) and a whole month to the fee itself. Giving a function back thus never needs a
//!   correction.
//! - A paused number goes on paying: pausing ends no span.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::book::{Function, PriceBook, Version};
use super::charge::{Charge, ChargeKey, FeeClass, Line, PartialMonth};
use super::money::{MicroYuan, Rounding, round_ratio};
use super::rate::{MonthPackage, Unrated};
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;

/// A span in which a number's binding did not change.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// First instant.
    pub from: Timestamp,
    /// First instant no longer in it; `None`: it goes on.
    pub until: Option<Timestamp>,
    pub book: &'a PriceBook,
    pub package: Option<&'a str>,
    /// Functions subscribed.
    pub functions: &'a [String],
}

/// Whose history the spans are.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub number: FourHundred,
    pub tenant: &'a str,
}

/// A month's fees of one number that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Monthly {
    pub charges: Vec<Charge>,
    /// What was held but has no price: told, never guessed.
    pub unpriced: Vec<Unpriced>,
}

/// Something held that the price book does not list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unpriced {
    #[error("{month}: package {name:?} is not in the price book in force")]
    Package { month: Month, name: String },
    #[error("{month}: function {name:?} is not in the catalogue of the price book in force")]
    Function { month: Month, name: String },
    #[error("{month}: the fee of {name:?} does not fit")]
    Amount { month: Month, name: String },
}

/// The part of a span that lies in a month, as instants.
#[derive(Debug, Clone, Copy)]
struct Held<'a> {
    span: &'a Span<'a>,
    from: Timestamp,
    until: Timestamp,
}

/// The package fee and function fees of a month that are due at `now`, ordered as they fell due within each function.
///
/// `spans` is the number's history at one tenant, by `from`, without overlaps; spans of other months do no harm. The
/// month is that of each span's own book, in its zone.
pub fn monthly_charges(holder: Holder<'_>, spans: &[Span<'_>], month: Month, now: Timestamp) -> Monthly {
    let held: Vec<Held<'_>> =
        spans.iter().filter_map(|span| held_in(span, month)).filter(|part| part.from <= now).collect();
    let mut monthly = Monthly::default();
    package_fee(holder, spans, month, now, &mut monthly);
    let mut names: Vec<&str> = held.iter().flat_map(|part| part.span.functions.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let having: Vec<Held<'_>> =
            held.iter().filter(|part| part.span.functions.iter().any(|function| function == name)).copied().collect();
        function_fee(holder, name, &having, month, now, &mut monthly);
    }
    monthly
}

/// The package that a number's calls of a month are rated by, and whose fee the month owes; `None` without one.
pub fn package_of_month<'a>(spans: &[Span<'a>], month: Month) -> Result<Option<MonthPackage<'a>>, Unrated> {
    let Some((span, from)) = spans.iter().find_map(|span| held_in(span, month).map(|part| (*span, part.from))) else {
        return Ok(None);
    };
    let Some(name) = span.package else { return Ok(None) };
    let Some(version) = version_of_month(span.book, month, from) else {
        return Err(Unrated::BeforeFirstVersion {
            day: civil_day(from, span.book.zone()),
            first: span.book.versions().first().map_or(Date::MAX, Version::effective_from),
        });
    };
    match version.package(name) {
        Some(package) => Ok(Some(MonthPackage { package, version })),
        None => Err(Unrated::PackageUnknown { package: name.to_owned(), version: version.effective_from() }),
    }
}

/// The set-up fee (开户费), by the version in force when the tenant's first binding began; `None` if the book had no
/// version by then. A fee of 0.00 is a line too: it says that the set-up was seen.
pub fn setup_charge(holder: Holder<'_>, book: &PriceBook, first_binding: Timestamp) -> Option<Charge> {
    let version = book.version_at(first_binding)?;
    Some(Charge {
        key: ChargeKey::Setup { number: holder.number, tenant: holder.tenant.to_owned() },
        class: FeeClass::Setup,
        line: Line::Setup,
        rounding: version.rounding(),
        amount: version.setup_fee(),
        usage_month: book.month_of(first_binding),
        price: version.source(),
    })
}

/// The version of the month's first instant; for the month in which the book's first version begins, that of `from`.
fn version_of_month(book: &PriceBook, month: Month, from: Timestamp) -> Option<&Version> {
    book.version_at(month.first_instant(book.zone())).or_else(|| book.version_at(from))
}

fn held_in<'a>(span: &'a Span<'a>, month: Month) -> Option<Held<'a>> {
    let zone = span.book.zone();
    let from = span.from.max(month.first_instant(zone));
    let month_end = month.next().first_instant(zone);
    let until = span.until.map_or(month_end, |until| until.min(month_end));
    (from < until).then_some(Held { span, from, until })
}

fn civil_day(instant: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(instant).date()
}

fn package_fee(holder: Holder<'_>, spans: &[Span<'_>], month: Month, now: Timestamp, monthly: &mut Monthly) {
    let due = spans.iter().find_map(|span| held_in(span, month)).filter(|part| part.from <= now);
    let Some(name) = due.and_then(|part| part.span.package) else { return };
    match package_of_month(spans, month) {
        Ok(Some(MonthPackage { package, version })) => monthly.charges.push(Charge {
            key: ChargeKey::Package { number: holder.number, package: name.to_owned(), month },
            class: FeeClass::Communication,
            line: Line::Package { package: name.to_owned() },
            rounding: version.rounding(),
            amount: package.monthly,
            usage_month: month,
            price: version.source(),
        }),
        Ok(None) => {}
        Err(_) => monthly.unpriced.push(Unpriced::Package { month, name: name.to_owned() }),
    }
}

/// `having` are the parts of the month in which the function was held; the first decides the price for all.
fn function_fee(
    holder: Holder<'_>,
    name: &str,
    having: &[Held<'_>],
    month: Month,
    now: Timestamp,
    monthly: &mut Monthly,
) {
    let Some(first) = having.first() else { return };
    let version = version_of_month(first.span.book, month, first.from);
    let Some((version, function)) = version.and_then(|version| Some((version, version.function(name)?))) else {
        monthly.unpriced.push(Unpriced::Function { month, name: name.to_owned() });
        return;
    };
    let charge = |key, line, amount| Charge {
        key,
        class: FeeClass::Function,
        line,
        rounding: version.rounding(),
        amount,
        usage_month: month,
        price: version.source(),
    };
    let (number, name) = (holder.number, name.to_owned());
    match function.partial_month {
        PartialMonth::Full => {
            let key = ChargeKey::Function { number, function: name.clone(), month };
            monthly.charges.push(charge(key, Line::Function { function: name }, function.monthly));
        }
        PartialMonth::Daily => {
            let days = days_held(having, first.span.book.zone(), now);
            for (nth, day) in (1_i8..).zip(days) {
                let Some(amount) = amount_of_day(function, nth, month.days(), version.rounding()) else {
                    monthly.unpriced.push(Unpriced::Amount { month, name });
                    return;
                };
                let key = ChargeKey::FunctionDay { number, function: name.clone(), month, day: day.day() };
                let line =
                    Line::FunctionDay { function: name.clone(), monthly: function.monthly, nth, days: month.days() };
                monthly.charges.push(charge(key, line, amount));
            }
        }
    }
}

/// Civil days touched by the parts, up to and with that of `now`, each once and in order.
fn days_held(having: &[Held<'_>], zone: &TimeZone, now: Timestamp) -> Vec<Date> {
    let mut days: Vec<Date> = Vec::new();
    for part in having {
        let last_instant = part.until.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(part.from).min(now);
        let (first, last) = (civil_day(part.from, zone), civil_day(last_instant, zone));
        days.extend(first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).take(31));
    }
    days.sort_unstable();
    days.dedup();
    days
}

/// F(nth) − F(nth − 1).
pub(super) fn amount_of_day(function: &Function, nth: i8, days: i8, rounding: Rounding) -> Option<MicroYuan> {
    let cumulative =
        |count: i8| round_ratio(i128::from(function.monthly.micros()) * i128::from(count), i128::from(days), rounding);
    cumulative(nth)?.checked_sub(cumulative(nth.checked_sub(1)?)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{TARIFF, book, document, instant};
    use super::*;

    fn holder() -> Holder<'static> {
        Holder { number: "4001000868".parse().unwrap(), tenant: "acme" }
    }

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn functions(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn span<'a>(
        book: &'a PriceBook,
        (from, until): (&str, Option<&str>),
        package: Option<&'a str>,
        functions: &'a [String],
    ) -> Span<'a> {
        Span { from: instant(from), until: until.map(instant), book, package, functions }
    }

    fn lines(monthly: &Monthly) -> Vec<String> {
        monthly.charges.iter().map(|charge| format!("{} {}", charge.key, charge.amount)).collect()
    }

    fn sum(monthly: &Monthly) -> String {
        MicroYuan::checked_sum(monthly.charges.iter().map(|charge| charge.amount)).unwrap().to_string()
    }

    const LATER: &str = "2027-03-01T00:00:00+08:00";

    #[test]
    fn fees_fall_due_at_the_months_first_instant_in_the_tariffs_zone() {
        let (book, held) = (book(), functions(&["Schedule"]));
        let spans = [span(&book, ("2026-09-04T10:00:00+08:00", None), Some("m800"), &held)];
        let due = |now: &str| lines(&monthly_charges(holder(), &spans, month("2026-11"), instant(now)));
        assert!(due("2026-10-31T15:59:59.999Z").is_empty());
        let expected = ["package/4001000868/2026-11/m800 800.00", "function/4001000868/2026-11/Schedule 10.00"];
        assert_eq!(due("2026-10-31T16:00:00Z"), expected);
        assert_eq!(due(LATER), expected);
    }

    #[test]
    fn the_first_month_owes_its_package_in_full_from_the_first_binding() {
        let book = book();
        let spans = [span(&book, ("2026-11-20T10:00:00+08:00", None), Some("m300"), &[])];
        let due = |now: &str| lines(&monthly_charges(holder(), &spans, month("2026-11"), instant(now)));
        assert!(due("2026-11-20T09:59:59+08:00").is_empty());
        assert_eq!(due("2026-11-20T10:00:00+08:00"), ["package/4001000868/2026-11/m300 300.00"]);
        assert!(lines(&monthly_charges(holder(), &spans, month("2026-10"), instant(LATER))).is_empty());
    }

    #[test]
    fn a_package_change_takes_effect_next_month() {
        let book = book();
        let spans = [
            span(&book, ("2026-02-01T00:00:00+08:00", Some("2026-03-10T12:00:00+08:00")), Some("m300"), &[]),
            span(&book, ("2026-03-10T12:00:00+08:00", None), Some("m800"), &[]),
        ];
        let name = |text: &str| package_of_month(&spans, month(text)).unwrap().map(|terms| terms.package.name.clone());
        assert_eq!(name("2026-01"), None);
        assert_eq!(name("2026-03").as_deref(), Some("m300"));
        assert_eq!(name("2026-04").as_deref(), Some("m800"));
        let march = monthly_charges(holder(), &spans, month("2026-03"), instant(LATER));
        assert_eq!(lines(&march), ["package/4001000868/2026-03/m300 300.00"]);
    }

    #[test]
    fn a_months_fees_are_those_of_the_version_of_its_first_instant() {
        let moved = TARIFF.replace("2026-12-01", "2026-12-02");
        let (book, held) = (PriceBook::new(&document(&moved)).unwrap(), functions(&["Recording"]));
        let spans = [span(&book, ("2026-12-15T00:00:00+08:00", None), Some("m300"), &held)];
        assert_eq!(sum(&monthly_charges(holder(), &spans, month("2026-12"), instant(LATER))), "316.446129");
        assert_eq!(sum(&monthly_charges(holder(), &spans, month("2027-01"), instant(LATER))), "341.00");
    }

    #[test]
    fn in_the_month_a_book_begins_its_first_version_counts() {
        let late = TARIFF.replace("2026-01-01", "2026-01-10");
        let book = PriceBook::new(&document(&late)).unwrap();
        let after = [span(&book, ("2026-01-12T00:00:00+08:00", None), Some("m300"), &[])];
        assert_eq!(sum(&monthly_charges(holder(), &after, month("2026-01"), instant(LATER))), "300.00");
        let before = [span(&book, ("2026-01-02T00:00:00+08:00", None), Some("m300"), &[])];
        let refused = package_of_month(&before, month("2026-01")).unwrap_err();
        assert_eq!(refused.reason(), "BeforeFirstVersion");
    }

    #[test]
    fn a_full_function_is_due_once_however_often_toggled() {
        let (book, with, without) = (book(), functions(&["Screening"]), functions(&[]));
        let spans = [
            span(&book, ("2026-05-01T00:00:00+08:00", Some("2026-05-02T10:00:00+08:00")), None, &without),
            span(&book, ("2026-05-02T10:00:00+08:00", Some("2026-05-02T11:00:00+08:00")), None, &with),
            span(&book, ("2026-05-02T11:00:00+08:00", Some("2026-05-20T00:00:00+08:00")), None, &without),
            span(&book, ("2026-05-20T00:00:00+08:00", None), None, &with),
        ];
        let may = monthly_charges(holder(), &spans, month("2026-05"), instant(LATER));
        assert_eq!(lines(&may), ["function/4001000868/2026-05/Screening 5.00"]);
    }

    #[test]
    fn a_daily_function_counts_both_end_days_and_a_day_once() {
        let (book, with, without) = (book(), functions(&["Recording"]), functions(&[]));
        let spans = [
            span(&book, ("2026-06-03T23:59:59+08:00", Some("2026-06-05T00:00:01+08:00")), None, &with),
            span(&book, ("2026-06-05T00:00:01+08:00", Some("2026-06-05T09:00:00+08:00")), None, &without),
            span(&book, ("2026-06-05T09:00:00+08:00", Some("2026-06-07T00:00:00+08:00")), None, &with),
        ];
        let june = monthly_charges(holder(), &spans, month("2026-06"), instant(LATER));
        let expected = [
            "function/4001000868/2026-06-03/Recording 0.999667",
            "function/4001000868/2026-06-04/Recording 0.999666",
            "function/4001000868/2026-06-05/Recording 0.999667",
            "function/4001000868/2026-06-06/Recording 0.999667",
        ];
        assert_eq!(lines(&june), expected);
        assert_eq!(sum(&june), "3.998667");
    }

    #[test]
    fn what_the_catalogue_does_not_list_is_told() {
        let (book, held) = (book(), functions(&["MissedCallSms"]));
        let spans = [span(&book, ("2026-05-01T00:00:00+08:00", None), Some("m1"), &held)];
        let may = monthly_charges(holder(), &spans, month("2026-05"), instant(LATER));
        assert_eq!(may.charges, []);
        assert_eq!(
            may.unpriced,
            [
                Unpriced::Package { month: month("2026-05"), name: "m1".to_owned() },
                Unpriced::Function { month: month("2026-05"), name: "MissedCallSms".to_owned() }
            ]
        );
    }

    #[test]
    fn the_setup_fee_is_keyed_by_number_and_tenant() {
        let charge = setup_charge(holder(), &book(), instant("2026-12-01T00:00:00+08:00")).unwrap();
        assert_eq!(
            (charge.key.to_string().as_str(), charge.amount.to_string().as_str()),
            ("setup/4001000868/acme", "180.00")
        );
        assert_eq!((charge.class, charge.usage_month), (FeeClass::Setup, month("2026-12")));
        assert_eq!(setup_charge(holder(), &book(), instant("2025-12-31T00:00:00+08:00")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Toggling at any hours: lines of an earlier question are among those of a later one, and what n days cost is
        /// the fee times n by the days of the month, rounded once.
        #[test]
        fn asking_earlier_never_contradicts_asking_later(
            hours in prop::collection::btree_set(0_i64..28 * 24, 2..8),
            asked_after_hours in 0_i64..28 * 24,
        ) {
            let (book, held) = (book(), functions(&["Recording"]));
            let start = instant("2026-02-01T00:00:00+08:00");
            let at = |hour: i64| start + jiff::SignedDuration::from_hours(hour);
            let toggles: Vec<i64> = hours.into_iter().collect();
            let spans: Vec<Span<'_>> = toggles.chunks_exact(2).map(|pair| Span {
                from: at(pair[0]), until: Some(at(pair[1])), book: &book, package: None, functions: &held,
            }).collect();
            let whole = monthly_charges(holder(), &spans, month("2026-02"), instant(LATER));
            let early = monthly_charges(holder(), &spans, month("2026-02"), at(asked_after_hours));
            prop_assert!(whole.charges.starts_with(&early.charges));

            let held_on = |day: i64| toggles.chunks_exact(2).any(|pair| pair[0] < (day + 1) * 24 && pair[1] > day * 24);
            let days = (0..28).filter(|day| held_on(*day)).count();
            prop_assert_eq!(whole.charges.len(), days);
            // 29.99 × n ÷ 28 has no half between two millionths, so adding one half before dividing rounds it.
            let expected = (29_990_000 * i64::try_from(days).unwrap() * 2 + 28) / 56;
            prop_assert_eq!(sum(&whole), MicroYuan::from_micros(expected).to_string());
        }
    }
}
