//! A Git revision as a folder: the files of a tree, written to a temporary folder that goes with the value. Runs `git`;
//! the repository and its work tree are read only.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Files of one revision, and bytes of all of them together.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A revision could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    #[error("git could not be run: it is needed to read revision {revision}")]
    NoGit {
        revision: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{revision} is neither a folder nor a Git revision here: {words}")]
    Unknown { revision: String, words: String },
    #[error(
        "revision {revision} has no file below {path}: name the folders of the manifests as they were called there"
    )]
    Empty { revision: String, path: String },
    #[error("revision {revision} has more than {MAX_FILES} files below these paths: name narrower ones")]
    TooManyFiles { revision: String },
    #[error("revision {revision} has more than {MAX_BYTES} bytes below these paths: name narrower ones")]
    TooManyBytes { revision: String },
    #[error("revision {revision} could not be read")]
    Io {
        revision: String,
        #[source]
        source: std::io::Error,
    },
    #[error("git's answer about {revision} could not be understood")]
    Answer { revision: String },
}

/// A revision's files in a folder of their own.
#[derive(Debug)]
pub struct Revision {
    folder: PathBuf,
}

impl Drop for Revision {
    fn drop(&mut self) {
        // A folder for temporary files is cleaned by the system too.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Revision {
    /// Writes what `revision` of the repository around `inside` has below `paths` into a new folder under the system's
    /// temporary ones; `random` makes its name its own.
    pub fn check_out(inside: &Path, revision: &str, paths: &[PathBuf], random: u64) -> Result<Self, RevisionError> {
        let files = files(inside, revision, paths)?;
        let io = |source| RevisionError::Io { revision: revision.to_owned(), source };
        let folder = std::env::temp_dir().join(format!("fourhundred-revision-{random:016x}"));
        let checked_out = Self { folder };
        std::fs::create_dir(&checked_out.folder).map_err(io)?;
        checked_out.fill(inside, revision, &files)?;
        Ok(checked_out)
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn fill(&self, inside: &Path, revision: &str, files: &[(String, String)]) -> Result<(), RevisionError> {
        let io = |source| RevisionError::Io { revision: revision.to_owned(), source };
        let mut git = git(inside)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| RevisionError::NoGit { revision: revision.to_owned(), source })?;
        let answer = || RevisionError::Answer { revision: revision.to_owned() };
        let (Some(mut asked), Some(told)) = (git.stdin.take(), git.stdout.take()) else { return Err(answer()) };
        let mut told = BufReader::new(told);
        let mut left = MAX_BYTES;
        for (object, path) in files {
            writeln!(asked, "{object}").map_err(io)?;
            let mut head = String::new();
            told.read_line(&mut head).map_err(io)?;
            let size: u64 = head.split_whitespace().nth(2).and_then(|size| size.parse().ok()).ok_or_else(answer)?;
            left =
                left.checked_sub(size).ok_or_else(|| RevisionError::TooManyBytes { revision: revision.to_owned() })?;
            let mut content = vec![0; usize::try_from(size).map_err(|_| answer())?];
            told.read_exact(&mut content).map_err(io)?;
            // A line's end follows each object.
            told.read_exact(&mut [0]).map_err(io)?;
            let place = self.folder.join(path);
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent).map_err(io)?;
            }
            std::fs::write(&place, content).map_err(io)?;
        }
        drop(asked);
        git.wait().map_err(io)?;
        Ok(())
    }
}

fn git(inside: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(inside);
    git
}

/// Object and path of each plain file, the path relative to `inside`.
fn files(inside: &Path, revision: &str, paths: &[PathBuf]) -> Result<Vec<(String, String)>, RevisionError> {
    let unknown = |words: String| RevisionError::Unknown { revision: revision.to_owned(), words };
    if revision.starts_with('-') {
        return Err(unknown("a revision does not begin with -".to_owned()));
    }
    let output = git(inside)
        .args(["ls-tree", "-r", "-z", revision, "--"])
        .args(paths)
        .output()
        .map_err(|source| RevisionError::NoGit { revision: revision.to_owned(), source })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(unknown(words.lines().next().unwrap_or("git says no").trim_start_matches("fatal: ").to_owned()));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let files: Vec<(String, String)> = listed.split('\0').filter_map(plain_file).collect();
    if files.is_empty() {
        let path = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        return Err(RevisionError::Empty { revision: revision.to_owned(), path });
    }
    if files.len() > MAX_FILES {
        return Err(RevisionError::TooManyFiles { revision: revision.to_owned() });
    }
    Ok(files)
}

/// `100644 blob OBJECT<TAB>PATH`; links and submodules are not files here, and no path leads out of the folder.
fn plain_file(line: &str) -> Option<(String, String)> {
    let (facts, path) = line.split_once('\t')?;
    let mut facts = facts.split_whitespace();
    let (mode, kind, object) = (facts.next()?, facts.next()?, facts.next()?);
    let stays = Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    (kind == "blob" && mode.starts_with("100") && stays).then(|| (object.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_inside_are_taken() {
        let file = plain_file("100644 blob abc\texamples/a.yaml");
        assert_eq!(file, Some(("abc".to_owned(), "examples/a.yaml".to_owned())));
        for line in ["120000 blob abc\tlink", "160000 commit abc\tmodule", "100644 blob abc\t../outside", ""] {
            assert_eq!(plain_file(line), None, "{line}");
        }
    }

    #[test]
    fn a_revision_is_read_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let done = git(home.path())
                .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
                .args(arguments)
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        git(&["init", "--quiet"]);
        std::fs::create_dir(home.path().join("acme")).unwrap();
        std::fs::write(home.path().join("acme/a.yaml"), "old: 1\n").unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "first"]);
        std::fs::write(home.path().join("acme/a.yaml"), "new: 2\n").unwrap();
        let read = Revision::check_out(home.path(), "HEAD", &["acme".into()], 1).unwrap();
        assert_eq!(std::fs::read_to_string(read.folder().join("acme/a.yaml")).unwrap(), "old: 1\n");
        let folder = read.folder().to_owned();
        drop(read);
        assert!(!folder.exists());
        for (revision, path, words) in [
            ("nosuch", "acme", "neither a folder nor a Git revision"),
            ("HEAD", "nothing", "has no file below nothing"),
            ("-x", "acme", "-"),
        ] {
            let error = Revision::check_out(home.path(), revision, &[path.into()], 2).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
