//! The contract with users: one file per custom resource of the group `fourhundred.io`, version `v1alpha1`.
//!
//! Types, their schema (bounds, list types, CEL rules beside the fields they guard) and the pure reading of defaults.
//! Nothing here touches the network, the clock or a file. A type holds what the schema let through: text that has a
//! grammar (numbers, money, dates, zones) stays text here and is parsed once by [`crate::domain`].
//! Field docs are the manual: they become the descriptions that `kubectl explain` prints.

// Docs of fields are what `kubectl explain` prints; backticks round every name would be noise there.
#![allow(clippy::doc_markdown)]

pub mod allowed_namespaces;
pub mod approval;
pub mod call_gateway;
pub mod call_gateway_status;
pub mod caller_list;
pub mod compat;
pub mod conditions;
pub mod crds;
pub mod four_hundred_number;
pub mod four_hundred_number_status;
pub mod function;
pub mod holiday_calendar;
pub mod number_claim;
pub mod number_pool;
pub mod outdated;
pub mod reasons;
pub mod reference;
pub mod refs;
pub mod routing_override;
pub mod routing_schedule;
pub mod routing_target;
mod scalars;
mod schema;
pub mod tariff;
pub mod tariff_voice;
pub mod tenant;

pub use approval::{Approval, ApprovalSpec, ApprovalStatus};
pub use call_gateway::{CallGateway, CallGatewaySpec, CallGatewayStatus};
pub use caller_list::{CallerList, CallerListSpec, CallerListStatus};
pub use four_hundred_number::{FourHundredNumber, FourHundredNumberSpec, FourHundredNumberStatus};
pub use function::Function;
pub use holiday_calendar::{HolidayCalendar, HolidayCalendarSpec, HolidayCalendarStatus};
pub use number_claim::{NumberClaim, NumberClaimSpec};
pub use number_pool::{NumberPool, NumberPoolSpec, NumberPoolStatus};
pub use refs::{GatewayRef, LocalRef, SecretKeyRef};
pub use routing_override::{RoutingOverride, RoutingOverrideSpec, RoutingOverrideStatus};
pub use routing_schedule::{RoutingSchedule, RoutingScheduleSpec, RoutingScheduleStatus};
pub use tariff::{Tariff, TariffSpec, TariffStatus};
pub use tenant::{Tenant, TenantSpec, TenantStatus};

/// The API group of every kind.
pub const GROUP: &str = "fourhundred.io";
/// The one version served and stored; later versions of the API only add optional fields to it.
pub const VERSION: &str = "v1alpha1";
/// `status.observedGeneration` of an object that no controller has looked at yet; the schema's default.
pub const NEVER_OBSERVED: i64 = -1;
/// The zone of every tariff and schedule that names none.
pub const DEFAULT_TIME_ZONE: &str = "Asia/Shanghai";

/// `status.observedGeneration` when the status does not say.
fn never_observed() -> i64 {
    NEVER_OBSERVED
}

#[cfg(test)]
mod tests;
