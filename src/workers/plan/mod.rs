//! The plan as a worker holds it: parts come in, are verified, and a whole new snapshot takes the old one's place.
//!
//! A part that does not stand is refused, counted, and the last good one kept; absence is never taken for deletion.
//! Every accepted part is copied to disk, from where a worker starts without any API server. It may touch that folder
//! and nothing else; who brings the parts (a watch, a folder, a test) is not its concern.

pub mod disk;
mod holdings;
pub mod served;
pub mod store;

pub use served::{ChangedPart, Family, Served};
pub use store::{BillingPart, Offer, PlanStore, Removal, Verdict};
