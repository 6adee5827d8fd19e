//! A file of routing tests → tests, every mistake with its line.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Expectation;
use crate::domain::numbering::FourHundred;
use crate::folder::fault::{Fault, Flaw, Problem};
use crate::folder::schema::Schema;
use crate::folder::yaml::{Node, parse};
use crate::folder::{Place, fault, read_file};

/// A call to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub to: FourHundred,
    /// `None`: the number is withheld.
    pub from: Option<String>,
    pub at: Timestamp,
    pub call_id: Option<String>,
}

/// What is said of many calls together.
#[derive(Debug, Clone, PartialEq)]
pub struct Calls {
    pub count: u32,
    /// Destination (name or number) → the share of calls that it comes first in.
    pub share: BTreeMap<String, f64>,
    /// How far a share may lie off.
    pub within: f64,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub name: String,
    pub place: Place,
    pub call: Call,
    /// `None`: one call.
    pub calls: Option<Calls>,
    pub expect: Expectation,
}

/// How far a share may lie off when the test does not say.
const WITHIN: f64 = 0.02;

#[derive(Deserialize)]
struct FileDocument {
    tests: Vec<TestDocument>,
}

#[derive(Deserialize)]
struct TestDocument {
    name: String,
    call: Option<CallDocument>,
    calls: Option<CallDocument>,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallDocument {
    to: String,
    from: Option<String>,
    at: String,
    call_id: Option<String>,
    count: Option<u32>,
}

static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::new(&schema()).ok());

fn schema() -> Value {
    let text = json!({"type": "string", "minLength": 1, "maxLength": 256});
    let instant = json!({"type": "string", "format": "date-time", "maxLength": 64});
    let any = json!({"x-kubernetes-preserve-unknown-fields": true});
    let call = |many: bool| {
        let count = json!({"type": "integer", "minimum": 1, "maximum": 100_000});
        let (required, properties) = if many {
            (json!(["to", "at", "count"]), json!({"to": text, "from": text, "at": instant, "count": count}))
        } else {
            (json!(["to", "at"]), json!({"to": text, "from": text, "at": instant, "callId": text}))
        };
        json!({"type": "object", "required": required, "properties": properties})
    };
    let share = json!({"type": "number", "minimum": 0, "maximum": 1});
    let reasons: Vec<&str> =
        crate::domain::routing::decision::Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    json!({"type": "object", "required": ["tests"], "properties": {"tests": {
        "type": "array", "minItems": 1, "maxItems": 5_000,
        "items": {"type": "object", "required": ["name", "expect"], "properties": {
            "name": text,
            "call": call(false),
            "calls": call(true),
            "expect": {"type": "object", "minProperties": 1, "properties": {
                "outcome": {"type": "string", "enum": ["Route", "Announce", "Refuse"]},
                "reason": {"type": "string", "enum": reasons},
                "sip": {"type": "integer"},
                "number": text, "tenant": text, "period": text, "rule": text, "override": text,
                "destinations": {"type": "array", "maxItems": 9, "items": any},
                "announcement": text, "uri": text, "whenExhausted": any, "callId": text, "plan": text, "trace": any,
                "share": {"type": "object", "additionalProperties": share, "minProperties": 1},
                "within": share,
            }},
        }},
    }}})
}

/// Reads a file; all its mistakes are told at once.
pub fn read(path: &Path) -> Result<Vec<Test>, Vec<Problem>> {
    let file: Arc<Path> = Arc::from(path);
    let text = read_file(path).map_err(|problem| vec![problem])?;
    let documents = parse(&text).map_err(|flaw| vec![flaw.in_file(&file)])?;
    let (mut tests, mut flaws) = (Vec::new(), Vec::new());
    for document in &documents {
        match read_document(document, &file) {
            Ok(read) => tests.extend(read),
            Err(found) => flaws.extend(found),
        }
    }
    if flaws.is_empty() { Ok(tests) } else { Err(flaws.into_iter().map(|flaw| flaw.in_file(&file)).collect()) }
}

fn read_document(document: &Node, file: &Arc<Path>) -> Result<Vec<Test>, Vec<Flaw>> {
    let flaws = SCHEMA.as_ref().map(|schema| schema.check_document(document)).unwrap_or_default();
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let at = |path: &str, fault| vec![Flaw { position: document.position_of(path), path: path.to_owned(), fault }];
    let read: FileDocument =
        serde_json::from_value(document.to_json()).map_err(|error| at("tests", Fault::Decode(error.to_string())))?;
    let mut tests = Vec::new();
    let mut flaws = Vec::new();
    for (index, test) in read.tests.into_iter().enumerate() {
        let path = format!("tests[{index}]");
        let place = Place { file: Arc::clone(file), position: document.position_of(&path) };
        match check(test, place) {
            Ok(test) => tests.push(test),
            Err((field, sentence)) => flaws.extend(at(&format!("{path}.{field}"), Fault::Rule(sentence))),
        }
    }
    if flaws.is_empty() { Ok(tests) } else { Err(flaws) }
}

/// What the schema cannot say of a test; the error is a field and a sentence.
fn check(test: TestDocument, place: fault::Place) -> Result<Test, (String, String)> {
    let wrong = |field: &str, sentence: &str| Err((field.to_owned(), sentence.to_owned()));
    let mut expect = test.expect;
    let share = expect.remove("share");
    let within = expect.remove("within").and_then(|within| within.as_f64());
    let (field, document) = match (test.call, test.calls) {
        (Some(call), None) => ("call", call),
        (None, Some(calls)) => ("calls", calls),
        _ => return wrong("", "give either `call` or `calls`, exactly one of them"),
    };
    if field == "call" && (share.is_some() || within.is_some()) {
        return wrong("expect.share", "share and within speak of many calls: write `calls` with a count");
    }
    let Some(to) = super::called(&document.to) else {
        return wrong(&format!("{field}.to"), "write the ten digits of a 400 number, such as \"4001000868\"");
    };
    let Ok(at) = document.at.parse::<Timestamp>() else {
        return wrong(
            &format!("{field}.at"),
            "write an instant with its offset, such as \"2026-11-23T20:00:00+08:00\"",
        );
    };
    let calls = document.count.map(|count| Calls {
        count,
        share: share.and_then(|share| serde_json::from_value(share).ok()).unwrap_or_default(),
        within: within.unwrap_or(WITHIN),
    });
    let call = Call { to, from: document.from, at, call_id: document.call_id };
    Ok(Test { name: test.name, place, call, calls, expect })
}
