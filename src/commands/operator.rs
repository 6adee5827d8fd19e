//! `fourhundred operator`: the control loops and, embedded, the workers.
//!
//! Workers start first, from their disk copy, and ignore the lease. Then the client, the CRDs, the stores; control loops run
//! while this process leads, and campaign again when it no longer does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::answering::AnsweringFlags;
use crate::embedding::{self, Embedding, Endpoint, Operation};
use crate::ledger::crash::CrashPoints;
use crate::runtime::shutdown;

const EXAMPLES: &str = "\
EXAMPLES
  In a pod, by its service account; its Lease goes to the pod's namespace (POD_NAMESPACE):
    fourhundred operator --gateway-namespaces telephony --data /var/lib/fourhundred

  On a laptop against a kind cluster; the namespace of its Lease has to be there, or nobody leads:
    kubectl create namespace fourhundred-system
    fourhundred operator --kubeconfig ~/.kube/config --gateway-namespaces telephony --bind 127.0.0.1 --data ./data

Exit code: 0 ended by a signal, 2 it could not start or go on.";

/// Whether this process answers calls and books records itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Workers {
    /// Inside this process: laptop, CI, small installations.
    #[default]
    Embedded,
    /// Elsewhere; see --worker-endpoints.
    None,
}

/// Whether replicas agree on a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LeaderElection {
    /// By a Lease; others stand by, warm.
    #[default]
    Lease,
    /// This process always leads. Only for a single replica.
    None,
}

/// Arguments of `operator`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Connect by this kubeconfig instead of the pod's service account
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Namespaces whose CallGateways are served, comma-separated; the operator's own when absent
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_namespace)]
    pub gateway_namespaces: Vec<String>,
    /// Namespace of the operator, which must exist: its Lease lives there
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME", default_value = "fourhundred-system")]
    pub namespace: String,
    /// How replicas agree on who writes
    #[arg(long, value_enum, default_value_t)]
    pub leader_election: LeaderElection,
    /// Keeps the ledger and the copy of the plan; one process at a time
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Where calls are answered and records booked
    #[arg(long, value_enum, default_value_t)]
    pub workers: Workers,
    /// Routers outside this process, as NAMESPACE/GATEWAY=http://HOST:PORT, comma-separated; the token is read from the file below
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub worker_endpoints: Vec<Endpoint>,
    /// File with the token that workers outside this process ask the operator for
    #[arg(long, value_name = "FILE")]
    pub worker_token_file: Option<PathBuf>,
    /// Address that embedded listeners bind
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub bind: IpAddr,
    /// Address of /livez, /readyz and /metrics; the bound one is written to DATA/http.addr
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// Most usage and timetable status writes a second, all objects together
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub usage_writes_per_second: u32,
    #[command(flatten)]
    pub answering: AnsweringFlags,
    /// Tests and `dev` only: the instant at which this process's clock stands when it starts
    #[arg(long, hide = true, value_name = "INSTANT")]
    pub clock_at: Option<Timestamp>,
    /// Tests only: a point of the booking transaction at which the process aborts
    #[arg(long, hide = true, value_name = "POINT[:N]")]
    pub crash_point: Option<CrashPoints>,
}

/// Plan parts are trusted in these namespaces, so each is named; a pattern would trust whoever may make a namespace.
fn parse_namespace(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err("a namespace's name is needed, such as telephony: gateways are served only where it is said by name".to_owned())
}

impl From<Arguments> for Operation {
    fn from(arguments: Arguments) -> Self {
        Self {
            kubeconfig: arguments.kubeconfig,
            context: arguments.context,
            gateway_namespaces: arguments.gateway_namespaces,
            namespace: arguments.namespace,
            leader_election: match arguments.leader_election {
                LeaderElection::Lease => embedding::LeaderElection::Lease,
                LeaderElection::None => embedding::LeaderElection::None,
            },
            data: arguments.data,
            workers: match arguments.workers {
                Workers::Embedded => embedding::Workers::Embedded,
                Workers::None => embedding::Workers::None,
            },
            worker_endpoints: arguments.worker_endpoints,
            worker_token_file: arguments.worker_token_file,
            bind: arguments.bind,
            http: arguments.http,
            usage_writes_per_second: arguments.usage_writes_per_second,
            answering: arguments.answering.into(),
            clock_at: arguments.clock_at,
            crash_points: arguments.crash_point,
        }
    }
}

/// Runs until a signal.
pub async fn run(arguments: Arguments) -> ExitCode {
    let operation = Operation::from(arguments);
    let stop = match shutdown::on_signals() {
        Ok(stop) => stop,
        Err(error) => return super::fail(&error),
    };
    let embedding = match Embedding::open(&operation) {
        Ok(embedding) => embedding,
        Err(error) => return super::fail(&error),
    };
    match embedding::operate(operation, embedding, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_served_only_in_namespaces_that_are_named() {
        assert_eq!(parse_namespace("telephony").as_deref(), Ok("telephony"));
        for text in ["*", "", "tele phony", "Telephony", "tele*"] {
            assert!(parse_namespace(text).is_err(), "{text}");
        }
    }
}
