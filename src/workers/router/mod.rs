//! The router: answers "where does this call go?" over SIP and HTTP, from memory alone.
//!
//! Readers take a snapshot of the plan from [`super::plan::PlanStore`]; nothing on the way of a call waits for a lock,
//! a disk or another server. [`sip`] is the codec and the pure redirect server, [`listeners`] its sockets ([`udp`],
//! [`stream`]), [`http`] the decision API and the tale of what is served.

pub mod certificates;
pub mod counters;
mod datagram;
mod desk;
pub mod dialler;
pub mod guard;
pub mod http;
pub mod listeners;
mod sending;
pub mod shedding;
pub mod sip;
pub(crate) mod stream;
mod udp;

#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod stream_tests;
