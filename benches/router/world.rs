//! The plan that ours answers by, and the calls to it: numbers of 140 a tenant, each with five rules, screening lists, a
//! timetable with holidays, a group and an overflow; every call goes through all of it to the last rule but one or the last.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use fourhundred::domain::digest::Digest;
use fourhundred::domain::routing::document::Part;
use fourhundred::domain::routing::place;
use fourhundred::workers::house::stored_name;
use fourhundred::workers::plan::{Offer, PlanStore, Verdict};
use serde_json::{Value, json};

/// Numbers of one tenant: as many as a part of the plan holds.
const EACH: u64 = 140;
/// As many numbers as Kamailio's table has, called in turn.
pub const FIRST: u64 = 100_000;

/// A part's name and its text.
pub type Named = (String, String);

fn number(index: u64) -> String {
    format!("400{}", 1_000_000 + index)
}

fn head() -> Value {
    json!({
        "part": "head", "format": 1, "gateway": "telephony/east", "toTagKey": "00112233445566778899aabbccddeeff",
        "trunk": {"host": "10.0.3.20", "port": 5060, "transport": "UDP", "numberFormat": "National"},
        "originalCalled": "None",
        "listeners": [{"name": "sip", "protocol": "UDP", "port": 0, "peers": ["127.0.0.0/8"], "forceRport": true}],
    })
}

/// Whether the numbers of a tenant have the same rules, as those of one service mostly do, or each its own.
#[derive(Clone, Copy, PartialEq)]
pub enum Rules {
    Alike,
    Own,
}

/// A number's entry; `ring` is what changes when it is edited.
fn entry(index: u64, ring: u64, rules: Rules) -> Value {
    let customer = if rules == Rules::Own { format!("139{:08}", 10_000_000 + index) } else { "13900002222".to_owned() };
    json!({
        "number": number(index), "name": format!("n{index}"), "state": "Active", "schedule": "5c4e",
        "destinations": [
            {"name": "beijing", "number": format!("010{}", 60_000_000 + index), "ringSeconds": ring},
            {"name": "shenzhen", "number": format!("0755{}", 80_000_000 + index), "ringSeconds": 20},
            {"name": "duty", "number": format!("138{:08}", index), "ringSeconds": 30},
        ],
        "groups": [
            {"name": "day", "strategy": "InOrder", "members": [{"destination": "beijing"}, {"destination": "shenzhen"}],
             "overflow": ["duty"]},
            {"name": "night", "strategy": "InOrder", "members": [{"destination": "duty"}, {"destination": "shenzhen"}],
             "overflow": ["beijing"]},
        ],
        "screening": {"denyCallers": ["0898*", "13900001111", "0105555*"], "denyAreas": ["0898", "0971"]},
        "rules": [
            {"name": "key-customers", "when": {"callers": [customer, "0105556*"]}, "to": {"destination": "duty"}},
            {"name": "south", "when": {"periods": ["work"], "callerAreas": ["0755", "020"]}, "to": {"destination": "shenzhen"}},
            {"name": "promotion", "when": {"periods": ["promotion"]}, "to": {"group": "night"}},
            {"name": "by-day", "when": {"periods": ["work"]}, "to": {"group": "day"}},
            {"name": "night", "to": {"group": "night"}},
        ],
    })
}

fn leaf(tenant: u64, numbers: u64, ring: u64, rules: Rules) -> Named {
    let namespace = format!("tenant-{tenant}");
    let first = tenant * EACH;
    let entries: Vec<Value> = (first..numbers.min(first + EACH))
        .map(|index| entry(index, if index == first { ring } else { 20 }, rules))
        .collect();
    let text = json!({
        "part": "numbers", "format": 1, "gateway": "telephony/east", "namespace": namespace, "leaf": "",
        "tenant": {"name": format!("t{tenant}"), "state": "Active", "forwardsPerCall": 5},
        "calendars": {"ca1e": {"years": [2026], "daysOff": ["2026-10-01", "2026-10-02"], "makeUpWorkdays": ["2026-10-10"]}},
        "schedules": {"5c4e": {"timeZone": "Asia/Shanghai", "calendar": "ca1e", "otherwise": "closed", "periods": [
            {"name": "work", "at": [{"days": ["Workday"], "from": "09:00", "to": "18:00"}]},
            {"name": "promotion", "at": [
                {"dates": {"first": "2025-11-11", "last": "2025-11-11"}, "from": "00:00", "to": "24:00"}]},
            {"name": "holiday", "at": [{"days": ["Holiday"], "from": "00:00", "to": "24:00"}]},
        ]}},
        "numbers": entries,
    });
    // As the operator writes it.
    let part: Part = serde_json::from_str(&text.to_string()).unwrap();
    (stored_name("telephony", &place::part_name("east", &namespace, "n")), serde_json::to_string(&part).unwrap())
}

/// Every part of a plan of so many numbers.
pub fn parts(numbers: u64, rules: Rules) -> Vec<Named> {
    let head = (stored_name("telephony", &place::part_name("east", "", place::HEAD_LEAF)), head().to_string());
    std::iter::once(head).chain((0..numbers.div_ceil(EACH)).map(|tenant| leaf(tenant, numbers, 20, rules))).collect()
}

/// The part of a tenant's numbers, the first of them edited.
pub fn edited(tenant: u64, numbers: u64, ring: u64) -> Named {
    leaf(tenant, numbers, ring, Rules::Alike)
}

/// Everything taken over, or a panic.
pub fn offer(store: &PlanStore, parts: &[Named]) {
    let offers: Vec<Offer<'_>> =
        parts.iter().map(|(part, text)| Offer { part, digest: Digest::of(text.as_bytes()), text }).collect();
    for verdict in store.offer_all(&offers) {
        assert!(matches!(verdict, Verdict::Accepted | Verdict::Unchanged), "{verdict:?}");
    }
}

/// The plan as a router keeps it on disk.
pub fn write(folder: &Path, numbers: u64) {
    let store = PlanStore::open(folder, "bench".to_owned()).unwrap();
    offer(&store, &parts(numbers, Rules::Alike));
}

/// The call `sequence`, to the next of `numbers` numbers, as a switch would ask.
pub fn invite(out: &mut Vec<u8>, sequence: u64, numbers: u64, slot: usize, port: u16) {
    out.clear();
    // Spread over the plan, so that no cache holds what the next call needs.
    let called = sequence.wrapping_mul(2_654_435_761) % numbers;
    write!(
        out,
        "INVITE sip:400{}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{sequence}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:0106666{:04}@127.0.0.1>;tag=t{sequence}\r\nTo: <sip:400{0}@127.0.0.1>\r\n\
         Call-ID: s{slot}-{sequence}@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:switch@127.0.0.1:{port}>\r\n\
         Content-Length: 0\r\n\r\n",
        1_000_000 + called,
        sequence % 10_000,
    )
    .unwrap();
}

/// Slot and sequence of the call that an answer belongs to.
pub fn call_of(answer: &[u8]) -> Option<(usize, u64)> {
    let mark = b"\nCall-ID: s";
    let at = answer.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let text = answer.get(at..)?;
    let end = text.iter().position(|byte| *byte == b'@')?;
    let (slot, sequence) = std::str::from_utf8(&text[..end]).ok()?.split_once('-')?;
    Some((slot.parse().ok()?, sequence.parse().ok()?))
}

/// `1234567` as `1,234,567`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        let _ = text.write_char(digit);
    }
    text
}
