//! What becomes of a call, and how machines read it. Pure.
//!
//! A [`Decision`] borrows from the plan and allocates nothing; a [`DecisionDocument`] is its text form, as the HTTP
//! API, `fourhundred route` and routing tests have it.

use serde::{Deserialize, Serialize};

use super::compiled::CompiledDestination;
use super::document::Release;
use super::head::AnnouncementUri;
use super::leaf::CompiledNumber;
use super::trace::TraceLine;
use crate::domain::digest::Digest;
use crate::domain::numbering::FourHundred;

/// Most destinations of one answer.
pub const DESTINATIONS_AT_MOST: usize = 9;

/// Why a call is refused. A closed set: metrics count by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// Nobody's number here.
    NumberUnknown,
    /// Kept but not answering (停机保号).
    NumberPaused,
    /// The tenant is in arrears (停机).
    NumberSuspended,
    /// The tenant is frozen (冻结).
    NumberFrozen,
    /// On the deny list.
    CallerDenied,
    /// From an area that may not call.
    AreaDenied,
    /// The number is withheld, and such callers are not wanted.
    AnonymousDenied,
    /// `limits.callsPerMonth` is used up.
    MonthlyCapReached,
    /// Another limit is exceeded.
    LimitReached,
    /// No rule says where to.
    NoDestination,
}

/// How a refusal is told to a switch: a final SIP code and a cause of ITU-T Q.850 (RFC 6432).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCode {
    pub sip: u16,
    pub phrase: &'static str,
    pub cause: u8,
    pub cause_text: &'static str,
}

impl Reason {
    pub const ALL: [Self; 10] = [
        Self::NumberUnknown,
        Self::NumberPaused,
        Self::NumberSuspended,
        Self::NumberFrozen,
        Self::CallerDenied,
        Self::AreaDenied,
        Self::AnonymousDenied,
        Self::MonthlyCapReached,
        Self::LimitReached,
        Self::NoDestination,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberUnknown => "NumberUnknown",
            Self::NumberPaused => "NumberPaused",
            Self::NumberSuspended => "NumberSuspended",
            Self::NumberFrozen => "NumberFrozen",
            Self::CallerDenied => "CallerDenied",
            Self::AreaDenied => "AreaDenied",
            Self::AnonymousDenied => "AnonymousDenied",
            Self::MonthlyCapReached => "MonthlyCapReached",
            Self::LimitReached => "LimitReached",
            Self::NoDestination => "NoDestination",
        }
    }

    /// The code that a switch is answered with; 433 is RFC 5079.
    pub const fn code(self) -> RefusalCode {
        let (sip, phrase, cause, cause_text) = match self {
            Self::NumberUnknown => (404, "Not Found", 1, "Unallocated number"),
            Self::CallerDenied | Self::AreaDenied => (403, "Forbidden", 21, "Call rejected"),
            Self::AnonymousDenied => (433, "Anonymity Disallowed", 21, "Call rejected"),
            Self::NumberPaused | Self::NumberSuspended | Self::NumberFrozen => {
                (480, "Temporarily Unavailable", 20, "Subscriber absent")
            }
            Self::MonthlyCapReached | Self::LimitReached => (486, "Busy Here", 17, "User busy"),
            Self::NoDestination => (480, "Temporarily Unavailable", 31, "Normal, unspecified"),
        };
        RefusalCode { sip, phrase, cause, cause_text }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'p> {
    pub number: FourHundred,
    /// The number as the plan has it; `None` when it has not.
    pub held: Option<CompiledNumber<'p>>,
    /// The schedule's period, where the rules were asked.
    pub period: Option<&'p str>,
    pub decided_by: DecidedBy<'p>,
    pub outcome: Outcome<'p>,
}

/// Which part of the entry decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy<'p> {
    /// State, screening or a limit.
    Screens,
    Override(&'p str),
    Rule(&'p str),
}

/// The answer itself.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'p> {
    Route {
        destinations: Destinations<'p>,
        when_exhausted: Option<AfterLast<'p>>,
    },
    /// `limit` tells which limit sent the call there, if one did.
    Announce {
        announcement: AnnouncementUri<'p>,
        limit: Option<Reason>,
    },
    Refuse(Reason),
}

/// What follows when no destination answered.
#[derive(Debug, Clone, Copy)]
pub enum AfterLast<'p> {
    Announcement(AnnouncementUri<'p>),
    Release(Release),
}

/// Destinations in order of preference, none twice, at most [`DESTINATIONS_AT_MOST`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Destinations<'p> {
    /// Of the number.
    listed: &'p [CompiledDestination],
    /// Which of them, in order.
    order: [u16; DESTINATIONS_AT_MOST],
    /// An override's own, before all others.
    own: Option<&'p CompiledDestination>,
    room: u8,
    count: u8,
    lines_repeat: bool,
}

impl<'p> Destinations<'p> {
    /// None yet, and room for as many as the number's tenant may have.
    pub(super) fn of(number: &CompiledNumber<'p>) -> Self {
        let room = number.leaf.forwards_per_call.clamp(1, 9);
        Self { listed: number.destinations, room, lines_repeat: number.lines_repeat, ..Self::default() }
    }

    /// One that the number does not list, alone.
    pub(super) fn of_own(number: &CompiledNumber<'p>, own: &'p CompiledDestination) -> Self {
        Self { own: Some(own), ..Self::of(number) }
    }

    /// Adds one of the number's, unless there is no room or the same line stands already: a switch that walks contacts
    /// must not call the same one twice (RFC 3261 §8.1.3.4). Where no two lines are the same, none is looked at.
    pub(super) fn push(&mut self, index: u16) {
        let Some(destination) = self.listed.get(usize::from(index)) else { return };
        let same = |earlier: &u16| {
            let line = || self.listed.get(usize::from(*earlier)).is_some_and(|one| one.number == destination.number);
            *earlier == index || (self.lines_repeat && line())
        };
        if self.is_full() || self.in_order().iter().any(same) {
            return;
        }
        if let Some(slot) = self.order.get_mut(usize::from(self.count)) {
            *slot = index;
            self.count += 1;
        }
    }

    fn in_order(&self) -> &[u16] {
        self.order.get(..usize::from(self.count)).unwrap_or_default()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= usize::from(self.room)
    }

    pub fn iter(&self) -> impl Iterator<Item = &'p CompiledDestination> + '_ {
        self.own.into_iter().chain(self.in_order().iter().filter_map(|index| self.listed.get(usize::from(*index))))
    }

    pub fn len(&self) -> usize {
        usize::from(self.count) + usize::from(self.own.is_some())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Decision<'_> {
    /// Digest of the part that holds the number.
    pub fn plan(&self) -> Option<Digest> {
        self.held.map(|number| number.leaf.digest)
    }

    /// The text form. `call_id` is told back where it was generated, `trace` where it was asked for.
    pub fn document(&self, call_id: Option<String>, trace: Option<Vec<TraceLine>>) -> DecisionDocument {
        let (rule, override_name) = match self.decided_by {
            DecidedBy::Screens => (None, None),
            DecidedBy::Override(name) => (None, Some(name.to_owned())),
            DecidedBy::Rule(name) => (Some(name.to_owned()), None),
        };
        let mut document = DecisionDocument {
            outcome: OutcomeName::Refuse,
            reason: None,
            sip: None,
            number: self.number.to_string(),
            tenant: self.held.map(|number| number.leaf.tenant.clone()),
            period: self.period.map(str::to_owned),
            rule,
            override_name,
            destinations: None,
            announcement: None,
            uri: None,
            when_exhausted: None,
            call_id,
            plan: self.plan(),
            trace,
        };
        match self.outcome {
            Outcome::Route { destinations, when_exhausted } => {
                document.outcome = OutcomeName::Route;
                document.destinations = Some(destinations.iter().map(DestinationDocument::of).collect());
                document.when_exhausted = when_exhausted.map(AfterLast::document);
            }
            Outcome::Announce { announcement, limit } => {
                document.outcome = OutcomeName::Announce;
                document.announcement = Some(announcement.name.to_owned());
                document.uri = Some(announcement.to_string());
                document.reason = limit;
            }
            Outcome::Refuse(reason) => {
                document.reason = Some(reason);
                document.sip = Some(reason.code().sip);
            }
        }
        document
    }
}

impl AfterLast<'_> {
    fn document(self) -> AfterLastDocument {
        match self {
            Self::Announcement(announcement) => AfterLastDocument {
                announcement: Some(announcement.name.to_owned()),
                uri: Some(announcement.to_string()),
                release: None,
            },
            Self::Release(release) => AfterLastDocument { announcement: None, uri: None, release: Some(release) },
        }
    }
}

/// A decision as text: `POST /v1/route`, `fourhundred route`, what a routing test compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDocument {
    pub outcome: OutcomeName,
    /// Why it is refused, or which limit sent it to an announcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<u16>,
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub override_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<DestinationDocument>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcement: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_exhausted: Option<AfterLastDocument>,
    /// Only where the caller gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Vec<TraceLine>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutcomeName {
    Route,
    Announce,
    Refuse,
}

/// One destination of a decision, its number in national form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationDocument {
    /// Absent for an override's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<u16>,
}

impl DestinationDocument {
    fn of(destination: &CompiledDestination) -> Self {
        Self {
            name: destination.name.as_deref().map(str::to_owned),
            number: destination.number.as_str().to_owned(),
            ring_seconds: destination.ring_seconds,
        }
    }
}

/// What follows when nobody answered: an announcement with its URI, or a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterLastDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcement: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_code_and_cause() {
        let table: Vec<_> =
            Reason::ALL.iter().map(|reason| (reason.as_str(), reason.code().sip, reason.code().cause)).collect();
        assert_eq!(
            table,
            [
                ("NumberUnknown", 404, 1),
                ("NumberPaused", 480, 20),
                ("NumberSuspended", 480, 20),
                ("NumberFrozen", 480, 20),
                ("CallerDenied", 403, 21),
                ("AreaDenied", 403, 21),
                ("AnonymousDenied", 433, 21),
                ("MonthlyCapReached", 486, 17),
                ("LimitReached", 486, 17),
                ("NoDestination", 480, 31),
            ]
        );
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
        }
    }
}
