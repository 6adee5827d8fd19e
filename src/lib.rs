//! `fourhundred`: a Kubernetes operator that runs a Mobile-400 (移动400) service.
//!
//! The map of the house. Dependencies point one way only:
//! `commands` → `controllers`, `workers` → `ledger`, `api`, `runtime` → `domain`.
//!
//! | room | holds | may touch |
//! |---|---|---|
//! | [`api`] | the custom resources, one file per kind, rules beside the fields they guard | nothing but types |
//! | [`domain`] | numbering, calendar, routing, rating: the rules of the trade | arguments and return values only |
//! | [`controllers`] | custom resources → plan, claims, status | the object stores and one sink |
//! | [`workers`] | router (SIP, HTTP) and biller (records, usage), fed by a plan | sockets, ledger |
//! | [`ledger`] | the durable book of calls and money | one database |
//! | [`runtime`] | what every server shares: shutdown, lease, telemetry, HTTP | the process |
//! | [`folder`] | manifests read from a folder, with places for error messages | the file system |
//! | [`ingest`] | records in files, handed over to a biller | the file system, one biller over HTTP |
//! | [`offline`] | a folder of manifests judged and planned without a cluster, by the operator's own checks | what it is handed |
//! | [`embedding`] | the operator process put together: workers, probes, lease, loops | everything above |
//! | [`serving`] | the same pipeline fed from folders, and workers alone | everything above |
//! | [`dev`] | a cluster of one's own to try it all in | everything above |
//! | [`commands`] | one file per subcommand | everything above |
//!
//! A controller never talks to a worker's internals and a worker never reads a custom resource: what passes between
//! them is the plan ([`domain::routing::document`]) one way and usage the other.
#![forbid(unsafe_code)]

pub mod api;
pub mod commands;
pub mod controllers;
pub mod dev;
pub mod domain;
pub mod embedding;
pub mod folder;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ingest;
pub mod ledger;
pub mod offline;
pub mod runtime;
pub mod serving;
pub mod workers;
