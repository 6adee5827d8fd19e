//! Minimum spend (低消): what a number's month is topped up by when it came to less than its grade asks. Pure.
//!
//! - Asked where the price book's version of the month has `minimumMonthly` and the number's grade names an amount; both as
//!   the month's first span has them. Of a tenant's first month nothing, if the version says so; the month in which a
//!   number is given back counts in full.
//! - Due when the month is over: T = the amount less what fills it, at least 0. Set-up fees never fill it.
//! - A call that is told later fills the month too. What was booked of T before is then too much, and the next line takes
//!   it back: each is T less the lines before it, so that they sum to T, in whatever order the calls come.

use jiff::Timestamp;

use super::book::PriceBook;
use super::charge::{Charge, ChargeKey, FeeClass, Line};
use super::money::MicroYuan;
use super::monthly::{Fee, Holder, Span, in_month, version_of_month};
use crate::domain::calendar::Month;

/// Fees of a month that may fill the minimum, without earlier top-ups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filling {
    pub voice: MicroYuan,
    pub messages: MicroYuan,
    pub functions: MicroYuan,
}

/// Which of them do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub voice: bool,
    pub messages: bool,
    pub functions: bool,
}

/// What a version says of minimum spend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MinimumSpend {
    pub counts: Counts,
    /// Of the tenant's first month nothing is asked.
    pub opening_month_exempt: bool,
}

impl Counts {
    fn of(self, filling: Filling) -> Option<MicroYuan> {
        let parts =
            [(self.voice, filling.voice), (self.messages, filling.messages), (self.functions, filling.functions)];
        parts
            .into_iter()
            .filter(|(counts, _)| *counts)
            .try_fold(MicroYuan::ZERO, |sum, (_, part)| sum.checked_add(part))
    }
}

/// A number's month as the book has it.
#[derive(Debug, Clone, Copy)]
pub struct MonthSoFar {
    pub month: Month,
    /// When the tenant's first binding began.
    pub opened: Timestamp,
    pub filling: Filling,
    /// Sum of the month's lines of this kind so far.
    pub topped_up: MicroYuan,
}

/// The line that brings the month's top-ups to what they must be, if one is due; spans as for
/// [`monthly_charges`](super::monthly::monthly_charges).
pub fn minimum_charge(holder: Holder<'_>, spans: &[Span<'_>], so_far: MonthSoFar, now: Timestamp) -> Option<Fee> {
    let MonthSoFar { month, opened, filling, topped_up } = so_far;
    let first = in_month(spans, month).next()?;
    let span = spans.get(first.index)?;
    let book: &PriceBook = span.book;
    if now < month.next().first_instant(book.zone()) {
        return None;
    }
    let version = version_of_month(book, month, first.from)?;
    let (terms, minimum) = (version.minimum_spend()?, span.minimum?);
    if terms.opening_month_exempt && Month::of(opened, book.zone()) == month {
        return None;
    }
    let filled = terms.counts.of(filling)?;
    let amount = top_up(minimum, filled)?.checked_sub(topped_up)?;
    if amount == MicroYuan::ZERO {
        return None;
    }
    let (number, tenant) = (holder.number, holder.tenant.to_owned());
    let charge = Charge {
        key: ChargeKey::MinimumSpend { number, tenant, month, filled },
        class: FeeClass::Communication,
        line: Line::MinimumSpend { minimum, filled, topped_up },
        rounding: version.rounding(),
        amount,
        usage_month: month,
        price: version.source(),
    };
    Some(Fee { charge, span: first.index })
}

/// T.
pub(super) fn top_up(minimum: MicroYuan, filled: MicroYuan) -> Option<MicroYuan> {
    minimum.checked_sub(filled).map(|lacking| lacking.max(MicroYuan::ZERO))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{TARIFF, document, instant};
    use super::*;

    fn yuan(text: &str) -> MicroYuan {
        text.parse().unwrap()
    }

    fn book(counts: &str) -> PriceBook {
        PriceBook::new(&document(&TARIFF.replace("[Voice, Messages, Functions]", counts))).unwrap()
    }

    /// The line's amount, of a number held from `from` on.
    fn due(counts: &str, from: &str, until: Option<&str>, so_far: MonthSoFar, now: &str) -> Option<Charge> {
        let book = book(counts);
        let holder = Holder { number: "4001000868".parse().unwrap(), tenant: "acme" };
        let span = Span {
            from: instant(from),
            until: until.map(instant),
            book: &book,
            package: None,
            functions: &[],
            minimum: Some(yuan("40.00")),
        };
        let fee = minimum_charge(holder, &[span], so_far, instant(now))?;
        assert_eq!(fee.charge.recompute(&book), Some(fee.charge.amount));
        Some(fee.charge)
    }

    fn march(voice: &str, functions: &str, topped_up: &str) -> MonthSoFar {
        MonthSoFar {
            month: "2026-03".parse().unwrap(),
            opened: instant("2026-02-10T00:00:00+08:00"),
            filling: Filling { voice: yuan(voice), messages: MicroYuan::ZERO, functions: yuan(functions) },
            topped_up: yuan(topped_up),
        }
    }

    const FROM: &str = "2026-02-10T00:00:00+08:00";
    const OVER: &str = "2026-04-01T00:00:00+08:00";

    #[test]
    fn a_month_is_topped_up_to_its_minimum_when_it_is_over() {
        let all = "[Voice, Messages, Functions]";
        let amount = |so_far, now| due(all, FROM, None, so_far, now).map(|charge| charge.amount.to_string());
        assert_eq!(amount(march("12.50", "10.00", "0"), OVER).as_deref(), Some("17.50"));
        assert_eq!(amount(march("12.50", "10.00", "0"), "2026-03-31T23:59:59.999+08:00"), None);
        assert_eq!(amount(march("30.00", "10.00", "0"), OVER), None);
        assert_eq!(amount(march("99.00", "10.00", "0"), OVER), None);
    }

    #[test]
    fn a_later_call_takes_back_what_it_fills() {
        let all = "[Voice, Messages, Functions]";
        let amount = |so_far| due(all, FROM, None, so_far, OVER).map(|charge| charge.amount.to_string());
        assert_eq!(amount(march("12.50", "10.00", "17.50")), None);
        assert_eq!(amount(march("13.10", "10.00", "17.50")).as_deref(), Some("-0.60"));
        assert_eq!(amount(march("93.10", "10.00", "16.90")).as_deref(), Some("-16.90"));
    }

    #[test]
    fn only_the_fees_that_count_fill_it() {
        let amount =
            |counts: &str| due(counts, FROM, None, march("12.50", "10.00", "0"), OVER).unwrap().amount.to_string();
        assert_eq!(amount("[Voice]"), "27.50");
        assert_eq!(amount("[Functions]"), "30.00");
        assert_eq!(amount("[Messages]"), "40.00");
    }

    #[test]
    fn the_opening_month_may_be_exempt_and_the_last_counts_in_full() {
        let all = "[Voice, Messages, Functions]";
        let opening = MonthSoFar { opened: instant("2026-03-31T23:00:00+08:00"), ..march("0", "0", "0") };
        assert_eq!(due(all, "2026-03-31T23:00:00+08:00", None, opening, OVER), None);
        let until = Some("2026-03-01T00:00:01+08:00");
        assert_eq!(due(all, FROM, until, march("0", "0", "0"), OVER).unwrap().amount, yuan("40.00"));
        assert_eq!(due(all, FROM, Some("2026-03-01T00:00:00+08:00"), march("0", "0", "0"), OVER), None);
    }
}
