//! The store: one writer at a time, any number of readers that never wait.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::disk::DiskCopy;
use super::holdings::{Entry, Held, Holdings, Reading, Taken};
use super::served::{Family, Served};
use crate::domain::digest::Digest;
use crate::domain::routing::document::{Bindings, FORMAT, Prices};
use crate::domain::routing::plan::{CompiledPart, PartKey, Plan};
use crate::workers::router::counters::Counter;

/// So many offers are worth threads of their own.
const READ_AT_ONCE_FROM: usize = 16;

/// A part as its bringer announces it.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// Name of the ConfigMap, or of a file.
    pub part: &'a str,
    /// As announced beside the text.
    pub digest: Digest,
    pub text: &'a str,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// The very text is served already.
    Unchanged,
    /// The last good one is kept, if there was one.
    Refused {
        reason: String,
    },
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    Removed,
    /// Nobody withdrew it: it still holds something, so it is served as before.
    KeptLastGood,
    Unknown,
}

/// What billing needs, as it stands.
#[derive(Debug, Clone)]
pub enum BillingPart {
    Bindings(Arc<Bindings>),
    Prices(Arc<Prices>),
}

/// Counters of what came in.
#[derive(Debug, Default)]
pub struct PlanCounters {
    pub accepted: Counter,
    pub unchanged: Counter,
    pub refused: Counter,
    /// Parts that vanished without having been withdrawn.
    pub kept_last_good: Counter,
    /// Parts that are served, but whose copy on disk is an older one or none.
    pub disk_failed: Counter,
}

/// A worker's plan.
#[derive(Debug)]
pub struct PlanStore {
    plan: ArcSwap<Plan>,
    writing: Mutex<Holdings>,
    /// Held from acceptance to the copy on disk, so that copies are written in the order of acceptance while nobody
    /// else waits for the disk.
    bringing: Mutex<()>,
    disk: Option<DiskCopy>,
    epoch: String,
    changes: watch::Sender<u64>,
    pub counters: PlanCounters,
}

impl PlanStore {
    /// An empty store without a copy on disk. `epoch` is to differ at each start: random letters and digits.
    pub fn new(epoch: String) -> Self {
        Self {
            plan: ArcSwap::from_pointee(Plan::default()),
            writing: Mutex::default(),
            bringing: Mutex::default(),
            disk: None,
            epoch,
            changes: watch::Sender::new(0),
            counters: PlanCounters::default(),
        }
    }

    /// A store that keeps its copy under `data`, holding at once what stands there.
    pub fn open(data: &Path, epoch: String) -> std::io::Result<Self> {
        let disk = DiskCopy::open(data)?;
        let store = Self::new(epoch);
        let mut texts = Vec::new();
        for (part, text) in disk.read()? {
            match text {
                Ok(text) => texts.push((part, text)),
                Err(error) => {
                    store.counters.refused.add_one();
                    tracing::warn!(part, %error, "a part on disk cannot be read");
                }
            }
        }

        let offer = |(part, text)| Offer { part, digest: Digest::of(str::as_bytes(text)), text };
        let offers: Vec<_> = texts.iter().map(|(part, text)| offer((part.as_str(), text.as_str()))).collect();
        for (offer, verdict) in offers.iter().zip(store.offer_all(&offers)) {
            if let Verdict::Refused { reason } = verdict {
                tracing::warn!(part = offer.part, reason, "a part on disk is refused");
            }
        }
        Ok(Self { disk: Some(disk), ..store })
    }

    /// The plan as it is now; cheap, and never waits.
    pub fn snapshot(&self) -> Guard<Arc<Plan>> {
        self.plan.load()
    }

    /// Tells the cursor after each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Offers one part. Blocks for the copy on disk.
    pub fn offer(&self, part: &str, digest: Digest, text: &str) -> Verdict {
        let verdicts = self.offer_all(&[Offer { part, digest, text }]);
        verdicts.into_iter().next().unwrap_or(Verdict::Unchanged)
    }

    /// Offers several parts, which take effect together. Blocks for the copies on disk.
    pub fn offer_all(&self, offers: &[Offer<'_>]) -> Vec<Verdict> {
        let _bringing = lock(&self.bringing);
        let mut writing = lock(&self.writing);
        let mut brought = Brought::default();
        let readings = read_all(&writing, offers);
        let offered = offers.iter().zip(readings);
        let mut verdicts: Vec<Verdict> = offered.map(|(offer, read)| brought.take(&mut writing, offer, read)).collect();
        let awaiting = if brought.callers { writing.awaiting() } else { BTreeMap::new() };
        for (part, (digest, text)) in &awaiting {
            let verdict = brought.take(&mut writing, &Offer { part, digest: *digest, text }, None);
            let asked = offers.iter().zip(&mut verdicts).rev().find(|(offer, _)| offer.part == part);
            match asked {
                Some((_, told)) => *told = verdict,
                None => self.count(&verdict),
            }
        }
        for verdict in &verdicts {
            self.count(verdict);
        }
        let Brought { compiled, accepted, .. } = brought;
        if !compiled.is_empty() {
            self.plan.store(Arc::new(self.plan.load().with_parts(compiled)));
        }
        let left = writing.forget_unnamed(&self.plan.load());
        if !accepted.is_empty() {
            self.changes.send_replace(writing.cursor);
        }
        drop(writing);
        // Calls go by the new plan already.
        for (part, text) in accepted {
            self.copy(part, |disk| disk.write(part, text));
        }
        for part in left {
            self.copy(&part, |disk| disk.remove(&part));
        }
        verdicts
    }

    /// The part is gone at its source. It is forgotten only if it had been withdrawn before: a leaf or bindings that
    /// were emptied, the head of a gateway without numbers, a price book, callers that no leaf names. Otherwise it is
    /// served as before; callers until no leaf names them any more.
    pub fn remove(&self, part: &str) -> Removal {
        let _bringing = lock(&self.bringing);
        let mut writing = lock(&self.writing);
        writing.gone(part);
        let Some(entry) = writing.parts.get(part) else { return Removal::Unknown };
        let plan = self.plan.load();
        let withdrawn = match &entry.held {
            Held::Routing(PartKey::Head(gateway)) => !plan.serves_numbers_of(gateway),
            Held::Routing(PartKey::Leaf(key)) => plan.leaf(key).is_none_or(|leaf| leaf.is_empty()),
            Held::Billing(BillingPart::Bindings(bindings)) => bindings.bindings.is_empty(),
            Held::Billing(BillingPart::Prices(_)) => true,
            Held::Callers { digest, .. } => !plan.names_callers(digest),
        };
        if !withdrawn {
            self.counters.kept_last_good.add_one();
            return Removal::KeptLastGood;
        }
        if let Some(Entry { held: Held::Routing(key), .. }) = writing.forget(part) {
            self.plan.store(Arc::new(plan.without_part(&key)));
        }
        self.changes.send_replace(writing.cursor);
        drop(writing);
        self.copy(part, |disk| disk.remove(part));
        Removal::Removed
    }

    /// Bindings that a whole list of their source does not have: they were withdrawn while nobody here listened. Routes
    /// go on until they are withdrawn themselves; bindings that stayed would be charged for.
    pub fn withdraw_bindings(&self, part: &str) {
        let _bringing = lock(&self.bringing);
        let mut writing = lock(&self.writing);
        let bound = |entry: &Entry| matches!(entry.held, Held::Billing(BillingPart::Bindings(_)));
        if !writing.parts.get(part).is_some_and(bound) {
            return;
        }
        writing.forget(part);
        self.changes.send_replace(writing.cursor);
        drop(writing);
        self.copy(part, |disk| disk.remove(part));
    }

    /// What is served, for one who knows it up to `cursor` of `epoch`.
    pub fn served(&self, family: Family, epoch: &str, cursor: u64) -> Served {
        let mut writing = lock(&self.writing);
        let known = epoch == self.epoch && cursor >= writing.horizon && cursor <= writing.cursor;
        let since = if known { cursor } else { 0 };
        Served {
            epoch: self.epoch.clone(),
            cursor: writing.cursor,
            root: writing.root(family),
            whole: since == 0,
            changed: writing.changed(family, since),
            accepts: (1..=FORMAT).collect(),
        }
    }

    /// [`Self::served`] as soon as there is something new, or after `wait`.
    pub async fn served_after(&self, family: Family, epoch: &str, cursor: u64, wait: Duration) -> Served {
        let mut changes = self.changes();
        let news = async {
            loop {
                changes.borrow_and_update();
                let served = self.served(family, epoch, cursor);
                let stranger = epoch != self.epoch;
                if stranger || !served.changed.is_empty() || changes.changed().await.is_err() {
                    return served;
                }
            }
        };
        tokio::time::timeout(wait, news).await.unwrap_or_else(|_| self.served(family, epoch, cursor))
    }

    /// What billing needs, by part, with each part's digest.
    pub fn billing(&self) -> BTreeMap<String, (Digest, BillingPart)> {
        let writing = lock(&self.writing);
        let parts = writing.parts.iter().filter_map(|(part, entry)| match &entry.held {
            Held::Billing(held) => Some((part.clone(), (entry.digest, held.clone()))),
            Held::Routing(_) | Held::Callers { .. } => None,
        });
        parts.collect()
    }

    /// Every part held, with the gateway (`NAMESPACE/NAME`) that it is of; price books are of none.
    pub fn parts(&self) -> Vec<(String, Option<String>)> {
        let writing = lock(&self.writing);
        writing.parts.iter().map(|(part, entry)| (part.clone(), entry.held.gateway().map(str::to_owned))).collect()
    }

    /// Names of every part held.
    pub fn held(&self) -> BTreeSet<String> {
        lock(&self.writing).parts.keys().cloned().collect()
    }

    fn count(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Accepted => self.counters.accepted.add_one(),
            Verdict::Unchanged => self.counters.unchanged.add_one(),
            Verdict::Refused { .. } => self.counters.refused.add_one(),
        }
    }

    /// Calls go on without a copy; the next start may then begin with an older one.
    fn copy(&self, part: &str, change: impl FnOnce(&DiskCopy) -> std::io::Result<()>) {
        if let Some(Err(error)) = self.disk.as_ref().map(change) {
            self.counters.disk_failed.add_one();
            tracing::warn!(part, %error, "the copy of a part on disk could not be written");
        }
    }
}

/// What several offers come to.
#[derive(Default)]
struct Brought<'o> {
    compiled: Vec<CompiledPart>,
    /// Name and text.
    accepted: Vec<(&'o str, &'o str)>,
    /// Callers are among them, for which leaves may have waited.
    callers: bool,
}

impl<'o> Brought<'o> {
    fn take(&mut self, holdings: &mut Holdings, offer: &Offer<'o>, read: Option<Reading>) -> Verdict {
        match holdings.take(offer, read) {
            Ok(Taken::Unchanged) => Verdict::Unchanged,
            Ok(Taken::Accepted(part)) => {
                self.callers |= part.is_none();
                self.compiled.extend(part);
                self.accepted.push((offer.part, offer.text));
                Verdict::Accepted
            }
            Err(reason) => Verdict::Refused { reason },
        }
    }
}

/// Reads what is new among many offers, as at a start: on every processor, since that is nearly all the work there is.
/// A few are read as they are taken.
fn read_all(holdings: &Holdings, offers: &[Offer<'_>]) -> Vec<Option<Reading>> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if offers.len() < READ_AT_ONCE_FROM || processors == 1 {
        return offers.iter().map(|_| None).collect();
    }
    let read = |offers: &[Offer<'_>]| -> Vec<Option<Reading>> {
        offers.iter().map(|offer| holdings.is_news(offer).then(|| holdings.read(offer))).collect()
    };
    std::thread::scope(|scope| {
        let shares = offers.chunks(offers.len().div_ceil(processors));
        let threads: Vec<_> = shares.map(|share| (share, scope.spawn(move || read(share)))).collect();
        // A share whose thread ended early is read as it is taken.
        let shares = threads
            .into_iter()
            .map(|(share, thread)| thread.join().unwrap_or_else(|_| share.iter().map(|_| None).collect()));
        shares.flatten().collect()
    })
}

/// A panic elsewhere cannot leave the parts half changed: nothing that may panic runs between their insertions.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
