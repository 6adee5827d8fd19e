//! `fourhundred call`: plays calls against a router over UDP and prints what it answers. A probe, and a small bounded load.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::output::{Output, print_data};
use crate::workers::router::dialler::{ANONYMOUS, Answer, Dialler};

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred call --to 4001000868 --from '020 3888 7777' 127.0.0.1:5070
  fourhundred call --to 4001000868 --from 13900002222 127.0.0.1:5070 --count 100 --rate 50 --output json";

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

/// Calls. Exit code 0: every call was redirected; 1: one was refused; 2: one got no answer.
pub async fn run(arguments: Arguments) -> ExitCode {
    let found = tokio::net::lookup_host(&arguments.router).await.map(|mut found| found.next());
    let Ok(Some(router)) = found else { return unusable(&arguments.router) };
    let dialler = match open(router, &arguments).await {
        Ok(dialler) => dialler,
        Err(error) => return super::fail(&error),
    };
    if arguments.count == 1 {
        return match dialler.call(0, &arguments.to, &arguments.from).await {
            Ok(Some(answer)) => print_answer(arguments.output, &answer),
            Ok(None) => {
                eprintln!("error: no final answer from {router} within {} s", arguments.timeout);
                ExitCode::from(2)
            }
            Err(error) => super::fail(&error),
        };
    }
    many(&arguments, &dialler).await
}

async fn open(router: SocketAddr, arguments: &Arguments) -> std::io::Result<Dialler> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    Dialler::open(router, u64::from_le_bytes(random), Duration::from_secs(u64::from(arguments.timeout))).await
}

fn unusable(router: &str) -> ExitCode {
    eprintln!("error: {router} is no router: HOST:PORT is needed, such as 127.0.0.1:5070");
    ExitCode::from(2)
}

async fn many(arguments: &Arguments, dialler: &Dialler) -> ExitCode {
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
            Err(error) => return super::fail(&error),
        }
    }
    summary.seconds = format!("{:.3}", began.elapsed().as_secs_f64());
    let Summary { calls, redirected, refused, unanswered, seconds } = &summary;
    let code = if *unanswered > 0 { 2 } else { u8::from(*refused > 0) };
    match print_data(arguments.output, &summary) {
        Err(code) => return code,
        Ok(true) => {}
        Ok(false) => println!(
            "{calls} calls: {redirected} redirected, {refused} refused, {unanswered} unanswered in {seconds} s"
        ),
    }
    ExitCode::from(code)
}

fn print_answer(output: Output, answer: &Answer) -> ExitCode {
    match print_data(output, answer) {
        Err(code) => return code,
        Ok(true) => {}
        Ok(false) => {
            println!("{} {} ({} ms)", answer.status, answer.phrase, answer.milliseconds);
            for contact in &answer.contacts {
                let q = contact.q.as_ref().map(|q| format!("  q={q}")).unwrap_or_default();
                let ring = contact.ring_seconds.as_ref().map(|s| format!("  rings {s} s")).unwrap_or_default();
                println!("  {}{q}{ring}", contact.uri);
            }
            if let Some(reason) = &answer.reason {
                println!("  reason {reason}");
            }
        }
    }
    if answer.redirects() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
