//! Which files of a folder are manifests, in an order that does not depend on the file system.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::fault::{Fault, Place, Position, Problem};
use super::yaml::MAX_BYTES;
use super::{ROUTING_TEST_SUFFIX, SKIPPED};

/// Files of one folder.
const MAX_FILES: usize = 10_000;
/// Folders within folders.
const MAX_LEVELS: usize = 32;

/// What is read past below a folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Skip<'a> {
    /// Folders of these names.
    pub names: &'a [String],
    /// One folder, by its canonical path: a program's own data.
    pub folder: Option<&'a Path>,
}

/// [`SKIPPED`] as `Skip` wants it.
static USUAL: LazyLock<[String; 1]> = LazyLock::new(|| [SKIPPED.to_owned()]);

impl Skip<'_> {
    /// What is read past unless somebody says otherwise.
    pub fn usual() -> Skip<'static> {
        Skip { names: &*USUAL, folder: None }
    }

    fn covers(&self, name: &str, path: &Path) -> bool {
        let is_folder = |own: &Path| fs::canonicalize(path).is_ok_and(|canonical| canonical == own);
        self.names.iter().any(|skipped| skipped == name) || self.folder.is_some_and(is_folder)
    }
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub manifests: Vec<PathBuf>,
    pub routing_tests: Vec<PathBuf>,
}

/// Lists `paths` and what is below them. As with `kubectl apply -R`, links to folders are not followed (a mounted
/// ConfigMap's files are links to files, which are) and a file named on its own is read whatever its name.
/// Folders below that `skip` covers are passed over. A file reached twice is read once.
pub(super) fn list(paths: &[PathBuf], skip: Skip<'_>) -> Result<Found, Problem> {
    let mut found = Found::default();
    for path in paths {
        let kind = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if kind.is_dir() {
            walk(path, 0, skip, &mut found)?;
        } else {
            found.put(path.clone());
        }
    }
    found.manifests = once_each(found.manifests);
    found.routing_tests = once_each(found.routing_tests);
    Ok(found)
}

fn once_each(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    paths.into_iter().filter(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone()))).collect()
}

fn walk(folder: &Path, level: usize, skip: Skip<'_>, found: &mut Found) -> Result<(), Problem> {
    if level > MAX_LEVELS {
        return Err(problem(folder, Fault::TooDeep { limit: MAX_LEVELS }));
    }
    let unreadable = |error| unreadable(folder, &error);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            if !skip.covers(&name, &path) {
                walk(&path, level + 1, skip, found)?;
            }
        } else if is_manifest(&name) && path.is_file() {
            found.put(path);
        }
        if found.manifests.len() + found.routing_tests.len() > MAX_FILES {
            return Err(problem(folder, Fault::TooManyFiles { limit: MAX_FILES }));
        }
    }
    Ok(())
}

fn is_manifest(name: &str) -> bool {
    let kustomization = matches!(name, "kustomization.yaml" | "kustomization.yml");
    let suffix = Path::new(name).extension().and_then(|suffix| suffix.to_str());
    !kustomization && matches!(suffix, Some("yaml" | "yml" | "json"))
}

impl Found {
    fn put(&mut self, path: PathBuf) {
        let is_test = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ROUTING_TEST_SUFFIX));
        if is_test { self.routing_tests.push(path) } else { self.manifests.push(path) }
    }
}

/// Reads a file whole, up to the bound, so that a device or a growing file cannot fill the memory.
pub fn read(path: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let limit = MAX_BYTES as u64;
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(limit + 1).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    if text.len() > MAX_BYTES {
        return Err(problem(path, Fault::TooLarge { limit }));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    problem(path, Fault::Unreadable(error.to_string()))
}

pub(super) fn problem(path: &Path, fault: Fault) -> Problem {
    let place = Place { file: Arc::from(path), position: Position { line: 1, column: 1 } };
    Problem { place, path: String::new(), fault }
}
