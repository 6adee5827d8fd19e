//! From the text of a part to its compiled form; a part that does not stand is refused whole. Pure.
//!
//! The error names the number and the field, so that whoever reads a worker's log finds the object to mend. A leaf
//! carries the schedules and calendars that it names; only callers of lists stand in parts of their own, and a leaf that
//! names some waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::caller_lists::CallerSet;
use super::compile::{Compiler, Violation};
use super::compiled::{
    Common, CompiledCap, CompiledDestination, CompiledLeaf, CompiledNumber, CompiledOverride, GatewayId, LeafHeader,
    LeafKey, Passing, Terms,
};
use super::document::{Bindings, FORMAT, Head, NumberEntry, Numbers, OverrideEntry, Part, Prices, TenantHeader};
use super::head::CompiledHead;
use super::plan::{CompiledPart, Plan};
use super::schedules::{Schedules, compile_schedules};
use super::shared::Shared;
use crate::domain::calendar::{DEFAULT_ZONE, Month, Schedule, parse_zone};
use crate::domain::digest::Digest;
use crate::domain::numbering::{CallerPatterns, FourHundred};

/// Why a part is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the part is not JSON of this format")]
    Json(#[source] serde_json::Error),
    #[error("the part is of format {seen}, and this build reads up to {FORMAT}: upgrade the workers first")]
    Format { seen: u32 },
    #[error("gateway {gateway}: {field} {sentence}")]
    Head { gateway: String, field: String, sentence: String },
    #[error("leaf of {namespace}: {field} {sentence}")]
    Leaf { namespace: String, field: String, sentence: String },
    #[error("number {number}: {field} {sentence}")]
    Number { number: String, field: String, sentence: String },
    #[error("leaf of {namespace}: callerLists[{list}] names callers {digest}, which have not come yet")]
    AwaitsCallers { namespace: String, list: String, digest: Digest },
    #[error("number at position {position} is not an entry of this format")]
    Entry {
        position: usize,
        #[source]
        source: serde_json::Error,
    },
}

impl LoadError {
    fn number(number: &str, violation: Violation) -> Self {
        Self::Number { number: number.to_owned(), field: violation.field, sentence: violation.sentence }
    }
}

/// A part that has been read and stands.
#[derive(Debug)]
pub enum LoadedPart {
    Routing(CompiledPart),
    /// For billing: read, of a known format, not compiled.
    Bindings(Bindings),
    Prices(Prices),
    /// Callers of a list, by which leaves name them.
    Callers {
        digest: Digest,
        /// `NAMESPACE/NAME`.
        gateway: String,
        callers: Arc<CallerPatterns>,
    },
}

/// Finds callers that leaves name; `None`: their part has not come yet.
pub type FindCallers<'a> = &'a dyn Fn(&Digest) -> Option<Arc<CallerPatterns>>;

/// For one who asks whether a leaf stands, wherever its callers are.
pub const ANY_CALLERS: FindCallers<'static> = &|_| Some(Arc::default());

/// What a part is read beside.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) callers: FindCallers<'a>,
    /// Those of the plan's other leaves.
    pub(crate) schedules: &'a Schedules,
}

/// Reads the text of any part, by itself.
pub fn load(text: &str, callers: FindCallers<'_>) -> Result<LoadedPart, LoadError> {
    load_as(text, Digest::of(text.as_bytes()), Beside { callers, schedules: &Schedules::default() })
}

/// [`load`] where the text's digest is known, and other parts are.
pub(crate) fn load_as(text: &str, digest: Digest, beside: Beside<'_>) -> Result<LoadedPart, LoadError> {
    let part: Part =
        serde_json::from_str(text).map_err(|error| newer_format(text).unwrap_or(LoadError::Json(error)))?;
    load_part(part, digest, beside)
}

/// A later format may not parse at all; then its number is the better answer.
fn newer_format(text: &str) -> Option<LoadError> {
    #[derive(serde::Deserialize)]
    struct OnlyFormat {
        format: u32,
    }
    let seen = serde_json::from_str::<OnlyFormat>(text).ok()?.format;
    (seen > FORMAT).then_some(LoadError::Format { seen })
}

/// Compiles a part whose text has `digest`.
fn load_part(part: Part, digest: Digest, beside: Beside<'_>) -> Result<LoadedPart, LoadError> {
    let seen = match &part {
        Part::Head(head) => head.format,
        Part::Numbers(numbers) => numbers.format,
        Part::Bindings(bindings) => bindings.format,
        Part::Prices(prices) => prices.format,
        Part::Callers(callers) => callers.format,
    };
    if seen == 0 || seen > FORMAT {
        return Err(LoadError::Format { seen });
    }
    Ok(match part {
        Part::Head(head) => LoadedPart::Routing(load_head(&head, digest)?),
        Part::Numbers(numbers) => LoadedPart::Routing(load_numbers(&numbers, digest, beside)?),
        Part::Bindings(bindings) => LoadedPart::Bindings(bindings),
        Part::Prices(prices) => LoadedPart::Prices(prices),
        Part::Callers(callers) => LoadedPart::Callers {
            digest,
            gateway: callers.gateway,
            callers: Arc::new(callers.callers.into_iter().collect()),
        },
    })
}

fn load_head(head: &Head, digest: Digest) -> Result<CompiledPart, LoadError> {
    Ok(CompiledPart::Head(Arc::new(CompiledHead::compile(head, digest)?)))
}

fn load_numbers(numbers: &Numbers, digest: Digest, beside: Beside<'_>) -> Result<CompiledPart, LoadError> {
    Ok(CompiledPart::Leaf(Arc::new(compile_leaf(numbers, digest, beside)?)))
}

/// A plan of parts that are at hand: folder tools and tests. Each part's digest is that of its JSON.
pub fn plan_of(parts: impl IntoIterator<Item = Part>) -> Result<Plan, LoadError> {
    let (lists, others): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| matches!(part, Part::Callers(_)));
    let mut compiled = Vec::new();
    let (mut callers, schedules) = (BTreeMap::new(), Schedules::default());
    for part in lists.into_iter().chain(others) {
        let digest = Digest::of_json(&part);
        let known = |wanted: &Digest| callers.get(wanted).cloned();
        match load_part(part, digest, Beside { callers: &known, schedules: &schedules })? {
            LoadedPart::Routing(part) => compiled.push(part),
            LoadedPart::Callers { digest, callers: patterns, .. } => {
                callers.insert(digest, patterns);
            }
            LoadedPart::Bindings(_) | LoadedPart::Prices(_) => {}
        }
    }
    Ok(Plan::default().with_parts(compiled))
}

/// Compiles a leaf of numbers.
pub(super) fn compile_leaf(leaf: &Numbers, digest: Digest, beside: Beside<'_>) -> Result<CompiledLeaf, LoadError> {
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
    let header = Arc::new(LeafHeader {
        key: LeafKey { gateway: leaf.gateway.clone(), namespace: leaf.namespace.clone(), path: leaf.leaf.clone() },
        digest,
        tenant: leaf.tenant.name.clone(),
    });
    let named = Named {
        schedules: compile_schedules(leaf, beside.schedules)?,
        lists: compile_lists(leaf, beside.callers)?,
        header,
        gateway: GatewayId::of(&leaf.gateway),
        tenant: &leaf.tenant,
    };
    let mut extras = Extras::of(leaf);
    let mut shared = Shared::default();
    let mut numbers: Vec<Arc<CompiledNumber>> = Vec::with_capacity(leaf.numbers.len());
    for (position, raw) in leaf.numbers.iter().enumerate() {
        let entry: NumberEntry =
            serde_json::from_str(raw.get()).map_err(|source| LoadError::Entry { position, source })?;
        let number = compile_number(&entry, &named, &mut extras, &mut shared)?;
        if numbers.last().is_some_and(|earlier| earlier.number.as_u64() >= number.number.as_u64()) {
            return Err(fault("numbers", format!("{} stands out of order or twice", entry.number)));
        }
        numbers.push(Arc::new(number));
    }
    if let Some((number, list)) = extras.left_over() {
        return Err(fault(list, format!("names {number}, which is not in this leaf")));
    }
    let callers = leaf.caller_lists.values().flat_map(|list| list.exact.values().chain(&list.prefixes));
    let callers = callers.copied().collect::<BTreeSet<_>>().into_iter().collect();
    Ok(CompiledLeaf { header: named.header, numbers, callers })
}

fn compile_lists<'l>(
    leaf: &'l Numbers,
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

/// What entries are of, and what they name by digest.
struct Named<'a> {
    header: Arc<LeafHeader>,
    gateway: GatewayId,
    tenant: &'a TenantHeader,
    schedules: BTreeMap<&'a str, Arc<Schedule>>,
    lists: BTreeMap<&'a str, Common<CallerSet>>,
}

/// What a leaf says of its numbers outside their entries.
struct Extras<'a> {
    overrides: BTreeMap<&'a str, Vec<&'a OverrideEntry>>,
    caps_reached: BTreeMap<&'a str, &'a str>,
    cap_zones: BTreeMap<&'a str, &'a str>,
}

impl<'a> Extras<'a> {
    fn of(leaf: &'a Numbers) -> Self {
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

fn compile_number(
    entry: &NumberEntry,
    named: &Named<'_>,
    extras: &mut Extras<'_>,
    shared: &mut Shared,
) -> Result<CompiledNumber, LoadError> {
    let fault = |field: &str, sentence: String| {
        LoadError::number(&entry.number, Violation { field: field.to_owned(), sentence })
    };
    let number: FourHundred = entry.number.parse().map_err(|_| fault("number", "is not a 400 number".to_owned()))?;
    let schedule = match entry.schedule.as_deref() {
        None => None,
        Some(wanted) => {
            let found = named.schedules.get(wanted);
            Some(Arc::clone(
                found.ok_or_else(|| fault("schedule", format!("names {wanted:?}, which is not in this leaf")))?,
            ))
        }
    };
    let period_names: Option<Vec<&str>> =
        schedule.as_ref().map(|schedule| schedule.period_names().iter().map(AsRef::as_ref).collect());
    let mut compiler = Compiler::new(entry, period_names.as_deref(), Some(&named.lists), shared);
    let destinations = compiler.destinations(entry);
    let ways = compiler.entry(entry);
    let mut overrides = Vec::new();
    for item in extras.overrides.remove(entry.number.as_str()).unwrap_or_default() {
        if let Some(to) = compiler.target(format_args!("overrides[{}].to", item.name), &item.to) {
            overrides.push(CompiledOverride {
                name: item.name.as_str().into(),
                from: item.from,
                until: item.until,
                to,
            });
        }
    }
    let passing = Passing { overrides: overrides.into(), cap_reached: extras.cap(&entry.number, fault)? };
    let passes = !passing.overrides.is_empty() || passing.cap_reached.is_some();
    let passing = passes.then(|| Box::new(passing));
    if let Some(violation) = compiler.violations.into_iter().next() {
        return Err(LoadError::number(&entry.number, violation));
    }
    Ok(CompiledNumber {
        number,
        name: entry.name.as_str().into(),
        leaf: Arc::clone(&named.header),
        terms: Terms {
            gateway: named.gateway,
            tenant_state: named.tenant.state,
            forwards_per_call: named.tenant.forwards_per_call,
            state: entry.state,
            lines_repeat: CompiledDestination::repeat(&destinations),
        },
        schedule,
        destinations,
        entry: shared.entry(ways),
        passing,
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::domain::routing::worlds;

    fn refusal(spoil: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut part = serde_json::to_value(worlds::leaf()).unwrap();
        part["part"] = "numbers".into();
        spoil(&mut part);
        let error = load(&part.to_string(), ANY_CALLERS).unwrap_err();
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{cause}")
    }

    #[test]
    fn a_part_survives_its_own_text() {
        let text = serde_json::to_string(&Part::Numbers(worlds::leaf())).unwrap();
        let LoadedPart::Routing(CompiledPart::Leaf(leaf)) = load(&text, ANY_CALLERS).unwrap() else {
            panic!("a leaf was written")
        };
        assert_eq!(leaf.header.digest, Digest::of(text.as_bytes()));
        assert_eq!(leaf.numbers.len(), 2);
        assert!(leaf.number("4001000868".parse().unwrap()).is_some());
        assert!(leaf.number("4001000869".parse().unwrap()).is_none());
    }

    #[test]
    fn a_leaf_is_refused_whole_with_number_and_field() {
        type Spoil = fn(&mut serde_json::Value);
        let cases: [(Spoil, &str); 15] = [
            (|p| p["numbers"][0]["schedule"] = "0000".into(), "number 4001000868: schedule names \"0000\""),
            (|p| p["numbers"][0]["rules"][3]["to"]["group"] = "x".into(), "number 4001000868: rules[by-day].to.group"),
            (
                |p| p["numbers"][0]["destinations"][0]["number"] = "010".into(),
                "number 4001000868: destinations[beijing].number",
            ),
            (|p| p["numbers"][1]["number"] = "4001000868".into(), "numbers 4001000868 stands out of order or twice"),
            (|p| p["numbers"][1]["state"] = "Asleep".into(), "number at position 1"),
            (|p| p["overrides"][0]["number"] = "4001000111".into(), "overrides names 4001000111"),
            (
                |p| p["overrides"][0]["to"] = serde_json::json!({"destination": "x"}),
                "number 4001000868: overrides[typhoon].to.destination",
            ),
            (|p| p["capsReached"]["4001000900"] = "November".into(), "number 4001000900: capsReached"),
            (|p| p["capZones"]["4001000900"] = "Mars/Base".into(), "number 4001000900: capZones"),
            (|p| p["capZones"]["4001000868"] = "Asia/Tokyo".into(), "capZones names 4001000868"),
            (|p| p["tenant"]["forwardsPerCall"] = 12.into(), "tenant.forwardsPerCall is 12"),
            (|p| p["leaf"] = "../01".into(), "leaf \"../01\""),
            (|p| p["format"] = 7.into(), "format 7"),
            (|p| p["tenant"] = 7.into(), "not JSON of this format"),
            (|p| p["part"] = "menus".into(), "menus"),
        ];
        for (spoil, expected) in cases {
            let seen = refusal(spoil);
            assert!(seen.contains(expected), "{seen:?} should say {expected:?}");
        }
    }

    #[test]
    fn a_later_format_says_so_even_where_it_does_not_parse() {
        let error = load(r#"{"part":"menus","format":2}"#, ANY_CALLERS).unwrap_err();
        assert!(matches!(error, LoadError::Format { seen: 2 }), "{error}");
    }
}
