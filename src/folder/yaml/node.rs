//! The tree that a YAML text is read into. Pure.

use serde_json::{Map, Value};

use crate::folder::fault::Position;

/// A thing in a YAML text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub position: Position,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map and its value, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub position: Position,
    pub value: Node,
}

/// A word or a text, and what it was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub text: String,
    pub style: Style,
    pub value: Value,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    Block,
}

impl Node {
    /// The JSON that kubectl would send for this node.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The entry of a map by its key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text of a scalar that is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => scalar.value.as_str(),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Where `path` (`spec.rules[2].to`) stands, or the nearest thing above it that exists.
    pub fn position_of(&self, path: &str) -> Position {
        let mut found = self.position;
        let mut node = self;
        for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty()) {
            let next = match &node.content {
                Content::Map(_) => node.entry(step).map(|entry| (entry.position, &entry.value)),
                Content::List(items) => {
                    step.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item.position, item))
                }
                Content::Scalar(_) => None,
            };
            let Some((position, value)) = next else { break };
            found = position;
            node = value;
        }
        found
    }

    pub(super) fn measure(&self) -> Measure {
        let whole = Measure { nodes: 1, bytes: 0, depth: 0 };
        let deeper = |whole: Measure, part: Measure, key: usize| Measure {
            nodes: whole.nodes + part.nodes,
            bytes: whole.bytes + part.bytes + key,
            depth: whole.depth.max(part.depth + 1),
        };
        match &self.content {
            Content::Scalar(scalar) => Measure { bytes: scalar.text.len(), ..whole },
            Content::List(items) => items.iter().fold(whole, |sum, item| deeper(sum, item.measure(), 0)),
            Content::Map(entries) => {
                entries.iter().fold(whole, |sum, entry| deeper(sum, entry.value.measure(), entry.key.len()))
            }
        }
    }
}

/// What a node costs each time an alias repeats it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    pub(super) depth: usize,
}
