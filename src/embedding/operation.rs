//! What an operator process is told: by its command line, or by `dev`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;

use crate::controllers::key::Key;
use crate::ledger::crash::CrashPoints;
use crate::workers::router::listeners::Answering;

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `None`: the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// Namespaces whose CallGateways are served; the operator's own when empty.
    pub gateway_namespaces: Vec<String>,
    /// The operator's own: its Lease lives there.
    pub namespace: String,
    pub leader_election: LeaderElection,
    /// Keeps the ledger and the copy of the plan.
    pub data: PathBuf,
    pub workers: Workers,
    /// Routers outside this process.
    pub worker_endpoints: Vec<Endpoint>,
    /// The token that they ask for.
    pub worker_token_file: Option<PathBuf>,
    /// The address that embedded listeners bind.
    pub bind: IpAddr,
    /// Where the probes listen.
    pub http: SocketAddr,
    pub usage_writes_per_second: u32,
    pub answering: Answering,
    /// `None`: the system's clock.
    pub clock_at: Option<Timestamp>,
    /// Tests only.
    pub crash_points: Option<CrashPoints>,
}

/// Whether this process answers calls and books records itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    Embedded,
    None,
}

/// Whether replicas agree on a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaderElection {
    Lease,
    /// This process always leads.
    None,
}

/// A router's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub gateway: Key,
    /// `HOST:PORT`
    pub address: String,
}

/// Text that names no router's API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no worker endpoint: NAMESPACE/GATEWAY=http://HOST:PORT is needed")]
pub struct NotAnEndpoint(String);

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (gateway, url) = text.split_once('=')?;
            let (namespace, name) = gateway.split_once('/')?;
            let address = url.strip_prefix("http://")?.trim_end_matches('/');
            let whole = ![namespace, name, address].contains(&"");
            whole.then(|| Self { gateway: Key::new(namespace, name), address: address.to_owned() })
        };
        parse().ok_or_else(|| NotAnEndpoint(text.chars().take(200).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_names_a_gateway_and_where_its_router_is() {
        let endpoint: Endpoint = "telephony/east=http://127.0.0.1:8090/".parse().expect("an endpoint");
        assert_eq!(
            (endpoint.gateway.to_string().as_str(), endpoint.address.as_str()),
            ("telephony/east", "127.0.0.1:8090")
        );
        for text in ["telephony=http://127.0.0.1:8090", "telephony/east=127.0.0.1:8090", "telephony/east=http://", ""] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
