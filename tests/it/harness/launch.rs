//! The one way in which a run starts programs: they end with it, however it ends.

use std::{
    ffi::OsStr,
    fs::File,
    path::Path,
    process::{self, Stdio},
};

use fourhundred::runtime::launch::bound;
use tokio::process::{Child, Command};

/// The program under test, blind to an inherited cluster.
pub fn fourhundred() -> process::Command {
    let mut command = bound(env!("CARGO_BIN_EXE_fourhundred"));
    command.env_remove("KUBECONFIG").stdin(Stdio::null());
    command
}

/// Any program, to be waited for; dropping it kills it.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::from(bound(name));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Starts a server that adds what it says to `log`. Dropping it kills it.
pub fn start(command: process::Command, log: &Path) -> Child {
    let said = File::options().create(true).append(true).open(log).unwrap();
    let mut command = Command::from(command);
    command.stdout(said.try_clone().unwrap()).stderr(said).kill_on_drop(true);
    command.spawn().expect("setpriv (util-linux) and the program start")
}
