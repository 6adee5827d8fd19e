//! From one entry's text to what a decision walks. Pure.
//!
//! Every name is resolved and every pattern parsed here, once. What cannot be resolved is told as a [`Violation`] with
//! the field's path as its owner wrote it. The loader refuses a part with a violation; [`super::entry`] collects them
//! for the person who can mend them. So there is one reading of an entry, not two.

use std::collections::BTreeMap;
use std::fmt;

use smallvec::SmallVec;

use super::caller_lists::CallerSet;
use super::compiled::{
    Among, AreaSet, Common, CompiledDestination, CompiledEntry, CompiledExhausted, CompiledGroup, CompiledRule,
    CompiledScreening, CompiledTarget, Name, PeriodSet,
};
use super::document::{
    CallerListName, DestinationEntry, Exhausted, GroupEntry, NumberEntry, RuleEntry, Screening, Target, When,
};
use super::shared::Shared;
use crate::domain::numbering::{Area, CallerPattern, CallerPatterns, Destination};

/// The schema's bound on members of a group; a draw for `Random` has enough bits for so many.
pub const MEMBERS_AT_MOST: usize = 32;
/// The schema's bound on destinations of a number.
pub const DESTINATIONS_AT_MOST: usize = 64;

/// Something in an entry that cannot stand, for the one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path as in the spec: `rules[by-day].to.group`.
    pub field: String,
    /// What was seen and what is needed.
    pub sentence: String,
}

/// Reads entries of one number against the names that they may use.
pub(super) struct Compiler<'a> {
    /// Names of the schedule's periods, the one of every other instant last; `None` without a schedule.
    periods: Option<&'a [&'a str]>,
    destinations: Vec<&'a str>,
    groups: Vec<&'a str>,
    /// Those of the leaf, by digest; `None` where an entry is read by itself.
    lists: Option<&'a BTreeMap<&'a str, Common<CallerSet>>>,
    shared: &'a mut Shared,
    pub(super) violations: Vec<Violation>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        entry: &'a NumberEntry,
        periods: Option<&'a [&'a str]>,
        lists: Option<&'a BTreeMap<&'a str, Common<CallerSet>>>,
        shared: &'a mut Shared,
    ) -> Self {
        Self {
            periods,
            lists,
            shared,
            destinations: entry.destinations.iter().map(|destination| destination.name.as_str()).collect(),
            groups: entry.groups.iter().map(|group| group.name.as_str()).collect(),
            violations: Vec::new(),
        }
    }

    /// A field's path comes as what it would be written from: nobody writes the path of a field that stands, and an entry
    /// has some dozen.
    pub(super) fn refuse(&mut self, field: impl fmt::Display, sentence: impl Into<String>) {
        self.violations.push(Violation { field: field.to_string(), sentence: sentence.into() });
    }

    pub(super) fn destinations(&mut self, entry: &NumberEntry) -> Vec<CompiledDestination> {
        if entry.destinations.len() > DESTINATIONS_AT_MOST {
            self.refuse(
                "destinations",
                format!("has {} items, at most {DESTINATIONS_AT_MOST} are served", entry.destinations.len()),
            );
        }
        self.distinct("destinations", &self.destinations.clone());
        entry.destinations.iter().filter_map(|destination| self.destination(destination)).collect()
    }

    pub(super) fn entry(&mut self, entry: &NumberEntry) -> CompiledEntry {
        self.distinct("groups", &self.groups.clone());
        self.distinct("rules", &entry.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>());
        CompiledEntry {
            groups: entry.groups.iter().map(|group| self.group(group)).collect(),
            screening: self.screening(&entry.screening),
            rules: entry.rules.iter().filter_map(|rule| self.rule(rule)).collect(),
            when_exceeded: entry
                .when_exceeded
                .as_deref()
                .and_then(|name| self.announcement(format_args!("limits.whenExceeded.announcement"), name)),
            when_exhausted: entry.when_exhausted.as_ref().and_then(|exhausted| self.exhausted(exhausted)),
        }
    }

    fn distinct(&mut self, list: &str, names: &[&str]) {
        for (index, name) in names.iter().enumerate() {
            if names.iter().take(index).any(|earlier| earlier == name) {
                self.refuse(format_args!("{list}[{name}]"), "the name stands twice; each needs its own");
            }
        }
    }

    fn destination(&mut self, entry: &DestinationEntry) -> Option<CompiledDestination> {
        let compiled = self.dialled(format_args!("destinations[{}].number", entry.name), &entry.number)?;
        Some(CompiledDestination {
            name: Some(self.shared.name(&entry.name)),
            ring_seconds: entry.ring_seconds,
            ..compiled
        })
    }

    fn dialled(&mut self, field: fmt::Arguments<'_>, text: &str) -> Option<CompiledDestination> {
        match Destination::parse(text) {
            Ok(number) => Some(CompiledDestination { name: None, number, ring_seconds: None }),
            Err(error) => {
                self.refuse(field, error.to_string());
                None
            }
        }
    }

    fn group(&mut self, group: &GroupEntry) -> CompiledGroup {
        let field = format_args!("groups[{}]", group.name);
        if group.members.len() > MEMBERS_AT_MOST {
            self.refuse(
                format_args!("{field}.members"),
                format!("has {} items, at most {MEMBERS_AT_MOST} are served", group.members.len()),
            );
        }
        let members: Vec<&str> = group.members.iter().map(|member| member.destination.as_str()).collect();
        self.distinct(&format!("{field}.members"), &members);
        CompiledGroup {
            name: self.shared.name(&group.name),
            strategy: group.strategy,
            members: members
                .iter()
                .filter_map(|name| self.destination_index(format_args!("{field}.members[{name}].destination"), name))
                .collect(),
            percents: group.members.iter().map(|member| member.percent.unwrap_or(0)).collect(),
            overflow: group
                .overflow
                .iter()
                .filter_map(|name| self.destination_index(format_args!("{field}.overflow"), name))
                .collect(),
        }
    }

    fn screening(&mut self, screening: &Screening) -> CompiledScreening {
        CompiledScreening {
            deny_callers: self.patterns(format_args!("screening.denyCallers"), &screening.deny_callers),
            deny_areas: self.areas(format_args!("screening.denyAreas"), &screening.deny_areas),
            only_areas: self.areas(format_args!("screening.onlyAreas"), &screening.only_areas),
            anonymous: screening.anonymous,
        }
    }

    fn rule(&mut self, rule: &RuleEntry) -> Option<CompiledRule> {
        let field = format_args!("rules[{}]", rule.name);
        let every_call = When::default();
        let when = rule.when.as_ref().unwrap_or(&every_call);
        let periods = if when.periods.is_empty() {
            PeriodSet::EVER
        } else {
            self.periods(format_args!("{field}.when.periods"), &when.periods)
        };
        let callers = self.patterns(format_args!("{field}.when.callers"), &when.callers);
        let lists = self.caller_lists(format_args!("{field}.when.callerLists"), &when.caller_lists);
        let areas = self.areas(format_args!("{field}.when.callerAreas"), &when.caller_areas);
        if let Target::Number(_) = rule.to {
            self.refuse(
                format_args!("{field}.to.number"),
                "only an override may name a number; list it under destinations and name it",
            );
            return None;
        }
        let to = self.target(format_args!("{field}.to"), &rule.to)?;
        let areas = if when.caller_areas.is_empty() { None } else { Some(areas) };
        let among = Among { lists, areas };
        let among = if among == Among::default() { None } else { Some(Box::new(among)) };
        Some(CompiledRule { name: self.shared.name(&rule.name), periods, callers, among, to })
    }

    /// A rule's or an override's target.
    pub(super) fn target(&mut self, field: fmt::Arguments<'_>, target: &Target) -> Option<CompiledTarget> {
        match target {
            Target::Destination(name) => {
                self.destination_index(format_args!("{field}.destination"), name).map(CompiledTarget::Destination)
            }
            Target::Group(name) => {
                let index = index_of(&self.groups, name);
                if index.is_none() {
                    let sentence = absent("group", name, &self.groups);
                    self.refuse(format_args!("{field}.group"), sentence);
                }
                index.map(CompiledTarget::Group)
            }
            Target::Announcement(name) => {
                self.announcement(format_args!("{field}.announcement"), name).map(CompiledTarget::Announcement)
            }
            Target::Number(text) => self
                .dialled(format_args!("{field}.number"), text)
                .map(|number| CompiledTarget::Number(Box::new(number))),
        }
    }

    fn exhausted(&mut self, exhausted: &Exhausted) -> Option<CompiledExhausted> {
        match exhausted {
            Exhausted::Announcement(name) => {
                self.announcement(format_args!("whenExhausted.announcement"), name).map(CompiledExhausted::Announcement)
            }
            Exhausted::Release(release) => Some(CompiledExhausted::Release(*release)),
        }
    }

    /// An announcement's name may become the user part of a URI, so its characters are those of an object's name.
    fn announcement(&mut self, field: fmt::Arguments<'_>, name: &str) -> Option<Name> {
        let plain = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !plain {
            self.refuse(
                field,
                format!("{name:?} is not a name: letters, digits and hyphens are needed, such as all-lines-busy"),
            );
        }
        plain.then(|| self.shared.name(name))
    }

    fn destination_index(&mut self, field: fmt::Arguments<'_>, name: &str) -> Option<u16> {
        let index = index_of(&self.destinations, name);
        if index.is_none() {
            let sentence = absent("destination", name, &self.destinations);
            self.refuse(field, sentence);
        }
        index
    }

    fn patterns(&mut self, field: fmt::Arguments<'_>, texts: &[String]) -> Option<Common<CallerPatterns>> {
        let mut patterns = Vec::with_capacity(texts.len());
        for text in texts {
            match text.parse::<CallerPattern>() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.refuse(field, error.to_string()),
            }
        }
        if patterns.is_empty() { None } else { Some(self.shared.patterns(patterns)) }
    }

    fn caller_lists(
        &mut self,
        field: fmt::Arguments<'_>,
        named: &[CallerListName],
    ) -> Option<Box<[Common<CallerSet>]>> {
        let known = self.lists?;
        let mut sets = Vec::with_capacity(named.len());
        for list in named {
            match known.get(list.digest.as_str()) {
                Some(set) => sets.push(set.clone()),
                None => self.refuse(
                    field,
                    format!("names list {:?} as {:?}, which is not in this leaf", list.name, list.digest),
                ),
            }
        }
        if sets.is_empty() { None } else { Some(sets.into()) }
    }

    fn areas(&mut self, field: fmt::Arguments<'_>, texts: &[String]) -> AreaSet {
        if texts.is_empty() {
            return AreaSet::default();
        }
        let mut areas = SmallVec::new();
        for text in texts {
            match text.parse::<Area>() {
                Ok(area) => areas.push(area),
                Err(_) => self.refuse(
                    field,
                    format!("{text:?} is not an area: an area code such as \"0755\", or Unknown, is needed"),
                ),
            }
        }
        AreaSet::new(areas)
    }

    fn periods(&mut self, field: fmt::Arguments<'_>, names: &[String]) -> PeriodSet {
        let mut set = PeriodSet::default();
        let Some(known) = self.periods else {
            self.refuse(field, "needs a schedule: set scheduleRef, or take the periods away");
            return set;
        };
        for name in names {
            // A listed period may bear the same name as the one of every other instant: both are meant.
            let mut found = false;
            for (index, _) in known.iter().enumerate().filter(|(_, period)| *period == name) {
                set.insert(index);
                found = true;
            }
            if !found {
                let sentence = absent("period", name, known);
                self.refuse(field, sentence);
            }
        }
        set
    }
}

fn index_of(names: &[&str], name: &str) -> Option<u16> {
    names.iter().position(|known| *known == name).and_then(|index| u16::try_from(index).ok())
}

fn absent(what: &str, name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("names {what} {name:?}, and there is none: declare it, or name something else");
    }
    format!("names {what} {name:?}, which does not exist: name one of {}", known.join(", "))
}
