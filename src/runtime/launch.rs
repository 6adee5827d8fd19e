//! Child processes that end with their parent, however it ends: the kernel kills them (`PR_SET_PDEATHSIG`, set by
//! util-linux' setpriv, which then becomes the program: same process id, no shell between).
//!
//! The signal follows the *thread* that made the child: make it from one that lives as long as the child may.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `program`, which is killed when the calling thread ends. Where there is no setpriv it is not.
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    match find_in_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/bin", "/bin"].map(PathBuf::from));
    folders
        .filter(|folder| folder.as_os_str() != OsStr::new(""))
        .map(|folder| folder.join(program))
        .find(|file| is_file(file))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file())
}
