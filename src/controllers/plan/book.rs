//! What the operator wants routers to serve, what it has written, and what is live. In memory; all of it can be derived
//! again from the custom resources and the plan parts themselves.
//!
//! A shard (gateway × tenant namespace) is rendered only when every number of it has a verdict, so that a starting
//! operator never writes a plan with holes.

mod live;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acks::Acknowledgements;
use super::leaf_life::LeafLife;
use super::shard::{CapReached, Earlier, Leaf, PlannedNumber, ShardKey};
use crate::controllers::key::Key;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::OverrideEntry;

/// What a reconcile wants of the plan for its number.
#[derive(Debug, Clone)]
pub enum Intent {
    /// Serve this.
    Serve(Arc<PlannedNumber>),
    /// Go on with what was served before, if anything was.
    Keep(FourHundred),
    /// Serve nothing.
    Withdraw,
}

#[derive(Debug)]
struct Wanted {
    shard: ShardKey,
    intent: Intent,
}

#[derive(Debug, Default)]
struct Shard {
    leaves: BTreeMap<String, LeafLife>,
    /// Entries last rendered, and those found in parts written before this process.
    last: BTreeMap<FourHundred, Arc<PlannedNumber>>,
    /// Overrides last written.
    overrides: Vec<OverrideEntry>,
    /// Caps that the parts written before this process say are reached, with the month.
    earlier_caps: BTreeMap<FourHundred, CapReached>,
    loaded: bool,
    /// Rendered with a verdict on every number since this process leads: what is new since then has no older entry.
    complete: bool,
    /// Since when numbers that came later wait for their verdicts.
    incomplete_since: Option<Instant>,
}

/// How far a number's present entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Every ready router serves it.
    Live,
    /// This operator has yet to write it.
    Unwritten,
    /// Written; some ready router has not said so yet.
    Waiting,
    /// No router of the gateway is ready.
    NoReadyRouter,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct PlanBook {
    wanted: HashMap<Key, Wanted>,
    members: HashMap<ShardKey, BTreeSet<Key>>,
    shards: HashMap<ShardKey, Shard>,
    /// Part name (within a gateway's namespace) → shard and leaf, for acknowledgements and foreign edits.
    parts: HashMap<(String, String), (ShardKey, String)>,
    ever_planned: HashSet<FourHundred>,
    /// Shards that are not written before every number of their namespace has a verdict.
    awaiting: BTreeSet<ShardKey>,
    /// Numbers (objects) that wait for an acknowledgement.
    waiting: HashMap<ShardKey, BTreeSet<Key>>,
    /// What routers say.
    pub acks: Acknowledgements,
}

impl PlanBook {
    /// Notes what `object` wants. Returns the shards to render anew.
    pub fn want(&mut self, object: &Key, shard: ShardKey, intent: Intent) -> Vec<ShardKey> {
        let same = self.wanted.get(object).is_some_and(|known| known.shard == shard && alike(&known.intent, &intent));
        let moved = self.wanted.get(object).map(|known| known.shard.clone()).filter(|known| *known != shard);
        if same {
            return Vec::new();
        }
        let mut dirty = vec![shard.clone()];
        if !self.wanted.contains_key(object) {
            dirty.extend(self.awaiting_in(&object.namespace));
        }
        if let Some(old) = moved {
            self.leave(object, &old);
            dirty.push(old);
        }
        self.members.entry(shard.clone()).or_default().insert(object.clone());
        self.wanted.insert(object.clone(), Wanted { shard, intent });
        dirty
    }

    /// `object` is no more. Returns the shards to render anew: its own, or those that wait for its verdict in vain.
    pub fn forget(&mut self, object: &Key) -> Vec<ShardKey> {
        let Some(wanted) = self.wanted.remove(object) else { return self.awaiting_in(&object.namespace) };
        self.leave(object, &wanted.shard);
        vec![wanted.shard]
    }

    fn awaiting_in(&self, namespace: &str) -> Vec<ShardKey> {
        self.awaiting.iter().filter(|shard| shard.namespace == namespace).cloned().collect()
    }

    fn leave(&mut self, object: &Key, shard: &ShardKey) {
        if let Some(members) = self.members.get_mut(shard) {
            members.remove(object);
        }
        if let Some(waiting) = self.waiting.get_mut(shard) {
            waiting.remove(object);
        }
    }

    /// The shard that `object` is in.
    pub fn shard_of(&self, object: &Key) -> Option<&ShardKey> {
        self.wanted.get(object).map(|wanted| &wanted.shard)
    }

    /// Every shard with a number.
    pub fn all_shards(&self) -> Vec<ShardKey> {
        self.members.keys().cloned().collect()
    }

    /// All shards of `gateway`.
    pub fn shards_of(&self, gateway: &Key) -> Vec<ShardKey> {
        self.members.keys().filter(|shard| shard.gateway == *gateway).cloned().collect()
    }

    /// All shards whose gateway is in `namespace`.
    pub fn shards_in(&self, namespace: &str) -> Vec<ShardKey> {
        self.members.keys().filter(|shard| shard.gateway.namespace == namespace).cloned().collect()
    }

    /// Whether every one of `expected` has a verdict that puts it into `shard` or elsewhere.
    pub fn has_verdicts(&self, expected: &[Key]) -> bool {
        expected.iter().all(|object| self.wanted.contains_key(object))
    }

    /// Whether the shard may be rendered although not all of `expected` have a verdict: `Err` says how long to wait for
    /// them. A burst of new numbers is written together, and none waits for all the others.
    pub fn may_render(
        &mut self,
        shard: &ShardKey,
        expected: &[Key],
        patience: Duration,
    ) -> Result<(), Option<Duration>> {
        let complete = self.has_verdicts(expected);
        let known = self.shards.entry(shard.clone()).or_default();
        if complete {
            known.complete = true;
            known.incomplete_since = None;
            self.awaiting.remove(shard);
            return Ok(());
        }
        if !known.complete {
            self.awaiting.insert(shard.clone());
            return Err(None);
        }
        let since = *known.incomplete_since.get_or_insert_with(Instant::now);
        if let Some(left) = patience.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
            return Err(Some(left));
        }
        known.incomplete_since = None;
        Ok(())
    }

    /// This process begins to lead: whatever it knew of the plan may have changed under another replica. What routers
    /// say stays.
    pub fn begin_term(&mut self) {
        *self = Self { acks: std::mem::take(&mut self.acks), ..Self::default() };
    }

    /// Whether some number of the shard wants its previous entry.
    pub fn wants_previous(&self, shard: &ShardKey) -> bool {
        self.intents(shard).any(|intent| matches!(intent, Intent::Keep(_)))
    }

    /// Whether the parts of the shard that were written before this process are read.
    pub fn knows_previous(&self, shard: &ShardKey) -> bool {
        self.shards.get(shard).is_some_and(|known| known.loaded)
    }

    /// Whether the shard was rendered with a verdict on every number since this process leads.
    pub fn is_complete(&self, shard: &ShardKey) -> bool {
        self.shards.get(shard).is_some_and(|known| known.complete)
    }

    /// The shard whose last entries have `number`: the one that `object` is in, else `asked`, else another of its namespace.
    pub fn shard_holding(&self, object: &Key, asked: &ShardKey, number: FourHundred) -> Option<ShardKey> {
        let of_namespace = self.shards.keys().filter(|shard| shard.namespace == object.namespace);
        let mut candidates = self.shard_of(object).into_iter().chain([asked]).chain(of_namespace);
        candidates.find(|shard| self.holds(shard, number)).cloned()
    }

    /// The entry that `object` is served with, or is about to be.
    pub fn standing(&self, object: &Key) -> Option<Arc<PlannedNumber>> {
        let wanted = self.wanted.get(object)?;
        match &wanted.intent {
            Intent::Serve(planned) => Some(planned.clone()),
            Intent::Keep(number) => self.shards.get(&wanted.shard)?.last.get(number).cloned(),
            Intent::Withdraw => None,
        }
    }

    /// The entries of parts written before this process, and the caps that they say are reached.
    pub fn load_previous(&mut self, shard: &ShardKey, earlier: Earlier) {
        let Earlier { entries, caps_reached } = earlier;
        let known = self.shards.entry(shard.clone()).or_default();
        known.loaded = true;
        known.earlier_caps = caps_reached;
        self.ever_planned.extend(entries.keys());
        for (number, entry) in entries {
            known.last.entry(number).or_insert(entry);
        }
    }

    /// Caps that were reached by the parts written before this process.
    pub fn earlier_caps(&self, shard: &ShardKey) -> BTreeMap<FourHundred, CapReached> {
        self.shards.get(shard).map(|known| known.earlier_caps.clone()).unwrap_or_default()
    }

    /// Usage is known from now on: what earlier parts say of caps is no longer asked. Returns the shards that said
    /// something, to render anew.
    pub fn forget_earlier_caps(&mut self) -> Vec<ShardKey> {
        let saying = self.shards.iter_mut().filter(|(_, known)| !known.earlier_caps.is_empty());
        let forgotten = saying.map(|(shard, known)| {
            known.earlier_caps.clear();
            shard.clone()
        });
        forgotten.collect()
    }

    /// What the shard's leaves are to hold now.
    pub fn content(&mut self, shard: &ShardKey) -> BTreeMap<FourHundred, Arc<PlannedNumber>> {
        let nothing = BTreeMap::new();
        let last = self.shards.get(shard).map_or(&nothing, |known| &known.last);
        let content: BTreeMap<FourHundred, Arc<PlannedNumber>> = self
            .intents(shard)
            .filter_map(|intent| match intent {
                Intent::Serve(planned) => Some((planned.number, planned.clone())),
                Intent::Keep(number) => last.get(number).map(|planned| (*number, planned.clone())),
                Intent::Withdraw => None,
            })
            .collect();
        self.ever_planned.extend(content.keys());
        self.shards.entry(shard.clone()).or_default().last.clone_from(&content);
        content
    }

    fn intents<'a>(&'a self, shard: &ShardKey) -> impl Iterator<Item = &'a Intent> {
        self.members
            .get(shard)
            .into_iter()
            .flatten()
            .filter_map(|object| self.wanted.get(object))
            .map(|wanted| &wanted.intent)
    }

    /// `overrides` stand in the shard's leaves as last written.
    pub fn note_overrides(&mut self, shard: &ShardKey, overrides: Vec<OverrideEntry>) {
        self.shards.entry(shard.clone()).or_default().overrides = overrides;
    }

    /// Whether the shard as last written has this very override.
    pub fn has_override(&self, shard: &ShardKey, entry: &OverrideEntry) -> bool {
        self.shards.get(shard).is_some_and(|known| known.overrides.contains(entry))
    }

    /// Whether the shard as last rendered has `number`.
    pub fn holds(&self, shard: &ShardKey, number: FourHundred) -> bool {
        self.shards.get(shard).is_some_and(|known| known.last.contains_key(&number))
    }

    /// The digest of `leaf` as last written by this process.
    pub fn written(&self, shard: &ShardKey, leaf: &str) -> Option<Digest> {
        self.shards.get(shard)?.leaves.get(leaf)?.versions.last().copied()
    }

    /// The resourceVersion of `leaf`'s object after our last write.
    pub fn resource_version(&self, namespace: &str, name: &str) -> Option<&str> {
        let (shard, leaf) = self.parts.get(&(namespace.to_owned(), name.to_owned()))?;
        Some(&self.shards.get(shard)?.leaves.get(leaf)?.resource_version)
    }

    /// The leaves this process has written and not deleted.
    pub fn leaves(&self, shard: &ShardKey) -> Vec<String> {
        self.shards.get(shard).map(|known| known.leaves.keys().cloned().collect()).unwrap_or_default()
    }

    /// `leaf` stands at the API server (or in the data directory) as given.
    pub fn note_written(&mut self, shard: &ShardKey, leaf_name: &str, leaf: &Leaf, resource_version: String) {
        let place = (leaf.part.namespace.clone(), leaf.part.name.clone());
        self.parts.insert(place, (shard.clone(), leaf_name.to_owned()));
        let known = self.shards.entry(shard.clone()).or_default();
        known.leaves.entry(leaf_name.to_owned()).or_default().write(leaf, resource_version);
    }

    /// `leaf` is deleted.
    pub fn note_deleted(&mut self, shard: &ShardKey, leaf_name: &str) {
        self.parts.remove(&(shard.gateway.namespace.clone(), shard.part_name(leaf_name)));
        if let Some(known) = self.shards.get_mut(shard) {
            known.leaves.remove(leaf_name);
        }
    }

    /// Since when `leaf` has been written empty; begins now if it was not.
    pub fn emptied_since(&mut self, shard: &ShardKey, leaf_name: &str) -> Instant {
        let known = self.shards.entry(shard.clone()).or_default();
        let leaf = known.leaves.entry(leaf_name.to_owned()).or_default();
        *leaf.empty_since.get_or_insert_with(Instant::now)
    }

    /// `leaf` is to stand as it is.
    pub fn wanted_again(&mut self, shard: &ShardKey, leaf_name: &str) {
        if let Some(leaf) = self.shards.get_mut(shard).and_then(|known| known.leaves.get_mut(leaf_name)) {
            leaf.empty_since = None;
        }
    }

    /// The shard and leaf that the part `name` is.
    pub fn part(&self, namespace: &str, name: &str) -> Option<&(ShardKey, String)> {
        self.parts.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Whether any leaf of `gateway`'s numbers still stands.
    pub fn has_leaves(&self, gateway: &Key) -> bool {
        let of_gateway =
            self.shards.iter().filter(|(shard, _)| shard.gateway == *gateway && !shard.namespace.is_empty());
        of_gateway.flat_map(|(_, known)| known.leaves.keys()).any(|name| name.starts_with('n'))
    }

    /// Whether the present spec of `object` is to be served, as opposed to an older entry or none.
    pub fn wants_to_serve(&self, object: &Key) -> bool {
        self.wanted.get(object).is_none_or(|wanted| matches!(wanted.intent, Intent::Serve(_)))
    }

    /// Shards of `gateway` with a routing leaf that was emptied and is not deleted yet.
    pub fn emptied(&self, gateway: &Key) -> Vec<ShardKey> {
        let of_gateway =
            self.shards.iter().filter(|(shard, _)| shard.gateway == *gateway && !shard.namespace.is_empty());
        of_gateway
            .filter(|(_, known)| {
                known.leaves.iter().any(|(name, leaf)| name.starts_with('n') && leaf.entries.is_empty())
            })
            .map(|(shard, _)| shard.clone())
            .collect()
    }

    /// Objects whose shard this is.
    pub fn members(&self, shard: &ShardKey) -> Vec<Key> {
        self.members.get(shard).into_iter().flatten().cloned().collect()
    }

    /// Whether any part that this process wrote or read has ever held `number`.
    pub fn was_planned(&self, number: FourHundred) -> bool {
        self.ever_planned.contains(&number)
    }
}

fn alike(one: &Intent, other: &Intent) -> bool {
    match (one, other) {
        (Intent::Serve(one), Intent::Serve(other)) => {
            one.number == other.number && one.digest == other.digest && one.binding == other.binding
        }
        (Intent::Keep(one), Intent::Keep(other)) => one == other,
        (Intent::Withdraw, Intent::Withdraw) => true,
        _ => false,
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
