//! The codes of lint: a closed table, printed as the manual.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A cluster would refuse it, or not do what it says.
    Error,
    /// Probably not meant.
    Warning,
    /// Good to know.
    Hint,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}

/// One thing that lint can say.
#[derive(Debug)]
pub struct Code {
    pub name: &'static str,
    pub severity: Severity,
    /// A few words.
    pub title: &'static str,
    /// What it means and what to do.
    pub doc: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal, $severity:ident, $title:literal, $doc:literal;)+) => {
        $(pub const $constant: Code =
            Code { name: $name, severity: Severity::$severity, title: $title, doc: $doc };)+
        /// Every code, in order.
        pub const CODES: &[Code] = &[$($constant),+];
    };
}

codes! {
    MANIFEST = "FH001", Error, "the manifest is wrong",
        "The file is not YAML, or the API server would refuse the object: a field's type, name or bounds, a rule across fields, an unquoted word that YAML reads as a number or a boolean.";
    NOT_ACCEPTED = "FH002", Error, "the object would not be accepted",
        "The operator would answer `Accepted=False` with the reason shown. The sentence says what to change.";
    UNRESOLVED = "FH003", Error, "something referred to is missing",
        "The operator would answer `ResolvedRefs=False`. Give lint the folders in which the other objects are, or create them.";
    NOT_ENFORCED = "FH004", Warning, "something asked for is not enforced or not charged",
        "The operator would answer `FullyEnforced=False`: an announcement that the gateway does not list is asked of the trunk, a limit needs another mode, a price is not charged by this version.";
    READ_PAST = "FH005", Hint, "a document was read past",
        "It is of another API group. `kubectl apply` takes it, the folder tools do not look at it.";
    NAMESPACE_MISSING = "FH006", Warning, "no namespace is written",
        "kubectl takes the namespace of its context, the folder tools take `default`. Write `metadata.namespace`.";
    RULE_SHADOWED = "FH101", Warning, "a rule is never reached",
        "An earlier rule matches every call that this one matches. Move it up, narrow the earlier one, or remove it.";
    DESTINATION_UNUSED = "FH102", Warning, "a destination is never named",
        "No rule, group or override sends calls to it.";
    GROUP_UNUSED = "FH103", Warning, "a group is never named",
        "No rule or override sends calls to it.";
    SCHEDULE_UNASKED = "FH104", Warning, "a timetable that no rule asks",
        "The number has a `scheduleRef`, but no rule names a period: the timetable changes nothing (and its function may cost).";
    PERIOD_UNUSED = "FH105", Hint, "a period that no rule names",
        "Calls of that period fall through to the rules without periods. The period of `otherwise` is not told.";
    PERIOD_NEVER = "FH106", Warning, "a period that never holds",
        "It lies on `Holiday` alone, and the schedule has no `calendarRef`: without a calendar no day is a holiday.";
    SCHEDULE_UNUSED = "FH107", Hint, "a timetable that no number uses",
        "No FourHundredNumber of its namespace names it in `scheduleRef`.";
    BEYOND_FORWARDS = "FH108", Warning, "members beyond the bound on forwards",
        "A call is offered to at most `limits.forwardsPerCall` destinations of the tenant (3 when absent); members and overflow behind it are never tried.";
    PERCENTAGE_ALONE = "FH109", Warning, "a percentage group of one",
        "One member has all 100 percent. Name the destination in the rule instead.";
    FIXED_LINES_ONLY = "FH110", Hint, "a caller pattern catches fixed lines only",
        "A pattern that is an area code catches the area's fixed lines. Mobiles of the area have numbers that begin with 1: use `denyAreas` or `callerAreas` for both.";
    SAME_NUMBER = "FH111", Warning, "two destinations are the same phone",
        "A call is offered to a phone once, so the second name adds nothing.";
    OPEN_PEERS = "FH112", Warning, "peers contain a cluster's own networks",
        "A peer list that contains the networks that clusters commonly use for pods and services (10.42.0.0/16, 10.43.0.0/16, 10.96.0.0/12, 10.244.0.0/16) admits every pod. List the switches' addresses.";
    YEAR_MISSING = "FH113", Hint, "a calendar's year is missing",
        "From 1 November the next year should be listed; in a year that is not listed schedules fall back to weekdays. The notice comes in November.";
    OVERRIDE_ENDED = "FH114", Hint, "an override has ended",
        "It does nothing any more; delete it, so that the next reader need not wonder.";
    OVERRIDE_IDLE = "FH115", Warning, "an override that changes nothing",
        "Every rule of the number sends calls where the override sends them.";
    LIST_SHADOWED = "FH116", Warning, "callers on a list whom an earlier rule takes",
        "An earlier rule's callers, a prefix such as `138*` most often, name callers who are on the list: the rule that asks for the list never sees them. Move it up, or narrow the earlier one.";
    CALLER_REDUNDANT = "FH117", Hint, "a caller who is on the list already",
        "The list names the caller twice, or by a pattern with a `*` as well. `fourhundred lint --fix` removes it.";
    LIST_UNUSED = "FH118", Hint, "a list that no rule asks for",
        "No FourHundredNumber of its namespace names it in `when.callerLists`.";
}

/// The manual: `docs/lint.md`, with an example of each code by its name.
#[cfg(test)]
pub fn manual(example: impl Fn(&str) -> String) -> String {
    use fmt::Write as _;
    let mut text = String::from(
        "# What `fourhundred lint` says\n\n\
         <!-- Printed from src/offline/lint/codes.rs; `UPDATE_GOLDEN=1 cargo test --lib lint` writes it again. -->\n\n\
         `fourhundred lint PATH…` exits with 1 when there is an error, with `--deny-warnings` also when there is a warning.\n\
         Hints never fail a run. What only a cluster knows is assumed in the tenant's favour: papers approved, account active,\n\
         numbers claimed.\n\n\
         `--fix` repairs, in the files, what can be repaired with certainty: words that need quotation marks (FH001), items that\n\
         a list holds twice (FH001, FH117). Comments and layout stay. The JSON form marks such findings `fixable`.\n\n\
         Below each code stands a file that has it, and what `fourhundred lint` says of that file beside `examples/platform`\n\
         (on 23 November 2026). The files are in `src/offline/lint/examples`.\n\n\
         | code | severity | says |\n|---|---|---|\n",
    );
    for code in CODES {
        let anchor = code.name.to_lowercase();
        let _ = writeln!(text, "| [{}](#{anchor}) | {} | {} |", code.name, code.severity, code.title);
    }
    for code in CODES {
        let mut title = code.title.chars();
        let first = title.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        let _ = write!(
            text,
            "\n## {}\n\n*{first}{}* ({}).\n\n{}\n\n{}",
            code.name,
            title.as_str(),
            code.severity,
            code.doc,
            example(code.name)
        );
    }
    text
}
