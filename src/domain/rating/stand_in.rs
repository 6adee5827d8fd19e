//! Stands in for the numbering and calendar rooms until they are merged; same signatures.
#![allow(missing_docs)]

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    Known(AreaCode),
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month {
    year: i16,
    month: i8,
}
impl Month {
    pub fn of(instant: Timestamp, zone: &TimeZone) -> Self {
        let date = zone.to_datetime(instant).date();
        Self { year: date.year(), month: date.month() }
    }
    pub fn first_instant(self, zone: &TimeZone) -> Timestamp {
        zone.to_timestamp(Date::constant(self.year, self.month, 1).at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
    }
    pub fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { year: self.year, month: self.month + 1 }
        }
    }
    pub fn days(self) -> i8 {
        Date::constant(self.year, self.month, 1).days_in_month()
    }
}
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

pub fn parse_zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
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
