//! What the numbers of a leaf have in common, held once: a tenant's numbers bear the same names for their rules and
//! destinations and screen the same callers, and what many calls look at stays near. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::compiled::{Common, Name};
use crate::domain::numbering::{CallerPattern, CallerPatterns};

/// See the module's text. It may be dropped when the leaf is compiled.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: HashSet<Name>,
    patterns: HashMap<Vec<CallerPattern>, Common<CallerPatterns>>,
}

impl Shared {
    pub(super) fn name(&mut self, text: &str) -> Name {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name = Name::from(text);
        self.names.insert(name.clone());
        name
    }

    pub(super) fn patterns(&mut self, patterns: Vec<CallerPattern>) -> Common<CallerPatterns> {
        if let Some(known) = self.patterns.get(&patterns) {
            return known.clone();
        }
        let set = Common::from(Arc::new(patterns.iter().copied().collect::<CallerPatterns>()));
        self.patterns.insert(patterns, set.clone());
        set
    }
}
