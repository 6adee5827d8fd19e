//! The router: answers "where does this call go?" over SIP and HTTP, from memory alone.
//!
//! Nothing on the way of a call waits for a lock, a disk or another server. [`sip`] is the codec and the pure redirect
//! server.

pub mod counters;
pub mod sip;
