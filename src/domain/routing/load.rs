//! From the text of a part to its compiled form; a part that does not stand is refused whole. Pure.
//!
//! The error names the number and the field, so that whoever reads a worker's log finds the object to mend. A leaf
//! carries the schedules and calendars that it names; only callers of lists stand in parts of their own, and a leaf that
//! names some waits for them.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::compile::Violation;
use super::compile_leaf::compile_leaf;
use super::document::{Bindings, FORMAT, Head, Numbers, Part, Prices};
use super::head::CompiledHead;
use super::plan::{CompiledPart, Plan};
use super::schedules::Schedules;
use crate::domain::digest::Digest;
use crate::domain::numbering::CallerPatterns;

/// Why a part is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the part is not JSON of this format")]
    Json(#[source] serde_json::Error),
    #[error("the part is of format {seen}, and this build reads up to {FORMAT}: upgrade the workers first")]
    Format { seen: u32 },
    #[error("gateway {gateway}: {field} {sentence}")]
    Head { gateway: String, field: String, sentence: String },
    #[error("leaf of {namespace}: {field} {sentence}")]
    Leaf { namespace: String, field: String, sentence: String },
    #[error("number {number}: {field} {sentence}")]
    Number { number: String, field: String, sentence: String },
    #[error("leaf of {namespace}: callerLists[{list}] names callers {digest}, which have not come yet")]
    AwaitsCallers { namespace: String, list: String, digest: Digest },
    #[error("number at position {position} is not an entry of this format")]
    Entry {
        position: usize,
        #[source]
        source: serde_json::Error,
    },
}

impl LoadError {
    pub(super) fn number(number: &str, violation: Violation) -> Self {
        Self::Number { number: number.to_owned(), field: violation.field, sentence: violation.sentence }
    }
}

/// A part that has been read and stands.
#[derive(Debug)]
pub enum LoadedPart {
    Routing(CompiledPart),
    /// For billing: read, of a known format, not compiled.
    Bindings(Bindings),
    Prices(Prices),
    /// Callers of a list, by which leaves name them.
    Callers {
        digest: Digest,
        /// `NAMESPACE/NAME`.
        gateway: String,
        callers: Arc<CallerPatterns>,
    },
}

/// Finds callers that leaves name; `None`: their part has not come yet.
pub type FindCallers<'a> = &'a dyn Fn(&Digest) -> Option<Arc<CallerPatterns>>;

/// For one who asks whether a leaf stands, wherever its callers are.
pub const ANY_CALLERS: FindCallers<'static> = &|_| Some(Arc::default());

/// What a part is read beside.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) callers: FindCallers<'a>,
    /// Those of the plan's other leaves.
    pub(crate) schedules: &'a Schedules,
}

/// Reads the text of any part, by itself.
pub fn load(text: &str, callers: FindCallers<'_>) -> Result<LoadedPart, LoadError> {
    load_as(text, Digest::of(text.as_bytes()), Beside { callers, schedules: &Schedules::default() })
}

/// [`load`] where the text's digest is known, and other parts are.
pub(crate) fn load_as(text: &str, digest: Digest, beside: Beside<'_>) -> Result<LoadedPart, LoadError> {
    if let Some(numbers) = numbers_of(text) {
        return Ok(LoadedPart::Routing(load_numbers(&numbers, digest, beside)?));
    }
    let part: Part =
        serde_json::from_str(text).map_err(|error| newer_format(text).unwrap_or(LoadError::Json(error)))?;
    load_part(part, digest, beside)
}

/// A leaf as it is written, read in one go; whatever else it may be, and whatever is wrong with it, is found out by the
/// long way.
fn numbers_of(text: &str) -> Option<Numbers<&RawValue>> {
    text.starts_with(r#"{"part":"numbers","#)
        .then(|| serde_json::from_str(text).ok())
        .flatten()
        .filter(|numbers: &Numbers<&RawValue>| (1..=FORMAT).contains(&numbers.format))
}

/// A later format may not parse at all; then its number is the better answer.
fn newer_format(text: &str) -> Option<LoadError> {
    #[derive(serde::Deserialize)]
    struct OnlyFormat {
        format: u32,
    }
    let seen = serde_json::from_str::<OnlyFormat>(text).ok()?.format;
    (seen > FORMAT).then_some(LoadError::Format { seen })
}

/// Compiles a part whose text has `digest`.
fn load_part(part: Part, digest: Digest, beside: Beside<'_>) -> Result<LoadedPart, LoadError> {
    let seen = match &part {
        Part::Head(head) => head.format,
        Part::Numbers(numbers) => numbers.format,
        Part::Bindings(bindings) => bindings.format,
        Part::Prices(prices) => prices.format,
        Part::Callers(callers) => callers.format,
    };
    if seen == 0 || seen > FORMAT {
        return Err(LoadError::Format { seen });
    }
    Ok(match part {
        Part::Head(head) => LoadedPart::Routing(load_head(&head, digest)?),
        Part::Numbers(numbers) => LoadedPart::Routing(load_numbers(&numbers, digest, beside)?),
        Part::Bindings(bindings) => LoadedPart::Bindings(bindings),
        Part::Prices(prices) => LoadedPart::Prices(prices),
        Part::Callers(callers) => LoadedPart::Callers {
            digest,
            gateway: callers.gateway,
            callers: Arc::new(callers.callers.into_iter().collect()),
        },
    })
}

fn load_head(head: &Head, digest: Digest) -> Result<CompiledPart, LoadError> {
    Ok(CompiledPart::Head(Arc::new(CompiledHead::compile(head, digest)?)))
}

fn load_numbers(
    numbers: &Numbers<impl Borrow<RawValue>>,
    digest: Digest,
    beside: Beside<'_>,
) -> Result<CompiledPart, LoadError> {
    Ok(CompiledPart::Leaf(Arc::new(compile_leaf(numbers, digest, beside)?)))
}

/// A plan of parts that are at hand: folder tools and tests. Each part's digest is that of its JSON.
pub fn plan_of(parts: impl IntoIterator<Item = Part>) -> Result<Plan, LoadError> {
    let (lists, others): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| matches!(part, Part::Callers(_)));
    let mut compiled = Vec::new();
    let (mut callers, schedules) = (BTreeMap::new(), Schedules::default());
    for part in lists.into_iter().chain(others) {
        let digest = Digest::of_json(&part);
        let known = |wanted: &Digest| callers.get(wanted).cloned();
        match load_part(part, digest, Beside { callers: &known, schedules: &schedules })? {
            LoadedPart::Routing(part) => compiled.push(part),
            LoadedPart::Callers { digest, callers: patterns, .. } => {
                callers.insert(digest, patterns);
            }
            LoadedPart::Bindings(_) | LoadedPart::Prices(_) => {}
        }
    }
    Ok(Plan::default().with_parts(compiled))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::domain::routing::worlds;

    fn refusal(spoil: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut part = serde_json::to_value(worlds::leaf()).unwrap();
        part["part"] = "numbers".into();
        spoil(&mut part);
        let error = load(&part.to_string(), ANY_CALLERS).unwrap_err();
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{cause}")
    }

    #[test]
    fn a_part_survives_its_own_text() {
        let text = serde_json::to_string(&Part::Numbers(worlds::leaf())).unwrap();
        let LoadedPart::Routing(CompiledPart::Leaf(leaf)) = load(&text, ANY_CALLERS).unwrap() else {
            panic!("a leaf was written")
        };
        assert_eq!(leaf.header.digest, Digest::of(text.as_bytes()));
        assert_eq!(leaf.len(), 2);
        assert!(leaf.row("4001000868".parse().unwrap()).is_some());
        assert!(leaf.row("4001000869".parse().unwrap()).is_none());
    }

    #[test]
    fn a_leaf_is_refused_whole_with_number_and_field() {
        type Spoil = fn(&mut serde_json::Value);
        let cases: [(Spoil, &str); 15] = [
            (|p| p["numbers"][0]["schedule"] = "0000".into(), "number 4001000868: schedule names \"0000\""),
            (|p| p["numbers"][0]["rules"][3]["to"]["group"] = "x".into(), "number 4001000868: rules[by-day].to.group"),
            (
                |p| p["numbers"][0]["destinations"][0]["number"] = "010".into(),
                "number 4001000868: destinations[beijing].number",
            ),
            (|p| p["numbers"][1]["number"] = "4001000868".into(), "numbers 4001000868 stands out of order or twice"),
            (|p| p["numbers"][1]["state"] = "Asleep".into(), "number at position 1"),
            (|p| p["overrides"][0]["number"] = "4001000111".into(), "overrides names 4001000111"),
            (
                |p| p["overrides"][0]["to"] = serde_json::json!({"destination": "x"}),
                "number 4001000868: overrides[typhoon].to.destination",
            ),
            (|p| p["capsReached"]["4001000900"] = "November".into(), "number 4001000900: capsReached"),
            (|p| p["capZones"]["4001000900"] = "Mars/Base".into(), "number 4001000900: capZones"),
            (|p| p["capZones"]["4001000868"] = "Asia/Tokyo".into(), "capZones names 4001000868"),
            (|p| p["tenant"]["forwardsPerCall"] = 12.into(), "tenant.forwardsPerCall is 12"),
            (|p| p["leaf"] = "../01".into(), "leaf \"../01\""),
            (|p| p["format"] = 7.into(), "format 7"),
            (|p| p["tenant"] = 7.into(), "not JSON of this format"),
            (|p| p["part"] = "menus".into(), "menus"),
        ];
        for (spoil, expected) in cases {
            let seen = refusal(spoil);
            assert!(seen.contains(expected), "{seen:?} should say {expected:?}");
        }
    }

    #[test]
    fn a_later_format_says_so_even_where_it_does_not_parse() {
        let error = load(r#"{"part":"menus","format":2}"#, ANY_CALLERS).unwrap_err();
        assert!(matches!(error, LoadError::Format { seen: 2 }), "{error}");
    }
}
