//! Handing the plan to the biller: price books before the bindings that name them, each part once, and then, where the
//! source has told everything it has, which parts stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, mpsc};

use super::{House, lock, stored_name};
use crate::domain::digest::Digest;
use crate::domain::routing::document::Bindings;
use crate::ledger::{ListScope, WholeList};
use crate::workers::biller::BillingPart as BillerPart;
use crate::workers::feed::ListedPart;
use crate::workers::plan::{BillingPart, PlanStore};

/// Parts of billing that may wait for the ledger.
pub(super) const WAITING_PARTS: usize = 64;

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

/// Parts as they were handed over last.
type Given = BTreeMap<String, (Digest, BillingPart)>;

/// Hands over until the biller is gone. A biller that is busy is waited for, and what changed meanwhile is handed over as
/// it is then.
pub(super) async fn hand_over(house: &House, biller: mpsc::Sender<BillerPart>) {
    let mut given = Given::new();
    loop {
        // Taken first: every part that a list speaks of is in the store by then.
        let lists = std::mem::take(&mut *lock(&house.billing.lists));
        for part in differences(&mut given, house.store.billing()) {
            let part = match part {
                BillingPart::Prices(prices) => BillerPart::Prices((*prices).clone()),
                BillingPart::Bindings(bindings) => BillerPart::Bindings((*bindings).clone()),
            };
            if biller.send(part).await.is_err() {
                return;
            }
        }
        for list in lists {
            if biller.send(BillerPart::Listed(list)).await.is_err() {
                return;
            }
        }
        house.billing.news.notified().await;
    }
}

/// What `given` lacks of `standing`: price books before the bindings that name them. A part that is no longer held is
/// handed over without bindings, unless it was so already.
fn differences(given: &mut Given, standing: Given) -> Vec<BillingPart> {
    let mut parts = Vec::new();
    for (name, (_, part)) in given.iter().filter(|(name, _)| !standing.contains_key(*name)) {
        if let BillingPart::Bindings(bindings) = part
            && !bindings.bindings.is_empty()
        {
            tracing::info!(part = name, "billing: a part is gone, its numbers are no longer billed");
            parts.push(BillingPart::Bindings(Arc::new(Bindings { bindings: Vec::new(), ..(**bindings).clone() })));
        }
    }
    let new = standing.iter().filter(|(name, (digest, _))| given.get(*name).is_none_or(|(known, _)| known != digest));
    parts.extend(new.map(|(_, (_, part))| part.clone()));
    parts.sort_by_key(|part| matches!(part, BillingPart::Bindings(_)));
    *given = standing;
    parts
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
        let list = whole_list(&store, ListScope::Namespace("telephony".to_owned()), &listed(&["plan-b1"])).unwrap();
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
        assert_eq!(
            whole_list(&store, ListScope::Namespace("telephony".to_owned()), &listed(&["plan-b0", "plan-b1"])),
            None,
            "one could not be read"
        );
        assert_eq!(
            whole_list(&store, ListScope::Namespace("telephony".to_owned()), &[]),
            None,
            "the plan is not written yet"
        );
    }

    fn offer(store: &PlanStore, leaf: &str, entries: usize) {
        let entries = vec![binding(NUMBER, "acme", &prices("0.60")); entries];
        let text =
            serde_json::to_string(&crate::domain::routing::document::Part::Bindings(part(leaf, entries))).unwrap();
        store.offer(&format!("telephony.plan-b{leaf}"), Digest::of(text.as_bytes()), &text);
    }

    async fn next(parts: &mut mpsc::Receiver<BillerPart>) -> (String, usize) {
        let part = tokio::time::timeout(std::time::Duration::from_secs(5), parts.recv()).await.unwrap().unwrap();
        match part {
            BillerPart::Bindings(bindings) => (bindings.leaf, bindings.bindings.len()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_a_busy_biller_could_not_take_is_handed_over_when_it_can_and_a_removal_too() {
        let data = tempfile::tempdir().unwrap();
        let house = crate::workers::house::tests::house(data.path());
        for leaf in ["0", "10", "11"] {
            offer(&house.store, leaf, 1);
        }
        let (sender, mut parts) = mpsc::channel(1);
        let giver = house.clone();
        let task = tokio::spawn(async move { hand_over(&giver, sender).await });
        // No further part of the plan comes, and all are told.
        let told = [next(&mut parts).await, next(&mut parts).await, next(&mut parts).await];
        assert_eq!(told, [("0".to_owned(), 1), ("10".to_owned(), 1), ("11".to_owned(), 1)]);
        // Emptied and removed before the biller heard of either.
        offer(&house.store, "10", 0);
        house.store.remove("telephony.plan-b10");
        house.billing.changed();
        assert_eq!(next(&mut parts).await, ("10".to_owned(), 0));
        task.abort();
    }
}
