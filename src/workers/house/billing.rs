//! Handing the plan to the biller: price books before the bindings that name them, each part once, and then, where the
//! source has told everything it has, which parts stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use tokio::sync::{Notify, mpsc};

use super::{House, lock, stored_name};
use crate::domain::digest::Digest;
use crate::ledger::{ListScope, WholeList};
use crate::workers::biller::BillingPart as BillerPart;
use crate::workers::feed::ListedPart;
use crate::workers::plan::{BillingPart, PlanStore};

/// Parts of billing that may wait for the ledger.
pub(super) const WAITING_PARTS: usize = 1_024;

/// What the biller has not had yet.
#[derive(Debug, Default)]
pub(super) struct ToBiller {
    lists: Mutex<Vec<Option<WholeList>>>,
    news: Notify,
}

impl ToBiller {
    /// The store may hold a part that the biller has not had.
    pub(super) fn changed(&self) {
        self.news.notify_one();
    }
}

impl House {
    /// The source has told everything it has: `parts`, all of which this house was offered. Bindings that are not among
    /// them were withdrawn while nobody here listened, and the ledger lets go of them too. Blocks for the copy on disk.
    pub fn listed(&self, scope: ListScope, parts: &[ListedPart]) {
        let list = whole_list(&self.store, scope, parts);
        match &list {
            None if parts.is_empty() => {}
            None => tracing::warn!("plan: not every part could be read, so no number is taken to be withdrawn"),
            Some(list) => {
                for part in withdrawn(&self.store, list) {
                    tracing::info!(part, "plan: bindings were withdrawn while nobody listened");
                    self.store.withdraw_bindings(&part);
                }
            }
        }
        lock(&self.billing.lists).push(list);
        self.billing.changed();
    }

    /// What the store holds is what its source has.
    pub fn is_complete(&self) {
        lock(&self.billing.lists).push(None);
        self.billing.changed();
    }
}

/// The bindings among `parts`, as the ledger names them. `None` if that cannot be told: some part could not be read, or
/// there is none at all, which says that the plan is not written yet rather than that every number was withdrawn.
fn whole_list(store: &PlanStore, scope: ListScope, parts: &[ListedPart]) -> Option<WholeList> {
    let names: BTreeSet<String> = parts.iter().map(|part| stored_name(&part.namespace, &part.name)).collect();
    if names.is_empty() || !names.is_subset(&store.held()) {
        return None;
    }
    let listed = bindings(store).into_iter().filter(|(name, _)| names.contains(name));
    Some(WholeList { scope, parts: listed.map(|(_, part)| part).collect() })
}

/// Names of the store's bindings that the list ought to have and does not.
fn withdrawn(store: &PlanStore, list: &WholeList) -> Vec<String> {
    bindings(store).into_iter().filter(|(_, part)| list.misses(part)).map(|(name, _)| name).collect()
}

/// Stored name of each part of bindings, and how the ledger names it.
fn bindings(store: &PlanStore) -> Vec<(String, String)> {
    let named = store.billing().into_iter().filter_map(|(name, (_, part))| match part {
        BillingPart::Bindings(part) => Some((name, WholeList::part(&part.gateway, &part.namespace, &part.leaf))),
        BillingPart::Prices(_) => None,
    });
    named.collect()
}

/// Hands over until the biller is gone.
pub(super) async fn hand_over(house: &House, biller: mpsc::Sender<BillerPart>) {
    let mut known: BTreeMap<String, Digest> = BTreeMap::new();
    loop {
        // Taken first: every part that a list speaks of is in the store by then.
        let lists = std::mem::take(&mut *lock(&house.billing.lists));
        let standing = house.store.billing();
        // A part that went and comes again is news.
        known.retain(|name, _| standing.contains_key(name));
        let mut parts: Vec<_> = standing.into_iter().collect();
        parts.retain(|(name, (digest, _))| known.get(name) != Some(digest));
        parts.sort_by_key(|(_, (_, part))| matches!(part, BillingPart::Bindings(_)));
        for (name, (digest, part)) in parts {
            let part = match part {
                BillingPart::Prices(prices) => BillerPart::Prices((*prices).clone()),
                BillingPart::Bindings(bindings) => BillerPart::Bindings((*bindings).clone()),
            };
            if biller.send(part).await.is_err() {
                return;
            }
            known.insert(name, digest);
        }
        for list in lists {
            if biller.send(BillerPart::Listed(list)).await.is_err() {
                return;
            }
        }
        house.billing.news.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::tests::bench::{NUMBER, binding, part, prices};

    fn store(leaves: &[&str]) -> PlanStore {
        let store = PlanStore::new("epoch".to_owned());
        for leaf in leaves {
            let entries = vec![binding(NUMBER, "acme", &prices("0.60"))];
            let text =
                serde_json::to_string(&crate::domain::routing::document::Part::Bindings(part(leaf, entries))).unwrap();
            store.offer(&format!("telephony.plan-b{leaf}"), Digest::of(text.as_bytes()), &text);
        }
        store
    }

    fn listed(names: &[&str]) -> Vec<ListedPart> {
        let part =
            |name: &&str| ListedPart { namespace: "telephony".to_owned(), gateway: None, name: (*name).to_owned() };
        names.iter().map(part).collect()
    }

    #[test]
    fn bindings_that_a_whole_list_does_not_have_were_withdrawn() {
        let store = store(&["0", "1"]);
        let list = whole_list(&store, ListScope::All, &listed(&["plan-b1"])).unwrap();
        assert_eq!(list.parts, BTreeSet::from(["telephony/east acme 1".to_owned()]));
        assert_eq!(withdrawn(&store, &list), ["telephony.plan-b0"]);
        store.withdraw_bindings("telephony.plan-b0");
        assert_eq!(bindings(&store).len(), 1);
        let other = WholeList { scope: ListScope::Gateway("telephony/west".to_owned()), parts: BTreeSet::new() };
        assert!(withdrawn(&store, &other).is_empty());
    }

    #[test]
    fn a_list_that_could_not_be_read_whole_withdraws_nothing() {
        let store = store(&["0"]);
        assert_eq!(whole_list(&store, ListScope::All, &listed(&["plan-b0", "plan-b1"])), None, "one could not be read");
        assert_eq!(whole_list(&store, ListScope::All, &[]), None, "the plan is not written yet");
    }
}
