//! The shapes that a decision walks: names are indices, patterns are sets, nothing is parsed per call. Pure.
//!
//! They are built by [`super::compile`] from one entry and by [`super::load`] from a leaf, and never change after.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::caller_lists::CallerSet;
use super::document::{Anonymous, NumberState, Release, Strategy, TenantState};
use super::turns::GroupKey;
use crate::domain::calendar::{Month, Schedule};
use crate::domain::digest::Digest;
use crate::domain::numbering::{Area, CallerPatterns, Destination, FourHundred};

/// What identifies a leaf of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafKey {
    /// `NAMESPACE/NAME` of the gateway.
    pub gateway: String,
    /// The tenant namespace.
    pub namespace: String,
    /// Path in the trie.
    pub path: String,
}

/// What the numbers of a leaf have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafHeader {
    pub key: LeafKey,
    /// Of the part's text.
    pub digest: Digest,
    pub tenant: String,
    pub tenant_state: TenantState,
    /// 1 to 9.
    pub forwards_per_call: u8,
}

/// A part of the plan with numbers, compiled.
#[derive(Debug)]
pub struct CompiledLeaf {
    pub header: Arc<LeafHeader>,
    /// Ordered by number.
    pub numbers: Vec<Arc<CompiledNumber>>,
    /// Parts with callers that it names, ascending.
    pub callers: Vec<Digest>,
}

impl CompiledLeaf {
    /// The number as this leaf has it.
    pub fn number(&self, number: FourHundred) -> Option<&Arc<CompiledNumber>> {
        let found = self.numbers.binary_search_by_key(&number.as_u64(), |held| held.number.as_u64());
        found.ok().and_then(|index| self.numbers.get(index))
    }
}

/// A name, shared by all that bear it.
pub type Name = Arc<str>;

/// One number, ready to decide calls.
#[derive(Debug)]
pub struct CompiledNumber {
    pub number: FourHundred,
    /// Name of the `FourHundredNumber` object.
    pub name: Box<str>,
    pub leaf: Arc<LeafHeader>,
    pub state: NumberState,
    pub schedule: Option<Arc<Schedule>>,
    pub entry: CompiledEntry,
    /// The first that holds at the instant wins.
    pub overrides: Box<[CompiledOverride]>,
    /// When `limits.callsPerMonth` was reached.
    pub cap_reached: Option<CompiledCap>,
}

/// A month that is used up.
#[derive(Debug, Clone)]
pub struct CompiledCap {
    pub month: Month,
    /// In which it begins and ends: that of the number's tariff.
    pub zone: TimeZone,
}

/// What one entry says, every name resolved.
#[derive(Debug, Default)]
pub struct CompiledEntry {
    pub destinations: Box<[CompiledDestination]>,
    pub groups: Box<[CompiledGroup]>,
    pub screening: CompiledScreening,
    pub rules: Box<[CompiledRule]>,
    /// Name of the announcement that a call over a limit meets.
    pub when_exceeded: Option<Name>,
    pub when_exhausted: Option<CompiledExhausted>,
}

/// A destination of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledDestination {
    /// None for an override's number, which the spec does not list.
    pub name: Option<Name>,
    pub number: Destination,
    pub ring_seconds: Option<u16>,
}

/// Several destinations and the order among them.
#[derive(Debug)]
pub struct CompiledGroup {
    pub name: Name,
    pub strategy: Strategy,
    /// Indices of destinations.
    pub members: Box<[u16]>,
    /// Share of each member: in percent for `Percentage`, else not used.
    pub percents: Box<[u8]>,
    /// Indices of destinations that follow in every strategy.
    pub overflow: Box<[u16]>,
    pub key: GroupKey,
}

/// Who may call at all (呼叫阻截).
#[derive(Debug, Default)]
pub struct CompiledScreening {
    pub deny_callers: Option<Arc<CallerPatterns>>,
    pub deny_areas: AreaSet,
    pub only_areas: AreaSet,
    pub anonymous: Anonymous,
}

/// Areas, `Unknown` among them where it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AreaSet(Arc<[Area]>);

impl AreaSet {
    pub(super) fn new(mut areas: Vec<Area>) -> Self {
        areas.sort_unstable();
        areas.dedup();
        Self(areas.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, area: Area) -> bool {
        self.0.binary_search(&area).is_ok()
    }
}

/// A rule; what is `None` matches every call.
#[derive(Debug)]
pub struct CompiledRule {
    pub name: Name,
    pub periods: Option<PeriodSet>,
    pub callers: Option<Arc<CallerPatterns>>,
    /// Any of them.
    pub caller_lists: Option<Box<[Arc<CallerSet>]>>,
    pub caller_areas: Option<AreaSet>,
    pub to: CompiledTarget,
}

impl CompiledRule {
    /// Whether it looks at who calls.
    pub fn asks_who_calls(&self) -> bool {
        self.callers.is_some() || self.caller_lists.is_some() || self.caller_areas.is_some()
    }
}

/// Periods of one schedule, as bits by index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeriodSet(u64);

impl PeriodSet {
    /// A schedule has at most 32 periods and the one of every other instant.
    pub const MOST: usize = 64;

    pub(super) fn insert(&mut self, index: usize) {
        if index < Self::MOST {
            self.0 |= 1 << index;
        }
    }

    pub fn contains(self, index: u16) -> bool {
        usize::from(index) < Self::MOST && self.0 & (1 << index) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompiledTarget {
    /// Index of a destination.
    Destination(u16),
    /// Index of a group.
    Group(u16),
    /// Name of an announcement.
    Announcement(Name),
    /// A number that the spec does not list.
    Number(Box<CompiledDestination>),
}

/// What follows when nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompiledExhausted {
    Announcement(Name),
    Release(Release),
}

/// A temporary target, from its `from` until just before its `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledOverride {
    pub name: Name,
    pub from: Timestamp,
    pub until: Timestamp,
    pub to: CompiledTarget,
}

impl CompiledOverride {
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}
