//! Approvals: whether each covers its subject as it stands. The verdict itself acts through the subject's own loop.

use std::sync::Arc;

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, refuse};
use super::key::ObjectMetaExt as _;
use super::tenant::{self, reviewed_digest};
use super::transitions;
use super::world::{Find as _, World};
use crate::api::Approval;
use crate::api::approval::{ApprovalStatus, SubjectKind, Verdict};
use crate::api::conditions as types;
use crate::api::reasons as reason;

/// Brings an approval's status up to date.
pub async fn reconcile(approval: Arc<Approval>, world: Arc<World>) -> Result<Action, Error> {
    let covers = covers(&approval, &world);
    let old = approval.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(old, approval.generation(), world.clock.now());
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &covers);
    set.set_result(types::READY, reason::READY, &covers);
    let status = ApprovalStatus { observed_generation: approval.generation(), conditions: set.finish() };
    let publication = transitions::publish(&world, &*approval, &status.conditions, &status).await?;
    Ok(match &approval.spec.until {
        Some(until) if covers.is_ok() => tenant::at_end(until, &world),
        _ => publication.action(),
    })
}

/// Whether the verdict speaks of its subject as it stands.
pub fn covers(approval: &Approval, facts: &Facts) -> Result<(), Finding> {
    let subject = &approval.spec.subject;
    if subject.kind != SubjectKind::Tenant {
        return refuse(
            reason::NOT_YET_SUPPORTED,
            "subject.kind SmsSignature is not served by this version: delete this Approval",
        );
    }
    let Some(tenant) = facts.stores.tenants.find_name(&subject.name) else {
        return refuse(
            reason::SUBJECT_NOT_FOUND,
            format!(
                "there is no Tenant {0}: create it, or write an Approval that names another (this one cannot change)",
                subject.name
            ),
        );
    };
    if tenant.spec.papers.is_none() {
        return refuse(
            reason::SUBJECT_CHANGED,
            format!("Tenant {} has no papers to approve: fill spec.papers", subject.name),
        );
    }
    let digest = reviewed_digest(&tenant).to_string();
    if digest != subject.digest {
        return refuse(
            reason::SUBJECT_CHANGED,
            format!(
                "Tenant {0} now has digest {digest}: what was reviewed has changed; review it again and run `fourhundred approve tenant {0}`",
                subject.name
            ),
        );
    }
    holds_still(approval, facts.clock.now())
}

/// Whether an approval's last day is not over yet. A rejection stands until it is deleted.
fn holds_still(approval: &Approval, now: Timestamp) -> Result<(), Finding> {
    let spec = &approval.spec;
    match &spec.until {
        Some(until) if spec.verdict == Verdict::Approved && tenant::has_passed(until, now) => refuse(
            reason::EXPIRED,
            format!(
                "the approval ended on {until}; calls go on: review the papers again and run `fourhundred approve tenant {}`",
                spec.subject.name
            ),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_ends_with_its_last_day_and_a_rejection_does_not() {
        let approval = |verdict: &str| -> Approval {
            let text = format!(
                "{{apiVersion: fourhundred.io/v1alpha1, kind: Approval, metadata: {{name: a}}, spec: {{subject: {{kind: Tenant, \
                 name: acme, digest: 'd'}}, verdict: {verdict}, reason: seen, until: '2026-11-23'}}}}"
            );
            serde_saphyr::from_str(&text).unwrap()
        };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(holds_still(&approval("Approved"), at("2026-11-23T23:59:59+08:00")), Ok(()));
        let ended = holds_still(&approval("Approved"), at("2026-11-24T00:00:00+08:00"));
        assert_eq!(ended.unwrap_err().reason.name, "Expired");
        assert_eq!(holds_still(&approval("Rejected"), at("2026-11-24T00:00:00+08:00")), Ok(()));
    }
}
