//! Money: integers of one millionth of a yuan, one rounding per charge line, never a float.
//!
//! Prices are written as decimal text with at most six decimals, so every price is a whole number of millionths. What a
//! call costs is a ratio of whole numbers (seconds × price ÷ 60) that is rounded once, by [`round_ratio`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Millionths in one yuan.
const MICROS: i64 = 1_000_000;
/// Most digits before the decimal point: under 10¹² yuan, so that a few of them can be added in an `i64`.
const WHOLE_DIGITS: usize = 12;
/// Most digits after the decimal point.
const DECIMALS: usize = 6;

/// An amount of yuan (元) in millionths; negative for a reversal. JSON and text write yuan: `"0.15"`.
///
/// ```
/// use fourhundred::domain::rating::MicroYuan;
/// let price: MicroYuan = "0.6".parse().unwrap();
/// assert_eq!(price, MicroYuan::from_micros(600_000));
/// assert_eq!(price.to_string(), "0.60");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroYuan(i64);

/// Text that is not an amount of yuan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseMoneyError {
    #[error("{0:?} is not an amount of yuan: digits with at most six decimals are needed, such as 0.15")]
    Shape(String),
    #[error("{0:?} has more than six decimals: the smallest price is 0.000001")]
    Decimals(String),
    #[error("{0:?} is too much: at most 12 digits may stand before the decimal point")]
    Bound(String),
}

impl MicroYuan {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// So many millionths of a yuan.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The amount in millionths of a yuan.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, unless it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The difference, unless it does not fit.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The amount with its sign turned, unless it does not fit.
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The sum of any number of amounts, counted in 128 bits, unless the result does not fit.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let micros: i128 = amounts.into_iter().map(|amount| i128::from(amount.0)).sum();
        i64::try_from(micros).ok().map(Self)
    }
}

impl fmt::Display for MicroYuan {
    /// Yuan with two to six decimals: `0.36`, `905.95`, `0.123456`, `-1.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.0.unsigned_abs();
        let (mut fraction, mut width) = (absolute % MICROS.unsigned_abs(), DECIMALS);
        while width > 2 && fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{fraction:0width$}", absolute / MICROS.unsigned_abs())
    }
}

impl FromStr for MicroYuan {
    type Err = ParseMoneyError;

    /// `[-]digits[.digits]`, at most twelve digits before the point and six after it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seen = || text.chars().take(40).collect::<String>();
        let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits_only(whole) || !digits_only(decimals) {
            return Err(ParseMoneyError::Shape(seen()));
        }
        if decimals.len() > DECIMALS {
            return Err(ParseMoneyError::Decimals(seen()));
        }
        if whole.len() > WHOLE_DIGITS {
            return Err(ParseMoneyError::Bound(seen()));
        }
        let digits = whole.bytes().chain(decimals.bytes().chain(std::iter::repeat(b'0')).take(DECIMALS));
        let micros = digits.fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        Ok(Self(sign * micros))
    }
}

impl Serialize for MicroYuan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MicroYuan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How a charge line is brought to a whole millionth. Amounts below zero mirror those above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rounding {
    /// To the nearest; a half goes away from zero.
    #[default]
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
    /// Away from zero.
    Up,
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfUp => "half up",
            Self::HalfEven => "half even",
            Self::Up => "up",
        })
    }
}

/// `numerator ÷ denominator` millionths of a yuan, rounded once. `None` if the denominator is zero or the result does
/// not fit.
pub fn round_ratio(numerator: i128, denominator: i128, rounding: Rounding) -> Option<MicroYuan> {
    let negative = (numerator < 0) != (denominator < 0);
    let (dividend, divisor) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let (quotient, remainder) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
    let rest = divisor - remainder;
    let away = match rounding {
        Rounding::HalfUp => remainder >= rest,
        Rounding::HalfEven => remainder > rest || (remainder == rest && !quotient.is_multiple_of(2)),
        Rounding::Up => remainder > 0,
    };
    let magnitude = i128::try_from(quotient.checked_add(u128::from(away))?).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok().map(MicroYuan)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yuan(text: &str) -> MicroYuan {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_written_with_two_to_six_decimals() {
        for (micros, text) in [
            (360_000, "0.36"),
            (905_950_000, "905.95"),
            (123_456, "0.123456"),
            (0, "0.00"),
            (-1_500_000, "-1.50"),
            (-1, "-0.000001"),
            (36_000, "0.036"),
            (i64::MIN, "-9223372036854.775808"),
        ] {
            assert_eq!(MicroYuan(micros).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_plain_decimal_text_is_refused() {
        for text in ["", ".", "1.", ".5", "+1", "1e3", "1,000", " 1", "0x1", "--1", "1.2.3", "１"] {
            assert_eq!(text.parse::<MicroYuan>(), Err(ParseMoneyError::Shape(text.to_owned())));
        }
        assert!(matches!("0.1234567".parse::<MicroYuan>(), Err(ParseMoneyError::Decimals(_))));
        assert!(matches!("1000000000000".parse::<MicroYuan>(), Err(ParseMoneyError::Bound(_))));
        assert_eq!(yuan("999999999999.999999").micros(), 999_999_999_999_999_999);
        assert_eq!(yuan("-0.15").micros(), -150_000);
        assert_eq!(yuan("7").micros(), 7_000_000);
    }

    #[test]
    fn each_rounding_mirrors_below_zero() {
        use Rounding::{HalfEven, HalfUp, Up};
        for (numerator, denominator, rounding, micros) in [
            (5, 2, HalfUp, 3),
            (5, 2, HalfEven, 2),
            (5, 2, Up, 3),
            (7, 2, HalfEven, 4),
            (7, 3, HalfUp, 2),
            (7, 3, HalfEven, 2),
            (7, 3, Up, 3),
            (8, 3, HalfUp, 3),
            (8, 3, HalfEven, 3),
            (9, 3, Up, 3),
            (1, 1000, Up, 1),
            (0, 3, Up, 0),
        ] {
            assert_eq!(round_ratio(numerator, denominator, rounding), Some(MicroYuan(micros)));
            assert_eq!(round_ratio(-numerator, denominator, rounding), Some(MicroYuan(-micros)));
            assert_eq!(round_ratio(numerator, -denominator, rounding), Some(MicroYuan(-micros)));
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        assert_eq!(round_ratio(1, 0, Rounding::HalfUp), None);
        assert_eq!(round_ratio(i128::MAX, 2, Rounding::HalfUp), None);
        assert_eq!(MicroYuan(i64::MAX).checked_add(MicroYuan(1)), None);
        assert_eq!(MicroYuan(i64::MIN).checked_neg(), None);
        assert_eq!(MicroYuan::checked_sum([MicroYuan(i64::MAX), MicroYuan(i64::MAX)]), None);
        let turned = [MicroYuan(i64::MAX), MicroYuan(i64::MAX), MicroYuan(-i64::MAX)];
        assert_eq!(MicroYuan::checked_sum(turned), Some(MicroYuan(i64::MAX)));
    }

    proptest! {
        #[test]
        fn text_and_value_agree(micros in -999_999_999_999_999_999_i64..=999_999_999_999_999_999) {
            let amount = MicroYuan(micros);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(serde_json::from_str::<MicroYuan>(&serde_json::to_string(&amount).unwrap()).unwrap(), amount);
        }

        #[test]
        fn rounding_moves_by_less_than_one_step(numerator in -1_000_000_i128..1_000_000, denominator in 1_i128..1000) {
            for (rounding, twice_most) in [(Rounding::HalfUp, 1), (Rounding::HalfEven, 1), (Rounding::Up, 2)] {
                let rounded = i128::from(round_ratio(numerator, denominator, rounding).unwrap().micros());
                prop_assert!((rounded * denominator - numerator).abs() * 2 <= denominator * twice_most);
            }
        }
    }
}
