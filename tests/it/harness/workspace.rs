//! The folder of one run, which must not outlive it.
//!
//! A run that ends removes it. For a run that is interrupted, also by SIGKILL, a [`Janitor`] waits. Whatever even that
//! leaves (the machine went down), the next run sweeps: a folder whose lock nobody holds.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fourhundred::runtime::janitor::Janitor;

const PREFIX: &str = "fourhundred-it-";
const LOCK: &str = "owner.lock";

#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
    /// Held as long as this process lives.
    _lock: File,
    janitor: Mutex<Janitor>,
}

impl Workspace {
    pub fn create(parent: &Path) -> io::Result<Self> {
        let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?.keep();
        let lock = File::create_new(path.join(LOCK))?;
        lock.try_lock()?;
        let janitor = Janitor::waits_for(&path)?;
        Ok(Self { path, _lock: lock, janitor: Mutex::new(janitor) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new folder in it, removed when dropped.
    pub fn folder(&self, prefix: &str) -> tempfile::TempDir {
        tempfile::Builder::new().prefix(prefix).tempdir_in(&self.path).expect("a folder in the workspace")
    }

    pub fn remove(&self) {
        fs::remove_dir_all(&self.path).expect("the workspace can be removed");
        let mut janitor = self.janitor.lock().expect("no panic holds the janitor");
        janitor.dismiss().expect("the janitor waits, and ends");
    }
}

/// Removes what interrupted runs left in `parent`. A folder without a lock file is one being made right now.
pub fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).expect("the folder for temporary files can be read").flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        match lock.try_lock() {
            // Another sweep may be at it too.
            Ok(()) => drop(fs::remove_dir_all(&path)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}
