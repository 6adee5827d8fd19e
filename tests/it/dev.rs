//! `fourhundred dev`: one command to the tables, and nothing left of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::{assets, eventually, workspace};

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
        let mut child = Command::new(env!("CARGO_BIN_EXE_fourhundred"))
            .arg("dev")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TMPDIR", folder.path())
            .env("KUBEBUILDER_ASSETS", assets().unwrap())
            // An inherited cluster is never touched: this one could not even be read.
            .env("KUBECONFIG", "/nonexistent/kubeconfig")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
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

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Files of the run, and processes that were given one of them.
    fn left(&self) -> Vec<PathBuf> {
        let files = entries(self.folder.path());
        let named = self.folder.path().to_str().unwrap();
        let uses = |process: &PathBuf| {
            let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(named)
        };
        files.into_iter().chain(entries(Path::new("/proc")).into_iter().filter(uses)).collect()
    }

    async fn leaves_nothing(&self) {
        eventually(Duration::from_secs(10), "nothing is left", async || {
            let left = self.left();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect()
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
    assert!(text.contains("\n  answer     "), "{text}");
    assert!(text.contains("s in increments of 60 s, then 60 s: 60 s\n"), "{text}");
    run.leaves_nothing().await;
}

/// SIGTERM stands for Ctrl-C here, which a run in a script's background may have been told to ignore.
async fn an_interrupted_run_leaves_nothing_wherever_it_was() {
    for moment in ["==> starting an API server", "==> applying", "It stays up"] {
        let mut run = Run::start(&[]);
        run.until(moment).await;
        assert!(!run.left().is_empty(), "there is something to leave at {moment:?}");
        run.signal(Signal::TERM);
        let status = run.child.wait().await.unwrap();
        assert!(status.success(), "{moment:?}: {status}");
        assert_eq!(run.left(), Vec::<PathBuf>::new(), "{moment:?}");
    }
}

async fn a_killed_run_leaves_nothing() {
    let mut run = Run::start(&[]);
    run.until("==> applying").await;
    run.signal(Signal::KILL);
    run.child.wait().await.unwrap();
    run.leaves_nothing().await;
}
