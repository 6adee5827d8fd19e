//! The SIP listener of the real process under ten thousand calls of SIPp, and under what no peer should ever send.

use std::{path::Path, time::Duration};

use crate::harness::{launch, workspace};
use crate::rig::{Dice, Rig, root, sip::Phone};

suite! {
    ten_thousand_calls_get_the_planned_contacts_and_none_fails,
    what_is_no_call_harms_none_and_a_retransmission_gets_the_same_bytes,
    switches_that_repeat_cancel_and_lie_are_answered_as_the_rfc_says,
}

const HOTLINE: &str = "4001000868";
/// Growth of the process that is allowed after it is warm; ten thousand remembered calls would take more.
const GROWTH_KIB: u64 = 16 * 1024;

async fn ready() -> Rig {
    let rig = Rig::running().await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.programmed("hotline").await;
    rig
}

/// Calls from an area's callers: successful ones, failed ones and retransmissions, as SIPp counted them.
pub async fn play(folder: &Path, port: u16, area: &str, calls: u32, per_second: u32) -> (u64, u64, u64) {
    play_over("u1", folder, port, area, (calls, per_second)).await
}

/// The same over one of SIPp's transports: `u1`, or `t1` for one TCP connection of all calls.
pub async fn play_over(
    transport: &str,
    folder: &Path,
    port: u16,
    area: &str,
    (calls, per_second): (u32, u32),
) -> (u64, u64, u64) {
    play_scenario("redirect", transport, folder, port, area, (calls, per_second)).await
}

async fn play_scenario(
    scenario: &str,
    transport: &str,
    folder: &Path,
    port: u16,
    area: &str,
    (calls, per_second): (u32, u32),
) -> (u64, u64, u64) {
    let callers: Vec<String> = (0..100).map(|caller| format!("{area}666600{caller:02}")).collect();
    std::fs::write(folder.join("callers.csv"), format!("SEQUENTIAL\n{}\n", callers.join("\n"))).unwrap();
    let statistics = folder.join("calls.csv");
    let _ = std::fs::remove_file(&statistics);
    let output = launch::program("sipp")
        .arg(format!("127.0.0.1:{port}"))
        .arg("-sf")
        .arg(root().join(format!("tests/it/sipp/{scenario}.xml")))
        .args(["-inf", "callers.csv", "-s", HOTLINE, "-i", "127.0.0.1", "-nostdin"])
        .args(["-t", transport, "-m", &calls.to_string(), "-r", &per_second.to_string(), "-l", "1000"])
        .args(["-timeout", "100s", "-timeout_error", "-trace_stat", "-stf"])
        .arg(&statistics)
        .current_dir(folder)
        .output()
        .await
        .expect("sipp is in PATH: `tools/sipp` installs it");
    let text = std::fs::read_to_string(&statistics).unwrap_or_else(|_| panic!("{output:?}"));
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(';').collect();
    let last: Vec<&str> = lines.next_back().unwrap().split(';').collect();
    let count = |name: &str| last[names.iter().position(|known| *known == name).unwrap()].parse().unwrap();
    (count("SuccessfulCall(C)"), count("FailedCall(C)"), count("Retransmissions(C)"))
}

async fn ten_thousand_calls_get_the_planned_contacts_and_none_fails() {
    let mut rig = ready().await;
    let folder = workspace().folder("sipp-");
    // The scenario looks at the contacts: callers from Shenzhen get others than it expects.
    assert_eq!(play(folder.path(), rig.sip, "0755", 10, 100).await, (0, 10, 0));
    assert_eq!(play(folder.path(), rig.sip, "010", 1_000, 1_000).await, (1_000, 0, 0));
    let warm = rig.resident_kib();
    let (succeeded, failed, _) = play(folder.path(), rig.sip, "010", 10_000, 1_000).await;
    assert_eq!((succeeded, failed), (10_000, 0));
    rig.still_runs();
    let grown = rig.resident_kib().saturating_sub(warm);
    assert!(grown < GROWTH_KIB, "the process grew by {grown} KiB");
}

async fn switches_that_repeat_cancel_and_lie_are_answered_as_the_rfc_says() {
    let rig = ready().await;
    let folder = workspace().folder("sipp-");
    let (succeeded, failed, repeated) =
        play_scenario("retransmission", "u1", folder.path(), rig.sip, "010", (1_000, 500)).await;
    assert_eq!((succeeded, failed), (1_000, 0), "retransmission");
    assert!(repeated > 50, "one of ten answers was lost, and {repeated} calls were repeated");
    for scenario in ["cancel", "forged-via"] {
        let (succeeded, failed, _) = play_scenario(scenario, "u1", folder.path(), rig.sip, "010", (1_000, 500)).await;
        assert_eq!((succeeded, failed), (1_000, 0), "{scenario}");
    }
    let metrics = rig.metrics().await;
    let told = "fourhundred_sip_messages_total{outcome=\"cancel\"} 2000";
    assert!(metrics.lines().any(|line| line == told), "{told} in\n{metrics}");
}

async fn answers(phone: &mut Phone) {
    let answer = phone.call(HOTLINE, "075526660000").await.expect("the router still answers");
    assert_eq!((answer.code, answer.contacts()), (302, vec!["075566660002", "busy"]), "{}", answer.text);
}

async fn what_is_no_call_harms_none_and_a_retransmission_gets_the_same_bytes() {
    let mut rig = ready().await;
    let mut phone = rig.phone().await;
    let call = phone.invite(HOTLINE, "01066660000", "again");
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(phone.ask(call.as_bytes(), "again", Duration::from_secs(2)).await.expect("an answer"));
        answers(&mut phone).await;
    }
    assert!(heard.iter().all(|answer| *answer == heard[0] && answer.code == 302), "{heard:?}");
    // Also after the process was killed: the tag is made of the call and the gateway, not kept.
    rig.kill().await;
    rig.start(&[]);
    drop(rig.intake_is_open().await);
    let mut phone_again = rig.phone().await;
    answers(&mut phone_again).await;
    assert_eq!(phone.ask(call.as_bytes(), "again", Duration::from_secs(2)).await.as_ref(), Some(&heard[0]));

    for bytes in malformed(&call) {
        phone.throw(&bytes).await;
    }
    answers(&mut phone_again).await;
    let warm = rig.resident_kib();
    let mut dice = Dice::seeded(3261);
    for batch in 0..60 {
        for _ in 0..100 {
            phone.throw(&junk(&mut dice, call.as_bytes())).await;
        }
        if batch % 10 == 0 {
            answers(&mut phone_again).await;
        }
    }
    answers(&mut phone_again).await;
    rig.still_runs();
    let grown = rig.resident_kib().saturating_sub(warm);
    assert!(grown < GROWTH_KIB, "the process grew by {grown} KiB");
    let metrics = rig.metrics().await;
    for outcome in ["redirected", "malformed", "unreadable", "keep_alive", "stray_response"] {
        let counter = format!("fourhundred_sip_messages_total{{outcome=\"{outcome}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(counter.as_str())?.parse::<u64>().ok());
        assert!(count.is_some_and(|count| count > 0), "what was thrown is counted as {outcome}: {count:?}");
    }
    assert!(!rig.end_of_log().contains("panicked"), "{}", rig.end_of_log());
}

/// Known troublemakers: empty, keep-alive, cut short, without an end, longer than it may be, headers without end.
fn malformed(call: &str) -> Vec<Vec<u8>> {
    let long = |bytes: usize| vec![b'A'; bytes];
    let with = |from: &str, to: String| call.replacen(from, &to, 1).into_bytes();
    let mut messages = vec![
        Vec::new(),
        b"\r\n\r\n".to_vec(),
        b"\0".to_vec(),
        long(65_507),
        b"INVITE".to_vec(),
        b"INVITE sip:4001000868@h SIP/2.0\r\n\r\n".to_vec(),
        with("SIP/2.0\r\n", "SIP/9.9\r\n".to_owned()),
        with("Content-Length: 0", "Content-Length: 4000000000".to_owned()),
        with("Content-Length: 0", "Content-Length: -1".to_owned()),
        with("CSeq: 1 INVITE", "CSeq: 99999999999999999999 INVITE".to_owned()),
        with("CSeq: 1 INVITE", "CSeq: 1 OPTIONS".to_owned()),
        with("Via: ", "Via: SIP/2.0/UDP [::1".to_owned()),
        with("Call-ID: again", format!("Call-ID: {}", "x".repeat(60_000))),
        with("From: <", format!("From: {}<", "\"".repeat(50_000))),
        with("sip:4001000868@", format!("sip:{}@", "4".repeat(60_000))),
        with("sip:4001000868@", "sip:%00%ff%zz@".to_owned()),
        call.replace("\r\n", "\n").into_bytes(),
        with("Max-Forwards: 70\r\n", "Via: SIP/2.0/UDP 127.0.0.1\r\n".repeat(2_000)),
        with("Max-Forwards: 70\r\n", "a: b\r\n".repeat(10_000)),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
    ];
    messages.extend((0..call.len()).step_by(7).map(|length| call.as_bytes()[..length].to_vec()));
    messages
}

/// Noise, or a call with some bytes changed, doubled or left out.
fn junk(dice: &mut Dice, call: &[u8]) -> Vec<u8> {
    if dice.chance(30) {
        return (0..dice.below(1_400)).map(|_| dice.next().to_le_bytes()[0]).collect();
    }
    let mut bytes = call.to_vec();
    for _ in 0..=dice.below(6) {
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        match dice.below(3) {
            0 => bytes[at] = dice.next().to_le_bytes()[0],
            1 => bytes.insert(at, bytes[at]),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}
