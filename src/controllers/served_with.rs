//! Whether the numbers that use an object of their namespace, a timetable or a caller list, are served with it as it
//! stands: what its `Programmed` says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::findings::{Finding, is_true_at, refuse};
use super::key::Key;
use super::plan::book::PlanBook;
use super::world::World;
use crate::api::conditions as types;
use crate::api::reasons as reason;

/// The object that numbers use.
#[derive(Debug)]
pub struct Used<'a> {
    /// What its owner calls it: `timetable`, `list`.
    pub word: &'a str,
    /// Conditions that it shows.
    pub shown: &'a [Condition],
    pub generation: i64,
    /// Whether it can be used as it stands.
    pub valid: &'a Result<(), Finding>,
    pub numbers: Vec<Key>,
}

/// `None` where no number uses it. Numbers that are refused or keep an older entry for reasons of their own are not waited
/// for. `serving` counts those of some numbers that every ready router serves with it.
pub fn programmed(
    world: &World,
    used: Used<'_>,
    serving: impl FnOnce(&PlanBook, &[Key]) -> usize,
) -> Option<Result<(), Finding>> {
    let Used { word, shown, generation, valid, numbers } = used;
    if numbers.is_empty() {
        return None;
    }
    if valid.is_err() {
        return Some(refuse(reason::NOT_ACCEPTED, format!("numbers go on with the last {word} that was accepted")));
    }
    // Latched: a starting operator has not heard the routers yet.
    if is_true_at(shown, types::PROGRAMMED, generation) {
        return Some(Ok(()));
    }
    let plan = world.plan();
    let waiting: Vec<Key> = numbers.into_iter().filter(|number| plan.wants_to_serve(number)).collect();
    let live = serving(&plan, &waiting);
    if live == waiting.len() {
        return Some(Ok(()));
    }
    let sentence = format!("{live} of {} numbers are served with this {word} so far", waiting.len());
    Some(refuse(reason::AWAITING_ROUTERS, sentence))
}
