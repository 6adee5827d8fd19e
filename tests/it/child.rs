//! `fourhundred` as a child process with a data directory, and manifests for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use fourhundred::runtime::client;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use crate::harness::{eventually, launch};
use crate::rig::sip::Phone;

/// A server that keeps its files under one folder. Killed when dropped.
pub struct Program {
    child: Child,
    data: PathBuf,
}

impl Program {
    /// Starts `fourhundred ARGUMENTS… --data DATA --http 127.0.0.1:0`; its log is `DATA.log`.
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        // The address of an earlier run would be asked in place of the new one's.
        let _ = std::fs::remove_file(data.join("http.addr"));
        let mut program = launch::fourhundred();
        program.args(arguments).args(["--http", "127.0.0.1:0", "--data"]).arg(data);
        Self { child: launch::start(program, &data.with_extension("log")), data: data.to_owned() }
    }

    /// Asks the probes' server.
    pub async fn probe(&self, path: &str) -> Result<String, String> {
        let address = std::fs::read_to_string(self.data.join("http.addr")).map_err(|error| error.to_string())?;
        let question = client::Question { path, ..client::Question::default() };
        let answer = client::send(address.trim(), question).await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 { Ok(text) } else { Err(format!("{} {text}", answer.status)) }
    }

    pub async fn ready(&self) {
        eventually(Duration::from_secs(20), "the program is ready", async || self.probe("/readyz").await).await;
    }

    /// SIGTERM, and the end that a server owes.
    pub async fn stop(mut self) {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let status = tokio::time::timeout(Duration::from_secs(15), self.child.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "{status}: see {}", self.data.with_extension("log").display());
    }
}

/// Runs a command that ends by itself.
pub fn run(arguments: &[&str]) -> Output {
    launch::fourhundred().args(arguments).output().unwrap()
}

/// The final answer to a call: its code, and the user parts of its contacts in order.
pub async fn invite(router: SocketAddr, number: &str, caller: &str) -> Result<(u16, Vec<String>), String> {
    let answer = Phone::calling(router).await.call(number, caller).await.ok_or("no answer")?;
    Ok((answer.code, answer.contacts().into_iter().map(str::to_owned).collect()))
}

/// Copies the examples to `folder`.
pub fn examples(folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for part in ["platform", "acme"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(source.join(part)).unwrap().flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
}

/// Replaces text in a file, in one step as editors do. Text that is not there is left alone.
pub fn edit(file: &Path, before: &str, after: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text.replace(before, after)).unwrap();
    std::fs::rename(draft, file).unwrap();
}
