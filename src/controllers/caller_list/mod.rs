//! CallerLists: read once for each version, cut into parts for the gateways whose numbers ask for them, and told how far
//! these have come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::controller::Action;

use super::counted;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, Progress, join, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::served_with::{self, Used};
use super::world::World;
use crate::api::caller_list::CallerListStatus;
use crate::api::conditions as types;
use crate::api::reasons as reason;
use crate::api::{CallerList, FourHundredNumber};
use crate::domain::numbering::CallerPattern;
use crate::domain::routing::caller_lists::{self, CALLERS_AT_MOST, PackedList};

/// How long a first status waits for routers.
const GRACE: Duration = Duration::from_secs(2);
/// Callers that cannot be read, as many as one condition names.
const NAMED_AT_MOST: usize = 3;

/// The list's callers, ascending and each once, or what its owner must mend.
pub fn callers(list: &CallerList) -> Result<Vec<CallerPattern>, Finding> {
    let written = &list.spec.callers;
    if written.len() > CALLERS_AT_MOST {
        let sentence = format!(
            "callers: has {} items, at most {CALLERS_AT_MOST} are served: spread them over several lists",
            written.len()
        );
        return refuse(reason::INVALID, sentence);
    }
    let (mut callers, mut wrong) = (Vec::with_capacity(written.len()), Vec::new());
    for (position, text) in written.iter().enumerate() {
        match text.parse::<CallerPattern>() {
            Ok(caller) => callers.push(caller),
            Err(error) => wrong.push(format!("callers[{position}]: {error}")),
        }
    }
    if wrong.is_empty() {
        callers.sort_unstable();
        callers.dedup();
        return Ok(callers);
    }
    let more = wrong.len().saturating_sub(NAMED_AT_MOST);
    wrong.truncate(NAMED_AT_MOST);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    refuse(reason::INVALID, join(&wrong))
}

/// Names of the lists that a number's rules ask for.
pub fn named_by(number: &FourHundredNumber) -> Vec<&str> {
    let whens = number.spec.rules.iter().filter_map(|rule| rule.when.as_ref());
    let mut names: Vec<&str> = whens.flat_map(|when| &when.caller_lists).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Lists as parts of a gateway's plan, by list and gateway, each cut once for each version of it.
#[derive(Debug, Default)]
pub struct Packs(Mutex<HashMap<Key, Packed>>);

/// One version of a list.
#[derive(Debug)]
struct Packed {
    uid: String,
    generation: i64,
    callers: Result<Arc<[CallerPattern]>, Finding>,
    /// By gateway.
    for_gateways: BTreeMap<Key, Arc<PackedList>>,
}

impl Packs {
    /// The list is gone.
    pub fn forget(&self, list: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(list);
    }
}

impl Facts {
    /// See [`callers`]; once for each version of a list.
    pub fn callers_of(&self, list: &CallerList) -> Result<Arc<[CallerPattern]>, Finding> {
        self.packed(list, |packed| packed.callers.clone())
    }

    /// The list as parts of `gateway`'s plan.
    pub fn packed_list(&self, list: &CallerList, gateway: &Key) -> Result<Arc<PackedList>, Finding> {
        let namespace = list.metadata.namespace.as_deref().unwrap_or_default();
        self.packed(list, |packed| {
            let callers = packed.callers.clone()?;
            if let Some(known) = packed.for_gateways.get(gateway) {
                return Ok(known.clone());
            }
            let made = caller_lists::pack(&callers, &gateway.to_string(), namespace)
                .map_err(|error| Finding::of(reason::INVALID, &error))?;
            let made = Arc::new(made);
            packed.for_gateways.insert(gateway.clone(), made.clone());
            Ok(made)
        })
    }

    fn packed<T>(&self, list: &CallerList, ask: impl FnOnce(&mut Packed) -> T) -> T {
        let mut packs = self.packs.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (uid, generation) = (list.uid_text(), list.generation());
        let fresh = || Packed {
            uid: uid.to_owned(),
            generation,
            callers: callers(list).map(Into::into),
            for_gateways: BTreeMap::new(),
        };
        let packed = packs.entry(Key::of(list)).or_insert_with(fresh);
        if packed.uid != uid || packed.generation != generation {
            *packed = fresh();
        }
        ask(packed)
    }
}

/// Brings a list's status up to date.
pub async fn reconcile(list: Arc<CallerList>, world: Arc<World>) -> Result<Action, Error> {
    let callers = world.callers_of(&list);
    let accepted = callers.as_ref().map(drop).map_err(Clone::clone);
    let used_by = world.references().caller_lists.count(&Key::of(&*list));
    let old = list.status.clone();
    let shown = old.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(shown, list.generation(), world.clock.now());
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    let programmed = programmed(&world, &list, &accepted);
    if let Some(Err(finding)) = &programmed
        && finding.reason == reason::AWAITING_ROUTERS
        && let Some(left) = world.grace_left(&*list, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left));
    }
    if let Some(programmed) = &programmed {
        set.set_result(types::PROGRAMMED, reason::PROGRAMMED, programmed);
    }
    set.set_result(types::READY, reason::READY, &accepted);
    if let Err(finding) = &accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let status = CallerListStatus {
        observed_generation: list.generation(),
        callers: callers.ok().and_then(|callers| i64::try_from(callers.len()).ok()),
        used_by: i64::try_from(used_by).ok(),
        conditions: set.finish(),
    };
    let shown = old.map(|status| status.conditions);
    counted::publish(&world, &*list, shown, status.conditions.clone(), &status).await
}

/// Whether every number that asks for the list is served with it as it stands; `None` where no number does.
fn programmed(world: &World, list: &CallerList, valid: &Result<(), Finding>) -> Option<Result<(), Finding>> {
    let numbers = world.references().caller_lists.of(&Key::of(list));
    // Cut, where it is not yet, before the plan is held.
    let gateways: BTreeSet<Key> = {
        let references = world.references();
        numbers.iter().flat_map(|number| references.gateways.named_by(number)).cloned().collect()
    };
    let digests: BTreeMap<Key, String> = gateways
        .into_iter()
        .filter_map(|gateway| {
            let digest = world.packed_list(list, &gateway).ok()?.digest.clone();
            Some((gateway, digest))
        })
        .collect();
    let shown = list.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let used = Used { word: "list", shown, generation: list.generation(), valid, numbers };
    served_with::programmed(world, used, |plan, waiting| {
        plan.serving_caller_list(waiting, |gateway| digests.get(gateway).map(String::as_str))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(callers: &[&str]) -> CallerList {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "fourhundred.io/v1alpha1", "kind": "CallerList",
            "metadata": {"name": "vip", "namespace": "acme", "uid": "u-1", "generation": 1}, "spec": {"callers": callers},
        }))
        .unwrap()
    }

    #[test]
    fn a_list_is_read_in_order_and_each_caller_once() {
        let read: Vec<String> =
            callers(&list(&["13900001111", "0898*", "13900001111"])).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(read, ["0898*", "13900001111"]);
        assert!(callers(&list(&[])).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_and_without_its_digits() {
        let wrong = ["13900001111", "8613812348000", "+1*", "17951*", "013800138000", "0138*"];
        let sentence = callers(&list(&wrong)).unwrap_err().sentence;
        assert!(sentence.starts_with("callers[1]: \"861******8000\" begins with a country code"), "{sentence}");
        assert!(sentence.ends_with("and 2 more") && !sentence.contains("13812348000"), "{sentence}");
        let long = vec!["10086"; CALLERS_AT_MOST + 1];
        assert!(callers(&list(&long)).unwrap_err().sentence.contains("has 100001 items"));
    }
}
