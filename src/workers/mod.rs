//! Long-running servers fed by a plan: the router answers calls, the biller books their records.
//!
//! A worker reads parts of the plan and nothing else of the operator's; it never sees a custom resource. `plan` keeps the
//! parts, on disk too, so that a worker goes on without the API server, also after a restart; `feed` brings them from
//! ConfigMaps; `house` is a router and a biller in one process.

pub mod access;
pub mod biller;
pub mod feed;
pub mod house;
pub mod plan;
pub mod router;
