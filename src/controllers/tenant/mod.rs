//! Tenants: who they are, which namespaces are theirs, whether their papers are approved.

mod reviewed;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;

pub use reviewed::reviewed_digest;

use super::counted;
use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, Progress, refuse};
use super::key::ObjectMetaExt as _;
use super::wake;
use super::world::{Find as _, Trust, World};
use crate::api::approval::Verdict;
use crate::api::conditions::{self as types, Holds};
use crate::api::reasons as reason;
use crate::api::tenant::{Payment, TenantStatus, Verification as ToldVerification, VerificationState};
use crate::api::{Approval, Tenant};
use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};
use crate::domain::routing::document::{TenantHeader, TenantState};

/// Whose a namespace is.
#[derive(Debug, Clone)]
pub enum Membership {
    Of(Arc<Tenant>),
    Nobody,
    /// Its numbers are claimed by a tenant that no longer lists it.
    Mismatch,
}

/// Where the review of a tenant's papers stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Pending,
    Verified {
        until: Option<String>,
    },
    Rejected {
        reason: String,
        /// The Approval that says so.
        approval: String,
    },
    /// Approved once; calls go on.
    Expired {
        until: String,
    },
}

/// The tenant of a namespace: the one of the claims that its numbers hold, else the older Tenant, else the first by name.
pub fn of_namespace(facts: &Facts, namespace: &str) -> Membership {
    let names = facts.references().tenants.of(&namespace.to_owned());
    let tenants: Vec<Arc<Tenant>> = names.iter().filter_map(|name| facts.stores.tenants.find_name(name)).collect();
    if let Some(claimed) = claiming_tenant(facts, namespace) {
        return match tenants.into_iter().find(|tenant| tenant.name_any() == claimed) {
            Some(tenant) => Membership::Of(tenant),
            None if facts.stores.tenants.find_name(&claimed).is_some() => Membership::Mismatch,
            None => Membership::Nobody,
        };
    }
    tenants
        .into_iter()
        .min_by_key(|tenant| (tenant.metadata.creation_timestamp.as_ref().map(|t| t.0), tenant.name_any()))
        .map_or(Membership::Nobody, Membership::Of)
}

fn claiming_tenant(facts: &Facts, namespace: &str) -> Option<String> {
    facts.references().claiming_tenant(namespace).map(str::to_owned)
}

/// The verdict that covers the tenant's papers as they stand.
pub fn verification(facts: &Facts, tenant: &Tenant) -> Verification {
    if facts.settings.trust == Trust::Assumed {
        return Verification::Verified { until: None };
    }
    // Nothing was shown to a reviewer where there are no papers.
    if tenant.spec.papers.is_none() {
        return Verification::Pending;
    }
    let digest = reviewed_digest(tenant).to_string();
    let names = facts.references().approvals.of(&tenant.name_any());
    let covering = names
        .iter()
        .filter_map(|name| facts.stores.approvals.find_name(name))
        .filter(|approval| approval.spec.subject.digest == digest);
    match decisive(covering) {
        None => Verification::Pending,
        Some(approval) => verdict_of(&approval, facts.clock.now()),
    }
}

/// The verdict that counts among those on the same papers: a rejection before any approval, then the approval that holds
/// longest, then the last by name. Not the newest: a restore writes all creation times anew.
fn decisive(covering: impl Iterator<Item = Arc<Approval>>) -> Option<Arc<Approval>> {
    covering.max_by_key(|approval| {
        let rejects = approval.spec.verdict == Verdict::Rejected;
        let until = approval.spec.until.clone();
        (rejects, until.is_none(), until, approval.name_any())
    })
}

fn verdict_of(approval: &Approval, now: Timestamp) -> Verification {
    match (approval.spec.verdict, &approval.spec.until) {
        (Verdict::Rejected, _) => {
            Verification::Rejected { reason: approval.spec.reason.clone(), approval: approval.name_any() }
        }
        (Verdict::Approved, Some(until)) if has_passed(until, now) => Verification::Expired { until: until.clone() },
        (Verdict::Approved, until) => Verification::Verified { until: until.clone() },
    }
}

/// The instant after the last day `until`.
pub fn end_of(until: &str) -> Option<Timestamp> {
    let zone = parse_zone(DEFAULT_ZONE).ok()?;
    let next = until.parse::<Date>().ok()?.tomorrow().ok()?;
    next.to_zoned(zone).ok().map(|midnight| midnight.timestamp())
}

pub fn has_passed(until: &str, now: Timestamp) -> bool {
    end_of(until).is_some_and(|end| end <= now)
}

/// What a plan leaf says of the tenant of `namespace`.
pub fn header(facts: &Facts, namespace: &str) -> TenantHeader {
    match of_namespace(facts, namespace) {
        Membership::Of(tenant) => header_of(&tenant),
        // Entries that are kept while their tenant is in doubt go on under the one they were claimed for.
        Membership::Mismatch | Membership::Nobody => {
            let name = claiming_tenant(facts, namespace).unwrap_or_default();
            match facts.stores.tenants.find_name(&name) {
                Some(tenant) => header_of(&tenant),
                None => TenantHeader { name, state: TenantState::Active, forwards_per_call: FORWARDS_PER_CALL },
            }
        }
    }
}

/// Of a tenant that is gone or says what does not fit.
const FORWARDS_PER_CALL: u8 = 3;

fn header_of(tenant: &Tenant) -> TenantHeader {
    TenantHeader {
        name: tenant.name_any(),
        state: TenantState::Active,
        forwards_per_call: u8::try_from(tenant.spec.forwards_per_call()).unwrap_or(FORWARDS_PER_CALL).clamp(1, 9),
    }
}

/// Brings a tenant's status up to date.
pub async fn reconcile(tenant: Arc<Tenant>, world: Arc<World>) -> Result<Action, Error> {
    let verification = verification(&world, &tenant);
    let accepted = check(&tenant, &world);
    let verified = verified(&tenant, &verification);
    let count = world.references().claims_of_tenant(&tenant.name_any());
    let old = tenant.status.clone();
    let shown_as = old.as_ref().and_then(|status| Some(status.verification.as_ref()?.state));
    let mut set = ConditionSet::new(
        old.as_ref().map_or(&[], |status| &status.conditions),
        tenant.generation(),
        world.clock.now(),
    );
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    let ready = accepted.clone().and(verified);
    match (&ready, &verification) {
        (Ok(()), Verification::Expired { until }) => {
            let sentence = format!("the approval ended on {until}; calls go on, have it renewed");
            set.set(types::READY, Holds::True, reason::PAPERS_EXPIRED, &sentence);
        }
        _ => {
            set.set_result(types::READY, reason::READY, &ready);
        }
    }
    if let Err(finding) = &ready {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let fully = not_yet_charged(&tenant);
    set.set_result(types::FULLY_ENFORCED, reason::FULLY_ENFORCED, &fully);
    let status = TenantStatus {
        observed_generation: tenant.generation(),
        verification: Some(told(&verification)),
        state: Some(crate::api::tenant::TenantState::Active),
        numbers: i64::try_from(count.bound).ok(),
        account: None,
        conditions: set.finish(),
    };
    let action =
        counted::publish(&world, &*tenant, old.map(|status| status.conditions), status.conditions.clone(), &status)
            .await?;
    if shown_as != Some(told(&verification).state) {
        // The clock may have ended the approval: nothing else tells the numbers.
        wake::wake_namespaces(&world, &tenant.spec.namespaces);
    }
    Ok(match &verification {
        Verification::Verified { until: Some(until) } if action == Action::await_change() => at_end(until, &world),
        _ => action,
    })
}

fn verified(tenant: &Tenant, verification: &Verification) -> Result<(), Finding> {
    match verification {
        Verification::Verified { .. } | Verification::Expired { .. } => Ok(()),
        Verification::Pending => refuse(
            reason::UNVERIFIED,
            format!(
                "no Approval covers the papers as they stand: run `fourhundred approve tenant {}`",
                tenant.name_any()
            ),
        ),
        Verification::Rejected { reason: why, approval } => refuse(
            reason::REJECTED,
            format!(
                "the papers were rejected ({why}): correct spec.papers and have them reviewed again; \
                 or, if they may stand, delete Approval {approval} and approve them"
            ),
        ),
    }
}

/// Looks again when the last day `until` of an approval is over.
pub fn at_end(until: &str, world: &World) -> Action {
    end_of(until).map_or(Action::await_change(), |end| Action::requeue(world.until(end).min(LONGEST)))
}

/// A timer no longer than this, so that a clock set meanwhile is noticed.
const LONGEST: std::time::Duration = std::time::Duration::from_hours(24);

fn told(verification: &Verification) -> ToldVerification {
    let (state, until, reason) = match verification {
        Verification::Pending => (VerificationState::Pending, None, None),
        Verification::Verified { until } => (VerificationState::Verified, until.clone(), None),
        Verification::Rejected { reason, .. } => (VerificationState::Rejected, None, Some(reason.clone())),
        Verification::Expired { until } => (VerificationState::Expired, Some(until.clone()), None),
    };
    ToldVerification { state, until, reason }
}

/// The part of [`check`] that needs nothing but the object: whether this version serves the tenant as asked. Pure.
pub fn check_spec(tenant: &Tenant) -> Result<(), Finding> {
    if tenant.spec.payment() == Payment::Prepaid {
        return refuse(
            reason::NOT_YET_SUPPORTED,
            "account.payment Prepaid is not served by this version: set it to Postpaid",
        );
    }
    Ok(())
}

/// Whether this version serves the tenant as asked, and whether its namespaces are its own. Its numbers are admitted by
/// the same word.
pub fn check(tenant: &Tenant, facts: &Facts) -> Result<(), Finding> {
    check_spec(tenant)?;
    let gateways = facts.stores.gateways.state();
    for namespace in &tenant.spec.namespaces {
        if let Some(gateway) = gateways.iter().find(|gateway| gateway.namespace().as_deref() == Some(namespace)) {
            return refuse(
                reason::NAMESPACE_OF_GATEWAY,
                format!(
                    "namespace {namespace} holds CallGateway {}: take it out of namespaces, plans live there",
                    gateway.name_any()
                ),
            );
        }
        if let Membership::Of(owner) = of_namespace(facts, namespace)
            && owner.name_any() != tenant.name_any()
        {
            return refuse(
                reason::NAMESPACE_TAKEN,
                format!("namespace {namespace} belongs to an older Tenant already: take it out of namespaces"),
            );
        }
    }
    Ok(())
}

/// What the tenant asks for that changes no charge or limit yet.
pub fn not_yet_charged(tenant: &Tenant) -> Result<(), Finding> {
    let account = tenant.spec.account.as_ref();
    let fields: Vec<&str> = [
        ("account.arrears", account.is_some_and(|account| account.arrears.is_some())),
        ("account.alertBelow", account.is_some_and(|account| account.alert_below.is_some())),
        ("account.creditFloor", account.is_some_and(|account| account.credit_floor.is_some())),
    ]
    .into_iter()
    .filter_map(|(field, set)| set.then_some(field))
    .collect();
    if fields.is_empty() {
        return Ok(());
    }
    refuse(reason::NOT_YET_CHARGED, format!("{}: accepted, not acted on by this version", fields.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(name: &str, verdict: &str, until: &str) -> Arc<Approval> {
        let text = format!(
            "{{apiVersion: fourhundred.io/v1alpha1, kind: Approval, metadata: {{name: {name}}}, spec: {{subject: {{kind: Tenant, \
             name: acme, digest: d}}, verdict: {verdict}, reason: because of {name}{until}}}}}"
        );
        Arc::new(serde_saphyr::from_str(&text).unwrap())
    }

    #[test]
    fn verdicts_on_the_same_papers_count_alike_in_whatever_order_they_were_restored() {
        let now = "2026-11-23T10:00:00+08:00".parse().unwrap();
        let past = ", until: '2026-01-31'";
        let (short, long) = (approval("b", "Approved", past), approval("a", "Approved", ", until: '2027-06-30'"));
        let (ever, no) = (approval("c", "Approved", ""), approval("a-no", "Rejected", ""));
        let counts = |approvals: &[&Arc<Approval>]| {
            let forward = decisive(approvals.iter().map(|approval| (*approval).clone()));
            let backward = decisive(approvals.iter().rev().map(|approval| (*approval).clone()));
            assert_eq!(forward.as_ref().map(|a| a.name_any()), backward.map(|a| a.name_any()));
            forward.map(|approval| verdict_of(&approval, now))
        };
        assert_eq!(counts(&[]), None);
        assert_eq!(counts(&[&short]), Some(Verification::Expired { until: "2026-01-31".to_owned() }));
        assert_eq!(counts(&[&short, &long]), Some(Verification::Verified { until: Some("2027-06-30".to_owned()) }));
        assert_eq!(counts(&[&short, &ever, &long]), Some(Verification::Verified { until: None }));
        let rejected = Verification::Rejected { reason: "because of a-no".to_owned(), approval: "a-no".to_owned() };
        assert_eq!(counts(&[&short, &no, &ever, &long]), Some(rejected));
    }
}
