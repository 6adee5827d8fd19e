//! Events on transitions: when a condition a person must know of turns False, or back. Plain success makes no event.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::key::{Key, ObjectMetaExt as _};
use super::publish::Publishable;
use super::sink::Notice;
use super::world::World;
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons::CONDITIONS;

/// Tells what flipped between the status the store shows and the one just published.
pub async fn tell<K: Publishable + Conditioned>(world: &World, object: &K, now: &[Condition]) {
    for type_ in [types::ACCEPTED, types::RESOLVED_REFS] {
        let find = |list: &[Condition]| list.iter().find(|condition| condition.type_ == type_).cloned();
        let (before, after) = (find(object.conditions()), find(now));
        let Some(after) = after else { continue };
        let same = before.as_ref().is_some_and(|b| b.status == after.status && b.reason == after.reason);
        let first_success = before.is_none() && after.status == Holds::True.as_str();
        if same || first_success {
            continue;
        }
        let notice = Notice {
            kind: K::KIND,
            key: Key::of(object),
            uid: object.uid_text().to_owned(),
            warning: after.status == Holds::False.as_str(),
            reason: known(&after.reason),
            action: type_,
            sentence: if after.status == Holds::False.as_str() { after.message } else { format!("{type_} again") },
        };
        world.sink.tell(&notice).await;
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
