//! How far a file has come, kept beside it as `FILE.ingest` until it is through.
//!
//! The place is only used where the file still begins as it did and goes to the same biller in the same form: a file that
//! was written anew, or that is handed over to somebody else, starts from its beginning.

use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Counts;
use crate::domain::digest::Digest;

/// Bytes at a file's beginning by which it is known again.
const HEAD: u64 = 64 * 1024;
/// No place of ours is larger.
const LARGEST: u64 = 64 * 1024;

/// How far a file has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Place {
    /// Digest of the file's first bytes, as they lie on the disk, and how many those are.
    pub(super) head: String,
    pub(super) head_bytes: u64,
    /// Whom its records were sent to, and how it was cut.
    pub(super) to: String,
    /// Behind the last record that was answered, in the text that the file holds.
    pub(super) bytes: u64,
    pub(super) line_ends: u64,
    /// What became of the lines before.
    pub(super) accepted: u64,
    pub(super) duplicates: u64,
    pub(super) conflicts: u64,
    pub(super) unrated: u64,
    pub(super) refused: u64,
    pub(super) passed_over: u64,
}

impl Place {
    /// The beginning of a file.
    pub(super) fn of(file: &Path, to: &str) -> io::Result<Self> {
        let (head, head_bytes) = head(file, HEAD)?;
        Ok(Self { head, head_bytes, to: to.to_owned(), ..Self::default() })
    }

    /// Where the file was left; its beginning where nothing is known, or it is another one now.
    pub(super) fn left(file: &Path, to: &str) -> io::Result<Self> {
        let mut text = Vec::new();
        match fs::File::open(beside(file)) {
            Ok(open) => open.take(LARGEST).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::of(file, to),
            Err(error) => return Err(error),
        };
        let Ok(left) = serde_json::from_slice::<Self>(&text) else { return Self::of(file, to) };
        // A file that grew since still begins with the bytes it had.
        let same = left.to == to
            && left.head_bytes <= HEAD
            && head(file, left.head_bytes)? == (left.head.clone(), left.head_bytes);
        if same { Ok(left) } else { Self::of(file, to) }
    }

    /// Keeps the place: whole or not at all.
    pub(super) fn keep(&self, file: &Path) -> io::Result<()> {
        let (at, new) = (beside(file), with_ending(file, ".ingest.new"));
        let mut open = fs::File::create(&new)?;
        open.write_all(serde_json::to_string(self)?.as_bytes())?;
        open.sync_data()?;
        fs::rename(&new, &at)
    }

    pub(super) fn forget(file: &Path) -> io::Result<()> {
        match fs::remove_file(beside(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let Self { accepted, duplicates, conflicts, unrated, refused, passed_over, .. } = *self;
        Counts { accepted, duplicates, conflicts, unrated, refused, passed_over }
    }

    pub(super) fn add(&mut self, counts: Counts) {
        let mut all = self.counts();
        all.add(counts);
        let Counts { accepted, duplicates, conflicts, unrated, refused, passed_over } = all;
        (self.accepted, self.duplicates, self.conflicts) = (accepted, duplicates, conflicts);
        (self.unrated, self.refused, self.passed_over) = (unrated, refused, passed_over);
    }
}

/// Where a file's place is kept.
pub(super) fn beside(file: &Path) -> PathBuf {
    with_ending(file, ".ingest")
}

/// Where a file's refused lines are told.
pub(super) fn refused(file: &Path) -> PathBuf {
    with_ending(file, ".refused")
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn head(file: &Path, most: u64) -> io::Result<(String, u64)> {
    let mut bytes = Vec::new();
    let read = fs::File::open(file)?.take(most).read_to_end(&mut bytes)?;
    Ok((Digest::of(&bytes).to_string(), read as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_holds_for_a_file_that_begins_as_it_did_and_goes_to_the_same_biller() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        fs::write(&file, "one\ntwo\n").unwrap();
        let left = || Place::left(&file, "http://biller/v1/call-records lines").unwrap();
        let mut place = left();
        assert_eq!((place.bytes, place.head_bytes), (0, 8));
        (place.bytes, place.line_ends) = (4, 1);
        place.add(Counts { accepted: 1, ..Counts::default() });
        place.keep(&file).unwrap();
        assert_eq!(left(), place);
        fs::write(&file, "one\ntwo\nthree\n").unwrap();
        assert_eq!(left(), place);
        assert_eq!(Place::left(&file, "http://other/v1/call-records lines").unwrap().bytes, 0);
        fs::write(&file, "another\n").unwrap();
        assert_eq!(left().bytes, 0);
        fs::write(beside(&file), "nonsense").unwrap();
        assert_eq!(left().bytes, 0);
        Place::forget(&file).unwrap();
        Place::forget(&file).unwrap();
        assert!(!beside(&file).exists());
    }
}
