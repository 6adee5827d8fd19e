//! NumberPools: which numbers there are, their grades, and how many are free.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;

use super::counted;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, accepted_and_ready, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::world::World;
use crate::api::number_pool::{Grade, NumberPoolStatus};
use crate::api::reasons as reason;
use crate::api::{NumberClaim, NumberPool};
use crate::domain::numbering::{FourHundred, VanityPattern};

/// The pool's ranges as inclusive pairs of values; those that do not parse are left out (the check names them).
pub fn ranges(pool: &NumberPool) -> Vec<(u64, u64)> {
    pool.spec
        .ranges
        .iter()
        .filter_map(|range| {
            let first: FourHundred = range.first.parse().ok()?;
            let last: FourHundred = range.last.parse().ok()?;
            (first <= last).then(|| (first.as_u64(), last.as_u64()))
        })
        .collect()
}

/// The ranges taken together and begun at their `seed`th number (counted round), as a stack: what comes first lies last.
pub fn rotated(ranges: &[(u64, u64)], seed: u64) -> Vec<(u64, u64)> {
    let size: u64 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    let Some(mut start) = seed.checked_rem(size) else { return Vec::new() };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for &(first, last) in ranges {
        let size = last - first + 1;
        if start >= size {
            before.push((first, last));
        } else {
            if start > 0 {
                before.push((first, first + start - 1));
            }
            after.push((first + start, last));
        }
        start = start.saturating_sub(size);
    }
    after.extend(before);
    after.reverse();
    after
}

/// Whether a range of the pool holds `number`.
pub fn covers(pool: &NumberPool, number: FourHundred) -> bool {
    ranges(pool).iter().any(|(first, last)| (*first..=*last).contains(&number.as_u64()))
}

/// The pool that covers `number`; the first by name where two do.
pub fn covering(facts: &Facts, number: FourHundred) -> Option<Arc<NumberPool>> {
    facts.stores.pools.state().into_iter().filter(|pool| covers(pool, number)).min_by_key(|pool| pool.name_any())
}

/// The grade of a number: the first whose pattern matches.
pub fn grade_of(pool: &NumberPool, number: FourHundred) -> Option<&Grade> {
    pool.spec
        .grades
        .iter()
        .find(|grade| grade.pattern.parse::<VanityPattern>().is_ok_and(|pattern| pattern.matches(number)))
}

/// Least spend of a month that a claimed number's grade asks, in yuan: of the grade that it was claimed with, or that its
/// pattern has now where there is no such grade any more.
pub fn minimum_of(pool: &NumberPool, claim: &NumberClaim, number: FourHundred) -> Option<String> {
    let claimed = claim.spec.grade.as_deref();
    let named = pool.spec.grades.iter().find(|grade| Some(grade.name.as_str()) == claimed);
    named.or_else(|| grade_of(pool, number))?.minimum_monthly.clone()
}

/// Brings a pool's status up to date.
pub async fn reconcile(pool: Arc<NumberPool>, world: Arc<World>) -> Result<Action, Error> {
    let accepted = check(&pool, &world);
    let count = world.references().claims_of_pool(&pool.name_any());
    let size: u64 = ranges(&pool).iter().map(|(first, last)| last - first + 1).sum();
    let reserved =
        pool.spec.reserved.iter().filter(|text| text.parse().is_ok_and(|number| covers(&pool, number))).count();
    let used = u64::try_from(count.bound + count.cooling + reserved).unwrap_or(u64::MAX);
    let old = pool.status.clone();
    let mut set =
        ConditionSet::new(old.as_ref().map_or(&[], |status| &status.conditions), pool.generation(), world.clock.now());
    accepted_and_ready(&mut set, &accepted);
    let status = NumberPoolStatus {
        observed_generation: pool.generation(),
        size: i64::try_from(size).ok(),
        claimed: i64::try_from(count.bound).ok(),
        cooling: i64::try_from(count.cooling).ok(),
        free: i64::try_from(size.saturating_sub(used)).ok(),
        conditions: set.finish(),
    };
    counted::publish(&world, &*pool, old.map(|status| status.conditions), status.conditions.clone(), &status).await
}

/// Whether the pool's ranges and grades stand.
pub fn check(pool: &NumberPool, facts: &Facts) -> Result<(), Finding> {
    for range in &pool.spec.ranges {
        let (first, last) = (range.first.parse::<FourHundred>(), range.last.parse::<FourHundred>());
        let (Ok(first), Ok(last)) = (first, last) else {
            return refuse(
                reason::INVALID,
                format!("ranges {}–{}: both ends must be ten digits that start with 400", range.first, range.last),
            );
        };
        if first > last {
            return refuse(
                reason::INVALID,
                format!("ranges {first}–{last}: the first number lies behind the last, swap them"),
            );
        }
        let carrier = format!("{:?}", pool.spec.carrier);
        for end in [first, last] {
            let owner = end.carrier().map(|owner| format!("{owner:?}"));
            if let Some(owner) = owner.filter(|owner| *owner != carrier) {
                return refuse(
                    reason::CARRIER_MISMATCH,
                    format!(
                        "ranges {first}–{last}: {end} belongs to {owner}, but the pool says carrier {carrier}: set carrier to {owner}, or list ranges of {carrier}"
                    ),
                );
            }
        }
    }
    for grade in &pool.spec.grades {
        if let Err(error) = grade.pattern.parse::<VanityPattern>() {
            return refuse(reason::INVALID, format!("grades[{}].pattern: {error}", grade.name));
        }
    }
    overlaps_not_itself(pool)?;
    overlaps_no_other(pool, facts)
}

fn overlaps_not_itself(pool: &NumberPool) -> Result<(), Finding> {
    let mut sorted = ranges(pool);
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if let [(first, last), (next_first, next_last)] = pair
            && next_first <= last
        {
            return refuse(
                reason::RANGES_OVERLAP,
                format!("ranges {first}–{last} and {next_first}–{next_last} overlap: take the common part out of one"),
            );
        }
    }
    Ok(())
}

fn overlaps_no_other(pool: &NumberPool, facts: &Facts) -> Result<(), Finding> {
    let mine = ranges(pool);
    let name = pool.name_any();
    for other in facts.stores.pools.state().into_iter().filter(|other| other.name_any() < name) {
        for (first, last) in ranges(&other) {
            if let Some((from, to)) = mine.iter().find(|(from, to)| *from <= last && first <= *to) {
                return refuse(
                    reason::RANGES_OVERLAP,
                    format!(
                        "ranges {from}–{to} overlap NumberPool {}, which has {first}–{last}: take the common part out of one",
                        other.name_any()
                    ),
                );
            }
        }
    }
    Ok(())
}

/// The pool's key.
pub fn key(name: &str) -> Key {
    Key::cluster(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_begins_in_the_middle_and_meets_every_number_once() {
        let ranges = [(10, 12), (20, 20), (30, 31)];
        let order = |seed: u64| -> Vec<u64> {
            rotated(&ranges, seed).into_iter().rev().flat_map(|(first, last)| first..=last).collect()
        };
        assert_eq!(order(0), [10, 11, 12, 20, 30, 31]);
        assert_eq!(order(2), [12, 20, 30, 31, 10, 11]);
        assert_eq!(order(3), [20, 30, 31, 10, 11, 12]);
        assert_eq!(order(11), [31, 10, 11, 12, 20, 30], "counted round");
        assert!(rotated(&[], 7).is_empty());
    }
}
