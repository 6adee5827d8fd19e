//! The plan as text: what the operator writes into `ConfigMap`s and the workers read. Pure.
//!
//! A plan is cut into parts so that one edit touches one part: a *head* per gateway, *number* leaves per gateway and
//! tenant namespace (a hash trie over the number), *callers* of lists too long for a leaf, and for billing *binding*
//! leaves and price books. Schedules, calendars and caller lists are content-addressed inside a leaf, so an entry that must
//! be kept byte for byte (its references went missing) keeps the very schedule it was compiled with. There is no generation
//! and no time of writing in a part: the same world gives the same bytes.

mod billing;
mod head;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::digest::Digest;
use crate::domain::numbering::CallerPattern;

pub use self::billing::{BindingEntry, Bindings, Prices};
pub use self::head::{Head, Listener, NumberFormat, OriginalCalled, Protocol, RecordSource, Transport, Trunk};

/// The format this build writes; the parts it can read are those up to this one.
pub const FORMAT: u32 = 1;

/// A part of the plan, as the JSON text under the key [`PART_KEY`] of a ConfigMap.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "part", rename_all = "camelCase")]
pub enum Part {
    /// A gateway's own settings.
    Head(Head),
    /// Numbers of one tenant namespace that share a leaf of the trie.
    Numbers(Numbers),
    /// What billing must know of those numbers.
    Bindings(Bindings),
    /// A price book, named by its digest.
    Prices(Prices),
    /// Callers of a list, named by its digest.
    Callers(Callers),
}

// By hand: serde reads a tagged enum through a buffer of its own, in which raw JSON texts do not survive.
impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Tag<'a> {
            #[serde(borrow)]
            part: std::borrow::Cow<'a, str>,
        }
        fn read<T: serde::de::DeserializeOwned, E: serde::de::Error>(text: &str) -> Result<T, E> {
            serde_json::from_str(text).map_err(E::custom)
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let tag: Tag<'_> = serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
        match tag.part.as_ref() {
            "head" => read(text.get()).map(Self::Head),
            "numbers" => read(text.get()).map(Self::Numbers),
            "bindings" => read(text.get()).map(Self::Bindings),
            "prices" => read(text.get()).map(Self::Prices),
            "callers" => read(text.get()).map(Self::Callers),
            other => {
                let known = &["head", "numbers", "bindings", "prices", "callers"];
                Err(serde::de::Error::unknown_variant(&other.chars().take(40).collect::<String>(), known))
            }
        }
    }
}

/// The key of a plan ConfigMap's `data` that holds the part's JSON.
pub const PART_KEY: &str = "part.json";

/// A leaf of one tenant namespace's numbers at one gateway.
///
/// `Text` is an entry's: its own, or a piece of the part's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers<Text = Box<RawValue>> {
    pub format: u32,
    /// `NAMESPACE/NAME` of the gateway.
    pub gateway: String,
    /// The tenant namespace.
    pub namespace: String,
    /// Path of the leaf in the trie: `""` for the root, else a string of `0` and `1`.
    pub leaf: String,
    pub tenant: TenantHeader,
    /// Calendars by digest (16 hex digits), as the schedules below name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calendars: BTreeMap<String, CalendarDocument>,
    /// Schedules by digest (16 hex digits), as the entries below name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, ScheduleDocument>,
    /// Caller lists by digest (16 hex digits), as the rules below name them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caller_lists: BTreeMap<String, CallerListDocument>,
    /// [`NumberEntry`] texts, ordered by number; kept raw so that an entry can be carried over byte for byte.
    pub numbers: Vec<Text>,
    /// Active and coming overrides, ordered by number, then precedence (the first that holds at the instant wins).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideEntry>,
    /// Numbers that reached `limits.callsPerMonth`, with the usage month (`2026-11`) it holds for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caps_reached: BTreeMap<String, String>,
    /// IANA name of the zone in which that month begins and ends, for the numbers whose tariff has another than
    /// Asia/Shanghai.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cap_zones: BTreeMap<String, String>,
}

/// What a leaf says of its tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantHeader {
    pub name: String,
    pub state: TenantState,
    /// Most contacts in one answer, 1 to 9, the exhaustion announcement not counted.
    pub forwards_per_call: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TenantState {
    Active,
    Suspended,
    Frozen,
}

/// One number, compiled: every reference resolved, every phone number normalised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NumberEntry {
    /// Ten digits.
    pub number: String,
    /// Name of the `FourHundredNumber` object.
    pub name: String,
    pub state: NumberState,
    /// Digest of a schedule in the same leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Named by rules and groups below, by name.
    pub destinations: Vec<DestinationEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupEntry>,
    #[serde(default, skip_serializing_if = "Screening::is_open")]
    pub screening: Screening,
    /// In the order of evaluation; the last matches every call.
    pub rules: Vec<RuleEntry>,
    /// What a call meets when a limit is exceeded; `None` refuses with `LimitReached`/`MonthlyCapReached`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exceeded: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exhausted: Option<Exhausted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NumberState {
    Active,
    /// Kept but not answering (停机保号).
    Paused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationEntry {
    pub name: String,
    /// National form, `01088880001` or `13800138000`.
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupEntry {
    pub name: String,
    pub strategy: Strategy,
    pub members: Vec<MemberEntry>,
    /// Destination names that follow the members in every strategy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overflow: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    InOrder,
    RoundRobin,
    Random,
    Percentage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberEntry {
    /// Name of a destination.
    pub destination: String,
    /// 1 to 100; the members of a Percentage group sum to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// Who may call at all (呼叫阻截).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Screening {
    /// Digits of the national form with an optional final `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny_callers: Vec<String>,
    /// Area codes as written (`0898`) or `Unknown`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny_areas: Vec<String>,
    /// Not empty: only these areas may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_areas: Vec<String>,
    #[serde(default)]
    pub anonymous: Anonymous,
}

impl Screening {
    /// Whether everybody may call.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Anonymous {
    #[default]
    Accept,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEntry {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    pub to: Target,
}

/// Every member that is present must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct When {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_lists: Vec<CallerListName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller_areas: Vec<String>,
}

/// A caller list as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerListName {
    /// Name of the `CallerList` object.
    pub name: String,
    /// Digest of a caller list in the same leaf.
    pub digest: String,
}

/// Where a call goes. In JSON an object with exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// Name of a destination.
    Destination(String),
    /// Name of a group.
    Group(String),
    /// Name of an announcement.
    Announcement(String),
    /// A number that the spec does not list (overrides only), in national form.
    Number(String),
}

/// When nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exhausted {
    Announcement(String),
    Release(Release),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Release {
    Busy,
    NoAnswer,
    Unavailable,
}

/// `until` T, send the number's calls to `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideEntry {
    pub number: String,
    /// Name of the `RoutingOverride` object.
    pub name: String,
    pub from: jiff::Timestamp,
    pub until: jiff::Timestamp,
    pub to: Target,
}

/// Days off and make-up working days (调休), years in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarDocument {
    /// Years listed; another year is Monday to Friday work, the rest weekend.
    pub years: Vec<i16>,
    /// `2026-10-01`
    pub days_off: Vec<jiff::civil::Date>,
    pub make_up_workdays: Vec<jiff::civil::Date>,
}

/// A timetable (时间表): instants → names of periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleDocument {
    /// IANA name.
    pub time_zone: String,
    /// Digest of a calendar in the same leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    pub periods: Vec<PeriodDocument>,
    /// The period of every other instant.
    pub otherwise: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodDocument {
    pub name: String,
    pub at: Vec<RangeDocument>,
}

/// Exactly one of `dates` and `days`; `from` > `to` runs past midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RangeDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DateRange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// `00:00` to `23:59`
    pub from: String,
    /// `00:01` to `24:00`, or earlier than `from`.
    pub to: String,
}

/// First and last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    pub first: jiff::civil::Date,
    pub last: jiff::civil::Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
    /// A make-up day, or Monday to Friday that is not off.
    Workday,
    /// Saturday or Sunday that is neither make-up nor off.
    Weekend,
    /// A statutory day off.
    Holiday,
}

/// A caller list (名单): the parts that hold its callers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerListDocument {
    /// [`Callers`] without a `*`, by their leaf's path in a trie over callers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exact: BTreeMap<String, Digest>,
    /// [`Callers`] with a `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Digest>,
}

/// Some callers of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callers {
    pub format: u32,
    /// `NAMESPACE/NAME` of the gateway.
    pub gateway: String,
    /// The tenant namespace.
    pub namespace: String,
    /// Digits of the national form with an optional final `*`, ascending.
    pub callers: Vec<CallerPattern>,
}
