//! `fourhundred biller`: one gateway's call records, booked by a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::router::{Common, work};
use crate::embedding::Roles;
use crate::serving::worker::Worker;

const EXAMPLES: &str = "\
EXAMPLES
  In a pod, by its service account:
    fourhundred biller --gateway telephony/east --data /var/lib/fourhundred \\
        --token-file /run/secrets/operator-token --intake-token-file /run/secrets/cdr-token

The ledger is DATA/ledger.sqlite. It takes records for the numbers of its copy of the plan at once, with or without an
API server.

Exit code: 0 ended by a signal, 2 it could not start or go on.";

/// Arguments of `biller`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    /// File with the token that switches show to hand over records; without it intake is off
    #[arg(long, value_name = "FILE")]
    pub intake_token_file: Option<PathBuf>,
}

/// Books until a signal.
pub async fn run(arguments: Arguments) -> ExitCode {
    let intake_token_file = arguments.intake_token_file;
    work(Worker { intake_token_file, ..arguments.common.worker(Roles::Biller) }).await
}
