//! A number's spec as a plan entry and a binding. Pure and byte-stable.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::FourHundredNumber;
use crate::api::four_hundred_number::{self as number, FourHundredNumberSpec};
use crate::api::routing_target as target;
use crate::domain::numbering::{Destination, PlaceError};
use crate::domain::routing::caller_lists::PackedList;
use crate::domain::routing::document::{
    Anonymous, BindingEntry, CallerListName, DestinationEntry, Exhausted, GroupEntry, MemberEntry, NumberEntry,
    NumberState, Release, RuleEntry, Screening, Strategy, Target, When,
};

/// The entry for `asked` (ten digits), or one sentence for each thing in the spec that cannot be compiled.
pub fn entry(
    object: &FourHundredNumber,
    asked: &str,
    schedule: Option<String>,
    lists: &BTreeMap<String, Arc<PackedList>>,
) -> Result<NumberEntry, Vec<String>> {
    let spec = &object.spec;
    let mut wrong = Vec::new();
    let destinations = spec
        .destinations
        .iter()
        .filter_map(|destination| match Destination::parse(&destination.number) {
            Ok(parsed) => Some(DestinationEntry {
                name: destination.name.clone(),
                number: parsed.as_str().to_owned(),
                ring_seconds: destination.ring_seconds.and_then(|seconds| u16::try_from(seconds).ok()),
            }),
            Err(error) => {
                wrong.push(format!("destinations[{}].number: {error}", destination.name));
                None
            }
        })
        .collect();
    let groups =
        spec.groups.iter().filter_map(|asked| group(asked).map_err(|sentence| wrong.push(sentence)).ok()).collect();
    let rules = spec
        .rules
        .iter()
        .filter_map(|asked| match rule(asked, lists) {
            Ok(rule) => Some(rule),
            Err(sentence) => {
                wrong.push(sentence);
                None
            }
        })
        .collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(NumberEntry {
        number: asked.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        state: match spec.state() {
            number::NumberState::Active => NumberState::Active,
            number::NumberState::Paused => NumberState::Paused,
        },
        schedule,
        destinations,
        groups,
        screening: spec.screening.as_ref().map(screening).unwrap_or_default(),
        rules,
        when_exceeded: spec
            .limits
            .as_ref()
            .and_then(|limits| limits.when_exceeded.as_ref())
            .map(|exceeded| exceeded.announcement.clone()),
        when_exhausted: spec.when_exhausted.as_ref().map(exhausted),
    })
}

/// What billing must know of the number.
pub fn binding(
    object: &FourHundredNumber,
    asked: &str,
    tenant: &str,
    since: Timestamp,
    (price_book, minimum_monthly): (String, Option<String>),
) -> BindingEntry {
    let spec = &object.spec;
    let mut functions: Vec<String> = spec.functions.iter().map(|function| format!("{function:?}")).collect();
    functions.sort();
    BindingEntry {
        number: asked.to_owned(),
        object: crate::controllers::key::Key::of(object).to_string(),
        tenant: tenant.to_owned(),
        since,
        tariff: spec.tariff_ref.name.clone(),
        price_book,
        package: spec.package.clone(),
        functions,
        calls_per_month: spec
            .limits
            .as_ref()
            .and_then(|limits| limits.calls_per_month)
            .and_then(|calls| u32::try_from(calls).ok()),
        minimum_monthly,
    }
}

/// Names of the announcements that a number may play.
pub fn announcements(spec: &FourHundredNumberSpec) -> Vec<String> {
    let of_rules = spec.rules.iter().filter_map(|rule| match &rule.to {
        target::Target::Announcement(name) => Some(name.clone()),
        _ => None,
    });
    let exhausted = spec.when_exhausted.iter().filter_map(|exhausted| match exhausted {
        target::Exhausted::Announcement(name) => Some(name.clone()),
        target::Exhausted::Release(_) => None,
    });
    let exceeded =
        spec.limits.iter().filter_map(|limits| limits.when_exceeded.as_ref()).map(|e| e.announcement.clone());
    of_rules.chain(exhausted).chain(exceeded).collect()
}

/// What this version does not do is told in full by the number's checks; here it is not taken for something else.
fn not_yet(field: &str) -> String {
    format!("{field} is not served by this version")
}

fn group(group: &number::Group) -> Result<GroupEntry, String> {
    Ok(GroupEntry {
        name: group.name.clone(),
        strategy: match group.strategy {
            number::Strategy::InOrder => Strategy::InOrder,
            number::Strategy::RoundRobin => Strategy::RoundRobin,
            number::Strategy::Random => Strategy::Random,
            number::Strategy::Percentage => Strategy::Percentage,
            number::Strategy::LongestIdle => return Err(not_yet(&format!("groups[{}].strategy", group.name))),
        },
        members: group
            .members
            .iter()
            .map(|member| MemberEntry {
                destination: member.destination.clone(),
                percent: member.percent.and_then(|percent| u8::try_from(percent).ok()),
            })
            .collect(),
        overflow: group.overflow.iter().map(|member| member.destination.clone()).collect(),
    })
}

fn screening(screening: &number::Screening) -> Screening {
    Screening {
        deny_callers: screening.deny_callers.clone(),
        deny_areas: screening.deny_areas.clone(),
        only_areas: screening.only_areas.clone(),
        anonymous: match screening.anonymous() {
            number::Anonymous::Accept => Anonymous::Accept,
            number::Anonymous::Deny => Anonymous::Deny,
        },
    }
}

/// Routers know areas alone: a province is written out here.
fn rule(rule: &number::Rule, lists: &BTreeMap<String, Arc<PackedList>>) -> Result<RuleEntry, String> {
    let when = rule.when.as_ref().map(|when| {
        let (periods, callers) = (when.periods.clone(), when.callers.clone());
        let named = when.caller_lists.iter().map(|name| CallerListName {
            name: name.clone(),
            digest: lists.get(name).map(|list| list.digest.clone()).unwrap_or_default(),
        });
        Ok(When { periods, callers, caller_lists: named.collect(), caller_areas: when.areas()? })
    });
    let when: Option<Result<When, PlaceError>> = when;
    Ok(RuleEntry {
        name: rule.name.clone(),
        when: when.transpose().map_err(|error| format!("rules[{}].when.callerProvinces: {error}", rule.name))?,
        to: match &rule.to {
            target::Target::Destination(name) => Target::Destination(name.clone()),
            target::Target::Group(name) => Target::Group(name.clone()),
            target::Target::Announcement(name) => Target::Announcement(name.clone()),
            target::Target::Queue(_) => return Err(not_yet(&format!("rules[{}].to.queue", rule.name))),
            target::Target::Menu(_) => return Err(not_yet(&format!("rules[{}].to.menu", rule.name))),
        },
    })
}

fn exhausted(exhausted: &target::Exhausted) -> Exhausted {
    match exhausted {
        target::Exhausted::Announcement(name) => Exhausted::Announcement(name.clone()),
        target::Exhausted::Release(release) => Exhausted::Release(match release {
            target::Release::Busy => Release::Busy,
            target::Release::NoAnswer => Release::NoAnswer,
            target::Release::Unavailable => Release::Unavailable,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(when: &str) -> Result<Vec<String>, Vec<String>> {
        let text = format!(
            "{{apiVersion: fourhundred.io/v1alpha1, kind: FourHundredNumber, metadata: {{name: hotline}}, spec: {{\
             number: \"4001000868\", gatewayRef: {{name: east}}, tariffRef: {{name: standard}}, \
             destinations: [{{name: desk, number: \"010-8888 0001\"}}], \
             rules: [{{name: some, when: {when}, to: {{destination: desk}}}}, {{name: all, to: {{destination: desk}}}}]}}}}"
        );
        let object: FourHundredNumber = serde_saphyr::from_str(&text).unwrap();
        let entry = entry(&object, "4001000868", None, &BTreeMap::new())?;
        Ok(entry.rules[0].when.clone().unwrap().caller_areas)
    }

    #[test]
    fn provinces_are_written_out_and_narrow_areas() {
        assert_eq!(areas("{callerProvinces: [上海, 北京]}").unwrap(), ["010", "021"]);
        assert_eq!(areas("{callerProvinces: [广东], callerAreas: [\"0755\", \"010\"]}").unwrap(), ["0755"]);
        assert_eq!(areas("{callerAreas: [Unknown]}").unwrap(), ["Unknown"]);
        assert_eq!(
            areas("{callerProvinces: [广东省]}").unwrap_err(),
            ["rules[some].when.callerProvinces: there is no province \"广东省\": write \"广东\""]
        );
        let nothing = areas("{callerProvinces: [广东], callerAreas: [\"010\"]}").unwrap_err();
        assert!(nothing[0].contains("no area of callerAreas is in a province"), "{nothing:?}");
    }
}
