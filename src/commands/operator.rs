//! `fourhundred operator`: the control loops and, embedded, the workers.

use std::process::ExitCode;

use clap::Args;

/// Arguments of `operator`.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Runs until a signal.
pub async fn run(_: Arguments) -> ExitCode {
    ExitCode::SUCCESS
}
