//! A test run that is cut short leaves no process and no folder.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::{self, eventually, workspace};

suite! {
    a_terminated_run_leaves_nothing,
    a_killed_run_leaves_nothing,
    a_held_run_ends_with_the_run_that_holds_it,
    the_next_run_sweeps_only_folders_that_nobody_holds,
}

async fn a_terminated_run_leaves_nothing() {
    run_ended_by(Signal::TERM).await;
}

async fn a_killed_run_leaves_nothing() {
    run_ended_by(Signal::KILL).await;
}

async fn a_held_run_ends_with_the_run_that_holds_it() {
    let mut held = hold().await;
    drop(held.run.stdin.take());
    held.leaves_nothing().await;
}

/// What the held run says of itself.
#[derive(Deserialize)]
struct Line {
    folder: PathBuf,
    pids: Vec<u32>,
}

struct Held {
    run: Child,
    line: Line,
}

/// Starts this binary once more and lets it bring up its control plane.
async fn hold() -> Held {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(harness::HOLD, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut run = command.spawn().unwrap();
    let line = BufReader::new(run.stdout.take().unwrap()).lines().next_line().await.unwrap();
    let line = serde_json::from_str(&line.expect("the held run says where it is")).unwrap();
    let held = Held { run, line };
    assert_eq!(held.left().len(), 3, "two processes and a folder are there while it runs");
    held
}

impl Held {
    fn left(&self) -> Vec<PathBuf> {
        let processes = self.line.pids.iter().map(|pid| Path::new("/proc").join(pid.to_string()));
        processes.chain([self.line.folder.clone()]).filter(|path| path.exists()).collect()
    }

    async fn leaves_nothing(&mut self) {
        self.run.wait().await.unwrap();
        eventually(Duration::from_secs(10), "the ended run leaves nothing", async || {
            let left = self.left();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }
}

/// No SIGINT here: a run in a script's background, as CI may be, ignores it, and its children inherit that.
async fn run_ended_by(signal: Signal) {
    let mut held = hold().await;
    kill_process(Pid::from_raw(held.run.id().unwrap().try_into().unwrap()).unwrap(), signal).unwrap();
    held.leaves_nothing().await;
}

async fn the_next_run_sweeps_only_folders_that_nobody_holds() {
    let parent = workspace().folder("sweep-");
    let held = harness::workspace::Workspace::create(parent.path()).unwrap();
    let stale = parent.path().join("fourhundred-it-stale");
    let strange = parent.path().join("somebody-else");
    for folder in [&stale, &strange] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("owner.lock"), "").unwrap();
    }
    harness::workspace::sweep(parent.path());
    assert!(held.path().exists() && strange.exists() && !stale.exists());
    held.remove();
    assert!(!held.path().exists());
}
