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
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = words(error);
    let mut source = cause_of(error);
    while let Some(cause) = source {
        let words = words(cause);
        // Some crates repeat their source in their own words.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause_of(cause);
    }
    text
}

/// An API server's refusal is its own sentence; the client's text for it would be a dump of the whole answer.
fn words(error: &(dyn Error + 'static)) -> String {
    refusal(error).map_or_else(|| error.to_string(), str::to_owned)
}

fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    if refusal(error).is_some() { None } else { error.source() }
}

fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e str> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(AsRef::as_ref);
    match error.downcast_ref::<kube::Error>().or_else(boxed) {
        Some(kube::Error::Api(status)) if !status.message.is_empty() => Some(&status.message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("tenants.fourhundred.io could not be applied")]
    struct Refused(#[source] Box<kube::Error>);

    #[test]
    fn an_api_servers_refusal_is_its_own_sentence_once() {
        let status =
            kube::core::Status::failure("tenants.fourhundred.io \"acme\" is forbidden", "Forbidden").with_code(403);
        let error = kube::Error::Api(Box::new(status));
        assert_eq!(with_causes(&error), "tenants.fourhundred.io \"acme\" is forbidden");
        let error = Refused(Box::new(error));
        let sentence = "tenants.fourhundred.io could not be applied: tenants.fourhundred.io \"acme\" is forbidden";
        assert_eq!(with_causes(&error), sentence);
    }
}
