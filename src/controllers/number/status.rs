//! A number's conditions. Pure: what was judged and done goes in, what `kubectl describe` shows comes out.

use jiff::Timestamp;

use super::apply::Applied;
use super::dereference::Refs;
use super::validate::{Standing, Verdict};
use crate::api::conditions::{self as types, Holds};
use crate::api::four_hundred_number::{FourHundredNumberStatus, NumberState};
use crate::api::reasons as reason;
use crate::api::{FourHundredNumber, NEVER_OBSERVED};
use crate::controllers::findings::{ConditionSet, Finding, Progress, is_true_at};
use crate::controllers::key::ObjectMetaExt as _;
use crate::controllers::plan::book;

/// Whether the present generation is known to be live, or was once: `Programmed` is latched per generation.
pub fn programmed(number: &FourHundredNumber, applied: &Applied) -> bool {
    let shown = number.status.as_ref().map_or(&[][..], |status| &status.conditions);
    applied.progress == Some(book::Progress::Live) || is_true_at(shown, types::PROGRAMMED, number.generation())
}

/// The status to publish.
pub fn of(
    number: &FourHundredNumber,
    refs: &Refs,
    verdict: &Verdict,
    applied: &Applied,
    now: Timestamp,
) -> FourHundredNumberStatus {
    let generation = number.generation();
    let shown = number.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(shown, generation, now);
    match (&applied.accepted, &verdict.warning) {
        (Ok(()), Some(warning)) => {
            set.set(types::ACCEPTED, Holds::True, warning.reason, &warning.sentence);
        }
        (accepted, _) => {
            set.set_result(types::ACCEPTED, reason::ACCEPTED, accepted);
        }
    }
    set.set_result(types::RESOLVED_REFS, reason::RESOLVED_REFS, &verdict.resolved);
    let withdrawn = matches!(verdict.standing, Standing::Withdraw);
    let pending = set_programmed(&mut set, number, (refs, applied), withdrawn);
    if applied.accepted.is_ok() {
        set.set_result(types::FULLY_ENFORCED, reason::FULLY_ENFORCED, &verdict.fully_enforced);
    }
    let ready = ready(verdict, applied, pending.as_ref());
    match &ready {
        Ok(()) if number.spec.state() == NumberState::Paused => {
            let sentence = "the number is kept and does not answer: set state to Active to take calls";
            set.set(types::READY, Holds::True, reason::PAUSED, sentence);
        }
        ready => {
            set.set_result(types::READY, reason::READY, ready);
        }
    }
    set.set_progress(&progress(applied, pending));
    FourHundredNumberStatus {
        observed_generation: generation,
        number: applied.claim.as_ref().map(|claim| claim.number().to_owned()),
        grade: applied.claim.as_ref().and_then(|claim| claim.spec.grade.clone()),
        usage: None,
        conditions: set.finish(),
    }
}

/// Sets `Programmed`; returns what is still under way.
fn set_programmed(
    set: &mut ConditionSet<'_>,
    number: &FourHundredNumber,
    (refs, applied): (&Refs, &Applied),
    withdrawn: bool,
) -> Option<Finding> {
    let generation = number.generation();
    if applied.progress.is_none() {
        // The present spec is not served: whatever was live before still is, at its own generation.
        let served_before = set.old(types::PROGRAMMED).is_some_and(|old| {
            old.status == Holds::True.as_str() && old.observed_generation.unwrap_or(NEVER_OBSERVED) <= generation
        });
        if served_before && applied.claim.is_some() && !withdrawn {
            set.keep(types::PROGRAMMED);
        } else {
            let sentence = "no router serves this number: see Accepted and ResolvedRefs";
            set.set(types::PROGRAMMED, Holds::False, reason::NOT_ACCEPTED, sentence);
        }
        return None;
    }
    if programmed(number, applied) {
        set.set(types::PROGRAMMED, Holds::True, reason::PROGRAMMED, "");
        return None;
    }
    let finding = if applied.progress == Some(book::Progress::NoReadyRouter) {
        Finding::new(
            reason::NO_READY_ROUTER,
            format!("gateway {} has no ready router: see its status (kubectl describe cgw)", refs.gateway_key),
        )
    } else {
        Finding::new(
            reason::AWAITING_ROUTERS,
            format!("routers of gateway {} have not all loaded this generation yet", refs.gateway_key),
        )
    };
    set.set(types::PROGRAMMED, Holds::False, finding.reason, &finding.sentence);
    Some(finding)
}

fn ready(verdict: &Verdict, applied: &Applied, pending: Option<&Finding>) -> Result<(), Finding> {
    applied.accepted.clone()?;
    verdict.resolved.clone()?;
    match pending {
        Some(finding) => Err(finding.clone()),
        None => Ok(()),
    }
}

/// Stalled exactly when this object's owner must act; missing references and routers are somebody else's.
fn progress(applied: &Applied, pending: Option<Finding>) -> Progress {
    match (&applied.accepted, pending) {
        (Err(finding), _) => Progress::Stalled(finding.clone()),
        (Ok(()), Some(finding)) if finding.reason == reason::AWAITING_ROUTERS => Progress::Reconciling(finding),
        _ => Progress::Settled,
    }
}
