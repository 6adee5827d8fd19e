//! Repairs that are certain, as edits of a file's text: nothing else in it changes, comments and layout least of all. Pure.

use serde::{Serialize, Serializer};

use super::Diagnostic;
use crate::folder::Problem;
use crate::folder::fault::Fault;

/// What to do where a finding stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Put quotation marks around the word, of which this is the beginning that may be shown.
    Quote { begins: String },
    /// Take the item out of its list.
    RemoveItem,
}

/// A finding's readers want to know that there is one.
impl Serialize for Repair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

/// The repair of a manifest that cannot be read, where there is only one.
pub(super) fn of_problem(problem: &Problem) -> Option<Repair> {
    match &problem.fault {
        Fault::QuoteIt { written, .. } | Fault::KeyNotText { written } => {
            Some(Repair::Quote { begins: written.trim_end_matches('…').to_owned() })
        }
        Fault::DuplicateItem { .. } => Some(Repair::RemoveItem),
        _ => None,
    }
}

/// `text` with the repairs of `found`, all of one file, made where they can be; and how many that are.
pub fn repaired(text: &str, found: &[&Diagnostic]) -> (String, usize) {
    let mut wanted: Vec<(u32, u32, &Repair)> =
        found.iter().filter_map(|one| Some((one.line, one.column, one.repair.as_ref()?))).collect();
    // From the end, so that what is still to be made stays where it is.
    wanted.sort_by_key(|(line, column, _)| std::cmp::Reverse((*line, *column)));
    wanted.dedup_by_key(|(line, column, _)| (*line, *column));
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut made = 0;
    for (line, column, repair) in wanted {
        let index = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        let Some(line) = lines.get_mut(index) else { continue };
        let before = usize::try_from(column).unwrap_or(0).saturating_sub(1);
        let Some((at, _)) = line.char_indices().nth(before) else { continue };
        let (head, tail) = line.split_at(at);
        let new = match repair {
            Repair::Quote { begins } => quoted(head, tail, begins),
            Repair::RemoveItem => without_item(head, tail),
        };
        if let Some(new) = new {
            *line = new;
            made += 1;
        }
    }
    (lines.concat(), made)
}

/// The line with its word quoted; `None` where another word stands there.
fn quoted(head: &str, tail: &str, begins: &str) -> Option<String> {
    let word = tail.get(..scalar(tail)?)?;
    // A key's word ends before its colon.
    let word = word.strip_suffix(':').unwrap_or(word);
    let is_plain = word.starts_with(begins) && !word.contains(['"', '\'', '\\']);
    is_plain.then(|| format!("{head}\"{word}\"{}", tail.get(word.len()..).unwrap_or_default()))
}

/// The line without the item that `tail` begins with: the whole line where the item has it to itself, else the item with
/// one comma. `None` where it is neither.
fn without_item(head: &str, tail: &str) -> Option<String> {
    let item = scalar(tail)?;
    let (_, rest) = tail.split_at(item);
    let after = rest.trim_start_matches(' ');
    let alone = after.trim_end().is_empty() || after.starts_with('#');
    if alone && head.trim().chars().eq(['-']) {
        return Some(String::new());
    }
    if let Some(next) = after.strip_prefix(',') {
        return Some(format!("{head}{}", next.trim_start_matches(' ')));
    }
    // The last one of a list on one line.
    let kept = head.trim_end().strip_suffix(',')?;
    after.starts_with(']').then(|| format!("{kept}{after}"))
}

/// Bytes of the plain or quoted word without escapes that a text begins with.
fn scalar(text: &str) -> Option<usize> {
    match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = text.get(1..)?;
            let end = inner.find(quote)?;
            (!inner.get(..end)?.contains('\\')).then_some(end + 2)
        }
        '[' | '{' | '&' | '*' | '|' | '>' | '-' => None,
        _ => {
            let end = text.find([',', ']', '}', '#', ' ', '\r', '\n']).unwrap_or(text.len());
            (end > 0).then_some(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, repairs: &[(u32, u32, Repair)]) -> (String, usize) {
        let found: Vec<Diagnostic> = repairs
            .iter()
            .map(|(line, column, repair)| Diagnostic {
                line: *line,
                column: *column,
                repair: Some(repair.clone()),
                ..super::super::tests::diagnostic()
            })
            .collect();
        repaired(text, &found.iter().collect::<Vec<_>>())
    }

    fn quote(word: &str) -> Repair {
        Repair::Quote { begins: word.to_owned() }
    }

    #[test]
    fn a_word_is_quoted_where_it_stands() {
        let text = "spec: # ü\n  number: 4001000868 # ours\n  areas: [0755, 020]\n";
        let repairs = [(2, 11, quote("4001000868")), (3, 11, quote("0755")), (3, 17, quote("020"))];
        let expected = "spec: # ü\n  number: \"4001000868\" # ours\n  areas: [\"0755\", \"020\"]\n";
        assert_eq!(after(text, &repairs), (expected.to_owned(), 3));
        assert_eq!(after("0755: a\n", &[(1, 1, quote("07"))]), ("\"0755\": a\n".to_owned(), 1));
        assert_eq!(after(text, &[(2, 11, quote("0755"))]), (text.to_owned(), 0), "the file has changed since");
        assert_eq!(after(text, &[(9, 1, quote("0755")), (2, 99, quote("0755"))]), (text.to_owned(), 0));
    }

    #[test]
    fn an_item_goes_with_its_line_or_with_its_comma() {
        for (text, line, column, expected) in [
            ("a:\n- \"139\"\n- '138' # twice\n- 137\n", 3, 3, "a:\n- \"139\"\n- 137\n"),
            ("a:\r\n  - 139\r\n  - 138\r\n", 2, 5, "a:\r\n  - 138\r\n"),
            ("a: [139, 138, 137]\n", 1, 5, "a: [138, 137]\n"),
            ("a: [139, 138, 137] # c\n", 1, 10, "a: [139, 137] # c\n"),
            ("a: [139, \"137\"]", 1, 10, "a: [139]"),
        ] {
            assert_eq!(after(text, &[(line, column, Repair::RemoveItem)]), (expected.to_owned(), 1), "{text}");
        }
        // Not written so that the edit is certain.
        for (text, column) in [("- - 139\n", 5), ("a: [139]\n", 5), ("- \"1\\u0033\"\n", 3), ("- {a: b}\n", 3)] {
            assert_eq!(after(text, &[(1, column, Repair::RemoveItem)]), (text.to_owned(), 0), "{text}");
        }
    }
}
