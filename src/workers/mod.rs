//! Empty room.

pub mod biller;
