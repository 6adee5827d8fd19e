use serde_json::json;

use super::super::{Format, Settings};
use super::*;
use crate::domain::rating::CallRecord;

/// Microseconds of 2026-11-23 10:00:00 at Beijing, and some after it.
fn at(milliseconds: i64) -> String {
    (1_795_399_200_000_000 + milliseconds * 1000 + 7).to_string()
}

fn profile(number: &str, uuid: &str) -> Value {
    json!({"username": "", "dialplan": "XML", "caller_id_name": "13900002222", "ani": "13900002222", "aniii": "",
        "caller_id_number": "13900002222", "network_addr": "10.0.3.20", "rdnis": "", "destination_number": number,
        "uuid": uuid, "source": "mod_sofia", "context": "public", "chan_name": "sofia/external/13900002222@10.0.3.20"})
}

/// The dialplan answers with a menu after a second, a desk speaks from 7.2 s to 60 s and hands over to another one,
/// which speaks to the end at 131 s.
fn callers_record() -> Value {
    let mut menu = profile("4001000868", "a-leg");
    let mut desk = profile("shenzhen", "a-leg");
    desk["originatee"] =
        json!({"originatee_caller_profiles": [profile("075566660002", "b-1"), profile("075566660002", "b-1")]});
    let mut second = profile("beijing", "a-leg");
    second["originatee"] = json!({"originatee_caller_profiles": [profile("01088880001", "b-2")]});
    let times = |created: i64, bridged: Option<i64>, moved: Option<i64>, hangup: Option<i64>| {
        let written = |at_ms: Option<i64>| at_ms.map_or_else(|| "0".to_owned(), at);
        json!({"created_time": at(0), "profile_created_time": at(created), "progress_time": "0", "progress_media_time": "0",
            "answered_time": at(1000), "bridged_time": written(bridged), "last_hold_time": "0", "hold_accum_time": "0",
            "hangup_time": written(hangup), "resurrect_time": "0", "transfer_time": written(moved)})
    };
    menu["caller_id_number"] = json!("13900002222");
    json!({
        "core-uuid": "0b1e7c4c-6f0b-4f7e-9e2e-000000000001", "switchname": "fs-1",
        "channel_data": {"state": "CS_REPORTING", "direction": "inbound", "state_number": "11", "flags": "0=1", "caps": "1=1"},
        "variables": {"direction": "inbound", "uuid": "a-leg", "sip_h_X-Original-Called": "400%2D100%2D0868",
            "start_uepoch": at(0), "answer_uepoch": at(1000), "bridge_uepoch": at(60_900), "end_uepoch": at(131_000),
            "billsec": "130", "hangup_cause": "NORMAL_CLEARING", "hangup_cause_q850": "16"},
        "app_log": {"applications": [{"app_name": "answer", "app_data": ""}]},
        "callflow": [
            {"dialplan": "XML", "profile_index": "3", "caller_profile": second, "times": times(60_000, Some(60_900), None, Some(131_000))},
            {"dialplan": "XML", "profile_index": "2", "caller_profile": desk, "times": times(6000, Some(7200), Some(60_000), None)},
            {"dialplan": "XML", "profile_index": "1", "caller_profile": menu, "times": times(0, None, Some(6000), None)},
        ],
    })
}

fn attempt() -> Value {
    let mut own = profile("075566660002", "b-1");
    own["originator"] = json!({"originator_caller_profiles": [profile("4001000868", "a-leg")]});
    json!({"variables": {"uuid": "b-1", "direction": "outbound", "originating_leg_uuid": "a-leg", "start_uepoch": at(1500),
            "answer_uepoch": "0", "end_uepoch": at(21_500), "hangup_cause": "NO_ANSWER", "hangup_cause_q850": "19"},
        "callflow": [{"profile_index": "1", "caller_profile": own, "times": {}}]})
}

fn native(settings: Settings<'_>) -> Native {
    Native::new("fs-1", Format::FreeSwitchJson, settings).unwrap()
}

const OWN: Settings<'static> = Settings {
    legs: Legs::OwnRecords,
    time_zone: None,
    number_field: None,
    caller_field: None,
    destination_field: None,
};

fn records(settings: Settings<'_>, cdr: &Value) -> Vec<CallRecord> {
    let read = native(settings).read(cdr.to_string().as_bytes()).unwrap();
    read.iter().map(|record| CallRecord::parse(record).unwrap()).collect()
}

fn sentence(cdr: &Value) -> String {
    native(Settings::default()).read(cdr.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_callers_record_tells_each_desk_that_spoke() {
    let records = records(Settings::default(), &callers_record());
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            let talked =
                record.answered_at().map(|answered| record.ended_at().as_millisecond() - answered.as_millisecond());
            (record.identity().leg, record.destination().map(|to| to.as_str().to_owned()), record.outcome(), talked)
        })
        .collect();
    let to = |number: &str| Some(number.to_owned());
    assert_eq!(
        seen,
        [
            (0, None, Outcome::Answered, Some(123_800)),
            (1, to("075566660002"), Outcome::Answered, Some(52_800)),
            (2, to("01088880001"), Outcome::Answered, Some(70_100)),
        ]
    );
    assert_eq!(records[0].platform_answered_at().unwrap().to_string(), "2026-11-23T02:00:01Z");
    for record in &records {
        assert_eq!(
            (record.identity().call_id.as_ref(), record.number().to_string()),
            ("a-leg", "4001000868".to_owned())
        );
        assert_eq!((record.caller().number().unwrap().as_str(), record.cause()), ("13900002222", Some(16)));
    }
}

#[test]
fn a_variable_may_hold_the_number_whose_value_is_percent_encoded() {
    let named = Settings { number_field: Some("variables.sip_h_X-Original-Called"), ..Settings::default() };
    let mut cdr = callers_record();
    cdr["callflow"][2]["caller_profile"]["destination_number"] = json!("s");
    assert_eq!(records(named, &cdr)[1].number().to_string(), "4001000868");
    cdr["variables"]["sip_h_X-Original-Called"] = json!("");
    let refused = native(named).read(cdr.to_string().as_bytes()).unwrap_err().to_string();
    assert!(refused.starts_with("variables.sip_h_X-Original-Called is missing: numberField must name"), "{refused}");
}

#[test]
fn each_way_the_module_wraps_its_text_is_read() {
    let text = callers_record().to_string();
    let escaped: String = text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    let base64 = STANDARD.encode(&text);
    let expected = native(Settings::default()).read(text.as_bytes()).unwrap();
    for wrapped in [
        format!("cdr={escaped}"),
        escaped.clone(),
        format!("cdr={base64}"),
        format!("cdr={}", base64.replace('+', "%2B").replace('=', "%3D")),
        format!("{text}\n"),
        format!("{escaped}\n"),
    ] {
        assert_eq!(native(Settings::default()).read(wrapped.as_bytes()).unwrap(), expected, "{}", &wrapped[..40]);
    }
    for text in ["", "cdr=", "cdr=%7", "cdr=////", "[]", "\"x\"", "cdr={"] {
        let refused = native(Settings::default()).read(text.as_bytes()).unwrap_err();
        assert!(matches!(refused, NativeError::Json { .. }), "{text}: {refused}");
    }
}

#[test]
fn legs_come_from_one_kind_of_record_only() {
    assert_eq!(native(Settings::default()).read(attempt().to_string().as_bytes()).unwrap(), []);
    let own = records(OWN, &callers_record());
    assert_eq!(own.iter().map(|record| record.identity().leg).collect::<Vec<_>>(), [0]);
    assert_eq!(own[0].outcome(), Outcome::Answered);
    let [lost] = &records(OWN, &attempt())[..] else { panic!("one record") };
    assert_eq!(
        (lost.outcome(), lost.cause(), lost.identity().call_id.as_ref()),
        (Outcome::NoAnswer, Some(19), "a-leg")
    );
    assert_eq!(
        (lost.number().to_string().as_str(), lost.destination().unwrap().as_str()),
        ("4001000868", "075566660002")
    );
    let mut sibling = attempt();
    sibling["variables"]["uuid"] = json!("b-2");
    sibling["variables"]["answer_uepoch"] = json!(at(9000));
    let sibling = &records(OWN, &sibling)[0];
    assert_eq!(sibling.outcome(), Outcome::Answered);
    assert!(sibling.identity().leg > 0 && sibling.identity().leg != lost.identity().leg);
    assert_eq!(&records(OWN, &attempt())[0], lost);
}

#[test]
fn a_call_that_nobody_answered_is_told_by_its_cause() {
    for (cause, outcome) in [
        ("USER_BUSY", Outcome::Busy),
        ("NO_ANSWER", Outcome::NoAnswer),
        ("CALL_REJECTED", Outcome::Rejected),
        ("ORIGINATOR_CANCEL", Outcome::Abandoned),
        ("NORMAL_TEMPORARY_FAILURE", Outcome::Failed),
    ] {
        let mut cdr = callers_record();
        for name in ["answer_uepoch", "bridge_uepoch"] {
            cdr["variables"][name] = json!("0");
        }
        cdr["callflow"] = json!([cdr["callflow"][2]]);
        cdr["variables"]["hangup_cause"] = json!(cause);
        let records = records(Settings::default(), &cdr);
        assert_eq!((records.len(), records[0].outcome()), (1, outcome), "{cause}");
        assert_eq!((records[0].answered_at(), records[0].platform_answered_at()), (None, None));
    }
}

#[test]
fn an_older_versions_single_entry_is_read_too() {
    let mut cdr = callers_record();
    let mut entry = cdr["callflow"][0].clone();
    entry["caller_profile"]["destination_number"] = json!("4001000868");
    cdr["callflow"] = entry;
    let legs: Vec<_> = records(Settings::default(), &cdr).iter().map(|record| record.identity().leg).collect();
    assert_eq!(legs, [0, 1]);
}

#[test]
fn what_is_missing_is_named() {
    for name in ["uuid", "start_uepoch", "end_uepoch"] {
        let mut cdr = callers_record();
        cdr["variables"].as_object_mut().unwrap().remove(name);
        assert!(sentence(&cdr).starts_with(&format!("variables.{name} is missing: ")), "{}", sentence(&cdr));
        cdr["variables"][name] = json!("13900002222x");
        if name != "uuid" {
            let sentence = sentence(&cdr);
            assert!(sentence.contains("must be microseconds") && !sentence.contains("139"), "{sentence}");
        }
    }
    let mut cdr = callers_record();
    cdr["callflow"] = json!(vec![cdr["callflow"][1].clone(); MOST_STAGES + 1]);
    assert_eq!(sentence(&cdr), "callflow must be a list of at most 64 entries");
    let mut cdr = callers_record();
    cdr["callflow"][0]["caller_profile"].as_object_mut().unwrap().remove("originatee");
    assert!(sentence(&cdr).contains("set legs: OwnRecords"));
    let mut cdr = callers_record();
    cdr["callflow"] = json!([cdr["callflow"][2]]);
    assert!(sentence(&cdr).starts_with("callflow times.bridged_time is missing"));
    cdr["callflow"] = json!("none");
    cdr["variables"]["bridge_uepoch"] = json!("0");
    assert!(sentence(&cdr).starts_with("callflow caller_profile.destination_number is missing"));
}
