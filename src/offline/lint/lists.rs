//! Facts about caller lists: who is on one twice, whom an earlier rule takes, which nobody asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Repair, Report, codes, shadow};
use crate::api::four_hundred_number::{FourHundredNumberSpec, Rule, When};
use crate::api::{CallerList, FourHundredNumber};
use crate::controllers::key::Key;
use crate::controllers::world::Find as _;
use crate::domain::numbering::{CallerPattern, CallerPatterns};
use crate::folder::ObjectKey;
use crate::offline::verdicts::object_key;

pub fn look(report: &mut Report<'_>) {
    for list in report.offline.facts.stores.caller_lists.state() {
        if report.offline.facts.references().caller_lists.count(&Key::of(&*list)) == 0 {
            let sentence = "no FourHundredNumber of this namespace asks for it";
            report.tell(&codes::LIST_UNUSED, &object_key(&*list), "callers", sentence);
        }
        redundant(report, &list);
        fixed_lines_only(report, &list);
    }
}

/// Callers whom the list names before, or whom a pattern of it names.
fn redundant(report: &mut Report<'_>, list: &CallerList) {
    let written: Vec<Option<CallerPattern>> = list.spec.callers.iter().map(|text| text.parse().ok()).collect();
    let prefixes: CallerPatterns = written.iter().flatten().copied().filter(CallerPattern::is_prefix).collect();
    let mut seen = BTreeSet::new();
    for (position, caller) in written.iter().enumerate() {
        let Some(caller) = caller else { continue };
        let wider = prefixes.matching(caller.number()).filter(|pattern| pattern != caller);
        let why = match wider {
            Some(pattern) => format!("{pattern} of the same list names this caller too: remove it"),
            None if !seen.insert(*caller) => "the list names this caller before: remove it".to_owned(),
            None => continue,
        };
        report.tell(&codes::CALLER_REDUNDANT, &object_key(list), &format!("callers[{position}]"), why);
        report.with_repair(Repair::RemoveItem);
    }
}

fn fixed_lines_only(report: &mut Report<'_>, list: &CallerList) {
    for (position, text) in list.spec.callers.iter().enumerate() {
        if let Some(code) = text.parse::<CallerPattern>().ok().and_then(|pattern| pattern.whole_area()) {
            let sentence = format!(
                "{text} catches fixed lines only: {}'s mobiles need callerAreas: [\"{code}\"] in a rule",
                super::numbers::area_name(code)
            );
            report.tell(&codes::FIXED_LINES_ONLY, &object_key(list), &format!("callers[{position}]"), sentence);
        }
    }
}

/// Callers of a rule's lists whom an earlier rule takes.
pub fn shadowed(report: &mut Report<'_>, key: &ObjectKey, number: &FourHundredNumber, periods: &[String]) {
    let namespace = number.metadata.namespace.clone().unwrap_or_default();
    for (index, rule) in number.spec.rules.iter().enumerate() {
        let Some(asked) = rule.when.as_ref().filter(|when| !when.caller_lists.is_empty()) else { continue };
        let callers = union(report, &namespace, &asked.caller_lists);
        for earlier in earlier_rules(&number.spec, index, asked, periods) {
            let taken = Taken::of(report, &namespace, earlier);
            let lost = callers.iter().filter(|caller| taken.has(caller)).count();
            let lists = asked.caller_lists.join(", ");
            let (code, sentence) = match lost {
                0 => continue,
                all if all == callers.len() => (
                    &codes::RULE_SHADOWED,
                    format!(
                        "rule {} is never reached: rule {} before it takes every caller on {lists}",
                        rule.name, earlier.name
                    ),
                ),
                some => (
                    &codes::LIST_SHADOWED,
                    format!(
                        "rule {} before it takes {some} of the {} callers on {lists}: move {} up, or narrow {}",
                        earlier.name,
                        callers.len(),
                        rule.name,
                        earlier.name
                    ),
                ),
            };
            report.tell(code, key, &format!("rules[{}].when.callerLists", rule.name), sentence);
        }
    }
}

/// Earlier rules that look at callers and at nothing that `asked` does not look at more narrowly. One that looks at no
/// caller at all, or asks for the same lists, covers the rule as a whole, and is told as that.
fn earlier_rules<'s>(
    spec: &'s FourHundredNumberSpec,
    index: usize,
    asked: &When,
    periods: &[String],
) -> impl Iterator<Item = &'s Rule> {
    spec.rules.iter().take(index).filter(|earlier| {
        earlier.when.as_ref().is_some_and(|wide| {
            let asks = !wide.callers.is_empty() || !wide.caller_lists.is_empty();
            let whole = asked.caller_lists.iter().all(|list| wide.caller_lists.contains(list));
            asks && !whole && shadow::covers_but_for_callers(wide, asked, periods)
        })
    })
}

/// Whom a rule takes: who is named by its patterns, if it has some, and by one of its lists, if it asks for some.
struct Taken {
    callers: Option<CallerPatterns>,
    lists: Option<CallerPatterns>,
}

impl Taken {
    fn of(report: &Report<'_>, namespace: &str, rule: &Rule) -> Self {
        let none = When::default();
        let when = rule.when.as_ref().unwrap_or(&none);
        let callers = || when.callers.iter().filter_map(|text| text.parse().ok()).collect();
        let lists = || union(report, namespace, &when.caller_lists).into_iter().collect();
        Self { callers: (!when.callers.is_empty()).then(callers), lists: (!when.caller_lists.is_empty()).then(lists) }
    }

    fn has(&self, caller: &CallerPattern) -> bool {
        [&self.callers, &self.lists].into_iter().flatten().all(|patterns| patterns.cover(caller))
    }
}

/// Callers on any of the lists, each once; of those that are there and can be read.
fn union(report: &Report<'_>, namespace: &str, names: &[String]) -> Vec<CallerPattern> {
    let facts = &report.offline.facts;
    let found = names.iter().filter_map(|name| facts.stores.caller_lists.find_key(&Key::new(namespace, name)));
    let lists: Vec<Arc<[CallerPattern]>> = found.filter_map(|list| facts.callers_of(&list).ok()).collect();
    let mut callers: Vec<CallerPattern> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    callers.sort_unstable();
    callers.dedup();
    callers
}
