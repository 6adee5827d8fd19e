//! Numbering: 400 numbers, the numbers behind them, those who call, areas (本地网) and vanity grades (靓号). Pure.
//!
//! Text becomes a type here, once, at the edge; after that nobody checks a number again. All types are small and
//! `Copy`, so that the hot path handles calls without allocating.

mod area_code;
pub mod areas;
mod caller;
pub mod carriers;
mod destination;
mod four_hundred;
mod national;
mod normalise;
mod packed;
#[cfg(test)]
mod packing;
mod patterns;
mod provinces;
mod vanity;

pub use area_code::{Area, AreaCode, ParseAreaCodeError};
pub use caller::Caller;
pub use carriers::Carrier;
pub use destination::{Destination, LineClass, ParseDestinationError};
pub use four_hundred::{FourHundred, ParseFourHundredError};
pub use national::{E164Number, MAX_DIGITS, Masked, NationalNumber};
pub use normalise::{MAX_INPUT_CHARS, NormaliseError, Step, normalise, normalise_explained};
pub use patterns::{CallerPattern, CallerPatterns, ParseCallerPatternError};
pub use provinces::{PlaceError, areas_in, codes_of, provinces};
pub use vanity::{ParseVanityPatternError, VanityPattern};
