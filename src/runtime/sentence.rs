//! An error as one sentence for people: what failed, then why, down to the first cause. Pure.

use std::error::Error;

/// The error's text followed by those of its causes, each once.
///
/// ```
/// # use fourhundred::runtime::sentence::with_causes;
/// #[derive(Debug, thiserror::Error)]
/// #[error("the plan cannot be read")]
/// struct Unreadable(#[source] std::num::ParseIntError);
/// let error = Unreadable("x".parse::<u8>().unwrap_err());
/// assert_eq!(with_causes(&error), "the plan cannot be read: invalid digit found in string");
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Some crates repeat their source in their own words.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}
