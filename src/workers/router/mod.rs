//! The router: answers "where does this call go?" over SIP and HTTP, from memory alone.
//!
//! Readers take a snapshot of the plan from [`super::plan::PlanStore`]; nothing on the way of a call waits for a lock,
//! a disk or another server. [`sip`] is the codec and the pure redirect server, [`udp`] its sockets, [`http`] the
//! decision API and the tale of what is served.

pub mod counters;
mod datagram;
pub mod dialler;
pub mod guard;
pub mod http;
pub mod shedding;
pub mod sip;
pub mod udp;

#[cfg(test)]
mod socket_tests;
