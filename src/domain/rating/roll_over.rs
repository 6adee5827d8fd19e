//! Minutes of a package that a month left over (结转), for packages that let the next month use them up. Pure.
//!
//! What was carried over is used first, and lapses with its month; what the month's own package leaves is carried on. So the
//! minutes of a month depend on the calls of the month before, and a call of that month that is told later takes some of
//! them back: one line then brings the later month to what it must come to.

use super::book::Package;
use super::charge::{Charge, ChargeKey, FeeClass, Line};
use super::monthly::Holder;
use super::rate::{MonthPackage, Unrated, cumulative_price};
use crate::domain::calendar::Month;

/// Seconds that a month passes on to the next, when its calls took `used` and `carried` had been passed on to it.
pub fn left_over(package: &Package, used: u64, carried: u64) -> u64 {
    if package.rolls_over { package.seconds().saturating_sub(used.saturating_sub(carried)) } else { 0 }
}

/// A month whose carried seconds turned out to be others.
#[derive(Debug, Clone, Copy)]
pub struct Recarried {
    pub month: Month,
    /// Seconds of the month's calls.
    pub used: u64,
    /// Seconds carried over, by which they were charged.
    pub before: u64,
    /// And which there are.
    pub carried: u64,
}

/// The line that brings the month's calls to what they cost with the seconds that there are; `None` if it is nothing.
pub fn recarried_charge(
    holder: Holder<'_>,
    MonthPackage { package, version }: MonthPackage<'_>,
    Recarried { month, used, before, carried }: Recarried,
) -> Result<Option<Charge>, Unrated> {
    let price = |carried| cumulative_price(package, carried, used, version.rounding());
    let amount = price(carried)?.checked_sub(price(before)?).ok_or(Unrated::Amount)?;
    if amount.micros() == 0 {
        return Ok(None);
    }
    let (number, tenant) = (holder.number, holder.tenant.to_owned());
    Ok(Some(Charge {
        key: ChargeKey::RollOver { number, tenant, month, carried },
        class: FeeClass::Communication,
        line: Line::RollOver {
            package: package.name.clone(),
            minutes: package.minutes,
            used_seconds: used,
            before_seconds: before,
            carried_seconds: carried,
            then_per_minute: package.then_per_minute,
        },
        rounding: version.rounding(),
        amount,
        usage_month: month,
        price: version.source(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::book::PriceBook;
    use super::super::fixtures::{TARIFF, document, instant};
    use super::*;

    fn rolling() -> PriceBook {
        PriceBook::new(&document(&TARIFF.replace("rollOver: None", "rollOver: NextMonth"))).unwrap()
    }

    #[test]
    fn what_was_carried_is_used_first_and_lapses() {
        let book = rolling();
        let version = book.version_at(instant("2026-11-05T00:00:00Z")).unwrap();
        let (m800, m300) = (version.package("m800").unwrap(), version.package("m300").unwrap());
        let own = 2_000 * 60;
        for (used, carried, left) in [
            (0, 0, own),
            (600, 0, own - 600),
            (600, 600, own),
            (601, 600, own - 1),
            (0, 600, own),
            (own + 600, 600, 0),
            (9 * own, 600, 0),
        ] {
            assert_eq!(left_over(m800, used, carried), left, "{used} {carried}");
            assert_eq!(left_over(m300, used, carried), 0);
        }
    }

    #[test]
    fn a_month_that_loses_carried_seconds_is_charged_for_them() {
        let book = rolling();
        let version = book.version_at(instant("2026-11-05T00:00:00Z")).unwrap();
        let terms = MonthPackage { package: version.package("m800").unwrap(), version };
        let holder = Holder { number: "4001000868".parse().unwrap(), tenant: "acme" };
        let charge = |used, before, carried| {
            let recarried = Recarried { month: "2026-11".parse().unwrap(), used, before, carried };
            let charge = recarried_charge(holder, terms, recarried).unwrap()?;
            assert_eq!(charge.recompute(&book), Some(charge.amount));
            Some(charge.amount.to_string())
        };
        // 2,010 minutes used: 10 carried ones covered them, then 4.
        assert_eq!(charge(2_010 * 60, 600, 240).as_deref(), Some("0.48"));
        assert_eq!(charge(2_000 * 60, 600, 240), None);
    }
}
