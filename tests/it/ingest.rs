//! `fourhundred ingest` against a real biller: files of every form, interruptions, a biller that is away, a spool folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use fourhundred::runtime::ports;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::child::{self, Program, edit};
use crate::harness::{eventually, launch};
use crate::rig::TOKEN;
use crate::site::Site;

suite! {
    files_of_every_form_are_booked_and_sending_them_again_changes_nothing,
    an_interrupted_file_goes_on_behind_the_last_answer,
    a_biller_that_is_away_is_waited_for_and_one_that_refuses_is_told,
    a_spool_folder_is_handed_over_file_by_file,
}

const HOTLINE: &str = "4001000868";
const PATIENCE: Duration = Duration::from_secs(30);

/// A biller with a switch of each form, at a port that stays.
struct Bench {
    site: Site,
    program: Option<Program>,
    address: String,
}

impl Bench {
    fn stopped() -> Self {
        let site = Site::new();
        let port = ports::pick().unwrap();
        let gateway = site.manifest("platform/gateway.yaml");
        edit(&gateway, "protocol: HTTP, port: 0", &format!("protocol: HTTP, port: {port}"));
        edit(
            &gateway,
            "tokenSecretRef: {name: cdr-writer, key: token}",
            "tokenSecretRef: {name: cdr-writer, key: token}\n    sources:\n    - {name: it}\n    \
             - {name: fs-1, format: FreeSwitchJson, numberField: variables.sip_h_X-Original-Called}\n    \
             - {name: edge, format: KamailioAcc}\n    - {name: pbx, format: AsteriskCsv}",
        );
        Self { site, program: None, address: format!("http://127.0.0.1:{port}") }
    }

    async fn running() -> Self {
        let mut bench = Self::stopped();
        bench.start().await;
        bench
    }

    async fn start(&mut self) {
        let program = self.site.start();
        program.ready().await;
        self.site.number_ready("hotline").await;
        self.program = Some(program);
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.site.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = launch::fourhundred();
        command.args(["ingest", "--to", &self.address]).args(arguments).env("FOURHUNDRED_CALL_RECORD_TOKEN", TOKEN);
        let mut command = Command::from(command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn ingest(&self, arguments: &[&str]) -> Output {
        tokio::time::timeout(PATIENCE, self.command(arguments).output()).await.expect("it ends").unwrap()
    }

    /// What is told of files that were handed over, and how it ended.
    async fn summary(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.ingest(&[arguments, &["--output", "json"]].concat()).await;
        let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (told, output.status.code().unwrap())
    }

    /// Seconds that were charged for the hotline, and offered calls.
    fn usage(&self) -> (i64, i64) {
        let number = self.site.object("fhn", "acme", "hotline").unwrap();
        let usage = &number["status"]["usage"];
        (usage["chargedSeconds"].as_i64().unwrap_or(-1), usage["calls"]["offered"].as_i64().unwrap_or(-1))
    }

    async fn usage_is(&self, seconds: i64, calls: i64) {
        eventually(PATIENCE, &format!("{calls} calls of {seconds} s are shown"), async || {
            let seen = self.usage();
            if seen == (seconds, calls) { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }
}

/// A minute's call in the neutral form.
fn neutral(call: usize) -> String {
    let record = json!({"source": "it", "callId": format!("neutral-{call}"), "leg": 1, "number": HOTLINE,
        "caller": "01066660000", "destination": "01088880001", "startedAt": "2026-11-23T10:00:30+08:00",
        "answeredAt": "2026-11-23T10:00:40+08:00", "endedAt": "2026-11-23T10:01:40+08:00", "outcome": "Answered"});
    format!("{record}\n")
}

/// A minute's call as `mod_json_cdr` writes it into `err-log-dir`: the text of the request that failed.
fn freeswitch(uuid: &str, number: &str) -> String {
    let at = |seconds: i64| (1_795_399_230 + seconds).to_string() + "000007";
    let profile = |number: &str| json!({"destination_number": number, "caller_id_number": "01066660000", "uuid": uuid});
    let mut called = profile("public");
    called["originatee"] = json!({"originatee_caller_profiles": [profile("01088880001")]});
    let cdr = json!({
        "variables": {"uuid": uuid, "sip_h_X-Original-Called": number, "start_uepoch": at(0), "answer_uepoch": at(10),
            "bridge_uepoch": at(10), "end_uepoch": at(70), "hangup_cause": "NORMAL_CLEARING", "hangup_cause_q850": "16"},
        "callflow": [{"profile_index": "1", "caller_profile": called,
            "times": {"profile_created_time": at(0), "bridged_time": at(10), "hangup_time": at(70), "transfer_time": "0"}}],
    });
    let escaped = cdr.to_string().bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    format!("cdr={escaped}\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn terminate(child: &Child) {
    kill_process(Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
}

async fn files_of_every_form_are_booked_and_sending_them_again_changes_nothing() {
    let bench = Bench::running().await;
    let lines: String = (0..300).map(neutral).collect();
    let packed = bench.file("in/october.ndjson.gz", gzip(&lines));
    let edge = concat!(
        r#"{"start_time":"1795399240.0","end_time":"1795399300.0","callid":"k","src_user":"01066660000","dst_ouser":"4001000868","dst_user":"01088880001"}"#,
        "\n",
        r#"{"time":1795399300,"method":"BYE","callid":"k","sip_code":"200","sip_reason":"OK"}"#,
    );
    let edge = bench.file("in/edge.jsonl.zst", zstd::stream::encode_all(edge.as_bytes(), 3).unwrap());
    let row = |id: usize, end: &str| {
        format!(
            "\"\",01066660000,{HOTLINE},in,\"\"\"Li\nBo\"\"\",PJSIP/c-{id},PJSIP/t-{id},Dial,\"PJSIP/01088880001@t,30\",2026-11-23 10:00:30,2026-11-23 10:00:40,{end},70,60,ANSWERED,3,1795399230.{id}\n"
        )
    };
    let rows = [row(1, "2026-11-23 10:01:40"), row(2, "2026-11-23 10:00:00"), row(3, "2026-11-23 10:01:40")].concat();
    let rows = bench.file("in/Master.csv", rows);
    let of = |path: &Path| path.to_str().unwrap().to_owned();
    for (round, [neutral, native, row]) in [([300, 1, 2]), ([0, 0, 0])].into_iter().enumerate() {
        let (told, code) = bench.summary(&["--lines", "70", &of(&packed)]).await;
        assert_eq!((code, &told["accepted"], &told["duplicates"]), (0, &json!(neutral), &json!(300 - neutral)));
        let (told, code) = bench.summary(&["--source", "edge", &of(&edge)]).await;
        assert_eq!((code, &told["accepted"], &told["passedOver"]), (0, &json!(native), &json!(1)), "{round}");
        let (told, code) = bench.summary(&["--source", "pbx", &of(&rows)]).await;
        assert_eq!((code, &told["accepted"], &told["refused"]), (1, &json!(row), &json!(1)), "{round}");
        // The second row begins on the file's third line: the first has a line end in its quotes.
        let refused = std::fs::read_to_string(of(&rows) + ".refused").unwrap();
        assert_eq!(refused, "{\"line\":3,\"reason\":\"endedAt is before startedAt\"}\n");
        bench.usage_is(303 * 60, 303).await;
    }
    assert!(!Path::new(&(of(&packed) + ".ingest")).exists());
    let by_the_ledger = |arguments: &[&str]| {
        let (platform, tenant) = (of(&bench.site.manifest("platform")), of(&bench.site.manifest("acme")));
        let ledger = of(&bench.site.data().join("ledger.sqlite"));
        let fixed = ["rate", &platform, &tenant, "--ledger", &ledger, "--month", "2026-11", "--output", "json"];
        child::run(&[&fixed[..], arguments].concat())
    };
    // What was booked while the biller runs, and what the same folder makes of the same records.
    let same: Value = serde_json::from_slice(&by_the_ledger(&[]).stdout).unwrap();
    assert_eq!((&same["records"]["rated"], &same["records"]["unrated"]), (&json!(304), &json!(0)), "{same}");
    let acme = same["tenants"].as_array().unwrap().iter().find(|tenant| tenant["tenant"] == "acme").unwrap();
    assert_eq!((&acme["numbers"], &acme["difference"]), (&json!(2), &json!("0.00")), "{same}");
    let unknown = by_the_ledger(&["--tariff", "nobody"]);
    let told = String::from_utf8_lossy(&unknown.stderr);
    assert!(unknown.status.code() == Some(2) && told.contains("no Tariff \"nobody\" that can be used"), "{told}");
    let text = bench.ingest(&["--source", "pbx", &of(&rows)]).await;
    let (said, told) = (String::from_utf8_lossy(&text.stdout), String::from_utf8_lossy(&text.stderr));
    assert!(said.starts_with("0 taken, 2 known already, 1 refused from 1 file"), "{said}");
    assert!(told.contains("Master.csv:3: endedAt is before startedAt"), "{told}");
}

async fn an_interrupted_file_goes_on_behind_the_last_answer() {
    const CALLS: usize = 600;
    let bench = Bench::running().await;
    let lines: String = (0..CALLS).map(neutral).collect();
    let file = bench.file("in/november.ndjson", lines);
    let (file, place) = (file.to_str().unwrap().to_owned(), format!("{}.ingest", file.display()));
    let kept = || std::fs::read_to_string(&place).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    // Killed without a word, then asked to stop: both leave a place behind.
    for kill in [true, false] {
        let before = kept().map_or(0, |place| place["bytes"].as_u64().unwrap());
        let mut child = bench.command(&["--lines", "1", &file]).spawn().unwrap();
        eventually(PATIENCE, "some of the file is through", async || match kept() {
            Some(place) if place["bytes"].as_u64().unwrap() > before => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        if kill {
            child.start_kill().unwrap();
        } else {
            terminate(&child);
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), if kill { None } else { Some(2) });
        assert!(kill || String::from_utf8_lossy(&output.stderr).contains("go on from where they are"), "{output:?}");
    }
    let (told, code) = bench.summary(&["--lines", "1", &file]).await;
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((code, count("accepted") + count("duplicates")), (0, CALLS as u64), "{told}");
    // The one that was under way when the process was killed.
    assert!(count("duplicates") <= 1, "{told}");
    assert!(!Path::new(&place).exists());
    bench.usage_is(60 * i64::try_from(CALLS).unwrap(), i64::try_from(CALLS).unwrap()).await;
}

async fn a_biller_that_is_away_is_waited_for_and_one_that_refuses_is_told() {
    let mut bench = Bench::stopped();
    let file = bench.file("in/a.json", neutral(1));
    let file = file.to_str().unwrap().to_owned();
    let output = bench.ingest(&["--patience", "0", &file]).await;
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("did not take the records for 0 s") && told.contains("refuses connections"), "{told}");
    let waiting = bench.command(&["--output", "json", &file]).spawn().unwrap();
    bench.start().await;
    let output = tokio::time::timeout(PATIENCE, waiting.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["accepted"], 1);
    for (arguments, sentence) in [
        (&["--token", "somebody", &file][..], "answers 401: the call record token is needed"),
        (&["--source", "fs-9", &file], "answers 404: source \"fs-9\" is not among the gateway's callRecords.sources"),
        (&["--source", "pbx", &file], "answers 415: Content-Type must be text/csv"),
        (&["--form", "lines", "missing"], "missing cannot be read: No such file"),
        (&["Cargo.toml"], "its name tells no form"),
    ] {
        let output = bench.ingest(arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(sentence), "{arguments:?}: {told}");
    }
}

async fn a_spool_folder_is_handed_over_file_by_file() {
    let bench = Bench::running().await;
    let folder = bench.site.folder.path().join("spool");
    for (name, number) in [("a-1", HOTLINE), ("a-2", "13900002222"), ("a-3", HOTLINE)] {
        bench.file(&format!("spool/{name}.cdr.json"), freeswitch(name, number));
    }
    bench.file("spool/notes.txt", "not for the biller");
    let spool = folder.to_str().unwrap().to_owned();
    let listed = |part: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut watching = bench.command(&["--source", "fs-1", "--spool", &spool]).spawn().unwrap();
    eventually(PATIENCE, "the files are put aside", async || {
        let left = listed("");
        if left == ["notes.txt"] { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    assert_eq!(listed("done"), ["a-1.cdr.json", "a-3.cdr.json"]);
    assert_eq!(listed("refused"), ["a-2.cdr.json", "a-2.cdr.json.refused"]);
    let why = std::fs::read_to_string(folder.join("refused/a-2.cdr.json.refused")).unwrap();
    assert!(why.contains("\"line\":1") && why.contains("sip_h_X-Original-Called is not a 400 number"), "{why}");
    assert!(!why.contains("139"), "{why}");
    bench.usage_is(120, 2).await;
    // One more while it watches; and one that it knows already, under a name that is taken.
    bench.file("spool/a-4.cdr.json", freeswitch("a-4", HOTLINE));
    bench.file("spool/a-1.cdr.json", freeswitch("a-1", HOTLINE));
    bench.usage_is(180, 3).await;
    eventually(PATIENCE, "both are put aside", async || {
        let done = listed("done");
        if done == ["1-a-1.cdr.json", "a-1.cdr.json", "a-3.cdr.json", "a-4.cdr.json"] {
            Ok(())
        } else {
            Err(format!("{done:?}"))
        }
    })
    .await;
    assert!(watching.try_wait().unwrap().is_none());
    terminate(&watching);
    let output = tokio::time::timeout(PATIENCE, watching.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.matches("notes.txt stays where it is").count(), 1, "{told}");
    let once = bench.ingest(&["--source", "fs-1", "--spool", &spool, "--once"]).await;
    assert_eq!(once.status.code(), Some(1));
}
