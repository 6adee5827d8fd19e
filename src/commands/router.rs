//! `fourhundred router`: one gateway's calls, answered by a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::answering::AnsweringFlags;
use crate::controllers::key::Key;
use crate::embedding::Roles;
use crate::runtime::shutdown;
use crate::serving::worker::{self, Worker};
use crate::workers::router::listeners::Answering;

const EXAMPLES: &str = "\
EXAMPLES
  In a pod, by its service account:
    fourhundred router --gateway telephony/east --data /var/lib/fourhundred --token-file /run/secrets/operator-token

  Beside an operator on this machine, which is then told where the router is:
    fourhundred router --gateway telephony/east --kubeconfig ~/.kube/config --data ./router --bind 127.0.0.1 \\
        --token-file ./operator-token
    fourhundred operator --workers none --worker-endpoints telephony/east=http://127.0.0.1:8090 \\
        --worker-token-file ./operator-token …

It answers from its copy of the plan at once, with or without an API server.

Exit code: 0 ended by a signal, 2 it could not start or go on.";

/// What `router` and `biller` have in common.
#[derive(Debug, Args)]
pub struct Common {
    /// The CallGateway whose plan is served
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = parse_key)]
    pub gateway: Key,
    /// Connect by this kubeconfig instead of the pod's service account
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Keeps the copy of the plan; one process at a time
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address that listeners bind; where they are is written to DATA/listeners
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub bind: IpAddr,
    /// Address of /livez, /readyz and /metrics; the bound one is written to DATA/http.addr
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// File with the token that the operator shows
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Tests only: the instant at which this process's clock stands when it starts
    #[arg(long, hide = true, value_name = "INSTANT")]
    pub clock_at: Option<Timestamp>,
}

/// Arguments of `router`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    /// File with the token that switches show to ask for decisions, on every HTTP listener of the gateway. Without it
    /// the listener's peers decide, and a listener that names a tokenSecretRef admits nobody
    #[arg(long, value_name = "FILE")]
    pub route_token_file: Option<PathBuf>,
    /// Folder with LISTENER/tls.crt and LISTENER/tls.key for each TLS listener, as Secrets are mounted; read again every
    /// ten seconds
    #[arg(long, value_name = "DIR")]
    pub certificates: Option<PathBuf>,
    #[command(flatten)]
    pub answering: AnsweringFlags,
}

fn parse_key(text: &str) -> Result<Key, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Key::new(namespace, name))
        }
        _ => Err("NAMESPACE/NAME is needed, such as telephony/east".to_owned()),
    }
}

impl Common {
    /// A worker in these roles, with no tokens but the operator's.
    pub fn worker(self, roles: Roles) -> Worker {
        let Self { gateway, kubeconfig, context, data, bind, http, token_file, clock_at } = self;
        Worker {
            roles,
            gateway,
            kubeconfig,
            context,
            data,
            bind,
            http,
            token_file,
            answering: Answering::default(),
            route_token_file: None,
            certificates: None,
            intake_token_file: None,
            clock_at,
        }
    }
}

/// Routes until a signal.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { common, route_token_file, certificates, answering } = arguments;
    work(Worker { answering: answering.into(), route_token_file, certificates, ..common.worker(Roles::Router) }).await
}

/// Runs a worker until a signal.
pub async fn work(worker: Worker) -> ExitCode {
    let stop = match shutdown::on_signals() {
        Ok(stop) => stop,
        Err(error) => return super::fail(&error),
    };
    match worker::work(worker, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error),
    }
}
