//! Where in a manifest a controller's sentence points: `rules[by-day].to.group: …` names its items, YAML counts them.

use std::fmt::Write as _;

use crate::folder::yaml::{Content, Node};
use crate::folder::{Object, Place};

/// Members by which items of a list are named, in the order in which they are asked for.
const NAMES: &[&str] = &["name", "destination", "effectiveFrom", "year", "first"];

/// The place of the field that `sentence` begins with, below `spec`; else of the manifest.
pub fn of_sentence(object: &Object, sentence: &str) -> (String, Place) {
    let field = sentence.split([':', ' ']).next().unwrap_or_default();
    let path = counted(&object.node, &format!("spec.{field}"));
    match path {
        Some(path) => {
            let place = object.place_of(&path);
            (path, place)
        }
        None => (String::new(), object.place()),
    }
}

/// `spec.rules[by-day].to` → `spec.rules[3].to`; `None` where there is nothing of that name.
pub fn counted(node: &Node, path: &str) -> Option<String> {
    let mut node = node;
    let mut out = String::new();
    for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        match &node.content {
            Content::Map(_) => {
                node = node.get(step)?;
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(step);
            }
            Content::List(items) => {
                let index = position(items, step)?;
                node = items.get(index)?;
                let _ = write!(out, "[{index}]");
            }
            Content::Scalar(_) => return None,
        }
    }
    Some(out)
}

fn position(items: &[Node], step: &str) -> Option<usize> {
    let named = |item: &Node| match &item.content {
        Content::Scalar(scalar) => scalar.text == step,
        _ => NAMES.iter().filter_map(|name| item.get(name)).any(|name| match &name.content {
            Content::Scalar(scalar) => scalar.text == step,
            _ => false,
        }),
    };
    items.iter().position(named).or_else(|| step.parse().ok().filter(|index| *index < items.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::yaml::parse;

    #[test]
    fn items_are_found_by_the_name_a_sentence_gives_them() {
        let text = "spec:\n  rules:\n  - {name: day, to: {group: x}}\n  - {name: night, when: {callers: [\"139*\"]}}\n";
        let node = &parse(text).unwrap()[0];
        assert_eq!(counted(node, "spec.rules[night].when.callers").as_deref(), Some("spec.rules[1].when.callers"));
        assert_eq!(counted(node, "spec.rules[1].when.callers[139*]").as_deref(), Some("spec.rules[1].when.callers[0]"));
        assert_eq!(counted(node, "spec.rules[noon].to"), None);
        assert_eq!(counted(node, "spec.the"), None);
    }
}
