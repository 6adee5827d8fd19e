//! Callers that two plans cannot tell apart, one caller for each such class, so that a comparison asks every question
//! there is exactly once. Pure.
//!
//! Routing looks at a caller's digits through patterns, at the area, and at whether the number is withheld. Patterns cut
//! the numbers into regions (what matches a pattern and none that reaches deeper), lists cut the areas; a class is what
//! all lists of both sides treat alike.

use std::collections::{BTreeMap, BTreeSet};

use super::written::Written;
use crate::domain::numbering::{Area, AreaCode, Caller, CallerPattern, CallerPatterns, areas};
use crate::domain::routing::caller_lists::CallerSet;
use crate::domain::routing::compiled::{AreaSet, Common};
use crate::domain::routing::leaf::CompiledNumber;

/// Some of the callers of a class, as a reader would name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Atom {
    /// A pattern, or caller lists in words. `None`: numbers that neither names.
    pub pattern: Option<String>,
    pub area: AreaGroup,
    pub withheld: bool,
}

/// An area that a list names, or all the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AreaGroup {
    Named(AreaCode),
    /// Any area in use that no list names.
    Other,
    Unknown,
}

/// Callers whom no list of either side tells apart.
#[derive(Debug, Clone)]
pub struct Class {
    /// One of them.
    pub caller: Caller,
    /// All of them.
    pub atoms: BTreeSet<Atom>,
}

/// The classes that `sides` (a number in one plan, or in both) tell apart.
pub fn classes(sides: &[CompiledNumber<'_>], written: &Written) -> Vec<Class> {
    let mut found: BTreeMap<Vec<bool>, Class> = BTreeMap::new();
    let lists = Lists::of(sides);
    let mut put = |caller: Caller, atom: Atom| {
        let class = found.entry(lists.signature(&caller)).or_insert_with(|| Class { caller, atoms: BTreeSet::new() });
        class.atoms.insert(atom);
    };
    let named = &written.areas;
    let groups = groups(named);
    for group in &groups {
        if let Some(caller) = group.withheld(named) {
            put(caller, Atom { pattern: None, area: *group, withheld: true });
        }
        let regions = std::iter::once(None).chain(written.patterns.iter().map(Some));
        for region in regions {
            if let Some(caller) = representative(region, *group, written) {
                let pattern = region.map(ToString::to_string);
                put(caller, Atom { pattern, area: *group, withheld: false });
            }
        }
    }
    // All with the same lists, in the same region and group of areas are of one class: one of them speaks for them.
    let mut spoken_for = BTreeSet::new();
    for (number, lists) in &written.members {
        let caller = Caller::parse(number.as_str());
        let Some(group) = groups.iter().find(|group| group.has(caller.area(), named)) else { continue };
        let region = written.deepest(*number);
        if caller.number() == Some(*number) && spoken_for.insert((lists, region, *group)) {
            let within = region.and_then(|region| written.patterns.get(region));
            let within = within.map(|pattern| format!(" within {pattern}")).unwrap_or_default();
            put(caller, Atom { pattern: Some(format!("{lists}{within}")), area: *group, withheld: false });
        }
    }
    found.into_values().collect()
}

/// Every list that looks at a caller.
pub(super) struct Lists<'p> {
    callers: Vec<&'p CallerPatterns>,
    /// Of each rule that asks for some.
    on: Vec<&'p [Common<CallerSet>]>,
    areas: Vec<&'p AreaSet>,
}

impl<'p> Lists<'p> {
    pub(super) fn of(sides: &[CompiledNumber<'p>]) -> Self {
        let mut lists = Self { callers: Vec::new(), on: Vec::new(), areas: Vec::new() };
        for entry in sides.iter().map(|side| side.entry) {
            lists.callers.extend(entry.screening.deny_callers.as_deref());
            lists.areas.extend([&entry.screening.deny_areas, &entry.screening.only_areas]);
            for rule in &entry.rules {
                lists.callers.extend(rule.callers.as_deref());
                lists.on.extend(rule.caller_lists());
                lists.areas.extend(rule.caller_areas());
            }
        }
        lists
    }

    pub(super) fn signature(&self, caller: &Caller) -> Vec<bool> {
        let by_number = self.callers.iter().map(|list| caller.number().is_some_and(|number| list.matches(number)));
        let on = |lists: &&[Common<CallerSet>]| {
            caller.number().is_some_and(|number| lists.iter().any(|list| list.contains(number)))
        };
        let by_list = self.on.iter().map(on);
        let by_area = self.areas.iter().map(|list| list.contains(caller.area()));
        std::iter::once(caller.is_anonymous()).chain(by_number).chain(by_list).chain(by_area).collect()
    }
}

fn groups(named: &BTreeSet<Area>) -> Vec<AreaGroup> {
    let codes = named.iter().filter_map(|area| match area {
        Area::Known(code) => Some(AreaGroup::Named(*code)),
        Area::Unknown => None,
    });
    codes.chain([AreaGroup::Other, AreaGroup::Unknown]).collect()
}

impl AreaGroup {
    fn has(self, area: Area, named: &BTreeSet<Area>) -> bool {
        match (self, area) {
            (Self::Named(code), Area::Known(known)) => code == known,
            (Self::Other, Area::Known(_)) => !named.contains(&area),
            (Self::Unknown, Area::Unknown) => true,
            _ => false,
        }
    }

    /// Codes in use that are of this group.
    fn codes(self, named: &BTreeSet<Area>) -> impl Iterator<Item = AreaCode> {
        areas::in_use().filter(move |code| self.has(Area::Known(*code), named))
    }

    /// A caller of the group who withholds the number; the network tells the area all the same.
    fn withheld(self, named: &BTreeSet<Area>) -> Option<Caller> {
        match self {
            Self::Unknown => Some(Caller::ANONYMOUS),
            known => known.codes(named).next().map(|code| Caller::anonymous_from(&format!("{code}88880001"))),
        }
    }
}

/// A caller of `group` whom `region` names and no pattern that reaches deeper into it.
fn representative(region: Option<&CallerPattern>, group: AreaGroup, written: &Written) -> Option<Caller> {
    let (patterns, named) = (&written.patterns, &written.areas);
    let prefix = region.map_or("", CallerPattern::digits);
    let fits = |digits: &str| {
        let caller = Caller::parse(digits);
        let number = caller.number()?;
        let mine = region.is_none_or(|region| region.matches(number));
        let deeper =
            patterns.iter().any(|other| region != Some(other) && is_deeper(region, other) && other.matches(number));
        let deeper = deeper || (region.is_none_or(CallerPattern::is_prefix) && written.is_member(number));
        (mine && !deeper && number.as_str() == digits && group.has(caller.area(), named)).then_some(caller)
    };
    if region.is_some_and(|region| !region.is_prefix()) {
        return fits(prefix);
    }
    let deeper: Vec<&CallerPattern> = patterns.iter().filter(|other| is_deeper(region, other)).collect();
    bases(prefix, group, named)
        .into_iter()
        .filter_map(|(base, length)| complete(&base, length, &deeper, written))
        .find_map(|digits| fits(&digits))
}

/// Whether `other` names fewer callers of `region`, so that they are a class of their own.
fn is_deeper(region: Option<&CallerPattern>, other: &CallerPattern) -> bool {
    let Some(region) = region else { return true };
    let inside = other.digits().starts_with(region.digits());
    inside && region.is_prefix() && (other.digits().len() > region.digits().len() || !other.is_prefix())
}

/// Beginnings of numbers of `group` that begin with `prefix`, each with the length of a whole number.
fn bases(prefix: &str, group: AreaGroup, named: &BTreeSet<Area>) -> Vec<(String, usize)> {
    if group == AreaGroup::Unknown {
        // Abroad, a service, a local number, or whatever is too short or too new to be placed.
        let general = ["00852", "1", "8"].iter().filter_map(|start| longer(prefix, start));
        let general = general.map(|base| (base, 8));
        let longer = [prefix.len() + 1, prefix.len() + 4, 11].map(|length| (prefix.to_owned(), length));
        return general.chain(longer).collect();
    }
    let fixed = group.codes(named).filter_map(|code| longer(prefix, &code.to_string()));
    let mut bases: Vec<(String, usize)> = fixed.map(|base| (base, 12)).collect();
    if prefix.starts_with('1') {
        bases.extend(segments(prefix).filter(|(_, area)| group.has(*area, named)).map(|(base, _)| (base, 11)));
    }
    bases
}

/// The longer of two beginnings, if one begins with the other.
fn longer(one: &str, other: &str) -> Option<String> {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.starts_with(short).then(|| long.to_owned())
}

/// Mobile segments that begin with `prefix`, or that it reaches into, with their areas.
fn segments(prefix: &str) -> impl Iterator<Item = (String, Area)> {
    let head: String = prefix.chars().take(7).collect();
    let open = u32::try_from(7 - head.len()).unwrap_or(0);
    let first = head.parse::<u32>().unwrap_or(0) * 10_u32.pow(open);
    let rest = prefix.to_owned();
    (first..first + 10_u32.pow(open)).map(move |segment| {
        let digits = segment.to_string();
        let area = areas::area_of_mobile_segment(segment);
        (if rest.len() > 7 { rest.clone() } else { digits }, area)
    })
}

/// A number of `length` digits (or `base` itself, if it is longer) that begins with `base`, that none of `deeper` matches
/// and no list names; none where they name all of them.
fn complete(base: &str, length: usize, deeper: &[&CallerPattern], written: &Written) -> Option<String> {
    let taken = deeper.iter().any(|pattern| pattern.is_prefix() && base.starts_with(pattern.digits()));
    if taken {
        return None;
    }
    let touching: Vec<&CallerPattern> =
        deeper.iter().copied().filter(|pattern| pattern.digits().starts_with(base)).collect();
    let members = written.members_below(base);
    if (touching.is_empty() && members.is_empty()) || base.len() >= length {
        let exact = touching.iter().any(|pattern| !pattern.is_prefix() && pattern.digits() == base)
            || members.first().is_some_and(|(member, _)| member.as_str() == base);
        let padding = "8".repeat(length.saturating_sub(base.len()));
        return (!exact).then(|| format!("{base}{padding}"));
    }
    "8765432190".chars().find_map(|digit| complete(&format!("{base}{digit}"), length, &touching, written))
}

/// The callers of some classes in words; `all` when they are every class there is.
pub fn in_words(chosen: &BTreeSet<&Atom>, all: &BTreeSet<&Atom>) -> String {
    if chosen == all {
        return "every caller".to_owned();
    }
    let mut words = Vec::new();
    let plain = |atom: &&&Atom| atom.pattern.is_none() && !atom.withheld;
    let areas: Vec<String> = chosen.iter().filter(plain).map(|atom| area_in_words(atom.area)).collect();
    if chosen.iter().filter(plain).count() == all.iter().filter(plain).count() && !areas.is_empty() {
        words.push("callers whom no pattern or list names".to_owned());
    } else if !areas.is_empty() {
        words.push(format!("callers of {}", areas.join(", ")));
    }
    let mut patterns: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for atom in all.iter().filter(|atom| !atom.withheld) {
        if let Some(pattern) = &atom.pattern {
            let (of, here) = patterns.entry(pattern).or_default();
            *of += 1;
            *here += usize::from(chosen.contains(*atom));
        }
    }
    for (pattern, (of, here)) in patterns {
        match here {
            0 => {}
            here if here == of => words.push(pattern.to_owned()),
            _ => {
                let of_pattern = |atom: &&&Atom| atom.pattern.as_deref() == Some(pattern) && !atom.withheld;
                let areas: Vec<String> =
                    chosen.iter().filter(of_pattern).map(|atom| area_in_words(atom.area)).collect();
                words.push(format!("{pattern} of {}", areas.join(", ")));
            }
        }
    }
    let withheld: Vec<String> =
        chosen.iter().filter(|atom| atom.withheld).map(|atom| area_in_words(atom.area)).collect();
    match withheld.len() {
        0 => {}
        count if count == all.iter().filter(|atom| atom.withheld).count() => words.push("withheld numbers".to_owned()),
        _ => words.push(format!("withheld numbers of {}", withheld.join(", "))),
    }
    words.join("; ")
}

fn area_in_words(group: AreaGroup) -> String {
    match group {
        AreaGroup::Named(code) => code.to_string(),
        AreaGroup::Other => "other areas".to_owned(),
        AreaGroup::Unknown => "unknown areas".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::numbering::NationalNumber;
    use crate::domain::routing::worlds;

    fn written(patterns: &[&str], areas: &[&str]) -> Written {
        Written {
            patterns: patterns.iter().map(|text| text.parse().unwrap()).collect(),
            areas: areas.iter().map(|code| Area::Known(code.parse().unwrap())).collect(),
            members: Vec::new(),
        }
    }

    #[test]
    fn the_contracts_number_tells_its_callers_apart_by_what_it_names() {
        let plan = worlds::plan();
        let number = plan.number("4001000868".parse().unwrap()).unwrap();
        let written = written(&["0898*", "13900001111", "0105555*"], &["0755", "020"]);
        let classes = classes(&[number], &written);
        let all: BTreeSet<&Atom> = classes.iter().flat_map(|class| &class.atoms).collect();
        let told: BTreeSet<String> =
            classes.iter().map(|class| in_words(&class.atoms.iter().collect(), &all)).collect();
        assert_eq!(
            told,
            BTreeSet::from([
                "0105555*; 13900001111".to_owned(),
                "0898*".to_owned(),
                "callers of 020, 0755".to_owned(),
                "callers of other areas, unknown areas".to_owned(),
                "withheld numbers of 020, 0755".to_owned(),
                "withheld numbers of other areas, unknown areas".to_owned(),
            ])
        );
    }

    #[test]
    fn a_prefix_of_mobiles_is_met_in_every_area_it_reaches() {
        let plan = worlds::plan();
        let number = plan.number("4001000868".parse().unwrap()).unwrap();
        let written = written(&["138*"], &["0755", "010"]);
        let found: BTreeSet<Atom> = classes(&[number], &written).into_iter().flat_map(|c| c.atoms).collect();
        for group in
            [AreaGroup::Named("0755".parse().unwrap()), AreaGroup::Named("010".parse().unwrap()), AreaGroup::Other]
        {
            assert!(
                found.contains(&Atom { pattern: Some("138*".to_owned()), area: group, withheld: false }),
                "{group:?}"
            );
        }
    }

    #[test]
    fn a_region_that_deeper_patterns_fill_is_empty() {
        let all_digits: Vec<String> = (0..10).map(|digit| format!("0105555{digit}*")).collect();
        let deeper: Vec<CallerPattern> = all_digits.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(complete("0105555", 12, &deeper.iter().collect::<Vec<_>>(), &Written::default()), None);
        let nine: Vec<&CallerPattern> = deeper.iter().take(9).collect();
        assert!(complete("0105555", 12, &nine, &Written::default()).unwrap().starts_with("01055559"));
    }

    #[test]
    fn a_region_that_a_list_fills_is_empty_and_one_with_room_is_not() {
        let member = |digits: String| (NationalNumber::from_digits(&digits).unwrap(), "callers on list vip".to_owned());
        let members = (0..100).map(|last| member(format!("01055551{last:02}"))).collect();
        let mut full = Written { members, ..Written::default() };
        assert_eq!(complete("01055551", 10, &[], &full), None);
        let gap = full.members.remove(37).0;
        assert_eq!(complete("01055551", 10, &[], &full).as_deref(), Some(gap.as_str()));
    }
}
