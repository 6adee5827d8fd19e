//! The cut of a namespace's numbers, and of a caller list's callers, into leaves, so that one edit touches one part of
//! the plan. Pure.
//!
//! A hash trie: a number's place is a fixed hash of the number, so neighbours in a pool spread evenly, and the cut
//! depends on what is stored and on nothing else (no history, no order of arrival).

use crate::domain::numbering::{FourHundred, NationalNumber};

/// Bytes above which a leaf splits in two. A ConfigMap holds 1 MiB; small leaves keep one edit small on the wire.
pub const LEAF_LIMIT: usize = 128 * 1024;

/// No path is longer: 2³² numbers do not exist.
const DEEPEST: u32 = 32;

/// A leaf of the trie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// `""` for the root, else a string of `0` and `1`.
    pub path: String,
    /// Positions in what was given to be cut; numbers in their order, others in that of their positions.
    pub entries: Vec<usize>,
}

/// The fixed hash that gives a number its place, and the shard of a plan that holds it. Never change it: every leaf
/// of every installation would be written again.
pub fn place(number: FourHundred) -> u64 {
    scatter(number.as_u64())
}

/// The fixed hash that gives a caller its place in a list. Never change it, either.
pub fn place_of_caller(caller: NationalNumber) -> u64 {
    let digits = caller.as_str().bytes();
    // What leading zeros there are shows in the length.
    let length = digits.len() as u64;
    let value = digits.fold(0_u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit & 0x0f)));
    scatter(value ^ length << 56)
}

/// splitmix64's finaliser: a bijection, so two numbers never share all their bits.
fn scatter(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Cuts numbers, each with the bytes that it needs, into leaves of at most `limit` bytes (a leaf with one number may
/// be larger). Empty leaves are left out; no numbers make no leaf.
pub fn split(numbers: &[(FourHundred, usize)], limit: usize) -> Vec<Leaf> {
    let placed = |(index, (number, size)): (usize, &(FourHundred, usize))| Placed {
        place: place(*number),
        order: number.as_u64(),
        size: *size,
        index,
    };
    split_placed(numbers.iter().enumerate().map(placed).collect(), limit)
}

/// [`split`] for callers.
pub fn split_callers(callers: &[NationalNumber], size: impl Fn(&NationalNumber) -> usize, limit: usize) -> Vec<Leaf> {
    let placed = |(index, caller): (usize, &NationalNumber)| Placed {
        place: place_of_caller(*caller),
        order: index as u64,
        size: size(caller),
        index,
    };
    split_placed(callers.iter().enumerate().map(placed).collect(), limit)
}

fn split_placed(mut placed: Vec<Placed>, limit: usize) -> Vec<Leaf> {
    // By place, so that each half of a leaf is a half of the slice.
    placed.sort_unstable_by_key(|entry| (entry.place, entry.index));
    let mut leaves = Vec::new();
    cut(&placed, &mut String::new(), limit, &mut leaves);
    leaves
}

struct Placed {
    place: u64,
    order: u64,
    size: usize,
    index: usize,
}

fn cut(placed: &[Placed], path: &mut String, limit: usize, leaves: &mut Vec<Leaf>) {
    let depth = u32::try_from(path.len()).unwrap_or(DEEPEST);
    let size = placed.iter().fold(0_usize, |sum, entry| sum.saturating_add(entry.size));
    if placed.len() > 1 && size > limit && depth < DEEPEST {
        let bit = 1_u64 << (63 - depth);
        let (zeros, ones) = placed.split_at(placed.partition_point(|entry| entry.place & bit == 0));
        for (digit, half) in [('0', zeros), ('1', ones)] {
            path.push(digit);
            cut(half, path, limit, leaves);
            path.pop();
        }
        return;
    }
    if !placed.is_empty() {
        let mut entries: Vec<&Placed> = placed.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        leaves.push(Leaf { path: path.clone(), entries: entries.into_iter().map(|entry| entry.index).collect() });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn number(last: u64) -> FourHundred {
        format!("400{last:07}").parse().unwrap()
    }

    /// What a leaf holds, as the bytes of its part would.
    fn contents(numbers: &[(FourHundred, usize)], limit: usize) -> BTreeSet<(String, Vec<(u64, usize)>)> {
        split(numbers, limit)
            .into_iter()
            .map(|leaf| (leaf.path, leaf.entries.iter().map(|i| (numbers[*i].0.as_u64(), numbers[*i].1)).collect()))
            .collect()
    }

    #[test]
    fn few_numbers_share_the_root() {
        let leaves = split(&[(number(1_000_868), 900), (number(1_000_012), 700)], LEAF_LIMIT);
        assert_eq!(leaves, vec![Leaf { path: String::new(), entries: vec![1, 0] }]);
    }

    #[test]
    fn no_number_makes_no_leaf() {
        assert!(split(&[], LEAF_LIMIT).is_empty());
    }

    #[test]
    fn one_edit_touches_one_leaf() {
        let mut numbers: Vec<_> = (0..2_000).map(|i| (number(1_000_000 + i * 7), 400)).collect();
        let before = contents(&numbers, LEAF_LIMIT);
        assert!(before.len() >= 8, "the fixture must be cut: {}", before.len());
        numbers[777].1 += 3;
        let after = contents(&numbers, LEAF_LIMIT);
        assert_eq!(before.difference(&after).count(), 1);
        assert_eq!(after.difference(&before).count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn leaves_partition_the_numbers_within_the_limit(
            lasts in prop::collection::btree_set(1_000_000_u64..8_000_000, 0..200),
            size in 1_usize..300,
        ) {
            let numbers: Vec<_> = lasts.iter().map(|last| (number(*last), size)).collect();
            let leaves = split(&numbers, 1_000);
            let mut seen = BTreeSet::new();
            for leaf in &leaves {
                prop_assert!(leaf.entries.len() * size <= 1_000 || leaf.entries.len() == 1);
                for entry in &leaf.entries {
                    prop_assert!(seen.insert(*entry));
                    let bits = format!("{:064b}", place(numbers[*entry].0));
                    prop_assert!(bits.starts_with(&leaf.path));
                }
            }
            prop_assert_eq!(seen.len(), numbers.len());
            let mut reversed = numbers.clone();
            reversed.reverse();
            prop_assert_eq!(contents(&numbers, 1_000), contents(&reversed, 1_000));
        }
    }
}
