//! Rating (计费): what a call or a month costs, exactly. Pure.
//!
//! A record of a call ([`record`]) meets the price book that was in force when it started ([`book`]) and becomes charge
//! lines ([`charge`]) in integers of one millionth of a yuan ([`money`]). Nothing here knows the ledger: what a line
//! needs of the past (seconds already used this month, spans in which a number was held) comes in as an argument, and
//! each line carries a key by which the ledger books it at most once.
//!
//! ```text
//! Tariff ─▶ PriceBookDocument ─▶ PriceBook ─┐
//! JSON   ─▶ NeutralRecord ─▶ CallRecord ────┴▶ rate_call ─▶ Rated { charge, … }
//! spans of a binding ────────────────────────▶ monthly_charges, setup_charge ─▶ charges
//! ```

pub mod book;
pub mod charge;
mod explain;
pub mod minimum;
pub mod money;
pub mod monthly;
pub mod rate;
mod recompute;
pub mod record;
pub mod roll_over;
pub mod volume;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fraction;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod worked_tests;

pub use charge::{Charge, ChargeKey, DistanceClass, FeeClass, Line};
pub use money::{MicroYuan, Rounding};
pub use rate::{Rated, Unrated, rate_call};
pub use record::{CallRecord, NeutralRecord, native};
