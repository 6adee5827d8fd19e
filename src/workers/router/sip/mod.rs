//! Just enough SIP for a stateless redirect server (RFC 3261 §8.2.7, §8.3): scan a request in place, write an answer.
//!
//! No transactions, no timers, no sockets: [`redirect::answer`] is a function of plan, datagram and instant, so that a
//! retransmission gets the very same bytes. Work per packet is bounded by [`scan`]'s limits.

mod contacts;
pub mod fields;
mod lines;
pub mod redirect;
pub mod remembered;
pub mod scan;
pub mod turns;
pub mod uri;
pub mod write;

#[cfg(test)]
mod redirect_tests;

#[cfg(test)]
mod torture_tests;
