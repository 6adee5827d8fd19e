//! What a number does over a stretch of time, told once for every caller: the timetable, the overrides and the rules
//! taken together. Pure; the tools' counterpart of [`super::decide`], which answers one call.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::compiled::CompiledOverride;
use super::decision::Reason;
use super::document::{NumberState, TenantState};
use super::leaf::CompiledNumber;

/// A stretch of time in which nothing about a number changes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch<'p> {
    pub from: Timestamp,
    /// Just after its last instant.
    pub until: Timestamp,
    /// The schedule's period; `None` where the number has no schedule.
    pub period: Option<&'p str>,
    pub way: Way<'p>,
}

/// What happens to calls that screening and limits let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way<'p> {
    /// Every call is refused: the number is paused, or its tenant suspended or frozen.
    Refused(Reason),
    /// Every call goes where this override says, an index into the number's overrides.
    Overridden(&'p CompiledOverride),
    /// The rules decide. Indices into the number's rules: those that ask who calls, in order, then the one that takes
    /// every other call, if there is one.
    Ruled { by_caller: Vec<usize>, else_by: Option<usize> },
}

/// The stretches from `from` until `until`, in order and without a gap; two neighbours always differ. Empty where
/// `until` is not after `from`.
pub fn stretches<'p>(number: &CompiledNumber<'p>, from: Timestamp, until: Timestamp) -> Vec<Stretch<'p>> {
    let mut found: Vec<Stretch<'p>> = Vec::new();
    let edges: Vec<Timestamp> = edges(number, from, until).into_iter().collect();
    let ends = edges.iter().skip(1).copied().chain([until]);
    for (begin, end) in edges.iter().copied().zip(ends) {
        let period = number.schedule.map(|schedule| schedule.period_at(begin));
        let way = way(number, begin);
        match found.last_mut() {
            Some(last) if last.period == period && last.way == way => last.until = end,
            _ => found.push(Stretch { from: begin, until: end, period, way }),
        }
    }
    found
}

/// Instants at which something may change, the first one included.
pub fn edges(number: &CompiledNumber<'_>, from: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
    if from >= until {
        return BTreeSet::new();
    }
    let mut edges = BTreeSet::from([from]);
    if let Some(schedule) = number.schedule {
        edges.extend(schedule.changes(from, until).map(|(at, _)| at));
    }
    let turns = number.overrides().iter().flat_map(|each| [each.from, each.until]);
    edges.extend(turns.filter(|at| from < *at && *at < until));
    edges
}

fn way<'p>(number: &CompiledNumber<'p>, at: Timestamp) -> Way<'p> {
    if let Some(reason) = refused(number) {
        return Way::Refused(reason);
    }
    if let Some(holding) = number.overrides().iter().find(|each| each.holds_at(at)) {
        return Way::Overridden(holding);
    }
    let period = number.schedule.map(|schedule| schedule.period_index_at(at));
    let mut by_caller = Vec::new();
    for (index, rule) in number.entry.rules.iter().enumerate() {
        if !rule.periods.contains(period) {
            continue;
        }
        if !rule.asks_who_calls() {
            return Way::Ruled { by_caller, else_by: Some(index) };
        }
        by_caller.push(index);
    }
    Way::Ruled { by_caller, else_by: None }
}

fn refused(number: &CompiledNumber<'_>) -> Option<Reason> {
    match (number.state, number.leaf.tenant_state) {
        (NumberState::Paused, _) => Some(Reason::NumberPaused),
        (NumberState::Active, TenantState::Suspended) => Some(Reason::NumberSuspended),
        (NumberState::Active, TenantState::Frozen) => Some(Reason::NumberFrozen),
        (NumberState::Active, TenantState::Active) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::numbering::Caller;
    use crate::domain::routing::decide::{CallFacts, decide};
    use crate::domain::routing::decision::DecidedBy;
    use crate::domain::routing::worlds;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_with_an_override_falls_into_its_stretches() {
        let plan = worlds::plan();
        let number = plan.number("4001000868".parse().unwrap()).unwrap();
        let day = stretches(&number, at("2026-11-23T00:00:00+08:00"), at("2026-11-24T00:00:00+08:00"));
        let told: Vec<(String, Option<&str>, bool)> = day
            .iter()
            .map(|stretch| {
                let overridden = matches!(stretch.way, Way::Overridden(_));
                (stretch.from.to_string(), stretch.period, overridden)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("2026-11-22T16:00:00Z".to_owned(), Some("closed"), false),
                ("2026-11-23T01:00:00Z".to_owned(), Some("work"), false),
                ("2026-11-23T10:00:00Z".to_owned(), Some("closed"), false),
                ("2026-11-23T12:00:00Z".to_owned(), Some("closed"), true),
            ]
        );
        let Way::Ruled { by_caller, else_by } = &day[1].way else { panic!("{:?}", day[1]) };
        assert_eq!((by_caller.as_slice(), *else_by), ([0, 1].as_slice(), Some(3)));
    }

    #[test]
    fn a_paused_number_refuses_all_year() {
        let plan = worlds::plan_with(|entry, _| entry.state = NumberState::Paused);
        let number = plan.number("4001000868".parse().unwrap()).unwrap();
        let year = stretches(&number, at("2026-01-01T00:00:00+08:00"), at("2027-01-01T00:00:00+08:00"));
        assert!(year.iter().all(|stretch| stretch.way == Way::Refused(Reason::NumberPaused)), "{year:?}");
    }

    #[test]
    fn no_time_has_no_stretch() {
        let plan = worlds::plan();
        let number = plan.number("4001000900".parse().unwrap()).unwrap();
        let noon = at("2026-11-23T12:00:00+08:00");
        assert_eq!(stretches(&number, noon, noon), []);
    }

    proptest! {
        /// A caller whom no rule names is told by the stretch what `decide` tells him.
        #[test]
        fn the_stretches_say_what_a_call_is_told(second in 1_767_196_800_i64..1_798_732_800) {
            let plan = worlds::plan();
            let number = plan.number("4001000868".parse().unwrap()).unwrap();
            let (from, until) = (at("2026-01-01T00:00:00+08:00"), at("2027-01-01T00:00:00+08:00"));
            let year = stretches(&number, from, until);
            prop_assert_eq!(year.first().map(|s| s.from), Some(from));
            prop_assert_eq!(year.last().map(|s| s.until), Some(until));
            prop_assert!(year.windows(2).all(|pair| pair[0].until == pair[1].from));
            let instant = Timestamp::from_second(second).unwrap();
            let stretch = year.iter().find(|s| s.from <= instant && instant < s.until).unwrap();
            let facts =
                CallFacts { to: number.number, caller: Caller::parse("0085212345678"), at: instant, call_id: "any" };
            let decision = decide(&plan, &facts, &mut 0_u64, &mut ());
            match (&stretch.way, decision.decided_by) {
                (Way::Overridden(told), DecidedBy::Override(name)) => prop_assert_eq!(&*told.name, name),
                (Way::Ruled { else_by: Some(index), .. }, DecidedBy::Rule(name)) => {
                    prop_assert_eq!(&*number.entry.rules[*index].name, name);
                    prop_assert_eq!(stretch.period, decision.period);
                }
                (way, by) => prop_assert!(false, "{:?} and {:?}", way, by),
            }
        }
    }
}
