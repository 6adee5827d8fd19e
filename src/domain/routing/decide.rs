//! What becomes of a call: state and tenant, screening, limits, override, rules, destinations. Pure.
//!
//! One walk serves the SIP worker, the HTTP API and the tools; with `()` for a trace it allocates nothing. The first
//! step that has an answer decides.

use jiff::Timestamp;

use super::compiled::{CompiledExhausted, CompiledGroup, CompiledOverride, CompiledRule, CompiledTarget, GatewayId};
use super::decision::{AfterLast, DecidedBy, Decision, Destinations, Outcome, Reason};
use super::document::{Anonymous, NumberState, Strategy, TenantState};
use super::leaf::CompiledNumber;
use super::plan::Plan;
use super::trace::{Finding, Mismatch, Step, Trace};
use super::turns::{GroupKey, Turns};
use crate::domain::calendar::Month;
use crate::domain::numbering::{Caller, FourHundred};

/// What is known of a call when it comes.
#[derive(Debug, Clone, Copy)]
pub struct CallFacts<'a> {
    pub to: FourHundred,
    pub caller: Caller,
    pub at: Timestamp,
    /// The same call has the same id, also when it is asked about again.
    pub call_id: &'a str,
}

/// Decides a call to any number of the plan.
pub fn decide<'p>(
    plan: &'p Plan,
    facts: &CallFacts<'_>,
    turns: &mut impl Turns,
    trace: &mut impl Trace,
) -> Decision<'p> {
    walk(plan, plan.number(facts.to), facts, turns, trace)
}

/// Decides a call that came in at a gateway: numbers of other gateways are not known there.
pub fn decide_at<'p>(
    plan: &'p Plan,
    gateway: GatewayId,
    facts: &CallFacts<'_>,
    turns: &mut impl Turns,
    trace: &mut impl Trace,
) -> Decision<'p> {
    let held = plan.number(facts.to).filter(|number| number.leaf.gateway == gateway);
    walk(plan, held, facts, turns, trace)
}

/// Says why a call may not pass, or nothing.
type Screen = fn(&CompiledNumber<'_>, &CallFacts<'_>) -> Option<Reason>;

/// What a call meets before anything looks for a destination, in order. The first refusal decides.
const SCREENS: &[(Step, &[Screen])] = &[
    (Step::Number, &[number_is_active, tenant_is_active]),
    (Step::Screening, &[caller_is_not_denied, area_is_served, caller_is_known]),
    (Step::Limits, &[month_has_room]),
];

fn number_is_active(number: &CompiledNumber<'_>, _: &CallFacts<'_>) -> Option<Reason> {
    match number.state {
        NumberState::Active => None,
        NumberState::Paused => Some(Reason::NumberPaused),
    }
}

fn tenant_is_active(number: &CompiledNumber<'_>, _: &CallFacts<'_>) -> Option<Reason> {
    match number.leaf.tenant_state {
        TenantState::Active => None,
        TenantState::Suspended => Some(Reason::NumberSuspended),
        TenantState::Frozen => Some(Reason::NumberFrozen),
    }
}

fn caller_is_not_denied(number: &CompiledNumber<'_>, facts: &CallFacts<'_>) -> Option<Reason> {
    let denied = number.entry.screening.deny_callers.as_ref()?;
    denied.matches(facts.caller.number()?).then_some(Reason::CallerDenied)
}

/// A withheld number's area counts here too: else withholding it would be the way around.
fn area_is_served(number: &CompiledNumber<'_>, facts: &CallFacts<'_>) -> Option<Reason> {
    let screening = &number.entry.screening;
    let area = facts.caller.area();
    let outside = !screening.only_areas.is_empty() && !screening.only_areas.contains(area);
    (outside || screening.deny_areas.contains(area)).then_some(Reason::AreaDenied)
}

fn caller_is_known(number: &CompiledNumber<'_>, facts: &CallFacts<'_>) -> Option<Reason> {
    let unwanted = number.entry.screening.anonymous == Anonymous::Deny && facts.caller.is_anonymous();
    unwanted.then_some(Reason::AnonymousDenied)
}

/// The plan says which month is used up; the month itself ends without any plan.
fn month_has_room(number: &CompiledNumber<'_>, facts: &CallFacts<'_>) -> Option<Reason> {
    let cap = number.cap_reached()?;
    (Month::of(facts.at, &cap.zone) == cap.month).then_some(Reason::MonthlyCapReached)
}

fn walk<'p>(
    plan: &'p Plan,
    held: Option<CompiledNumber<'p>>,
    facts: &CallFacts<'_>,
    turns: &mut impl Turns,
    trace: &mut impl Trace,
) -> Decision<'p> {
    let screened = |outcome| Decision { number: facts.to, held, period: None, decided_by: DecidedBy::Screens, outcome };
    let Some(number) = &held else {
        trace.step(Step::Number, Finding::Refused(Reason::NumberUnknown));
        return screened(Outcome::Refuse(Reason::NumberUnknown));
    };
    if let Some(reason) = screen(number, facts, trace) {
        return screened(over_limit(plan, number, reason, trace));
    }
    if let Some(active) = active_override(number, facts.at, trace) {
        let outcome = aim(plan, number, &active.to, facts, turns, trace);
        return Decision { decided_by: DecidedBy::Override(&active.name), ..screened(outcome) };
    }
    let (index, period) = period_at(number, facts.at, trace);
    let Some(rule) = matching_rule(number, index, facts, trace) else {
        trace.step(Step::Rule, Finding::Refused(Reason::NoDestination));
        return Decision { period, ..screened(Outcome::Refuse(Reason::NoDestination)) };
    };
    let outcome = aim(plan, number, &rule.to, facts, turns, trace);
    Decision { decided_by: DecidedBy::Rule(&rule.name), period, ..screened(outcome) }
}

fn screen(number: &CompiledNumber<'_>, facts: &CallFacts<'_>, trace: &mut impl Trace) -> Option<Reason> {
    for (step, screens) in SCREENS {
        if let Some(reason) = screens.iter().find_map(|screen| screen(number, facts)) {
            trace.step(*step, Finding::Refused(reason));
            return Some(reason);
        }
        trace.step(*step, Finding::Pass);
    }
    None
}

/// A call over a limit may meet an announcement instead of a refusal.
fn over_limit<'p>(plan: &'p Plan, number: &CompiledNumber<'p>, reason: Reason, trace: &mut impl Trace) -> Outcome<'p> {
    match (&number.entry.when_exceeded, reason) {
        (Some(name), Reason::MonthlyCapReached | Reason::LimitReached) => {
            trace.step(Step::Target, Finding::Announcement(name));
            let announcement = plan.announcement(&number.leaf.key.gateway, name);
            Outcome::Announce { announcement, limit: Some(reason) }
        }
        _ => Outcome::Refuse(reason),
    }
}

fn active_override<'p>(
    number: &CompiledNumber<'p>,
    at: Timestamp,
    trace: &mut impl Trace,
) -> Option<&'p CompiledOverride> {
    for candidate in number.overrides() {
        if candidate.holds_at(at) {
            trace.step(Step::Override, Finding::Override(&candidate.name));
            return Some(candidate);
        }
        trace.step(Step::Override, Finding::Inactive(&candidate.name));
    }
    trace.step(Step::Override, Finding::None);
    None
}

fn period_at<'p>(number: &CompiledNumber<'p>, at: Timestamp, trace: &mut impl Trace) -> (Option<u16>, Option<&'p str>) {
    let Some(schedule) = number.schedule else {
        trace.step(Step::Period, Finding::None);
        return (None, None);
    };
    let index = schedule.period_index_at(at);
    let name = schedule.period_names().get(usize::from(index)).map(AsRef::as_ref);
    trace.step(Step::Period, name.map_or(Finding::None, Finding::Period));
    (Some(index), name)
}

fn matching_rule<'p>(
    number: &CompiledNumber<'p>,
    period: Option<u16>,
    facts: &CallFacts<'_>,
    trace: &mut impl Trace,
) -> Option<&'p CompiledRule> {
    for rule in &number.entry.rules {
        match mismatch(rule, period, &facts.caller) {
            None => {
                trace.step(Step::Rule, Finding::Rule(&rule.name));
                return Some(rule);
            }
            Some(because) => trace.step(Step::Rule, Finding::Skipped { rule: &rule.name, because }),
        }
    }
    None
}

fn mismatch(rule: &CompiledRule, period: Option<u16>, caller: &Caller) -> Option<Mismatch> {
    if !rule.periods.contains(period) {
        return Some(Mismatch::Period);
    }
    if let Some(callers) = &rule.callers
        && !caller.number().is_some_and(|number| callers.matches(number))
    {
        return Some(Mismatch::Caller);
    }
    let among = rule.among.as_deref()?;
    if let Some(lists) = &among.lists
        && !caller.number().is_some_and(|number| lists.iter().any(|list| list.contains(number)))
    {
        return Some(Mismatch::CallerList);
    }
    if among.areas.as_ref().is_some_and(|areas| !areas.contains(caller.area())) {
        return Some(Mismatch::CallerArea);
    }
    None
}

fn aim<'p>(
    plan: &'p Plan,
    number: &CompiledNumber<'p>,
    target: &'p CompiledTarget,
    facts: &CallFacts<'_>,
    turns: &mut impl Turns,
    trace: &mut impl Trace,
) -> Outcome<'p> {
    let mut destinations = Destinations::of(number);
    match target {
        CompiledTarget::Announcement(name) => {
            trace.step(Step::Target, Finding::Announcement(name));
            let announcement = plan.announcement(&number.leaf.key.gateway, name);
            return Outcome::Announce { announcement, limit: None };
        }
        CompiledTarget::Destination(index) => {
            if let Some(destination) = number.destinations.get(usize::from(*index)) {
                trace.step(Step::Target, destination.name.as_deref().map_or(Finding::Number, Finding::Destination));
            }
            destinations.push(*index);
        }
        CompiledTarget::Number(destination) => {
            trace.step(Step::Target, Finding::Number);
            destinations = Destinations::of_own(number, destination);
        }
        CompiledTarget::Group(index) => {
            if let Some(group) = number.entry.groups.get(usize::from(*index)) {
                trace.step(Step::Target, Finding::Group(&group.name));
                line_up(number, group, facts, turns, &mut destinations);
            }
        }
    }
    if destinations.is_empty() {
        trace.step(Step::Target, Finding::Refused(Reason::NoDestination));
        return Outcome::Refuse(Reason::NoDestination);
    }
    Outcome::Route { destinations, when_exhausted: after_last(plan, number) }
}

fn after_last<'p>(plan: &'p Plan, number: &CompiledNumber<'p>) -> Option<AfterLast<'p>> {
    number.entry.when_exhausted.as_ref().map(|exhausted| match exhausted {
        CompiledExhausted::Announcement(name) => {
            AfterLast::Announcement(plan.announcement(&number.leaf.key.gateway, name))
        }
        CompiledExhausted::Release(release) => AfterLast::Release(*release),
    })
}

/// Members in the order of the group's strategy, then its overflow.
fn line_up<'p>(
    number: &CompiledNumber<'p>,
    group: &'p CompiledGroup,
    facts: &CallFacts<'_>,
    turns: &mut impl Turns,
    into: &mut Destinations<'_>,
) {
    let mut push = |member: Option<&u16>| member.into_iter().for_each(|index| into.push(*index));
    let members = &*group.members;
    let key = || GroupKey::of(number.number, &group.name);
    match group.strategy {
        Strategy::InOrder => members.iter().for_each(|member| push(Some(member))),
        Strategy::RoundRobin => {
            if let Some(turn) = turns.turn(key().turn_name()).checked_rem(members.len() as u64) {
                let (later, first) = members.split_at(usize::try_from(turn).unwrap_or(0));
                first.iter().chain(later).for_each(|member| push(Some(member)));
            }
        }
        Strategy::Random => shuffled(members, key().draw(facts.call_id), &mut push),
        Strategy::Percentage => push(members.get(share(&group.percents, key().draw(facts.call_id)))),
    }
    group.overflow.iter().for_each(|member| push(Some(member)));
}

/// Which share of a whole the draw falls into.
fn share(percents: &[u8], draw: u64) -> usize {
    let whole: u64 = percents.iter().map(|percent| u64::from(*percent)).sum();
    let mut mark = draw.checked_rem(whole).unwrap_or(0);
    for (index, percent) in percents.iter().enumerate() {
        let part = u64::from(*percent);
        if mark < part {
            return index;
        }
        mark -= part;
    }
    0
}

/// The beginning of a permutation, read off the draw's digits in falling bases (Fisher and Yates). Members are at most
/// 32 and an answer has room for nine, for which 64 bits suffice; a member beyond follows in whatever order is left.
fn shuffled(members: &[u16], mut draw: u64, push: &mut impl FnMut(Option<&u16>)) {
    let mut order = [0_u16; super::compile::MEMBERS_AT_MOST];
    let Some(mut left) = order.get_mut(..members.len()) else { return };
    left.copy_from_slice(members);
    while let Some(base) = u64::try_from(left.len()).ok().filter(|base| *base > 0) {
        left.swap(0, usize::try_from(draw % base).unwrap_or(0));
        draw /= base;
        let Some((first, rest)) = left.split_first_mut() else { return };
        push(Some(first));
        left = rest;
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "decide_properties.rs"]
mod properties;
