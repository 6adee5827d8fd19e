//! The files in `examples/` as a reader would try them, before any operator: `kubectl apply` takes what is to be taken and
//! refuses the rest.
//!
//! `examples/invalid` says in each file's first line who refuses it and how: `# expect: apply; WORDS` is the API server,
//! `# expect: condition; REASON` is the operator, later, by a condition.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::harness::{
    Cluster, cluster, golden,
    manifests::{self, Dry},
};

suite! {
    every_example_is_taken_and_a_second_apply_changes_nothing,
    every_example_is_taken_server_side_and_a_second_apply_changes_nothing,
    each_invalid_example_is_refused_in_the_words_it_promises,
    the_invalid_examples_cover_every_kind_and_both_who_refuse,
    what_only_a_condition_refuses_is_taken,
}

/// What a file of `examples/invalid` promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// `kubectl apply` fails with these words.
    Apply(String),
    /// It succeeds, and a condition gets this reason.
    Condition(String),
}

/// A file of `examples/invalid`.
#[derive(Debug, Clone)]
pub struct Invalid {
    pub path: PathBuf,
    pub expected: Expected,
}

impl Invalid {
    /// All of them, by name.
    pub fn all() -> Vec<Self> {
        manifests::files("examples/invalid").into_iter().map(Self::read).collect()
    }

    /// Those that only the operator refuses, with the reason.
    pub fn by_condition() -> Vec<(PathBuf, String)> {
        let all = Self::all().into_iter();
        all.filter_map(|invalid| match invalid.expected {
            Expected::Condition(reason) => Some((invalid.path, reason)),
            Expected::Apply(_) => None,
        })
        .collect()
    }

    /// Those that the API server refuses, with its words.
    fn by_apply() -> Vec<(PathBuf, String)> {
        let all = Self::all().into_iter();
        all.filter_map(|invalid| match invalid.expected {
            Expected::Apply(words) => Some((invalid.path, words)),
            Expected::Condition(_) => None,
        })
        .collect()
    }

    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let promise =
            text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).and_then(|line| line.split_once("; "));
        let expected = match promise {
            Some(("apply", words)) => Expected::Apply(words.to_owned()),
            Some(("condition", reason)) => Expected::Condition(reason.to_owned()),
            other => panic!("{}: the first line promises {other:?}", path.display()),
        };
        Self { path, expected }
    }
}

async fn every_example_is_taken_and_a_second_apply_changes_nothing() {
    applied_twice(&[]).await;
}

async fn every_example_is_taken_server_side_and_a_second_apply_changes_nothing() {
    applied_twice(&["--server-side"]).await;
}

/// On a control plane of its own: the examples' names are what other suites' operators look at.
async fn applied_twice(flags: &[&str]) {
    let cluster = Cluster::own().await;
    manifests::install_crds(&cluster).await;
    for folder in manifests::example_folders() {
        let arguments = [&["apply", "--output=json", "--filename", folder.to_str().unwrap()], flags].concat();
        let first = objects_in(cluster.kubectl(&arguments).await.json());
        let second = objects_in(cluster.kubectl(&arguments).await.json());
        assert_eq!(first.len(), manifests::documents_in(&folder).len(), "{}", folder.display());
        assert_eq!(first.len(), second.len());
        for (first, second) in first.iter().zip(&second) {
            assert!(first == second, "{first}\nand then: {second}");
        }
    }
}

/// The objects that kubectl printed, without their resource versions: after an object's creation by server-side apply, the
/// first apply of the same gives it another one, though nothing else of it is another.
fn objects_in(mut printed: Value) -> Vec<Value> {
    let mut objects = match printed.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![printed],
    };
    for object in &mut objects {
        let metadata = object["metadata"].as_object_mut().expect("metadata");
        metadata.remove("resourceVersion").expect("an object of the API server has one");
        assert_eq!(metadata.get("generation").is_some(), object["apiVersion"] != "v1");
    }
    objects
}

/// The shared cluster with the definitions and the namespaces that the examples live in.
async fn with_namespaces() -> &'static Cluster {
    let cluster = cluster().await;
    manifests::install_crds(cluster).await;
    let namespaces = manifests::path("examples/platform/00-namespaces.yaml");
    cluster.kubectl(&["apply", "--server-side", "--filename", namespaces.to_str().unwrap()]).await.ok();
    cluster
}

async fn each_invalid_example_is_refused_in_the_words_it_promises() {
    let cluster = with_namespaces().await;
    let mut table = String::new();
    let mut wrong = Vec::new();
    for (path, words) in Invalid::by_apply() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let answer = cluster.kubectl(&["apply", "--filename", path.to_str().unwrap()]).await;
        let by_client = if answer.code == Some(0) { "taken".to_owned() } else { answer.refused() };
        let by_server = server_side_refusal(cluster, &path).await;
        // An item twice has no index there: the merge finds it before validation does.
        let merge_refused = by_server.contains("duplicate entries for key");
        if !by_client.contains(&words) || !(by_server.contains(&words) || merge_refused) {
            wrong.push(format!("{file}: no {words:?} in: {by_client}and: {by_server}"));
        }
        // kubectl names the file by its whole path, which is another one elsewhere.
        let by_client = by_client.trim().replace(path.to_str().unwrap(), &file);
        write!(table, "{file}\n{}\n\n", indented(&by_client)).unwrap();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // Before 1.36 the type of what a rule refuses stood in each sentence.
    if cluster.minor_version().await >= 36 {
        golden::same("refusals.txt", &table);
    }
}

async fn server_side_refusal(cluster: &Cluster, path: &Path) -> String {
    let documents = manifests::documents(&std::fs::read_to_string(path).unwrap());
    for document in &documents {
        if let Err(refusal) = manifests::apply(cluster.client(), document, Dry::Run).await {
            return refusal;
        }
    }
    "taken".to_owned()
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A file's name begins with the word for the kind whose mistake it shows.
async fn the_invalid_examples_cover_every_kind_and_both_who_refuse() {
    let kinds = [
        "approval",
        "calendar",
        "caller-list",
        "gateway",
        "number",
        "override",
        "pool",
        "schedule",
        "tariff",
        "tenant",
    ];
    let begins = |path: &Path, kind: &str| path.file_name().unwrap().to_string_lossy().starts_with(&format!("{kind}-"));
    let (apply, condition) = (Invalid::by_apply(), Invalid::by_condition());
    for kind in kinds {
        assert!(apply.iter().any(|(path, _)| begins(path, kind)), "nothing of {kind} is refused at apply");
        assert!(condition.iter().any(|(path, _)| begins(path, kind)), "nothing of {kind} is told by a condition");
    }
    // A claim has no conditions: the operator alone writes it.
    assert!(apply.iter().any(|(path, _)| begins(path, "claim")));
    for invalid in Invalid::all() {
        let named = kinds.iter().chain(&["claim"]).any(|kind| begins(&invalid.path, kind));
        assert!(named, "{} begins with no kind", invalid.path.display());
    }
    assert!(apply.len() > 40 && condition.len() > 40, "{} and {}", apply.len(), condition.len());
}

/// The API server cannot know better: without an operator they are there, and nothing is wrong with them.
async fn what_only_a_condition_refuses_is_taken() {
    let cluster = with_namespaces().await;
    let mut arguments = vec!["apply".to_owned(), "--server-side".to_owned(), "--dry-run=server".to_owned()];
    for (path, _reason) in Invalid::by_condition() {
        let text = std::fs::read_to_string(&path).unwrap();
        // A namespace that a dry run does not make cannot hold the rest of the file.
        if manifests::documents(&text).iter().all(|document| document["kind"] != "Namespace") {
            arguments.push(format!("--filename={}", path.display()));
        }
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let taken = cluster.kubectl(&arguments).await.ok();
    assert!(taken.lines().count() > 20, "{taken}");
}
