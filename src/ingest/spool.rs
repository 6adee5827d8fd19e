//! A folder into which a switch writes files of records, such as FreeSWITCH's `err-log-dir`: each is handed over and then
//! put aside.
//!
//! | where a file is | what became of it |
//! |---|---|
//! | in the folder | it waits, or is being sent |
//! | `done/` | every record was taken, by this request or an earlier one |
//! | `refused/` | some were not: `NAME.refused` beside it says which lines, and why |
//!
//! A file that was changed within the last seconds may still be written: it waits, and one that grows while it is sent is
//! sent again. What a file cannot be helped by
//! (a wrong token, a biller that is away) leaves it where it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::place;
use super::{Biller, Counts, IngestError, Settings, Told, ingest};

/// A file that was changed more recently may still be written.
pub const STILL_FOR: Duration = Duration::from_secs(2);
/// Files of one round; the next one goes on with the rest.
const MOST_FILES: usize = 10_000;

/// What becomes of files that were taken whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// They go to `done/`.
    Keep,
    Remove,
}

/// One round over a folder.
#[derive(Debug, Default)]
pub struct Round {
    /// Files that were put aside, and what became of their lines.
    pub files: u64,
    pub counts: Counts,
    /// Files that stay because something is wrong with them: path and sentence.
    pub stuck: Vec<(PathBuf, IngestError)>,
}

/// Hands over what lies in the folder and is still. An error that concerns every file ends the round.
pub async fn sweep(
    folder: &Path,
    settings: &Settings,
    afterwards: Afterwards,
    biller: &Biller,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Round, IngestError> {
    let mut round = Round::default();
    for file in still_files(folder, SystemTime::now()).map_err(|source| unreadable(folder, source))? {
        let length = length_of(&file)?;
        match ingest(&file, settings, biller, told).await {
            Ok(counts) => {
                if put_aside(folder, &file, length, counts, afterwards)? {
                    round.files += 1;
                }
                round.counts.add(counts);
            }
            Err(error @ (IngestError::Form { .. } | IngestError::Damaged { .. } | IngestError::Read { .. })) => {
                round.stuck.push((file, error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(round)
}

/// In the order of their names: switches begin them with a time or an id.
fn still_files(folder: &Path, now: SystemTime) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = [".ingest", ".ingest.new", ".refused"].iter().any(|ending| name.ends_with(ending));
        if name.starts_with('.') || ours || !entry.file_type()?.is_file() {
            continue;
        }
        // A clock that was set back must not hold a file for ever.
        let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or(STILL_FOR);
        if age >= STILL_FOR {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    files.truncate(MOST_FILES);
    Ok(files)
}

/// `false`: the file was written to since it had `length` bytes, and stays to be sent again.
fn put_aside(
    folder: &Path,
    file: &Path,
    length: u64,
    counts: Counts,
    afterwards: Afterwards,
) -> Result<bool, IngestError> {
    let failed = |source| IngestError::Write { path: file.to_owned(), source };
    if length_of(file)? != length {
        return Ok(false);
    }
    let aside = folder.join(if counts.is_clean() { "done" } else { "refused" });
    fs::create_dir_all(&aside).map_err(failed)?;
    let to = free_name(&aside, file);
    // The sentences first: a file in `refused` always has them.
    match fs::rename(place::refused(file), place::refused(&to)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::rename(file, &to).map_err(failed)?;
    // Whoever had it open may have written until it was renamed, and opens its name anew for the next record.
    if length_of(&to)? != length {
        fs::rename(&to, free_name(folder, file)).map_err(failed)?;
        return Ok(false);
    }
    if counts.is_clean() && afterwards == Afterwards::Remove {
        fs::remove_file(&to).map_err(failed)?;
    }
    Ok(true)
}

fn length_of(file: &Path) -> Result<u64, IngestError> {
    let metadata = fs::metadata(file).map_err(|source| unreadable(file, source))?;
    Ok(metadata.len())
}

/// A switch may give a name again.
fn free_name(aside: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    let plain = aside.join(name);
    let numbered = (1..).map(|count| {
        let mut numbered = std::ffi::OsString::from(format!("{count}-"));
        numbered.push(name);
        aside.join(numbered)
    });
    std::iter::once(plain).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

fn unreadable(folder: &Path, source: io::Error) -> IngestError {
    IngestError::Read { path: folder.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_still_come_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.cdr.json", ".hidden.json", "c.json.ingest", "c.json.refused", "c.json.ingest.new"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        fs::create_dir(folder.path().join("done")).unwrap();
        let names = |now| -> Vec<String> {
            let files = still_files(folder.path(), now).unwrap();
            files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(SystemTime::now()), [""; 0]);
        assert_eq!(names(SystemTime::now() + STILL_FOR), ["a.cdr.json", "b.json"]);
        assert_eq!(names(SystemTime::now() - Duration::from_hours(1)), ["a.cdr.json", "b.json"]);
    }

    #[test]
    fn a_name_that_comes_again_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        let refused = Counts { refused: 1, ..Counts::default() };
        for (round, counts) in [Counts::default(), Counts::default(), refused, refused].into_iter().enumerate() {
            fs::write(&file, format!("{round}")).unwrap();
            fs::write(place::refused(&file), format!("why {round}")).unwrap();
            assert!(put_aside(folder.path(), &file, 1, counts, Afterwards::Keep).unwrap());
        }
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!([read("done/a.json"), read("done/1-a.json")], ["0", "1"]);
        assert_eq!([read("refused/a.json"), read("refused/1-a.json")], ["2", "3"]);
        assert_eq!(read("refused/1-a.json.refused"), "why 3");
        fs::write(&file, "4").unwrap();
        // One byte was sent, and another has come since.
        fs::write(&file, "45").unwrap();
        assert!(!put_aside(folder.path(), &file, 1, Counts::default(), Afterwards::Remove).unwrap());
        assert!(file.exists());
        assert!(put_aside(folder.path(), &file, 2, Counts::default(), Afterwards::Remove).unwrap());
        assert!(!file.exists() && !folder.path().join("done/2-a.json").exists());
    }
}
