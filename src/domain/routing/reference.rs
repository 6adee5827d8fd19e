//! A second, naive reading of the documents: what `decide` must agree with.
//!
//! It looks everything up by name in the documents at each call, knows no index, no set and no shard, and shares with
//! the walk nothing but the draws of groups and the schedule's own arithmetic.

use std::collections::BTreeMap;

use super::compile::MEMBERS_AT_MOST;
use super::decide::CallFacts;
use super::document::{
    Anonymous, Exhausted, GroupEntry, NumberEntry, NumberState, Numbers, Strategy, Target, TenantState,
};
use super::turns::GroupKey;
use crate::domain::calendar::{Calendar, Schedule};
use crate::domain::numbering::{Area, Caller};

/// `lists` are the callers of each list by its digest. `Refuse:REASON`, `Announce:NAME` or `Route:BY:a,b|after`.
pub(super) fn naive(leaf: &Numbers, lists: &BTreeMap<String, Vec<String>>, facts: &CallFacts<'_>, turn: u64) -> String {
    let entries: Vec<NumberEntry> = leaf.numbers.iter().map(|raw| serde_json::from_str(raw.get()).unwrap()).collect();
    let Some(entry) = entries.iter().find(|entry| entry.number == facts.to.to_string()) else {
        return "Refuse:NumberUnknown".into();
    };
    if entry.state == NumberState::Paused {
        return "Refuse:NumberPaused".into();
    }
    match leaf.tenant.state {
        TenantState::Suspended => return "Refuse:NumberSuspended".into(),
        TenantState::Frozen => return "Refuse:NumberFrozen".into(),
        TenantState::Active => {}
    }
    if let Some(reason) = screened(entry, &facts.caller) {
        return format!("Refuse:{reason}");
    }
    let zone = leaf.cap_zones.get(&entry.number).map_or("Asia/Shanghai", String::as_str);
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let month = facts.at.to_zoned(zone).strftime("%Y-%m").to_string();
    if leaf.caps_reached.get(&entry.number) == Some(&month) {
        return match &entry.when_exceeded {
            Some(name) => format!("Announce:{name}"),
            None => "Refuse:MonthlyCapReached".into(),
        };
    }
    let active = leaf.overrides.iter().find(|o| o.number == entry.number && o.from <= facts.at && facts.at < o.until);
    if let Some(active) = active {
        return aimed(leaf, entry, &active.name, &active.to, facts, turn);
    }
    let period = entry.schedule.as_ref().map(|name| {
        let document = &leaf.schedules[name];
        let calendar = document.calendar.as_ref().map(|name| Calendar::new(&leaf.calendars[name]).unwrap());
        let schedule = Schedule::compile(document, calendar.as_ref()).unwrap();
        schedule.period_at(facts.at).to_owned()
    });
    for rule in &entry.rules {
        let when = rule.when.clone().unwrap_or_default();
        let in_period = when.periods.is_empty() || period.as_ref().is_some_and(|period| when.periods.contains(period));
        let by_caller = when.callers.is_empty() || on_list(&when.callers, &facts.caller);
        let by_list = when.caller_lists.is_empty()
            || when.caller_lists.iter().any(|list| on_list(&lists[&list.digest], &facts.caller));
        if in_period
            && by_caller
            && by_list
            && (when.caller_areas.is_empty() || in_areas(&when.caller_areas, &facts.caller))
        {
            return aimed(leaf, entry, &rule.name, &rule.to, facts, turn);
        }
    }
    "Refuse:NoDestination".into()
}

fn screened(entry: &NumberEntry, caller: &Caller) -> Option<&'static str> {
    let screening = &entry.screening;
    if on_list(&screening.deny_callers, caller) {
        return Some("CallerDenied");
    }
    if in_areas(&screening.deny_areas, caller)
        || (!screening.only_areas.is_empty() && !in_areas(&screening.only_areas, caller))
    {
        return Some("AreaDenied");
    }
    (screening.anonymous == Anonymous::Deny && caller.is_anonymous()).then_some("AnonymousDenied")
}

fn on_list(patterns: &[String], caller: &Caller) -> bool {
    let Some(number) = caller.number() else { return false };
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => number.as_str().starts_with(prefix),
        None => number.as_str() == pattern,
    })
}

fn in_areas(areas: &[String], caller: &Caller) -> bool {
    let written = match caller.area() {
        Area::Known(code) => code.to_string(),
        Area::Unknown => "Unknown".into(),
    };
    areas.contains(&written)
}

fn aimed(leaf: &Numbers, entry: &NumberEntry, by: &str, to: &Target, facts: &CallFacts<'_>, turn: u64) -> String {
    let number_of = |name: &String| {
        let destination = entry.destinations.iter().find(|destination| destination.name == *name).unwrap();
        destination.number.clone()
    };
    let mut numbers: Vec<String> = match to {
        Target::Announcement(name) => return format!("Announce:{name}"),
        Target::Destination(name) => vec![number_of(name)],
        Target::Number(number) => vec![number.clone()],
        Target::Group(name) => {
            let group = entry.groups.iter().find(|group| group.name == *name).unwrap();
            in_order(group, facts, turn).iter().chain(&group.overflow).map(number_of).collect()
        }
    };
    let mut seen = std::collections::HashSet::new();
    numbers.retain(|number| seen.insert(number.clone()));
    numbers.truncate(usize::from(leaf.tenant.forwards_per_call));
    if numbers.is_empty() {
        return "Refuse:NoDestination".into();
    }
    let after = match &entry.when_exhausted {
        Some(Exhausted::Announcement(name)) => name.clone(),
        Some(Exhausted::Release(release)) => format!("{release:?}"),
        None => String::new(),
    };
    format!("Route:{by}:{}|{after}", numbers.join(","))
}

fn in_order(group: &GroupEntry, facts: &CallFacts<'_>, turn: u64) -> Vec<String> {
    let mut members: Vec<String> = group.members.iter().map(|member| member.destination.clone()).collect();
    let mut draw = GroupKey::of(facts.to, &group.name).draw(facts.call_id);
    match group.strategy {
        Strategy::InOrder => {}
        Strategy::RoundRobin => {
            let count = members.len().max(1) as u64;
            members.rotate_left(usize::try_from(turn % count).unwrap());
        }
        Strategy::Random => {
            assert!(members.len() <= MEMBERS_AT_MOST);
            for first in 0..members.len() {
                let left = (members.len() - first) as u64;
                members.swap(first, first + usize::try_from(draw % left).unwrap());
                draw /= left;
            }
        }
        Strategy::Percentage => {
            let tickets: Vec<&String> = group
                .members
                .iter()
                .flat_map(|member| std::iter::repeat_n(&member.destination, member.percent.unwrap().into()))
                .collect();
            members = vec![tickets[usize::try_from(draw % 100).unwrap()].clone()];
        }
    }
    members
}
