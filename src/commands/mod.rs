//! The subcommands, one file each: arguments, help with examples, and what is printed.
//!
//! A command ends with an exit code: 0 done, 1 the answer is no (a test failed, a lint finding, a refused call), 2 the
//! question was wrong (arguments, files, no connection).

pub mod folder;
pub mod lint;
pub mod operator;
pub mod rate;
pub mod route;
pub mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::runtime::telemetry::{self, LogFormat};

/// Runs a Mobile-400 (移动400) service on Kubernetes: numbers, timetables and tariffs as custom resources, SIP redirects and
/// exact billing as the result.
#[derive(Debug, Parser)]
#[command(name = "fourhundred", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to log: a tracing filter such as `info` or `info,fourhundred::workers=debug`
    #[arg(long, global = true, env = "FOURHUNDRED_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// How log lines look: human on a terminal and JSON otherwise, unless said here
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the control loops, with embedded workers unless told otherwise
    Operator(operator::Arguments),
    /// Check a folder of manifests as the API server and the operator would, and for what was probably not meant
    Lint(lint::Arguments),
    /// Decide a call by a folder of manifests, and say why
    Route(route::Arguments),
    /// Run a folder's routing tests
    Test(test::Arguments),
    /// Rate call records by a folder's tariffs
    Rate(rate::Arguments),
}

/// Parses the process's arguments, runs the command and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::install(&cli.log, cli.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(async move {
        match cli.command {
            Command::Operator(arguments) => operator::run(arguments).await,
            Command::Lint(arguments) => lint::run(&arguments),
            Command::Route(arguments) => route::run(&arguments),
            Command::Test(arguments) => test::run(&arguments),
            Command::Rate(arguments) => rate::run(&arguments),
        }
    })
}

/// Prints an error with its causes, each once, and gives the exit code of a question that was wrong.
pub fn fail(error: &dyn std::error::Error) -> ExitCode {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    eprintln!("error: {text}");
    ExitCode::from(2)
}
