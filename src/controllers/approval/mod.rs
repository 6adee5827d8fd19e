//! Approvals: whether each covers its subject as it stands. The verdict itself acts through the subject's own loop.

use std::sync::Arc;

use kube::runtime::controller::Action;

use super::error::Error;
use super::facts::Facts;
use super::findings::{ConditionSet, Finding, refuse};
use super::key::ObjectMetaExt as _;
use super::sink::Manager;
use super::tenant::reviewed_digest;
use super::world::{Find as _, World};
use crate::api::Approval;
use crate::api::approval::{ApprovalStatus, SubjectKind};
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
    world.published.publish(&world, &*approval, Manager::Operator, &status).await?;
    Ok(Action::await_change())
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
    if digest == subject.digest {
        return Ok(());
    }
    refuse(
        reason::SUBJECT_CHANGED,
        format!(
            "Tenant {0} now has digest {digest}: what was reviewed has changed; review it again and run `fourhundred approve tenant {0}`",
            subject.name
        ),
    )
}
