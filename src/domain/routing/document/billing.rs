//! What billing reads of a plan: whose a number is, and by which prices. Pure.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What billing must know of a leaf's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bindings {
    pub format: u32,
    pub gateway: String,
    pub namespace: String,
    pub leaf: String,
    /// Ordered by number.
    pub bindings: Vec<BindingEntry>,
}

/// What a number is, for money: whose it is and by which price book it is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingEntry {
    pub number: String,
    /// `NAMESPACE/NAME` of the `FourHundredNumber`.
    pub object: String,
    pub tenant: String,
    /// When the tenant's claim on the number began: the start of its first binding.
    pub since: jiff::Timestamp,
    pub tariff: String,
    /// Digest of the [`Prices`] part.
    pub price_book: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Answered calls a month after which the number refuses, if it has such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_month: Option<u32>,
    /// Least spend of a month in yuan (低消), of the number's grade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_monthly: Option<String>,
}

/// A price book: a Tariff as it was, by digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    pub format: u32,
    pub tariff: String,
    /// [`crate::domain::rating::book::PriceBookDocument`] as text; its SHA-256 is the price book's digest.
    pub book: Box<RawValue>,
}
