//! Holds the documentation to the repository: links lead somewhere, metrics and proofs that are named are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::offline::tests::root;

/// Files below `folder` whose name ends with `ending`, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> Vec<PathBuf> {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    top.into_iter().chain(files(&root().join("docs"), ".md")).collect()
}

/// A heading's name in a link, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut dead = Vec::new();
    for page in pages() {
        for target in link.captures_iter(&read(&page)).map(|found| found[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            let (path, wanted) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let mut headings = Vec::new();
            if !wanted.is_empty() && file.is_file() {
                headings = read(&file).lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
            }
            let names = |heading: &String| anchor(heading.trim_start_matches('#').trim()) == wanted;
            if !file.exists() || !(wanted.is_empty() || headings.iter().any(names)) {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_metric_is_described() {
    let whole = Regex::new(r#""(fourhundred_[a-z_]*[a-z])""#).unwrap();
    let prefixed = Regex::new(r#"registry\.register\(\s*"([a-z_]+)""#).unwrap();
    let mut registered = BTreeSet::new();
    for file in files(&root().join("src"), ".rs") {
        let text = read(&file);
        registered.extend(whole.captures_iter(&text).map(|found| found[1].to_owned()));
        let named = prefixed.captures_iter(&text).map(|found| found[1].to_owned());
        registered.extend(named.map(|name| format!("fourhundred_{}", name.trim_start_matches("fourhundred_"))));
    }
    assert!(registered.len() >= 15 && registered.contains("fourhundred_leader"), "{registered:?}");
    let described = read(&root().join("docs/operating.md"));
    let is_described =
        |name: &&String| described.contains(&format!("`{name}`")) || described.contains(&format!("`{name}_total`"));
    let missing: Vec<&String> = registered.iter().filter(|name| !is_described(name)).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn every_proof_that_the_architecture_names_is_there() {
    let proof = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`").unwrap();
    let mut code = String::new();
    for file in files(&root().join("src"), ".rs").into_iter().chain(files(&root().join("tests"), ".rs")) {
        code.push_str(&read(&file));
    }
    let page = read(&root().join("docs/architecture.md"));
    let named = proof.captures_iter(&page).map(|found| found[1].to_owned());
    let missing: Vec<String> = named.filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert_eq!(missing, Vec::<String>::new());
}
