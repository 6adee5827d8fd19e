//! The ports and command lines of etcd and kube-apiserver.

use super::{ControlPlane, ControlPlaneError, Durability};
use crate::runtime::ports;

#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) api_server: u16,
    pub(super) etcd_client: u16,
    pub(super) etcd_peer: u16,
}

impl Ports {
    pub(super) fn pick() -> Result<Self, ControlPlaneError> {
        let port = || ports::pick().map_err(ControlPlaneError::Port);
        Ok(Self { api_server: port()?, etcd_client: port()?, etcd_peer: port()? })
    }
}

impl ControlPlane {
    pub(super) fn etcd_flags(&self) -> Vec<String> {
        let Ports { etcd_client, etcd_peer, .. } = self.ports;
        let mut flags = vec![
            "--name=fourhundred".to_owned(),
            format!("--data-dir={}", self.options.data_dir.join("etcd").display()),
            format!("--listen-client-urls=http://127.0.0.1:{etcd_client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{etcd_client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{etcd_peer}"),
            // The store remembers the peer address of its first start; it has no peers, so any fixed one will do.
            "--initial-advertise-peer-urls=http://127.0.0.1:2380".to_owned(),
            "--initial-cluster=fourhundred=http://127.0.0.1:2380".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        if self.options.durability == Durability::Unsynced {
            flags.push("--unsafe-no-fsync".to_owned());
        }
        flags
    }

    pub(super) fn api_server_flags(&self) -> Vec<String> {
        let data_dir = &self.options.data_dir;
        let mut flags = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd_client),
            "--bind-address=127.0.0.1".to_owned(),
            // Without these two it asks for a default route and a host name, which a machine may lack.
            "--advertise-address=127.0.0.1".to_owned(),
            "--external-hostname=localhost".to_owned(),
            // Nobody reaches it through the `kubernetes` Service, and a loopback address is refused in an EndpointSlice.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.ports.api_server),
            format!("--cert-dir={}", data_dir.join("certificates").display()),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            format!("--token-auth-file={}", self.credentials.token_file.display()),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", self.credentials.private_key_file.display()),
            format!("--service-account-key-file={}", self.credentials.public_key_file.display()),
            "--profiling=false".to_owned(),
        ];
        if self.options.audit_policy.is_some() {
            flags.push(format!("--audit-policy-file={}", self.audit_policy_file().display()));
            flags.push(format!("--audit-log-path={}", self.audit_log().display()));
        }
        flags.extend(self.options.api_server_flags.iter().cloned());
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_picked_ports_differ() {
        let Ports { api_server, etcd_client, etcd_peer } = Ports::pick().unwrap();
        assert!(api_server != etcd_client && etcd_client != etcd_peer && etcd_peer != api_server);
    }
}
