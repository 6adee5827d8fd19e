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
use super::stand_in::{FourHundred, Month};

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
