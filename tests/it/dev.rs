//! `fourhundred dev`: one command to the tables, and nothing left of it.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::{
    assets, eventually,
    footprint::{self, Listening, Process},
    launch, workspace,
};

suite! {
    one_run_ends_with_tables_an_explanation_and_a_price,
    an_interrupted_run_leaves_nothing_wherever_it_was,
    a_killed_run_leaves_nothing,
}

/// A run of `dev` that keeps its files below a folder of the test's.
struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
}

impl Run {
    fn start(arguments: &[&str]) -> Self {
        let folder = workspace().folder("dev-");
        let mut child = Command::from(launch::fourhundred())
            .arg("dev")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TMPDIR", folder.path())
            .env("KUBEBUILDER_ASSETS", assets().unwrap())
            // An inherited cluster is never touched: this one could not even be read.
            .env("KUBECONFIG", "/nonexistent/kubeconfig")
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, folder }
    }

    /// Reads until a line begins with `wanted`.
    async fn until(&mut self, wanted: &str) {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            if line.starts_with(wanted) {
                return;
            }
        }
        panic!("it ended before it said {wanted:?}");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// What it listens on now.
    fn listening(&self) -> Vec<Listening> {
        footprint::listening(&self.processes())
    }

    fn processes(&self) -> Vec<Process> {
        footprint::processes("TMPDIR", self.folder.path().to_str().unwrap())
    }

    /// Files and processes of the run, and those of the sockets that are still open.
    fn left(&self, listening: &[Listening]) -> Vec<String> {
        let files =
            std::fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path().display().to_string());
        let processes = self.processes().into_iter().map(|process| format!("{process:?}"));
        let sockets = footprint::still_open(listening).into_iter().map(|socket| format!("{socket:?}"));
        files.chain(processes).chain(sockets).collect()
    }

    async fn leaves_nothing(&self, listening: &[Listening]) {
        eventually(Duration::from_secs(10), "nothing is left", async || {
            let left = self.left(listening);
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }
}

async fn one_run_ends_with_tables_an_explanation_and_a_price() {
    let mut run = Run::start(&["--once"]);
    let mut text = String::new();
    while let Some(line) = run.lines.next_line().await.unwrap() {
        text.push_str(&line);
        text.push('\n');
    }
    assert!(run.child.wait().await.unwrap().success(), "{text}");
    let row = |name: &str| {
        let line = text.lines().find(|line| line.contains(&format!("/{name} "))).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // Set-up 200.00, and six calls of up to a minute, five of them long distance.
    assert_eq!(
        row("sales").get(2..7).map(|cells| cells.join(" ")),
        Some("4001008888 east True 6 203.60".to_owned()),
        "{text}"
    );
    assert_eq!(
        row("hotline").get(2..6).map(|cells| cells.join(" ")),
        Some("4001000868 east True 5".to_owned()),
        "{text}"
    );
    assert!(text.contains("\n4001000868 (acme/hotline) called by 075566661234 "), "{text}");
    assert!(text.contains("\nstep by step:\n"), "{text}");
    assert!(text.contains("s in increments of 60 s, then 60 s: 60 s\n"), "{text}");
    run.leaves_nothing(&[]).await;
}

/// Ctrl-C reaches the whole foreground group, SIGTERM the one process.
async fn an_interrupted_run_leaves_nothing_wherever_it_was() {
    for (moment, signal) in [
        ("==> starting an API server", Signal::INT),
        ("==> applying", Signal::TERM),
        ("==> waiting for usage", Signal::INT),
        ("It stays up", Signal::INT),
    ] {
        let mut run = Run::start(&[]);
        run.until(moment).await;
        assert!(!run.left(&[]).is_empty(), "there is something to leave at {moment:?}");
        let listening = run.listening();
        assert!(moment.contains("starting") || listening.len() >= 4, "{moment:?}: {listening:?}");
        if signal == Signal::INT {
            kill_process_group(run.pid(), signal).unwrap();
        } else {
            kill_process(run.pid(), signal).unwrap();
        }
        let status = run.child.wait().await.unwrap();
        assert!(status.success(), "{moment:?}: {status}");
        assert_eq!(run.left(&listening), Vec::<String>::new(), "{moment:?}");
    }
}

async fn a_killed_run_leaves_nothing() {
    let mut run = Run::start(&[]);
    run.until("==> applying").await;
    let listening = run.listening();
    kill_process(run.pid(), Signal::KILL).unwrap();
    run.child.wait().await.unwrap();
    run.leaves_nothing(&listening).await;
}
