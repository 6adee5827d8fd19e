//! Stands in for the numbering room until it is merged; same signatures.
#![allow(missing_docs)]

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FourHundred(u64);
impl FromStr for FourHundred {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let shaped = text.len() == 10 && text.starts_with("400");
        text.parse().ok().filter(|_| shaped).map(Self).ok_or_else(|| text.to_owned())
    }
}
impl fmt::Display for FourHundred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AreaCode(u16);
impl FromStr for AreaCode {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    Known(AreaCode),
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NationalNumber([u8; 24], usize);
impl NationalNumber {
    pub fn as_str(&self) -> &str {
        self.0.get(..self.1).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller(Option<NationalNumber>);
impl Caller {
    pub fn parse(text: &str) -> Self {
        let (mut digits, mut count) = ([0_u8; 24], 0);
        for (slot, byte) in digits.iter_mut().zip(text.bytes().filter(u8::is_ascii_digit)) {
            *slot = byte;
            count += 1;
        }
        Self((count > 0).then_some(NationalNumber(digits, count)))
    }
    pub fn number(&self) -> Option<NationalNumber> {
        self.0
    }
    pub fn area(&self) -> Area {
        Area::Unknown
    }
}
impl From<FourHundred> for String {
    fn from(value: FourHundred) -> Self {
        value.to_string()
    }
}
impl TryFrom<String> for FourHundred {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
