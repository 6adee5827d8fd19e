//! Routing tests (`*.routing-test.yaml`): what a call must come to, proved before merge.
//!
//! A file is read with places, so that a misspelt field is told with its line; a test is one call, or many that differ
//! in their call id, decided by the same walk as the routers' on the plan of the test's own instant.

mod compare;
mod coverage;
mod file;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

pub use self::coverage::{Coverage, NumberCoverage};
pub use self::file::{Call, Calls, Test, read};
use super::{Offline, OfflineError};
use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};
use crate::domain::numbering::{Caller, FourHundred};
use crate::domain::routing::decide::{CallFacts, decide};
use crate::domain::routing::decision::DecisionDocument;
use crate::domain::routing::plan::Plan;
use crate::domain::routing::trace::Explanation;

/// How one test ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    pub name: String,
    pub file: String,
    pub line: u32,
    pub passed: bool,
    /// What differs, one line each; empty when passed.
    pub differences: Vec<String>,
    /// What was decided; of many calls the first that differs, else the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionDocument>,
}

/// How all tests of a folder ended.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub passed: usize,
    pub failed: usize,
    pub tests: Vec<TestResult>,
    pub coverage: Coverage,
}

/// Decides calls on the plan of their year, compiled once for each.
#[derive(Debug)]
pub struct Bench<'a> {
    offline: &'a Offline,
    zone: TimeZone,
    plans: BTreeMap<i16, Plan>,
}

impl<'a> Bench<'a> {
    pub fn new(offline: &'a Offline) -> Self {
        Self { offline, zone: parse_zone(DEFAULT_ZONE).unwrap_or(TimeZone::UTC), plans: BTreeMap::new() }
    }

    /// The plan that holds throughout the year of `at`: overrides that end in it are still there, and hold by their own
    /// instants.
    fn plan(&mut self, at: Timestamp) -> Result<&Plan, OfflineError> {
        let date = self.zone.to_datetime(at).date();
        let first = date.first_of_year().to_zoned(self.zone.clone()).map_or(at, |midnight| midnight.timestamp());
        match self.plans.entry(date.year()) {
            std::collections::btree_map::Entry::Occupied(plan) => Ok(plan.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => Ok(place.insert(self.offline.plan_at(first)?)),
        }
    }

    fn run(&mut self, test: &Test, coverage: &mut Coverage) -> Result<TestResult, OfflineError> {
        let mut result = TestResult {
            name: test.name.clone(),
            file: test.place.file.display().to_string(),
            line: test.place.position.line,
            passed: false,
            differences: Vec::new(),
            decision: None,
        };
        let plan = self.plan(test.call.at)?;
        match &test.calls {
            None => {
                let call_id = test.call.call_id.clone().unwrap_or_else(|| test.name.clone());
                let decision = decided(plan, test, &call_id, 0);
                coverage.reached(&decision);
                result.differences = compare::differences(&test.expect, &decision);
                result.decision = Some(decision);
            }
            Some(calls) => many(plan, test, calls, coverage, &mut result),
        }
        result.passed = result.differences.is_empty();
        Ok(result)
    }
}

/// Many calls with the call ids `NAME#0`, `NAME#1`, …; rotations go on from call to call.
fn many(plan: &Plan, test: &Test, calls: &Calls, coverage: &mut Coverage, result: &mut TestResult) {
    let mut first = compare::FirstDestinations::default();
    let mut differing = 0_u32;
    for index in 0..calls.count {
        let decision = decided(plan, test, &format!("{}#{index}", test.name), u64::from(index));
        coverage.reached(&decision);
        first.count(&decision);
        let differences = compare::differences(&test.expect, &decision);
        if !differences.is_empty() {
            differing += 1;
        }
        if result.decision.is_none() || (differing == 1 && !differences.is_empty()) {
            result.differences = differences;
            result.decision = Some(decision);
        }
    }
    if differing > 0 {
        result.differences.insert(0, format!("{differing} of {} calls differ; the first that does:", calls.count));
    }
    for (name, share) in &calls.share {
        let seen = f64::from(first.of(name)) / f64::from(calls.count);
        if (seen - share).abs() > calls.within {
            result.differences.push(format!("share.{name}: expected {share} within {}, got {seen:.4}", calls.within));
        }
    }
}

/// The decision with every field that the test names: callId and trace are made only where somebody looks.
fn decided(plan: &Plan, test: &Test, call_id: &str, turn: u64) -> DecisionDocument {
    let call = &test.call;
    let caller = call.from.as_deref().map_or(Caller::ANONYMOUS, Caller::parse);
    let facts = CallFacts { to: call.to, caller, at: call.at, call_id };
    let mut turns = turn;
    let told = test.expect.contains_key("callId").then(|| call_id.to_owned());
    if !test.expect.contains_key("trace") {
        return decide(plan, &facts, &mut turns, &mut ()).document(told, None);
    }
    let mut explanation = Explanation::default();
    let mut document = decide(plan, &facts, &mut turns, &mut explanation).document(told, None);
    document.trace = Some(explanation.lines);
    document
}

/// Runs `tests` in order.
pub fn run(offline: &Offline, tests: &[Test]) -> Result<Report, OfflineError> {
    let mut report = Report { coverage: Coverage::of(offline), ..Report::default() };
    let mut bench = Bench::new(offline);
    for test in tests {
        let result = bench.run(test, &mut report.coverage)?;
        if result.passed {
            report.passed += 1;
        } else {
            report.failed += 1;
        }
        report.tests.push(result);
    }
    report.coverage.close();
    Ok(report)
}

/// What a test says of a decision.
pub type Expectation = serde_json::Map<String, Value>;

/// The 400 number of a call as people write it.
fn called(text: &str) -> Option<FourHundred> {
    FourHundred::from_called(text)
}

#[cfg(test)]
mod tests;
