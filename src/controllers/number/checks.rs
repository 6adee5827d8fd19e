//! The checks of a number, in three tables: who may be here, what the owner wrote, what it names. Each is a small pure
//! function; the first that refuses gives the sentence.

use kube::ResourceExt as _;

use super::dereference::{self, Refs};
use crate::api::four_hundred_number::{Choose, Strategy};
use crate::api::function::Function;
use crate::api::reasons as reason;
use crate::api::routing_target::Target;
use crate::api::{FourHundredNumber, NumberClaim};
use crate::controllers::facts::Facts;
use crate::controllers::findings::{Finding, list, refuse};
use crate::controllers::gateway::admission::Admission;
use crate::controllers::references::ClaimCount;
use crate::controllers::tariff::{self, Catalogue};
use crate::controllers::tenant::{Membership, Verification};
use crate::domain::numbering::{FourHundred, VanityPattern};

/// A check: nothing, or what is wrong.
pub(super) type Check = fn(&FourHundredNumber, &Refs) -> Result<(), Finding>;

/// Who may be here at all, in the order of the sentence a reader should see first.
pub(super) const ADMISSION: &[Check] =
    &[gateway_admits_the_namespace, namespace_belongs_to_a_tenant, tenant_is_accepted, tenant_is_verified];
/// What the owner wrote.
pub(super) const SPEC: &[Check] = &[
    everything_is_served_by_this_version,
    number_stays_the_same,
    number_is_in_a_pool,
    tariff_is_allowed,
    functions_are_in_the_catalogue,
    functions_used_are_subscribed,
    destinations_are_within_the_quota,
    numbers_are_within_the_quota,
];
/// What it names.
pub(super) const REFERENCES: &[Check] = &[
    gateway_is_there,
    tariff_is_there,
    package_is_in_the_tariff,
    pool_is_there,
    schedule_is_there,
    calendar_is_there,
    schedule_is_valid,
    caller_lists_are_there,
    caller_lists_are_valid,
];

/// The first refusal of a table.
pub(super) fn run(checks: &[Check], number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    checks.iter().try_for_each(|check| check(number, refs))
}

fn namespace_belongs_to_a_tenant(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let namespace = number.metadata.namespace.as_deref().unwrap_or_default();
    match &refs.membership {
        Membership::Of(_) => Ok(()),
        Membership::Nobody => refuse(
            reason::NAMESPACE_NOT_ALLOWED,
            format!(
                "namespace {namespace} belongs to no Tenant: have the platform team list it in a Tenant's spec.namespaces"
            ),
        ),
        Membership::Mismatch => refuse(
            reason::TENANT_MISMATCH,
            format!(
                "the numbers of namespace {namespace} are claimed by a tenant that no longer lists it: \
                 have the platform team list it again, or release the numbers before it moves"
            ),
        ),
    }
}

fn gateway_admits_the_namespace(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let namespace = number.metadata.namespace.as_deref().unwrap_or_default();
    let gateway = &refs.gateway_key;
    match refs.admission {
        Admission::Admitted | Admission::Unknown | Admission::Undecided => Ok(()),
        Admission::NotServed => refuse(
            reason::NAMESPACE_NOT_SERVED,
            format!(
                "gateway {gateway} stands in a namespace that this operator does not serve: choose another gatewayRef"
            ),
        ),
        Admission::NotAllowed => refuse(
            reason::NAMESPACE_NOT_ALLOWED,
            format!(
                "gateway {gateway} does not admit namespace {namespace}: choose another gatewayRef, \
                 or have the platform team extend its allowedNamespaces"
            ),
        ),
    }
}

/// What needs a gateway in a call's way, which there is not yet: calls would go elsewhere than is asked for.
fn everything_is_served_by_this_version(number: &FourHundredNumber, _: &Refs) -> Result<(), Finding> {
    let mut fields = Vec::new();
    let idle = number.spec.groups.iter().filter(|group| group.strategy == Strategy::LongestIdle);
    fields.extend(idle.map(|group| {
        format!("groups[{}].strategy LongestIdle (InOrder, RoundRobin, Random and Percentage are)", group.name)
    }));
    for rule in &number.spec.rules {
        match &rule.to {
            Target::Queue(_) => fields.push(format!("rules[{}].to.queue (a group with overflow is)", rule.name)),
            Target::Menu(_) => fields.push(format!("rules[{}].to.menu (an announcement is)", rule.name)),
            Target::Destination(_) | Target::Group(_) | Target::Announcement(_) => {}
        }
    }
    if number.spec.access.is_some() {
        fields.push("access.passwordSecretRef (screening and callerLists are)".to_owned());
    }
    if fields.is_empty() {
        return Ok(());
    }
    refuse(
        reason::NOT_YET_SUPPORTED,
        format!("not served by this version, since they need a gateway in mode Proxy: {}", list(&fields)),
    )
}

fn tenant_is_accepted(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let (Membership::Of(tenant), Err(finding)) = (&refs.membership, &refs.tenant_accepted) else { return Ok(()) };
    let name = tenant.name_any();
    refuse(
        finding.reason,
        format!(
            "Tenant {name} is refused, and with it its numbers: have the platform team mend it (kubectl describe ten {name})"
        ),
    )
}

fn tenant_is_verified(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    match &refs.verification {
        Verification::Verified { .. } | Verification::Expired { .. } => Ok(()),
        Verification::Pending => refuse(
            reason::UNVERIFIED,
            "the tenant's papers await approval: nothing to change here, numbers go live when the platform team approves",
        ),
        Verification::Rejected { .. } => {
            refuse(reason::REJECTED, "the tenant's papers were rejected: see the Tenant's status for the reason")
        }
    }
}

fn number_stays_the_same(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Some(claim) = &refs.own_claim else { return Ok(()) };
    let held = claim.number();
    match (&number.spec.number, &number.spec.choose) {
        (Some(asked), _) if asked != held => refuse(
            reason::NUMBER_IMMUTABLE,
            format!("this object holds {held}: restore spec.number, and create another object for {asked}"),
        ),
        (None, Some(choose)) if !describes(choose, claim) => refuse(
            reason::NUMBER_IMMUTABLE,
            format!(
                "this object holds {held} of NumberPool {}, which is not what choose asks for: \
                 restore choose, or write number: \"{held}\" in its place",
                claim.spec.pool
            ),
        ),
        _ => Ok(()),
    }
}

/// Whether a chooser could have got this claim. Status may be lost; the claim decides.
fn describes(choose: &Choose, claim: &NumberClaim) -> bool {
    let pattern = choose.pattern.as_deref().unwrap_or("*").parse::<VanityPattern>();
    let number = claim.number().parse::<FourHundred>();
    choose.pool_ref.name == claim.spec.pool
        && matches!((pattern, number), (Ok(pattern), Ok(number)) if pattern.matches(number))
}

fn number_is_in_a_pool(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    // A number once claimed stays, also where its pool shrank: its callers know it.
    if refs.own_claim.as_ref().is_some_and(|claim| claim.is_bound()) {
        return Ok(());
    }
    // The pool of a choice is a reference, and missing as one.
    let Some(asked) = &number.spec.number else { return Ok(()) };
    let Some(pool) = &refs.pool else {
        return refuse(
            reason::NUMBER_NOT_IN_POOL,
            format!("no NumberPool covers {asked}: choose a number from a pool's ranges (kubectl get npool)"),
        );
    };
    if pool.spec.reserved.contains(asked) {
        return refuse(reason::NUMBER_RESERVED, format!("{asked} is reserved by the platform: choose another number"));
    }
    Ok(())
}

fn tariff_is_allowed(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Membership::Of(tenant) = &refs.membership else { return Ok(()) };
    let tariff = &number.spec.tariff_ref.name;
    if tenant.spec.tariffs.contains(tariff) {
        return Ok(());
    }
    refuse(
        reason::TARIFF_NOT_ALLOWED,
        format!("the tenant may not use tariff {tariff}: set tariffRef to one of {}", tenant.spec.tariffs.join(", ")),
    )
}

fn catalogue(refs: &Refs) -> Option<Catalogue<'_>> {
    refs.tariff.as_ref().map(|tariff| tariff::catalogue(&tariff.spec, refs.now))
}

/// Whether the number's tariff prices `function`, so that it may be used by subscription only.
pub fn lists_function(number: &FourHundredNumber, facts: &Facts, function: Function) -> bool {
    let refs = dereference::read(number, facts);
    catalogue(&refs)
        .and_then(|catalogue| catalogue.functions)
        .is_some_and(|version| version.functions.iter().any(|offered| offered.name == function))
}

fn functions_are_in_the_catalogue(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Some(version) = catalogue(refs).and_then(|catalogue| catalogue.functions) else { return Ok(()) };
    let offered: Vec<Function> = version.functions.iter().map(|function| function.name).collect();
    match number.spec.functions.iter().find(|function| !offered.contains(function)) {
        None => Ok(()),
        Some(function) => refuse(
            reason::FUNCTION_NOT_OFFERED,
            format!(
                "functions lists {function:?}, which tariff {} does not offer in its version of {}: remove it (what a catalogue does not list is free)",
                number.spec.tariff_ref.name, version.effective_from
            ),
        ),
    }
}

fn functions_used_are_subscribed(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Some(version) = catalogue(refs).and_then(|catalogue| catalogue.functions) else { return Ok(()) };
    let missing = Function::used_by(&number.spec).find(|(function, _)| {
        version.functions.iter().any(|offered| offered.name == *function) && !number.spec.functions.contains(function)
    });
    match missing {
        None => Ok(()),
        Some((function, field)) => refuse(
            reason::FUNCTION_NOT_SUBSCRIBED,
            format!("{field} uses the function {function:?}: add {function:?} to functions, or remove {field}"),
        ),
    }
}

fn package_is_in_the_tariff(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let version = catalogue(refs).and_then(|catalogue| catalogue.packages);
    let (Some(package), Some(version)) = (&number.spec.package, version) else { return Ok(()) };
    if version.packages.iter().any(|offered| offered.name == *package) {
        return Ok(());
    }
    let offered: Vec<&str> = version.packages.iter().map(|package| package.name.as_str()).collect();
    refuse(
        reason::PACKAGE_NOT_FOUND,
        format!(
            "tariff {} has no package {package} in its version of {}: set package to one of {}, or remove it",
            number.spec.tariff_ref.name,
            version.effective_from,
            if offered.is_empty() { "none".to_owned() } else { offered.join(", ") }
        ),
    )
}

fn destinations_are_within_the_quota(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Membership::Of(tenant) = &refs.membership else { return Ok(()) };
    let most = usize::try_from(tenant.spec.destinations_per_number()).unwrap_or(0);
    let listed = number.spec.destinations.len();
    if listed <= most {
        return Ok(());
    }
    refuse(
        reason::TOO_MANY_DESTINATIONS,
        format!("{listed} destinations are listed, the tenant may have {most} a number: remove {}", listed - most),
    )
}

/// The tenant, which may hold `most` numbers, holds or lets rest too many to get a further one.
pub(super) fn quota_exceeded(count: ClaimCount, most: usize) -> Finding {
    let ClaimCount { bound, cooling } = count;
    let sentence = if bound >= most {
        format!(
            "the tenant holds {bound} of {most} numbers: release one, or have the platform team raise limits.numbers"
        )
    } else {
        format!(
            "the tenant holds {bound} numbers and {cooling} released ones still rest: \
             take one of these back, or wait until they are free"
        )
    };
    Finding::new(reason::QUOTA_EXCEEDED, sentence)
}

fn numbers_are_within_the_quota(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Membership::Of(tenant) = &refs.membership else { return Ok(()) };
    if refs.own_claim.is_some() {
        return Ok(());
    }
    let most = usize::try_from(tenant.spec.number_limit()).unwrap_or(0);
    if refs.tenant_claims.has_room(most, refs.takes_back) {
        Ok(())
    } else {
        Err(quota_exceeded(refs.tenant_claims, most))
    }
}

fn gateway_is_there(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    match refs.gateway {
        Some(_) => Ok(()),
        None => refuse(
            reason::GATEWAY_NOT_FOUND,
            format!("there is no CallGateway {}: name one in gatewayRef", refs.gateway_key),
        ),
    }
}

fn tariff_is_there(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let name = &number.spec.tariff_ref.name;
    match &refs.tariff {
        None => refuse(reason::TARIFF_NOT_FOUND, format!("there is no Tariff {name}: name one in tariffRef")),
        Some(_) => match &refs.price_book {
            Some(Err(finding)) => {
                refuse(reason::REF_NOT_ACCEPTED, format!("Tariff {name} is not accepted: {}", finding.sentence))
            }
            _ => Ok(()),
        },
    }
}

fn pool_is_there(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    match (&number.spec.choose, &refs.pool) {
        (Some(choose), None) => refuse(
            reason::POOL_NOT_FOUND,
            format!("there is no NumberPool {}: name one in choose.poolRef", choose.pool_ref.name),
        ),
        _ => Ok(()),
    }
}

fn schedule_is_there(number: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    match (&number.spec.schedule_ref, &refs.schedule) {
        (Some(named), None) => refuse(
            reason::SCHEDULE_NOT_FOUND,
            format!("there is no RoutingSchedule {} in this namespace: create it or change scheduleRef", named.name),
        ),
        _ => Ok(()),
    }
}

fn calendar_is_there(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let named = refs.schedule.as_ref().and_then(|schedule| schedule.spec.calendar_ref.as_ref());
    match (named, &refs.calendar) {
        (Some(named), None) => refuse(
            reason::CALENDAR_NOT_FOUND,
            format!(
                "there is no HolidayCalendar {}, which the schedule names: create it or change calendarRef",
                named.name
            ),
        ),
        _ => Ok(()),
    }
}

fn schedule_is_valid(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let Some(schedule) = &refs.schedule else { return Ok(()) };
    match crate::controllers::schedule::compile(schedule, refs.calendar.as_deref()) {
        Ok(_) => Ok(()),
        Err(finding) => refuse(
            reason::REF_NOT_ACCEPTED,
            format!(
                "RoutingSchedule {} is not valid: {}",
                schedule.metadata.name.as_deref().unwrap_or_default(),
                finding.sentence
            ),
        ),
    }
}

fn caller_lists_are_there(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    let missing = refs.caller_lists.iter().find(|(_, list)| list.is_none());
    missing.map_or(Ok(()), |(name, _)| {
        let sentence =
            format!("there is no CallerList {name} in this namespace: create it or take it from when.callerLists");
        refuse(reason::CALLER_LIST_NOT_FOUND, sentence)
    })
}

fn caller_lists_are_valid(_: &FourHundredNumber, refs: &Refs) -> Result<(), Finding> {
    for (name, list) in &refs.caller_lists {
        if let Some(Err(finding)) = list {
            return refuse(reason::REF_NOT_ACCEPTED, format!("CallerList {name} is not valid: {}", finding.sentence));
        }
    }
    Ok(())
}
