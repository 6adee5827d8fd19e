//! What the ledger answers with.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::calendar::Month;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::rating::{CallRecord, MicroYuan, Unrated};

/// A ledger's identity: 128 random bits, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerId([u8; 16]);

impl LedgerId {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        (text.len() == 32).then_some(())?;
        u128::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
    }
}

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in the order of changes of totals. The default is before all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub u64);

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booking {
    /// Kept and rated. A leg that carries no charge counts too.
    Booked,
    /// Kept, and not rated yet.
    Unrated(UnratedReason),
    /// Here already, the same in every field.
    Duplicate,
    /// Here already with other content: the second is kept aside and charges nothing.
    Conflict,
    /// Not kept, with the sentence that says why.
    Refused(String),
}

/// A record as it is handed to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    record: CallRecord,
    body: String,
    call: Digest,
    content: Digest,
}

impl Received {
    /// `body` is the record's JSON as the sender wrote it: kept, so that nothing is lost by our reading of it. Hashes
    /// are made here, since this may run on any thread and booking on one only.
    pub fn new(record: CallRecord, body: String) -> Self {
        let (call, content) = (Self::call_digest(&record), record.content_hash());
        Self { record, body, call, content }
    }

    pub fn record(&self) -> &CallRecord {
        &self.record
    }

    pub fn body(&self) -> &str {
        &self.body
    }

    /// Digest of the call id.
    pub(crate) fn call(&self) -> &Digest {
        &self.call
    }

    /// Digest of what the record says, however it was written.
    pub(crate) fn content(&self) -> &Digest {
        &self.content
    }

    pub(crate) fn call_digest(record: &CallRecord) -> Digest {
        Digest::of(record.identity().call_id.as_bytes())
    }
}

/// Why a kept record is not rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnratedReason {
    /// No tenant held the number when the call started.
    NumberNotHeld,
    /// The binding names a price book that has not arrived.
    PriceBookMissing,
    /// The price book had no version in force when the call started.
    BeforeFirstVersion,
    /// The tariff charges from the platform's answer, and the record has none.
    PlatformAnswerMissing,
    /// The number's package is not in the price book.
    PackageUnknown,
    /// No rate of the price book matches.
    NoRate,
    /// The amount is beyond what can be counted.
    AmountOutOfRange,
}

impl UnratedReason {
    /// All reasons: the closed set of a metric's label.
    pub const ALL: [Self; 7] = [
        Self::NumberNotHeld,
        Self::PriceBookMissing,
        Self::BeforeFirstVersion,
        Self::PlatformAnswerMissing,
        Self::PackageUnknown,
        Self::NoRate,
        Self::AmountOutOfRange,
    ];

    /// The reason's name in the ledger, in metrics and in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NumberNotHeld => "NumberNotHeld",
            Self::PriceBookMissing => "PriceBookMissing",
            Self::BeforeFirstVersion => "BeforeFirstVersion",
            Self::PlatformAnswerMissing => "PlatformAnswerMissing",
            Self::PackageUnknown => "PackageUnknown",
            Self::NoRate => "NoRate",
            Self::AmountOutOfRange => "AmountOutOfRange",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl From<Unrated> for UnratedReason {
    fn from(unrated: Unrated) -> Self {
        match unrated {
            Unrated::BeforeFirstVersion { .. } => Self::BeforeFirstVersion,
            Unrated::PlatformAnswerMissing => Self::PlatformAnswerMissing,
            Unrated::PackageUnknown { .. } => Self::PackageUnknown,
            Unrated::NoRate => Self::NoRate,
            Unrated::Amount => Self::AmountOutOfRange,
        }
    }
}

/// Whether a price book was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    Known,
}

/// What a part of the plan changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BindingChanges {
    /// Numbers that are something else than before.
    pub changed: u64,
    /// Numbers that nobody holds any more.
    pub ended: u64,
    /// Fees booked at once.
    pub fees: u64,
}

/// The parts of bindings that a plan has, complete: what it does not have was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeList {
    /// Parts that the list would have if they stood.
    pub scope: ListScope,
    /// By [`Self::part`].
    pub parts: BTreeSet<String>,
}

/// What a list is whole of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListScope {
    /// Gateways of a namespace.
    Namespace(String),
    /// One gateway, `NAMESPACE/NAME`.
    Gateway(String),
}

impl WholeList {
    /// How the ledger names a part: gateway (`NAMESPACE/NAME`), tenant namespace and leaf.
    pub fn part(gateway: &str, namespace: &str, leaf: &str) -> String {
        format!("{gateway} {namespace} {leaf}")
    }

    /// Whether the list ought to have the part and does not.
    pub(crate) fn misses(&self, part: &str) -> bool {
        let gateway = part.split(' ').next().unwrap_or_default();
        let in_scope = match &self.scope {
            ListScope::Namespace(namespace) => gateway.split('/').next() == Some(namespace),
            ListScope::Gateway(named) => gateway == named,
        };
        in_scope && !self.parts.contains(part)
    }
}

/// A price book by which a number is charged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookInForce {
    /// Name of the tariff it was.
    pub tariff: String,
    /// [`crate::domain::rating::book::PriceBookDocument`] as text.
    pub document: String,
}

/// What an accrual booked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accrued {
    /// Fees booked.
    pub fees: u64,
    /// Packages and functions held that the price book does not list: nothing was booked for them.
    pub unpriced: u64,
    /// Numbers of which some month waits for its price book; their other months are booked.
    pub waiting: u64,
}

/// What a retry of unrated records did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retried {
    pub rated: u64,
    /// Still unrated.
    pub left: u64,
}

/// How many records are kept unrated for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnratedCount {
    pub reason: UnratedReason,
    pub records: u64,
}

/// Distinct call ids of a number and month, by the best that was reported of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// All.
    pub offered: u64,
    /// A leg was answered.
    pub answered: u64,
    /// None was answered and the platform refused.
    pub refused: u64,
    /// The rest.
    pub unanswered: u64,
}

/// Charges of a number and month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charges {
    /// 开户费
    pub setup: MicroYuan,
    /// 通信费 of calls and packages of minutes.
    pub voice: MicroYuan,
    /// 通信费 of messages.
    pub messages: MicroYuan,
    /// 功能使用费
    pub functions: MicroYuan,
    pub total: MicroYuan,
}

/// The totals of one number, month and holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub number: FourHundred,
    /// Usage month in the tariff's zone.
    pub month: Month,
    /// Who held the number; nobody: these records are the gateway's concern.
    pub tenant: Option<String>,
    pub calls: Calls,
    /// Seconds after rounding up, as charged.
    pub charged_seconds: u64,
    pub charges: Charges,
    /// Records kept and not rated.
    pub unrated: u64,
}

/// Some changed totals, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePage {
    pub changed: Vec<Usage>,
    /// Ask with this next.
    pub next: Cursor,
    /// Whether more had changed when this was read.
    pub more: bool,
}

/// What a tenant was charged in a month, all its numbers together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantTotal {
    pub tenant: String,
    pub numbers: u64,
    pub charged: MicroYuan,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_is_written() {
        let id = LedgerId::from_bytes([0, 7, 255, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(id.to_string(), "0007ff030405060708090a0b0c0d0e0f");
        assert_eq!(LedgerId::parse(&id.to_string()), Some(id));
        assert_eq!(LedgerId::parse("0007ff"), None);
    }

    #[test]
    fn a_list_misses_only_what_it_ought_to_have() {
        let part = WholeList::part("telephony/east", "acme", "01");
        let list = |scope, parts: &[&str]| WholeList { scope, parts: parts.iter().map(|p| (*p).to_owned()).collect() };
        assert!(!list(ListScope::Namespace("telephony".to_owned()), &[&part]).misses(&part));
        assert!(list(ListScope::Namespace("telephony".to_owned()), &[]).misses(&part));
        assert!(!list(ListScope::Namespace("other".to_owned()), &[]).misses(&part));
        assert!(list(ListScope::Gateway("telephony/east".to_owned()), &[]).misses(&part));
        assert!(!list(ListScope::Gateway("telephony/east-2".to_owned()), &[]).misses(&part));
    }

    #[test]
    fn every_reason_is_found_by_its_name() {
        assert!(UnratedReason::ALL.into_iter().all(|reason| UnratedReason::from_name(reason.name()) == Some(reason)));
    }
}
