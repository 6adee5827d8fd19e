//! Manifests read from a folder, each error with its file, line and column.
//!
//! The folder tools (`lint`, `test`, `route`, `rate`, `diff`, `serve`) see a folder as an API server would see
//! `kubectl apply -R`: words are read as kubectl reads them ([`scalar`]), schemas and CEL rules are those of the CRDs
//! ([`schema`]). Touches the file system only, and only to read. What a cluster would add to an object's metadata is
//! made up from its name, so that the same folder always gives the same objects.

pub mod fault;
mod files;
pub mod follow;
mod manifest;
pub mod objects;
pub mod scalar;
pub mod schema;
pub mod yaml;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::fault::{Fault, Place, Position, Problem};
pub use self::files::{Skip, read as read_file};
pub use self::follow::follow;
pub use self::objects::{Object, ObjectKey, Objects, SecretValues};
pub use self::schema::Schemas;
use crate::domain::digest::Digest;

/// The end of a routing test's file name; such a file holds tests, not manifests.
pub const ROUTING_TEST_SUFFIX: &str = ".routing-test.yaml";

/// Folders of this name below a folder are read past unless asked for: examples of what is refused live in them.
pub const SKIPPED: &str = "invalid";

/// Bytes of all files of one folder: some hundred thousand numbers.
const MAX_FOLDER_BYTES: usize = 256 * 1024 * 1024;

/// What a folder holds.
#[derive(Debug)]
pub struct Folder {
    pub objects: Objects,
    /// Files of routing tests, in order.
    pub routing_tests: Vec<PathBuf>,
    /// What was read past, such as kinds of other groups.
    pub notes: Vec<Note>,
    /// Over every file's name and bytes, routing tests included: equal digests, equal folders.
    pub digest: Digest,
}

/// Something read past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub place: Place,
    pub sentence: String,
}

impl Folder {
    /// Reads `path`, a folder or one file, with everything below it but what is [`SKIPPED`]. All problems are told at
    /// once.
    pub fn read(path: &Path, schemas: &Schemas) -> Result<Self, Vec<Problem>> {
        Self::read_all(&[path.to_owned()], Skip::usual(), schemas)
    }

    /// Reads several folders or files as one, passing over folders below them that `skip` covers.
    pub fn read_all(paths: &[PathBuf], skip: Skip<'_>, schemas: &Schemas) -> Result<Self, Vec<Problem>> {
        let found = files::list(paths, skip).map_err(|problem| vec![problem])?;
        let mut objects = Objects::default();
        let mut notes = Vec::new();
        let mut problems = Vec::new();
        let mut seen = Vec::new();
        let mut bytes = 0;
        for file in found.manifests {
            match files::read(&file) {
                Ok(text) => {
                    bytes += text.len();
                    if bytes > MAX_FOLDER_BYTES {
                        problems.push(files::problem(&file, Fault::FolderTooLarge { limit: MAX_FOLDER_BYTES }));
                        break;
                    }
                    seen.push((file.display().to_string(), Digest::of(text.as_bytes())));
                    let mut reader = manifest::Reader {
                        file: Arc::from(file),
                        schemas,
                        objects: &mut objects,
                        notes: &mut notes,
                        problems: &mut problems,
                    };
                    reader.read(&text);
                }
                Err(problem) => problems.push(problem),
            }
        }
        for file in &found.routing_tests {
            match files::read(file) {
                Ok(text) => seen.push((file.display().to_string(), Digest::of(text.as_bytes()))),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self { objects, routing_tests: found.routing_tests, notes, digest: Digest::of_json(&seen) })
        } else {
            Err(problems)
        }
    }

    /// Where a JSON path (`spec.rules[2].to`) of an object stands, or the nearest thing above it.
    pub fn place_of(&self, key: &ObjectKey, path: &str) -> Option<Place> {
        self.objects.get(key).map(|object| object.place_of(path))
    }
}

#[cfg(test)]
mod examples_tests;
#[cfg(test)]
mod tests;
