//! Area codes (区号) and what is known of a number's area. Pure.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Local network (本地网): the area within which a call is local, named by its area code. Written with its trunk `0`:
/// `010`, `0755`.
///
/// The shape is checked, not whether the code is in use ([`is_in_use`](Self::is_in_use) tells): a plan written by a
/// build with newer tables must still be readable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaCode(NonZeroU16);

/// Text that cannot be an area code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an area code: it is written in quotes with its 0, as \"010\", \"020\" to \"029\" or four digits such \
     as \"0755\""
)]
pub struct ParseAreaCodeError(String);

impl AreaCode {
    /// The code read as an integer without its 0: 10, 755. Unique, since two-digit codes are 10 and 20 to 29, and
    /// three-digit ones start with 3 to 9.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0.get()
    }

    /// The inverse of [`as_u16`](Self::as_u16).
    #[must_use]
    pub const fn from_u16(value: u16) -> Option<Self> {
        match (value, NonZeroU16::new(value)) {
            (10 | 20..=29 | 300..=999, Some(value)) => Some(Self(value)),
            _ => None,
        }
    }

    /// The area code that digits with a leading `0` begin with, and the local digits after it; in use or not.
    #[must_use]
    pub fn split(digits: &str) -> Option<(Self, &str)> {
        let significant = digits.strip_prefix('0')?;
        // `00` leads abroad: 0020 is Egypt, not 020.
        let width = match significant.as_bytes().first()? {
            b'1' | b'2' => 2,
            b'3'..=b'9' => 3,
            _ => return None,
        };
        let (code, local) = significant.split_at_checked(width)?;
        // `parse` would take a sign.
        let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok())??;
        Some((Self::from_u16(code)?, local))
    }

    /// Whether the tables list the code.
    #[must_use]
    pub fn is_in_use(self) -> bool {
        super::areas::is_in_use(self)
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{}", self.0)
    }
}

impl fmt::Debug for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AreaCode {
    type Err = ParseAreaCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Self::split(text) {
            Some((code, "")) => Ok(code),
            _ => Err(ParseAreaCodeError(text.chars().take(32).collect())),
        }
    }
}

impl Serialize for AreaCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AreaCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The area of a number (归属地), as far as the tables know it. Written as the code or `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    Known(AreaCode),
    /// Hidden, overseas, service codes, segments newer than the tables. Matches no area list but one that says
    /// `Unknown`, and is neither local nor long distance.
    Unknown,
}

impl Area {
    /// The code, if the area is known.
    #[must_use]
    pub const fn code(self) -> Option<AreaCode> {
        match self {
            Self::Known(code) => Some(code),
            Self::Unknown => None,
        }
    }
}

impl From<Option<AreaCode>> for Area {
    fn from(code: Option<AreaCode>) -> Self {
        code.map_or(Self::Unknown, Self::Known)
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(code) => fmt::Display::fmt(code, f),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

impl FromStr for Area {
    type Err = ParseAreaCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "Unknown" { Ok(Self::Unknown) } else { text.parse().map(Self::Known) }
    }
}

impl Serialize for Area {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Area {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_with_its_0() {
        for text in ["010", "020", "029", "0310", "0755", "0999"] {
            assert_eq!(text.parse::<AreaCode>().unwrap().to_string(), text);
        }
        for wrong in
            ["", "0", "10", "755", "0100", "01", "011", "0211", "0075", "075", "07555", "0+55", "0020", "北京", "0 10"]
        {
            assert!(wrong.parse::<AreaCode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_width_of_a_code_follows_from_its_first_digit() {
        let split = |digits| AreaCode::split(digits).map(|(code, local)| (code.to_string(), local));
        assert_eq!(split("01088880001"), Some(("010".into(), "88880001")));
        assert_eq!(split("075566660002"), Some(("0755".into(), "66660002")));
        assert_eq!(split("013800138000"), None);
        assert_eq!(split("0020223456789"), None);
    }

    #[test]
    fn an_area_list_may_say_unknown() {
        let areas: Vec<Area> = serde_json::from_str(r#"["0755", "Unknown"]"#).unwrap();
        assert_eq!(areas, [Area::Known("0755".parse().unwrap()), Area::Unknown]);
        assert_eq!(serde_json::to_string(&areas).unwrap(), r#"["0755","Unknown"]"#);
    }
}
