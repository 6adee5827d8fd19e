//! Patterns over callers, as deny lists and rules write them: digits of the national form, and a final `*` for "and
//! whatever follows". Compiled once; matching allocates nothing and takes two binary searches. Pure.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::area_code::AreaCode;
use super::national::{MAX_DIGITS, NationalNumber, mask_text};
use super::normalise::begins_with_carrier_select;
use super::packed::PackedDigits;

/// One pattern: `13900001111`, `0105555*`.
///
/// ```
/// use fourhundred::domain::numbering::{CallerPattern, NationalNumber};
/// let pattern: CallerPattern = "0105555*".parse()?;
/// assert!(pattern.matches(NationalNumber::from_digits("01055550001").unwrap()));
/// assert!("+86105555*".parse::<CallerPattern>().is_err());
/// # Ok::<(), fourhundred::domain::numbering::ParseCallerPatternError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerPattern {
    digits: NationalNumber,
    reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reach {
    Exact,
    Prefix,
}

/// Why a text is no pattern over callers. A whole number is named with its middle digits hidden, since these sentences
/// reach status and logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCallerPatternError {
    #[error(
        "{0:?} is not a caller pattern: 1 to {MAX_DIGITS} digits of the national form and an optional final * are \
         needed, such as \"13900001111\" or \"0105555*\""
    )]
    Shape(String),
    #[error(
        "{0:?} begins with a country code, which the national form of mainland numbers has not: write \"0105555*\" for \
         \"+86105555*\", and \"001*\" for \"+1*\""
    )]
    CountryCode(String),
    #[error(
        "{0:?} begins with a carrier-select prefix (179xx, 125xx), which is dropped before patterns are compared: write \
         what follows it, such as \"138*\""
    )]
    CarrierSelect(String),
    #[error(
        "{0:?} begins with the 0 before a mobile number, which is dropped before patterns are compared: write it without, \
         such as \"138*\""
    )]
    ZeroBeforeMobile(String),
}

impl CallerPattern {
    /// Whether a number in national form is meant.
    #[must_use]
    pub fn matches(&self, number: NationalNumber) -> bool {
        match self.reach {
            Reach::Exact => number == self.digits,
            Reach::Prefix => number.as_str().starts_with(self.digits.as_str()),
        }
    }

    /// The digits, without the `*`.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.digits.as_str()
    }

    /// The digits, without the `*`, as a number.
    #[must_use]
    pub const fn number(&self) -> NationalNumber {
        self.digits
    }

    /// The area whose fixed lines the pattern means one and all (`0898*`). It says nothing of the area's mobiles, which
    /// only an area list can name.
    #[must_use]
    pub fn whole_area(&self) -> Option<AreaCode> {
        if self.is_prefix() { self.digits().parse().ok() } else { None }
    }

    /// Whether the pattern ends in `*`.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.reach == Reach::Prefix
    }
}

impl FromStr for CallerPattern {
    type Err = ParseCallerPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ParseCallerPatternError as E;
        let shown = || shown(text);
        let (digits, reach) = match text.strip_suffix('*') {
            Some(digits) => (digits, Reach::Prefix),
            None => (text, Reach::Exact),
        };
        if ["+", "86", "0086"].iter().any(|country| digits.starts_with(country)) {
            return Err(E::CountryCode(shown()));
        }
        if begins_with_carrier_select(digits) {
            return Err(E::CarrierSelect(shown()));
        }
        // No area code begins with 013 to 019.
        if matches!(digits.as_bytes(), [b'0', b'1', b'3'..=b'9', ..]) {
            return Err(E::ZeroBeforeMobile(shown()));
        }
        let digits = NationalNumber::from_digits(digits).ok_or_else(|| E::Shape(shown()))?;
        Ok(Self { digits, reach })
    }
}

/// What was written: the beginning of a number as it is, a whole one masked.
fn shown(text: &str) -> String {
    let is_beginning = text.ends_with('*') && text.len() <= 10;
    if is_beginning { text.to_owned() } else { mask_text(text) }
}

impl fmt::Display for CallerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits())?;
        f.write_str(if self.is_prefix() { "*" } else { "" })
    }
}

impl Serialize for CallerPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallerPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Patterns that stand beside what else a set says of itself; of a larger set, all stand elsewhere.
const NEAR: usize = 4;

/// A set of patterns that answers whether any of them matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerPatterns {
    /// Numbers without a `*`, ascending; then beginnings, ascending, of which none begins with another: so only the last
    /// one that is not after a number can match it.
    digits: SmallVec<[PackedDigits; NEAR]>,
    /// How many are without a `*`.
    exact: usize,
}

impl CallerPatterns {
    /// Whether any pattern matches.
    #[must_use]
    pub fn matches(&self, number: NationalNumber) -> bool {
        let digits = PackedDigits::of(number);
        self.beginning(digits).is_some() || self.exact().binary_search(&digits).is_ok()
    }

    /// A pattern that matches, the widest first, for explaining a decision.
    #[must_use]
    pub fn matching(&self, number: NationalNumber) -> Option<CallerPattern> {
        let digits = PackedDigits::of(number);
        if let Some(beginning) = self.beginning(digits) {
            return Some(CallerPattern { digits: beginning.number()?, reach: Reach::Prefix });
        }
        self.exact().binary_search(&digits).ok()?;
        Some(CallerPattern { digits: number, reach: Reach::Exact })
    }

    fn exact(&self) -> &[PackedDigits] {
        self.digits.get(..self.exact).unwrap_or_default()
    }

    /// The one that a number begins with.
    fn beginning(&self, digits: PackedDigits) -> Option<PackedDigits> {
        let beginnings = self.digits.get(self.exact..).unwrap_or_default();
        let after = beginnings.partition_point(|beginning| *beginning <= digits);
        let last = beginnings.get(after.checked_sub(1)?)?;
        digits.begins_with(*last).then_some(*last)
    }

    /// Whether the set names everybody whom `pattern` names, by a pattern of its own that reaches as far.
    #[must_use]
    pub fn cover(&self, pattern: &CallerPattern) -> bool {
        self.matching(pattern.number()).is_some_and(|wider| wider.is_prefix() || !pattern.is_prefix())
    }

    /// Numbers that the set names without a `*`, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = NationalNumber> {
        self.exact().iter().filter_map(|digits| digits.number())
    }

    /// Whether the set holds no pattern and matches nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }
}

impl FromIterator<CallerPattern> for CallerPatterns {
    fn from_iter<T: IntoIterator<Item = CallerPattern>>(patterns: T) -> Self {
        let (mut beginnings, mut digits) = (Vec::new(), SmallVec::new());
        for pattern in patterns {
            let packed = PackedDigits::of(pattern.digits);
            if pattern.is_prefix() { beginnings.push(packed) } else { digits.push(packed) }
        }
        beginnings.sort_unstable();
        beginnings.dedup_by(|next, kept| next.begins_with(*kept));
        digits.sort_unstable();
        digits.dedup();
        let exact = digits.len();
        digits.extend(beginnings);
        digits.shrink_to_fit();
        Self { digits, exact }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(digits: &str) -> NationalNumber {
        NationalNumber::from_digits(digits).unwrap()
    }

    fn set(patterns: &[&str]) -> CallerPatterns {
        patterns.iter().map(|pattern| pattern.parse::<CallerPattern>().unwrap()).collect()
    }

    #[test]
    fn a_star_means_whatever_follows_and_its_absence_the_number_itself() {
        let patterns = set(&["13900001111", "0105555*", "00852*", "010555512*"]);
        for caller in ["13900001111", "0105555", "01055550001", "01055551234", "0085223456789"] {
            assert!(patterns.matches(number(caller)), "{caller}");
        }
        for caller in ["1390000111", "139000011112", "0105554", "010", "008613800138000", "10086"] {
            assert!(!patterns.matches(number(caller)), "{caller}");
        }
        assert_eq!(patterns.matching(number("01055551234")).unwrap().to_string(), "0105555*");
        assert_eq!(patterns.matching(number("13900001111")).unwrap().to_string(), "13900001111");
        assert!(set(&[]).is_empty());
        assert!(!set(&[]).matches(number("13900001111")));
    }

    #[test]
    fn a_pattern_that_could_match_nobody_is_refused_with_what_to_write() {
        use ParseCallerPatternError as E;
        let error = |text: &str| text.parse::<CallerPattern>().unwrap_err();
        for text in ["+86105555*", "8613800138000", "86*", "0086138*", "+1*"] {
            assert!(matches!(error(text), E::CountryCode(_)), "{text}");
        }
        for text in ["17951*", "1795113800138000", "12593*"] {
            assert!(matches!(error(text), E::CarrierSelect(_)), "{text}");
        }
        for text in ["0138*", "013800138000"] {
            assert!(matches!(error(text), E::ZeroBeforeMobile(_)), "{text}");
        }
        for text in ["", "*", "010*5", "010-5555*", "138**", "１３８*", "1234567890123456789012345"] {
            assert!(matches!(error(text), E::Shape(_)), "{text}");
        }
        assert!(error("+86105555*").to_string().starts_with("\"+86105555*\" begins with a country code"));
        assert!(error("8613812348000").to_string().starts_with("\"861******8000\" begins with a country code"));
    }

    #[test]
    fn a_pattern_over_a_whole_area_is_told_from_others() {
        let area = |text: &str| text.parse::<CallerPattern>().unwrap().whole_area().map(|area| area.to_string());
        assert_eq!(area("0898*").as_deref(), Some("0898"));
        for text in ["0898", "08986*", "089*", "138*"] {
            assert_eq!(area(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_was_read() {
        for text in ["0898*", "13900001111", "00*", "0*", "10086"] {
            assert_eq!(text.parse::<CallerPattern>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_set_matches_as_its_patterns_do_one_by_one(
            texts in prop::collection::vec("[0-3]{1,5}\\*?", 0..40),
            callers in prop::collection::vec("[0-3]{1,6}", 1..40),
        ) {
            let patterns: Vec<CallerPattern> = texts.iter().filter_map(|text| text.parse().ok()).collect();
            let set: CallerPatterns = patterns.iter().copied().collect();
            for caller in callers {
                let caller = number(&caller);
                prop_assert_eq!(set.matches(caller), patterns.iter().any(|pattern| pattern.matches(caller)));
                if let Some(pattern) = set.matching(caller) {
                    prop_assert!(patterns.contains(&pattern) && pattern.matches(caller));
                }
            }
        }
    }
}
