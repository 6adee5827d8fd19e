//! The durable book of calls and money.
//!
//! Workers put call records and bindings in, and read totals out; nobody else touches it. What a call answers for is
//! durable before the call returns: a record, its charges, the totals and the feed's cursor are one transaction. One
//! trait, [`Ledger`], with boxed futures, so that a database behind a socket fits as well as a file: today
//! [`sqlite::SqliteLedger`].
//!
//! Rating itself is [`crate::domain::rating`]; the ledger chooses what it is given: the binding and the price book of a
//! record's start, never those of today.

pub mod crash;
mod error;
pub mod reopening;
pub mod sqlite;
mod types;

use std::fmt;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

pub use error::{ErrorClass, LedgerError};
pub use types::{
    Accrued, BindingChanges, BookInForce, Booking, Calls, Charges, Cursor, Kept, LedgerId, ListScope, Received,
    Retried, TenantTotal, UnratedCount, UnratedReason, Usage, UsagePage, WholeList,
};

use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::{Bindings, Prices};

/// The future of an answer.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// A book of calls and money. An answer means that what it speaks of is durable; an error, that nothing was booked.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Who this ledger is, made once and kept inside: numbers of one tenant must share it. `None` until it is open.
    fn id(&self) -> Option<LedgerId>;

    /// Differs at each opening: the order of changes that a reader followed holds for one opening only, since a file
    /// restored from an earlier day goes on from there. `None` until it is open.
    fn epoch(&self) -> Option<u64>;

    /// Books `records`, received at `received_at`; one answer each, in order. Requests that wait together share a
    /// transaction. Answers [`LedgerError::Busy`] at once when too many wait.
    fn book(&self, records: Vec<Received>, received_at: Timestamp) -> Reply<'_, Vec<Booking>>;

    /// Keeps a price book under the digest of its text.
    fn keep_price_book(&self, prices: Prices, now: Timestamp) -> Reply<'_, Kept>;

    /// Takes over what a part of the plan says of its numbers, and books the fees that a first binding, a new function
    /// or a new package is due. A number that no part names any longer is held by nobody from `now` on; of several that
    /// name it, the one that said something new last decides.
    fn apply_bindings(&self, part: Bindings, now: Timestamp) -> Reply<'_, BindingChanges>;

    /// Numbers that only parts named which the whole list does not have are held by nobody from `now` on: the parts were
    /// withdrawn while nobody listened.
    fn keep_only(&self, list: WholeList, now: Timestamp) -> Reply<'_, BindingChanges>;

    /// Books the monthly and daily fees due up to `now`; asking twice books once.
    fn accrue(&self, now: Timestamp) -> Reply<'_, Accrued>;

    /// Rates records kept unrated whose binding or price book has arrived meanwhile.
    fn retry_unrated(&self, now: Timestamp) -> Reply<'_, Retried>;

    /// At most `limit` totals changed after `after`, oldest change first, of `month` or of all.
    fn usage_after(&self, after: Cursor, month: Option<Month>, limit: u32) -> Reply<'_, UsagePage>;

    /// The totals of a number in a month: one for each tenant that held it, and one for records that nobody answers for.
    fn usage_of(&self, number: FourHundred, month: Month) -> Reply<'_, Vec<Usage>>;

    /// What each tenant was charged in a month.
    fn tenant_totals(&self, month: Month) -> Reply<'_, Vec<TenantTotal>>;

    /// The price book of each tariff by which some number is charged now: that of the number bound last.
    fn books_in_force(&self) -> Reply<'_, Vec<BookInForce>>;

    /// How many records are kept unrated, of one number or of all, by reason; reasons with none are left out.
    fn unrated(&self, number: Option<FourHundred>) -> Reply<'_, Vec<UnratedCount>>;

    /// The cursor of the last change, as it moves.
    fn changes(&self) -> watch::Receiver<Cursor>;
}
