//! Discounts by volume (阶梯优惠): the more minutes of a month a rate has charged, the less a further one costs. Pure.
//!
//! A step takes its percentage off every second beyond its minutes, not off those before. The price of a leg is
//! F(used + seconds) − F(used), where F(s) is the rounded price of the first s seconds of the month: the parts always sum
//! to F of the whole, in whatever order the calls come in. What F looks back on is counted by a [`Meter`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::book::{Rate, Version};
use super::money::{MicroYuan, Rounding, round_ratio};

/// Hundredths of a percent: 0.00 to 100.00.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// Hundredths of a percent in the whole.
    pub const WHOLE: u16 = 10_000;

    /// What is left of the whole.
    pub(super) fn rest(self) -> Self {
        Self(Self::WHOLE.saturating_sub(self.0))
    }
}

/// Text that is no percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no percentage: 0 to 100 with at most two decimals is needed, such as 6 or 12.5")]
pub struct ParsePercentError(String);

impl FromStr for Percent {
    type Err = ParsePercentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParsePercentError(text.chars().take(32).collect());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most: usize| {
            let fits = (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| part.parse::<u32>().ok()).flatten().ok_or_else(wrong)
        };
        let hundredths = digits(decimals, 2)? * if decimals.len() == 1 { 10 } else { 1 };
        let all = digits(whole, 3)? * 100 + hundredths;
        u16::try_from(all).ok().filter(|all| *all <= Self::WHOLE).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A discount and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeStep {
    /// Minutes of the month beyond which it holds.
    pub above_minutes: u32,
    pub percent_off: Percent,
}

impl VolumeStep {
    /// Seconds of the month beyond which it holds.
    pub fn above_seconds(self) -> u64 {
        u64::from(self.above_minutes) * 60
    }
}

/// Steps of a rate, upwards. None: every second costs the same.
pub type VolumeSteps = Arc<[VolumeStep]>;

/// Seconds of a month that one price was asked for: calls that look back on each other. A price that differs in anything
/// that F depends on has a meter of its own; an edition of the tariff that leaves the version as it was goes on with it.
#[derive(Debug, Clone, Copy)]
pub struct Meter<'a> {
    version: Date,
    rounding: Rounding,
    rate: &'a Rate,
}

impl<'a> Meter<'a> {
    /// `None` where the rate has no steps.
    pub(super) fn of(version: &Version, rate: &'a Rate) -> Option<Self> {
        let (day, rounding) = (version.effective_from(), version.rounding());
        (!rate.volume_steps.is_empty()).then_some(Self { version: day, rounding, rate })
    }
}

/// Its name: `2026-01-01/local/0.10/HalfUp/1000:10,5000:20`.
impl fmt::Display for Meter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, rounding, rate } = self;
        write!(f, "{version}/{}/{}/{rounding:?}/", rate.name, rate.enterprise_per_minute)?;
        for (index, step) in rate.volume_steps.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}", step.above_minutes, step.percent_off)?;
        }
        Ok(())
    }
}

/// Seconds of each stretch between two steps, of the first `seconds` of a month, with what is taken off in it.
pub(super) fn stretches(steps: &[VolumeStep], seconds: u64) -> impl Iterator<Item = (u64, Percent)> {
    let begins = std::iter::once((0, Percent::default()));
    let begins = begins.chain(steps.iter().map(|step| (step.above_seconds(), step.percent_off)));
    let ends = steps.iter().map(|step| step.above_seconds()).chain([u64::MAX]);
    begins.zip(ends).map(move |((from, off), until)| (seconds.min(until).saturating_sub(from), off))
}

/// F: the rounded price of the first `seconds` of a month; `None` if it does not fit.
pub(super) fn price_of_month(
    seconds: u64,
    per_minute: MicroYuan,
    steps: &[VolumeStep],
    rounding: Rounding,
) -> Option<MicroYuan> {
    let parts = stretches(steps, seconds).map(|(seconds, off)| i128::from(seconds) * i128::from(off.rest().0));
    let exact = parts.sum::<i128>().checked_mul(i128::from(per_minute.micros()))?;
    round_ratio(exact, 60 * i128::from(Percent::WHOLE), rounding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_read_as_it_is_written() {
        for (text, shown) in
            [("6", "6"), ("12.5", "12.5"), ("0.05", "0.05"), ("100.00", "100"), ("0", "0"), ("10.10", "10.1")]
        {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(percent.to_string(), shown);
            assert_eq!(serde_json::from_str::<Percent>(&serde_json::to_string(&percent).unwrap()).unwrap(), percent);
        }
        for wrong in ["", "100.01", "101", "656", "700", "999.99", "1.234", "-1", "+1", "1.", ".5", "1e1", "６"] {
            let error = wrong.parse::<Percent>().unwrap_err().to_string();
            assert!(error.contains("such as 6 or 12.5"), "{error}");
        }
    }

    #[test]
    fn a_step_discounts_what_lies_beyond_it_and_nothing_before() {
        let step = |above_minutes, off: &str| VolumeStep { above_minutes, percent_off: off.parse().unwrap() };
        let steps = [step(10, "10"), step(20, "50")];
        let price =
            |seconds| price_of_month(seconds, MicroYuan::from_micros(600_000), &steps, Rounding::HalfUp).unwrap();
        for (minutes, yuan) in [(0, "0.00"), (10, "6.00"), (11, "6.54"), (20, "11.40"), (21, "11.70"), (30, "14.40")] {
            assert_eq!(price(minutes * 60).to_string(), yuan, "{minutes}");
        }
    }
}
