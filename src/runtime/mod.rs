//! Empty room.

pub mod clock;
