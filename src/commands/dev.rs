//! `fourhundred dev`: everything on this machine, for trying, demonstrations and development.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::dev::{self, Dev};
use crate::runtime::shutdown;

const EXAMPLES: &str = "\
EXAMPLES
  A cluster of its own, the examples, calls and what they cost; stays up until Ctrl-C and leaves nothing:
    fourhundred dev

  The same for a script: ends after the tables:
    fourhundred dev --once

  One's own folders, and a cluster that is there again next time:
    fourhundred dev my/platform my/tenant --data ./dev-data

  Another cluster, such as kind's; only ever by its kubeconfig on this command line:
    fourhundred dev --kubeconfig ~/.kube/kind

kube-apiserver, etcd and kubectl come from KUBEBUILDER_ASSETS, or from the cache that `tools/control-plane assets` fills
(`make demo` does so).

Exit code: 0 ended as asked, 2 it could not start or go on, 130 interrupted before `--once` was done.";

/// Arguments of `dev`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folders or files to apply; folders below them named `invalid` are read past
    #[arg(value_name = "FOLDER", default_values = ["examples/platform", "examples/acme"])]
    pub folders: Vec<PathBuf>,
    /// Keep everything here and take it up again next time; else a folder that goes with the run
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// End after the tables
    #[arg(long)]
    pub once: bool,
    /// Use this cluster instead of one of its own; the variable KUBECONFIG is never looked at
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
}

/// Runs until a signal, or until the tables are printed.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { folders: examples, data, once, kubeconfig, context } = arguments;
    let stop = match shutdown::on_signals() {
        Ok(stop) => stop,
        Err(error) => return super::fail(&error),
    };
    let interrupted = stop.clone();
    match dev::run(Dev { data, once, kubeconfig, context, examples }, stop).await {
        // Cut short, it has not shown what it was asked to show.
        Ok(()) if once && interrupted.is_cancelled() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error),
    }
}
