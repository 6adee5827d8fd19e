//! A test run that is cut short leaves no process and no folder.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::harness::{self, eventually, workspace};

suite! {
    a_terminated_run_leaves_nothing,
    a_killed_run_leaves_nothing,
    the_next_run_sweeps_only_folders_that_nobody_holds,
}

async fn a_terminated_run_leaves_nothing() {
    run_ended_by(Signal::TERM).await;
}

async fn a_killed_run_leaves_nothing() {
    run_ended_by(Signal::KILL).await;
}

#[derive(Deserialize)]
struct Held {
    folder: PathBuf,
    pids: Vec<u32>,
}

/// Starts this binary once more, lets it bring up its control plane, and ends it by `signal`.
///
/// No SIGINT here: a run in a script's background, as CI may be, ignores it, and its children inherit that.
async fn run_ended_by(signal: Signal) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(harness::HOLD, "1").stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut run = Command::from(command).kill_on_drop(true).spawn().unwrap();
    let line = BufReader::new(run.stdout.take().unwrap()).lines().next_line().await.unwrap();
    let held: Held = serde_json::from_str(&line.expect("the held run says where it is")).unwrap();
    let left = || {
        let processes = held.pids.iter().map(|pid| Path::new("/proc").join(pid.to_string()));
        processes.chain([held.folder.clone()]).filter(|path| path.exists()).collect::<Vec<_>>()
    };
    assert_eq!(left().len(), 3, "two processes and a folder are there while it runs");

    kill_process(Pid::from_raw(run.id().unwrap().try_into().unwrap()).unwrap(), signal).unwrap();
    run.wait().await.unwrap();
    eventually(Duration::from_secs(10), "the interrupted run leaves nothing", async || {
        let left = left();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
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
