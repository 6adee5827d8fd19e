//! Members of a price book that are accepted as text and not reckoned with yet: named, never ignored in silence.
//!
//! A tariff works without a member that would only add money. A member without which a call would cost more than the
//! tariff says must be refused instead; there is none of that kind.

use super::document::{PriceBookDocument, VersionDocument};

/// Paths of the members that would add money and do not (`FullyEnforced=False, NotYetCharged`):
/// `versions[0].tax`.
pub fn not_yet_charged(book: &PriceBookDocument) -> Vec<String> {
    paths(book, |version| {
        let mut found = Vec::new();
        if version.messages.is_some() {
            found.push("messages".to_owned());
        }
        if version.tax.is_some() {
            found.push("tax".to_owned());
        }
        found
    })
}

fn paths(book: &PriceBookDocument, of: impl Fn(&VersionDocument) -> Vec<String>) -> Vec<String> {
    let versions = book.versions.iter().enumerate();
    versions
        .flat_map(|(at, version)| of(version).into_iter().map(move |path| format!("versions[{at}].{path}")))
        .collect()
}
