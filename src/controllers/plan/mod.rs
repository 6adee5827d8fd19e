//! From verdicts to plan parts to acknowledgements.
//!
//! Reconciles put each number's verdict into the [`book`]; the [`writer`] renders and applies the shards that changed; routers tell
//! what they serve ([`acks`]) and the book knows which numbers that makes live. Nothing here decides what a number does.

pub mod acks;
pub mod book;
mod leaf_life;
pub mod shard;
pub mod standing;
pub mod writer;
