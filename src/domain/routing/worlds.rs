//! Fixtures: the contract's own example as the parts of a plan.
#![allow(clippy::unwrap_used, reason = "fixtures: of tests and fuzz targets alone")]

use serde_json::value::RawValue;

use super::document::{
    CalendarDocument, Head, NumberEntry, Numbers, OverrideEntry, Part, ScheduleDocument, Target, TenantHeader,
    TenantState,
};
use super::load::plan_of;
use super::plan::Plan;

pub(crate) fn head() -> Head {
    serde_json::from_value(serde_json::json!({
        "format": 1,
        "gateway": "telephony/east",
        "toTagKey": "00112233445566778899aabbccddeeff",
        "trunk": {"host": "10.0.3.20", "port": 5062, "transport": "UDP", "numberFormat": "National"},
        "originalCalled": "None",
        "announcements": {"all-lines-busy": "sip:busy@10.0.3.30", "holiday-greeting": "sip:holiday@10.0.3.30"},
        "listeners": [
            {"name": "sip-udp", "protocol": "UDP", "port": 0, "peers": ["127.0.0.0/8"], "forceRport": true}
        ]
    }))
    .unwrap()
}

pub(crate) fn calendar() -> CalendarDocument {
    serde_json::from_value(serde_json::json!({
        "years": [2026],
        "daysOff": ["2026-10-01", "2026-10-02", "2026-10-03"],
        "makeUpWorkdays": ["2026-09-20", "2026-10-10"]
    }))
    .unwrap()
}

pub(crate) fn office_hours() -> ScheduleDocument {
    serde_json::from_value(serde_json::json!({
        "timeZone": "Asia/Shanghai",
        "calendar": "ca1e",
        "periods": [
            {"name": "work", "at": [{"days": ["Workday"], "from": "09:00", "to": "18:00"}]},
            {"name": "promotion", "at": [
                {"dates": {"first": "2026-11-11", "last": "2026-11-11"}, "from": "00:00", "to": "24:00"}
            ]},
            {"name": "holiday", "at": [{"days": ["Holiday"], "from": "00:00", "to": "24:00"}]}
        ],
        "otherwise": "closed"
    }))
    .unwrap()
}

pub(crate) fn hotline() -> NumberEntry {
    serde_json::from_value(serde_json::json!({
        "number": "4001000868",
        "name": "hotline",
        "state": "Active",
        "schedule": "5c4e",
        "destinations": [
            {"name": "beijing", "number": "01088880001", "ringSeconds": 20},
            {"name": "shenzhen", "number": "075566660002", "ringSeconds": 25},
            {"name": "duty", "number": "13800138000", "ringSeconds": 30}
        ],
        "groups": [
            {"name": "service", "strategy": "InOrder",
             "members": [{"destination": "beijing"}, {"destination": "shenzhen"}], "overflow": ["duty"]},
            {"name": "trial", "strategy": "Percentage",
             "members": [{"destination": "beijing", "percent": 70}, {"destination": "shenzhen", "percent": 30}]}
        ],
        "screening": {"denyCallers": ["0898*"]},
        "rules": [
            {"name": "key-customers", "when": {"callers": ["13900001111", "0105555*"]}, "to": {"destination": "duty"}},
            {"name": "south-by-day", "when": {"periods": ["work"], "callerAreas": ["0755", "020"]},
             "to": {"destination": "shenzhen"}},
            {"name": "promotion", "when": {"periods": ["promotion"]}, "to": {"group": "trial"}},
            {"name": "by-day", "when": {"periods": ["work"]}, "to": {"group": "service"}},
            {"name": "holiday", "when": {"periods": ["holiday"]}, "to": {"announcement": "holiday-greeting"}},
            {"name": "night", "to": {"destination": "duty"}}
        ],
        "whenExhausted": {"announcement": "all-lines-busy"}
    }))
    .unwrap()
}

/// A number with one destination and one rule.
pub(crate) fn plain(number: &str) -> NumberEntry {
    serde_json::from_value(serde_json::json!({
        "number": number,
        "name": "plain",
        "state": "Active",
        "destinations": [{"name": "desk", "number": "02138880003", "ringSeconds": 15}],
        "rules": [{"name": "all", "to": {"destination": "desk"}}]
    }))
    .unwrap()
}

pub(crate) fn raw(entry: &NumberEntry) -> Box<RawValue> {
    serde_json::value::to_raw_value(entry).unwrap()
}

pub(crate) fn typhoon() -> OverrideEntry {
    OverrideEntry {
        number: "4001000868".into(),
        name: "typhoon".into(),
        from: "2026-11-23T20:00:00+08:00".parse().unwrap(),
        until: "2026-11-24T08:00:00+08:00".parse().unwrap(),
        to: Target::Destination("duty".into()),
    }
}

/// A leaf of acme with schedules and no numbers.
pub(crate) fn empty_leaf() -> Numbers {
    Numbers {
        format: 1,
        gateway: "telephony/east".into(),
        namespace: "acme".into(),
        leaf: String::new(),
        tenant: TenantHeader { name: "acme-ltd".into(), state: TenantState::Active, forwards_per_call: 3 },
        calendars: [("ca1e".to_owned(), calendar())].into(),
        schedules: [("5c4e".to_owned(), office_hours())].into(),
        caller_lists: [].into(),
        numbers: vec![],
        overrides: vec![],
        caps_reached: [].into(),
        cap_zones: [].into(),
    }
}

/// The contract's hotline with its override, and a plain number that reached its cap in November.
pub(crate) fn leaf() -> Numbers {
    Numbers {
        numbers: vec![raw(&hotline()), raw(&plain("4001000900"))],
        overrides: vec![typhoon()],
        caps_reached: [("4001000900".to_owned(), "2026-11".to_owned())].into(),
        cap_zones: [].into(),
        ..empty_leaf()
    }
}

pub(crate) fn plan() -> Plan {
    plan_of([Part::Head(head()), Part::Numbers(leaf())]).unwrap()
}

/// The plan with the hotline changed.
#[cfg(test)]
pub(crate) fn plan_with(change: impl FnOnce(&mut NumberEntry, &mut Numbers)) -> Plan {
    let (mut entry, mut leaf) = (hotline(), leaf());
    change(&mut entry, &mut leaf);
    leaf.numbers[0] = raw(&entry);
    plan_of([Part::Head(head()), Part::Numbers(leaf)]).unwrap()
}
