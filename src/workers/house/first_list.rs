//! What came before a first list was whole, for a worker that starts with nothing: a gateway's settings without its
//! numbers would open listeners that know no number. Pure.

use std::collections::BTreeMap;

use crate::workers::feed::Arrival;

/// Namespaces whose parts are held back, by name.
#[derive(Debug, Default)]
pub(super) struct FirstLists(BTreeMap<String, BTreeMap<String, Arrival>>);

impl FirstLists {
    /// The parts of `namespace` take effect together, when all are known.
    pub(super) fn expect(&mut self, namespace: &str) {
        self.0.entry(namespace.to_owned()).or_default();
    }

    /// Whether `arrival` is held back.
    pub(super) fn hold_back(&mut self, arrival: &Arrival) -> bool {
        let Some(parts) = self.0.get_mut(&arrival.namespace) else { return false };
        parts.insert(arrival.name.clone(), arrival.clone());
        true
    }

    /// The part is gone again.
    pub(super) fn forget(&mut self, namespace: &str, name: &str) {
        if let Some(parts) = self.0.get_mut(namespace) {
            parts.remove(name);
        }
    }

    /// The list is whole: what was held back.
    pub(super) fn complete(&mut self, namespace: &str) -> Vec<Arrival> {
        self.0.remove(namespace).map(|parts| parts.into_values().collect()).unwrap_or_default()
    }
}
