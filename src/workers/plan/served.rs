//! What a worker says it has loaded: `GET /v1/plan`. The operator compares, it never assumes.

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;

/// Two kinds of parts with digests of their own: a price edit does not change what routers load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Heads and numbers.
    Routing,
    /// Bindings and price books.
    Billing,
}

/// The answer of `GET /v1/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Names this run of the worker: a cursor means nothing in another one.
    pub epoch: String,
    /// Grows with every change.
    pub cursor: u64,
    /// [`root_of`] every part served.
    pub root: Digest,
    /// `changed` lists every part, not only those since the cursor asked with: the asker forgets what it knew.
    pub whole: bool,
    pub changed: Vec<ChangedPart>,
    /// Formats of parts that this build reads.
    pub accepts: Vec<u32>,
}

/// A part as it is served now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPart {
    pub part: String,
    /// `None`: no longer served.
    pub digest: Option<Digest>,
}

/// The digest of a set of parts, given in the order of their names.
pub fn root_of<'a>(parts: impl Iterator<Item = (&'a str, Digest)>) -> Digest {
    let mut text = String::new();
    for (part, digest) in parts {
        text.push_str(part);
        text.push(' ');
        text.push_str(&digest.to_string());
        text.push('\n');
    }
    Digest::of(text.as_bytes())
}
