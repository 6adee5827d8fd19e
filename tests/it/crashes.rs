//! A biller that dies at any moment bills each record once: a switch posts a thousand records over HTTP and sends what was
//! not acknowledged again, while the operator is killed at the booking transaction's named points and at random moments.
//! What the ledger then holds is compared with a computation of its own from what was sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection as Ledger, OpenFlags};
use serde_json::{Value, json};

use crate::{
    edits::NUMBER,
    harness::eventually,
    rig::{Dice, PATIENCE, Rig, TOKEN},
};

suite! { records_are_billed_once_however_often_the_biller_dies }

/// After the last of the records, in the month of the bindings.
const LATER: [&str; 2] = ["--clock-at", "2026-11-27T10:00:00+08:00"];

const HOTLINE: &str = "4001000868";
const RECORDS: usize = 1_000;
const MOMENTS: usize = 20;
const POINTS: [&str; 3] = ["after-insert", "before-commit", "after-commit-before-answer"];
/// Connections that a switch keeps.
const SENDERS: usize = 3;

/// One leg as the switch has it, and what it knows of the areas: that is all the expected totals are made of.
#[derive(Debug, Clone)]
struct Leg {
    number: &'static str,
    call: usize,
    nth: u8,
    line: String,
    /// Milliseconds of an answered attempt.
    answered_for: Option<i64>,
    local: bool,
}

/// A caller or destination and its area; none: unknown.
type Party = (&'static str, Option<&'static str>);
const CALLERS: [Party; 5] = [
    ("02038887777", Some("020")),
    ("01066660000", Some("010")),
    ("075526660000", Some("0755")),
    ("anonymous", None),
    ("10086", None),
];
const DESTINATIONS: [Party; 2] = [("01088880001", Some("010")), ("075566660002", Some("0755"))];

fn legs(dice: &mut Dice, round: usize) -> Vec<Leg> {
    let mut legs = Vec::with_capacity(RECORDS);
    let mut call = round * RECORDS;
    while legs.len() < RECORDS {
        call += 1;
        let number = *dice.pick(&[HOTLINE, NUMBER]);
        let caller = *dice.pick(&CALLERS);
        // The caller's own leg, if it is told of, and attempts until one is answered.
        let attempts = 1 + dice.below(3);
        for leg in u64::from(dice.chance(70))..=attempts {
            let leg = u8::try_from(leg).unwrap();
            let answered = if leg == 0 { dice.chance(80) } else { u64::from(leg) == attempts && dice.chance(75) };
            legs.push(one_leg(dice, (number, call, leg), caller, answered));
        }
    }
    legs.truncate(RECORDS);
    legs
}

fn one_leg(dice: &mut Dice, (number, call, leg): (&'static str, usize, u8), caller: Party, answered: bool) -> Leg {
    let destination = *dice.pick(&DESTINATIONS);
    let started = dice.between(0, 15 * 86_400 * 1_000);
    // Whole minutes and a millisecond beside them are as frequent as any other length.
    let length = match dice.below(4) {
        0 => dice.between(0, 5) * 60_000,
        1 => dice.between(0, 5) * 60_000 + 1,
        _ => dice.between(0, 400_000),
    };
    let at = |milliseconds: i64| {
        let begin: jiff::Timestamp = "2026-11-11T00:00:00+08:00".parse().unwrap();
        (begin + jiff::SignedDuration::from_millis(milliseconds)).to_string()
    };
    let record = json!({
        "source": if call % 2 == 0 { "fs-1" } else { "fs-2" }, "callId": format!("call-{call}"), "leg": leg,
        "number": number, "caller": caller.0, "destination": (leg > 0).then_some(destination.0),
        "startedAt": at(started), "platformAnsweredAt": null, "answeredAt": answered.then(|| at(started + 4_000)),
        "endedAt": at(started + 4_000 + length), "outcome": if answered { "Answered" } else { "NoAnswer" },
        "cause": if answered { 16 } else { 19 },
    });
    Leg {
        number,
        call,
        nth: leg,
        line: record.to_string(),
        answered_for: (answered && leg > 0).then_some(length),
        local: caller.1.is_some() && caller.1 == destination.1,
    }
}

/// What a number's month must come to, by the examples' price book, in millionths of a yuan.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    offered: i64,
    answered: i64,
    charged_seconds: i64,
    voice: i64,
    functions: i64,
    setup: i64,
}

fn expected(number: &str, legs: &[Leg], answered_legs: &BTreeSet<usize>) -> Totals {
    let own: Vec<&Leg> = legs.iter().filter(|leg| leg.number == number).collect();
    let calls: BTreeSet<usize> = own.iter().map(|leg| leg.call).collect();
    let minutes = |leg: &&Leg| leg.answered_for.map_or(0, |length| (length + 59_999) / 60_000);
    let all_minutes: i64 = own.iter().map(minutes).sum();
    let by_the_minute: i64 = own.iter().map(|leg| minutes(leg) * if leg.local { 100_000 } else { 600_000 }).sum();
    let with_package = 300_000_000 + (all_minutes - 500).max(0) * 120_000;
    let is_hotline = number == HOTLINE;
    Totals {
        offered: i64::try_from(calls.len()).unwrap(),
        answered: i64::try_from(calls.intersection(answered_legs).count()).unwrap(),
        charged_seconds: all_minutes * 60,
        voice: if is_hotline { with_package } else { by_the_minute },
        functions: if is_hotline { 20_000_000 } else { 0 },
        setup: 200_000_000,
    }
}

/// What a switch does: keeps what is not acknowledged, and sends it again.
#[derive(Clone)]
struct Switch {
    waiting: Arc<Mutex<Vec<String>>>,
    acknowledged: Arc<AtomicUsize>,
    duplicates: Arc<AtomicUsize>,
    /// Posts that got no answer.
    broken: Arc<AtomicUsize>,
}

impl Switch {
    fn with(lines: Vec<String>) -> Self {
        Self {
            waiting: Arc::new(Mutex::new(lines)),
            acknowledged: Arc::default(),
            duplicates: Arc::default(),
            broken: Arc::default(),
        }
    }

    fn take(&self, most: usize) -> Vec<String> {
        let mut waiting = self.waiting.lock().unwrap();
        let from = waiting.len().saturating_sub(most);
        waiting.split_off(from)
    }

    /// Posts batches until there is nothing left or the connection breaks; what is not acknowledged goes back.
    async fn send(self, mut connection: crate::rig::http::Connection, mut dice: Dice) {
        loop {
            let batch = self.take(1 + usize::try_from(dice.below(8)).unwrap());
            if batch.is_empty() {
                return;
            }
            let Ok(answer) = connection.post_records(TOKEN, &batch.join("\n")).await else {
                self.broken.fetch_add(1, Ordering::Relaxed);
                return self.waiting.lock().unwrap().extend(batch);
            };
            let told = answer.json();
            assert_eq!(answer.status, 200, "{told}");
            let count = |name: &str| usize::try_from(told[name].as_u64().unwrap()).unwrap();
            assert_eq!((count("conflicts"), count("unrated"), &told["refused"]), (0, 0, &json!([])), "{told}");
            assert_eq!(count("accepted") + count("duplicates"), batch.len(), "{told}");
            self.duplicates.fetch_add(count("duplicates"), Ordering::Relaxed);
            self.acknowledged.fetch_add(batch.len(), Ordering::Relaxed);
        }
    }

    /// Sends on several connections at once; all have ended when this returns.
    async fn send_all(&self, rig: &Rig, dice: &mut Dice) -> tokio::task::JoinSet<()> {
        let first = rig.intake_is_open().await;
        let mut senders = tokio::task::JoinSet::new();
        senders.spawn(self.clone().send(first, Dice::seeded(dice.next())));
        for _ in 1..SENDERS {
            if let Ok(connection) = rig.connect().await {
                senders.spawn(self.clone().send(connection, Dice::seeded(dice.next())));
            }
        }
        senders
    }
}

async fn all_ended(mut senders: tokio::task::JoinSet<()>) {
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
}

async fn records_are_billed_once_however_often_the_biller_dies() {
    die_and_compare(MOMENTS, 400).await;
}

/// `make crash`: `CRASH_MOMENTS` and `CRASH_SEED` choose others.
pub async fn five_hundred_moments() {
    let number = |name: &str, otherwise: u64| env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (moments, seed) = (number("CRASH_MOMENTS", 500), number("CRASH_SEED", 400));
    die_and_compare(usize::try_from(moments).unwrap(), seed).await;
    println!("each record billed once after SIGKILL at 3 points and {moments} moments (seed {seed})");
}

async fn die_and_compare(moments: usize, seed: u64) {
    let mut dice = Dice::seeded(seed);
    let mut rig = Rig::running().await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.apply(&crate::edits::manifest()).await;
    rig.programmed("hotline").await;
    rig.programmed("desk").await;
    drop(rig.intake_is_open().await);
    rig.kill().await;
    rig.start(&LATER);

    let mut sent = Vec::new();
    let (mut resent, mut broken) = (0, 0);
    for round in 0..moments.div_ceil(MOMENTS) {
        let legs = legs(&mut dice, round);
        let switch = Switch::with(legs.iter().map(|leg| leg.line.clone()).collect());
        sent.extend(legs);
        if round == 0 {
            die_at_each_point(&mut rig, &switch, &mut dice).await;
        }
        die_at_random(&mut rig, &switch, &mut dice, MOMENTS.min(moments - round * MOMENTS)).await;
        while !switch.waiting.lock().unwrap().is_empty() {
            all_ended(switch.send_all(&rig, &mut dice).await).await;
        }
        assert_eq!(switch.acknowledged.load(Ordering::Relaxed), RECORDS);
        resent += switch.duplicates.load(Ordering::Relaxed);
        broken += switch.broken.load(Ordering::Relaxed);
        if moments > MOMENTS {
            eprintln!("{} of {moments} moments, {} records", MOMENTS * (round + 1), sent.len());
        }
    }
    // The kills found the biller at work, and some of what they cut short had been booked already.
    assert!(broken >= moments / 2 && resent > 0, "{broken} posts broken in {moments} moments, {resent} duplicates");
    compare(&mut rig, &sent).await;
}

async fn die_at_each_point(rig: &mut Rig, switch: &Switch, dice: &mut Dice) {
    for point in POINTS {
        rig.kill().await;
        let nth = dice.between(2, 9);
        rig.start(&[&LATER[..], &["--crash-point", &format!("{point}:{nth}")]].concat());
        all_ended(switch.send_all(rig, dice).await).await;
        let status = rig.ended().await;
        assert!(!status.success(), "{point}:{nth} ended the operator with {status}");
        rig.start(&LATER);
    }
}

async fn die_at_random(rig: &mut Rig, switch: &Switch, dice: &mut Dice, moments: usize) {
    // Thresholds of progress, so that each death finds the switch at work, then some more microseconds.
    let left = switch.waiting.lock().unwrap().len() as u64;
    let done = switch.acknowledged.load(Ordering::Relaxed);
    let mut thresholds: Vec<usize> = (0..moments).map(|_| done + usize::try_from(dice.below(left)).unwrap()).collect();
    thresholds.sort_unstable();
    for threshold in thresholds {
        let senders = switch.send_all(rig, dice).await;
        while switch.acknowledged.load(Ordering::Relaxed) < threshold && !switch.waiting.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.below(4_000))).await;
        rig.kill().await;
        all_ended(senders).await;
        rig.start(&LATER);
    }
}

/// The status that a tenant sees, and the ledger's own tables, against what was sent.
async fn compare(rig: &mut Rig, sent: &[Leg]) {
    // A call is answered when any leg of it was, the caller's own included.
    let answered: BTreeSet<usize> =
        sent.iter().filter(|leg| leg.line.contains("\"outcome\":\"Answered\"")).map(|leg| leg.call).collect();
    for (name, number) in [("hotline", HOTLINE), ("desk", NUMBER)] {
        let expected = expected(number, sent, &answered);
        eventually(PATIENCE, &format!("{name} shows {expected:?}"), async || {
            let object = rig.numbers().get(name).await.map_err(|error| error.to_string())?;
            let usage = serde_json::to_value(object.status.and_then(|status| status.usage)).unwrap();
            let shown = totals_in(&usage).ok_or_else(|| usage.to_string())?;
            if shown == expected && usage["unrated"] == 0 { Ok(()) } else { Err(format!("{shown:?} in {usage}")) }
        })
        .await;
    }
    rig.kill().await;
    let ledger = Ledger::open_with_flags(rig.data().join("ledger.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the ledger");
    let count = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let records = i64::try_from(sent.len()).unwrap();
    let charged = i64::try_from(sent.iter().filter(|leg| leg.answered_for.is_some()).count()).unwrap();
    assert_eq!(count("SELECT count(*) FROM records"), records);
    assert_eq!(count("SELECT count(*) FROM identities"), records);
    assert_eq!(count("SELECT count(*) FROM conflicts") + count("SELECT count(*) FROM unrated"), 0);
    assert_eq!(count("SELECT count(*) FROM postings WHERE record IS NOT NULL"), charged);
    assert_eq!(count("SELECT count(DISTINCT record) FROM postings WHERE record IS NOT NULL"), charged);
    // Each record's own line, not only the sum: by source, call and leg.
    let per_minute: BTreeMap<String, i64> = sent
        .iter()
        .filter(|leg| leg.number == NUMBER)
        .filter_map(|leg| {
            let minutes = (leg.answered_for? + 59_999) / 60_000;
            Some((format!("call-{} {}", leg.call, leg.nth), minutes * if leg.local { 100_000 } else { 600_000 }))
        })
        .collect();
    let sql = "SELECT json_extract(r.body, '$.callId') || ' ' || json_extract(r.body, '$.leg'), p.amount \
               FROM postings p JOIN records r ON r.id = p.record WHERE p.number = ?1";
    let mut lines = ledger.prepare(sql).unwrap();
    let number: i64 = NUMBER.parse().unwrap();
    let booked = lines.query_map([number], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap();
    assert_eq!(booked.collect::<Result<BTreeMap<_, _>, _>>().unwrap(), per_minute);
}

fn totals_in(usage: &Value) -> Option<Totals> {
    let money = |name: &str| {
        let (yuan, fraction) = usage["charges"][name].as_str()?.split_once('.')?;
        format!("{yuan}{fraction:0<6}").parse::<i64>().ok()
    };
    Some(Totals {
        offered: usage["calls"]["offered"].as_i64()?,
        answered: usage["calls"]["answered"].as_i64()?,
        charged_seconds: usage["chargedSeconds"].as_i64()?,
        voice: money("voice")?,
        functions: money("functions")?,
        setup: money("setup")?,
    })
}
