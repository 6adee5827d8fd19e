//! What is live: written entries against what routers say they serve. Pure; a part of the book.

use std::collections::BTreeSet;

use super::{Intent, PlanBook, Progress, Wanted};
use crate::controllers::key::Key;
use crate::controllers::plan::shard::{PlannedNumber, ShardKey};
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

impl PlanBook {
    /// How far the present entry of `object` (number `number`) has come; notes that it waits if it does.
    pub fn progress(&mut self, object: &Key, number: FourHundred) -> Progress {
        let Some(wanted) = self.wanted.get(object) else { return Progress::Unwritten };
        let shard = wanted.shard.clone();
        let entry = match &wanted.intent {
            Intent::Serve(planned) => Some(planned.digest),
            Intent::Keep(number) => {
                self.shards.get(&shard).and_then(|known| known.last.get(number)).map(|planned| planned.digest)
            }
            Intent::Withdraw => None,
        };
        let progress = self.reached(&shard, number, entry);
        let waiting = self.waiting.entry(shard).or_default();
        if progress == Progress::Live {
            waiting.remove(object);
        } else {
            waiting.insert(object.clone());
        }
        progress
    }

    fn reached(&self, shard: &ShardKey, number: FourHundred, entry: Option<Digest>) -> Progress {
        if self.acks.ready(&shard.gateway) == 0 {
            return Progress::NoReadyRouter;
        }
        let (Some(entry), Some(known)) = (entry, self.shards.get(shard)) else { return Progress::Unwritten };
        let standing = known.leaves.iter().find_map(|(name, leaf)| {
            leaf.entries.get(&number).filter(|(digest, _)| *digest == entry).map(|(_, since)| (name, leaf, *since))
        });
        let Some((name, leaf, since)) = standing else { return Progress::Unwritten };
        let served = self.acks.served(&shard.gateway, &shard.part_name(name));
        let live = served.iter().all(|digest| digest.and_then(|d| leaf.position(d)).is_some_and(|at| at >= since));
        if live { Progress::Live } else { Progress::Waiting }
    }

    /// Whether every ready router serves the present text of `leaf`; false when none is ready.
    pub fn is_acknowledged(&self, shard: &ShardKey, leaf: &str) -> bool {
        let Some(digest) = self.written(shard, leaf) else { return false };
        let served = self.acks.served(&shard.gateway, &shard.part_name(leaf));
        !served.is_empty() && served.iter().all(|word| *word == Some(digest))
    }

    /// Objects of `gateway`'s shards that wait, among the shards that `parts` (names) belong to.
    pub fn waiting_for(&self, gateway: &Key, parts: &[String]) -> Vec<Key> {
        let shards: BTreeSet<&ShardKey> = parts
            .iter()
            .filter_map(|name| self.parts.get(&(gateway.namespace.clone(), name.clone())))
            .map(|(shard, _)| shard)
            .filter(|shard| shard.gateway == *gateway)
            .collect();
        shards.into_iter().filter_map(|shard| self.waiting.get(shard)).flatten().cloned().collect()
    }

    /// How many of `objects` are served with exactly this caller list, as its gateway's parts have it, by every ready
    /// router.
    pub fn serving_caller_list<'d>(&self, objects: &[Key], list: impl Fn(&Key) -> Option<&'d str>) -> usize {
        self.serving(objects, |gateway, planned| {
            let wanted = list(gateway);
            planned.caller_lists.iter().any(|list| wanted == Some(list.digest.as_str()))
        })
    }

    /// How many of `objects` are served with exactly this schedule by every ready router.
    pub fn serving_schedule(&self, objects: &[Key], schedule: &str) -> usize {
        self.serving(objects, |_, planned| planned.schedule.as_ref().is_some_and(|(digest, _)| digest == schedule))
    }

    fn serving(&self, objects: &[Key], is_it: impl Fn(&Key, &PlannedNumber) -> bool) -> usize {
        let serves = |object: &&Key| {
            let Some(Wanted { shard, intent: Intent::Serve(planned) }) = self.wanted.get(*object) else { return false };
            is_it(&shard.gateway, planned)
                && self.reached(shard, planned.number, Some(planned.digest)) == Progress::Live
        };
        objects.iter().filter(serves).count()
    }
}
