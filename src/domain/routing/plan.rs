//! The plan in memory: an immutable snapshot of every gateway and number that a worker serves. Pure.
//!
//! Numbers live in shards by the same hash that cuts leaves, so that a changed part copies the shards that it touches
//! and shares the others. Readers hold a snapshot; a change makes the next one beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::compiled::{CompiledLeaf, CompiledNumber, LeafKey};
use super::head::{AnnouncementUri, CompiledHead};
use super::trie;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

const SHARDS: usize = 256;

/// Numbers by the hash that gives them their shard: what is looked at of the table itself is a byte and a pointer.
type Shard = HashTable<Arc<CompiledNumber>>;

/// A part that routing needs, compiled.
#[derive(Debug, Clone)]
pub enum CompiledPart {
    Head(Arc<CompiledHead>),
    Leaf(Arc<CompiledLeaf>),
}

impl CompiledPart {
    pub fn key(&self) -> PartKey {
        match self {
            Self::Head(head) => PartKey::Head(head.gateway.clone()),
            Self::Leaf(leaf) => PartKey::Leaf(leaf.header.key.clone()),
        }
    }
}

/// What identifies a part that routing needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKey {
    /// `NAMESPACE/NAME` of the gateway.
    Head(String),
    Leaf(LeafKey),
}

/// Everything that a decision may look at.
#[derive(Debug, Clone)]
pub struct Plan {
    heads: BTreeMap<String, Arc<CompiledHead>>,
    leaves: BTreeMap<Arc<LeafKey>, Arc<CompiledLeaf>>,
    shards: Vec<Arc<Shard>>,
}

impl Default for Plan {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self { heads: BTreeMap::new(), leaves: BTreeMap::new(), shards: vec![empty; SHARDS] }
    }
}

impl Plan {
    /// The number, if the plan has it.
    pub fn number(&self, number: FourHundred) -> Option<&CompiledNumber> {
        held_in(self.shards.get(shard_of(number))?, number).map(AsRef::as_ref)
    }

    /// A gateway's settings, by `NAMESPACE/NAME`.
    pub fn head(&self, gateway: &str) -> Option<&Arc<CompiledHead>> {
        self.heads.get(gateway)
    }

    /// Every gateway, ordered by name.
    pub fn heads(&self) -> impl Iterator<Item = &Arc<CompiledHead>> {
        self.heads.values()
    }

    pub fn leaf(&self, key: &LeafKey) -> Option<&Arc<CompiledLeaf>> {
        self.leaves.get(key)
    }

    /// Whether some leaf names these callers.
    pub fn names_callers(&self, callers: &Digest) -> bool {
        self.leaves.values().any(|leaf| leaf.callers.binary_search(callers).is_ok())
    }

    /// How many numbers the plan has.
    pub fn numbers(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether some leaf of the gateway still holds a number.
    pub fn serves_numbers_of(&self, gateway: &str) -> bool {
        self.leaves.iter().any(|(key, leaf)| key.gateway == gateway && !leaf.numbers.is_empty())
    }

    /// Where an announcement of a gateway is played.
    pub fn announcement<'p>(&'p self, gateway: &str, name: &'p str) -> AnnouncementUri<'p> {
        AnnouncementUri { name, head: self.heads.get(gateway).map(AsRef::as_ref) }
    }

    /// The plan with one part new or replaced.
    #[must_use]
    pub fn with_part(&self, part: CompiledPart) -> Self {
        self.with_parts([part])
    }

    /// The plan with several parts new or replaced; each shard is copied once at most.
    #[must_use]
    pub fn with_parts(&self, parts: impl IntoIterator<Item = CompiledPart>) -> Self {
        let mut next = self.clone();
        for part in parts {
            match part {
                CompiledPart::Head(head) => {
                    next.heads.insert(head.gateway.clone(), head);
                }
                CompiledPart::Leaf(leaf) => next.put_leaf(&leaf),
            }
        }
        next
    }

    /// The plan without a part.
    #[must_use]
    pub fn without_part(&self, key: &PartKey) -> Self {
        let mut next = self.clone();
        match key {
            PartKey::Head(gateway) => {
                next.heads.remove(gateway);
            }
            PartKey::Leaf(leaf) => {
                if let Some(old) = next.leaves.remove(leaf) {
                    for number in &old.numbers {
                        next.let_go(number);
                    }
                }
            }
        }
        next
    }

    /// The newest part that names a number holds it: while a leaf splits, two parts have the number for a moment.
    fn put_leaf(&mut self, leaf: &Arc<CompiledLeaf>) {
        let key = Arc::new(leaf.header.key.clone());
        let old = self.leaves.insert(key, Arc::clone(leaf));
        for number in &leaf.numbers {
            if let Some(shard) = self.shards.get_mut(shard_of(number.number)) {
                hold(Arc::make_mut(shard), number);
            }
        }
        for number in old.iter().flat_map(|old| &old.numbers) {
            if leaf.number(number.number).is_none() {
                self.let_go(number);
            }
        }
    }

    /// Its part no longer has the number: another part that does takes over, else it is gone.
    fn let_go(&mut self, number: &Arc<CompiledNumber>) {
        let Some(shard) = self.shards.get_mut(shard_of(number.number)) else { return };
        if held_in(shard, number.number).is_none_or(|held| held.leaf.key != number.leaf.key) {
            return;
        }
        let heir = self.leaves.values().find_map(|leaf| leaf.number(number.number));
        match heir {
            Some(heir) => hold(Arc::make_mut(shard), heir),
            None => let_go_of(Arc::make_mut(shard), number.number),
        }
    }
}

/// Where a number lies in its shard. The table goes by a hash's first and last bits, and in one shard the first are all
/// the same.
fn spot(number: FourHundred) -> u64 {
    trie::place(number).rotate_left(32)
}

fn held_in(shard: &Shard, number: FourHundred) -> Option<&Arc<CompiledNumber>> {
    shard.find(spot(number), |held| held.number == number)
}

fn hold(shard: &mut Shard, number: &Arc<CompiledNumber>) {
    let place = |held: &Arc<CompiledNumber>| spot(held.number);
    match shard.entry(place(number), |held| held.number == number.number, place) {
        Entry::Occupied(mut held) => *held.get_mut() = Arc::clone(number),
        Entry::Vacant(vacant) => {
            vacant.insert(Arc::clone(number));
        }
    }
}

fn let_go_of(shard: &mut Shard, number: FourHundred) {
    if let Ok(held) = shard.find_entry(spot(number), |held| held.number == number) {
        held.remove();
    }
}

fn shard_of(number: FourHundred) -> usize {
    usize::try_from(trie::place(number) >> 56).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::document::Numbers;
    use crate::domain::routing::load::{ANY_CALLERS, Beside, compile_leaf};
    use crate::domain::routing::schedules::Schedules;
    use crate::domain::routing::worlds;

    fn leaf(path: &str, numbers: &[&str]) -> CompiledPart {
        let entries = numbers.iter().map(|number| worlds::raw(&worlds::plain(number))).collect();
        let document = Numbers { leaf: path.into(), numbers: entries, ..worlds::empty_leaf() };
        let digest = Digest::of_json(&document);
        let beside = Beside { callers: ANY_CALLERS, schedules: &Schedules::default() };
        CompiledPart::Leaf(Arc::new(compile_leaf(&document, digest, beside).unwrap()))
    }

    fn holder(plan: &Plan, number: &str) -> Option<String> {
        plan.number(number.parse().unwrap()).map(|number| number.leaf.key.path.clone())
    }

    #[test]
    fn a_changed_part_copies_only_the_shards_it_touches() {
        let before = Plan::default().with_part(leaf("", &["4001000868", "4001000900"]));
        let after = before.with_part(leaf("", &["4001000868"]));
        let copied = before.shards.iter().zip(&after.shards).filter(|(one, other)| !Arc::ptr_eq(one, other)).count();
        assert!((1..=2).contains(&copied), "{copied}");
        assert_eq!((before.numbers(), after.numbers()), (2, 1));
    }

    #[test]
    fn a_number_that_moves_between_leaves_is_never_lost() {
        let number = "4001000868";
        let plan = Plan::default().with_part(leaf("", &[number, "4001000900"]));
        let plan = plan.with_part(leaf("1", &[number]));
        assert_eq!(holder(&plan, number).as_deref(), Some("1"));
        let plan = plan.with_part(leaf("", &[number, "4001000900"]));
        let plan = plan.with_part(leaf("", &[]));
        assert_eq!(holder(&plan, number).as_deref(), Some("1"), "the other part takes over");
        assert_eq!(holder(&plan, "4001000900"), None);
        let PartKey::Leaf(key) = leaf("1", &[]).key() else { panic!("a leaf has a leaf's key") };
        assert_eq!(holder(&plan.without_part(&PartKey::Leaf(key)), number), None);
    }

    #[test]
    fn a_number_knows_the_digest_of_its_part() {
        let CompiledPart::Leaf(part) = leaf("", &["4001000868"]) else { panic!("a leaf was compiled") };
        let digest = part.header.digest;
        let plan = Plan::default().with_part(CompiledPart::Leaf(part));
        assert_eq!(plan.number("4001000868".parse().unwrap()).unwrap().leaf.digest, digest);
    }
}
