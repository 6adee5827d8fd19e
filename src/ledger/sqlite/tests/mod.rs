//! The SQLite ledger through its trait, on files in temporary folders.

pub(crate) mod bench;
mod bindings;
mod booking;
mod crash;
mod failures;
mod fees;
mod minimum;
mod peers;
mod properties;
mod roll_over;
mod totals;
