//! The SQLite ledger through its trait, on files in temporary folders.

pub(crate) mod bench;
mod bindings;
mod booking;
mod carry;
mod crash;
mod failures;
mod fees;
mod minimum;
mod peers;
mod properties;
mod totals;
