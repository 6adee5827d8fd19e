//! What the plan says of billing, on its way to the biller: differences, in order, as fast as the ledger takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::digest::Digest;
use crate::domain::routing::document::Bindings;
use crate::workers::biller::BillingPart as BillerPart;
use crate::workers::plan::{BillingPart, PlanStore};

/// Parts as they were handed over last.
type Given = BTreeMap<String, (Digest, BillingPart)>;

/// Hands every change of `store`'s billing parts to `biller` until `stop`. A biller that is busy is waited for, and what
/// changed meanwhile is handed over as it is then.
pub(super) async fn forward(store: Arc<PlanStore>, biller: mpsc::Sender<BillerPart>, stop: CancellationToken) {
    let mut changes = store.changes();
    let mut given = Given::new();
    loop {
        changes.borrow_and_update();
        for part in differences(&mut given, store.billing()) {
            let part = match part {
                BillingPart::Prices(prices) => BillerPart::Prices((*prices).clone()),
                BillingPart::Bindings(bindings) => BillerPart::Bindings((*bindings).clone()),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                sent = biller.send(part) => if sent.is_err() { return },
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
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
    use std::time::Duration;

    use super::*;

    fn bindings(leaf: &str, count: usize) -> String {
        let binding = serde_json::json!({
            "number": "4001000868", "object": "acme/hotline", "tenant": "acme-ltd", "since": "2026-01-05T00:00:00Z",
            "tariff": "standard", "priceBook": "b00c"
        });
        serde_json::json!({
            "part": "bindings", "format": 1, "gateway": "telephony/east", "namespace": "acme", "leaf": leaf,
            "bindings": vec![binding; count]
        })
        .to_string()
    }

    fn offer(store: &PlanStore, part: &str, text: &str) {
        store.offer(part, Digest::of(text.as_bytes()), text);
    }

    async fn next(parts: &mut mpsc::Receiver<BillerPart>) -> (String, usize) {
        let part = tokio::time::timeout(Duration::from_secs(5), parts.recv()).await.expect("in time").expect("a part");
        match part {
            BillerPart::Bindings(bindings) => (bindings.leaf, bindings.bindings.len()),
            BillerPart::Prices(prices) => (prices.tariff, 0),
        }
    }

    #[tokio::test]
    async fn what_a_busy_biller_could_not_take_is_handed_over_when_it_can_and_a_removal_too() {
        let store = Arc::new(PlanStore::new("e1".to_owned()));
        for leaf in ["0", "10", "11"] {
            offer(&store, &format!("plan-{leaf}"), &bindings(leaf, 1));
        }
        let (sender, mut parts) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let task = tokio::spawn(forward(store.clone(), sender, stop.clone()));
        // No further part of the plan comes, and all are told.
        let told = [next(&mut parts).await, next(&mut parts).await, next(&mut parts).await];
        assert_eq!(told, [("0".to_owned(), 1), ("10".to_owned(), 1), ("11".to_owned(), 1)]);
        // Emptied and removed before the biller heard of either.
        offer(&store, "plan-10", &bindings("10", 0));
        store.remove("plan-10");
        assert_eq!(next(&mut parts).await, ("10".to_owned(), 0));
        stop.cancel();
        task.await.expect("it ends");
    }
}
