//! 400 numbers (400号码): ten digits, dialled nation-wide without an area code. Pure.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::carriers::{self, Carrier};
use super::normalise::normalise;

/// A 400 number: ten digits that start with `400`.
///
/// ```
/// use fourhundred::domain::numbering::FourHundred;
/// let number: FourHundred = "4001000868".parse()?;
/// assert_eq!(number.as_u64(), 4_001_000_868);
/// assert!("400-100-0868".parse::<FourHundred>().is_err());
/// # Ok::<(), fourhundred::domain::numbering::ParseFourHundredError>(())
/// ```
// The seven digits after the 400.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FourHundred(u32);

const BASE: u64 = 4_000_000_000;

/// Text that is not exactly ten digits starting with `400`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a 400 number: exactly ten digits that start with 400 are needed, such as \"4001000868\"")]
pub struct ParseFourHundredError(String);

impl FourHundred {
    /// The smallest: `4000000000`.
    pub const MIN: Self = Self(0);
    /// The largest: `4009999999`.
    pub const MAX: Self = Self(9_999_999);

    /// The number read as an integer.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        BASE + self.0 as u64
    }

    /// The 400 number that an integer reads as, if it is one.
    #[must_use]
    pub fn from_u64(value: u64) -> Option<Self> {
        let beyond = u32::try_from(value.checked_sub(BASE)?).ok()?;
        (beyond <= Self::MAX.0).then_some(Self(beyond))
    }

    /// The called number of a call as a switch may write it: spaces, hyphens and `+86` are dropped. `None` when what
    /// remains is no 400 number.
    #[must_use]
    pub fn from_called(text: &str) -> Option<Self> {
        normalise(text).ok()?.as_str().parse().ok()
    }

    /// The prefix (号段), which says whose number it is: the first four digits, such as `4001`.
    #[must_use]
    pub const fn prefix(self) -> u64 {
        self.as_u64() / 1_000_000
    }

    /// The carrier that the prefix belongs to, where the range is known.
    #[must_use]
    pub fn carrier(self) -> Option<Carrier> {
        carriers::of_four_hundred(self)
    }

    /// The ten digits, each 0 to 9, first digit first.
    #[must_use]
    pub fn digits(self) -> [u8; 10] {
        let mut rest = self.as_u64();
        let mut digits = [0; 10];
        for digit in digits.iter_mut().rev() {
            *digit = u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        digits
    }
}

impl fmt::Display for FourHundred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_u64(), f)
    }
}

// A 400 number is public by its nature: nothing is masked.
impl fmt::Debug for FourHundred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FourHundred {
    type Err = ParseFourHundredError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseFourHundredError(text.chars().take(32).collect());
        // `parse::<u64>` alone would let a sign pass.
        if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        text.parse().ok().and_then(Self::from_u64).ok_or_else(wrong)
    }
}

impl Serialize for FourHundred {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FourHundred {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_ten_digits_that_start_with_400_are_a_number() {
        let number: FourHundred = "4001000868".parse().unwrap();
        assert_eq!(number.to_string(), "4001000868");
        assert_eq!(number.prefix(), 4001);
        assert_eq!(number.digits(), [4, 0, 0, 1, 0, 0, 0, 8, 6, 8]);
        assert_eq!("4000000000".parse(), Ok(FourHundred::MIN));
        assert_eq!("4009999999".parse(), Ok(FourHundred::MAX));
        for wrong in
            ["", "400100086", "40010008680", "400-100-0868", "4101000868", "+400100086", "４００１０００８６８"]
        {
            let error = wrong.parse::<FourHundred>().unwrap_err().to_string();
            assert!(error.contains("such as \"4001000868\""), "{error}");
        }
    }

    #[test]
    fn a_called_number_may_come_in_any_dialled_form() {
        for form in ["4001000868", "400-100-0868", "+864001000868", "0086 400 100 0868", "864001000868"] {
            assert_eq!(FourHundred::from_called(form), FourHundred::from_u64(4_001_000_868), "{form}");
        }
        assert_eq!(FourHundred::from_called("13800138000"), None);
    }

    #[test]
    fn json_holds_it_as_text() {
        let number = FourHundred::from_u64(4_007_123_456).unwrap();
        assert_eq!(serde_json::to_string(&number).unwrap(), "\"4007123456\"");
        assert_eq!(serde_json::from_str::<FourHundred>("\"4007123456\"").unwrap(), number);
        assert!(serde_json::from_str::<FourHundred>("4007123456").is_err());
    }
}
