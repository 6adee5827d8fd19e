//! The shapes that a decision walks: names are indices, patterns are sets, nothing is parsed per call. Pure.
//!
//! They are built by [`super::compile`] from one entry, are held by a [`super::leaf`], and never change after. What a
//! call looks at in a plan of many numbers is in nobody's cache, so each place that it has to go to costs it a wait for
//! memory: what the numbers of a leaf have in common stands once, and nothing is larger than it must be.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::caller_lists::CallerSet;
use super::document::{Anonymous, Release, Strategy};
use crate::domain::digest::Digest;
use crate::domain::numbering::{Area, CallerPatterns, Destination};

/// A gateway, told from others without a look at its name: each call asks whether a number is its own gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayId(u64);

impl GatewayId {
    /// Of `NAMESPACE/NAME`. Names of gateways are the platform's, so that eight bytes tell them apart.
    pub fn of(name: &str) -> Self {
        Self(Digest::of(name.as_bytes()).beginning())
    }
}

/// A name, shared by all that bear it.
pub type Name = Arc<str>;

/// What an entry says besides its number and destinations, every name resolved: often the same for all of a tenant's.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct CompiledEntry {
    pub groups: Box<[CompiledGroup]>,
    pub screening: CompiledScreening,
    pub rules: Box<[CompiledRule]>,
    /// Name of the announcement that a call over a limit meets.
    pub when_exceeded: Option<Name>,
    pub when_exhausted: Option<CompiledExhausted>,
}

/// A set of a leaf that several entries use. Two are equal where they are one: nobody compares what is in them.
#[derive(Debug)]
pub struct Common<T>(Arc<T>);

impl<T> From<Arc<T>> for Common<T> {
    fn from(shared: Arc<T>) -> Self {
        Self(shared)
    }
}

impl<T> Clone for Common<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Common<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Common<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Common<T> {}

impl<T> Hash for Common<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// A destination of a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompiledDestination {
    /// None for an override's number, which the spec does not list.
    pub name: Option<Name>,
    pub number: Destination,
    pub ring_seconds: Option<u16>,
}

impl CompiledDestination {
    /// Whether two have one number.
    pub(super) fn repeat(all: &[Self]) -> bool {
        all.iter().enumerate().any(|(index, one)| all.iter().take(index).any(|other| other.number == one.number))
    }
}

/// Several destinations and the order among them.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct CompiledGroup {
    pub name: Name,
    pub strategy: Strategy,
    /// Indices of destinations.
    pub members: SmallVec<[u16; 8]>,
    /// Share of each member: in percent for `Percentage`, else not used.
    pub percents: SmallVec<[u8; 16]>,
    /// Indices of destinations that follow in every strategy.
    pub overflow: SmallVec<[u16; 8]>,
}

/// Who may call at all (呼叫阻截).
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct CompiledScreening {
    pub deny_callers: Option<Common<CallerPatterns>>,
    pub deny_areas: AreaSet,
    pub only_areas: AreaSet,
    pub anonymous: Anonymous,
}

/// Areas, `Unknown` among them where it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AreaSet(SmallVec<[Area; 8]>);

impl AreaSet {
    pub(super) fn new(mut areas: SmallVec<[Area; 8]>) -> Self {
        areas.sort_unstable();
        areas.dedup();
        areas.shrink_to_fit();
        Self(areas)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, area: Area) -> bool {
        self.0.binary_search(&area).is_ok()
    }
}

/// A rule; what is `None` matches every call. A call reads several of them, so one is no larger than it must be.
#[derive(Debug, PartialEq, Eq, Hash)]
#[repr(align(64))]
pub struct CompiledRule {
    pub name: Name,
    pub periods: PeriodSet,
    pub callers: Option<Common<CallerPatterns>>,
    pub among: Option<Box<Among>>,
    pub to: CompiledTarget,
}

/// Who else a rule asks for: few do.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Among {
    /// Any of them.
    pub lists: Option<Box<[Common<CallerSet>]>>,
    pub areas: Option<AreaSet>,
}

// A line of the processor's cache.
const _: () = assert!(size_of::<CompiledRule>() <= 64);

impl CompiledRule {
    /// Whether it looks at who calls.
    pub fn asks_who_calls(&self) -> bool {
        self.callers.is_some() || self.among.is_some()
    }

    /// Lists of which any may name the caller.
    pub fn caller_lists(&self) -> Option<&[Common<CallerSet>]> {
        self.among.as_ref()?.lists.as_deref()
    }

    pub fn caller_areas(&self) -> Option<&AreaSet> {
        self.among.as_ref()?.areas.as_ref()
    }
}

/// Periods of one schedule, as bits by index; or every instant, also of a number without a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PeriodSet(u64);

impl PeriodSet {
    pub const EVER: Self = Self(u64::MAX);
    /// A schedule has at most 32 periods and the one of every other instant. The bit above stands for no schedule.
    pub const MOST: usize = 63;

    pub(super) fn insert(&mut self, index: usize) {
        if index < Self::MOST {
            self.0 |= 1 << index;
        }
    }

    /// Whether the period of that index is meant; `None`: there is no schedule.
    pub fn contains(self, index: Option<u16>) -> bool {
        let bit = index.map_or(Self::MOST, usize::from);
        bit <= Self::MOST && self.0 & (1 << bit) != 0
    }
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
