//! Which months are in progress, and in whose zone: a month is that of a number's own tariff.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::api::{FourHundredNumber, Tenant};
use crate::controllers::facts::Facts;
use crate::controllers::world::Find as _;
use crate::domain::calendar::{DEFAULT_ZONE, Month, parse_zone};

/// Name of the zone in which a number's months begin.
pub fn zone_name_of(facts: &Facts, number: &FourHundredNumber) -> String {
    zone_name(facts, &number.spec.tariff_ref.name)
}

/// The month in progress for a number.
pub fn of_number(facts: &Facts, number: &FourHundredNumber) -> Month {
    Month::of(facts.clock.now(), &zone(&zone_name_of(facts, number)))
}

/// The month in progress for a tenant's account: by the first of its tariffs.
pub fn of_tenant(facts: &Facts, tenant: &Tenant) -> Month {
    let name = tenant.spec.tariffs.first().map_or_else(|| DEFAULT_ZONE.to_owned(), |first| zone_name(facts, first));
    Month::of(facts.clock.now(), &zone(&name))
}

/// The months in progress anywhere, and the instant at which the first of them ends: two for some hours where tariffs
/// have different zones.
pub fn in_progress(facts: &Facts) -> (BTreeSet<Month>, Timestamp) {
    let names: BTreeSet<String> = facts.stores.tariffs.state().iter().map(|t| t.spec.time_zone().to_owned()).collect();
    let zones = names.iter().map(|name| zone(name)).chain([zone(DEFAULT_ZONE)]);
    let now = facts.clock.now();
    let (mut months, mut turn) = (BTreeSet::new(), Timestamp::MAX);
    for zone in zones {
        let month = Month::of(now, &zone);
        turn = turn.min(month.next().first_instant(&zone));
        months.insert(month);
    }
    (months, turn)
}

fn zone_name(facts: &Facts, tariff: &str) -> String {
    let tariff = facts.stores.tariffs.find_name(tariff);
    tariff.map_or_else(|| DEFAULT_ZONE.to_owned(), |tariff| tariff.spec.time_zone().to_owned())
}

/// One that this build does not know falls back to the default, as its tariff is not accepted.
fn zone(name: &str) -> TimeZone {
    parse_zone(name).or_else(|_| parse_zone(DEFAULT_ZONE)).unwrap_or(TimeZone::UTC)
}
