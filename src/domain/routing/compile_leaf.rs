//! From the document of a leaf to its compiled form; one that does not stand is refused whole. Pure.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::caller_lists::CallerSet;
use super::compile::{Compiler, Violation};
use super::compiled::{Common, CompiledDestination, CompiledEntry, CompiledOverride, GatewayId};
use super::document::{NumberEntry, Numbers, OverrideEntry};
use super::leaf::{CompiledCap, CompiledLeaf, LeafHeader, LeafKey, Lines, PLACES, Passing, Place, Row};
use super::load::{Beside, FindCallers, LoadError};
use super::schedules::compile_schedules;
use super::shared::Shared;
use crate::domain::calendar::{DEFAULT_ZONE, Month, Schedule, parse_zone};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

/// Compiles a leaf of numbers.
pub(super) fn compile_leaf<Text: Borrow<RawValue>>(
    leaf: &Numbers<Text>,
    digest: Digest,
    beside: Beside<'_>,
) -> Result<CompiledLeaf, LoadError> {
    let fault = |field: &str, sentence: String| LoadError::Leaf {
        namespace: leaf.namespace.clone(),
        field: field.to_owned(),
        sentence,
    };
    if !(1..=9).contains(&leaf.tenant.forwards_per_call) {
        return Err(fault(
            "tenant.forwardsPerCall",
            format!("is {}, and 1 to 9 is needed", leaf.tenant.forwards_per_call),
        ));
    }
    if leaf.leaf.len() > 64 || !leaf.leaf.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
        return Err(fault("leaf", format!("{:?} is not a path of 0 and 1", leaf.leaf)));
    }
    for (list, items) in [("numbers", leaf.numbers.len()), ("schedules", leaf.schedules.len())] {
        if items > PLACES {
            return Err(fault(list, format!("has {items} items, at most {PLACES} are served")));
        }
    }
    let schedules = compile_schedules(leaf, beside.schedules)?;
    let named = Named {
        schedules: schedules.iter().enumerate().map(|(at, (name, schedule))| (*name, (at, &**schedule))).collect(),
        lists: compile_lists(leaf, beside.callers)?,
    };
    let mut building = Building::new(Extras::of(leaf), leaf.numbers.len());
    for (position, text) in leaf.numbers.iter().enumerate() {
        // One after the other: the next takes the memory of the one before.
        let entry: NumberEntry =
            serde_json::from_str(text.borrow().get()).map_err(|source| LoadError::Entry { position, source })?;
        if !building.number(&entry, &named)? {
            return Err(fault("numbers", format!("{} stands out of order or twice", entry.number)));
        }
    }
    if let Some((number, list)) = building.extras.left_over() {
        return Err(fault(list, format!("names {number}, which is not in this leaf")));
    }
    let callers = leaf.caller_lists.values().flat_map(|list| list.exact.values().chain(&list.prefixes));
    let callers = callers.copied().collect::<BTreeSet<_>>().into_iter().collect();
    let schedules = schedules.values().map(Arc::clone).collect();
    Ok(building.finish(header(leaf, digest), callers, schedules))
}

fn header<Text>(leaf: &Numbers<Text>, digest: Digest) -> LeafHeader {
    LeafHeader {
        key: LeafKey { gateway: leaf.gateway.clone(), namespace: leaf.namespace.clone(), path: leaf.leaf.clone() },
        gateway: GatewayId::of(&leaf.gateway),
        digest,
        tenant: leaf.tenant.name.clone(),
        tenant_state: leaf.tenant.state,
        forwards_per_call: leaf.tenant.forwards_per_call,
    }
}

fn compile_lists<'l, Text>(
    leaf: &'l Numbers<Text>,
    callers: FindCallers<'_>,
) -> Result<BTreeMap<&'l str, Common<CallerSet>>, LoadError> {
    let mut lists = BTreeMap::new();
    for (name, document) in &leaf.caller_lists {
        let set = CallerSet::of(document, callers).map_err(|digest| LoadError::AwaitsCallers {
            namespace: leaf.namespace.clone(),
            list: name.clone(),
            digest,
        })?;
        lists.insert(name.as_str(), Common::from(Arc::new(set)));
    }
    Ok(lists)
}

/// What entries name by digest.
struct Named<'a> {
    /// Each with its place in the leaf.
    schedules: BTreeMap<&'a str, (usize, &'a Schedule)>,
    lists: BTreeMap<&'a str, Common<CallerSet>>,
}

/// What a leaf says of its numbers outside their entries.
struct Extras<'a> {
    overrides: BTreeMap<&'a str, Vec<&'a OverrideEntry>>,
    caps_reached: BTreeMap<&'a str, &'a str>,
    cap_zones: BTreeMap<&'a str, &'a str>,
}

impl<'a> Extras<'a> {
    fn of<Text>(leaf: &'a Numbers<Text>) -> Self {
        let mut overrides: BTreeMap<&str, Vec<&OverrideEntry>> = BTreeMap::new();
        for entry in &leaf.overrides {
            overrides.entry(&entry.number).or_default().push(entry);
        }
        let caps_reached = leaf.caps_reached.iter().map(|(number, month)| (number.as_str(), month.as_str())).collect();
        let cap_zones = leaf.cap_zones.iter().map(|(number, zone)| (number.as_str(), zone.as_str())).collect();
        Self { overrides, caps_reached, cap_zones }
    }

    /// The month that a number used up, if it did.
    fn cap(
        &mut self,
        number: &str,
        fault: impl Fn(&str, String) -> LoadError,
    ) -> Result<Option<CompiledCap>, LoadError> {
        let Some(month) = self.caps_reached.remove(number) else { return Ok(None) };
        let zone = self.cap_zones.remove(number).unwrap_or(DEFAULT_ZONE);
        Ok(Some(CompiledCap {
            month: month.parse::<Month>().map_err(|error| fault("capsReached", error.to_string()))?,
            zone: parse_zone(zone).map_err(|error| fault("capZones", error.to_string()))?,
        }))
    }

    /// A number that is spoken of and was not taken, with the list that does.
    fn left_over(&self) -> Option<(&'a str, &'static str)> {
        let overridden = self.overrides.keys().next().map(|number| (*number, "overrides"));
        let capped = || self.caps_reached.keys().next().map(|number| (*number, "capsReached"));
        let zoned = || self.cap_zones.keys().next().map(|number| (*number, "capZones"));
        overridden.or_else(capped).or_else(zoned)
    }
}

/// A leaf so far.
struct Building<'a> {
    extras: Extras<'a>,
    shared: Shared,
    rows: Vec<Row>,
    /// Each with its place.
    entries: HashMap<CompiledEntry, u16>,
    destinations: Vec<CompiledDestination>,
    passing: Vec<Passing>,
    names: String,
    name_ends: Vec<u32>,
}

impl<'a> Building<'a> {
    fn new(extras: Extras<'a>, numbers: usize) -> Self {
        Self {
            extras,
            shared: Shared::default(),
            rows: Vec::with_capacity(numbers),
            entries: HashMap::new(),
            destinations: Vec::with_capacity(3 * numbers),
            passing: Vec::new(),
            names: String::new(),
            name_ends: Vec::with_capacity(numbers),
        }
    }

    /// Takes the next number; `false`: it does not stand after the one before it.
    fn number(&mut self, entry: &NumberEntry, named: &Named<'_>) -> Result<bool, LoadError> {
        let fault = |field: &str, sentence: String| {
            LoadError::number(&entry.number, Violation { field: field.to_owned(), sentence })
        };
        let too_many = |field: &str| fault(field, "are too many for one part".to_owned());
        let number: FourHundred =
            entry.number.parse().map_err(|_| fault("number", "is not a 400 number".to_owned()))?;
        let schedule = match entry.schedule.as_deref() {
            None => None,
            Some(wanted) => Some(
                named
                    .schedules
                    .get(wanted)
                    .copied()
                    .ok_or_else(|| fault("schedule", format!("names {wanted:?}, which is not in this leaf")))?,
            ),
        };
        let period_names: Option<Vec<&str>> =
            schedule.map(|(_, schedule)| schedule.period_names().iter().map(AsRef::as_ref).collect());
        let mut compiler = Compiler::new(entry, period_names.as_deref(), Some(&named.lists), &mut self.shared);
        let destinations = compiler.destinations(entry);
        let ways = compiler.entry(entry);
        let overrides = overrides_of(entry, &mut self.extras, &mut compiler);
        let passing = Passing { overrides, cap_reached: self.extras.cap(&entry.number, fault)? };
        if let Some(violation) = compiler.violations.into_iter().next() {
            return Err(LoadError::number(&entry.number, violation));
        }
        if self.rows.last().is_some_and(|earlier| earlier.number >= number) {
            return Ok(false);
        }
        let next = u16::try_from(self.entries.len()).map_err(|_| too_many("rules"))?;
        let passing = self.passing(passing);
        self.rows.push(Row {
            number,
            destinations: u32::try_from(self.destinations.len()).map_err(|_| too_many("destinations"))?,
            lines: Lines::of(&destinations).ok_or_else(|| too_many("destinations"))?,
            state: entry.state,
            entry: *self.entries.entry(ways).or_insert(next),
            schedule: schedule.map_or(Place::NONE, |(at, _)| Place::at(at)),
            passing,
        });
        self.destinations.extend(destinations);
        self.names.push_str(&entry.name);
        self.name_ends.push(u32::try_from(self.names.len()).map_err(|_| too_many("names"))?);
        Ok(true)
    }

    fn passing(&mut self, passing: Passing) -> Place {
        if passing.overrides.is_empty() && passing.cap_reached.is_none() {
            return Place::NONE;
        }
        self.passing.push(passing);
        Place::at(self.passing.len() - 1)
    }

    fn finish(self, header: LeafHeader, callers: Vec<Digest>, schedules: Box<[Arc<Schedule>]>) -> CompiledLeaf {
        let mut entries: Vec<(CompiledEntry, u16)> = self.entries.into_iter().collect();
        entries.sort_unstable_by_key(|(_, place)| *place);
        CompiledLeaf {
            header,
            callers,
            rows: self.rows.into(),
            schedules,
            entries: entries.into_iter().map(|(entry, _)| entry).collect(),
            destinations: self.destinations.into(),
            passing: self.passing.into(),
            names: self.names.into(),
            name_ends: self.name_ends.into(),
        }
    }
}

fn overrides_of(entry: &NumberEntry, extras: &mut Extras<'_>, compiler: &mut Compiler<'_>) -> Box<[CompiledOverride]> {
    let mut overrides = Vec::new();
    for item in extras.overrides.remove(entry.number.as_str()).unwrap_or_default() {
        if let Some(to) = compiler.target(format_args!("overrides[{}].to", item.name), &item.to) {
            let name = item.name.as_str().into();
            overrides.push(CompiledOverride { name, from: item.from, until: item.until, to });
        }
    }
    overrides.into()
}
