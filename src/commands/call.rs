//! `fourhundred call`: plays calls against a router over UDP and prints what it answers. A probe, and a small bounded load.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::output::{Output, end_with_data, tell};
use crate::workers::router::dialler::{ANONYMOUS, Answer, Dialler};

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred call --to 4001000868 --from '020 3888 7777' 127.0.0.1:5070
  fourhundred call --to 4001000868 --from 13900002222 127.0.0.1:5070 --count 100 --rate 50 --output json

Exit code: 0 every call was redirected, 1 one was refused or not answered, 2 the question was wrong.";

/// Arguments of `call`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The router's SIP listener, HOST:PORT (kubectl get cgw -o yaml: status.addresses)
    #[arg(value_name = "HOST:PORT")]
    pub router: String,
    /// The 400 number to call
    #[arg(long, value_name = "NUMBER")]
    pub to: String,
    /// The caller's number; anonymous when absent
    #[arg(long, value_name = "NUMBER", default_value = ANONYMOUS)]
    pub from: String,
    /// How many calls, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
    /// Most calls a second
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Seconds to wait for a final answer
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub timeout: u32,
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Many calls in one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    calls: u32,
    redirected: u32,
    refused: u32,
    unanswered: u32,
    seconds: String,
}

/// What is wrong with the question, or with the way to the router.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{0:?} is no router: HOST:PORT is needed, such as 127.0.0.1:5070")]
    NoRouter(String, #[source] std::io::Error),
    #[error("{0:?} has no address")]
    NoAddress(String),
    #[error("{0} cannot be called")]
    Unreachable(SocketAddr, #[source] std::io::Error),
}

/// Calls.
pub async fn run(arguments: Arguments) -> ExitCode {
    let called = match open(&arguments).await {
        Ok((router, dialler)) if arguments.count == 1 => one(&arguments, router, &dialler).await,
        Ok((router, dialler)) => many(&arguments, router, &dialler).await,
        Err(error) => Err(error),
    };
    called.unwrap_or_else(|error| super::fail(&error))
}

async fn open(arguments: &Arguments) -> Result<(SocketAddr, Dialler), CallError> {
    let written = &arguments.router;
    let found = tokio::net::lookup_host(written).await.map_err(|error| CallError::NoRouter(written.clone(), error))?;
    // The first is the resolver's own choice.
    let router = found.into_iter().next().ok_or_else(|| CallError::NoAddress(written.clone()))?;
    let mut random = [0_u8; 8];
    let random = getrandom::fill(&mut random).map(|()| u64::from_le_bytes(random)).map_err(std::io::Error::other);
    let patience = Duration::from_secs(u64::from(arguments.timeout));
    let opened = match random {
        Ok(random) => Dialler::open(router, random, patience).await,
        Err(error) => Err(error),
    };
    opened.map(|dialler| (router, dialler)).map_err(|error| CallError::Unreachable(router, error))
}

/// Nobody is at this address now: as good as no answer.
fn nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

async fn one(arguments: &Arguments, router: SocketAddr, dialler: &Dialler) -> Result<ExitCode, CallError> {
    match dialler.call(0, &arguments.to, &arguments.from).await {
        Ok(Some(answer)) => {
            let code = if answer.redirects() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            Ok(end_with_data(arguments.output, &answer, || text(&answer), code))
        }
        Ok(None) => {
            tell(format_args!("error: no final answer from {router} within {} s", arguments.timeout));
            Ok(ExitCode::FAILURE)
        }
        Err(error) if nobody_there(&error) => {
            tell(format_args!("error: nobody answers at {router}: {error}"));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(CallError::Unreachable(router, error)),
    }
}

async fn many(arguments: &Arguments, router: SocketAddr, dialler: &Dialler) -> Result<ExitCode, CallError> {
    let began = Instant::now();
    let mut summary = Summary { calls: 0, redirected: 0, refused: 0, unanswered: 0, seconds: String::new() };
    let spacing = Duration::from_secs(1) / arguments.rate;
    for position in 0..arguments.count {
        tokio::time::sleep_until(began + spacing * position).await;
        summary.calls += 1;
        match dialler.call(position, &arguments.to, &arguments.from).await {
            Ok(Some(answer)) if answer.redirects() => summary.redirected += 1,
            Ok(Some(_)) => summary.refused += 1,
            Ok(None) => summary.unanswered += 1,
            Err(error) if nobody_there(&error) => summary.unanswered += 1,
            Err(error) => return Err(CallError::Unreachable(router, error)),
        }
    }
    summary.seconds = format!("{:.3}", began.elapsed().as_secs_f64());
    let code = ExitCode::from(u8::from(summary.redirected < summary.calls));
    let Summary { calls, redirected, refused, unanswered, seconds } = &summary;
    let text = || {
        format!("{calls} calls: {redirected} redirected, {refused} refused, {unanswered} unanswered in {seconds} s\n")
    };
    Ok(end_with_data(arguments.output, &summary, text, code))
}

fn text(answer: &Answer) -> String {
    let mut text = format!("{} {} ({} ms)\n", answer.status, answer.phrase, answer.milliseconds);
    // Writing to a String cannot fail.
    for contact in &answer.contacts {
        let q = contact.q.as_ref().map(|q| format!("  q={q}")).unwrap_or_default();
        let ring = contact.ring_seconds.as_ref().map(|s| format!("  rings {s} s")).unwrap_or_default();
        let _ = writeln!(text, "  {}{q}{ring}", contact.uri);
    }
    if let Some(reason) = &answer.reason {
        let _ = writeln!(text, "  reason {reason}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::{Cli, Command};

    fn asked(router: &str, more: &str) -> Arguments {
        let words = format!("fourhundred call --to 4001000868 {router} --timeout 1{more}");
        match Cli::try_parse_from(words.split(' ')).unwrap().command {
            Command::Call(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_closed_port_leaves_calls_unanswered_and_ends_no_run() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        assert_eq!(run(asked(&closed, "")).await, ExitCode::FAILURE);
        assert_eq!(run(asked(&closed, " --count 3")).await, ExitCode::FAILURE);
    }

    #[tokio::test]
    async fn what_is_no_router_is_told_with_its_cause() {
        let error = open(&asked("nobody", "")).await.unwrap_err();
        assert!(crate::runtime::sentence::with_causes(&error).contains("such as 127.0.0.1:5070: "), "{error:?}");
        assert_eq!(run(asked("nobody", "")).await, ExitCode::from(2));
    }
}
