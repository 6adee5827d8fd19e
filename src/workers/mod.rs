//! Long-running servers fed by a plan: the router answers calls, the biller books their records.
//!
//! A worker reads parts of the plan and nothing else of the operator's; it never sees a custom resource. `plan` keeps the
//! parts, on disk too, so that a worker goes on without the API server, also after a restart.

pub mod biller;
pub mod router;
