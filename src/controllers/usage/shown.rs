//! The ledger's totals as a status shows them. Pure.

use jiff::Timestamp;

use crate::api::four_hundred_number::{CallCounts, Charges, FourHundredNumberStatus, Usage as Shown};
use crate::api::{FourHundredNumber, NEVER_OBSERVED};
use crate::ledger::Usage;

/// A status that carries usage alone. Its `asOf` moves only when a figure does.
pub fn of_number(object: &FourHundredNumber, usage: &Usage, now: Timestamp) -> FourHundredNumberStatus {
    let mut shown = figures(usage, crate::controllers::claim::text(now));
    if let Some(before) = object.status.as_ref().and_then(|status| status.usage.as_ref()) {
        let as_of_now = std::mem::replace(&mut shown.as_of, before.as_of.clone());
        if shown != *before {
            shown.as_of = as_of_now;
        }
    }
    FourHundredNumberStatus {
        observed_generation: NEVER_OBSERVED,
        number: None,
        grade: None,
        usage: Some(shown),
        conditions: Vec::new(),
    }
}

fn figures(usage: &Usage, as_of: String) -> Shown {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Shown {
        month: usage.month.to_string(),
        calls: CallCounts {
            offered: count(usage.calls.offered),
            answered: count(usage.calls.answered),
            refused: count(usage.calls.refused),
            unanswered: count(usage.calls.unanswered),
        },
        charged_seconds: count(usage.charged_seconds),
        messages: None,
        charges: Charges {
            setup: usage.charges.setup.to_string(),
            voice: usage.charges.voice.to_string(),
            messages: usage.charges.messages.to_string(),
            functions: usage.charges.functions.to_string(),
            total: usage.charges.total.to_string(),
        },
        unrated: count(usage.unrated),
        as_of,
    }
}
