//! A relation kept both ways: which objects name which, and who names a given one. Pure.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// `A`s that refer to `B`s.
#[derive(Debug)]
pub struct Links<A, B> {
    forward: HashMap<A, Vec<B>>,
    reverse: HashMap<B, BTreeSet<A>>,
}

impl<A, B> Default for Links<A, B> {
    fn default() -> Self {
        Self { forward: HashMap::new(), reverse: HashMap::new() }
    }
}

impl<A: Clone + Eq + Hash + Ord, B: Clone + Eq + Hash> Links<A, B> {
    /// `from` names exactly `to` from now on.
    pub fn set(&mut self, from: &A, to: Vec<B>) {
        self.remove(from);
        for target in &to {
            self.reverse.entry(target.clone()).or_default().insert(from.clone());
        }
        if !to.is_empty() {
            self.forward.insert(from.clone(), to);
        }
    }

    /// `from` is no more.
    pub fn remove(&mut self, from: &A) {
        for target in self.forward.remove(from).unwrap_or_default() {
            if let Some(sources) = self.reverse.get_mut(&target) {
                sources.remove(from);
                if sources.is_empty() {
                    self.reverse.remove(&target);
                }
            }
        }
    }

    /// Who names `target`, in order.
    pub fn of(&self, target: &B) -> Vec<A> {
        self.reverse.get(target).map(|sources| sources.iter().cloned().collect()).unwrap_or_default()
    }

    /// How many name `target`.
    pub fn count(&self, target: &B) -> usize {
        self.reverse.get(target).map_or(0, BTreeSet::len)
    }

    /// What `from` names.
    pub fn named_by(&self, from: &A) -> &[B] {
        self.forward.get(from).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_follow_every_change() {
        let mut links = Links::<&str, &str>::default();
        links.set(&"hotline", vec!["office-hours"]);
        links.set(&"sales", vec!["office-hours"]);
        assert_eq!(links.of(&"office-hours"), ["hotline", "sales"]);
        links.set(&"hotline", vec!["weekend"]);
        assert_eq!((links.count(&"office-hours"), links.of(&"weekend")), (1, vec!["hotline"]));
        links.remove(&"hotline");
        assert_eq!((links.count(&"weekend"), links.named_by(&"sales")), (0, &["office-hours"][..]));
    }
}
