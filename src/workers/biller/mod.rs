//! The biller: call records in, usage out, fees in time.
//!
//! It stands between the switches and the ledger: [`intake`] takes records over HTTP and answers when they are durable,
//! [`usage_feed`] tells who asks which totals changed, [`follow`] keeps the ledger's bindings and price books with the
//! plan and lets monthly fees fall due. Rating is the domain's, durability the ledger's; nothing here knows a custom
//! resource.

pub mod counters;
pub mod follow;
mod forms;
pub mod intake;
mod lines;
pub mod usage_feed;

pub use counters::Counters;
pub use follow::{Biller, BillingPart};
pub use intake::{Intake, IntakeSettings};
pub use lines::Switches;
pub use usage_feed::UsageFeed;

#[cfg(test)]
mod http_tests;
