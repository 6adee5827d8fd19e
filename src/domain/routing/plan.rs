//! The plan in memory: an immutable snapshot of every gateway and number that a worker serves. Pure.
//!
//! A number's row lies in a shard by the same hash that cuts leaves, and says where in its part the rest of it stands. A
//! changed part copies the shards of rows that came, went or changed, and shares the others. Readers hold a snapshot; a
//! change makes the next one beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::head::{AnnouncementUri, CompiledHead};
use super::leaf::{CompiledLeaf, CompiledNumber, LeafKey, Row};
use super::trie;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

const SHARDS: usize = 256;

/// Rows by the hash that gives a number its shard.
type Shard = HashTable<Seat>;

/// A number's row, and the place of the part whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat {
    row: Row,
    part: u32,
}

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
    /// The place of each among the parts.
    leaves: BTreeMap<Arc<LeafKey>, u32>,
    /// A part keeps its place for as long as it is there.
    parts: Vec<Option<Arc<CompiledLeaf>>>,
    shards: Vec<Arc<Shard>>,
}

impl Default for Plan {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self { heads: BTreeMap::new(), leaves: BTreeMap::new(), parts: Vec::new(), shards: vec![empty; SHARDS] }
    }
}

impl Plan {
    /// The number, if the plan has it.
    pub fn number(&self, number: FourHundred) -> Option<CompiledNumber<'_>> {
        let seat = self.seat(number)?;
        self.part(seat.part)?.read(seat.row)
    }

    fn seat(&self, number: FourHundred) -> Option<Seat> {
        self.shards.get(shard_of(number))?.find(spot(number), |seat| seat.row.number == number).copied()
    }

    fn part(&self, part: u32) -> Option<&Arc<CompiledLeaf>> {
        self.parts.get(usize::try_from(part).ok()?)?.as_ref()
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
        self.part(*self.leaves.get(key)?)
    }

    /// Whether some leaf names these callers.
    pub fn names_callers(&self, callers: &Digest) -> bool {
        self.parts.iter().flatten().any(|leaf| leaf.callers.binary_search(callers).is_ok())
    }

    /// How many numbers the plan has.
    pub fn numbers(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether some leaf of the gateway still holds a number.
    pub fn serves_numbers_of(&self, gateway: &str) -> bool {
        self.parts.iter().flatten().any(|leaf| leaf.header.key.gateway == gateway && !leaf.is_empty())
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
                if let Some(part) = next.leaves.remove(leaf) {
                    let old = next.put(part, None);
                    for row in old.iter().flat_map(|old| &old.rows) {
                        next.let_go(row.number, part);
                    }
                }
            }
        }
        next
    }

    /// The newest part that names a number holds it: while a leaf splits, two parts have the number for a moment.
    fn put_leaf(&mut self, leaf: &Arc<CompiledLeaf>) {
        let known = self.leaves.get(&leaf.header.key).copied();
        // Four billion parts do not fit into any memory.
        let Some(part) = known.or_else(|| u32::try_from(self.free_place()).ok()) else { return };
        if known.is_none() {
            self.leaves.insert(Arc::new(leaf.header.key.clone()), part);
        }
        let old = self.put(part, Some(Arc::clone(leaf)));
        for row in &leaf.rows {
            self.seat_at(Seat { row: *row, part });
        }
        for row in old.iter().flat_map(|old| &old.rows) {
            if leaf.row(row.number).is_none() {
                self.let_go(row.number, part);
            }
        }
    }

    fn free_place(&mut self) -> usize {
        let free =
            if self.leaves.len() < self.parts.len() { self.parts.iter().position(Option::is_none) } else { None };
        free.unwrap_or_else(|| {
            self.parts.push(None);
            self.parts.len() - 1
        })
    }

    /// What stood there before.
    fn put(&mut self, part: u32, leaf: Option<Arc<CompiledLeaf>>) -> Option<Arc<CompiledLeaf>> {
        let place = self.parts.get_mut(usize::try_from(part).ok()?)?;
        std::mem::replace(place, leaf)
    }

    /// A shard in which the row stands as it should is not copied.
    fn seat_at(&mut self, seat: Seat) {
        let number = seat.row.number;
        if self.seat(number) == Some(seat) {
            return;
        }
        let Some(shard) = self.shards.get_mut(shard_of(number)) else { return };
        let place = |held: &Seat| spot(held.row.number);
        match Arc::make_mut(shard).entry(spot(number), |held| held.row.number == number, place) {
            Entry::Occupied(mut held) => *held.get_mut() = seat,
            Entry::Vacant(vacant) => {
                vacant.insert(seat);
            }
        }
    }

    /// Its part no longer has the number: another part that does takes over, else it is gone.
    fn let_go(&mut self, number: FourHundred, part: u32) {
        if self.seat(number).is_none_or(|held| held.part != part) {
            return;
        }
        let heir =
            self.leaves.values().find_map(|part| Some(Seat { row: *self.part(*part)?.row(number)?, part: *part }));
        match heir {
            Some(heir) => self.seat_at(heir),
            None => self.unseat(number),
        }
    }

    fn unseat(&mut self, number: FourHundred) {
        let Some(shard) = self.shards.get_mut(shard_of(number)) else { return };
        if let Ok(held) = Arc::make_mut(shard).find_entry(spot(number), |held| held.row.number == number) {
            held.remove();
        }
    }
}

/// Where a number lies in its shard. The table goes by a hash's first and last bits, and in one shard the first are all
/// the same.
fn spot(number: FourHundred) -> u64 {
    trie::place(number).rotate_left(32)
}

fn shard_of(number: FourHundred) -> usize {
    usize::try_from(trie::place(number) >> 56).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::compile_leaf::compile_leaf;
    use crate::domain::routing::document::Numbers;
    use crate::domain::routing::load::{ANY_CALLERS, Beside};
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
    fn a_part_that_comes_takes_the_place_of_one_that_went() {
        let key = |path: &str| {
            let PartKey::Leaf(key) = leaf(path, &[]).key() else { panic!("a leaf has a leaf's key") };
            PartKey::Leaf(key)
        };
        let plan = Plan::default().with_parts([leaf("0", &["4001000868"]), leaf("1", &["4001000900"])]);
        let plan = plan.without_part(&key("0")).with_part(leaf("00", &["4001000012", "4001000868"]));
        assert_eq!((plan.parts.len(), plan.numbers()), (2, 3));
        for (number, path) in [("4001000868", "00"), ("4001000012", "00"), ("4001000900", "1")] {
            let held = plan.number(number.parse().unwrap()).unwrap();
            assert_eq!((held.number.to_string(), held.leaf.key.path.as_str()), (number.to_owned(), path));
            assert_eq!(held.name(), worlds::plain(number).name);
        }
    }

    #[test]
    fn an_edit_that_moves_no_row_copies_no_shard() {
        let numbers = ["4001000868", "4001000900"];
        let before = Plan::default().with_part(leaf("", &numbers));
        let mut document = worlds::empty_leaf();
        document.numbers = numbers
            .map(|number| {
                let mut entry = worlds::plain(number);
                entry.destinations[0].ring_seconds = Some(59);
                worlds::raw(&entry)
            })
            .into();
        let beside = Beside { callers: ANY_CALLERS, schedules: &Schedules::default() };
        let edited = compile_leaf(&document, Digest::of(b"edited"), beside).unwrap();
        let after = before.with_part(CompiledPart::Leaf(Arc::new(edited)));
        assert!(before.shards.iter().zip(&after.shards).all(|(one, other)| Arc::ptr_eq(one, other)));
        let ring = |plan: &Plan| plan.number("4001000900".parse().unwrap()).unwrap().destinations[0].ring_seconds;
        assert_eq!((ring(&before), ring(&after)), (worlds::plain("4001000900").destinations[0].ring_seconds, Some(59)));
    }

    #[test]
    fn a_number_knows_the_digest_of_its_part() {
        let CompiledPart::Leaf(part) = leaf("", &["4001000868"]) else { panic!("a leaf was compiled") };
        let digest = part.header.digest;
        let plan = Plan::default().with_part(CompiledPart::Leaf(part));
        assert_eq!(plan.number("4001000868".parse().unwrap()).unwrap().leaf.digest, digest);
    }
}
