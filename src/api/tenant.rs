//! `Tenant` (ten): an enterprise, its papers, namespaces, account and quotas. The platform's.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{closed_set, rule, set_of};
use super::{conditions, never_observed, scalars};

/// An enterprise.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    shortname = "ten",
    category = "fourhundred",
    status = "TenantStatus",
    derive = "PartialEq",
    doc = "An enterprise: who it is, which namespaces are its own, which price books its numbers may use, one account for all local networks, and its quotas. Its numbers work once an Approval covers its papers.",
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Verified", type_ = "string", json_path = ".status.verification.state"),
    printcolumn(name = "Numbers", type_ = "integer", json_path = ".status.numbers"),
    printcolumn(name = "Charged", type_ = "string", json_path = ".status.account.charged", description = "Charges of the month"),
    printcolumn(name = "Balance", type_ = "string", json_path = ".status.account.balance", priority = 1),
    printcolumn(name = "Month", type_ = "string", json_path = ".status.account.month", priority = 1),
    printcolumn(name = "Until", type_ = "string", json_path = ".status.verification.until", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further")
)]
#[serde(rename_all = "camelCase")]
pub struct TenantSpec {
    /// Name of the enterprise as on its licence.
    #[schemars(schema_with = "scalars::free_text::<128>")]
    pub display_name: String,
    /// What it is. Persons cannot hold a 400 number.
    pub kind: TenantKind,
    /// Line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<64>")]
    pub industry: Option<String>,
    /// Papers of the real-name check (实名制): what an Approval covers. Without them the tenant cannot be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub papers: Option<Papers>,
    /// Namespaces of the tenant. One belongs to at most one tenant; the older claim wins, the younger is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::namespace_name, 0, 64))]
    pub namespaces: Vec<String>,
    /// Acceptance point (单点申请, 单点交费): where the enterprise applied and pays for all local networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<64>")]
    pub acceptance_point: Option<String>,
    /// Tariffs that its numbers may use. None when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::object_name, 0, 64))]
    pub tariffs: Vec<String>,
    /// How it pays. Postpaid when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Quotas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<TenantLimits>,
}

/// What a tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TenantKind {
    Enterprise,
    Government,
    Institution,
}

/// Papers of the real-name check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Papers {
    /// Unified social credit code of the licence.
    #[schemars(schema_with = "scalars::free_text::<64>")]
    pub licence: String,
    /// Number of the real-name form on file; scans stay in the CRM.
    #[schemars(schema_with = "scalars::free_text::<64>")]
    pub real_name_form: String,
}

/// How a tenant pays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Before or after. Postpaid when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// Balance below which the tenant is warned. No warning when absent. Not served yet: told as FullyEnforced=False,
    /// NotYetCharged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::signed_money")]
    pub alert_below: Option<String>,
    /// Balance at or below which a Prepaid tenant is suspended. 0.00 when absent. Not served yet: told as
    /// FullyEnforced=False, NotYetCharged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::signed_money")]
    pub credit_floor: Option<String>,
    /// Days of arrears after which numbers stop (停机), freeze (冻结) and are recovered (回收). Not served yet: told as
    /// FullyEnforced=False, NotYetCharged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrears: Option<Arrears>,
}

/// Before or after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Payment {
    /// From a balance that must stay above the floor. Not served yet: NotYetSupported.
    Prepaid,
    /// By statement.
    #[default]
    Postpaid,
}

/// Days of arrears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "(has(self.suspendAfterDays) ? self.suspendAfterDays : 30) <= (has(self.freezeAfterDays) ? self.freezeAfterDays : 90) && (has(self.freezeAfterDays) ? self.freezeAfterDays : 90) <= (has(self.recoverAfterDays) ? self.recoverAfterDays : 180)",
    "put the days in order: suspendAfterDays (30), then freezeAfterDays (90), then recoverAfterDays (180)"
))]
pub struct Arrears {
    /// Days after which numbers stop (停机). 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub suspend_after_days: Option<i32>,
    /// Days after which numbers freeze (冻结). 90 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub freeze_after_days: Option<i32>,
    /// Days after which numbers are recovered (回收). 180 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub recover_after_days: Option<i32>,
}

/// Quotas of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantLimits {
    /// Numbers that it may hold; with cooling ones at most twice as many. 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub numbers: Option<i32>,
    /// Destinations of one number. 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub destinations_per_number: Option<i32>,
    /// Destinations tried for one call. 3 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 9))]
    pub forwards_per_call: Option<i32>,
}

/// What the operator tells of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default = "never_observed")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// Mirror of the Approval that covers the papers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// Whether its numbers answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Numbers that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub numbers: Option<i64>,
    /// The month's charges and the balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,
    /// Accepted, FullyEnforced, Ready and, while something is amiss, Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::list")]
    pub conditions: Vec<Condition>,
}

/// Mirror of an Approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Where the review stands.
    pub state: VerificationState,
    /// Last day on which the Approval holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::date")]
    pub until: Option<String>,
    /// The reviewer's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::free_text::<1024>")]
    pub reason: Option<String>,
}

/// Where the review of a tenant's papers stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum VerificationState {
    /// No Approval covers the papers as they stand.
    Pending,
    /// Approved.
    Verified,
    /// Rejected.
    Rejected,
    /// The Approval's last day has passed.
    Expired,
}

/// Whether a tenant's numbers answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum TenantState {
    /// They do.
    #[default]
    Active,
    /// Stopped for arrears or want of balance (停机).
    Suspended,
    /// Frozen after long arrears (冻结).
    Frozen,
}

/// The month's charges and the balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The month.
    #[schemars(schema_with = "scalars::month")]
    pub month: String,
    /// Charges of the month over all numbers.
    #[schemars(schema_with = "scalars::signed_money")]
    pub charged: String,
    /// Balance of the account; Prepaid only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::signed_money")]
    pub balance: Option<String>,
    /// When these figures were read from the ledger.
    #[schemars(schema_with = "scalars::instant")]
    pub as_of: String,
}

impl Tenant {
    /// Whether its numbers answer, as last told.
    pub fn state(&self) -> TenantState {
        self.status.as_ref().and_then(|status| status.state).unwrap_or_default()
    }
}

impl TenantSpec {
    pub const DEFAULT_NUMBERS: i32 = 20;
    pub const DEFAULT_DESTINATIONS_PER_NUMBER: i32 = 20;
    pub const DEFAULT_FORWARDS_PER_CALL: i32 = 3;

    /// Numbers that the tenant may hold.
    pub fn number_limit(&self) -> i32 {
        self.limits.as_ref().and_then(|limits| limits.numbers).unwrap_or(Self::DEFAULT_NUMBERS)
    }

    /// Destinations of one number.
    pub fn destinations_per_number(&self) -> i32 {
        let limit = self.limits.as_ref().and_then(|limits| limits.destinations_per_number);
        limit.unwrap_or(Self::DEFAULT_DESTINATIONS_PER_NUMBER)
    }

    /// Destinations tried for one call, 1 to 9.
    pub fn forwards_per_call(&self) -> i32 {
        let limit = self.limits.as_ref().and_then(|limits| limits.forwards_per_call);
        limit.unwrap_or(Self::DEFAULT_FORWARDS_PER_CALL)
    }

    pub fn payment(&self) -> Payment {
        self.account.as_ref().and_then(|account| account.payment).unwrap_or_default()
    }
}

impl Arrears {
    pub fn suspend_after_days(&self) -> i32 {
        self.suspend_after_days.unwrap_or(30)
    }

    pub fn freeze_after_days(&self) -> i32 {
        self.freeze_after_days.unwrap_or(90)
    }

    pub fn recover_after_days(&self) -> i32 {
        self.recover_after_days.unwrap_or(180)
    }
}
