//! A biller with its ledger in a process of its own: 1,000 numbers of one tenant, 0.60 yuan a minute.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use arc_swap::ArcSwap;
use fourhundred::domain::digest::Digest;
use fourhundred::domain::rating::book::PriceBookDocument;
use fourhundred::domain::routing::document::{BindingEntry, Bindings, FORMAT, Prices};
use fourhundred::ledger::Ledger;
use fourhundred::ledger::sqlite::{Options, SqliteLedger};
use fourhundred::runtime::clock::Clock;
use fourhundred::workers::access::Token;
use fourhundred::workers::biller::{Counters, Intake, IntakeSettings};
use serde_json::json;
use serde_json::value::RawValue;
use tempfile::TempDir;

pub const TOKEN: &str = "bench-token";
pub const NUMBERS: u64 = 1000;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve-biller", folder.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap(), _folder: folder }
    }

    /// Seconds of CPU that it has used.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }

    /// Memory that it holds, in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

/// The process: prints its address, and serves until its input ends.
pub fn serve(folder: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = ledger(Path::new(folder)).await;
        let settings = IntakeSettings::new(Token::new(TOKEN), &[]);
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        let clock = Clock::showing("2026-11-23T18:00:00+08:00".parse().unwrap());
        let intake = Intake::new(ledger, settings, clock, Counters::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let until = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            served = axum::serve(listener, intake.routes()) => served.unwrap(),
            _ = until => {}
        }
    });
}

async fn ledger(folder: &Path) -> Arc<dyn Ledger> {
    let now = "2026-11-23T18:00:00+08:00".parse().unwrap();
    let ledger = SqliteLedger::open(&Options::at(&folder.join("ledger.sqlite")), now).unwrap();
    let document: PriceBookDocument = serde_json::from_value(json!({"currency": "CNY", "timeZone": "Asia/Shanghai",
        "versions": [{"effectiveFrom": "2026-01-01", "voice": {"rates": [
            {"name": "local", "when": {"distance": ["Local"]}, "perMinute": {"enterprise": "0.10"}},
            {"name": "all", "perMinute": {"enterprise": "0.60"}}]}}]}))
    .unwrap();
    let book = RawValue::from_string(document.canonical()).unwrap();
    let digest = Digest::of(book.get().as_bytes()).to_string();
    ledger.keep_price_book(Prices { format: FORMAT, tariff: "standard".to_owned(), book }, now).await.unwrap();
    let binding = |number: u64| BindingEntry {
        number: format!("4001{number:06}"),
        object: "acme/hotline".to_owned(),
        tenant: "acme".to_owned(),
        since: "2026-11-01T00:00:00+08:00".parse().unwrap(),
        tariff: "standard".to_owned(),
        price_book: digest.clone(),
        package: None,
        functions: Vec::new(),
        calls_per_month: None,
        minimum_monthly: None,
    };
    let bindings = Bindings {
        format: FORMAT,
        gateway: "telephony/east".to_owned(),
        namespace: "acme".to_owned(),
        leaf: String::new(),
        bindings: (0..NUMBERS).map(binding).collect(),
    };
    ledger.apply_bindings(bindings, now).await.unwrap();
    Arc::new(ledger)
}
