//! `Approval` (appr): a verdict about one Tenant or SmsSignature, bound to the digest of what was reviewed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{closed_set, rule};
use super::{conditions, never_observed, scalars};

/// A verdict.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "Approval",
    plural = "approvals",
    shortname = "appr",
    category = "fourhundred",
    status = "ApprovalStatus",
    derive = "PartialEq",
    doc = "A verdict about an object, void as soon as what was reviewed changes. Written by `fourhundred approve` or by hand; immutable.",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.subject.kind"),
    printcolumn(name = "Subject", type_ = "string", json_path = ".spec.subject.name"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".spec.verdict"),
    printcolumn(name = "Until", type_ = "string", json_path = ".spec.until"),
    printcolumn(name = "Accepted", type_ = "string", json_path = ".status.conditions[?(@.type==\"Accepted\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Accepted\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.spec == oldSelf.spec").message("write a new Approval under another name: a verdict is never edited")
)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalSpec {
    /// What was reviewed.
    pub subject: ApprovalSubject,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, for the record.
    #[schemars(schema_with = "scalars::free_text::<1024>")]
    pub reason: String,
    /// Last day on which it holds. For ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::date")]
    pub until: Option<String>,
}

/// What was reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("(self.kind == 'SmsSignature') == has(self.__namespace__)", "give a namespace for an SmsSignature and none for a Tenant"))]
pub struct ApprovalSubject {
    /// Kind of the object.
    pub kind: SubjectKind,
    /// Namespace of the object, for an SmsSignature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::namespace_name")]
    pub namespace: Option<String>,
    /// Name of the object.
    #[schemars(schema_with = "scalars::object_name")]
    pub name: String,
    /// Digest of what was reviewed: a Tenant's name, kind and papers; a signature's text and source.
    #[schemars(schema_with = "scalars::digest")]
    pub digest: String,
}

/// Kind of the object reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum SubjectKind {
    /// An enterprise, by its papers.
    Tenant,
    /// The signature of short messages. Not served yet: NotYetSupported.
    SmsSignature,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    Approved,
    Rejected,
}

/// What the operator tells of a verdict.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Accepted tells whether the verdict covers its subject as it stands; Ready follows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}
