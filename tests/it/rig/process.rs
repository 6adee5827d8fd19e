//! An operator process of its own, for tests that run several on one control plane or count one's requests by its user.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{Api, api::PostParams};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Child,
};

use super::PATIENCE;
use crate::harness::{Cluster, eventually, launch};

/// See the module's text. Dropping it kills it.
pub struct Process {
    child: Child,
    folder: PathBuf,
    pub name: String,
}

impl Process {
    /// Starts `fourhundred operator` as `user` with its data and log below `folder`, under `name`.
    pub fn start(cluster: &Cluster, user: &str, folder: &Path, name: &str, flags: &[&str]) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // Written by the process once it listens.
        let _ = std::fs::remove_file(folder.join("data/http.addr"));
        let mut command = launch::fourhundred();
        command
            .arg("operator")
            .args(["--gateway-namespaces", "telephony", "--namespace", "default"])
            .args(["--bind", "127.0.0.1", "--http", "127.0.0.1:0"])
            .env("FOURHUNDRED_LOG", "info")
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig(user))
            .arg("--data")
            .arg(folder.join("data"))
            .args(flags);
        Self { child: launch::start(command, &folder.join("log")), folder, name: name.to_owned() }
    }

    /// The same, and waits until it knows every object.
    pub async fn ready(cluster: &Cluster, user: &str, folder: &Path, name: &str, flags: &[&str]) -> Self {
        let process = Self::start(cluster, user, folder, name, flags);
        eventually(PATIENCE, &format!("operator {name} is ready"), async || {
            let answer = process.get("/readyz").await.map_err(|error| error.to_string())?;
            if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("{answer}\n{}", process.log())) }
        })
        .await;
        process
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the operator runs")
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        match tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(elapsed) => panic!("operator {} did not end ({elapsed}):\n{}", self.name, self.log()),
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Head and body of an answer of the probes' listener.
    pub async fn get(&self, path: &str) -> std::io::Result<String> {
        let address = std::fs::read_to_string(self.folder.join("data/http.addr"))?;
        let address: SocketAddr = address.parse().map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").as_bytes())
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Memory that it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is told");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Lets `user` do everything, so that an operator can run as somebody whose requests are told from the test's own.
pub async fn let_do_everything(cluster: &Cluster, user: &str) {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": format!("test-{}", user.replace(':', "-"))},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }))
    .unwrap();
    Api::<ClusterRoleBinding>::all(cluster.client()).create(&PostParams::default(), &binding).await.unwrap();
}
