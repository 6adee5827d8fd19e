//! The walk of a manifest along its schema: structure first, then the bounds of each value.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::nearest::nearest;
use crate::folder::fault::{Fault, Flaw, Position};
use crate::folder::yaml::{Content, Entry, Node, Scalar, Style, join};

/// Flaws told per file: enough to work on, and a bound.
const MAX_FLAWS: usize = 100;

pub(super) struct Walk<'a> {
    pub patterns: &'a HashMap<String, Regex>,
    pub metadata: &'a Value,
    pub flaws: &'a mut Vec<Flaw>,
}

impl Walk<'_> {
    /// The object as a whole: `apiVersion`, `kind` and `metadata` belong to every kind.
    pub fn root(&mut self, manifest: &Node, schema: &Value) {
        let Content::Map(entries) = &manifest.content else { return self.wrong_type(manifest, "", "an object") };
        let known = schema.get("properties").and_then(Value::as_object);
        let envelope = ["apiVersion", "kind", "metadata"];
        for entry in entries.iter().filter(|entry| entry.key != "apiVersion" && entry.key != "kind") {
            match (entry.key.as_str(), known.and_then(|known| known.get(&entry.key))) {
                ("metadata", _) => self.node(&entry.value, self.metadata, "metadata"),
                (_, Some(field)) => self.node(&entry.value, field, &entry.key),
                (_, None) => {
                    let names = known.into_iter().flat_map(Map::keys).map(String::as_str).chain(envelope);
                    self.tell(
                        entry.position,
                        entry.key.clone(),
                        Fault::UnknownField { nearest: nearest(&entry.key, names) },
                    );
                }
            }
        }
        self.required(manifest, schema, "");
        if manifest.get("metadata").is_none() {
            self.tell(manifest.position, "metadata".to_owned(), Fault::Missing);
        }
    }

    /// One value against its schema.
    pub fn node(&mut self, node: &Node, schema: &Value, path: &str) {
        if is_true(schema, "nullable") && matches!(&node.content, Content::Scalar(scalar) if scalar.value.is_null()) {
            return;
        }
        let told = self.flaws.len();
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(node, schema, path),
            Some("array") => self.list(node, schema, path),
            Some(kind) => self.scalar(node, schema, kind, path),
            None if is_true(schema, "x-kubernetes-int-or-string") => self.int_or_text(node, path),
            None => {}
        }
        if self.flaws.len() == told {
            self.allowed(node, schema, path);
            self.combinations(node, schema, path);
        }
    }

    fn object(&mut self, node: &Node, schema: &Value, path: &str) {
        let Content::Map(entries) = &node.content else { return self.wrong_type(node, path, "an object") };
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let open = is_true(schema, "x-kubernetes-preserve-unknown-fields")
            || schema.get("additionalProperties") == Some(&Value::Bool(true));
        for entry in entries {
            let path = join(path, &entry.key);
            match known.and_then(|known| known.get(&entry.key)).or(others) {
                Some(field) => self.node(&entry.value, field, &path),
                None if open => {}
                None => {
                    let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    self.tell(entry.position, path, Fault::UnknownField { nearest: nearest(&entry.key, names) });
                }
            }
        }
        self.required(node, schema, path);
        self.size(node, schema, path, entries.len(), ("minProperties", "maxProperties", "fields"));
    }

    fn required(&mut self, node: &Node, schema: &Value, path: &str) {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if node.entry(name).is_none() {
                self.tell(node.position, join(path, name), Fault::Missing);
            }
        }
    }

    fn list(&mut self, node: &Node, schema: &Value, path: &str) {
        let Content::List(items) = &node.content else { return self.wrong_type(node, path, "a list") };
        self.size(node, schema, path, items.len(), ("minItems", "maxItems", "items"));
        if let Some(item_schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.node(item, item_schema, &format!("{path}[{index}]"));
            }
        }
        self.unique(items, schema, path);
    }

    /// Sets hold each value once, maps each combination of their keys.
    fn unique(&mut self, items: &[Node], schema: &Value, path: &str) {
        let keys: Option<Vec<&str>> = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => None,
            Some("map") => schema
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array)
                .map(|keys| keys.iter().filter_map(Value::as_str).collect()),
            _ => return,
        };
        let mut seen: HashMap<String, Position> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let key = match &keys {
                None => item.to_json().to_string(),
                Some(keys) => keys
                    .iter()
                    .map(|key| format!("{key} {}", item.get(key).map_or(Value::Null, Node::to_json)))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            if let Some(first) = seen.get(&key).copied() {
                self.tell(item.position, format!("{path}[{index}]"), Fault::DuplicateItem { key: shown(&key), first });
            } else {
                seen.insert(key, item.position);
            }
        }
    }

    fn scalar(&mut self, node: &Node, schema: &Value, kind: &str, path: &str) {
        let Content::Scalar(scalar) = &node.content else { return self.wrong_type(node, path, type_name(kind)) };
        match (kind, &scalar.value) {
            ("string", Value::String(text)) => self.text(node, text, schema, path),
            ("string", Value::Null) if scalar.text.is_empty() => self.tell(node.position, path.into(), Fault::Empty),
            ("string", _) if scalar.style == Style::Plain => {
                let fault = Fault::QuoteIt { written: shown(&scalar.text), read: read_as(&scalar.value) };
                self.tell(node.position, path.into(), fault);
            }
            ("integer", Value::Number(number)) if !number.is_f64() => self.number(node, number, schema, path),
            ("number", Value::Number(number)) => self.number(node, number, schema, path),
            ("boolean", Value::Bool(_)) => {}
            _ => self.wrong_type(node, path, type_name(kind)),
        }
    }

    fn int_or_text(&mut self, node: &Node, path: &str) {
        let stands =
            matches!(&node.content, Content::Scalar(Scalar { value: Value::String(_) | Value::Number(_), .. }));
        if !stands {
            self.wrong_type(node, path, "a whole number or text");
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Value, path: &str) {
        self.size(node, schema, path, text.chars().count(), ("minLength", "maxLength", "characters"));
        if schema.get("format").and_then(Value::as_str) == Some("date-time") && text.parse::<jiff::Timestamp>().is_err()
        {
            let needed = "an instant with its offset, such as 2026-11-23T20:00:00+08:00,".to_owned();
            self.tell(node.position, path.into(), Fault::Type { seen: format!("{:?}", shown(text)), needed });
        }
        let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return };
        if self.patterns.get(pattern).is_some_and(|regex| !regex.is_match(text)) {
            let seen = format!("{:?}", shown(text));
            self.tell(node.position, path.into(), Fault::Pattern { seen, pattern: pattern.to_owned() });
        }
    }

    fn number(&mut self, node: &Node, number: &serde_json::Number, schema: &Value, path: &str) {
        let Some(value) = number.as_f64() else { return };
        let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
        let exclusive = |name: &str| is_true(schema, name);
        let low = limit("minimum").filter(|low| value < *low || (exclusive("exclusiveMinimum") && value <= *low));
        let high = limit("maximum").filter(|high| value > *high || (exclusive("exclusiveMaximum") && value >= *high));
        let bound = match (low, high) {
            (Some(low), _) if exclusive("exclusiveMinimum") => format!("more than {low}"),
            (Some(low), _) => format!("at least {low}"),
            (_, Some(high)) if exclusive("exclusiveMaximum") => format!("less than {high}"),
            (_, Some(high)) => format!("at most {high}"),
            (None, None)
                if schema.get("format").and_then(Value::as_str) == Some("int32")
                    && number.as_i64().is_none_or(|whole| i32::try_from(whole).is_err()) =>
            {
                format!("between {} and {}", i32::MIN, i32::MAX)
            }
            (None, None) => return,
        };
        self.tell(node.position, path.into(), Fault::Number { seen: number.to_string(), bound });
    }

    fn size(
        &mut self,
        node: &Node,
        schema: &Value,
        path: &str,
        seen: usize,
        (least, most, what): (&str, &str, &'static str),
    ) {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let bound = match (limit(least).filter(|least| seen < *least), limit(most).filter(|most| seen > *most)) {
            (Some(least), _) => format!("at least {least}"),
            (None, Some(most)) => format!("at most {most}"),
            (None, None) => return,
        };
        self.tell(node.position, path.into(), Fault::Size { seen, what, bound });
    }

    fn allowed(&mut self, node: &Node, schema: &Value, path: &str) {
        let Some(allowed) = schema.get("enum").and_then(Value::as_array) else { return };
        let seen = node.to_json();
        if allowed.contains(&seen) {
            return;
        }
        let nearest = seen.as_str().and_then(|seen| nearest(seen, allowed.iter().filter_map(Value::as_str)));
        let names: Vec<String> =
            allowed.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
        let fault = Fault::NotOneOf { seen: shown(&seen.to_string()), allowed: names.join(", "), nearest };
        self.tell(node.position, path.into(), fault);
    }

    /// `allOf`, `anyOf`, `oneOf`, `not`: the API server lets them hold value checks only.
    fn combinations(&mut self, node: &Node, schema: &Value, path: &str) {
        let branches = |name: &str| schema.get(name).and_then(Value::as_array);
        let passing = |walk: &Self, all: &[Value]| all.iter().filter(|one| walk.passes(node, one)).count();
        if branches("allOf").is_some_and(|all| passing(self, all) != all.len()) {
            self.tell(node.position, path.into(), Fault::Combination("allOf"));
        }
        if branches("anyOf").is_some_and(|all| passing(self, all) == 0) {
            self.tell(node.position, path.into(), Fault::Combination("anyOf"));
        }
        if branches("oneOf").is_some_and(|all| passing(self, all) != 1) {
            self.tell(node.position, path.into(), Fault::Combination("oneOf"));
        }
        if schema.get("not").is_some_and(|not| self.passes(node, not)) {
            self.tell(node.position, path.into(), Fault::Combination("not"));
        }
    }

    /// Whether a branch holds. A branch without a type speaks only of the members it names.
    fn passes(&self, node: &Node, branch: &Value) -> bool {
        let mut flaws = Vec::new();
        let mut walk = Walk { patterns: self.patterns, metadata: self.metadata, flaws: &mut flaws };
        walk.node(node, branch, "");
        if branch.get("type").is_none() {
            walk.required(node, branch, "");
            let fields = branch.get("properties").and_then(Value::as_object).into_iter().flatten();
            for (name, field) in fields {
                if let Some(Entry { value, .. }) = node.entry(name) {
                    walk.node(value, field, name);
                }
            }
        }
        flaws.is_empty()
    }

    fn wrong_type(&mut self, node: &Node, path: &str, needed: &str) {
        let fault = match &node.content {
            Content::Scalar(scalar) if scalar.value.is_null() && scalar.text.is_empty() => Fault::Empty,
            Content::Scalar(scalar) if scalar.value.is_string() => {
                Fault::Type { seen: format!("the text {:?}", shown(&scalar.text)), needed: needed.to_owned() }
            }
            Content::Scalar(scalar) => Fault::Type { seen: read_as(&scalar.value), needed: needed.to_owned() },
            Content::List(_) => Fault::Type { seen: "a list".to_owned(), needed: needed.to_owned() },
            Content::Map(_) => Fault::Type { seen: "an object".to_owned(), needed: needed.to_owned() },
        };
        self.tell(node.position, path.to_owned(), fault);
    }

    fn tell(&mut self, position: Position, path: String, fault: Fault) {
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push(Flaw { position, path, fault });
        }
    }
}

fn is_true(schema: &Value, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

fn type_name(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "another type",
    }
}

fn read_as(value: &Value) -> String {
    match value {
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {}", shown(&number.to_string())),
        Value::Null => "null".to_owned(),
        _ => "another type".to_owned(),
    }
}

/// A value as a sentence may show it: its beginning. Sentences may reach logs, so of what may be a customer's phone
/// number only the first digits are shown; a 400 number is nobody's secret.
fn shown(text: &str) -> String {
    const MOST: usize = 64;
    const DIGITS_OF_A_PHONE: usize = 7;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let phone_like = text.chars().all(|c| c.is_ascii_digit() || " +-()*\"_".contains(c));
    let most = if phone_like && digits.len() >= DIGITS_OF_A_PHONE && !digits.starts_with("400") { 5 } else { MOST };
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
