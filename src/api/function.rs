//! Functions (功能) that a tariff's catalogue prices and a number subscribes to, and the fields that use each.
//!
//! What a catalogue lists, a number may use only by subscribing; what it does not list is free.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::four_hundred_number::{Anonymous, FourHundredNumberSpec, Strategy};
use super::routing_target::{Exhausted, Target};
use super::schema::closed_set;

/// A function of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Function {
    /// Timetable transfer (按时间选择目的码): scheduleRef.
    Schedule,
    /// Call screening (呼叫阻截): any list of screening, or anonymous: Deny.
    Screening,
    /// Call distribution by percentage (呼叫分配): a group of that strategy.
    Percentage,
    /// Rotation (循环转接): a group of strategy RoundRobin.
    RoundRobin,
    /// Random distribution (随机转接): a group of that strategy.
    Random,
    /// Routing by the caller's area (按发话位置选择目的码): callerAreas or callerProvinces of a rule.
    CallerArea,
    /// Routing by the caller's number: callers of a rule.
    CallerList,
    /// Announcements: of a rule, of whenExhausted or of limits.whenExceeded.
    Announcement,
    /// Limits on calls (呼叫次数限制): any member of limits, or concurrentCalls of a destination.
    Limits,
    /// Missed-call message (漏话提醒).
    MissedCallSms,
    /// Message after the call (挂机短信).
    HangUpSms,
    /// Recording of calls (通话录音).
    Recording,
    /// Voice mailbox (留言信箱).
    Voicemail,
    /// Voice menu (语音导航).
    VoiceMenu,
    /// Queue of a virtual call centre (呼叫排队).
    CallQueue,
}

/// Whether a number's spec uses a function, as the path of the first field that does.
type Use = fn(&FourHundredNumberSpec) -> Option<String>;

/// The functions that fields of a number use. The rest of the enum is used by subscribing alone.
const USES: &[(Function, Use)] = &[
    (Function::Schedule, schedule),
    (Function::Screening, screening),
    (Function::Percentage, |spec| group_of(spec, Strategy::Percentage)),
    (Function::RoundRobin, |spec| group_of(spec, Strategy::RoundRobin)),
    (Function::Random, |spec| group_of(spec, Strategy::Random)),
    (Function::CallerArea, caller_area),
    (Function::CallerList, caller_list),
    (Function::Announcement, announcement),
    (Function::Limits, limits),
];

impl Function {
    /// Whether this version does anything for it. One that no field uses is for a part of the service that is not
    /// there yet: messages, media, queues.
    pub fn is_performed(self) -> bool {
        USES.iter().any(|(function, _)| *function == self)
    }

    /// The functions that `spec` uses, each with the path of a field that does, in the order of the enum.
    pub fn used_by(spec: &FourHundredNumberSpec) -> impl Iterator<Item = (Self, String)> {
        USES.iter().filter_map(move |(function, field)| field(spec).map(|path| (*function, path)))
    }
}

fn schedule(spec: &FourHundredNumberSpec) -> Option<String> {
    spec.schedule_ref.as_ref().map(|_| "scheduleRef".to_owned())
}

fn screening(spec: &FourHundredNumberSpec) -> Option<String> {
    let screening = spec.screening.as_ref()?;
    let members = [
        (!screening.deny_callers.is_empty(), "screening.denyCallers"),
        (!screening.deny_areas.is_empty(), "screening.denyAreas"),
        (!screening.only_areas.is_empty(), "screening.onlyAreas"),
        (screening.anonymous() == Anonymous::Deny, "screening.anonymous"),
    ];
    members.into_iter().find_map(|(used, path)| used.then(|| path.to_owned()))
}

fn group_of(spec: &FourHundredNumberSpec, strategy: Strategy) -> Option<String> {
    spec.groups.iter().find(|group| group.strategy == strategy).map(|group| format!("groups[{}].strategy", group.name))
}

fn caller_area(spec: &FourHundredNumberSpec) -> Option<String> {
    spec.rules.iter().find_map(|rule| {
        let when = rule.when.as_ref()?;
        let members = [(&when.caller_areas, "callerAreas"), (&when.caller_provinces, "callerProvinces")];
        let (_, member) = members.into_iter().find(|(list, _)| !list.is_empty())?;
        Some(format!("rules[{}].when.{member}", rule.name))
    })
}

fn caller_list(spec: &FourHundredNumberSpec) -> Option<String> {
    spec.rules.iter().find_map(|rule| {
        let when = rule.when.as_ref()?;
        let members = [(&when.callers, "callers"), (&when.caller_lists, "callerLists")];
        let (_, member) = members.into_iter().find(|(list, _)| !list.is_empty())?;
        Some(format!("rules[{}].when.{member}", rule.name))
    })
}

fn announcement(spec: &FourHundredNumberSpec) -> Option<String> {
    let rule = spec.rules.iter().find(|rule| matches!(rule.to, Target::Announcement(_)));
    rule.map(|rule| format!("rules[{}].to.announcement", rule.name))
        .or_else(|| {
            matches!(spec.when_exhausted, Some(Exhausted::Announcement(_)))
                .then(|| "whenExhausted.announcement".to_owned())
        })
        .or_else(|| {
            let exceeded = spec.limits.as_ref().and_then(|limits| limits.when_exceeded.as_ref());
            exceeded.map(|_| "limits.whenExceeded.announcement".to_owned())
        })
}

fn limits(spec: &FourHundredNumberSpec) -> Option<String> {
    let limits = spec.limits.as_ref();
    let of_number = limits.and_then(|limits| {
        let members = [
            (limits.concurrent_calls.is_some(), "concurrentCalls"),
            (limits.calls_per_month.is_some(), "callsPerMonth"),
        ];
        members.into_iter().find_map(|(used, name)| used.then(|| format!("limits.{name}")))
    });
    of_number.or_else(|| {
        let destination = spec.destinations.iter().find(|destination| destination.concurrent_calls.is_some());
        destination.map(|destination| format!("destinations[{}].concurrentCalls", destination.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USING: &str = r#"
gatewayRef: {name: east, namespace: telephony}
tariffRef: {name: standard}
number: "4001000868"
scheduleRef: {name: office-hours}
destinations:
- {name: beijing, number: "010-8888 0001"}
- {name: duty, number: "138 0013 8000", concurrentCalls: 7}
groups:
- {name: turns, strategy: RoundRobin, members: [{destination: beijing}]}
- {name: trial, strategy: Percentage, members: [{destination: beijing, percent: 100}]}
screening: {onlyAreas: ["0755"]}
rules:
- {name: key-customers, when: {callers: ["13900001111"]}, to: {destination: duty}}
- {name: south, when: {callerAreas: ["020"]}, to: {destination: beijing}}
- {name: night, to: {group: turns}}
whenExhausted: {announcement: all-lines-busy}
"#;

    fn used(text: &str) -> Vec<(Function, String)> {
        let spec: FourHundredNumberSpec = serde_saphyr::from_str(text).unwrap();
        Function::used_by(&spec).collect()
    }

    #[test]
    fn each_function_is_told_with_the_field_that_uses_it() {
        let expected = [
            (Function::Schedule, "scheduleRef"),
            (Function::Screening, "screening.onlyAreas"),
            (Function::Percentage, "groups[trial].strategy"),
            (Function::RoundRobin, "groups[turns].strategy"),
            (Function::CallerArea, "rules[south].when.callerAreas"),
            (Function::CallerList, "rules[key-customers].when.callers"),
            (Function::Announcement, "whenExhausted.announcement"),
            (Function::Limits, "destinations[duty].concurrentCalls"),
        ];
        assert_eq!(used(USING), expected.map(|(function, path)| (function, path.to_owned())));
    }

    #[test]
    fn a_plain_number_uses_no_function() {
        let plain = r#"{gatewayRef: {name: east}, tariffRef: {name: standard}, number: "4001000868",
            screening: {anonymous: Accept}, destinations: [{name: duty, number: "138 0013 8000"}],
            rules: [{name: all, to: {destination: duty}}]}"#;
        assert_eq!(used(plain), []);
        assert_eq!(used(&plain.replace("Accept", "Deny")), [(Function::Screening, "screening.anonymous".to_owned())]);
    }
}
