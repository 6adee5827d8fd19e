//! `NumberClaim` (nclaim): who holds a number. Its name is the number, so the API server itself is the arbiter.
//!
//! Written by the operator alone, with everything in `spec`: it must survive a restore from plain YAML.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refs::ObjectKey;
use super::scalars;
use super::schema::{closed_set, rule};

/// Who holds the number that is the object's name.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "NumberClaim",
    plural = "numberclaims",
    shortname = "nclaim",
    category = "fourhundred",
    derive = "PartialEq",
    doc = "The holder of the 400 number that is this object's name. Written by the operator only; one number has one claim.",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.holder.namespace"),
    printcolumn(name = "Holder", type_ = "string", json_path = ".spec.holder.name"),
    printcolumn(name = "Pool", type_ = "string", json_path = ".spec.pool", priority = 1),
    printcolumn(name = "Grade", type_ = "string", json_path = ".spec.grade", priority = 1),
    printcolumn(name = "Cooling until", type_ = "string", json_path = ".spec.coolingUntil", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.tenant",
    selectable = ".spec.state",
    validation = Rule::new("self.metadata.name.matches('^400[0-9]{7}$')").message("name the claim after its number: ten digits that start with 400"),
    validation = Rule::new("self.spec.holder == oldSelf.spec.holder || (oldSelf.spec.state == 'Cooling' && self.spec.state == 'Bound')")
        .message("release the claim to Cooling first: its holder changes only from Cooling to Bound")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("(self.state == 'Cooling') == has(self.coolingUntil)", "give coolingUntil with state Cooling, and only then"))]
pub struct NumberClaimSpec {
    /// Name of the Tenant, for the life of the claim.
    #[schemars(
        schema_with = "scalars::object_name",
        transform = rule("self == oldSelf", "delete the claim and let the other tenant claim the number: a claim's tenant never changes")
    )]
    pub tenant: String,
    /// The FourHundredNumber that holds it, by place: a restore changes UIDs.
    pub holder: Holder,
    /// Name of the NumberPool.
    #[schemars(schema_with = "scalars::object_name")]
    pub pool: String,
    /// Grade of the number when it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::item_name")]
    pub grade: Option<String>,
    /// Whether the number is held or rests.
    pub state: ClaimState,
    /// When the tenant claimed it.
    #[schemars(schema_with = "scalars::instant")]
    pub claimed_at: String,
    /// Until when it rests after its release; the same tenant may take it back at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::instant")]
    pub cooling_until: Option<String>,
    /// When a router first served it. A number that none ever served does not rest when it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::instant")]
    pub served_at: Option<String>,
}

/// The FourHundredNumber that holds a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its namespace.
    #[schemars(schema_with = "scalars::namespace_name")]
    pub namespace: String,
    /// Its name.
    #[schemars(schema_with = "scalars::object_name")]
    pub name: String,
}

/// Whether a number is held or rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum ClaimState {
    /// The holder has it.
    Bound,
    /// Released; it rests until coolingUntil.
    Cooling,
}

impl NumberClaim {
    /// The number: the object's name.
    pub fn number(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    pub fn is_bound(&self) -> bool {
        self.spec.state == ClaimState::Bound
    }
}

impl Holder {
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace.clone(), self.name.clone())
    }
}
