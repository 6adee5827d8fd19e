//! The rules of the trade, as pure functions: no I/O, no clock, no async, no Kubernetes, no SQL.
//!
//! Time, randomness and identity come in as arguments, so that every rule can be tested by a table and replayed later.

pub mod calendar;
pub mod digest;
pub mod numbering;
pub mod rating;
pub mod routing;
