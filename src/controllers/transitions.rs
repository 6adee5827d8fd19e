//! Events on transitions: when a condition a person must know of turns False, or back. Plain success makes no event.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use serde::Serialize;

use super::error::Error;
use super::key::{Key, ObjectMetaExt as _};
use super::publish::{Publication, Publishable};
use super::sink::{Manager, Notice};
use super::world::World;
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons::CONDITIONS;

/// Conditions a person must know of. Readiness comes and goes with routers, and shows on the object alone.
const TOLD: [&str; 4] = [types::ACCEPTED, types::RESOLVED_REFS, types::COMPLETE, types::LEDGER_AVAILABLE];

/// Publishes the operator's share of a status with these `conditions`, and tells what flipped once it is written.
pub async fn publish<K: Publishable + Conditioned>(
    world: &World,
    object: &K,
    conditions: &[Condition],
    status: &impl Serialize,
) -> Result<Publication, Error> {
    let publication = world.published.publish(world, object, Manager::Operator, status).await?;
    if publication == Publication::Sent {
        for after in flipped(object.conditions(), conditions) {
            world.sink.tell(&notice(object, after)).await;
        }
    }
    Ok(publication)
}

/// Which of the told conditions are not as before.
fn flipped<'a>(before: &[Condition], now: &'a [Condition]) -> Vec<&'a Condition> {
    let differs = |after: &&Condition| {
        let before = before.iter().find(|condition| condition.type_ == after.type_);
        match before {
            Some(before) => before.status != after.status || before.reason != after.reason,
            None => after.status != Holds::True.as_str(),
        }
    };
    now.iter().filter(|condition| TOLD.contains(&condition.type_.as_str())).filter(differs).collect()
}

fn notice<K: Publishable>(object: &K, after: &Condition) -> Notice {
    let holds = after.status == Holds::True.as_str();
    let type_ = TOLD.into_iter().find(|type_| *type_ == after.type_).unwrap_or(types::ACCEPTED);
    Notice {
        kind: K::KIND,
        key: Key::of(object),
        uid: object.uid_text().to_owned(),
        warning: !holds || !after.message.is_empty(),
        reason: known(&after.reason),
        action: type_,
        sentence: if holds && after.message.is_empty() { format!("{type_} again") } else { after.message.clone() },
    }
}

/// A kind with conditions.
pub trait Conditioned {
    /// The conditions the store shows.
    fn conditions(&self) -> &[Condition];
}

/// The closed set's own spelling, which lives as long as the program.
fn known(reason: &str) -> &'static str {
    let all = CONDITIONS.iter().flat_map(|kind| kind.reasons);
    all.map(|known| known.name).find(|name| *name == reason).unwrap_or("Changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(type_: &str, status: &str, reason: &str) -> Condition {
        let value = serde_json::json!({
            "type": type_, "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z",
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_turns_is_told_and_plain_success_is_not() {
        let good = [condition("Accepted", "True", "Accepted"), condition("Ready", "False", "AwaitingRouters")];
        assert_eq!(flipped(&[], &good), Vec::<&Condition>::new(), "a first success");
        let bad = [condition("Accepted", "False", "Invalid")];
        assert_eq!(flipped(&[], &bad), [&bad[0]]);
        assert_eq!(flipped(&good, &bad), [&bad[0]]);
        assert_eq!(flipped(&bad, &bad), Vec::<&Condition>::new(), "told once");
        assert_eq!(flipped(&bad, &good), [&good[0]], "and back");
        let expired = [condition("Accepted", "True", "PapersExpired")];
        assert_eq!(flipped(&good, &expired), [&expired[0]]);
    }
}
