//! What the book remembers of one leaf: what was written, and how a router that is a little behind is recognised. Pure.

use std::collections::BTreeMap;
use std::time::Instant;

use super::shard::Leaf;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

/// How many written versions of a leaf are remembered, to recognise a router that is a little behind.
const REMEMBERED: usize = 64;

/// One leaf's life: the digests written, oldest first, and since which of them each number's entry stands in it.
#[derive(Debug, Default)]
pub(super) struct LeafLife {
    pub(super) versions: Vec<Digest>,
    /// Index of the oldest remembered version, so that positions stay comparable when old ones are forgotten.
    forgotten: usize,
    pub(super) entries: BTreeMap<FourHundred, (Digest, usize)>,
    pub(super) resource_version: String,
    /// Since when it stands empty, on its way to being deleted.
    pub(super) empty_since: Option<Instant>,
}

impl LeafLife {
    pub(super) fn write(&mut self, leaf: &Leaf, resource_version: String) {
        if self.versions.last() != Some(&leaf.part.digest) {
            self.versions.push(leaf.part.digest);
            self.empty_since = None;
            if self.versions.len() > REMEMBERED {
                self.versions.remove(0);
                self.forgotten += 1;
            }
        }
        let now = self.forgotten + self.versions.len() - 1;
        let mut entries = BTreeMap::new();
        for (number, digest) in &leaf.entries {
            let since = match self.entries.get(number) {
                Some((known, since)) if known == digest => *since,
                _ => now,
            };
            entries.insert(*number, (*digest, since));
        }
        self.entries = entries;
        self.resource_version = resource_version;
    }

    /// The place of `digest` among all versions ever written.
    pub(super) fn position(&self, digest: Digest) -> Option<usize> {
        self.versions.iter().rposition(|known| *known == digest).map(|at| at + self.forgotten)
    }
}
