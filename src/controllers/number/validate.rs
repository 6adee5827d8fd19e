//! Whether a number may be served as its owner asks. Pure: what stands, what is refused, and the sentence that says what
//! to change. The same checks serve the operator, `serve`, `lint` and the folder tools.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::build;
use super::checks::{ADMISSION, REFERENCES, SPEC, run};
use super::dereference::Refs;
use crate::api::call_gateway::GatewayMode;
use crate::api::function::Function;
use crate::api::reasons as reason;
use crate::api::routing_target::Exhausted;
use crate::api::{CallGateway, FourHundredNumber};
use crate::controllers::findings::{Finding, join, list, refuse};
use crate::controllers::gateway::admission::Admission;
use crate::controllers::pool;
use crate::controllers::tenant::{Membership, Verification};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::caller_lists::PackedList;
use crate::domain::routing::compile::Violation;
use crate::domain::routing::document::{CalendarDocument, NumberEntry, ScheduleDocument};
use crate::domain::routing::entry;

/// A number that may be served: the entry and what it stands on. Only [`check`] makes one.
#[derive(Debug)]
pub struct Validated {
    pub entry: NumberEntry,
    pub schedule: Option<(String, ScheduleDocument)>,
    pub calendar: Option<(String, CalendarDocument)>,
    /// By name.
    pub caller_lists: BTreeMap<String, Arc<PackedList>>,
}

/// What becomes of the number's place in the plan.
#[derive(Debug)]
pub enum Standing {
    /// Serve the present spec.
    Serve(Box<Validated>),
    /// Leave the last accepted entry in force, at the gateway that has it.
    Keep,
    /// Admission is lost on purpose: the entry goes at once.
    Withdraw,
}

/// The number that is asked for, or how it is to be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Number(FourHundred),
    Choose,
}

/// Everything the later steps need to know.
#[derive(Debug)]
pub struct Verdict {
    pub accepted: Result<(), Finding>,
    pub resolved: Result<(), Finding>,
    pub fully_enforced: Result<(), Finding>,
    /// Accepted, but the platform team or the owner should know.
    pub warning: Option<Finding>,
    pub standing: Standing,
    pub wish: Option<Wish>,
}

/// Judges a number.
pub fn check(number: &FourHundredNumber, refs: &Refs, now: Timestamp) -> Verdict {
    let admitted = run(ADMISSION, number, refs);
    let resolved = run(REFERENCES, number, refs);
    let mut accepted = admitted.clone().and_then(|()| run(SPEC, number, refs));
    let mut standing = Standing::Keep;
    if accepted.is_ok() && resolved.is_ok() {
        match entry_of(number, refs, now) {
            Ok(validated) => standing = Standing::Serve(Box::new(validated)),
            Err(finding) => accepted = Err(finding),
        }
    } else if accepted.is_ok()
        && let Err(finding) = entry_alone(number, refs, now)
    {
        accepted = Err(finding);
    }
    if loses_admission(refs) {
        standing = Standing::Withdraw;
    }
    Verdict {
        fully_enforced: fully_enforced(number, refs),
        warning: warning(refs),
        wish: wish(number, refs),
        accepted,
        resolved,
        standing,
    }
}

fn loses_admission(refs: &Refs) -> bool {
    // What a gateway that is only asked for says changes nothing at the one that serves.
    let detached = matches!(refs.serving_admission, Admission::NotAllowed | Admission::NotServed | Admission::Unknown);
    let disowned = matches!(refs.membership, Membership::Nobody);
    detached || disowned || matches!(refs.verification, Verification::Rejected { .. })
}

fn wish(number: &FourHundredNumber, refs: &Refs) -> Option<Wish> {
    let held = refs.own_claim.as_ref().and_then(|claim| claim.number().parse().ok());
    match (&number.spec.number, held) {
        (Some(text), _) => text.parse().ok().map(Wish::Number),
        (None, Some(held)) => Some(Wish::Number(held)),
        (None, None) => number.spec.choose.as_ref().map(|_| Wish::Choose),
    }
}

/// The entry of a number whose references are whole.
fn entry_of(number: &FourHundredNumber, refs: &Refs, now: Timestamp) -> Result<Validated, Finding> {
    let (schedule, calendar) = match documents(refs, now) {
        Some((schedule, calendar)) => (Some(schedule), calendar),
        None => (None, None),
    };
    let digest = schedule.as_ref().map(|(digest, _)| digest.clone());
    let caller_lists = caller_lists(refs);
    let entry = build::entry(number, &asked(number, refs), digest, &caller_lists);
    let entry = entry.map_err(|sentences| invalid(&sentences))?;
    let violations = entry::check_entry(&entry, schedule.as_ref().map(|(_, document)| document));
    violated(&violations)?;
    Ok(Validated { entry, schedule, calendar, caller_lists })
}

/// What can be said of the spec while a reference is missing: everything but the names of periods, if it is the
/// schedule that is missing.
fn entry_alone(number: &FourHundredNumber, refs: &Refs, now: Timestamp) -> Result<(), Finding> {
    let entry = build::entry(number, &asked(number, refs), None, &caller_lists(refs));
    let entry = entry.map_err(|sentences| invalid(&sentences))?;
    let schedule = documents(refs, now).map(|((_, document), _)| document);
    let mut violations = entry::check_entry(&entry, schedule.as_ref());
    if schedule.is_none() && number.spec.schedule_ref.is_some() {
        violations.retain(|violation| !violation.field.ends_with(".when.periods"));
    }
    violated(&violations)
}

/// The number that the entry is for; one that is still to be chosen stands for any.
fn asked(number: &FourHundredNumber, refs: &Refs) -> String {
    match &refs.own_claim {
        Some(claim) => claim.number().to_owned(),
        None => number.spec.number.clone().unwrap_or_else(|| "4000000000".to_owned()),
    }
}

type Named<T> = (String, T);

/// Schedule and calendar as the plan carries them, each with its digest.
fn documents(refs: &Refs, now: Timestamp) -> Option<(Named<ScheduleDocument>, Option<Named<CalendarDocument>>)> {
    let schedule = refs.schedule.as_deref()?;
    Some(crate::controllers::schedule::documents(schedule, refs.calendar.as_deref(), now))
}

/// The lists that are there and valid.
fn caller_lists(refs: &Refs) -> BTreeMap<String, Arc<PackedList>> {
    let lists = refs.caller_lists.iter();
    lists.filter_map(|(name, list)| Some((name.clone(), list.as_ref()?.as_ref().ok()?.clone()))).collect()
}

fn violated(violations: &[Violation]) -> Result<(), Finding> {
    if violations.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = violations.iter().map(|v| format!("{}: {}", v.field, v.sentence)).collect();
    Err(invalid(&sentences))
}

fn invalid(sentences: &[String]) -> Finding {
    Finding::new(reason::INVALID, join(sentences))
}

/// Everything that is asked for and not done, as one sentence; the reason is that of the weightiest.
fn fully_enforced(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Some(gateway) = &refs.gateway else { return Ok(()) };
    let findings: Vec<Finding> =
        [beyond_redirect(number, gateway), not_performed(number, refs), unmapped(number, refs, gateway)]
            .into_iter()
            .flatten()
            .collect();
    let sentences: Vec<&str> = findings.iter().map(|finding| finding.sentence.as_str()).collect();
    match findings.first() {
        None => Ok(()),
        Some(weightiest) => refuse(weightiest.reason, sentences.join(" ")),
    }
}

/// Fields that only a gateway in a call's way can keep: it redirects, and what happens then is the switch's.
fn beyond_redirect(number: &FourHundredNumber, gateway: &CallGateway) -> Option<Finding> {
    if gateway.spec.mode() != GatewayMode::Redirect {
        return None;
    }
    let mut fields = Vec::new();
    if number.spec.limits.as_ref().is_some_and(|limits| limits.concurrent_calls.is_some()) {
        fields.push("limits.concurrentCalls".to_owned());
    }
    let counted = number.spec.destinations.iter().filter(|destination| destination.concurrent_calls.is_some());
    fields.extend(counted.map(|destination| format!("destinations[{}].concurrentCalls", destination.name)));
    if matches!(number.spec.when_exhausted, Some(Exhausted::Release(_))) {
        fields.push("whenExhausted.release".to_owned());
    }
    let verb = if fields.len() == 1 { "needs" } else { "need" };
    let sentence = format!("{} {verb} a gateway in mode Proxy.", list(&fields));
    (!fields.is_empty()).then(|| Finding::new(reason::MODE_REDIRECT, sentence))
}

/// Functions that cost a fee and that nothing in this version performs.
fn not_performed(number: &FourHundredNumber, refs: &Refs) -> Option<Finding> {
    let versions = &refs.tariff.as_ref()?.spec.versions;
    let costs = |function: Function| {
        let mut prices = versions.iter().flat_map(|version| &version.functions).filter(|price| price.name == function);
        prices.any(|price| price.monthly.bytes().any(|digit| matches!(digit, b'1'..=b'9')))
    };
    let subscribed = number.spec.functions.iter().copied();
    let functions: Vec<String> = subscribed
        .filter(|function| !function.is_performed() && costs(*function))
        .map(|function| format!("{function:?}"))
        .collect();
    let verb = if functions.len() == 1 { "is" } else { "are" };
    let sentence = format!(
        "{} {verb} charged as subscribed to and not performed by this version: remove what is not to be paid for from functions.",
        list(&functions)
    );
    (!functions.is_empty()).then(|| Finding::new(reason::NOT_YET_PERFORMED, sentence))
}

fn unmapped(number: &FourHundredNumber, refs: &Refs, gateway: &CallGateway) -> Option<Finding> {
    let mapped = |name: &String| gateway.spec.announcements.iter().any(|announcement| announcement.name == *name);
    let mut names = build::announcements(&number.spec);
    names.retain(|name| !mapped(name));
    names.sort();
    names.dedup();
    let noun = if names.len() == 1 { "announcement" } else { "announcements" };
    let uris: Vec<String> = names.iter().map(|name| format!("sip:{name}")).collect();
    let sentence = format!(
        "gateway {} maps no {noun} {}: calls are sent to {} at the trunk",
        refs.gateway_key,
        list(&names),
        list(&uris)
    );
    (!names.is_empty()).then(|| Finding::new(reason::ANNOUNCEMENT_UNMAPPED, sentence))
}

fn warning(refs: &Refs) -> Option<Finding> {
    if let Verification::Expired { until } = &refs.verification {
        let sentence = format!("the approval of the tenant's papers ended on {until}; calls go on, have it renewed");
        return Some(Finding::new(reason::PAPERS_EXPIRED, sentence));
    }
    let claim = refs.own_claim.as_ref()?;
    let number = claim.number().parse::<FourHundred>().ok()?;
    let covered = refs.pool.as_ref().is_some_and(|pool| pool::covers(pool, number));
    let sentence = format!("no NumberPool covers {} any more; the number stays with its holder", claim.number());
    (!covered).then(|| Finding::new(reason::POOL_SHRUNK, sentence))
}
