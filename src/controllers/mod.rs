//! The control loops: custom resources in; claims, plan parts and status out.
//!
//! One folder per kind. A reconcile reads as five steps, each in a file of its own where there is more than a line of it:
//! dereference (caches only), validate (pure), build (pure), apply (the one step that writes), status (pure, published
//! where it differs). `wake` says who must look again when something changes, `world` is all that a reconcile may see,
//! `sink` is the only way out. Nothing here talks to a worker's internals.

pub mod approval;
pub mod calendar;
pub mod caller_list;
pub mod claim;
mod counted;
pub mod directory;
mod driver;
pub mod error;
pub mod facts;
pub mod findings;
pub mod gateway;
pub mod hub;
pub mod key;
mod links;
pub mod number;
pub mod overrides;
mod patience;
pub mod plan;
pub mod pool;
pub mod publish;
mod pump;
mod recent_claims;
pub mod references;
pub mod run;
pub mod schedule;
pub mod served_with;
pub mod sink;
pub mod sources;
mod statuses;
pub mod tariff;
pub mod tenant;
mod transitions;
pub mod unreadable;
pub mod usage;
pub mod wake;
pub mod world;
