//! The biller as a switch and an operator meet it: over a socket.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Biller, BillingPart, Counters, Intake, IntakeSettings, Switches, UsageFeed};
use crate::domain::rating::native::{Format, Native, Settings, Switch};
use crate::ledger::sqlite::tests::bench::{LegOf, NUMBER, at, binding, now, part, prices};
use crate::ledger::sqlite::{Options, SqliteLedger};
use crate::ledger::{Ledger, Usage};
use crate::runtime::clock::Clock;
use crate::workers::access::Token;

struct Served {
    address: std::net::SocketAddr,
    settings: Arc<ArcSwap<IntakeSettings>>,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Debug)]
struct Answer {
    code: u16,
    head: String,
    body: Value,
}

/// A switch of each form.
fn switches() -> Switches {
    let switch = |name: &str, format: Option<Format>| Switch {
        name: name.to_owned(),
        native: format.map(|format| Native::new(name, format, Settings::default()).unwrap()),
    };
    Switches::new(&[
        switch("fs-1", None),
        switch("fs-2", Some(Format::FreeSwitchJson)),
        switch("edge", Some(Format::KamailioAcc)),
        switch("pbx", Some(Format::AsteriskCsv)),
    ])
}

/// A biller whose [`NUMBER`] acme holds at 0.60 a minute.
async fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&Options::at(&path), now()).unwrap());
    let prices = prices("0.60");
    let bindings = part("", vec![binding(NUMBER, "acme", &prices)]);
    let (parts, follow) = mpsc::channel(4);
    parts.send(BillingPart::Bindings(bindings)).await.unwrap();
    parts.send(BillingPart::Prices(prices)).await.unwrap();
    parts.send(BillingPart::Listed(None)).await.unwrap();
    drop(parts);
    let clock = Clock::showing(now());
    Biller::new(Arc::clone(&ledger), clock, Counters::default()).run(follow).await;

    let settings =
        Arc::new(ArcSwap::from_pointee(IntakeSettings { token: Token::new("switch-secret"), switches: switches() }));
    let intake = Intake::new(Arc::clone(&ledger), Arc::clone(&settings), clock, Counters::default());
    let feed = UsageFeed::new(Arc::clone(&ledger), Token::new("operator-secret"), Counters::default());
    let routes = intake.routes().merge(feed.routes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    Served { address, settings, path, _folder: folder, server }
}

impl Served {
    async fn send(&self, request: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let request_line = format!("{request} HTTP/1.1");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = format!("Content-Length: {}", body.len());
        let fixed = [request_line.as_str(), "Host: biller", "Connection: close", length.as_str()];
        let head: Vec<&str> = fixed.into_iter().chain(headers.iter().copied()).collect();
        let text = [head.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat();
        // A refusal may come, and the connection close, before the body is through.
        let _ = stream.write_all(&text).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { code, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    async fn post(&self, kind: &str, body: &str) -> Answer {
        let kind = format!("Content-Type: {kind}");
        self.send("POST /v1/call-records", &["Authorization: Bearer switch-secret", &kind], body).await
    }

    async fn usage(&self, question: &str) -> Answer {
        self.send(&format!("GET /v1/usage{question}"), &["Authorization: Bearer operator-secret"], "").await
    }
}

const LINES: &str = "application/x-ndjson";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_record_is_booked_by_the_bindings_that_the_plan_gave() {
    let served = serve().await;
    let body = LegOf::call("a84b", 124).received().body().to_owned();
    let answer = served.post("application/json; charset=utf-8", &body).await;
    let expected = json!({"accepted": 1, "duplicates": 0, "conflicts": 0, "unrated": 0, "refused": []});
    assert_eq!((answer.code, answer.body), (200, expected));
    let again = served.post("application/json", &body).await;
    assert_eq!((again.code, &again.body["accepted"], &again.body["duplicates"]), (200, &json!(0), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_is_answered_for() {
    let served = serve().await;
    let line = |call: &str, seconds| LegOf::call(call, seconds).received().body().to_owned();
    let lines = [
        line("a", 60),
        line("a", 60),
        line("a", 90),
        LegOf { number: "4001999999", ..LegOf::call("b", 60) }.received().body().to_owned(),
        line("c", 60).replace("fs-1", "fs-9"),
        line("d", 60).replace("\"outcome\":\"Answered\"", "\"outcome\":\"Busy\""),
        LegOf { started_at: at("2024-01-01T00:00:00+08:00"), ..LegOf::call("e", 60) }.received().body().to_owned(),
    ];
    let answer = served.post(LINES, &lines.join("\n")).await;
    assert_eq!(answer.code, 200);
    let count = |name: &str| answer.body[name].as_u64().unwrap();
    assert_eq!((count("accepted"), count("duplicates"), count("conflicts"), count("unrated")), (2, 1, 1, 1));
    let refused: Vec<(u64, &str)> = answer.body["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| (refusal["line"].as_u64().unwrap(), refusal["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5, 6, 7]);
    assert!(refused[1].1.contains("answeredAt"), "{refused:?}");
    assert_eq!(refused[2].1, "startedAt is more than 18 months ago");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_which_nothing_can_be_used_is_unprocessable() {
    let served = serve().await;
    let answer = served.post(LINES, "{}\nnot json\n").await;
    assert_eq!((answer.code, answer.body["refused"].as_array().unwrap().len()), (422, 2));
    assert_eq!(served.post("application/json", "").await.code, 422);
    assert_eq!(served.post(LINES, "\n").await.code, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_send_or_sends_wrongly_is_told_how() {
    let served = serve().await;
    let body = LegOf::call("a", 60).received().body().to_owned();
    let json = "Content-Type: application/json";
    let token = "Authorization: Bearer switch-secret";
    // The password of any user: what FreeSWITCH can send.
    let basic = "Authorization: Basic ZnM6c3dpdGNoLXNlY3JldA==";
    for (headers, code) in [
        (vec![json], 401),
        (vec![json, "Authorization: Bearer operator-secret"], 401),
        (vec![token], 415),
        (vec![token, "Content-Type: text/csv"], 415),
        (vec![token, json, "Content-Encoding: br"], 415),
        (vec![token, json, "Content-Encoding: gzip"], 400),
        (vec![basic, json], 200),
    ] {
        let answer = served.send("POST /v1/call-records", &headers, &body).await;
        assert_eq!(answer.code, code, "{headers:?}: {answer:?}");
        assert_eq!(answer.head.contains("www-authenticate: bearer"), code == 401, "{answer:?}");
    }
    let large = format!("{}\n", "x".repeat(1023)).repeat(8 * 1024 + 1);
    assert_eq!(served.post(LINES, &large).await.code, 413);
    assert_eq!(served.post(LINES, &"x\n".repeat(10_001)).await.code, 413);
}

/// A call of a minute from a FreeSWITCH, as `mod_json_cdr` posts it when nothing is configured.
fn freeswitch_form(uuid: &str) -> String {
    let at = |seconds: i64| (at("2026-11-23T10:00:00+08:00").as_microsecond() + seconds * 1_000_000).to_string();
    let profile = |number: &str| json!({"destination_number": number, "caller_id_number": "13900002222", "uuid": uuid});
    let mut called = profile(NUMBER);
    called["originatee"] = json!({"originatee_caller_profiles": [profile("075566660002")]});
    let cdr = json!({
        "variables": {"uuid": uuid, "start_uepoch": at(0), "answer_uepoch": at(7), "bridge_uepoch": at(7),
            "end_uepoch": at(67), "hangup_cause_q850": "16", "sip_full_via": "SIP%2F2.0%2FUDP%2010.0.3.20"},
        "callflow": [{"profile_index": "1", "caller_profile": called,
            "times": {"profile_created_time": at(0), "bridged_time": at(7), "hangup_time": at(67), "transfer_time": "0"}}],
    });
    let escaped: String = cdr.to_string().bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    format!("cdr={escaped}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_switch_may_hand_over_its_own_form() {
    let served = serve().await;
    let post = async |path: &str, kind: &str, body: &str| {
        let kind = format!("Content-Type: {kind}");
        let basic = "Authorization: Basic ZnM6c3dpdGNoLXNlY3JldA==";
        served.send(&format!("POST /v1/call-records/{path}"), &[basic, &kind], body).await
    };
    let one = json!({"accepted": 1, "duplicates": 0, "conflicts": 0, "unrated": 0, "refused": []});
    let form = "application/x-www-form-urlencoded";
    let answer = post("fs-2?uuid=a-1", form, &freeswitch_form("a-1")).await;
    assert_eq!((answer.code, &answer.body), (200, &one), "{answer:?}");
    let again = post("fs-2?uuid=a-1", form, &freeswitch_form("a-1")).await;
    assert_eq!((&again.body["accepted"], &again.body["duplicates"]), (&json!(0), &json!(1)));
    // Another end of both legs: one line, one conflict, and nothing more is charged.
    let other_cause = freeswitch_form("a-1").replace("%31%36%22", "%33%31%22");
    let conflict = post("fs-2", form, &other_cause).await;
    assert_eq!((&conflict.body["conflicts"], &conflict.body["duplicates"]), (&json!(1), &json!(0)), "{conflict:?}");
    let edge = concat!(
        r#"{"start_time":"1795312807.2","end_time":"1795312867.2","callid":"k","src_user":"13900002222","dst_ouser":"4001000868","dst_user":"075566660002"}"#,
        "\n",
        r#"{"time":1795312867,"method":"BYE","callid":"k","sip_code":"200","sip_reason":"OK"}"#,
    );
    let answer = post("edge", LINES, edge).await;
    assert_eq!((answer.code, &answer.body["accepted"], &answer.body["passedOver"]), (200, &json!(1), &json!(1)));
    let row = "\"\",13900002222,4001000868,in,\"\"\"Li\nBo\"\"\",PJSIP/c-1,PJSIP/t-2,Dial,\"PJSIP/075566660002@t,30\",2026-11-23 10:00:00,2026-11-23 10:00:07,2026-11-23 10:01:07,67,60,ANSWERED,3,1795399200.1\n";
    let answer = post("pbx", "text/csv", &format!("{row}{}", row.replace("ANSWERED", "MAYBE"))).await;
    assert_eq!(
        (answer.code, &answer.body["accepted"], &answer.body["refused"][0]["line"]),
        (200, &json!(1), &json!(3)),
        "{answer:?}"
    );
    let usage = served.usage("?month=2026-11").await;
    let changed = &usage.body["changed"][0];
    assert_eq!((&changed["chargedSeconds"], &changed["charges"]["voice"]), (&json!(180), &json!("1.80")), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_names_nobody_and_a_form_that_is_anothers_are_told() {
    let served = serve().await;
    let record = LegOf::call("a", 60).received().body().to_owned();
    let token = "Authorization: Bearer switch-secret";
    for (path, kind, code, part) in [
        ("/fs-9", "application/json", 404, "source \"fs-9\" is not among the gateway's callRecords.sources"),
        ("/pbx", "application/json", 415, "Content-Type must be text/csv"),
        ("/fs-1", "application/x-www-form-urlencoded", 415, "Content-Type must be application/json"),
        ("/edge", "application/json", 422, "method is missing: neither a CDR"),
        ("/fs-1", "application/json", 200, ""),
    ] {
        let answer = served
            .send(&format!("POST /v1/call-records{path}"), &[token, &format!("Content-Type: {kind}")], &record)
            .await;
        assert_eq!(answer.code, code, "{path}: {answer:?}");
        let told = answer.body["error"].as_str().or(answer.body["refused"][0]["reason"].as_str()).unwrap_or_default();
        assert!(told.contains(part), "{path}: {told}");
    }
    let native = record.replace("fs-1", "edge");
    let answer = served.post("application/json", &native).await;
    assert_eq!(
        answer.body["refused"][0]["reason"],
        "source \"edge\" writes KamailioAcc: its records come to /v1/call-records/edge"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_body_is_read_and_one_that_grows_without_end_is_not() {
    let served = serve().await;
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, text).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &[u8]| zstd::stream::encode_all(text, 3).unwrap();
    let lines: Vec<String> =
        (0..400).map(|call| LegOf::call(&format!("c{call}"), 60).received().body().to_owned()).collect();
    let lines = lines.join("\n");
    let head = ["Authorization: Bearer switch-secret", "Content-Type: application/x-ndjson"];
    let post = async |encoding: &str, body: Vec<u8>| {
        let encoding = format!("Content-Encoding: {encoding}");
        served.send("POST /v1/call-records", &[head[0], head[1], &encoding], body).await
    };
    let answer = post("gzip", gzip(lines.as_bytes())).await;
    assert_eq!((answer.code, &answer.body["accepted"]), (200, &json!(400)), "{answer:?}");
    let answer = post("zstd", zstd(lines.as_bytes())).await;
    assert_eq!((answer.code, &answer.body["duplicates"]), (200, &json!(400)), "{answer:?}");
    let blank = vec![b'\n'; 200 * 1024 * 1024];
    for (encoding, bomb) in [("gzip", gzip(&blank)), ("zstd", zstd(&blank))] {
        assert!(bomb.len() < 256 * 1024);
        let answer = post(encoding, bomb).await;
        assert_eq!(answer.code, 413, "{answer:?}");
        assert_eq!(answer.body["error"], "the packed text grows to more than 33554432 bytes: send several");
    }
    assert_eq!(post("zstd", gzip(lines.as_bytes())).await.code, 400);
    // The room that all of this took is free again.
    let answer = post("gzip", gzip(lines.as_bytes())).await;
    assert_eq!((answer.code, &answer.body["duplicates"]), (200, &json!(400)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_is_off_without_a_token_and_follows_its_settings() {
    let served = serve().await;
    let body = LegOf::call("a", 60).received().body().to_owned();
    served.settings.store(Arc::new(IntakeSettings::default()));
    let answer = served.post("application/json", &body).await;
    assert_eq!(answer.code, 503);
    assert_eq!(answer.body["error"], "call record intake is off: the gateway's callRecords.tokenSecretRef is not set");
    served.settings.store(Arc::new(IntakeSettings::new(Token::new("switch-secret"), &[])));
    assert_eq!(served.post("application/json", &body.replace("fs-1", "any-switch")).await.code, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_fails_is_not_an_acceptance() {
    let served = serve().await;
    let body = LegOf::call("a", 60).received().body().to_owned();
    let outside = rusqlite::Connection::open(&served.path).unwrap();
    outside
        .execute_batch("CREATE TRIGGER fails BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let answer = served.post("application/json", &body).await;
    assert_eq!(answer.code, 503);
    assert!(answer.head.contains("retry-after: 30"), "{answer:?}");
    assert!(!answer.body["error"].as_str().unwrap().contains("RAISE"), "{answer:?}");
    outside.execute_batch("DROP TRIGGER fails").unwrap();
    assert_eq!(served.post("application/json", &body).await.body["accepted"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_tells_what_changed_and_waits_for_the_next_change() {
    let served = serve().await;
    let first = served.usage("?month=2026-11").await;
    assert_eq!((first.code, first.body["changed"].as_array().unwrap().len()), (200, 1));
    let cursor = first.body["cursor"].as_str().unwrap().to_owned();
    let nothing = served.usage(&format!("?after={cursor}")).await;
    assert_eq!((nothing.body["changed"].as_array().unwrap().len(), &nothing.body["cursor"]), (0, &json!(cursor)));

    let question = format!("?after={cursor}&wait=20");
    let waiting = served.usage(&question);
    let sending = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        served.post("application/json", LegOf::call("a", 60).received().body()).await
    };
    let (told, _) = tokio::join!(waiting, sending);
    let usage: Usage = serde_json::from_value(told.body["changed"][0].clone()).unwrap();
    assert_eq!((usage.number.to_string().as_str(), usage.charged_seconds), (NUMBER, 60));
    assert_eq!(told.body["changed"][0]["charges"]["voice"], "0.60");
    assert_eq!(told.body["changed"][0]["chargedSeconds"], 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_another_ledger_or_another_opening_starts_from_the_beginning() {
    let served = serve().await;
    let first = served.usage("").await;
    let ours = first.body["cursor"].as_str().unwrap();
    let (opening, _) = ours.rsplit_once('-').unwrap();
    let (ledger, epoch) = opening.split_once('-').unwrap();
    let elsewhere = format!("?after={}-{epoch}-1", "0".repeat(32));
    // As of a copy that was restored and has gone further since than the cursor's place.
    let before = format!("?after={ledger}-{:016x}-1", 7);
    let ahead = format!("?after={opening}-99999");
    for question in [elsewhere.as_str(), before.as_str(), ahead.as_str(), ""] {
        let answer = served.usage(question).await;
        assert_eq!(answer.body["changed"].as_array().map(Vec::len), Some(1), "{question}: {answer:?}");
    }
    for question in ["?after=yesterday", "?month=November", "?before=1"] {
        assert_eq!(served.usage(question).await.code, 400, "{question}");
    }
    assert_eq!(served.send("GET /v1/usage", &["Authorization: Bearer switch-secret"], "").await.code, 401);
}
