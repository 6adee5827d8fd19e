//! Removes a folder once this process is gone, however it went: a small shell waits at the other end of a pipe, which
//! breaks with the process. For folders that must not outlive a run, by `dev` and by the tests.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The second round is for files that dying children made during the first.
const ROUNDS: &str = r#"cat >/dev/null; for pause in 0.2 0.5; do sleep "$pause"; rm -rf -- "$1"; done"#;

/// See the module's text. Dropping it sends it to work, as the end of the process would.
#[derive(Debug)]
pub struct Janitor(Child);

impl Janitor {
    /// Waits for the end of this process.
    pub fn waits_for(folder: &Path) -> io::Result<Self> {
        let shell = Command::new("/bin/sh")
            .args(["-c", ROUNDS, "janitor"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: Ctrl-C must not reach it before its work is done.
            .process_group(0)
            .spawn()?;
        Ok(Self(shell))
    }

    /// The folder is gone already: there is nothing to wait for.
    pub fn dismiss(&mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}
