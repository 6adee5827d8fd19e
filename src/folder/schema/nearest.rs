//! "Did you mean": the known name nearest to a mistyped one, by edits.

/// The name that fewest edits make of `seen`, if they are few for its length. Upper and lower case count as equal.
pub fn nearest<'a>(seen: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let seen: Vec<char> = seen.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (seen.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (edits(&seen, &name.to_lowercase().chars().collect::<Vec<_>>()), name))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, name)| name.to_owned())
}

/// Levenshtein's distance, one row at a time.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, source) in from.iter().enumerate() {
        let mut left = deleted + 1;
        let mut next = vec![left];
        for (target, (diagonal, above)) in to.iter().zip(row.iter().zip(row.iter().skip(1))) {
            left = (diagonal + usize::from(source != target)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_corrected_and_a_stranger_is_not() {
        let known = ["destinations", "groups", "rules", "scheduleRef"];
        assert_eq!(nearest("destination", known).as_deref(), Some("destinations"));
        assert_eq!(nearest("scheduleref", known).as_deref(), Some("scheduleRef"));
        assert_eq!(nearest("ruels", known).as_deref(), None);
        assert_eq!(nearest("rulse", ["rule"]).as_deref(), Some("rule"));
        assert_eq!(nearest("spec", known), None);
    }

    #[test]
    fn edits_are_counted_both_ways() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(edits(&chars("kitten"), &chars("sitting")), 3);
        assert_eq!(edits(&chars(""), &chars("abc")), 3);
    }
}
