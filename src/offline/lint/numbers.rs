//! Facts about numbers, timetables and overrides.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, codes, lists, shadow};
use crate::api::four_hundred_number::{FourHundredNumberSpec, Group, Strategy};
use crate::api::routing_schedule::DayName;
use crate::api::routing_target::{OverrideTarget, Target};
use crate::api::{FourHundredNumber, RoutingOverride, RoutingSchedule};
use crate::controllers::key::Key;
use crate::controllers::tenant;
use crate::controllers::world::Find as _;
use crate::domain::numbering::{AreaCode, CallerPattern, Destination, areas};
use crate::folder::ObjectKey;
use crate::offline::verdicts::object_key;

pub fn look(report: &mut Report<'_>) {
    let offline = report.offline;
    let stores = &offline.facts.stores;
    for number in stores.numbers.state() {
        let key = object_key(&*number);
        let namespace = number.metadata.namespace.clone().unwrap_or_default();
        let named = number.spec.schedule_ref.as_ref();
        let schedule = named.and_then(|named| stores.schedules.find_key(&Key::new(&namespace, &named.name)));
        rules(report, &key, &number.spec, schedule.as_deref());
        lists::shadowed(report, &key, &number, &period_names(schedule.as_deref()));
        unused(report, &key, &number);
        groups(report, &key, &number);
        same_phone(report, &key, &number.spec);
        fixed_lines_only(report, &key, &number.spec);
    }
    for schedule in stores.schedules.state() {
        periods(report, &schedule);
    }
    for object in stores.overrides.state() {
        if object.spec.until.parse::<jiff::Timestamp>().is_ok_and(|until| until <= offline.now) {
            let sentence = format!("until {} has passed: delete the override", object.spec.until);
            report.tell(&codes::OVERRIDE_ENDED, &object_key(&*object), "until", sentence);
        } else if let Some(number) = stores.numbers.find_key(&overridden(&object))
            && number.spec.rules.iter().all(|rule| same_target(&rule.to, &object.spec.to))
        {
            let sentence =
                format!("every rule of {} sends calls there already: delete the override", overridden(&object));
            report.tell(&codes::OVERRIDE_IDLE, &object_key(&*object), "to", sentence);
        }
    }
}

/// The number that an override is for.
fn overridden(object: &RoutingOverride) -> Key {
    Key::new(object.metadata.namespace.clone().unwrap_or_default(), &object.spec.number_ref.name)
}

/// Both are written alike, so that they are compared as they are written.
fn same_target(rule: &Target, wanted: &OverrideTarget) -> bool {
    match (serde_json::to_value(rule), serde_json::to_value(wanted)) {
        (Ok(rule), Ok(wanted)) => rule == wanted,
        _ => false,
    }
}

fn period_names(schedule: Option<&RoutingSchedule>) -> Vec<String> {
    schedule.map_or_else(Vec::new, |schedule| {
        let names = schedule.spec.periods.iter().map(|period| period.name.clone());
        names.chain([schedule.spec.otherwise.clone()]).collect()
    })
}

fn rules(report: &mut Report<'_>, key: &ObjectKey, spec: &FourHundredNumberSpec, schedule: Option<&RoutingSchedule>) {
    let periods = period_names(schedule);
    for (index, rule) in spec.rules.iter().enumerate() {
        let earlier = spec.rules.iter().take(index).find(|earlier| shadow::covers(earlier, rule, &periods));
        if let Some(earlier) = earlier {
            let sentence = format!(
                "rule {} is never reached: rule {} before it matches every call that it matches",
                rule.name, earlier.name
            );
            report.tell(&codes::RULE_SHADOWED, key, &format!("rules[{}]", rule.name), sentence);
        }
    }
    let asks = |rule: &crate::api::four_hundred_number::Rule| rule.when.as_ref().is_some_and(|w| !w.periods.is_empty());
    if let Some(named) = &spec.schedule_ref
        && !spec.rules.iter().any(asks)
    {
        let sentence = format!("no rule names a period of {}: remove scheduleRef, or name periods", named.name);
        report.tell(&codes::SCHEDULE_UNASKED, key, "scheduleRef", sentence);
    }
}

/// Names of destinations and groups that anything sends calls to.
fn used(report: &Report<'_>, number: &FourHundredNumber) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut destinations, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for rule in &number.spec.rules {
        match &rule.to {
            Target::Destination(name) => destinations.insert(name.clone()),
            Target::Group(name) => groups.insert(name.clone()),
            Target::Announcement(_) | Target::Queue(_) | Target::Menu(_) => false,
        };
    }
    let key = Key::of(number);
    for object in report.offline.facts.stores.overrides.state() {
        let own = Key::of(&*object);
        if own.namespace == key.namespace && object.spec.number_ref.name == key.name {
            match &object.spec.to {
                OverrideTarget::Destination(name) => destinations.insert(name.clone()),
                OverrideTarget::Group(name) => groups.insert(name.clone()),
                OverrideTarget::Announcement(_) | OverrideTarget::Number(_) => false,
            };
        }
    }
    for group in &number.spec.groups {
        destinations.extend(group.members.iter().map(|member| member.destination.clone()));
        destinations.extend(group.overflow.iter().map(|member| member.destination.clone()));
    }
    (destinations, groups)
}

fn unused(report: &mut Report<'_>, key: &ObjectKey, number: &FourHundredNumber) {
    let (destinations, groups) = used(report, number);
    for destination in number.spec.destinations.iter().filter(|one| !destinations.contains(&one.name)) {
        let name = &destination.name;
        let sentence = format!("nothing sends calls to destination {name}: name it in a rule or group, or remove it");
        report.tell(&codes::DESTINATION_UNUSED, key, &format!("destinations[{name}]"), sentence);
    }
    for group in number.spec.groups.iter().filter(|one| !groups.contains(&one.name)) {
        let name = &group.name;
        let sentence = format!("nothing sends calls to group {name}: name it in a rule, or remove it");
        report.tell(&codes::GROUP_UNUSED, key, &format!("groups[{name}]"), sentence);
    }
}

fn groups(report: &mut Report<'_>, key: &ObjectKey, number: &FourHundredNumber) {
    let namespace = number.metadata.namespace.clone().unwrap_or_default();
    let bound = usize::from(tenant::header(&report.offline.facts, &namespace).forwards_per_call);
    for group in &number.spec.groups {
        let name = &group.name;
        if let Some(lost) = never_tried(group, bound) {
            let sentence = format!(
                "group {name}: a call is offered to at most {bound} destinations (the tenant's forwardsPerCall), \
                 so {lost} are never tried"
            );
            report.tell(&codes::BEYOND_FORWARDS, key, &format!("groups[{name}]"), sentence);
        }
        if group.strategy == Strategy::Percentage && group.members.len() == 1 {
            let sentence = format!("group {name} shares calls among one destination: name it in the rule instead");
            report.tell(&codes::PERCENTAGE_ALONE, key, &format!("groups[{name}].members"), sentence);
        }
    }
}

/// Names of destinations that no call is ever offered to. A rotation or a draw comes to every member in time.
fn never_tried(group: &Group, bound: usize) -> Option<String> {
    let members: Vec<&str> = group.members.iter().map(|member| member.destination.as_str()).collect();
    let overflow = group.overflow.iter().map(|member| member.destination.as_str());
    let lost: Vec<&str> = match group.strategy {
        Strategy::InOrder => members.iter().copied().chain(overflow).skip(bound).collect(),
        Strategy::RoundRobin | Strategy::Random | Strategy::LongestIdle => {
            overflow.skip(bound.saturating_sub(members.len())).collect()
        }
        Strategy::Percentage => overflow.skip(bound.saturating_sub(1)).collect(),
    };
    (!lost.is_empty()).then(|| lost.join(", "))
}

fn same_phone(report: &mut Report<'_>, key: &ObjectKey, spec: &FourHundredNumberSpec) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for destination in &spec.destinations {
        let Ok(parsed) = Destination::parse(&destination.number) else { continue };
        match first.get(parsed.as_str()) {
            Some(earlier) => {
                let name = &destination.name;
                let sentence = format!("destinations {earlier} and {name} are the same phone: keep one");
                report.tell(&codes::SAME_NUMBER, key, &format!("destinations[{name}].number"), sentence);
            }
            None => {
                first.insert(parsed.number().to_string(), &destination.name);
            }
        }
    }
}

fn fixed_lines_only(report: &mut Report<'_>, key: &ObjectKey, spec: &FourHundredNumberSpec) {
    if let Some(screening) = &spec.screening {
        for (pattern, code) in whole_areas(&screening.deny_callers, &screening.deny_areas) {
            let sentence = format!(
                "{pattern} catches fixed lines only: {}'s mobiles need denyAreas: [\"{code}\"]",
                area_name(code)
            );
            report.tell(&codes::FIXED_LINES_ONLY, key, &format!("screening.denyCallers[{pattern}]"), sentence);
        }
    }
    for rule in &spec.rules {
        let Some(when) = &rule.when else { continue };
        for (pattern, code) in whole_areas(&when.callers, &[]) {
            let sentence = format!(
                "{pattern} catches fixed lines only: {}'s mobiles need callerAreas: [\"{code}\"]",
                area_name(code)
            );
            report.tell(
                &codes::FIXED_LINES_ONLY,
                key,
                &format!("rules[{}].when.callers[{pattern}]", rule.name),
                sentence,
            );
        }
    }
}

fn whole_areas(patterns: &[String], areas: &[String]) -> Vec<(String, AreaCode)> {
    let whole = |text: &String| Some((text.clone(), text.parse::<CallerPattern>().ok()?.whole_area()?));
    patterns.iter().filter_map(whole).filter(|(_, code)| !areas.contains(&code.to_string())).collect()
}

/// The province where one code serves all of it (Hainan, the municipalities), else the first city.
pub(super) fn area_name(code: AreaCode) -> String {
    let province = areas::province(code).unwrap_or("the area");
    let own = areas::in_use().filter(|other| areas::province(*other) == Some(province)).count();
    if own == 1 { province.to_owned() } else { areas::cities(code).next().unwrap_or(province).to_owned() }
}

fn periods(report: &mut Report<'_>, schedule: &RoutingSchedule) {
    let key = object_key(schedule);
    let users: Vec<Key> = report.offline.facts.references().schedules.of(&Key::of(schedule));
    if users.is_empty() {
        report.tell(&codes::SCHEDULE_UNUSED, &key, "periods", "no FourHundredNumber of this namespace uses it");
    }
    let stores = &report.offline.facts.stores;
    let numbers: Vec<_> = users.iter().filter_map(|user| stores.numbers.find_key(user)).collect();
    let named: BTreeSet<String> = numbers
        .iter()
        .flat_map(|number| number.spec.rules.iter().filter_map(|rule| rule.when.clone()))
        .flat_map(|when| when.periods)
        .collect();
    for period in &schedule.spec.periods {
        let field = format!("periods[{}]", period.name);
        if !users.is_empty() && !named.contains(&period.name) && period.name != schedule.spec.otherwise {
            let sentence = format!("no rule names period {}: its calls take the rules without periods", period.name);
            report.tell(&codes::PERIOD_UNUSED, &key, &field, sentence);
        }
        let on_holidays = |days: &[DayName]| !days.is_empty() && days.iter().all(|day| *day == DayName::Holiday);
        if schedule.spec.calendar_ref.is_none() && period.at.iter().all(|range| on_holidays(&range.days)) {
            let sentence = format!("period {} never holds: name the calendar of holidays in calendarRef", period.name);
            report.tell(&codes::PERIOD_NEVER, &key, &field, sentence);
        }
    }
}
