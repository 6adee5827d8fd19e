//! Routing: plan documents, compilation, decision, explanation. Pure.
//!
//! The way of a call: [`document`] (text) → [`load`] (every name resolved to an index) → [`plan::Plan`] (an immutable
//! snapshot) → [`decide::decide`] → [`decision::Decision`]. The SIP worker, the HTTP API and the folder tools all call
//! the same walk; an explanation is that walk with a [`trace::Trace`] that listens. [`entry`] is the check of one
//! number before it enters a plan, [`trie`] cuts a namespace's numbers into leaves.

pub mod caller_lists;
pub mod compile;
mod compile_leaf;
pub mod compiled;
pub mod decide;
pub mod decision;
pub mod document;
pub mod entry;
pub mod head;
pub mod leaf;
pub mod load;
pub mod network;
pub mod place;
pub mod plan;
pub mod schedules;
mod shared;
pub mod timetable;
pub mod trace;
pub mod trie;
pub mod turns;

#[cfg(test)]
mod reference;
#[cfg(any(test, fuzzing))]
pub(crate) mod worlds;
