//! What one gateway carries for one tenant namespace, as parts of a plan. Pure: the same world gives the same bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::controllers::key::Key;
use crate::controllers::sink::PlanPart;
use crate::controllers::tariff::Book;
use crate::domain::calendar::{DEFAULT_ZONE, Month};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
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
        let mut labels = self.labels();
        labels.insert(labels::LEAF.to_owned(), leaf.to_owned());
        PlanPart {
            namespace: self.gateway.namespace.clone(),
            name: self.part_name(leaf),
            labels,
            digest: Digest::of(text.as_bytes()),
            text,
        }
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
        Ok(Self { number, entry, digest, schedule, calendar, binding, price_book })
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

/// The shard's routing leaves and billing leaves. A shard without numbers has none.
pub fn render(key: &ShardKey, content: &ShardContent) -> Result<(Vec<Leaf>, Vec<Leaf>), serde_json::Error> {
    let sizes: Vec<(FourHundred, usize)> =
        content.numbers.values().map(|planned| (planned.number, planned.entry.get().len())).collect();
    let mut routing = Vec::new();
    let mut billing = Vec::new();
    for trie::Leaf { path, entries } in trie::split(&sizes, trie::LEAF_LIMIT) {
        let members = entries.iter().filter_map(|position| sizes.get(*position));
        let planned: Vec<&Arc<PlannedNumber>> = members.filter_map(|(number, _)| content.numbers.get(number)).collect();
        let text = serde_json::to_string(&Part::Numbers(numbers_part(key, content, &path, &planned)))?;
        routing.push(Leaf {
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
            billing.push(Leaf { part: key.part(&format!("b{path}"), text), entries: BTreeMap::new() });
        }
    }
    Ok((routing, billing))
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
    for planned in planned {
        if let Some((digest, schedule)) = &planned.schedule {
            schedules.insert(digest.clone(), (**schedule).clone());
        }
        if let Some((digest, calendar)) = &planned.calendar {
            calendars.insert(digest.clone(), (**calendar).clone());
        }
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
    for text in texts {
        match serde_json::from_str::<Part>(text) {
            Ok(Part::Numbers(numbers)) => leaves.push(numbers),
            Ok(Part::Bindings(part)) => {
                bindings.extend(part.bindings.into_iter().map(|binding| (binding.number.clone(), binding)));
            }
            _ => {}
        }
    }
    let mut found = Earlier::default();
    for leaf in &leaves {
        let entries = leaf.numbers.iter().filter_map(|entry| entry_of(leaf, entry, &mut bindings));
        found.entries.extend(entries.map(|planned| (planned.number, Arc::new(planned))));
        let caps = leaf.caps_reached.iter().filter_map(|(number, month)| {
            let zone = leaf.cap_zones.get(number).map_or(DEFAULT_ZONE, String::as_str);
            Some((number.parse().ok()?, CapReached { month: month.clone(), zone: zone.to_owned() }))
        });
        found.caps_reached.extend(caps);
    }
    found
}

fn entry_of(leaf: &Numbers, entry: &RawValue, bindings: &mut BTreeMap<String, BindingEntry>) -> Option<PlannedNumber> {
    let parsed: NumberEntry = serde_json::from_str(entry.get()).ok()?;
    let number = parsed.number.parse::<FourHundred>().ok()?;
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
    Some(PlannedNumber { number, entry: entry.to_owned(), digest, schedule, calendar, binding, price_book: None })
}
