//! Which versions of a tariff have begun, and what follows from it: what a number may take, what may no longer change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::api::Tariff;
use crate::api::reasons as reason;
use crate::api::tariff::{TariffSpec, TariffVersion};
use crate::controllers::findings::{Finding, refuse};
use crate::controllers::key::Key;
use crate::controllers::world::World;
use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};
use crate::domain::rating::book::PriceBookDocument;
use crate::ledger::Ledger;

/// How long a beginning waits for the ledger to say by which prices numbers are charged.
const LEDGER_PATIENCE: Duration = Duration::from_secs(5);

/// What a number that asks now may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Catalogue<'a> {
    /// Functions are those of the version in force.
    pub functions: Option<&'a TariffVersion>,
    /// Packages are those of the version that prices the month in progress.
    pub packages: Option<&'a TariffVersion>,
}

/// What a tariff offers at an instant; one that has not begun offers what it will begin with.
pub fn catalogue(spec: &TariffSpec, now: Timestamp) -> Catalogue<'_> {
    let first = || spec.versions.iter().min_by_key(|version| version.effective_from.as_str());
    let Some(today) = today(spec, now) else { return Catalogue { functions: first(), packages: first() } };
    let functions = spec.version_on(&today.to_string()).or_else(first);
    let packages = spec.version_on(&today.first_of_month().to_string()).or(functions);
    Catalogue { functions, packages }
}

/// The civil day in the tariff's zone.
fn today(spec: &TariffSpec, now: Timestamp) -> Option<Date> {
    Some(now.to_zoned(parse_zone(spec.time_zone()).ok()?).date())
}

/// Through which day versions are history, today's included, and when that moves. One that a status showed stays.
pub(super) fn lock_date(tariff: &Tariff, now: Timestamp) -> (Option<String>, Option<Timestamp>) {
    let shown = tariff.status.as_ref().and_then(|status| status.locked_through.clone());
    let Some(today) = today(&tariff.spec, now) else { return (shown, None) };
    let next = today.tomorrow().ok().and_then(|tomorrow| {
        let zone = parse_zone(tariff.spec.time_zone()).ok()?;
        Some(tomorrow.to_zoned(zone).ok()?.timestamp())
    });
    (Some(today.to_string()).max(shown), next)
}

/// The prices by which numbers are charged, by tariff: what a tariff of the same name may not contradict.
#[derive(Debug, Default)]
pub(super) struct Charged(Mutex<HashMap<String, Arc<PriceBookDocument>>>);

impl Charged {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<PriceBookDocument>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers are charged by these prices of `tariff` now; `None`: none is.
    pub(super) fn note(&self, tariff: &str, document: Option<&PriceBookDocument>) {
        let mut charged = self.lock();
        match document {
            Some(document) if charged.get(tariff).is_none_or(|known| **known != *document) => {
                charged.insert(tariff.to_owned(), Arc::new(document.clone()));
            }
            Some(_) => {}
            None => {
                charged.remove(tariff);
            }
        }
    }

    /// Refuses prices that change a version by which numbers are charged: the tariff was deleted and came back as another.
    pub(super) fn check(&self, tariff: &str, document: &PriceBookDocument, now: Timestamp) -> Result<(), Finding> {
        let Some(charged) = self.lock().get(tariff).cloned() else { return Ok(()) };
        let Some(changed) = changed_version(&charged, document, now) else { return Ok(()) };
        refuse(
            reason::VERSION_IN_FORCE,
            format!(
                "numbers are charged by the version of {changed}, which reads otherwise here or is missing: put it back as it was, and add a later version for other prices"
            ),
        )
    }
}

/// The first day of a version that has begun and is not the same in `document`.
fn changed_version<'a>(
    charged: &'a PriceBookDocument,
    document: &PriceBookDocument,
    now: Timestamp,
) -> Option<&'a str> {
    let zone_name = |of: &PriceBookDocument| of.time_zone.clone().unwrap_or_else(|| DEFAULT_ZONE.to_owned());
    let zone = parse_zone(&zone_name(charged)).ok()?;
    let today = now.to_zoned(zone).date().to_string();
    let moved = zone_name(charged) != zone_name(document);
    let begun = charged.versions.iter().filter(|version| version.effective_from <= today);
    let mut changed = begun.filter(|version| moved || !document.versions.contains(version));
    changed.next().map(|version| version.effective_from.as_str())
}

/// Learns from the ledger by which prices numbers are charged, before anything is planned by a tariff that contradicts
/// them.
pub async fn remember_charged(world: &World, ledger: &dyn Ledger) {
    match tokio::time::timeout(LEDGER_PATIENCE, ledger.books_in_force()).await {
        Ok(Ok(books)) => {
            for book in books {
                if let Ok(document) = serde_json::from_str(&book.document) {
                    world.books.charged.note(&book.tariff, Some(&document));
                }
            }
        }
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "prices are not compared with the ledger's");
        }
        Err(_) => tracing::warn!("the ledger does not answer: prices are not compared with its own"),
    }
}

/// What each tariff offered when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Offered(Mutex<HashMap<String, [Option<String>; 2]>>);

/// Wakes the numbers of a tariff that offers something else since it was last looked at: a version or a month began.
pub(super) fn wake_numbers(world: &World, name: &str, spec: &TariffSpec, now: Timestamp) {
    let Catalogue { functions, packages } = catalogue(spec, now);
    let days = [functions, packages].map(|version| version.map(|version| version.effective_from.clone()));
    let mut offered = world.books.offered.0.lock().unwrap_or_else(PoisonError::into_inner);
    let before = offered.insert(name.to_owned(), days.clone());
    drop(offered);
    if before.is_some_and(|before| before != days) {
        let numbers: Vec<Key> = world.references().tariffs.of(&name.to_owned());
        world.hub.numbers.wake_all(&numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARIFF: &str = r"
apiVersion: fourhundred.io/v1alpha1
kind: Tariff
metadata: {name: standard}
spec:
  timeZone: Asia/Tokyo
  versions:
  - {effectiveFrom: '2026-12-01', voice: {rates: [{name: all, perMinute: {enterprise: '0.70'}}]}}
  - {effectiveFrom: '2026-11-10', voice: {rates: [{name: all, perMinute: {enterprise: '0.60'}}]}}
  - {effectiveFrom: '2026-11-20', voice: {rates: [{name: all, perMinute: {enterprise: '0.65'}}]}}
";

    fn tariff(text: &str) -> Tariff {
        serde_saphyr::from_str(text).unwrap()
    }

    fn document(tariff: &Tariff) -> PriceBookDocument {
        super::super::price_book(tariff).unwrap().document
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_is_judged_by_what_is_in_force_and_not_by_what_is_to_come() {
        let tariff = tariff(TARIFF);
        for (now, functions, packages) in [
            ("2026-11-01T00:00:00+09:00", "2026-11-10", "2026-11-10"),
            ("2026-11-15T00:00:00+09:00", "2026-11-10", "2026-11-10"),
            ("2026-11-20T00:00:00+09:00", "2026-11-20", "2026-11-20"),
            ("2026-11-30T23:59:59+09:00", "2026-11-20", "2026-11-20"),
            ("2026-12-01T00:00:00+09:00", "2026-12-01", "2026-12-01"),
        ] {
            let catalogue = catalogue(&tariff.spec, at(now));
            let day = |version: Option<&TariffVersion>| version.map(|version| version.effective_from.clone()).unwrap();
            assert_eq!(
                (day(catalogue.functions), day(catalogue.packages)),
                (functions.into(), packages.into()),
                "{now}"
            );
        }
    }

    #[test]
    fn the_months_packages_are_those_of_its_first_instant() {
        let later = tariff(&TARIFF.replace("2026-11-10", "2026-10-10"));
        let catalogue = catalogue(&later.spec, at("2026-11-25T00:00:00+09:00"));
        assert_eq!(catalogue.functions.unwrap().effective_from, "2026-11-20");
        assert_eq!(catalogue.packages.unwrap().effective_from, "2026-10-10");
    }

    #[test]
    fn today_is_locked_in_the_tariffs_zone_and_never_comes_back() {
        let mut tariff = tariff(TARIFF);
        let now = at("2026-11-24T15:30:00Z");
        let (locked, next) = lock_date(&tariff, now);
        assert_eq!((locked.as_deref(), next), (Some("2026-11-25"), Some(at("2026-11-25T15:00:00Z"))));
        let status =
            crate::api::tariff::TariffStatus { locked_through: Some("2026-11-30".into()), ..Default::default() };
        tariff.status = Some(status);
        assert_eq!(lock_date(&tariff, now).0.as_deref(), Some("2026-11-30"));
    }

    #[test]
    fn a_tariff_that_comes_back_with_other_prices_for_what_has_begun_is_refused() {
        let now = at("2026-11-24T15:30:00Z");
        let charged = Charged::default();
        let check = |text: &str| charged.check("standard", &document(&tariff(text)), now).map_err(|it| it.reason.name);
        let repriced = TARIFF.replace("0.60", "0.50");
        assert_eq!(check(&repriced), Ok(()), "nobody is charged by it");
        charged.note("standard", Some(&document(&tariff(TARIFF))));
        assert_eq!(check(TARIFF), Ok(()));
        assert_eq!(check(&repriced), Err("VersionInForce"));
        assert_eq!(check(&TARIFF.replace("Asia/Tokyo", "Asia/Seoul")), Err("VersionInForce"));
        assert_eq!(check(&TARIFF.replace("0.70", "0.80")), Ok(()), "a version to come may change");
        charged.note("standard", None);
        assert_eq!(check(&repriced), Ok(()));
    }
}
