//! The subcommands, one file each: arguments, help with examples, and what is printed.
//!
//! A command ends with an exit code: 0 done, 1 the answer is no (a test failed, a lint finding, a call that was refused or
//! not answered), 2 the question was wrong (arguments, files, no connection). What it prints goes through [`output`]:
//! `println!` would panic at a reader that has gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod answering;
pub mod approve;
pub mod biller;
pub mod call;
pub mod completion;
pub mod crds;
pub mod dev;
pub mod diff;
#[cfg(test)]
mod documentation;
pub mod explain_number;
pub mod folder;
pub mod get;
pub mod ingest;
pub mod lint;
mod live_plan;
pub mod operator;
pub mod output;
pub mod override_;
pub mod rate;
#[cfg(test)]
mod reference;
pub mod route;
pub mod router;
pub mod serve;
pub mod simulate;
pub mod target;
pub mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::runtime::sentence::with_causes;
use crate::runtime::telemetry::{self, LogFormat};

/// The flags that every command has, apart from its own in the help.
const LOGGING: &str = "Logging";

/// Runs a Mobile-400 (移动400) service on Kubernetes: numbers, timetables and tariffs as custom resources, SIP redirects and
/// exact billing as the result.
#[derive(Debug, Parser)]
#[command(name = "fourhundred", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to log: a tracing filter such as `info,fourhundred::workers=debug`; `info` for servers, `warn` for `dev`
    #[arg(long, global = true, env = "FOURHUNDRED_LOG", value_name = "FILTER", help_heading = LOGGING)]
    pub log: Option<String>,
    /// How log lines look: human on a terminal and JSON otherwise, unless said here
    #[arg(long, global = true, value_enum, default_value_t, help_heading = LOGGING)]
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
    /// Decide a call by a folder of manifests or by a cluster's plan, and say why
    Route(route::Arguments),
    /// Run a folder's routing tests
    Test(test::Arguments),
    /// Tell what a change of manifests changes in calls
    Diff(diff::Arguments),
    /// Tell where calls would go, hour by hour, over a year
    Simulate(simulate::Arguments),
    /// Rate call records by a folder's tariffs
    Rate(rate::Arguments),
    /// Try it all on this machine: a cluster of its own, the examples, calls and what they cost
    Dev(dev::Arguments),
    /// Run the whole service from folders of manifests, without an API server
    Serve(serve::Arguments),
    /// Show what `serve` made of its folders, as kubectl would
    Get(get::Arguments),
    /// Answer one gateway's calls, in a process of its own
    Router(router::Arguments),
    /// Book one gateway's call records, in a process of its own
    Biller(biller::Arguments),
    /// Hand over call records that lie in files
    Ingest(ingest::Arguments),
    /// Print the custom resource definitions
    Crds(crds::Arguments),
    /// Write a verdict about a tenant's papers
    Approve(approve::Arguments),
    /// Send a number's calls elsewhere for a time
    Override(override_::Arguments),
    /// Play calls against a router and print its answers
    Call(call::Arguments),
    /// Show how a phone number is read
    ExplainNumber(explain_number::Arguments),
    /// Print a completion script for the shell
    Completion(completion::Arguments),
}

impl Command {
    /// The filter when nobody asks for another: where a person reads the output, only what is wrong. An API server that
    /// is coming up answers a client's first questions with errors, which are no news.
    fn default_log(&self) -> &'static str {
        match self {
            Self::Lint(_)
            | Self::Route(_)
            | Self::Test(_)
            | Self::Diff(_)
            | Self::Simulate(_)
            | Self::Rate(_)
            | Self::Dev(_)
            | Self::Get(_)
            | Self::Ingest(_)
            | Self::Crds(_)
            | Self::Approve(_)
            | Self::Override(_)
            | Self::Call(_)
            | Self::ExplainNumber(_)
            | Self::Completion(_) => "warn,kube_client=off",
            _ => "info",
        }
    }
}

/// Parses the process's arguments, runs the command and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::install(cli.log.as_deref().unwrap_or(cli.command.default_log()), cli.log_format) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(async move {
        match cli.command {
            Command::Operator(arguments) => operator::run(arguments).await,
            Command::Lint(arguments) => lint::run(&arguments),
            Command::Route(arguments) => route::run(&arguments).await,
            Command::Test(arguments) => test::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Simulate(arguments) => simulate::run(&arguments),
            Command::Rate(arguments) => rate::run(&arguments),
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Get(arguments) => get::run(&arguments),
            Command::Router(arguments) => router::run(arguments).await,
            Command::Biller(arguments) => biller::run(arguments).await,
            Command::Ingest(arguments) => ingest::run(arguments).await,
            Command::Crds(arguments) => crds::run(&arguments),
            Command::Approve(arguments) => approve::run(arguments).await,
            Command::Override(arguments) => override_::run(arguments).await,
            Command::Call(arguments) => call::run(arguments).await,
            Command::ExplainNumber(arguments) => explain_number::run(&arguments),
            Command::Completion(arguments) => completion::run(&arguments),
        }
    })
}

/// Prints an error with its causes, each once, and gives the exit code of a question that was wrong.
pub fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    output::tell(format_args!("error: {}", with_causes(error)));
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_subcommand_can_be_parsed_and_shows_examples_and_exit_codes() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("EXAMPLES\n"), "{}", command.get_name());
            assert!(help.contains("\nExit code: 0 "), "{} does not say how it ends", command.get_name());
            let long = help.lines().find(|line| line.chars().count() > 120);
            assert_eq!(long, None, "{}: a terminal of 120 columns would wrap this", command.get_name());
        }
    }
}
