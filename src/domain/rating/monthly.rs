//! Fees that time brings: packages and functions by the month, set-up once. Pure.
//!
//! Their input is the history of one number at one tenant, as spans in which nothing about its price changed. Their
//! output depends on that history and on `now` only, never on when or how often they were asked before: asking later
//! gives the same lines and more. Each line has a key, so booking them again changes nothing.
//!
//! - **Version**: the one in force on the month's first instant. For a month that the book begins in: the one in force at
//!   the number's first instant in it, else the first that begins within it; nothing is due before that begins.
//! - **Package**: the one of the month's first span. Due in full at once. A package taken or changed later counts from
//!   the next month.
//! - **Function, `Full`**: due in full at the first instant of the month in which the number held it, once.
//! - **Function, `Daily`**: one line per civil day on which the number held it for any length of time, due at that
//!   day's first instant of holding. The nth such day is charged F(n) − F(n − 1) with F(n) = monthly × n ÷ days of the
//!   month, rounded: n days sum to F(n) and a whole month to the fee itself. Giving a function back thus never needs a
//!   correction.
//! - A paused number goes on paying: pausing ends no span.

use std::collections::BTreeMap;

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
    /// Least spend of a month that the number's grade asks.
    pub minimum: Option<MicroYuan>,
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
    pub fees: Vec<Fee>,
    /// What was held but has no price: told, never guessed.
    pub unpriced: Vec<Unpriced>,
}

/// A fee and what made it due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    pub charge: Charge,
    /// Which of the spans asked about made it due.
    pub span: usize,
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
pub(super) struct Held<'a> {
    span: &'a Span<'a>,
    /// The span's place among those asked about.
    pub(super) index: usize,
    pub(super) from: Timestamp,
    until: Timestamp,
}

/// What is asked: whose fees of which month, up to when.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    holder: Holder<'a>,
    month: Month,
    now: Timestamp,
}

/// The package fee and function fees of a month that are due at `now`, ordered as they fell due within each function.
///
/// `spans` is the number's history at one tenant, by `from`, without overlaps; spans of other months do no harm. The
/// month is that of each span's own book, in its zone.
pub fn monthly_charges(holder: Holder<'_>, spans: &[Span<'_>], month: Month, now: Timestamp) -> Monthly {
    let question = Question { holder, month, now };
    let held: Vec<Held<'_>> = in_month(spans, month).filter(|part| part.from <= now).collect();
    let mut monthly = Monthly::default();
    package_fee(question, held.first(), &mut monthly);
    let mut names: Vec<&str> = held.iter().flat_map(|part| part.span.functions.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let having: Vec<Held<'_>> =
            held.iter().filter(|part| part.span.functions.iter().any(|function| function == name)).copied().collect();
        function_fee(question, name, &having, &mut monthly);
    }
    monthly
}

/// The package that a number's calls of a month are rated by, and whose fee the month owes; `None` without one.
pub fn package_of_month<'a>(spans: &[Span<'a>], month: Month) -> Result<Option<MonthPackage<'a>>, Unrated> {
    let first = in_month(spans, month).next().and_then(|first| Some((spans.get(first.index)?, first.from)));
    first.map_or(Ok(None), |(span, from)| month_package(span, from, month))
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

/// See the module's text.
pub(super) fn version_of_month(book: &PriceBook, month: Month, from: Timestamp) -> Option<&Version> {
    let begins_in_month = || book.versions().iter().find(|version| Month::of_date(version.effective_from()) == month);
    book.version_at(month.first_instant(book.zone())).or_else(|| book.version_at(from)).or_else(begins_in_month)
}

/// The package of a month's first span, which begins in the month at `from`.
fn month_package<'a>(span: &Span<'a>, from: Timestamp, month: Month) -> Result<Option<MonthPackage<'a>>, Unrated> {
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

pub(super) fn in_month<'a>(spans: &'a [Span<'a>], month: Month) -> impl Iterator<Item = Held<'a>> {
    spans.iter().enumerate().filter_map(move |(index, span)| {
        let zone = span.book.zone();
        let from = span.from.max(month.first_instant(zone));
        let month_end = month.next().first_instant(zone);
        let until = span.until.map_or(month_end, |until| until.min(month_end));
        (from < until).then_some(Held { span, index, from, until })
    })
}

fn civil_day(instant: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(instant).date()
}

fn package_fee(Question { holder, month, now }: Question<'_>, first: Option<&Held<'_>>, monthly: &mut Monthly) {
    let Some((first, name)) = first.and_then(|first| Some((first, first.span.package?))) else { return };
    match month_package(first.span, first.from, month) {
        Ok(Some(MonthPackage { package, version })) if first.span.book.begins_at(version) <= now => {
            let charge = Charge {
                key: ChargeKey::Package {
                    number: holder.number,
                    tenant: holder.tenant.to_owned(),
                    package: name.to_owned(),
                    month,
                },
                class: FeeClass::Communication,
                line: Line::Package { package: name.into() },
                rounding: version.rounding(),
                amount: package.monthly,
                usage_month: month,
                price: version.source(),
            };
            monthly.fees.push(Fee { charge, span: first.index });
        }
        Ok(_) => {}
        Err(_) => monthly.unpriced.push(Unpriced::Package { month, name: name.to_owned() }),
    }
}

/// `having` are the parts of the month in which the function was held; the first decides the price for all.
fn function_fee(question: Question<'_>, name: &str, having: &[Held<'_>], monthly: &mut Monthly) {
    let Some(first) = having.first() else { return };
    let month = question.month;
    let book = first.span.book;
    let version = version_of_month(book, month, first.from);
    let Some((version, function)) = version.and_then(|version| Some((version, version.function(name)?))) else {
        monthly.unpriced.push(Unpriced::Function { month, name: name.to_owned() });
        return;
    };
    let having = priced(having, book.begins_at(version), question.now);
    let Some(first) = having.first() else { return };
    let price = Price { version, function };
    match function.partial_month {
        PartialMonth::Full => monthly.fees.push(price.full(question, first.index)),
        PartialMonth::Daily => {
            let days = days_held(&having, book.zone(), question);
            for (nth, (day, span)) in (1_i8..).zip(days) {
                let Some(fee) = price.day(question, nth, day, span) else {
                    monthly.unpriced.push(Unpriced::Amount { month, name: name.to_owned() });
                    return;
                };
                monthly.fees.push(fee);
            }
        }
    }
}

/// The parts, as far as they have begun by `now` and there were prices.
fn priced<'a>(having: &[Held<'a>], prices_begin: Timestamp, now: Timestamp) -> Vec<Held<'a>> {
    let parts = having.iter().map(|part| Held { from: part.from.max(prices_begin), ..*part });
    parts.filter(|part| part.from < part.until && part.from <= now).collect()
}

/// A function at the version that prices its month.
#[derive(Debug, Clone, Copy)]
struct Price<'a> {
    version: &'a Version,
    function: &'a Function,
}

impl Price<'_> {
    fn full(self, Question { holder, month, .. }: Question<'_>, span: usize) -> Fee {
        let (number, tenant, function) = (holder.number, holder.tenant.to_owned(), self.function.name.clone());
        let key = ChargeKey::Function { number, tenant, function: function.clone(), month };
        self.fee(key, Line::Function { function }, self.function.monthly, month, span)
    }

    /// `None` if the amount does not fit.
    fn day(self, Question { holder, month, .. }: Question<'_>, nth: i8, day: Date, span: usize) -> Option<Fee> {
        let amount = amount_of_day(self.function, nth, month.days(), self.version.rounding())?;
        let (number, tenant, function) = (holder.number, holder.tenant.to_owned(), self.function.name.clone());
        let key = ChargeKey::FunctionDay { number, tenant, function: function.clone(), month, day: day.day() };
        let line = Line::FunctionDay { function, monthly: self.function.monthly, nth, days: month.days() };
        Some(self.fee(key, line, amount, month, span))
    }

    fn fee(self, key: ChargeKey, line: Line, amount: MicroYuan, usage_month: Month, span: usize) -> Fee {
        let (rounding, price) = (self.version.rounding(), self.version.source());
        Fee { charge: Charge { key, class: FeeClass::Function, line, rounding, amount, usage_month, price }, span }
    }
}

/// Civil days of the month touched by the parts, up to and with that of `now`, each once and in order, with the first
/// span that touches it. A part priced by another zone's book may reach into the next month of this one's.
fn days_held(having: &[Held<'_>], zone: &TimeZone, Question { month, now, .. }: Question<'_>) -> BTreeMap<Date, usize> {
    let mut days = BTreeMap::new();
    for part in having {
        let last_instant = part.until.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(part.from).min(now);
        let (first, last) = (civil_day(part.from, zone), civil_day(last_instant, zone));
        let touched = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).take(33);
        for day in touched.filter(|day| Month::of_date(*day) == month) {
            days.entry(day).or_insert(part.index);
        }
    }
    days
}

/// F(nth) − F(nth − 1).
pub(super) fn amount_of_day(function: &Function, nth: i8, days: i8, rounding: Rounding) -> Option<MicroYuan> {
    let cumulative =
        |count: i8| round_ratio(i128::from(function.monthly.micros()) * i128::from(count), i128::from(days), rounding);
    cumulative(nth)?.checked_sub(cumulative(nth.checked_sub(1)?)?)
}

#[cfg(test)]
#[path = "monthly_tests.rs"]
mod tests;
