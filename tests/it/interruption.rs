//! A test run that is cut short leaves no process, no port and no folder.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::{
    self, eventually,
    footprint::{self, Listening, Process},
    workspace,
};

suite! {
    an_interrupted_run_leaves_nothing,
    a_terminated_run_leaves_nothing,
    a_killed_run_leaves_nothing,
    a_held_run_ends_with_the_run_that_holds_it,
    the_next_run_sweeps_only_folders_that_nobody_holds,
}

/// As Ctrl-C in a terminal: to the whole foreground group.
async fn an_interrupted_run_leaves_nothing() {
    let mut held = hold().await;
    kill_process_group(held.pid(), Signal::INT).unwrap();
    held.leaves_nothing().await;
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

/// A second run of this binary, with a control plane, an operator and a SIPp, and what it had when it was whole.
struct Held {
    run: Child,
    name: String,
    folder: PathBuf,
    listening: Vec<Listening>,
}

static HELD: AtomicU32 = AtomicU32::new(0);

async fn hold() -> Held {
    // A name that no other run has.
    let name = format!("{}-{}", std::process::id(), HELD.fetch_add(1, Ordering::Relaxed));
    // A run in a script's background, as CI may be, ignores SIGINT, and its children would inherit that.
    let mut command = Command::new("env");
    command
        .arg("--default-signal=INT")
        .arg(std::env::current_exe().unwrap())
        .env(harness::HOLD, &name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut run = command.spawn().unwrap();
    let line = BufReader::new(run.stdout.take().unwrap()).lines().next_line().await.unwrap();
    let folder = PathBuf::from(line.expect("the held run says where its folder is"));
    let processes = footprint::processes(harness::HOLD, &name);
    for program in ["/etcd ", "/kube-apiserver ", "/fourhundred operator ", "sipp -sn uas ", " janitor "] {
        assert!(processes.iter().any(|process| process.command.contains(program)), "{program}: {processes:?}");
    }
    let listening = footprint::listening(&processes);
    assert!(listening.len() >= 5, "etcd's two ports, the API server's, the operator's, SIPp's: {listening:?}");
    assert!(folder.exists());
    Held { run, name, folder, listening }
}

impl Held {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.run.id().unwrap().try_into().unwrap()).unwrap()
    }

    fn left(&self) -> (Vec<Process>, Vec<Listening>, Option<&PathBuf>) {
        let processes = footprint::processes(harness::HOLD, &self.name);
        (processes, footprint::still_open(&self.listening), Some(&self.folder).filter(|folder| folder.exists()))
    }

    async fn leaves_nothing(&mut self) {
        self.run.wait().await.unwrap();
        eventually(Duration::from_secs(10), "the ended run leaves nothing", async || {
            let left = self.left();
            if left == (Vec::new(), Vec::new(), None) { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }
}

async fn run_ended_by(signal: Signal) {
    let mut held = hold().await;
    kill_process(held.pid(), signal).unwrap();
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
