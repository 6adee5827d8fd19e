//! Where calls are sent: mainland mobile and fixed numbers, parsed once and valid ever after. Pure.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::area_code::{Area, AreaCode};
use super::areas;
use super::national::{E164Number, NationalNumber, mask_text};
use super::normalise::{NormaliseError, is_local, is_mobile, normalise};

/// What kind of line a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LineClass {
    /// 手机, eleven digits.
    Mobile,
    /// 固定电话, an area code and a local number.
    Fixed,
}

/// Digits of the longest: an area code of four, a local number of eight.
const LONGEST: usize = 12;

/// A valid mainland number that calls can be sent to (目的码), in sixteen bytes: a plan has several for each number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    // Unused bytes are 0, so that comparing the array compares the text.
    digits: [u8; LONGEST],
    len: u8,
    class: LineClass,
    area: Area,
}

/// Why a text is no destination. Each names what was written with its middle digits hidden, and an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDestinationError {
    #[error("{written:?} is not a telephone number: write digits, such as \"010-8888 0001\" or \"138 0013 8000\"")]
    NotANumber { written: String, source: NormaliseError },
    #[error("{written:?} is not in the mainland: a destination is a mainland number, such as \"010-8888 0001\"")]
    Overseas { written: String },
    #[error("{written:?} is itself a 400 or 800 number: name the line behind it, such as \"010-8888 0001\"")]
    NationWide { written: String },
    #[error("{written:?} lacks its area code: write it before the number, such as \"010-8888 0001\"")]
    AreaCodeMissing { written: String },
    #[error("{written:?} lacks the 0 of its area code: write it with the 0, such as \"{area}\" and the local number")]
    TrunkZeroMissing { written: String, area: AreaCode },
    #[error("{written:?} begins with no area code in use: one is needed, such as 0755 in \"0755-6666 0002\"")]
    AreaCodeUnknown { written: String },
    #[error(
        "{written:?} has the local part of no fixed line: after {area} come 7 or 8 digits, the first of them 2 to 8, \
         such as \"{area} 6666 0002\""
    )]
    LocalPart { written: String, area: AreaCode },
    #[error("{written:?} has {digits} digits: a mobile number has 11, such as \"138 0013 8000\"")]
    MobileLength { written: String, digits: usize },
    #[error(
        "{written:?} is a service code or no mainland number: a destination is a mobile or fixed number, such as \
         \"138 0013 8000\" or \"010-8888 0001\""
    )]
    NotALine { written: String },
}

const _: () = assert!(size_of::<Destination>() <= 16);

impl Destination {
    /// Reads a number as people write it.
    ///
    /// ```
    /// use fourhundred::domain::numbering::{Destination, LineClass};
    /// let beijing = Destination::parse("010-8888 0001")?;
    /// assert_eq!(beijing.to_string(), "01088880001");
    /// assert_eq!(beijing.class(), LineClass::Fixed);
    /// assert_eq!(beijing.e164().as_str(), "861088880001");
    /// let error = Destination::parse("010-1234 5678").unwrap_err().to_string();
    /// assert!(error.starts_with("\"010-**** 5678\" has the local part of no fixed line"), "{error}");
    /// # Ok::<(), fourhundred::domain::numbering::ParseDestinationError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseDestinationError> {
        let number =
            normalise(text).map_err(|source| ParseDestinationError::NotANumber { written: mask_text(text), source })?;
        let digits = number.as_str();
        if is_mobile(digits) {
            return Ok(Self::of(digits, LineClass::Mobile, areas::area_of(number)));
        }
        if let Some((area, local)) = AreaCode::split(digits)
            && area.is_in_use()
            && is_local(local)
        {
            return Ok(Self::of(digits, LineClass::Fixed, Area::Known(area)));
        }
        Err(why_not(digits, mask_text(text)))
    }

    /// Digits that were found to be a mobile or a fixed number.
    fn of(text: &str, class: LineClass, area: Area) -> Self {
        let mut digits = [0; LONGEST];
        let mut len = 0;
        for (into, digit) in digits.iter_mut().zip(text.bytes()) {
            *into = digit;
            len += 1;
        }
        Self { digits, len, class, area }
    }

    /// The number in national form: `01088880001`, `13800138000`.
    #[must_use]
    pub fn number(&self) -> NationalNumber {
        NationalNumber::padded(self.digits, self.len)
    }

    /// The digits in national form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored, so the empty fallback is out of reach.
        self.digits.get(..usize::from(self.len)).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    #[must_use]
    pub const fn class(&self) -> LineClass {
        self.class
    }

    /// The local network. Always known for a fixed number; unknown for a mobile segment newer than the tables.
    #[must_use]
    pub const fn area(&self) -> Area {
        self.area
    }

    /// The international form, without `+`: `861088880001`, `8613800138000`.
    #[must_use]
    pub fn e164(&self) -> E164Number {
        let digits = self.as_str();
        let significant = digits.strip_prefix('0').unwrap_or(digits);
        // At most 14 digits, so the fallback is out of reach.
        E164Number(NationalNumber::concat("86", significant).unwrap_or(self.number()))
    }
}

/// The most helpful reason why normalised digits are no destination.
fn why_not(digits: &str, written: String) -> ParseDestinationError {
    use ParseDestinationError as E;
    if digits.starts_with("00") {
        return E::Overseas { written };
    }
    if digits.starts_with('0') {
        return match AreaCode::split(digits) {
            Some((area, _)) if area.is_in_use() => E::LocalPart { written, area },
            _ => E::AreaCodeUnknown { written },
        };
    }
    if digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800")) {
        return E::NationWide { written };
    }
    if is_local(digits) {
        return E::AreaCodeMissing { written };
    }
    let with_zero = NationalNumber::concat("0", digits);
    if let Some((area, local)) = with_zero.as_ref().and_then(|number| AreaCode::split(number.as_str()))
        && area.is_in_use()
        && is_local(local)
    {
        return E::TrunkZeroMissing { written, area };
    }
    if digits.len() > 8 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..]) {
        return E::MobileLength { written, digits: digits.len() };
    }
    E::NotALine { written }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number(), f)
    }
}

/// Masked, as every number of a person is.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destination").field(&self.number()).finish()
    }
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<'de, str>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mainland_mobile_and_fixed_numbers_are_destinations() {
        for (written, number, class, area, e164) in [
            ("010-8888 0001", "01088880001", LineClass::Fixed, "010", "861088880001"),
            ("0755-6666 0002", "075566660002", LineClass::Fixed, "0755", "8675566660002"),
            ("(0310) 312 3456", "03103123456", LineClass::Fixed, "0310", "863103123456"),
            ("+86 138 0013 8000", "13800138000", LineClass::Mobile, "010", "8613800138000"),
            // A segment that the tables do not know yet.
            ("19999990001", "19999990001", LineClass::Mobile, "Unknown", "8619999990001"),
        ] {
            let destination = Destination::parse(written).unwrap();
            assert_eq!(destination.number().as_str(), number);
            assert_eq!(destination.class(), class, "{written}");
            assert_eq!(destination.area().to_string(), area, "{written}");
            assert_eq!(destination.e164().to_string(), e164);
            let json = serde_json::to_string(&destination).unwrap();
            assert_eq!(serde_json::from_str::<Destination>(&json).unwrap(), destination);
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused_with_its_reason_and_an_example() {
        for (written, sentence) in [
            ("", "\"\" is not a telephone number: write digits"),
            ("reception", "\"reception\" is not a telephone number"),
            ("+1 212 555 0100", "\"+1 21* *** 0100\" is not in the mainland"),
            ("4001000868", "\"40******68\" is itself a 400 or 800 number"),
            ("8888 0001", "\"88** **01\" lacks its area code"),
            ("10 8888 0001", "\"10 **** **01\" lacks the 0 of its area code: write it with the 0, such as \"010\""),
            ("0565-666 0001", "\"056*-*** 0001\" begins with no area code in use"),
            ("010-1888 0001", "\"010-**** 0001\" has the local part of no fixed line: after 010 come"),
            ("010-9888 0001", "\"010-**** 0001\" has the local part of no fixed line"),
            ("0755-666 666", "\"07**-*** *66\" has the local part of no fixed line: after 0755 come"),
            ("138 0013 800", "\"13* **** *00\" has 10 digits: a mobile number has 11"),
            ("138 0013 80001", "\"138 **** *0001\" has 12 digits"),
            ("12800138000", "\"128****8000\" is a service code or no mainland number"),
            ("10086", "\"10086\" is a service code"),
            ("95588", "\"95588\" is a service code"),
        ] {
            let error = Destination::parse(written).unwrap_err().to_string();
            assert!(error.starts_with(sentence), "{written}: {error}");
            assert!(error.contains("such as"), "{error}");
        }
    }
}
