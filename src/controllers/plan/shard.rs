//! What one gateway carries for one tenant namespace, as parts of a plan. Pure: the same world gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::controllers::key::Key;
use crate::controllers::sink::PlanPart;
use crate::controllers::tariff::Book;
use crate::domain::calendar::{DEFAULT_ZONE, Month};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::caller_lists::{CallersPart, PackedList};
use crate::domain::routing::document::{
    BindingEntry, Bindings, CalendarDocument, FORMAT, NumberEntry, Numbers, OverrideEntry, Part, ScheduleDocument,
    TenantHeader,
};
use crate::domain::routing::{place, trie};

/// Labels of every plan part.
pub mod labels {
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    pub const MANAGER: &str = "fourhundred";
    pub const GATEWAY: &str = "fourhundred.io/gateway";
    pub const TENANT_NAMESPACE: &str = "fourhundred.io/tenant-namespace";
    pub const LEAF: &str = "fourhundred.io/leaf";
}

/// A gateway and a tenant namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardKey {
    pub gateway: Key,
    /// Empty for the gateway's own head.
    pub namespace: String,
}

impl fmt::Display for ShardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.gateway, self.namespace)
    }
}

impl ShardKey {
    /// `plan-<16 hex digits>-<leaf>`; the digits are of the gateway's name and the tenant namespace.
    pub fn part_name(&self, leaf: &str) -> String {
        place::part_name(&self.gateway.name, &self.namespace, leaf)
    }

    /// The labels that all of the shard's parts carry.
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned()),
            (labels::GATEWAY.to_owned(), self.gateway.name.clone()),
            (labels::TENANT_NAMESPACE.to_owned(), self.namespace.clone()),
        ])
    }

    /// A part of this shard.
    pub fn part(&self, leaf: &str, text: String) -> PlanPart {
        let digest = Digest::of(text.as_bytes());
        self.part_with(leaf, text, digest)
    }

    /// The same of a text whose digest is known.
    fn part_with(&self, leaf: &str, text: String, digest: Digest) -> PlanPart {
        let mut labels = self.labels();
        labels.insert(labels::LEAF.to_owned(), leaf.to_owned());
        PlanPart { namespace: self.gateway.namespace.clone(), name: self.part_name(leaf), labels, digest, text }
    }
}

/// A number's share of the plan, with all it needs to stand alone.
#[derive(Debug, Clone)]
pub struct PlannedNumber {
    pub number: FourHundred,
    pub entry: Box<RawValue>,
    /// Digest of the entry's text.
    pub digest: Digest,
    pub schedule: Option<(String, Arc<ScheduleDocument>)>,
    pub calendar: Option<(String, Arc<CalendarDocument>)>,
    /// Caller lists that the entry's rules name. Of one read back from the plan, parts that have been lost are missing.
    pub caller_lists: Vec<Arc<PackedList>>,
    pub binding: Option<BindingEntry>,
    /// The price book that the binding names. Carried along, since the tariff may be another one by the time that the
    /// plan is written; `None` for an entry read back from the plan, whose book was written before it.
    pub price_book: Option<Arc<Book>>,
}

impl PlannedNumber {
    /// An entry as this build writes it.
    pub fn new(
        number: FourHundred,
        entry: &NumberEntry,
        schedule: Option<(String, Arc<ScheduleDocument>)>,
        calendar: Option<(String, Arc<CalendarDocument>)>,
        bound: Option<(BindingEntry, Arc<Book>)>,
    ) -> Result<Self, serde_json::Error> {
        let entry = serde_json::value::to_raw_value(entry)?;
        let digest = Digest::of(entry.get().as_bytes());
        let (binding, price_book) = bound.unzip();
        Ok(Self { number, entry, digest, schedule, calendar, caller_lists: Vec::new(), binding, price_book })
    }

    /// The entry with the caller lists that its rules name.
    #[must_use]
    pub fn asking(self, caller_lists: Vec<Arc<PackedList>>) -> Self {
        Self { caller_lists, ..self }
    }
}

/// The month in which a number reached `limits.callsPerMonth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapReached {
    /// `2026-11`
    pub month: String,
    /// Name of the zone in which the month begins and ends.
    pub zone: String,
}

impl CapReached {
    pub fn new(month: Month, zone: String) -> Self {
        Self { month: month.to_string(), zone }
    }
}

/// Everything a shard's parts are made of.
#[derive(Debug, Clone)]
pub struct ShardContent {
    pub tenant: TenantHeader,
    /// By number.
    pub numbers: BTreeMap<FourHundred, Arc<PlannedNumber>>,
    pub overrides: Vec<OverrideEntry>,
    /// Numbers that reached their cap.
    pub caps_reached: BTreeMap<FourHundred, CapReached>,
}

/// A leaf as it will be written.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub part: PlanPart,
    /// Entry digests of the numbers in it; empty for a billing leaf.
    pub entries: BTreeMap<FourHundred, Digest>,
}

/// The leaves of a shard. One without numbers has none.
#[derive(Debug, Default)]
pub struct Leaves {
    /// Callers of lists, which the routing leaves name.
    pub callers: Vec<Leaf>,
    pub routing: Vec<Leaf>,
    pub billing: Vec<Leaf>,
}

impl Leaves {
    /// In the order in which they are written: who names something comes after it.
    pub fn in_order(&self) -> impl Iterator<Item = &Leaf> {
        self.callers.iter().chain(&self.billing).chain(&self.routing)
    }
}

/// Whether a leaf holds callers of a list.
pub fn is_callers(leaf: &str) -> bool {
    leaf.starts_with('l')
}

/// What the shard's parts are to be.
pub fn render(key: &ShardKey, content: &ShardContent) -> Result<Leaves, serde_json::Error> {
    let sizes: Vec<(FourHundred, usize)> =
        content.numbers.values().map(|planned| (planned.number, planned.entry.get().len())).collect();
    let mut leaves = Leaves { callers: callers(key, content), ..Leaves::default() };
    for trie::Leaf { path, entries } in trie::split(&sizes, trie::LEAF_LIMIT) {
        let members = entries.iter().filter_map(|position| sizes.get(*position));
        let planned: Vec<&Arc<PlannedNumber>> = members.filter_map(|(number, _)| content.numbers.get(number)).collect();
        let text = serde_json::to_string(&Part::Numbers(numbers_part(key, content, &path, &planned)))?;
        leaves.routing.push(Leaf {
            part: key.part(&format!("n{path}"), text),
            entries: planned.iter().map(|planned| (planned.number, planned.digest)).collect(),
        });
        let bindings: Vec<BindingEntry> = planned.iter().filter_map(|planned| planned.binding.clone()).collect();
        if !bindings.is_empty() {
            let part = Part::Bindings(Bindings {
                format: FORMAT,
                gateway: key.gateway.to_string(),
                namespace: key.namespace.clone(),
                leaf: path.clone(),
                bindings,
            });
            let text = serde_json::to_string(&part)?;
            leaves.billing.push(Leaf { part: key.part(&format!("b{path}"), text), entries: BTreeMap::new() });
        }
    }
    Ok(leaves)
}

/// The parts of every list that a number of the shard asks for, each once.
fn callers(key: &ShardKey, content: &ShardContent) -> Vec<Leaf> {
    let lists = content.numbers.values().flat_map(|planned| &planned.caller_lists);
    let parts: BTreeMap<&Digest, &CallersPart> =
        lists.flat_map(|list| &list.parts).map(|part| (&part.digest, &**part)).collect();
    let leaf = |part: &CallersPart| Leaf {
        part: key.part_with(&place::callers_leaf(&part.digest), part.text.clone(), part.digest),
        entries: BTreeMap::new(),
    };
    parts.into_values().map(leaf).collect()
}

/// The leaf `leaf` (such as `n01` or `b`) with nothing in it: read by workers as "these numbers are gone".
pub fn render_empty(key: &ShardKey, leaf: &str, tenant: &TenantHeader) -> Result<PlanPart, serde_json::Error> {
    let (kind, path) = leaf.split_at(leaf.len().min(1));
    let part = if kind == "b" {
        Part::Bindings(Bindings {
            format: FORMAT,
            gateway: key.gateway.to_string(),
            namespace: key.namespace.clone(),
            leaf: path.to_owned(),
            bindings: Vec::new(),
        })
    } else {
        let nothing = ShardContent {
            tenant: tenant.clone(),
            numbers: BTreeMap::new(),
            overrides: Vec::new(),
            caps_reached: BTreeMap::new(),
        };
        Part::Numbers(numbers_part(key, &nothing, path, &[]))
    };
    Ok(key.part(leaf, serde_json::to_string(&part)?))
}

fn numbers_part(key: &ShardKey, content: &ShardContent, path: &str, planned: &[&Arc<PlannedNumber>]) -> Numbers {
    let members: std::collections::HashSet<String> = planned.iter().map(|planned| planned.number.to_string()).collect();
    let holds = |number: &str| members.contains(number);
    let mut calendars = BTreeMap::new();
    let mut schedules = BTreeMap::new();
    let mut caller_lists = BTreeMap::new();
    for planned in planned {
        if let Some((digest, schedule)) = &planned.schedule {
            schedules.insert(digest.clone(), (**schedule).clone());
        }
        if let Some((digest, calendar)) = &planned.calendar {
            calendars.insert(digest.clone(), (**calendar).clone());
        }
        caller_lists.extend(planned.caller_lists.iter().map(|list| (list.digest.clone(), list.document.clone())));
    }
    let caps = content.caps_reached.iter().map(|(number, cap)| (number.to_string(), cap));
    let caps: Vec<(String, &CapReached)> = caps.filter(|(number, _)| holds(number)).collect();
    Numbers {
        format: FORMAT,
        gateway: key.gateway.to_string(),
        namespace: key.namespace.clone(),
        leaf: path.to_owned(),
        tenant: content.tenant.clone(),
        calendars,
        schedules,
        caller_lists,
        numbers: planned.iter().map(|planned| planned.entry.clone()).collect(),
        overrides: content.overrides.iter().filter(|entry| holds(&entry.number)).cloned().collect(),
        caps_reached: caps.iter().map(|(number, cap)| (number.clone(), cap.month.clone())).collect(),
        cap_zones: caps
            .into_iter()
            .filter(|(_, cap)| cap.zone != DEFAULT_ZONE)
            .map(|(number, cap)| (number, cap.zone.clone()))
            .collect(),
    }
}

/// What parts written earlier hold.
#[derive(Debug, Default)]
pub struct Earlier {
    /// By number: what it keeps when it can no longer be compiled.
    pub entries: BTreeMap<FourHundred, Arc<PlannedNumber>>,
    /// Numbers that reached their cap.
    pub caps_reached: BTreeMap<FourHundred, CapReached>,
}

/// Reads parts written earlier. Texts that do not parse are passed over, since there is nothing in them to keep.
pub fn earlier(texts: &[String]) -> Earlier {
    let mut bindings: BTreeMap<String, BindingEntry> = BTreeMap::new();
    let mut leaves = Vec::new();
    let mut callers: BTreeMap<Digest, Arc<CallersPart>> = BTreeMap::new();
    for text in texts {
        match serde_json::from_str::<Part>(text) {
            Ok(Part::Numbers(numbers)) => leaves.push(numbers),
            Ok(Part::Bindings(part)) => {
                bindings.extend(part.bindings.into_iter().map(|binding| (binding.number.clone(), binding)));
            }
            Ok(Part::Callers(_)) => {
                let digest = Digest::of(text.as_bytes());
                callers.insert(digest, Arc::new(CallersPart { digest, text: text.clone() }));
            }
            _ => {}
        }
    }
    let mut found = Earlier::default();
    for leaf in &leaves {
        let entries = leaf.numbers.iter().filter_map(|entry| entry_of(leaf, entry, &mut bindings, &callers));
        found.entries.extend(entries.map(|planned| (planned.number, Arc::new(planned))));
        let caps = leaf.caps_reached.iter().filter_map(|(number, month)| {
            let zone = leaf.cap_zones.get(number).map_or(DEFAULT_ZONE, String::as_str);
            Some((number.parse().ok()?, CapReached { month: month.clone(), zone: zone.to_owned() }))
        });
        found.caps_reached.extend(caps);
    }
    found
}

fn entry_of(
    leaf: &Numbers,
    entry: &RawValue,
    bindings: &mut BTreeMap<String, BindingEntry>,
    callers: &BTreeMap<Digest, Arc<CallersPart>>,
) -> Option<PlannedNumber> {
    let parsed: NumberEntry = serde_json::from_str(entry.get()).ok()?;
    let number = parsed.number.parse::<FourHundred>().ok()?;
    let whens = parsed.rules.iter().filter_map(|rule| rule.when.as_ref());
    let named: BTreeSet<&String> = whens.flat_map(|when| &when.caller_lists).map(|list| &list.digest).collect();
    let caller_lists = named.into_iter().filter_map(|digest| list_of(leaf, digest, callers)).collect();
    let schedule = parsed.schedule.and_then(|digest| {
        let schedule = leaf.schedules.get(&digest)?.clone();
        Some((digest, Arc::new(schedule)))
    });
    let calendar = schedule.as_ref().and_then(|(_, schedule)| {
        let digest = schedule.calendar.clone()?;
        let calendar = leaf.calendars.get(&digest)?.clone();
        Some((digest, Arc::new(calendar)))
    });
    let digest = Digest::of(entry.get().as_bytes());
    let binding = bindings.remove(&parsed.number);
    let entry = entry.to_owned();
    Some(PlannedNumber { number, entry, digest, schedule, calendar, caller_lists, binding, price_book: None })
}

fn list_of(leaf: &Numbers, digest: &str, callers: &BTreeMap<Digest, Arc<CallersPart>>) -> Option<Arc<PackedList>> {
    let document = leaf.caller_lists.get(digest)?.clone();
    let parts = document.exact.values().chain(&document.prefixes).filter_map(|part| callers.get(part).cloned());
    Some(Arc::new(PackedList { digest: digest.to_owned(), parts: parts.collect(), document }))
}
