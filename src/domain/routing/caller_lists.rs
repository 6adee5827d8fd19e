//! Caller lists (名单) of up to a hundred thousand callers: cut into parts of the plan, and put together again from them.
//! Pure.
//!
//! Callers without a `*` are cut by a hash of their digits, so that one edit touches one part and a look-up reads one;
//! the few with a `*` stand in parts of their own, all of which a look-up reads. A part is named by its digest: who names
//! it means these very callers.

use std::sync::Arc;

use super::document::{CallerListDocument, Callers, FORMAT, Part};
use super::load::FindCallers;
use super::trie;
use crate::domain::digest::Digest;
use crate::domain::numbering::{CallerPattern, CallerPatterns, NationalNumber};

/// Callers of one list, at most.
pub const CALLERS_AT_MOST: usize = 100_000;

/// A list as the plan carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedList {
    pub document: CallerListDocument,
    /// Of the document.
    pub digest: String,
    pub parts: Vec<Arc<CallersPart>>,
}

/// Text of a [`Part::Callers`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallersPart {
    pub digest: Digest,
    pub text: String,
}

/// Cuts a list, whose callers are ascending and each there once, for `gateway` (`NAMESPACE/NAME`) and its tenant's
/// `namespace`.
pub fn pack(callers: &[CallerPattern], gateway: &str, namespace: &str) -> Result<PackedList, serde_json::Error> {
    let digits: Vec<NationalNumber> = callers.iter().map(CallerPattern::number).collect();
    let (prefixes, exact): (Vec<usize>, Vec<usize>) = (0..callers.len()).partition(|index| is_prefix(callers, *index));
    let mut document = CallerListDocument::default();
    let mut parts = Vec::new();
    for (chosen, ends_in_star) in [(exact, false), (prefixes, true)] {
        let numbers: Vec<NationalNumber> = chosen.iter().filter_map(|index| digits.get(*index)).copied().collect();
        // With quotes, a comma and, it may be, a star.
        for leaf in trie::split_callers(&numbers, |number| number.as_str().len() + 4, trie::LEAF_LIMIT) {
            let members = leaf.entries.iter().filter_map(|entry| callers.get(*chosen.get(*entry)?)).copied();
            let part = Part::Callers(Callers {
                format: FORMAT,
                gateway: gateway.to_owned(),
                namespace: namespace.to_owned(),
                callers: members.collect(),
            });
            let text = serde_json::to_string(&part)?;
            let digest = Digest::of(text.as_bytes());
            if ends_in_star {
                document.prefixes.push(digest);
            } else {
                document.exact.insert(leaf.path, digest);
            }
            parts.push(Arc::new(CallersPart { digest, text }));
        }
    }
    Ok(PackedList { digest: Digest::of_json(&document).short(), document, parts })
}

fn is_prefix(callers: &[CallerPattern], index: usize) -> bool {
    callers.get(index).is_some_and(CallerPattern::is_prefix)
}

/// A list as calls are asked of it: one binary search in one part, and one more for each part with prefixes.
#[derive(Debug, Default)]
pub struct CallerSet {
    /// By the first place of each part, ascending.
    exact: Box<[(u64, Arc<CallerPatterns>)]>,
    prefixes: Box<[Arc<CallerPatterns>]>,
}

impl CallerSet {
    /// Puts a list together; `Err` names a part that is not there.
    pub(super) fn of(document: &CallerListDocument, callers: FindCallers<'_>) -> Result<Self, Digest> {
        let found = |digest: &Digest| callers(digest).ok_or(*digest);
        let mut exact = Vec::with_capacity(document.exact.len());
        for (path, digest) in &document.exact {
            exact.push((first_place(path), found(digest)?));
        }
        exact.sort_by_key(|(first, _)| *first);
        let prefixes = document.prefixes.iter().map(found).collect::<Result<_, _>>()?;
        Ok(Self { exact: exact.into(), prefixes })
    }

    /// Whether the caller is on the list.
    pub fn contains(&self, number: NationalNumber) -> bool {
        let place = trie::place_of_caller(number);
        let after = self.exact.partition_point(|(first, _)| *first <= place);
        let part = after.checked_sub(1).and_then(|last| self.exact.get(last));
        part.is_some_and(|(_, callers)| callers.matches(number))
            || self.prefixes.iter().any(|prefixes| prefixes.matches(number))
    }

    /// Numbers that the list holds without a `*`, in no order that means anything.
    pub fn numbers(&self) -> impl Iterator<Item = NationalNumber> {
        self.exact.iter().flat_map(|(_, callers)| callers.numbers())
    }
}

/// Of a path in the trie: its digits are the place's first bits.
fn first_place(path: &str) -> u64 {
    path.bytes().take(64).enumerate().fold(0, |place, (bit, digit)| place | u64::from(digit == b'1') << (63 - bit))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::routing::load::{ANY_CALLERS, LoadedPart, load};

    fn patterns(texts: &[&str]) -> Vec<CallerPattern> {
        sorted(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn sorted(mut callers: Vec<CallerPattern>) -> Vec<CallerPattern> {
        callers.sort_unstable();
        callers.dedup();
        callers
    }

    fn packed(callers: &[CallerPattern]) -> PackedList {
        pack(callers, "telephony/east", "acme").unwrap()
    }

    fn many(count: u64) -> Vec<CallerPattern> {
        (0..count).map(|index| format!("{}", 13_000_000_000 + index * 40_009).parse().unwrap()).collect()
    }

    fn put_together(packed: &PackedList) -> CallerSet {
        let mut known = HashMap::new();
        for part in &packed.parts {
            let LoadedPart::Callers { digest, callers, .. } = load(&part.text, ANY_CALLERS).unwrap() else {
                panic!("callers")
            };
            assert_eq!(digest, part.digest);
            known.insert(digest, callers);
        }
        CallerSet::of(&packed.document, &|digest| known.get(digest).cloned()).unwrap()
    }

    #[test]
    fn a_full_list_is_cut_into_parts_below_an_objects_limit_and_one_edit_touches_one() {
        let mut callers = many(CALLERS_AT_MOST as u64);
        let before = packed(&callers);
        assert!(before.parts.len() >= 8, "{}", before.parts.len());
        assert!(before.parts.iter().all(|part| part.text.len() < 2 * trie::LEAF_LIMIT));
        callers[777] = "02088886666".parse().unwrap();
        callers = sorted(callers);
        let after = packed(&callers);
        let new = after.parts.iter().filter(|part| !before.parts.contains(part)).count();
        assert!((1..=2).contains(&new), "one loses a caller, one gains one: {new}");
        let set = put_together(&after);
        assert!(callers.iter().all(|caller| set.contains(caller.number())));
        assert_eq!(set.numbers().count(), CALLERS_AT_MOST);
    }

    #[test]
    fn the_same_callers_give_the_same_parts() {
        let one = packed(&patterns(&["13900001111", "0898*", "01055551234", "0898*"]));
        assert_eq!(packed(&patterns(&["01055551234", "0898*", "13900001111"])), one);
        let texts: Vec<&str> = one.parts.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                r#"{"part":"callers","format":1,"gateway":"telephony/east","namespace":"acme","callers":["01055551234","13900001111"]}"#,
                r#"{"part":"callers","format":1,"gateway":"telephony/east","namespace":"acme","callers":["0898*"]}"#
            ]
        );
    }

    #[test]
    fn a_part_that_has_not_come_is_named() {
        let packed = packed(&patterns(&["13900001111"]));
        assert_eq!(CallerSet::of(&packed.document, &|_| None).unwrap_err(), packed.parts[0].digest);
    }

    proptest! {
        /// Cut and put together, a list holds whom its patterns name and nobody else.
        #[test]
        fn a_list_holds_whom_its_patterns_name(
            written in prop::collection::vec("(010|0755|138|139|00852)[0-9]{0,5}[*]?", 0..40),
            asked in prop::collection::vec("(010|0755|138|139|00852)[0-9]{0,5}", 1..20),
        ) {
            let callers = sorted(written.iter().filter_map(|text| text.parse().ok()).collect());
            let set = put_together(&packed(&callers));
            for digits in asked.iter().map(String::as_str).chain(callers.iter().map(CallerPattern::digits)) {
                let number = NationalNumber::from_digits(digits).unwrap();
                prop_assert_eq!(set.contains(number), callers.iter().any(|caller| caller.matches(number)), "{}", digits);
            }
        }
    }
}
