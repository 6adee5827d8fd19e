//! Which status fields of each kind belong to which manager.

use serde_json::Value;

use super::publish::Publishable;
use super::sink::{KindName, Manager};
use super::transitions::Conditioned;
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

macro_rules! publishable {
    ($type:ty, $kind:literal, $plural:literal, $namespaced:literal, operator: $operator:expr, usage: $usage:expr, clock: $clock:expr) => {
        impl Publishable for $type {
            const KIND: KindName = KindName { kind: $kind, plural: $plural, namespaced: $namespaced };

            fn status_value(&self) -> Value {
                serde_json::to_value(&self.status).unwrap_or_default()
            }

            fn owned(manager: Manager) -> &'static [&'static str] {
                match manager {
                    Manager::Operator => &$operator,
                    Manager::Usage => &$usage,
                    Manager::Clock => &$clock,
                }
            }
        }

        impl Conditioned for $type {
            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }
        }
    };
}

publishable!(FourHundredNumber, "FourHundredNumber", "fourhundrednumbers", true,
    operator: ["observedGeneration", "number", "grade", "conditions"], usage: ["usage"], clock: []);
publishable!(CallGateway, "CallGateway", "callgateways", true,
    operator: ["observedGeneration", "addresses", "attachedNumbers", "plan", "workers", "conditions"], usage: [], clock: []);
publishable!(Tariff, "Tariff", "tariffs", false,
    operator: ["observedGeneration", "numbers", "lockedThrough", "conditions"], usage: [], clock: []);
publishable!(NumberPool, "NumberPool", "numberpools", false,
    operator: ["observedGeneration", "size", "claimed", "cooling", "free", "conditions"], usage: [], clock: []);
publishable!(HolidayCalendar, "HolidayCalendar", "holidaycalendars", false,
    operator: ["observedGeneration", "years", "conditions"], usage: [], clock: []);
publishable!(Tenant, "Tenant", "tenants", false,
    operator: ["observedGeneration", "verification", "state", "numbers", "conditions"], usage: ["account"], clock: []);
publishable!(Approval, "Approval", "approvals", false,
    operator: ["observedGeneration", "conditions"], usage: [], clock: []);
publishable!(RoutingSchedule, "RoutingSchedule", "routingschedules", true,
    operator: ["observedGeneration", "usedBy", "conditions"], usage: [], clock: ["current", "next"]);
publishable!(CallerList, "CallerList", "callerlists", true,
    operator: ["observedGeneration", "callers", "usedBy", "conditions"], usage: [], clock: []);
publishable!(RoutingOverride, "RoutingOverride", "routingoverrides", true,
    operator: ["observedGeneration", "state", "conditions"], usage: [], clock: []);
