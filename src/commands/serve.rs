//! `fourhundred serve`: the whole service from folders of manifests, without an API server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::answering::AnsweringFlags;
use crate::runtime::shutdown;
use crate::serving::{self, Serving};

const EXAMPLES: &str = "\
EXAMPLES
  The examples of this repository, on this machine alone:
    fourhundred serve examples/platform examples/acme --data ./data

  What it made of them, from another terminal:
    fourhundred get fhn,cgw,ten --data ./data

  A fallback site that a Git checkout keeps up to date; the token is not in Git:
    fourhundred serve /srv/numbers --data /var/lib/fourhundred --bind 0.0.0.0 --token-file /run/secrets/cdr-token

Edits are taken over within two seconds. A state with a mistake in any file changes nothing: the last good one goes on.

Exit code: 0 ended by a signal, 2 it could not start or go on.";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folders or files of manifests, taken together; edits are followed. Folders below them named `invalid` are read past
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Keeps ledger, plan copy, claims, and each object with its status; one process at a time
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address that listeners bind
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub bind: IpAddr,
    /// Address of /livez, /readyz and /metrics; the bound one is written to DATA/http.addr
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub http: SocketAddr,
    /// File with the token of call record intake, for gateways whose Secret is not in the folders
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Most usage and timetable status writes a second, all objects together
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub usage_writes_per_second: u32,
    #[command(flatten)]
    pub answering: AnsweringFlags,
    /// Tests only: the instant at which this process's clock stands when it starts
    #[arg(long, hide = true, value_name = "INSTANT")]
    pub clock_at: Option<Timestamp>,
}

/// Serves until a signal.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { folders, data, bind, http, token_file, usage_writes_per_second, answering, clock_at } = arguments;
    let answering = answering.into();
    let stop = match shutdown::on_signals() {
        Ok(stop) => stop,
        Err(error) => return super::fail(&error),
    };
    let serving = Serving { folders, data, bind, http, token_file, usage_writes_per_second, answering, clock_at };
    match serving::serve(serving, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error),
    }
}
