//! What can be wrong with a manifest, and where: every fault has a file, a line, a column, a JSON path and a sentence.
//!
//! The sentences are predicates ("is written 0755, which …"), so that one line reads
//! `numbers.yaml:12:13: spec.destinations[0].number is written 0755, which YAML reads as the number 493: quote it ("0755")`.
//! Values of Secrets never reach a sentence.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A position in a text: line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// A position in a file, the file named as the user gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Arc<Path>,
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.position.line, self.position.column)
    }
}

/// One mistake, without its file: what the parser and the schema find.
#[derive(Debug, Clone, PartialEq)]
pub struct Flaw {
    pub position: Position,
    /// `spec.rules[2].to`; empty for the document as a whole.
    pub path: String,
    pub fault: Fault,
}

/// One mistake at its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {} {fault}", subject(.path))]
pub struct Problem {
    pub place: Place,
    pub path: String,
    #[source]
    pub fault: Fault,
}

impl Flaw {
    /// The flaw, known to stand in `file`.
    pub fn in_file(self, file: &Arc<Path>) -> Problem {
        let Self { position, path, fault } = self;
        Problem { place: Place { file: Arc::clone(file), position }, path, fault }
    }
}

fn subject(path: &str) -> &str {
    if path.is_empty() { "the document" } else { path }
}

/// What is wrong, as a predicate about the thing that the path names.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("is not YAML: {0}")]
    Syntax(String),
    #[error("is larger than {limit} bytes: split it into several files")]
    TooLarge { limit: u64 },
    #[error("nests deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error(
        "grows beyond {limit} nodes or {bytes} bytes once its aliases are expanded: write less, or without aliases"
    )]
    TooManyNodes { limit: usize, bytes: usize },
    #[error("stands twice, here and at line {}: keep one", .first.line)]
    DuplicateKey { first: Position },
    #[error("has a key written {written}, which YAML does not read as text: quote it (\"{written}\")")]
    KeyNotText { written: String },
    #[error("has a list or a map as a key: keys are text")]
    KeyNotScalar,
    #[error("merges something that is not a map")]
    MergeNotMap,
    #[error("refers to itself through an alias")]
    AliasInsideItself,
    #[error("has the tag {tag}, which manifests do not use: remove it")]
    Tag { tag: String },
    #[error("is written {written}, which is not a finite number: JSON has no such value")]
    NotFinite { written: String },
    #[error("is written {written}, which YAML reads as {read}: quote it (\"{written}\")")]
    QuoteIt { written: String, read: String },
    #[error("is empty, which YAML reads as null: give it a value or remove the line")]
    Empty,
    #[error("is {seen}, but {needed} is needed")]
    Type { seen: String, needed: String },
    #[error("is not a field here{}", .nearest.as_ref().map(|name| format!(": did you mean {name}?")).unwrap_or_default())]
    UnknownField { nearest: Option<String> },
    #[error("is missing: it is required")]
    Missing,
    #[error("is {seen}, but must be one of {allowed}{}", .nearest.as_ref().map(|name| format!(": did you mean {name}?")).unwrap_or_default())]
    NotOneOf { seen: String, allowed: String, nearest: Option<String> },
    #[error("is {seen}, which does not match {pattern}")]
    Pattern { seen: String, pattern: String },
    #[error("is {seen}, but must be {bound}")]
    Number { seen: String, bound: String },
    #[error("has {seen} {what}, but must have {bound}")]
    Size { seen: usize, what: &'static str, bound: String },
    #[error("repeats an earlier item of the list ({key}, first at line {}): each may stand once", .first.line)]
    DuplicateItem { key: String, first: Position },
    #[error("does not have the shape that its schema's {0} asks for")]
    Combination(&'static str),
    #[error("is refused: {0}")]
    Rule(String),
    #[error("is of a version this build does not serve ({seen}): write {needed}")]
    Version { seen: String, needed: String },
    #[error("is a kind this build does not serve{}", .nearest.as_ref().map(|kind| format!(": did you mean {kind}?")).unwrap_or_default())]
    UnknownKind { nearest: Option<String> },
    #[error("is declared twice, here and at {first}: keep one")]
    DuplicateObject { first: Place },
    #[error("is not base64")]
    NotBase64,
    #[error("holds more than {limit} files: point at a smaller folder")]
    TooManyFiles { limit: usize },
    #[error("holds more than {limit} bytes in all: point at a smaller folder")]
    FolderTooLarge { limit: usize },
    #[error(
        "held manifests and holds none now, as an unmounted folder does: what it held goes on; to end it all, stop serving the folder"
    )]
    Emptied,
    #[error("does not decode: {0}")]
    Decode(String),
}
