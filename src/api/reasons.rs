//! The reasons of conditions: a closed set per type, as constants, each with the sentence of the manual.
//!
//! One table, [`CONDITIONS`], holds them all; the reference in the documentation is printed from it.

use super::conditions as types;

/// Why a condition is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason {
    /// As the API writes it: one word.
    pub name: &'static str,
    /// The sentence of the manual.
    pub doc: &'static str,
}

/// A condition type with everything it can say.
#[derive(Debug, Clone, Copy)]
pub struct ConditionKind {
    /// As the API writes it.
    pub type_: &'static str,
    /// What it means when True.
    pub doc: &'static str,
    /// Its own reasons.
    pub reasons: &'static [Reason],
    /// Types whose reasons it repeats, as the cause that holds it back.
    pub repeats: &'static [&'static str],
}

impl ConditionKind {
    /// Whether `reason` can stand under this type.
    pub fn allows(&self, reason: &str) -> bool {
        let own = |kind: &ConditionKind| kind.reasons.iter().any(|known| known.name == reason);
        own(self) || CONDITIONS.iter().any(|kind| self.repeats.contains(&kind.type_) && own(kind))
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal;)+) => {
        $($(#[doc = $doc])+ pub const $constant: Reason = Reason { name: $name, doc: concat!($($doc),+).trim_ascii() };)+
    };
}

reasons! {
    /// The spec stands.
    ACCEPTED = "Accepted";
    /// A field has a value that cannot be meant; the message names field, value and one that would pass.
    INVALID = "Invalid";
    /// A field asks for something this version does not serve; the message names the field.
    NOT_YET_SUPPORTED = "NotYetSupported";
    /// The number is held by someone else.
    NUMBER_TAKEN = "NumberTaken";
    /// The spec asks for another number than the one claimed.
    NUMBER_IMMUTABLE = "NumberImmutable";
    /// No pool holds the number.
    NUMBER_NOT_IN_POOL = "NumberNotInPool";
    /// The pool reserves the number.
    NUMBER_RESERVED = "NumberReserved";
    /// The number rests after its release and can be taken back by its last tenant only.
    NUMBER_COOLING = "NumberCooling";
    /// No free number of the pool matches the pattern.
    POOL_EXHAUSTED = "PoolExhausted";
    /// The tenant holds as many numbers as its limits allow, or releases and claims too many.
    QUOTA_EXCEEDED = "QuotaExceeded";
    /// The number has more destinations than the tenant's limits allow.
    TOO_MANY_DESTINATIONS = "TooManyDestinations";
    /// A field uses a function that the tariff lists and the number does not subscribe to.
    FUNCTION_NOT_SUBSCRIBED = "FunctionNotSubscribed";
    /// The number subscribes to a function that the tariff does not list.
    FUNCTION_NOT_OFFERED = "FunctionNotOffered";
    /// The tenant may not use this tariff.
    TARIFF_NOT_ALLOWED = "TariffNotAllowed";
    /// The gateway does not admit this namespace, or the namespace belongs to no tenant.
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed";
    /// The operator does not serve gateways in this namespace.
    NAMESPACE_NOT_SERVED = "NamespaceNotServed";
    /// Another tenant listed the namespace first.
    NAMESPACE_TAKEN = "NamespaceTaken";
    /// The tenant lists a namespace that holds a gateway; plans live there, out of tenants' reach.
    NAMESPACE_OF_GATEWAY = "NamespaceOfGateway";
    /// No Approval covers the tenant's papers as they stand.
    UNVERIFIED = "Unverified";
    /// An Approval rejects the tenant.
    REJECTED = "Rejected";
    /// The namespace belongs to another tenant than the one that holds the number; entry and billing stay as they were.
    TENANT_MISMATCH = "TenantMismatch";
    /// Two periods of one rank could hold at one instant; the message names both and an example.
    PERIODS_OVERLAP = "PeriodsOverlap";
    /// A range of the pool overlaps one of another pool.
    RANGES_OVERLAP = "RangesOverlap";
    /// A range lies outside the carrier's prefixes.
    CARRIER_MISMATCH = "CarrierMismatch";
    /// A version that is in force was edited or withdrawn; the ledger's copy of the prices counts.
    VERSION_IN_FORCE = "VersionInForce";
    /// The trunk is one of the gateway's own listeners.
    TRUNK_IS_LISTENER = "TrunkIsListener";
    /// What was reviewed has changed since; the verdict is void.
    SUBJECT_CHANGED = "SubjectChanged";
    /// Accepted with a warning: the tenant's papers expired; calls go on.
    PAPERS_EXPIRED = "PapersExpired";
    /// Accepted with a warning: the pool no longer holds the number; calls go on.
    POOL_SHRUNK = "PoolShrunk";

    /// Everything referred to is there.
    RESOLVED_REFS = "ResolvedRefs";
    /// The CallGateway is not there.
    GATEWAY_NOT_FOUND = "GatewayNotFound";
    /// The Tariff is not there.
    TARIFF_NOT_FOUND = "TariffNotFound";
    /// The tariff has no such package.
    PACKAGE_NOT_FOUND = "PackageNotFound";
    /// The RoutingSchedule is not there.
    SCHEDULE_NOT_FOUND = "ScheduleNotFound";
    /// The CallerList is not there.
    CALLER_LIST_NOT_FOUND = "CallerListNotFound";
    /// The HolidayCalendar is not there.
    CALENDAR_NOT_FOUND = "CalendarNotFound";
    /// The NumberPool is not there.
    POOL_NOT_FOUND = "PoolNotFound";
    /// The FourHundredNumber is not there.
    NUMBER_NOT_FOUND = "NumberNotFound";
    /// The target names a destination, group or announcement that is not there.
    TARGET_NOT_FOUND = "TargetNotFound";
    /// The object under review is not there.
    SUBJECT_NOT_FOUND = "SubjectNotFound";
    /// What is referred to was refused itself.
    REF_NOT_ACCEPTED = "RefNotAccepted";

    /// Routers serve this generation.
    PROGRAMMED = "Programmed";
    /// Routers have not all acknowledged this generation yet.
    AWAITING_ROUTERS = "AwaitingRouters";
    /// The gateway has no ready router.
    NO_READY_ROUTER = "NoReadyRouter";
    /// A ready router has not answered for ten seconds.
    ROUTER_SILENT = "RouterSilent";
    /// The spec was refused; routers serve the last accepted generation, if there was one.
    NOT_ACCEPTED = "NotAccepted";

    /// Everything is enforced and charged.
    FULLY_ENFORCED = "FullyEnforced";
    /// A gateway in mode Redirect cannot enforce the fields that the message names.
    MODE_REDIRECT = "ModeRedirect";
    /// An announcement is not in the gateway's list and is asked of the trunk.
    ANNOUNCEMENT_UNMAPPED = "AnnouncementUnmapped";
    /// The functions that the message names are charged, and nothing performs them yet.
    NOT_YET_PERFORMED = "NotYetPerformed";
    /// The fields that the message names do not change charges or limits yet.
    NOT_YET_CHARGED = "NotYetCharged";

    /// The calendar lists this year and, from November on, the next.
    COMPLETE = "Complete";
    /// The year ahead is not listed; from its first day schedules fall back to weekdays.
    NEXT_YEAR_MISSING = "NextYearMissing";

    /// The ledger answers.
    LEDGER_AVAILABLE = "LedgerAvailable";
    /// The ledger cannot be opened, read or written; calls go on.
    LEDGER_UNREACHABLE = "LedgerUnreachable";

    /// A TLS listener has no certificate, or its Secret holds one that cannot be used; the last good one is shown on.
    INVALID_CERTIFICATE_REF = "InvalidCertificateRef";
    /// Call records are taken.
    INTAKE_OPEN = "IntakeOpen";
    /// No token Secret guards the intake, so it is off.
    TOKEN_MISSING = "TokenMissing";
    /// Records were kept that no number's prices cover; they wait unrated.
    UNRATED_RECORDS = "UnratedRecords";

    /// The object does what it is for.
    READY = "Ready";
    /// The number is paused, as its owner asked; that is ready.
    PAUSED = "Paused";
    /// Another override with a later beginning holds instead.
    OVERRIDE_SUPERSEDED = "OverrideSuperseded";
    /// The override, or the verdict, has ended.
    EXPIRED = "Expired";
    /// The installed CustomResourceDefinition is older than this operator: told by its `/readyz`, since it then writes no
    /// status.
    SCHEMA_OUTDATED = "SchemaOutdated";
}

/// Every condition type in the order in which they stand in a status, with its reasons.
pub const CONDITIONS: &[ConditionKind] = &[
    ConditionKind {
        type_: types::ACCEPTED,
        doc: "The spec stands: it is valid, permitted, and what it claims is its own.",
        reasons: &[
            ACCEPTED,
            INVALID,
            NOT_YET_SUPPORTED,
            NUMBER_TAKEN,
            NUMBER_IMMUTABLE,
            NUMBER_NOT_IN_POOL,
            NUMBER_RESERVED,
            NUMBER_COOLING,
            POOL_EXHAUSTED,
            QUOTA_EXCEEDED,
            TOO_MANY_DESTINATIONS,
            FUNCTION_NOT_SUBSCRIBED,
            FUNCTION_NOT_OFFERED,
            TARIFF_NOT_ALLOWED,
            NAMESPACE_NOT_ALLOWED,
            NAMESPACE_NOT_SERVED,
            NAMESPACE_TAKEN,
            NAMESPACE_OF_GATEWAY,
            UNVERIFIED,
            REJECTED,
            TENANT_MISMATCH,
            PERIODS_OVERLAP,
            RANGES_OVERLAP,
            CARRIER_MISMATCH,
            VERSION_IN_FORCE,
            TRUNK_IS_LISTENER,
            SUBJECT_NOT_FOUND,
            SUBJECT_CHANGED,
            POOL_NOT_FOUND,
            TARGET_NOT_FOUND,
            PAPERS_EXPIRED,
            POOL_SHRUNK,
            EXPIRED,
        ],
        repeats: &[],
    },
    ConditionKind {
        type_: types::RESOLVED_REFS,
        doc: "Everything the spec refers to is there.",
        reasons: &[
            RESOLVED_REFS,
            GATEWAY_NOT_FOUND,
            TARIFF_NOT_FOUND,
            PACKAGE_NOT_FOUND,
            SCHEDULE_NOT_FOUND,
            CALLER_LIST_NOT_FOUND,
            CALENDAR_NOT_FOUND,
            POOL_NOT_FOUND,
            NUMBER_NOT_FOUND,
            REF_NOT_ACCEPTED,
            INVALID_CERTIFICATE_REF,
        ],
        repeats: &[],
    },
    ConditionKind {
        type_: types::PROGRAMMED,
        doc: "Every router that was ready when this generation was compiled has loaded it.",
        reasons: &[PROGRAMMED, AWAITING_ROUTERS, NO_READY_ROUTER, ROUTER_SILENT, NOT_ACCEPTED],
        repeats: &[types::RESOLVED_REFS],
    },
    ConditionKind {
        type_: types::FULLY_ENFORCED,
        doc: "Everything the spec asks for is enforced and charged; what is not is named. Never touches Ready.",
        reasons: &[FULLY_ENFORCED, MODE_REDIRECT, NOT_YET_PERFORMED, ANNOUNCEMENT_UNMAPPED, NOT_YET_CHARGED],
        repeats: &[],
    },
    ConditionKind {
        type_: types::COMPLETE,
        doc: "A calendar lists the year that is about to begin.",
        reasons: &[COMPLETE, NEXT_YEAR_MISSING],
        repeats: &[],
    },
    ConditionKind {
        type_: types::LEDGER_AVAILABLE,
        doc: "A gateway's ledger can be read and written.",
        reasons: &[LEDGER_AVAILABLE, LEDGER_UNREACHABLE],
        repeats: &[],
    },
    ConditionKind {
        type_: types::INTAKE_OPEN,
        doc: "A gateway takes call records.",
        reasons: &[INTAKE_OPEN, TOKEN_MISSING, UNRATED_RECORDS],
        repeats: &[],
    },
    ConditionKind {
        type_: types::READY,
        doc: "The object does what it is for.",
        reasons: &[READY, PAUSED, OVERRIDE_SUPERSEDED, EXPIRED],
        repeats: &[types::ACCEPTED, types::RESOLVED_REFS, types::PROGRAMMED, types::LEDGER_AVAILABLE],
    },
    ConditionKind {
        type_: types::RECONCILING,
        doc: "Work is under way; removed when done.",
        reasons: &[],
        repeats: &[types::PROGRAMMED],
    },
    ConditionKind {
        type_: types::STALLED,
        doc: "Nothing more will happen until this object's owner acts; removed when that is not so.",
        reasons: &[],
        repeats: &[types::ACCEPTED],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What stands in the Rust files of a folder and below it, tests left out.
    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_source = path.extension().is_some_and(|end| end == "rs");
            let is_test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
            if path.is_dir() {
                sources(&path, text);
            } else if is_source && !is_test {
                let source = fs::read_to_string(&path).unwrap();
                text.push_str(source.split("#[cfg(test)]").next().unwrap());
            }
        }
    }

    /// `NumberTaken` as its constant is called: `NUMBER_TAKEN`.
    fn constant(reason: &str) -> String {
        let mut constant = String::new();
        for letter in reason.chars() {
            if letter.is_ascii_uppercase() && !constant.is_empty() {
                constant.push('_');
            }
            constant.push(letter.to_ascii_uppercase());
        }
        constant
    }

    #[test]
    fn every_documented_reason_is_given_somewhere() {
        let mut text = String::new();
        for folder in ["controllers", "embedding", "runtime"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut text);
        }
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let reasons: BTreeSet<&str> = CONDITIONS.iter().flat_map(|kind| kind.reasons).map(|known| known.name).collect();
        let given_nowhere: Vec<&str> =
            reasons.into_iter().filter(|name| !words.contains(constant(name).as_str())).collect();
        assert_eq!(given_nowhere, Vec::<&str>::new());
    }

    /// `FILE: KIND/TYPE=STATUS/REASON: SENTENCE`, as a running operator told them.
    #[test]
    fn what_the_operator_told_stands_under_its_type() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/conditions.txt");
        for line in fs::read_to_string(golden).unwrap().lines() {
            let (_file, told) = line.split_once(": ").unwrap();
            let (condition, _sentence) = told.split_once(": ").unwrap();
            let (kind_and_type, reason) = condition.split_once('=').unwrap();
            let type_ = kind_and_type.split_once('/').unwrap().1;
            let kind = CONDITIONS.iter().find(|kind| kind.type_ == type_).unwrap();
            assert!(kind.allows(reason.split_once('/').unwrap().1), "{line}");
        }
    }

    #[test]
    fn every_type_and_reason_is_one_camel_case_word_with_a_sentence() {
        for kind in CONDITIONS {
            let names = kind.reasons.iter().map(|reason| (reason.name, reason.doc));
            for (name, doc) in names.chain([(kind.type_, kind.doc)]) {
                assert!(name.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
                assert!(name.chars().all(|c| c.is_ascii_alphabetic()) && name.len() <= 63, "{name}");
                assert!(doc.ends_with('.'), "{name}: {doc:?} is no sentence");
            }
        }
    }

    #[test]
    fn no_type_lists_a_reason_twice() {
        for kind in CONDITIONS {
            let names: BTreeSet<&str> = kind.reasons.iter().map(|reason| reason.name).collect();
            assert_eq!(names.len(), kind.reasons.len(), "{}", kind.type_);
        }
        let types: BTreeSet<&str> = CONDITIONS.iter().map(|kind| kind.type_).collect();
        assert_eq!(types.len(), CONDITIONS.len());
    }

    #[test]
    fn ready_repeats_the_cause_that_holds_it_back() {
        let ready = CONDITIONS.iter().find(|kind| kind.type_ == types::READY).unwrap();
        assert!(ready.allows("NumberTaken") && ready.allows("ScheduleNotFound") && ready.allows("Paused"));
        assert!(!ready.allows("ModeRedirect"), "FullyEnforced never touches Ready");
    }
}
