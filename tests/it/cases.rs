//! Tables of what the API server must accept, refuse and show: `cases/*.yaml`, one file for each kind or state of one.
//!
//! `object` is written and read back, `status` is what an operator would say of it. Each of `cases` changes a copy and
//! hands it in: `set`, `append` and `remove` name places by JSON pointers (`-` is past the end of a list). Without
//! `refused` the copy must be accepted, else the refusal must hold these words. `on: update` changes the object that is
//! there, otherwise a new one is made. `full: true` says that every list is as long as the schema allows.
//!
//! Long lists are written as `{times: 64, first: 7, of: …, then: […]}`: in `of`, `{n}` stands for the index with four
//! digits, `{i}` for it without, and a text of nothing but `{i}` for a number. `{days: 60, from: …}` are dates in a row.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::manifests;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    #[serde(skip)]
    pub file: String,
    pub short_name: String,
    pub object: Value,
    pub status: Option<Value>,
    /// The header that kubectl prints, and below it the cells up to the age.
    pub columns: String,
    pub row: Vec<String>,
    /// What `--output wide` adds.
    #[serde(default)]
    pub wide: String,
    #[serde(default)]
    pub wide_row: Vec<String>,
    /// Field selectors that find the object.
    #[serde(default)]
    pub selectors: Vec<String>,
    #[serde(default = "new_name")]
    new_name: String,
    pub cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub on: On,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    append: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    pub refused: Option<String>,
    #[serde(default)]
    pub full: bool,
}

#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum On {
    #[default]
    Create,
    Update,
}

fn new_name() -> String {
    "another".to_owned()
}

impl Table {
    /// All of them, in the order of their files' names.
    pub fn all() -> Vec<Self> {
        let mut tables: Vec<Self> =
            manifests::files("tests/it/cases").into_iter().map(|path| Self::read(&path)).collect();
        tables.sort_by(|one, other| one.file.cmp(&other.file));
        tables
    }

    fn read(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let table: Self = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { file: path.file_name().unwrap().to_string_lossy().into_owned(), ..table }
    }

    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().expect("a name")
    }

    /// What the case hands in; `present` is the object as the API server has it.
    pub fn edited(&self, case: &Case, present: &Value) -> Value {
        let mut object = match case.on {
            On::Update => present.clone(),
            On::Create => {
                let mut object = self.object.clone();
                object["metadata"]["name"] = json!(self.new_name);
                object
            }
        };
        for (pointer, value) in &case.set {
            set(&mut object, pointer, expanded(value, None));
        }
        for (pointer, values) in &case.append {
            let more = expanded(values, None);
            list(&mut object, pointer).extend(more.as_array().expect("a list to append").iter().cloned());
        }
        for pointer in &case.remove {
            remove(&mut object, pointer);
        }
        object
    }
}

/// The place of the last step of a pointer: what holds it, and its name there.
fn place<'value, 'pointer>(object: &'value mut Value, pointer: &'pointer str) -> (&'value mut Value, &'pointer str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap_or_else(|| panic!("{pointer} is no pointer"));
    (object.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}")), last)
}

fn list<'value>(object: &'value mut Value, pointer: &str) -> &'value mut Vec<Value> {
    object.pointer_mut(pointer).and_then(Value::as_array_mut).unwrap_or_else(|| panic!("there is no list {pointer}"))
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    match place(object, pointer) {
        (Value::Array(items), "-") => items.push(value),
        (Value::Array(items), index) => items[index.parse::<usize>().unwrap()] = value,
        (parent, name) => parent[name] = value,
    }
}

fn remove(object: &mut Value, pointer: &str) {
    let removed = match place(object, pointer) {
        (Value::Array(items), index) => Some(items.remove(index.parse().unwrap())),
        (parent, name) => parent.as_object_mut().and_then(|members| members.remove(name)),
    };
    assert!(removed.is_some(), "there is no {pointer} to remove");
}

/// A list that is written short.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Short {
    Repeated {
        times: u32,
        #[serde(default)]
        first: u32,
        of: Value,
        #[serde(default)]
        then: Vec<Value>,
    },
    Days {
        days: i64,
        from: Date,
    },
}

/// Writes short lists out; `index` is that of the innermost list around.
fn expanded(value: &Value, index: Option<u32>) -> Value {
    match value {
        Value::Object(members) if members.contains_key("times") || members.contains_key("days") => {
            match serde_json::from_value(value.clone()) {
                Ok(Short::Repeated { times, first, of, then }) => {
                    (first..first + times).map(|index| expanded(&of, Some(index))).chain(then).collect()
                }
                Ok(Short::Days { days, from }) => (0..days).map(|day| json!((from + day.days()).to_string())).collect(),
                // A member of that name in the object itself, such as a range's `days`.
                Err(_) => expanded_members(members, index),
            }
        }
        Value::Object(members) => expanded_members(members, index),
        Value::Array(items) => items.iter().map(|item| expanded(item, index)).collect(),
        Value::String(text) => match index {
            Some(index) if text == "{i}" => json!(index),
            Some(index) => json!(text.replace("{n}", &format!("{index:04}")).replace("{i}", &index.to_string())),
            None => value.clone(),
        },
        other => other.clone(),
    }
}

fn expanded_members(members: &serde_json::Map<String, Value>, index: Option<u32>) -> Value {
    Value::Object(members.iter().map(|(name, member)| (name.clone(), expanded(member, index))).collect())
}
