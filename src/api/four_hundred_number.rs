//! `FourHundredNumber` (fhn): a number and what becomes of its calls. A tenant's.
//!
//! The status, usage and money included, is in [`super::four_hundred_number_status`].

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::four_hundred_number_status::{CallCounts, Charges, FourHundredNumberStatus, MessageCounts, Usage};
use super::function::Function;
use super::refs::{GatewayRef, LocalRef, ObjectKey, SecretKeyRef};
use super::routing_target::{Exhausted, Target};
use super::scalars;
use super::schema::{closed_set, keyed, ordered, rule, set, set_of};
use crate::domain::numbering::{PlaceError, areas_in};

/// A number and what becomes of its calls.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fourhundred.io",
    version = "v1alpha1",
    kind = "FourHundredNumber",
    plural = "fourhundrednumbers",
    shortname = "fhn",
    category = "fourhundred",
    namespaced,
    status = "FourHundredNumberStatus",
    derive = "PartialEq",
    doc = "A 400 number: the gateway and tariff it uses, the destinations behind it, and the rules that send each call to one of them. Its status tells whether calls are routed by it and what it has cost this month.",
    printcolumn(name = "Number", type_ = "string", json_path = ".status.number"),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".spec.gatewayRef.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Calls", type_ = "integer", json_path = ".status.usage.calls.offered", description = "Calls offered this month"),
    printcolumn(name = "Cost", type_ = "string", json_path = ".status.usage.charges.total", description = "Charges of this month, in yuan"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Grade", type_ = "string", json_path = ".status.grade", priority = 1),
    printcolumn(name = "Tariff", type_ = "string", json_path = ".spec.tariffRef.name", priority = 1),
    printcolumn(name = "Package", type_ = "string", json_path = ".spec.package", priority = 1),
    printcolumn(name = "Programmed", type_ = "string", json_path = ".status.conditions[?(@.type==\"Programmed\")].status", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", priority = 1),
    printcolumn(name = "Month", type_ = "string", json_path = ".status.usage.month", priority = 1),
    selectable = ".spec.gatewayRef.name",
    selectable = ".spec.tariffRef.name",
    selectable = ".spec.scheduleRef.name",
    selectable = ".status.number",
    validation = Rule::new("self.metadata.name.size() <= 63").message("shorten metadata.name to at most 63 characters: references reach no further"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.number) || (has(self.spec.number) ? self.spec.number == oldSelf.status.number || (has(oldSelf.spec.number) && self.spec.number == oldSelf.spec.number) : has(self.spec.choose) && has(oldSelf.spec.choose) && self.spec.choose == oldSelf.spec.choose)")
        .message("restore `number` or `choose`: the number in status.number is claimed; for another number create another object")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule("has(self.number) != has(self.choose)", "set exactly one of `number` and `choose`"))]
pub struct FourHundredNumberSpec {
    /// The number, exactly ten digits. Immutable once claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::number")]
    pub number: Option<String>,
    /// How to pick a free number instead. Immutable once one is claimed, but may be replaced by `number` with the
    /// number of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choose: Option<Choose>,
    /// The gateway at which calls arrive; it must admit this namespace.
    pub gateway_ref: GatewayRef,
    /// The price book; one of those that the Tenant may use.
    pub tariff_ref: LocalRef,
    /// Package of the tariff. Calls cost by the rates when absent; a change takes effect next month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::item_name")]
    pub package: Option<String>,
    /// Whether calls are answered. Active when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NumberState>,
    /// Functions subscribed to; what the tariff's catalogue lists may be used only so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set(0, 32))]
    pub functions: Vec<Function>,
    /// Timetable that names the period of an instant; rules with `periods` need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_ref: Option<LocalRef>,
    /// Phones that calls can be sent to, by name.
    #[schemars(transform = keyed("name", 1, 64))]
    pub destinations: Vec<Destination>,
    /// Destinations that share calls, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = keyed("name", 0, 32))]
    pub groups: Vec<Group>,
    /// Who may call at all (呼叫阻截). Everybody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<Screening>,
    /// What a caller must know. Nothing when absent. Not served yet: it needs a gateway in mode Proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// How many calls. No limits when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Where calls go, in the order of evaluation: the first rule that matches decides, the last must match every call.
    #[schemars(
        transform = ordered(1, 64),
        transform = rule("!has(self[self.size() - 1].when)", "the last rule must match every call: remove its `when`"),
        transform = rule("self.all(rule, self.exists_one(other, other.name == rule.name))", "give each rule a name of its own")
    )]
    pub rules: Vec<Rule>,
    /// What a call meets when no destination answered. The switch's own answer stands when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exhausted: Option<Exhausted>,
}

/// How to pick a free number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Choose {
    /// The pool to pick from.
    pub pool_ref: LocalRef,
    /// Pattern that the number must match at its end, as in a pool's grades. Any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "scalars::number_pattern")]
    pub pattern: Option<String>,
}

/// Whether a number's calls are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum NumberState {
    /// They are.
    #[default]
    Active,
    /// They are refused; the number is kept and goes on costing its monthly fees (停机保号).
    Paused,
}

/// A phone that calls can be sent to (目的码).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Name by which rules and groups use it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// A mainland mobile or fixed number as people write it, such as 010-8888 0001 or 138 0013 8000.
    #[schemars(schema_with = "scalars::phone")]
    pub number: String,
    /// Seconds for which it rings before the next is tried. The switch's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub ring_seconds: Option<i32>,
    /// Calls at one time. No limit when absent. Not served yet: it needs a gateway in mode Proxy; in mode Redirect it
    /// is told as FullyEnforced=False, ModeRedirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrent_calls: Option<i32>,
}

/// Destinations that share calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule(
        "self.strategy != 'Percentage' || self.members.map(member, has(member.percent) ? member.percent : 0).sum() == 100",
        "make the percent of all members add up to 100"
    ),
    transform = rule(
        "self.strategy == 'Percentage' || !self.members.exists(member, has(member.percent))",
        "remove percent from the members or set strategy to Percentage"
    )
)]
pub struct Group {
    /// Name by which rules use it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// How a call's destinations are put in order.
    pub strategy: Strategy,
    /// Destinations in order.
    #[schemars(
        transform = ordered(1, 32),
        transform = rule("self.all(member, self.exists_one(other, other.destination == member.destination))", "name each destination once")
    )]
    pub members: Vec<Member>,
    /// Destinations tried after the members, in every strategy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        transform = ordered(0, 32),
        transform = rule("self.all(member, self.exists_one(other, other.destination == member.destination))", "name each destination once")
    )]
    pub overflow: Vec<OverflowMember>,
}

/// How a call's destinations are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Strategy {
    /// As listed.
    InOrder,
    /// Each call begins one further.
    RoundRobin,
    /// By chance, then the remaining ones.
    Random,
    /// One member by its percentage, alone.
    Percentage,
    /// Whoever has had no call for the longest time first. Not served yet: it needs a gateway in mode Proxy, which sees
    /// calls end.
    LongestIdle,
}

/// A destination in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Name of the destination.
    #[schemars(schema_with = "scalars::item_name")]
    pub destination: String,
    /// Share of calls, with strategy Percentage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub percent: Option<i32>,
}

/// A destination tried after a group's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverflowMember {
    /// Name of the destination.
    #[schemars(schema_with = "scalars::item_name")]
    pub destination: String,
}

/// Who may call at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screening {
    /// Callers refused: digits of the national form with an optional final `*`. `0898*` catches fixed lines only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::denied_caller, 0, 1000))]
    pub deny_callers: Vec<String>,
    /// Areas refused, fixed lines and mobiles: area codes with their 0, or Unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::screened_area, 0, 400))]
    pub deny_areas: Vec<String>,
    /// The only areas admitted. Callers of unknown area are refused unless the list says Unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::screened_area, 0, 400))]
    pub only_areas: Vec<String>,
    /// What becomes of anonymous callers. Accept when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
}

/// What a caller must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The password (密码接入), four digits that the caller keys in.
    pub password_secret_ref: SecretKeyRef,
}

/// What becomes of anonymous callers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = closed_set)]
pub enum Anonymous {
    /// They are routed as others are.
    #[default]
    Accept,
    /// They are refused.
    Deny,
}

/// How many calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.concurrentCalls) || has(self.callsPerMonth) || has(self.whenExceeded)",
    "set a member of limits, such as callsPerMonth: 100000, or remove limits"
))]
pub struct Limits {
    /// Calls at one time. No limit when absent. Not served yet: it needs a gateway in mode Proxy; in mode Redirect it
    /// is told as FullyEnforced=False, ModeRedirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrent_calls: Option<i32>,
    /// Answered calls of a month, after which further ones are refused. No limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub calls_per_month: Option<i64>,
    /// What a call beyond a limit meets. It is refused as busy when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exceeded: Option<Exceeded>,
}

/// What a call beyond a limit meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exceeded {
    /// Name of an announcement of the gateway.
    #[schemars(schema_with = "scalars::item_name")]
    pub announcement: String,
}

/// Where some calls go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Name of the rule; decisions and tests name it.
    #[schemars(schema_with = "scalars::item_name")]
    pub name: String,
    /// Which calls; every member must match. Every call when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Where they go.
    pub to: Target,
}

/// Which calls a rule is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.periods) || has(self.callers) || has(self.callerLists) || has(self.callerAreas) || has(self.callerProvinces)",
    "set a member of `when`, such as periods: [work], or remove `when`: a rule without it matches every call"
))]
pub struct When {
    /// Periods of the timetable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::item_name, 1, 16))]
    pub periods: Vec<String>,
    /// Callers: digits of the national form with an optional final `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::caller_pattern, 1, 64))]
    pub callers: Vec<String>,
    /// CallerLists of this namespace: the caller must be on one of them. With callers, a call must match both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::object_name, 1, 16))]
    pub caller_lists: Vec<String>,
    /// Areas that calls come from: area codes with their 0, or Unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::area, 1, 400))]
    pub caller_areas: Vec<String>,
    /// Provinces (省、自治区、直辖市) that calls come from, by their short names, such as 广东: all areas of each. With
    /// callerAreas, a call must match both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set_of(scalars::province, 1, 34))]
    pub caller_provinces: Vec<String>,
}

impl When {
    /// Area codes that callerAreas and callerProvinces come to together; empty where neither is asked for.
    pub fn areas(&self) -> Result<Vec<String>, PlaceError> {
        areas_in(&self.caller_areas, &self.caller_provinces)
    }
}

impl FourHundredNumber {
    /// Where the number's object stands.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(
            self.metadata.namespace.clone().unwrap_or_default(),
            self.metadata.name.clone().unwrap_or_default(),
        )
    }

    /// The gateway it refers to, with the namespace filled in.
    pub fn gateway(&self) -> ObjectKey {
        let own = || self.metadata.namespace.clone().unwrap_or_default();
        let gateway = &self.spec.gateway_ref;
        ObjectKey::new(gateway.namespace.clone().unwrap_or_else(own), gateway.name.clone())
    }
}

impl FourHundredNumberSpec {
    pub fn state(&self) -> NumberState {
        self.state.unwrap_or_default()
    }
}

impl Screening {
    pub fn anonymous(&self) -> Anonymous {
        self.anonymous.unwrap_or_default()
    }
}
