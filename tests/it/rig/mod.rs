//! The operator as its users run it: the real program on a control plane of its own, with the examples' gateway, tenant
//! and price book applied; SIP and HTTP towards it. Tests may kill it, start it again and take its API server away.

pub mod http;
pub mod objects;
pub mod process;
pub mod sip;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use fourhundred::{
    api::FourHundredNumber,
    runtime::{client, ports},
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;

use self::{http::Connection, sip::Phone};
use crate::harness::{Cluster, eventually, launch, workspace};

/// The token of the examples' Secret.
pub const TOKEN: &str = "demo-token-change-me";
/// A Tuesday of November, between the typhoon and the promotion of the examples.
pub const TUESDAY: &str = "2026-11-10T10:00:00+08:00";
/// Long enough for a debug build beside another test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// See the module's text.
pub struct Rig {
    // Before the control plane and the folder: fields are dropped in this order.
    operator: Option<Child>,
    pub cluster: Cluster,
    folder: TempDir,
    /// Ports of the gateway's listeners.
    pub sip: u16,
    pub http: u16,
    pub sip_tcp: u16,
}

impl Rig {
    /// A control plane with the definitions alone, no operator yet.
    pub async fn bare() -> Self {
        let cluster = Cluster::own().await;
        let folder = workspace().folder("operator-");
        let (sip, http, sip_tcp) = (ports::pick().unwrap(), ports::pick().unwrap(), ports::pick().unwrap());
        let rig = Self { operator: None, cluster, folder, sip, http, sip_tcp };
        let crds = root().join("crds");
        rig.cluster.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]).await.ok();
        rig.cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).await.ok();
        rig
    }

    /// The same with the examples' platform folder but the gateway.
    pub async fn new() -> Self {
        let rig = Self::bare().await;
        for name in ["00-namespaces", "secrets", "number-pool", "tariff", "holiday-calendar", "tenant"] {
            rig.apply(&read_example(&format!("platform/{name}.yaml"))).await;
        }
        rig
    }

    /// The same with the gateway, and the operator running.
    pub async fn running() -> Self {
        let mut rig = Self::new().await;
        rig.apply(&rig.gateway()).await;
        rig.start(&[]);
        rig
    }

    /// The examples' gateway with this rig's ports.
    pub fn gateway(&self) -> String {
        let example = read_example("platform/gateway.yaml");
        // A port of the system's choice would be another one after each restart, and the status would tell.
        let with_ports = [self.sip, self.http, self.sip_tcp]
            .iter()
            .fold(example.clone(), |text, port| text.replacen("port: 0", &format!("port: {port}"), 1));
        assert!(with_ports != example && !with_ports.contains("port: 0"), "{with_ports}");
        with_ports
    }

    /// `kubectl apply` of a manifest's text.
    pub async fn apply(&self, text: &str) {
        let file = self.folder.path().join("apply.yaml");
        std::fs::write(&file, text).unwrap();
        self.cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", file.to_str().unwrap()]).await.ok();
    }

    /// `kubectl delete` of a manifest's text, without waiting for finalizers, of which there should be none.
    pub async fn delete(&self, text: &str) {
        let file = self.folder.path().join("delete.yaml");
        std::fs::write(&file, text).unwrap();
        self.cluster.kubectl(&["delete", "--wait=false", "-f", file.to_str().unwrap()]).await.ok();
    }

    /// Applies files of the examples' tenant.
    pub async fn apply_acme(&self, names: &[&str]) {
        for name in names {
            self.apply(&read_example(&format!("acme/{name}.yaml"))).await;
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("operator.log")
    }

    /// Starts the operator. It need not be ready when this returns.
    pub fn start(&mut self, flags: &[&str]) {
        assert!(self.operator.is_none(), "one operator at a time");
        let mut command = launch::fourhundred();
        command
            .arg("operator")
            .args(["--gateway-namespaces", "telephony", "--namespace", "default"])
            .args(["--bind", "127.0.0.1", "--http", "127.0.0.1:0", "--log", "info"])
            .arg("--kubeconfig")
            .arg(self.cluster.kubeconfig(fourhundred::runtime::control_plane::ADMIN))
            .arg("--data")
            .arg(self.data())
            .args(flags);
        for (flag, value) in [("--clock-at", TUESDAY), ("--leader-election", "none")] {
            if !flags.contains(&flag) {
                command.args([flag, value]);
            }
        }
        self.operator = Some(launch::start(command, &self.log()));
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        let mut operator = self.operator.take().expect("an operator runs");
        operator.kill().await.unwrap();
    }

    /// Waits for an operator that is to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut operator = self.operator.take().expect("an operator runs");
        match tokio::time::timeout(PATIENCE, operator.wait()).await {
            Ok(status) => status.unwrap(),
            Err(elapsed) => panic!("the operator did not end ({elapsed}):\n{}", self.end_of_log()),
        }
    }

    /// Panics with the log's end if the operator is gone.
    pub fn still_runs(&mut self) {
        let operator = self.operator.as_mut().expect("an operator was started");
        if let Some(status) = operator.try_wait().unwrap() {
            panic!("the operator ended with {status}:\n{}", self.end_of_log());
        }
    }

    /// Memory that the operator holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let pid = self.operator.as_ref().and_then(Child::id).expect("an operator runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is told");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The operator's own metrics as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        let address = std::fs::read_to_string(self.data().join("http.addr")).unwrap();
        let question = client::Question { path: "/metrics", ..client::Question::default() };
        let asked = client::send(address.trim(), question).await;
        String::from_utf8(asked.unwrap().body.to_vec()).unwrap()
    }

    pub fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    pub fn numbers(&self) -> Api<FourHundredNumber> {
        Api::namespaced(self.cluster.client(), "acme")
    }

    /// Changes a number's spec as an owner would; gives the new generation.
    pub async fn edit(&self, name: &str, spec: Value) -> i64 {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let edited = self.numbers().patch(name, &PatchParams::default(), &patch).await.unwrap();
        edited.metadata.generation.unwrap()
    }

    /// Waits until the number says that its present generation is live.
    pub async fn programmed(&self, name: &str) -> FourHundredNumber {
        eventually(PATIENCE, &format!("{name} is Programmed"), async || {
            let number = self.numbers().get(name).await.map_err(|error| error.to_string())?;
            if is_programmed(&number) {
                Ok(number)
            } else {
                Err(format!("{}\n{}", serde_json::to_string(&number.status).unwrap(), self.end_of_log()))
            }
        })
        .await
    }

    pub async fn phone(&self) -> Phone {
        Phone::calling(SocketAddr::from(([127, 0, 0, 1], self.sip))).await
    }

    pub async fn connect(&self) -> std::io::Result<Connection> {
        Connection::open(SocketAddr::from(([127, 0, 0, 1], self.http))).await
    }

    /// Waits until call records are taken, and gives the connection on which they are.
    pub async fn intake_is_open(&self) -> Connection {
        eventually(PATIENCE, "the intake takes records", async || {
            let mut connection = self.connect().await.map_err(|error| error.to_string())?;
            let answer = connection.post_records(TOKEN, "").await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(connection) } else { Err(format!("{answer:?}\n{}", self.end_of_log())) }
        })
        .await
    }
}

/// Whether `Programmed` is True for the generation that the object is at.
pub fn is_programmed(number: &FourHundredNumber) -> bool {
    condition(number, "Programmed")
        .is_some_and(|(status, _, generation)| status == "True" && Some(generation) == number.metadata.generation)
}

/// Status, reason and observed generation of a number's condition.
pub fn condition(number: &FourHundredNumber, kind: &str) -> Option<(String, String, i64)> {
    let conditions = serde_json::to_value(number.status.as_ref()?).unwrap();
    let found = conditions["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)?.clone();
    Some((
        found["status"].as_str()?.to_owned(),
        found["reason"].as_str()?.to_owned(),
        found["observedGeneration"].as_i64().unwrap_or(-1),
    ))
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read_example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).unwrap()
}

/// Random numbers that a seed repeats: splitmix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + i64::try_from(self.below(u64::try_from(last - first + 1).unwrap())).unwrap()
    }

    /// True in `percent` of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<T: Copy>(&mut self, among: &[T]) -> T {
        *self.pick(among)
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }
}
