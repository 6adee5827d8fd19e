//! What the lists of a number's two sides are written with: patterns, areas, and the callers of caller lists. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::api::FourHundredNumber;
use crate::controllers::caller_list;
use crate::controllers::key::Key;
use crate::controllers::world::Find as _;
use crate::domain::numbering::{Area, CallerPattern, NationalNumber};
use crate::offline::Offline;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Written {
    /// Of rules and screening, and those of lists that end in `*`; ascending.
    pub patterns: Vec<CallerPattern>,
    pub areas: BTreeSet<Area>,
    /// Numbers that lists name one by one, ascending, each with the lists in words.
    pub members: Vec<(NationalNumber, String)>,
}

impl Written {
    /// Of a number as two folders have it.
    pub fn of(sides: [(&Offline, Option<&FourHundredNumber>); 2]) -> Self {
        let mut patterns = BTreeSet::new();
        let mut areas = BTreeSet::new();
        let mut members: BTreeMap<NationalNumber, BTreeMap<String, [bool; 2]>> = BTreeMap::new();
        for (side, (offline, object)) in sides.into_iter().enumerate() {
            let Some(object) = object else { continue };
            patterns.extend(own_patterns(object));
            areas.extend(own_areas(object));
            for name in caller_list::named_by(object) {
                let key = Key::new(object.metadata.namespace.as_deref().unwrap_or_default(), name);
                let list = offline.facts.stores.caller_lists.find_key(&key);
                let callers = list.and_then(|list| offline.facts.callers_of(&list).ok());
                for caller in callers.iter().flat_map(|callers| callers.iter()) {
                    if caller.is_prefix() {
                        patterns.insert(*caller);
                    } else if let Some(there) =
                        members.entry(caller.number()).or_default().entry(name.to_owned()).or_default().get_mut(side)
                    {
                        *there = true;
                    }
                }
            }
        }
        let both = sides.iter().all(|(_, object)| object.is_some());
        // A number that a rule names by itself is a class of its own already.
        let spelt_out = patterns.iter().filter(|pattern| !pattern.is_prefix()).map(CallerPattern::number);
        let spelt_out: HashSet<NationalNumber> = spelt_out.collect();
        members.retain(|number, _| !spelt_out.contains(number));
        let members = members.into_iter().map(|(number, lists)| (number, in_words(&lists, both))).collect();
        Self { patterns: patterns.into_iter().collect(), areas, members }
    }

    /// Members whose digits begin with `base`.
    pub fn members_below(&self, base: &str) -> &[(NationalNumber, String)] {
        let from = self.members.partition_point(|(number, _)| number.as_str() < base);
        let rest = self.members.get(from..).unwrap_or_default();
        let count = rest.partition_point(|(number, _)| number.as_str().starts_with(base));
        rest.get(..count).unwrap_or_default()
    }

    /// Whether a list names the number.
    pub fn is_member(&self, number: NationalNumber) -> bool {
        self.members.binary_search_by_key(&number, |(member, _)| *member).is_ok()
    }

    /// The pattern that reaches deepest to `number`, by its index: of those that match it, every other one is a
    /// beginning of it.
    pub fn deepest(&self, number: NationalNumber) -> Option<usize> {
        let matching = self.patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(number));
        matching.max_by_key(|(_, pattern)| pattern.digits().len()).map(|(index, _)| index)
    }
}

fn in_words(lists: &BTreeMap<String, [bool; 2]>, both: bool) -> String {
    let word = |(name, on): (&String, &[bool; 2])| match on {
        [true, false] if both => format!("callers taken off list {name}"),
        [false, true] if both => format!("callers put on list {name}"),
        _ => format!("callers on list {name}"),
    };
    lists.iter().map(word).collect::<Vec<_>>().join(" and ")
}

fn own_patterns(object: &FourHundredNumber) -> impl Iterator<Item = CallerPattern> {
    let denied = object.spec.screening.iter().flat_map(|screening| &screening.deny_callers);
    let asked = object.spec.rules.iter().filter_map(|rule| rule.when.as_ref()).flat_map(|when| &when.callers);
    denied.chain(asked).filter_map(|text| text.parse().ok())
}

fn own_areas(object: &FourHundredNumber) -> Vec<Area> {
    let screened =
        object.spec.screening.iter().flat_map(|screening| screening.deny_areas.iter().chain(&screening.only_areas));
    let rules = object.spec.rules.iter().filter_map(|rule| rule.when.as_ref());
    // One that is refused asks for nothing: the entry before it is in force.
    let asked = rules.flat_map(|when| when.areas().unwrap_or_default());
    screened.cloned().chain(asked).filter_map(|text| text.parse().ok()).collect()
}
