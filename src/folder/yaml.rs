//! YAML as a tree that remembers where each thing stands and how it was written. Pure.
//!
//! kube's own stack (serde-saphyr) decodes YAML 1.2 and keeps no quoting, so the tree is built from the events of the
//! parser beneath it (granit-parser), and words are read by the rules of kubectl ([`super::scalar`]). Everything is
//! bounded: size, depth, nodes after the expansion of aliases. A key that stands twice is an error.

mod node;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use self::node::Measure;
pub use self::node::{Content, Entry, Node, Scalar, Style};
use super::fault::{Fault, Flaw, Position};
use super::scalar::{Word, read_plain};
use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, Tag};

/// Bytes of one file.
pub const MAX_BYTES: usize = 4 << 20;
/// Levels of lists and maps.
pub const MAX_DEPTH: usize = 64;
/// Nodes of one file, aliases expanded.
pub const MAX_NODES: usize = 200_000;
/// Bytes of text in one file, aliases expanded.
pub const MAX_TEXT: usize = 16 << 20;

/// Reads every document of a text; documents without content are left out.
pub fn parse(text: &str) -> Result<Vec<Node>, Flaw> {
    if text.len() > MAX_BYTES {
        return Err(flaw(Position { line: 1, column: 1 }, String::new(), Fault::TooLarge { limit: MAX_BYTES as u64 }));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            event.map_err(|error| flaw(position_at(error.marker()), String::new(), Fault::Syntax(error.info())))?;
        builder.take(event, &span)?;
    }
    Ok(builder.documents)
}

fn flaw(position: Position, path: String, fault: Fault) -> Flaw {
    Flaw { position, path, fault }
}

fn position(span: &Span) -> Position {
    position_at(&span.start)
}

fn position_at(marker: &Marker) -> Position {
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: count(marker.line()), column: count(marker.col().saturating_add(1)) }
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, (Node, Measure)>,
    nodes: usize,
    bytes: usize,
}

/// A list or a map whose end has not come yet.
struct Frame {
    position: Position,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    seen: HashMap<String, Position>,
    merged: Vec<Entry>,
    key: Option<(String, Position)>,
}

/// The key that merges other maps into its own.
const MERGE: &str = "<<";

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Flaw> {
        let at = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser writes a value that is not there as "~".
                let absent = style == ScalarStyle::Plain && span.is_empty();
                let text = if absent { "" } else { text.as_ref() };
                self.scalar(text, style, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.start(Frame { position: at, anchor, body: Body::List(Vec::new()) }, tag.as_deref(), "seq")
            }
            Event::MappingStart(_, anchor, tag) => {
                self.start(Frame { position: at, anchor, body: Body::Map(OpenMap::default()) }, tag.as_deref(), "map")
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, frame: Frame, tag: Option<&Tag>, own: &str) -> Result<(), Flaw> {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(own)) {
            return Err(self.fault(frame.position, Fault::Tag { tag: tag.original() }));
        }
        if self.awaits_key() {
            return Err(self.fault(frame.position, Fault::KeyNotScalar));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault(frame.position, Fault::TooDeep { limit: MAX_DEPTH }));
        }
        self.spend(Measure { nodes: 1, bytes: 0, depth: 0 }, frame.position)?;
        self.open.push(frame);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Flaw> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        let content = match frame.body {
            Body::List(items) => Content::List(items),
            Body::Map(map) => Content::Map(map.close()),
        };
        self.finish(Node { position: frame.position, content }, frame.anchor)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Flaw> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let word = self.word(text, style, tag, at)?;
        if self.awaits_key() {
            return self.key(text, &word, at);
        }
        self.spend(Measure { nodes: 1, bytes: text.len(), depth: 0 }, at)?;
        let Some(value) = word.value(text) else {
            return Err(self.fault(at, Fault::NotFinite { written: text.to_owned() }));
        };
        let content = Content::Scalar(Scalar { text: text.to_owned(), style, value });
        self.finish(Node { position: at, content }, anchor)
    }

    /// What the scalar means; a tag of the core schema overrides its quoting.
    fn word(&self, text: &str, style: Style, tag: Option<&Tag>, at: Position) -> Result<Word, Flaw> {
        let Some(tag) = tag else {
            return Ok(if style == Style::Plain { read_plain(text) } else { Word::Text });
        };
        let word = read_plain(text);
        let stands = match tag.core_suffix() {
            Some("str") => return Ok(Word::Text),
            Some("int") => matches!(&word, Word::Number(number) if !number.is_f64()),
            Some("float") => matches!(word, Word::Number(_)),
            Some("bool") => matches!(word, Word::Bool(_)),
            Some("null") => matches!(word, Word::Null),
            _ if tag.original() == "!" => return Ok(Word::Text),
            _ => false,
        };
        if stands { Ok(word) } else { Err(self.fault(at, Fault::Tag { tag: tag.original() })) }
    }

    fn key(&mut self, text: &str, word: &Word, at: Position) -> Result<(), Flaw> {
        if *word != Word::Text {
            return Err(self.fault(at, Fault::KeyNotText { written: text.to_owned() }));
        }
        self.spend(Measure { nodes: 0, bytes: text.len(), depth: 0 }, at)?;
        let Some(Frame { body: Body::Map(map), .. }) = self.open.last_mut() else { return Ok(()) };
        let first = match map.seen.entry(text.to_owned()) {
            // Several merges in one map are several sources, not a contradiction.
            Slot::Occupied(_) if text == MERGE => None,
            Slot::Occupied(earlier) => Some(*earlier.get()),
            Slot::Vacant(vacant) => {
                vacant.insert(at);
                None
            }
        };
        map.key = Some((text.to_owned(), at));
        match first {
            None => Ok(()),
            Some(first) => Err(self.fault(at, Fault::DuplicateKey { first })),
        }
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), Flaw> {
        if self.awaits_key() {
            return Err(self.fault(at, Fault::KeyNotScalar));
        }
        let Some((_, measure)) = self.anchors.get(&anchor) else {
            return Err(self.fault(at, Fault::AliasInsideItself));
        };
        let measure = *measure;
        if self.open.len() + measure.depth > MAX_DEPTH {
            return Err(self.fault(at, Fault::TooDeep { limit: MAX_DEPTH }));
        }
        self.spend(measure, at)?;
        let Some(node) = self.anchors.get(&anchor).map(|(node, _)| node.clone()) else { return Ok(()) };
        self.finish(node, 0)
    }

    /// Puts a whole node into what is open, or makes it a document.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        if anchor != 0 {
            let measure = node.measure();
            self.spend(measure, node.position)?;
            self.anchors.insert(anchor, (node.clone(), measure));
        }
        let at = node.position;
        let done = match self.open.last_mut().map(|frame| &mut frame.body) {
            None => {
                let empty = matches!(&node.content, Content::Scalar(scalar) if scalar.value.is_null());
                if !empty {
                    self.documents.push(node);
                }
                Ok(())
            }
            Some(Body::List(items)) => {
                items.push(node);
                Ok(())
            }
            Some(Body::Map(map)) => map.put(node),
        };
        done.map_err(|fault| self.fault(at, fault))
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { body: Body::Map(OpenMap { key: None, .. }), .. }))
    }

    fn spend(&mut self, measure: Measure, at: Position) -> Result<(), Flaw> {
        self.nodes = self.nodes.saturating_add(measure.nodes);
        self.bytes = self.bytes.saturating_add(measure.bytes);
        if self.nodes > MAX_NODES || self.bytes > MAX_TEXT {
            return Err(self.fault(at, Fault::TooManyNodes { limit: MAX_NODES, bytes: MAX_TEXT }));
        }
        Ok(())
    }

    fn fault(&self, at: Position, fault: Fault) -> Flaw {
        let path = self.open.iter().fold(String::new(), |path, frame| match &frame.body {
            Body::List(items) => format!("{path}[{}]", items.len()),
            Body::Map(OpenMap { key: Some((key, _)), .. }) => join(&path, key),
            Body::Map(_) => path,
        });
        flaw(at, path, fault)
    }
}

impl OpenMap {
    fn put(&mut self, node: Node) -> Result<(), Fault> {
        let Some((key, position)) = self.key.take() else { return Ok(()) };
        if key != MERGE {
            self.entries.push(Entry { key, position, value: node });
            return Ok(());
        }
        let sources = match node.content {
            Content::List(items) => items,
            Content::Map(_) => vec![node],
            Content::Scalar(_) => return Err(Fault::MergeNotMap),
        };
        for source in sources {
            let Content::Map(entries) = source.content else { return Err(Fault::MergeNotMap) };
            // kubectl lets a merge overwrite what stands before it and YAML's own rule does not: neither is guessed.
            if let Some(first) = entries.iter().find_map(|entry| self.seen.get(&entry.key)) {
                return Err(Fault::DuplicateKey { first: *first });
            }
            self.merged.extend(entries);
        }
        Ok(())
    }

    fn close(mut self) -> Vec<Entry> {
        for entry in self.merged {
            if let Slot::Vacant(vacant) = self.seen.entry(entry.key.clone()) {
                vacant.insert(entry.position);
                self.entries.push(entry);
            }
        }
        self.entries
    }
}

/// `path` and one more key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests;
