//! What a change of manifests changes in calls: two folders, one question for each class of callers and each stretch of
//! time in which nothing moves, the answers side by side. Exact within the time compared: every caller is of one class,
//! every instant in one stretch. Pure: folders and instants are arguments.

mod answers;
mod callers;
pub mod text;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::ResourceExt as _;
use serde::Serialize;

use self::answers::{Answer, answer};
use self::callers::{Atom, Class, classes, in_words};
use self::written::Written;
use super::{Offline, OfflineError};
use crate::api::FourHundredNumber;
use crate::controllers::key::Key;
use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::leaf::CompiledNumber;
use crate::domain::routing::plan::Plan;
use crate::domain::routing::timetable::edges;

/// Stretches of time that one change lists; more are counted.
const SPANS_LISTED: usize = 200;

/// Everything that changes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub from: String,
    /// Just after the last instant compared.
    pub until: String,
    pub gateways: Vec<GatewayChange>,
    pub changes: Vec<Change>,
}

impl Difference {
    /// Whether no call is told anything else.
    pub fn is_empty(&self) -> bool {
        self.gateways.is_empty() && self.changes.is_empty()
    }
}

/// Settings of a gateway that every call through it meets.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct GatewayChange {
    /// `NAMESPACE/NAME`.
    pub gateway: String,
    /// Field of the spec.
    pub field: String,
    pub before: serde_json::Value,
    pub after: serde_json::Value,
}

/// Callers of a number who are told something else.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub number: String,
    /// `NAMESPACE/NAME` of the object, the new one where there is one.
    pub object: String,
    /// The first instant at which it is so.
    pub from: String,
    /// When it is so: periods and overrides, in words.
    pub when: String,
    pub callers: String,
    pub before: String,
    pub after: String,
    /// The stretches of time, the first of them.
    pub spans: Vec<Span>,
    /// How many there are in all.
    pub spans_in_all: usize,
}

/// From one instant until just before another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    pub from: String,
    pub until: String,
}

/// What is different between `old` and `new` from `from` until `until`, or until the days end that a plan of `from`
/// carries: those of its year and the next.
pub fn between(old: &Offline, new: &Offline, from: Timestamp, until: Timestamp) -> Result<Difference, OfflineError> {
    let until = until.min(end_of_days(from));
    let (before, after) = (old.plan_at(from)?, new.plan_at(from)?);
    let (old_numbers, new_numbers) = (old.numbers(), new.numbers());
    let numbers: BTreeSet<FourHundred> = old_numbers.keys().chain(new_numbers.keys()).copied().collect();
    let zone = parse_zone(DEFAULT_ZONE).unwrap_or(TimeZone::UTC);
    let mut changes = Vec::new();
    for number in numbers {
        let objects = [old_numbers.get(&number).map(AsRef::as_ref), new_numbers.get(&number).map(AsRef::as_ref)];
        let comparison = Comparison { plans: [&before, &after], number, from, until };
        changes.extend(comparison.changes([old, new], objects, &zone));
    }
    let told = |at: Timestamp| instant(at, &zone);
    Ok(Difference { from: told(from), until: told(until), gateways: gateways(old, new), changes })
}

/// The first instant of which a plan made at `from` knows no statutory days.
fn end_of_days(from: Timestamp) -> Timestamp {
    let zone = parse_zone(DEFAULT_ZONE).unwrap_or(TimeZone::UTC);
    let year = zone.to_datetime(from).year().saturating_add(2);
    let first = jiff::civil::Date::new(year, 1, 1).ok().and_then(|day| day.to_zoned(zone).ok());
    first.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

fn instant(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// One number in two plans.
struct Comparison<'p> {
    plans: [&'p Plan; 2],
    number: FourHundred,
    from: Timestamp,
    until: Timestamp,
}

/// What decides about a call besides the caller: on each side the period and the override that holds.
type Moment<'p> = [(Option<&'p str>, Option<&'p str>); 2];

impl<'p> Comparison<'p> {
    fn sides(&self) -> [Option<CompiledNumber<'p>>; 2] {
        self.plans.map(|plan| plan.number(self.number))
    }

    /// Whether both sides read the same texts for the number: its leaf, and its gateway's settings, since the places of
    /// announcements stand there.
    fn stands_alike(&self, sides: &[CompiledNumber<'_>]) -> bool {
        let [one, other] = sides else { return false };
        let [before, after] = self.plans;
        let head =
            |plan: &Plan, number: &CompiledNumber<'_>| plan.head(&number.leaf.key.gateway).map(|head| head.digest);
        one.leaf.digest == other.leaf.digest && head(before, one) == head(after, other)
    }

    fn changes(
        &self,
        folders: [&Offline; 2],
        objects: [Option<&FourHundredNumber>; 2],
        zone: &TimeZone,
    ) -> Vec<Change> {
        let sides: Vec<CompiledNumber<'_>> = self.sides().into_iter().flatten().collect();
        if self.stands_alike(&sides) {
            return Vec::new();
        }
        let [old, new] = folders;
        let [before, after] = objects;
        let classes = classes(&sides, &Written::of([(old, before), (new, after)]));
        let all: BTreeSet<&Atom> = classes.iter().flat_map(|class| &class.atoms).collect();
        let spans = self.spans(&sides);
        let mut rows: BTreeMap<(Answer, Answer, Vec<usize>), BTreeSet<&Atom>> = BTreeMap::new();
        let moments: Vec<(Moment<'p>, Timestamp)> = distinct(&spans);
        for class in &classes {
            for (answers, at) in self.differing(class, &moments) {
                rows.entry((answers.0, answers.1, at)).or_default().extend(&class.atoms);
            }
        }
        let object = after.or(before).map(|object| Key::of(object).to_string()).unwrap_or_default();
        let mut changes: Vec<Change> = rows
            .into_iter()
            .map(|((before, after, at), atoms)| {
                let chosen: Vec<&Moment<'p>> =
                    at.iter().filter_map(|index| moments.get(*index)).map(|(m, _)| m).collect();
                let when = merged(&spans, &chosen);
                let always = chosen.len() == moments.len();
                let (before, after) = in_full(&before, &after);
                Change {
                    number: self.number.to_string(),
                    object: object.clone(),
                    from: when.first().map(|(from, _)| instant(*from, zone)).unwrap_or_default(),
                    when: if always { "at all times".to_owned() } else { moments_in_words(&chosen) },
                    callers: in_words(&atoms, &all),
                    before,
                    after,
                    spans_in_all: when.len(),
                    spans: when
                        .iter()
                        .take(SPANS_LISTED)
                        .map(|(from, until)| Span { from: instant(*from, zone), until: instant(*until, zone) })
                        .collect(),
                }
            })
            .collect();
        changes.sort_by(|one, other| {
            (&one.from, &one.when, &one.callers).cmp(&(&other.from, &other.when, &other.callers))
        });
        changes
    }

    /// The answers of a class that differ, each with the moments (by index) at which they do.
    fn differing(&self, class: &Class, moments: &[(Moment<'p>, Timestamp)]) -> Vec<((Answer, Answer), Vec<usize>)> {
        let mut found: BTreeMap<(Answer, Answer), Vec<usize>> = BTreeMap::new();
        for (index, (_, at)) in moments.iter().enumerate() {
            let [before, after] = self.plans.map(|plan| answer(plan, self.number, class.caller, *at));
            if before.exact != after.exact {
                found.entry((before, after)).or_default().push(index);
            }
        }
        found.into_iter().collect()
    }

    /// Stretches in which neither side moves, each with what decides in it.
    fn spans(&self, sides: &[CompiledNumber<'_>]) -> Vec<(Timestamp, Timestamp, Moment<'p>)> {
        let mut starts: BTreeSet<Timestamp> = BTreeSet::from([self.from]);
        for side in sides {
            starts.extend(edges(side, self.from, self.until));
        }
        let starts: Vec<Timestamp> = starts.into_iter().collect();
        let ends = starts.iter().skip(1).copied().chain([self.until]);
        starts.iter().copied().zip(ends).map(|(from, until)| (from, until, self.moment(from))).collect()
    }

    fn moment(&self, at: Timestamp) -> Moment<'p> {
        self.sides().map(|side| {
            let Some(side) = side else { return (None, None) };
            let period = side.schedule.map(|schedule| schedule.period_at(at));
            (period, side.overrides().iter().find(|each| each.holds_at(at)).map(|each| &*each.name))
        })
    }
}

/// The different moments, each with an instant of its own.
fn distinct<'p>(spans: &[(Timestamp, Timestamp, Moment<'p>)]) -> Vec<(Moment<'p>, Timestamp)> {
    let mut moments: Vec<(Moment<'p>, Timestamp)> = Vec::new();
    for (from, _, moment) in spans {
        if moments.iter().all(|(known, _)| known != moment) {
            moments.push((*moment, *from));
        }
    }
    moments
}

/// The spans of these moments, neighbours joined.
fn merged(spans: &[(Timestamp, Timestamp, Moment<'_>)], chosen: &[&Moment<'_>]) -> Vec<(Timestamp, Timestamp)> {
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until, _) in spans.iter().filter(|(_, _, moment)| chosen.contains(&moment)) {
        match merged.last_mut() {
            Some((_, end)) if end == from => *end = *until,
            _ => merged.push((*from, *until)),
        }
    }
    merged
}

fn moments_in_words(chosen: &[&Moment<'_>]) -> String {
    let side = |(period, holding): (Option<&str>, Option<&str>)| match (period, holding) {
        (_, Some(name)) => format!("override {name}"),
        (Some(period), None) => format!("period {period}"),
        (None, None) => "no timetable".to_owned(),
    };
    let mut words: Vec<String> = Vec::new();
    for [before, after] in chosen {
        let (before, after) = (side(*before), side(*after));
        let told = if before == after { after } else { format!("{before} → {after}") };
        if !words.contains(&told) {
            words.push(told);
        }
    }
    words.join(", ")
}

/// Both answers in words; in full where the words alone are the same.
fn in_full(before: &Answer, after: &Answer) -> (String, String) {
    if before.words == after.words {
        let full = |answer: &Answer| format!("{} ({})", answer.words, answer.exact);
        return (full(before), full(after));
    }
    (before.words.clone(), after.words.clone())
}

/// Fields of gateways that every call meets, where both folders have the gateway.
fn gateways(old: &Offline, new: &Offline) -> Vec<GatewayChange> {
    let spec = |gateway: &crate::api::CallGateway| serde_json::to_value(&gateway.spec).unwrap_or_default();
    let mut changes = Vec::new();
    for after in new.facts.stores.gateways.state() {
        let found = old
            .facts
            .stores
            .gateways
            .state()
            .into_iter()
            .find(|before| before.name_any() == after.name_any() && before.namespace() == after.namespace());
        let Some(before) = found else { continue };
        let (before, spec) = (spec(&before), spec(&after));
        for field in ["mode", "listeners", "trunk", "originalCalled"] {
            if before.get(field) != spec.get(field) {
                changes.push(GatewayChange {
                    gateway: Key::of(&*after).to_string(),
                    field: field.to_owned(),
                    before: before.get(field).cloned().unwrap_or_default(),
                    after: spec.get(field).cloned().unwrap_or_default(),
                });
            }
        }
    }
    changes.sort_by(|one, other| (&one.gateway, &one.field).cmp(&(&other.gateway, &other.field)));
    changes
}

#[cfg(test)]
mod tests;
