//! Routing: plan documents, compilation, decision, explanation. Pure.

pub mod document;
