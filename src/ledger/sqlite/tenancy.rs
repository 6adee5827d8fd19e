//! What a number's month at one tenant goes by: its first binding, and the package of that.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::memory::{Memory, Tenure};
use super::totals::UsageKey;
use super::value;
use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::rating::book::PriceBook;
use crate::domain::rating::monthly::{Holder, package_of_month};
use crate::domain::rating::rate::MonthPackage;
use crate::ledger::{LedgerError, UnratedReason};

/// A month's first tenure at the tenant whose row it is.
#[derive(Debug)]
pub(super) struct FirstOf<'a> {
    pub(super) month: Month,
    pub(super) holder: Holder<'a>,
    pub(super) tenure: Tenure<'a>,
    /// `None`: it has not come yet.
    pub(super) book: Option<&'a PriceBook>,
    /// When the tenant's first binding of all began.
    pub(super) opened: Timestamp,
}

impl<'a> FirstOf<'a> {
    /// `None`: the tenant did not hold the number in that month.
    pub(super) fn month_of(memory: &'a Memory, key: UsageKey) -> Result<Option<Self>, LedgerError> {
        let (month, number) = (value::month_from(key.month)?, value::number_from(key.number)?);
        let Some(history) = memory.numbers.get(&key.number) else { return Ok(None) };
        let held = history.held.iter().filter_map(|held| held.terms.as_deref());
        let Some(tenant) = held.into_iter().find(|terms| terms.account == key.tenant).map(|terms| &*terms.tenant)
        else {
            return Ok(None);
        };
        let opened = history.tenures(tenant, Timestamp::MAX).next().map_or(Timestamp::MAX, |first| first.from);
        let first = first_tenure(&memory.books, history.tenures(tenant, Timestamp::MAX), month, &memory.zone);
        let holder = Holder { number, tenant };
        Ok(first.map(|(tenure, book)| Self { month, holder, tenure, book, opened }))
    }

    /// `None`: it had none, or one that no price book knows.
    pub(super) fn package(&self) -> Option<MonthPackage<'a>> {
        package_of_month(&[self.tenure.span(self.book?)], self.month).ok()?
    }
}

/// Its price book is needed and no other's: a book that never came must not keep every later call without a price.
fn first_tenure<'a>(
    books: &'a HashMap<Digest, Arc<PriceBook>>,
    tenures: impl Iterator<Item = Tenure<'a>>,
    month: Month,
    zone: &TimeZone,
) -> Option<(Tenure<'a>, Option<&'a PriceBook>)> {
    let mut tenures = tenures.map(|tenure| (tenure, books.get(&tenure.terms.price_book).map(AsRef::as_ref)));
    tenures.find(|(tenure, book)| tenure.lies_in(month, book.map_or(zone, PriceBook::zone)))
}

/// The package of the month's first tenure.
pub(super) fn month_package<'a>(
    books: &'a HashMap<Digest, Arc<PriceBook>>,
    tenures: impl Iterator<Item = Tenure<'a>>,
    month: Month,
    zone: &TimeZone,
) -> Result<Option<MonthPackage<'a>>, UnratedReason> {
    let Some((tenure, book)) = first_tenure(books, tenures, month, zone) else { return Ok(None) };
    if tenure.terms.package.is_none() {
        return Ok(None);
    }
    let book = book.ok_or(UnratedReason::PriceBookMissing)?;
    package_of_month(&[tenure.span(book)], month).map_err(Into::into)
}
