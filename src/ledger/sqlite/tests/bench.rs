//! A ledger in a temporary folder, a price book, bindings and records to put in.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::domain::digest::Digest;
use crate::domain::rating::CallRecord;
use crate::domain::rating::book::PriceBookDocument;
use crate::domain::routing::document::{BindingEntry, Bindings, FORMAT, Prices};
use crate::ledger::sqlite::{Options, SqliteLedger};
use crate::ledger::{Booking, Ledger as _, Received, Usage};

pub(crate) const NUMBER: &str = "4001000868";
pub(crate) const OTHER_NUMBER: &str = "4007000123";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When the fixtures' records are received.
pub(crate) fn now() -> Timestamp {
    at("2026-11-23T18:00:00+08:00")
}

pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    ledger: Option<SqliteLedger>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&Options::at(&folder.path().join("ledger.db")), now()).unwrap();
        Self { folder, ledger: Some(ledger) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub(crate) fn ledger(&self) -> &SqliteLedger {
        self.ledger.as_ref().unwrap()
    }

    /// Closes the ledger and opens it again.
    pub(crate) fn reopen(&mut self) {
        self.ledger = None;
        self.ledger = Some(SqliteLedger::open(&Options::at(&self.path()), now()).unwrap());
    }

    /// A look at the file from outside, past the ledger's rules.
    pub(crate) fn outside(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// A bench whose [`NUMBER`] and [`OTHER_NUMBER`] acme holds since 1 November, without package or functions.
    pub(crate) async fn held() -> Self {
        let bench = Self::new();
        let prices = prices("0.60");
        bench.ledger().keep_price_book(prices.clone(), now()).await.unwrap();
        let entries = vec![binding(NUMBER, "acme", &prices), binding(OTHER_NUMBER, "acme", &prices)];
        bench.ledger().apply_bindings(part("", entries), now()).await.unwrap();
        bench
    }

    pub(crate) async fn book(&self, records: Vec<Received>) -> Vec<Booking> {
        self.ledger().book(records, now()).await.unwrap()
    }

    /// November's totals of a number and its one holder.
    pub(crate) async fn usage(&self, number: &str) -> Usage {
        let mut usage = self.ledger().usage_of(number.parse().unwrap(), "2026-11".parse().unwrap()).await.unwrap();
        assert_eq!(usage.len(), 1, "{usage:?}");
        usage.remove(0)
    }
}

/// A price book: set-up 200 yuan, `per_minute` for every call by the minute, two functions, a package of 10 minutes.
pub(crate) fn prices(per_minute: &str) -> Prices {
    let document: PriceBookDocument = serde_json::from_value(json!({
        "currency": "CNY",
        "timeZone": "Asia/Shanghai",
        "versions": [{
            "effectiveFrom": "2026-01-01",
            "setupFee": "200.00",
            "voice": {
                "increments": {"firstSeconds": 60, "nextSeconds": 60},
                "rates": [{"name": "all", "perMinute": {"enterprise": per_minute}}],
            },
            "functions": [
                {"name": "Schedule", "monthly": "10.00"},
                {"name": "Recording", "monthly": "31.00", "partialMonth": "Daily"},
            ],
            "packages": [{"name": "m10", "monthly": "5.00", "minutes": 10, "thenPerMinute": "0.12"}],
        }],
    }))
    .unwrap();
    Prices { format: FORMAT, tariff: "standard".to_owned(), book: RawValue::from_string(document.canonical()).unwrap() }
}

/// [`prices`] of which a member is something else.
pub(crate) fn prices_with(per_minute: &str, spoil: impl FnOnce(&mut Value)) -> Prices {
    let mut value: Value = serde_json::from_str(prices(per_minute).book.get()).unwrap();
    spoil(&mut value);
    let document: PriceBookDocument = serde_json::from_value(value).unwrap();
    Prices { book: RawValue::from_string(document.canonical()).unwrap(), ..prices(per_minute) }
}

/// A tenth off beyond 5 minutes of the month, a half beyond 20.
pub(crate) fn stepped() -> Prices {
    prices_with("0.60", |book| {
        book["versions"][0]["voice"]["rates"][0]["volumeSteps"] =
            json!([{"aboveMinutes": 5, "percentOff": "10"}, {"aboveMinutes": 20, "percentOff": "50"}]);
    })
}

pub(crate) fn digest(prices: &Prices) -> String {
    Digest::of(prices.book.get().as_bytes()).to_string()
}

pub(crate) fn binding(number: &str, tenant: &str, prices: &Prices) -> BindingEntry {
    BindingEntry {
        number: number.to_owned(),
        object: format!("{tenant}/hotline"),
        tenant: tenant.to_owned(),
        since: at("2026-11-01T00:00:00+08:00"),
        tariff: prices.tariff.clone(),
        price_book: digest(prices),
        package: None,
        functions: Vec::new(),
        calls_per_month: None,
        minimum_monthly: None,
    }
}

pub(crate) fn part(leaf: &str, bindings: Vec<BindingEntry>) -> Bindings {
    Bindings {
        format: FORMAT,
        gateway: "telephony/east".to_owned(),
        namespace: "acme".to_owned(),
        leaf: leaf.to_owned(),
        bindings,
    }
}

/// One leg of a call, told by fs-1.
#[derive(Debug, Clone)]
pub(crate) struct LegOf {
    pub(crate) number: &'static str,
    pub(crate) call_id: String,
    pub(crate) leg: u8,
    pub(crate) started_at: Timestamp,
    /// Seconds it was answered for; else the outcome says.
    pub(crate) seconds: Option<i64>,
    pub(crate) outcome: &'static str,
}

impl LegOf {
    /// An answered first attempt of 23 November.
    pub(crate) fn call(call_id: &str, seconds: i64) -> Self {
        Self {
            number: NUMBER,
            call_id: call_id.to_owned(),
            leg: 1,
            started_at: at("2026-11-23T10:00:00+08:00"),
            seconds: Some(seconds),
            outcome: "Answered",
        }
    }

    /// An attempt that nobody answered.
    pub(crate) fn lost(call_id: &str, leg: u8, outcome: &'static str) -> Self {
        Self { leg, seconds: None, outcome, ..Self::call(call_id, 0) }
    }

    pub(crate) fn received(&self) -> Received {
        let answered_at = self.started_at + SignedDuration::from_secs(7);
        let ended_at = answered_at + SignedDuration::from_secs(self.seconds.unwrap_or(0));
        let body = json!({
            "source": "fs-1",
            "callId": self.call_id,
            "leg": self.leg,
            "number": self.number,
            "caller": "10086",
            "destination": (self.leg > 0).then_some("075566660002"),
            "startedAt": self.started_at.to_string(),
            "answeredAt": self.seconds.map(|_| answered_at.to_string()),
            "endedAt": ended_at.to_string(),
            "outcome": self.outcome,
            "cause": 16,
        })
        .to_string();
        Received::new(CallRecord::from_json(body.as_bytes()).unwrap(), body)
    }
}
