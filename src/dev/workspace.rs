//! The folder of one `dev` run. One that was made for the run does not outlive it.
//!
//! A run that ends removes its folder; for a run that is killed a [`Janitor`] waits.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::runtime::janitor::Janitor;

/// See the module's text.
#[derive(Debug)]
pub(super) enum Workspace {
    /// Somebody's own: stays.
    Kept(PathBuf),
    /// Goes with this value, or with this process.
    Temporary { path: PathBuf, janitor: Janitor },
}

impl Workspace {
    /// `data`, or a new folder among the temporary files; `random` makes its name its own.
    pub(super) fn open(data: Option<&Path>, random: u64) -> io::Result<Self> {
        if let Some(data) = data {
            std::fs::create_dir_all(data)?;
            return Ok(Self::Kept(data.canonicalize()?));
        }
        let path = std::env::temp_dir().join(format!("fourhundred-dev-{random:016x}"));
        // Tokens and keys are in it.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        match Janitor::waits_for(&path) {
            Ok(janitor) => Ok(Self::Temporary { path, janitor }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Temporary { path, .. } => path,
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let Self::Temporary { path, janitor } = self else { return };
        let removed = std::fs::remove_dir_all(&*path);
        if removed.is_ok() {
            // Its work is done. Otherwise it tries once more when this process is gone.
            let _ = janitor.dismiss();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_made_for_a_run_goes_with_it_and_a_given_one_stays() {
        let given = tempfile::tempdir().unwrap();
        drop(Workspace::open(Some(given.path()), 1).unwrap());
        assert!(given.path().exists());
        let made = Workspace::open(None, u64::from(std::process::id())).unwrap();
        let path = made.path().to_owned();
        std::fs::write(path.join("file"), "").unwrap();
        drop(made);
        assert!(!path.exists());
    }
}
