//! Calls go as the timetable says, asked over SIP at instants the operator's clock is set to; and they go on as before
//! when what a number refers to is gone.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::{eventually, throughout},
    rig::{
        PATIENCE, Rig, TUESDAY,
        objects::{says, told},
        read_example,
        sip::Phone,
    },
};

suite! {
    calls_go_as_the_timetable_says_at_every_kind_of_instant,
    calls_go_on_as_before_while_a_calendar_a_schedule_or_a_tariff_is_gone,
}

const HOTLINE: &str = "4001000868";
const LATE: &str = "4001000731";
const GUANGZHOU: &str = "02038887777";
const BEIJING: &str = "01066660000";

/// A number whose Friday night lasts until Saturday 02:00.
const LATE_NUMBER: &str = r#"
apiVersion: fourhundred.io/v1alpha1
kind: RoutingSchedule
metadata: {name: late, namespace: acme}
spec:
  periods:
  - {name: late, at: [{days: [Friday], from: "22:00", to: "02:00"}]}
  otherwise: closed
---
apiVersion: fourhundred.io/v1alpha1
kind: FourHundredNumber
metadata: {name: late, namespace: acme}
spec:
  number: "4001000731"
  gatewayRef: {name: east, namespace: telephony}
  tariffRef: {name: standard}
  functions: [Schedule]
  scheduleRef: {name: late}
  destinations:
  - {name: bar, number: "021-6666 0007"}
  - {name: office, number: "021-6666 0009"}
  rules:
  - {name: late, when: {periods: [late]}, to: {destination: bar}}
  - {name: else, to: {destination: office}}
"#;

struct Case {
    at: &'static str,
    number: &'static str,
    caller: &'static str,
    /// Of the schedule, as its status tells it.
    period: &'static str,
    /// Every answer that is right.
    answers: &'static [&'static [&'static str]],
}

const CASES: [Case; 9] = [
    // National Day.
    Case {
        at: "2026-10-01T10:00:00+08:00",
        number: HOTLINE,
        caller: BEIJING,
        period: "holiday",
        answers: &[&["holiday"]],
    },
    // A Saturday that is worked for it.
    Case {
        at: "2026-10-10T10:00:00+08:00",
        number: HOTLINE,
        caller: BEIJING,
        period: "work",
        answers: &[&["01088880001", "075566660002", "13800138000", "busy"]],
    },
    // The same Saturday after six.
    Case {
        at: "2026-10-10T18:00:00+08:00",
        number: HOTLINE,
        caller: BEIJING,
        period: "closed",
        answers: &[&["13800138000", "busy"]],
    },
    // A date of its own beats the working day that it also is.
    Case {
        at: "2026-11-11T10:00:00+08:00",
        number: HOTLINE,
        caller: BEIJING,
        period: "promotion",
        answers: &[&["01088880001", "busy"], &["075566660002", "busy"]],
    },
    Case {
        at: "2026-11-13T22:00:00+08:00",
        number: LATE,
        caller: BEIJING,
        period: "late",
        answers: &[&["02166660007"]],
    },
    // Saturday already, but Friday's range.
    Case {
        at: "2026-11-14T01:30:00+08:00",
        number: LATE,
        caller: BEIJING,
        period: "late",
        answers: &[&["02166660007"]],
    },
    Case {
        at: "2026-11-14T02:00:00+08:00",
        number: LATE,
        caller: BEIJING,
        period: "closed",
        answers: &[&["02166660009"]],
    },
    Case {
        at: "2026-11-15T01:30:00+08:00",
        number: LATE,
        caller: BEIJING,
        period: "closed",
        answers: &[&["02166660009"]],
    },
    // Sunday, three in the morning, from Guangdong.
    Case {
        at: "2026-11-22T03:00:00+08:00",
        number: HOTLINE,
        caller: GUANGZHOU,
        period: "closed",
        answers: &[&["13800138000", "busy"]],
    },
];

async fn calls_go_as_the_timetable_says_at_every_kind_of_instant() {
    let mut rig = Rig::new().await;
    rig.apply(&rig.gateway()).await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.apply(LATE_NUMBER).await;
    rig.start(&["--clock-at", "2026-09-30T10:00:00+08:00"]);
    rig.programmed("hotline").await;
    rig.programmed("late").await;
    for case in &CASES {
        rig.kill().await;
        rig.start(&["--clock-at", case.at]);
        let mut phone = rig.phone().await;
        let answer = eventually(PATIENCE, "the restarted router answers", async || {
            phone.call(case.number, case.caller).await.ok_or("nobody answers")
        })
        .await;
        let contacts = answer.contacts();
        assert!(
            answer.code == 302 && case.answers.contains(&contacts.as_slice()),
            "at {}: {contacts:?}\n{}",
            case.at,
            answer.text
        );
        let schedule = if case.number == HOTLINE { "office-hours" } else { "late" };
        eventually(PATIENCE, &format!("schedule {schedule} tells {} at {}", case.period, case.at), async || {
            let seen = rig.cluster.kubectl(&["get", "rsch", schedule, "-n", "acme", "-o", "json"]).await.json();
            let current = &seen["status"]["current"];
            if current == case.period { Ok(()) } else { Err(current.to_string()) }
        })
        .await;
    }
}

/// Names, versions and texts of all plan parts.
async fn parts(rig: &Rig) -> BTreeMap<String, (String, Value)> {
    let list = rig.cluster.kubectl(&["get", "configmaps", "-n", "telephony", "-o", "json"]).await.json();
    let ours = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|map| map["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "fourhundred");
    ours.map(|map| {
        let text = |field: &str| map["metadata"][field].as_str().unwrap().to_owned();
        (text("name"), (text("resourceVersion"), map["data"].clone()))
    })
    .collect()
}

/// The hotline's entry in the plan, as it is written there.
async fn hotline_entry(rig: &Rig) -> String {
    let parts = parts(rig).await;
    let texts = parts.values().flat_map(|(_, data)| data.as_object().unwrap().values()).filter_map(Value::as_str);
    let start = format!("{{\"number\":\"{HOTLINE}\",\"name\":\"hotline\"");
    let mut found: Vec<String> = texts
        .filter_map(|text| {
            let entry = text.split_once(&start)?.1;
            // As far as the entry's last field, which the examples set.
            Some(entry.split_once("all-lines-busy").expect("whenExhausted").0.to_owned())
        })
        .collect();
    assert_eq!(found.len(), 1, "one entry: {found:?}");
    found.remove(0)
}

async fn hotline_answers(phone: &mut Phone) -> Result<(), String> {
    for (caller, expected) in [
        (BEIJING, &["01088880001", "075566660002", "13800138000", "busy"][..]),
        ("075566661234", &["075566660002", "busy"][..]),
    ] {
        let answer = phone.call(HOTLINE, caller).await.ok_or("nobody answers")?;
        if answer.contacts() != expected {
            return Err(answer.text);
        }
    }
    Ok(())
}

async fn calls_go_on_as_before_while_a_calendar_a_schedule_or_a_tariff_is_gone() {
    let mut rig = Rig::running().await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.apply(LATE_NUMBER).await;
    let programmed = rig.programmed("hotline").await;
    rig.programmed("late").await;
    let hotline = ["fhn", "hotline", "-n", "acme"];
    let mut opened = 0;
    for (kind, arguments, file, reason) in [
        ("hcal", &["cn-statutory"][..], "platform/holiday-calendar.yaml", "CalendarNotFound"),
        ("rsch", &["office-hours", "-n", "acme"][..], "acme/office-hours.yaml", "ScheduleNotFound"),
        ("tar", &["standard"][..], "platform/tariff.yaml", "TariffNotFound"),
    ] {
        let before = parts(&rig).await;
        let entry = hotline_entry(&rig).await;
        rig.cluster.kubectl(&[&["delete", kind][..], arguments].concat()).await.ok();
        let number = told(&rig.cluster, &hotline, "ResolvedRefs", "False", reason).await;
        assert!(says(&number, "Ready", "False", reason), "{number}");
        assert!(says(&number, "Accepted", "True", "Accepted"), "{number}");
        assert!(crate::rig::is_programmed(&serde_json::from_value(number).unwrap()), "it is live as before");
        let mut phone = rig.phone().await;
        hotline_answers(&mut phone).await.unwrap();
        assert_eq!(parts(&rig).await, before, "without {kind} the plan stays");

        // The operator that starts now never saw the reference.
        rig.kill().await;
        rig.start(&["--clock-at", TUESDAY]);
        drop(rig.intake_is_open().await);
        let mut phone = rig.phone().await;
        throughout(Duration::from_secs(3), "the restarted operator leaves the plan alone", async || {
            hotline_answers(&mut phone).await?;
            let now = parts(&rig).await;
            if now == before { Ok(()) } else { Err(format!("{kind}: {now:#?}\ninstead of\n{before:#?}")) }
        })
        .await;
        told(&rig.cluster, &hotline, "ResolvedRefs", "False", reason).await;

        // An edit beside it writes the part anew; the kept entry is carried over byte for byte.
        if kind != "tar" {
            opened += 1;
            let number = format!("021-6666 010{opened}");
            rig.edit("late", json!({ "destinations": [{"name": "bar", "number": number}, {"name": "office", "number": "021-6666 0009"}] }))
                .await;
            rig.programmed("late").await;
            let now = parts(&rig).await;
            assert_ne!(now, before, "the edit shows in the plan");
            assert_eq!(hotline_entry(&rig).await, entry);
            hotline_answers(&mut phone).await.unwrap();
        }

        rig.apply(&read_example(file)).await;
        told(&rig.cluster, &hotline, "Ready", "True", "Ready").await;
        hotline_answers(&mut phone).await.unwrap();
    }
    let after = rig.numbers().get("hotline").await.unwrap();
    assert_eq!(after.metadata.generation, programmed.metadata.generation);
}
