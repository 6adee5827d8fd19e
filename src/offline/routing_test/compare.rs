//! Whether a decision is as a test expects: every field that the test names, in the words that people use.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Expectation;
use crate::domain::numbering::normalise;
use crate::domain::routing::decision::DecisionDocument;

/// One line for each field that differs.
pub fn differences(expect: &Expectation, decision: &DecisionDocument) -> Vec<String> {
    let seen = serde_json::to_value(decision).unwrap_or_default();
    let mut differences = Vec::new();
    for (field, expected) in expect {
        let got = seen.get(field).unwrap_or(&Value::Null);
        let same = match (field.as_str(), expected) {
            ("destinations", Value::Array(expected)) => destinations_match(expected, got),
            ("number", Value::String(number)) => got.as_str() == Some(&destination_key(number)),
            _ => is_subset(expected, got),
        };
        if !same {
            differences.push(format!("{field}: expected {}, got {}", shown(expected), shown(got)));
        }
    }
    differences
}

fn destinations_match(expected: &[Value], got: &Value) -> bool {
    let got = got.as_array().map(Vec::as_slice).unwrap_or_default();
    expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| destination_matches(expected, got))
}

/// A text is a name or a number as people write it; an object matches where all its members do.
fn destination_matches(expected: &Value, got: &Value) -> bool {
    match expected {
        Value::String(text) => {
            got.get("name").and_then(Value::as_str) == Some(text)
                || got.get("number").and_then(Value::as_str) == Some(&destination_key(text))
        }
        Value::Object(members) => members.iter().all(|(field, value)| {
            let got = got.get(field).unwrap_or(&Value::Null);
            match (field.as_str(), value) {
                ("number", Value::String(number)) => got.as_str() == Some(&destination_key(number)),
                _ => is_subset(value, got),
            }
        }),
        _ => false,
    }
}

fn is_subset(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            expected.iter().all(|(field, value)| got.get(field).is_some_and(|got| is_subset(value, got)))
        }
        (Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(one, other)| is_subset(one, other))
        }
        _ => expected == got,
    }
}

/// A number in national form, a name as it is.
fn destination_key(text: &str) -> String {
    normalise(text).map_or_else(|_| text.to_owned(), |number| number.to_string())
}

/// How often each destination came first, by its name and by its number.
#[derive(Debug, Default)]
pub struct FirstDestinations {
    names: BTreeMap<String, u32>,
    numbers: BTreeMap<String, u32>,
}

impl FirstDestinations {
    pub fn count(&mut self, decision: &DecisionDocument) {
        let Some(first) = decision.destinations.as_ref().and_then(|destinations| destinations.first()) else { return };
        if let Some(name) = &first.name {
            *self.names.entry(name.clone()).or_default() += 1;
        }
        *self.numbers.entry(first.number.clone()).or_default() += 1;
    }

    /// Calls that `called` came first in: a name as it is (`1-2` is one), else a number as people write it.
    pub fn of(&self, called: &str) -> u32 {
        let by_name = self.names.get(called);
        by_name.or_else(|| self.numbers.get(&destination_key(called))).copied().unwrap_or(0)
    }
}

/// A value as a line of a difference shows it: names and numbers without the punctuation of JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => match (members.get("name"), members.get("number")) {
            (Some(Value::String(name)), Some(Value::String(number))) => format!("{name} ({number})"),
            (None, Some(Value::String(number))) => number.clone(),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}
