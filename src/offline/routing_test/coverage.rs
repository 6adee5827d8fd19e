//! Which rules and periods the tests came to.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::controllers::key::Key;
use crate::controllers::world::Find as _;
use crate::domain::routing::decision::DecisionDocument;
use crate::offline::Offline;

/// Of one number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberCoverage {
    pub number: String,
    /// `NAMESPACE/NAME`.
    pub object: String,
    /// Calls that tests made to it.
    pub calls: u64,
    pub rules: usize,
    /// Rules that no test came to, in order.
    pub rules_missed: Vec<String>,
    pub periods: usize,
    /// Periods of its timetable that no test fell into, in order.
    pub periods_missed: Vec<String>,
    #[serde(skip)]
    rules_reached: BTreeSet<String>,
    #[serde(skip)]
    periods_reached: BTreeSet<String>,
}

/// Of every number of the folder, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Coverage {
    pub numbers: Vec<NumberCoverage>,
}

impl Coverage {
    /// Nothing is reached yet.
    pub fn of(offline: &Offline) -> Self {
        let numbers = offline.numbers().into_iter().map(|(number, object)| {
            let key = Key::of(&*object);
            let named = object.spec.schedule_ref.as_ref().map(|named| Key::new(&key.namespace, &named.name));
            let schedule = named.and_then(|named| offline.facts.stores.schedules.find_key(&named));
            let mut periods: Vec<String> =
                schedule.iter().flat_map(|schedule| schedule.spec.periods.iter()).map(|p| p.name.clone()).collect();
            if let Some(schedule) = &schedule
                && !periods.contains(&schedule.spec.otherwise)
            {
                periods.push(schedule.spec.otherwise.clone());
            }
            let rules: Vec<String> = object.spec.rules.iter().map(|rule| rule.name.clone()).collect();
            NumberCoverage {
                number: number.to_string(),
                object: key.to_string(),
                rules: rules.len(),
                rules_missed: rules,
                periods: periods.len(),
                periods_missed: periods,
                ..NumberCoverage::default()
            }
        });
        Self { numbers: numbers.collect() }
    }

    /// A test's call came to this decision.
    pub fn reached(&mut self, decision: &DecisionDocument) {
        let Some(number) = self.numbers.iter_mut().find(|number| number.number == decision.number) else { return };
        number.calls += 1;
        if let Some(rule) = decision.rule.as_ref().filter(|rule| !number.rules_reached.contains(*rule)) {
            number.rules_reached.insert(rule.clone());
        }
        if let Some(period) = decision.period.as_ref().filter(|period| !number.periods_reached.contains(*period)) {
            number.periods_reached.insert(period.clone());
        }
    }

    /// Every test has run: what was not reached is missed.
    pub fn close(&mut self) {
        for number in &mut self.numbers {
            let (rules, periods) = (&number.rules_reached, &number.periods_reached);
            number.rules_missed.retain(|rule| !rules.contains(rule));
            number.periods_missed.retain(|period| !periods.contains(period));
        }
    }
}
