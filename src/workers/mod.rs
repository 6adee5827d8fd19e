//! Long-running servers that follow a plan: the router (SIP, HTTP) and what feeds it.
//!
//! They may touch sockets, their disk copy and the ledger; they never read a custom resource.

pub mod plan;
pub mod router;
