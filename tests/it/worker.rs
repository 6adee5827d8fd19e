//! `fourhundred router` and `fourhundred biller` as processes of their own, beside an operator without workers.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use fourhundred::api::FourHundredNumber;
use fourhundred::runtime::client::{self, ClientError};
use fourhundred::runtime::control_plane::ADMIN;
use fourhundred::runtime::ports;
use kube::Api;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::child::{self, Program, edit, invite};
use crate::harness::{Cluster, eventually, workspace};

suite! {
    a_router_of_its_own_programs_numbers_and_outlives_the_api_server,
    a_biller_of_its_own_books_records_with_or_without_an_api_server,
}

const TOKEN: &str = "between-operator-and-workers";
const INTAKE_TOKEN: &str = "of-the-switches";
const HOTLINE: &str = "4001000868";
const CALLER: &str = "01066660000";
/// A Monday morning.
const CLOCK: &str = "2026-11-23T10:00:00+08:00";

/// The examples on a control plane of their own, and an operator without workers.
struct Bench {
    // Before the control plane and the folder: fields are dropped in this order.
    operator: Program,
    cluster: Cluster,
    folder: TempDir,
    sip: SocketAddr,
    /// Port of the gateway's HTTP listener.
    api: u16,
}

impl Bench {
    async fn new() -> Self {
        let cluster = Cluster::own().await;
        let folder = workspace().folder("workers-");
        let path = |name: &str| folder.path().join(name);
        child::examples(&path("manifests"));
        // The operator has to be told where the router will be.
        let sip = SocketAddr::from(([127, 0, 0, 1], ports::pick().unwrap()));
        let api = ports::pick().unwrap();
        let gateway = path("manifests/platform/gateway.yaml");
        edit(&gateway, "protocol: UDP, port: 0", &format!("protocol: UDP, port: {}", sip.port()));
        edit(&gateway, "protocol: HTTP, port: 0", &format!("protocol: HTTP, port: {api}"));
        std::fs::write(path("token"), TOKEN).unwrap();
        std::fs::write(path("intake-token"), INTAKE_TOKEN).unwrap();
        let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        cluster.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]).await.ok();
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).await.ok();
        for manifests in ["manifests/platform", "manifests/acme"] {
            cluster.kubectl(&["apply", "--server-side", "-f", path(manifests).to_str().unwrap()]).await.ok();
        }
        let endpoint = format!("telephony/east=http://127.0.0.1:{api}");
        let kubeconfig = cluster.kubeconfig(ADMIN);
        let token = path("token");
        std::fs::create_dir(path("operator")).unwrap();
        #[rustfmt::skip]
        let operator = Program::start(&path("operator"), &[
            "operator", "--kubeconfig", kubeconfig.to_str().unwrap(), "--gateway-namespaces", "telephony",
            "--leader-election", "none", "--workers", "none", "--worker-endpoints", &endpoint,
            "--worker-token-file", token.to_str().unwrap(), "--clock-at", CLOCK,
        ]);
        operator.ready().await;
        Self { operator, cluster, folder, sip, api }
    }

    /// Starts `fourhundred ROLE` for the gateway.
    fn worker(&self, role: &str, more: &[&str]) -> Program {
        let data = self.folder.path().join(role);
        std::fs::create_dir_all(&data).unwrap();
        let (kubeconfig, token) = (self.cluster.kubeconfig(ADMIN), self.file("token"));
        #[rustfmt::skip]
        let common = [
            role, "--gateway", "telephony/east", "--kubeconfig", kubeconfig.to_str().unwrap(), "--token-file", &token,
            "--clock-at", CLOCK,
        ];
        Program::start(&data, &[&common, more].concat())
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The reason of the hotline's condition, if it has this status.
    async fn hotline(&self, condition: &str, status: &str) -> Result<String, String> {
        let numbers: Api<FourHundredNumber> = Api::namespaced(self.cluster.client(), "acme");
        let shown = numbers.get("hotline").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let found = shown.conditions.iter().find(|shown| shown.type_ == condition && shown.status == status);
        found.map(|found| found.reason.clone()).ok_or(format!("{:?}", shown.conditions))
    }
}

async fn a_router_of_its_own_programs_numbers_and_outlives_the_api_server() {
    let bench = Bench::new().await;
    let waits = async || bench.hotline("Programmed", "False").await;
    let reason = eventually(Duration::from_secs(20), "the number waits for a router", waits).await;
    assert_eq!(reason, "NoReadyRouter");

    let start = || bench.worker("router", &["--bind", "127.0.0.1"]);
    let router = start();
    router.ready().await;
    let programmed = async || bench.hotline("Programmed", "True").await;
    eventually(Duration::from_secs(20), "the number is programmed", programmed).await;
    answers(bench.sip).await;

    // Without the API server: a restart from the copy on disk, and ready.
    bench.cluster.control_plane.kill_api_server().await.unwrap();
    router.stop().await;
    let router = start();
    router.ready().await;
    answers(bench.sip).await;
    let listeners = std::fs::read_to_string(bench.file("router/listeners")).unwrap();
    assert!(listeners.contains(&format!("sip-udp {}\n", bench.sip)), "{listeners}");
    router.stop().await;
    bench.operator.stop().await;
}

async fn a_biller_of_its_own_books_records_with_or_without_an_api_server() {
    let bench = Bench::new().await;
    // Another address of this machine, as another pod would have.
    let address = SocketAddr::from(([127, 0, 0, 2], bench.api)).to_string();
    let intake = bench.file("intake-token");
    let start = || bench.worker("biller", &["--bind", "127.0.0.2", "--intake-token-file", &intake]);
    let book = async |call_id: &str| {
        let record = json!({"source": "it", "callId": call_id, "leg": 1, "number": HOTLINE, "caller": CALLER,
            "destination": "01088880001", "startedAt": "2026-11-23T10:05:00+08:00",
            "answeredAt": "2026-11-23T10:05:05+08:00", "endedAt": "2026-11-23T10:06:00+08:00", "outcome": "Answered"});
        let body = record.to_string();
        let sent = client::post(&address, "/v1/call-records", INTAKE_TOKEN, "application/json", body).await;
        let sent = sent.map_err(|error| error.to_string())?;
        let answer = serde_json::from_slice::<Value>(&sent.body).unwrap_or_default();
        if sent.status == 200 && answer["unrated"] == 0 { Ok(answer) } else { Err(format!("{} {answer}", sent.status)) }
    };
    let usage = async |token| client::get::<Value>(&address, "/v1/usage", token).await;

    let biller = start();
    biller.ready().await;
    // The first records may come before the bindings: then they are kept, and rated by the time the next one is sent.
    let mut attempts = 0;
    let booked = async || {
        attempts += 1;
        book(&format!("first-{attempts}")).await
    };
    eventually(Duration::from_secs(20), "a record is rated", booked).await;
    bench.cluster.control_plane.kill_api_server().await.unwrap();
    biller.stop().await;
    let biller = start();
    biller.ready().await;
    let again = eventually(Duration::from_secs(10), "records are taken", async || book("second").await).await;
    assert_eq!(again["accepted"], 1);
    assert!(usage(TOKEN).await.unwrap().to_string().contains(HOTLINE));
    assert!(matches!(usage(INTAKE_TOKEN).await, Err(ClientError::Status(401))));
    biller.stop().await;
    bench.operator.stop().await;
}

async fn answers(sip: SocketAddr) {
    let contacts = eventually(Duration::from_secs(10), "the router answers", async || {
        match invite(sip, HOTLINE, CALLER).await? {
            (302, contacts) => Ok(contacts),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(contacts[0], "01088880001");
}
