//! A difference as a reviewer reads it: lines for a terminal, a table for a merge request.

use std::fmt::Write as _;

use super::{Change, Difference};

/// One paragraph a number, one line a change.
pub fn plain(difference: &Difference) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    if difference.is_empty() {
        let _ = writeln!(text, "no call is told anything else, from {} until {}", difference.from, difference.until);
        return text;
    }
    for change in &difference.gateways {
        let _ = writeln!(text, "gateway {}: {} {} → {}", change.gateway, change.field, change.before, change.after);
    }
    let mut number = "";
    for change in &difference.changes {
        if change.number != number {
            number = &change.number;
            let _ = writeln!(text, "{} ({})", change.number, change.object);
        }
        let _ = writeln!(text, "  from {}, {}, {}:", change.from, change.when, change.callers);
        let _ = writeln!(text, "    {} → {}", change.before, change.after);
    }
    let _ = writeln!(text, "compared from {} until {}", difference.from, difference.until);
    text
}

/// For a comment on a merge request.
pub fn markdown(difference: &Difference) -> String {
    let mut text = String::new();
    if difference.is_empty() {
        let _ =
            writeln!(text, "**No call is told anything else**, from {} until {}.", difference.from, difference.until);
        return text;
    }
    for change in &difference.gateways {
        let _ = writeln!(
            text,
            "- Gateway `{}`: `{}` `{}` → `{}`",
            change.gateway, change.field, change.before, change.after
        );
    }
    if !difference.gateways.is_empty() && !difference.changes.is_empty() {
        text.push('\n');
    }
    if !difference.changes.is_empty() {
        text.push_str("| number | from | when | callers | before | after |\n|---|---|---|---|---|---|\n");
    }
    for change in &difference.changes {
        let Change { number, object, from, when, callers, before, after, .. } = change;
        let cells = [&format!("{number} ({object})"), from, when, callers, before, after].map(|cell| cell_text(cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let _ = writeln!(text, "\nCompared from {} until {}.", difference.from, difference.until);
    text
}

/// What would end the cell or the line, or be read as markup, is escaped.
fn cell_text(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '|' | '*' | '_' | '`' | '<' | '\\') {
            cell.push('\\');
        }
        cell.push(if character.is_control() { ' ' } else { character });
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_end_its_row() {
        assert_eq!(cell_text("138* | a_b\nc"), "138\\* \\| a\\_b c");
    }
}
