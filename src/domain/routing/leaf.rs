//! A part of the plan with numbers, as a decision reads it. Pure.
//!
//! A number is a row of sixteen bytes that says where in its leaf everything else of it stands. So a look-up in a plan of
//! many numbers reads the row, which may be in nobody's cache, and then what the tenant's other calls have read before it.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::compiled::{CompiledDestination, CompiledEntry, CompiledOverride, GatewayId};
use super::document::{NumberState, TenantState};
use crate::domain::calendar::{Month, Schedule};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

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

/// What the numbers of a leaf have in common; what every call asks stands first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct LeafHeader {
    pub gateway: GatewayId,
    pub tenant_state: TenantState,
    /// 1 to 9.
    pub forwards_per_call: u8,
    /// Of the part's text.
    pub digest: Digest,
    pub key: LeafKey,
    pub tenant: String,
}

/// Items of any list of a leaf, at most: what a row has to tell them apart.
pub(super) const PLACES: usize = NONE as usize;

/// A row's word for "it has none".
const NONE: u16 = u16::MAX;

/// A number: where in its leaf that stands which is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) number: FourHundred,
    /// Where its destinations begin.
    pub(super) destinations: u32,
    pub(super) lines: Lines,
    pub(super) state: NumberState,
    pub(super) entry: u16,
    pub(super) schedule: Place,
    pub(super) passing: Place,
}

// Every call reads one, and few fit into a cache: the larger they are, the more calls wait for memory.
const _: () = assert!(size_of::<Row>() <= 16);

/// How many destinations a number has, and whether two of them have one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines(u8);

impl Lines {
    const REPEAT: u8 = 1 << 7;

    /// `None`: more than a row can tell.
    pub(super) fn of(destinations: &[CompiledDestination]) -> Option<Self> {
        let count = u8::try_from(destinations.len()).ok().filter(|count| *count < Self::REPEAT)?;
        Some(Self(if CompiledDestination::repeat(destinations) { count | Self::REPEAT } else { count }))
    }

    fn count(self) -> usize {
        usize::from(self.0 & !Self::REPEAT)
    }

    fn repeat(self) -> bool {
        self.0 & Self::REPEAT != 0
    }
}

/// Where in a list something stands that not every number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    pub(super) const NONE: Self = Self(NONE);

    /// No list of a leaf is longer than [`PLACES`].
    pub(super) fn at(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(NONE))
    }

    fn of<T>(self, list: &[T]) -> Option<&T> {
        list.get(usize::from(self.0))
    }
}

/// What few numbers have, and for a time.
#[derive(Debug, Default)]
pub(super) struct Passing {
    /// The first that holds at the instant wins.
    pub(super) overrides: Box<[CompiledOverride]>,
    /// When `limits.callsPerMonth` was reached.
    pub(super) cap_reached: Option<CompiledCap>,
}

/// A month that is used up.
#[derive(Debug, Clone)]
pub struct CompiledCap {
    pub month: Month,
    /// In which it begins and ends: that of the number's tariff.
    pub zone: TimeZone,
}

/// A part of the plan with numbers, compiled. What every call reads of it stands in the first two lines of the processor's
/// cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct CompiledLeaf {
    /// None twice.
    pub(super) entries: Box<[CompiledEntry]>,
    /// Each number's after those of the number before it.
    pub(super) destinations: Box<[CompiledDestination]>,
    pub(super) schedules: Box<[Arc<Schedule>]>,
    pub(super) passing: Box<[Passing]>,
    pub header: LeafHeader,
    /// Parts with callers that it names, ascending.
    pub callers: Vec<Digest>,
    /// Ordered by number.
    pub(super) rows: Box<[Row]>,
    /// Of the `FourHundredNumber` objects, one after the other, and where each ends.
    pub(super) names: Box<str>,
    pub(super) name_ends: Box<[u32]>,
}

impl CompiledLeaf {
    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number as this leaf has it.
    pub(super) fn row(&self, number: FourHundred) -> Option<&Row> {
        self.rows.get(self.rows.binary_search_by_key(&number, |row| row.number).ok()?)
    }

    /// What a row of this leaf says.
    pub(super) fn read(&self, row: Row) -> Option<CompiledNumber<'_>> {
        let first = usize::try_from(row.destinations).ok()?;
        Some(CompiledNumber {
            number: row.number,
            state: row.state,
            lines_repeat: row.lines.repeat(),
            entry: self.entries.get(usize::from(row.entry))?,
            schedule: row.schedule.of(&self.schedules).map(AsRef::as_ref),
            destinations: self.destinations.get(first..first + row.lines.count())?,
            passing: row.passing.of(&self.passing),
            leaf: &self.header,
            within: self,
        })
    }

    fn name_of(&self, number: FourHundred) -> Option<&str> {
        let row = self.rows.binary_search_by_key(&number, |row| row.number).ok()?;
        let end = |row: usize| usize::try_from(*self.name_ends.get(row)?).ok();
        let begin = row.checked_sub(1).map_or(Some(0), end)?;
        self.names.get(Range { start: begin, end: end(row)? })
    }
}

/// One number, ready to decide calls.
#[derive(Debug, Clone, Copy)]
pub struct CompiledNumber<'p> {
    pub number: FourHundred,
    pub state: NumberState,
    /// Whether two of its destinations have one number.
    pub lines_repeat: bool,
    pub entry: &'p CompiledEntry,
    pub schedule: Option<&'p Schedule>,
    pub destinations: &'p [CompiledDestination],
    pub leaf: &'p LeafHeader,
    passing: Option<&'p Passing>,
    within: &'p CompiledLeaf,
}

impl<'p> CompiledNumber<'p> {
    /// The first that holds at the instant wins.
    pub fn overrides(&self) -> &'p [CompiledOverride] {
        self.passing.map_or(&[], |passing| &passing.overrides)
    }

    /// The month of which `limits.callsPerMonth` was reached.
    pub fn cap_reached(&self) -> Option<&'p CompiledCap> {
        self.passing?.cap_reached.as_ref()
    }

    /// Name of the `FourHundredNumber` object.
    pub fn name(&self) -> &'p str {
        self.within.name_of(self.number).unwrap_or_default()
    }
}
