//! Tariffs: price books checked, named by digest, and written beside the plans that refer to them.

mod in_force;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kube::ResourceExt as _;
use kube::runtime::controller::Action;

pub use self::in_force::{Catalogue, catalogue, remember_charged};
use self::in_force::{Charged, Offered, lock_date, wake_numbers};
use super::counted;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, Progress, refuse};
use super::key::ObjectMetaExt as _;
use super::plan::shard::{PlannedNumber, labels};
use super::plan::writer;
use super::sink::PlanPart;
use super::world::{PartSeen, World};
use crate::api::Tariff;
use crate::api::conditions as types;
use crate::api::reasons as reason;
use crate::api::tariff::TariffStatus;
use crate::domain::digest::Digest;
use crate::domain::rating::book::{self, PriceBook, PriceBookDocument};
use crate::domain::routing::document::{FORMAT, Part, Prices};

/// What the names of price books in the plan begin with; digits of the digest follow.
const PRICE_BOOK: &str = "prices-";

/// Whether the plan part of this name is a price book.
pub fn is_price_book(part: &str) -> bool {
    part.starts_with(PRICE_BOOK)
}

/// A tariff as billing keeps it.
#[derive(Debug, Clone)]
pub struct Book {
    pub digest: Digest,
    pub document: PriceBookDocument,
}

/// The tariff's price book, or what keeps this version from charging by it.
pub fn price_book(tariff: &Tariff) -> Result<Book, Finding> {
    let invalid = |error: &(dyn std::error::Error + 'static)| Finding::of(reason::INVALID, error);
    let value = serde_json::to_value(&tariff.spec).map_err(|error| invalid(&error))?;
    let document: PriceBookDocument = serde_json::from_value(value).map_err(|error| invalid(&error))?;
    PriceBook::new(&document).map_err(|error| invalid(&error))?;
    Ok(Book { digest: document.digest(), document })
}

/// Price books by tariff, made once per generation: thousands of numbers share one.
#[derive(Debug, Default)]
pub struct Books {
    known: Mutex<HashMap<String, KnownBook>>,
    /// Held while price books are written, so that shards that name the same one write it once.
    writing: tokio::sync::Mutex<()>,
    charged: Charged,
    offered: Offered,
}

impl Books {
    /// Nobody uses a tariff: it contradicts nothing any more.
    fn release(&self, tariff: &str) {
        self.charged.note(tariff, None);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(tariff).is_some_and(|(.., book)| book.is_err()) {
            known.remove(tariff);
        }
    }
}

/// A tariff's uid and generation, and what came of them.
type KnownBook = (String, i64, Result<Arc<Book>, Finding>);

impl Facts {
    /// See [`price_book`].
    pub fn price_book(&self, tariff: &Tariff) -> Result<Arc<Book>, Finding> {
        let (name, uid, generation) = (tariff.name_any(), tariff.uid_text(), tariff.generation());
        let mut books = self.books.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known_uid, known_generation, book)) = books.get(&name)
            && known_uid == uid
            && *known_generation == generation
        {
            return book.clone();
        }
        let book = price_book(tariff).and_then(|book| {
            self.books.charged.check(&name, &book.document, self.clock.now())?;
            Ok(Arc::new(book))
        });
        books.insert(name, (uid.to_owned(), generation, book.clone()));
        book
    }
}

/// Brings a tariff's status up to date.
pub async fn reconcile(tariff: Arc<Tariff>, world: Arc<World>) -> Result<Action, Error> {
    let name = tariff.name_any();
    let used_by = world.references().tariffs.count(&name);
    if used_by == 0 {
        world.books.release(&name);
    }
    let book = world.price_book(&tariff);
    if let (Ok(book), 1..) = (&book, used_by) {
        world.books.charged.note(&name, Some(&book.document));
    }
    let accepted = book.as_ref().map(drop).map_err(Clone::clone);
    let fully = match &book {
        Ok(book) => not_yet_charged(&book.document),
        Err(_) => Ok(()),
    };
    let now = world.clock.now();
    wake_numbers(&world, &name, &tariff.spec, now);
    let old = tariff.status.clone();
    let mut set = ConditionSet::new(old.as_ref().map_or(&[], |status| &status.conditions), tariff.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    set.set_result(types::FULLY_ENFORCED, reason::FULLY_ENFORCED, &fully);
    set.set_result(types::READY, reason::READY, &accepted);
    if let Err(finding) = &accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let (locked_through, tomorrow) = lock_date(&tariff, now);
    let status = TariffStatus {
        observed_generation: tariff.generation(),
        numbers: i64::try_from(used_by).ok(),
        locked_through,
        conditions: set.finish(),
    };
    let action =
        counted::publish(&world, &*tariff, old.map(|status| status.conditions), status.conditions.clone(), &status)
            .await?;
    Ok(match tomorrow {
        Some(next) if action == Action::await_change() => Action::requeue(world.until(next)),
        _ => action,
    })
}

/// What the price book lists that changes no charge yet.
pub fn not_yet_charged(document: &PriceBookDocument) -> Result<(), Finding> {
    let fields = book::not_yet_charged(document);
    if fields.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = fields.iter().map(ToString::to_string).collect();
    refuse(reason::NOT_YET_CHARGED, format!("accepted, not charged by this version: {}", shown.join(", ")))
}

/// Writes the price books that `numbers`' bindings name into `namespace`, before a plan names them there.
pub async fn ensure_price_books<'a>(
    world: &World,
    namespace: &str,
    numbers: impl Iterator<Item = &'a Arc<PlannedNumber>>,
) -> Result<(), Error> {
    let wanted = books_named(numbers);
    let _writing = world.books.writing.lock().await;
    for ((name, digest), carried) in wanted {
        let part_name = format!("{PRICE_BOOK}{}", digest.trim_start_matches("sha256:").get(..16).unwrap_or_default());
        let place = (namespace.to_owned(), part_name.clone());
        let seen = world.parts().get(&place).cloned();
        let Some(book) = carried.or_else(|| current_book(world, &name, &digest)) else {
            if seen.is_none_or(|seen| seen.foreign) {
                tracing::warn!(
                    tariff = name,
                    digest,
                    "a price book that bindings name is not at hand: it is not written"
                );
            }
            continue;
        };
        let Ok(part) = prices_part(namespace, part_name, &name, &book) else { continue };
        if seen.is_some_and(|seen| writer::stands_as(&seen, &part)) {
            continue;
        }
        let resource_version = world.sink.apply_part(&part).await?;
        world.metrics.wrote("plan", "sent");
        let seen = PartSeen { digest: Some(part.digest), resource_version, foreign: false, labels: part.labels };
        world.parts().insert(place, seen);
    }
    Ok(())
}

/// The price books that bindings name, by tariff and digest; the very books where the numbers carry them.
fn books_named<'a>(
    numbers: impl Iterator<Item = &'a Arc<PlannedNumber>>,
) -> BTreeMap<(String, String), Option<Arc<Book>>> {
    let mut named: BTreeMap<(String, String), Option<Arc<Book>>> = BTreeMap::new();
    for planned in numbers {
        let Some(binding) = &planned.binding else { continue };
        let book = named.entry((binding.tariff.clone(), binding.price_book.clone())).or_default();
        *book = book.take().or_else(|| planned.price_book.clone());
    }
    named
}

/// For an entry of an earlier plan, which carries no book.
fn current_book(world: &World, tariff: &str, digest: &str) -> Option<Arc<Book>> {
    use super::world::Find as _;
    let tariff = world.stores.tariffs.find_name(tariff)?;
    world.price_book(&tariff).ok().filter(|book| book.digest.to_string() == digest)
}

fn prices_part(namespace: &str, name: String, tariff: &str, book: &Book) -> Result<PlanPart, serde_json::Error> {
    let raw = serde_json::value::to_raw_value(&book.document)?;
    let text = serde_json::to_string(&Part::Prices(Prices { format: FORMAT, tariff: tariff.to_owned(), book: raw }))?;
    let labels = BTreeMap::from([
        (labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned()),
        (labels::LEAF.to_owned(), "prices".to_owned()),
    ]);
    Ok(PlanPart { namespace: namespace.to_owned(), name, labels, digest: Digest::of(text.as_bytes()), text })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::routing::document::{BindingEntry, NumberEntry};

    #[test]
    fn a_planned_number_brings_the_very_book_that_its_binding_names() {
        let tariff: Tariff = serde_json::from_value(json!({
            "apiVersion": "fourhundred.io/v1alpha1", "kind": "Tariff", "metadata": {"name": "standard"},
            "spec": {"versions": [{
                "effectiveFrom": "2026-11-01", "voice": {"rates": [{"name": "all", "perMinute": {"enterprise": "0.60"}}]},
            }]},
        }))
        .unwrap();
        let book = Arc::new(price_book(&tariff).unwrap());
        let entry: NumberEntry = serde_json::from_value(json!({
            "number": "4001000868", "name": "hotline", "state": "Active", "destinations": [], "rules": [],
        }))
        .unwrap();
        let binding: BindingEntry = serde_json::from_value(json!({
            "number": "4001000868", "object": "acme/hotline", "tenant": "acme", "since": "2026-11-02T00:00:00Z",
            "tariff": "standard", "priceBook": book.digest.to_string(),
        }))
        .unwrap();
        let number = "4001000868".parse().unwrap();
        let planned = PlannedNumber::new(number, &entry, None, None, Some((binding, book.clone()))).unwrap();
        let read_back = Arc::new(PlannedNumber { price_book: None, ..planned.clone() });
        let planned = Arc::new(planned);
        for numbers in [[&planned, &read_back], [&read_back, &planned]] {
            let named = books_named(numbers.into_iter());
            let key = ("standard".to_owned(), book.digest.to_string());
            assert_eq!(named.get(&key).unwrap().as_ref().map(|book| book.digest), Some(book.digest));
            assert_eq!(named.len(), 1);
        }
    }
}
