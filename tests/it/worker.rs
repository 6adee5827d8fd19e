//! `fourhundred router` as a process of its own, beside an operator without workers.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use fourhundred::api::FourHundredNumber;
use kube::Api;

use crate::child::{self, Program, edit, invite};
use crate::harness::{Cluster, eventually, workspace};

suite! {
    a_router_of_its_own_programs_numbers_and_outlives_the_api_server,
}

const TOKEN: &str = "between-operator-and-router";
const CALLER: &str = "01066660000";
/// A Monday morning.
const CLOCK: &str = "2026-11-23T10:00:00+08:00";

async fn a_router_of_its_own_programs_numbers_and_outlives_the_api_server() {
    let cluster = Cluster::own().await;
    let folder = workspace().folder("router-");
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    child::examples(&path("manifests"));
    // The operator has to be told where the router will be.
    let sip = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let api = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = path("manifests/platform/gateway.yaml");
    edit(&gateway, "protocol: UDP, port: 0", &format!("protocol: UDP, port: {}", sip.port()));
    edit(&gateway, "protocol: HTTP, port: 0", &format!("protocol: HTTP, port: {}", api.port()));
    std::fs::write(path("token"), TOKEN).unwrap();
    let crds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    cluster.kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]).await.ok();
    let namespaces = text("manifests/platform/namespaces.yaml");
    cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]).await.ok();
    for manifests in [namespaces, text("manifests/platform"), text("manifests/acme")] {
        let tests = path("manifests/acme/acme.routing-test.yaml");
        let _ = std::fs::remove_file(tests);
        cluster.kubectl(&["apply", "--server-side", "-f", &manifests]).await.ok();
    }

    let kubeconfig = cluster.kubeconfig(fourhundred::runtime::control_plane::ADMIN);
    let kubeconfig = kubeconfig.to_str().unwrap();
    let endpoint = format!("telephony/east=http://{api}");
    let (operator_data, router_data, token) = (path("operator"), path("router"), text("token"));
    for data in [&operator_data, &router_data] {
        std::fs::create_dir_all(data).unwrap();
    }
    #[rustfmt::skip]
    let operator = Program::start(&operator_data, &[
        "operator", "--kubeconfig", kubeconfig, "--gateway-namespaces", "telephony", "--leader-election", "none",
        "--workers", "none", "--worker-endpoints", &endpoint, "--worker-token-file", &token, "--clock-at", CLOCK,
    ]);
    operator.ready().await;
    let numbers: Api<FourHundredNumber> = Api::namespaced(cluster.client(), "acme");
    let is = async |condition: &str, wanted: &str| {
        let status = numbers.get("hotline").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let found = status.conditions.iter().find(|shown| shown.type_ == condition && shown.status == wanted);
        found.map(|found| found.reason.clone()).ok_or(format!("{:?}", status.conditions))
    };
    let reason =
        eventually(Duration::from_secs(20), "it waits for a router", async || is("Programmed", "False").await).await;
    assert_eq!(reason, "NoReadyRouter");

    #[rustfmt::skip]
    let arguments = [
        "router", "--gateway", "telephony/east", "--kubeconfig", kubeconfig, "--bind", "127.0.0.1",
        "--token-file", &token, "--clock-at", CLOCK,
    ];
    let router = Program::start(&router_data, &arguments);
    router.ready().await;
    eventually(Duration::from_secs(20), "the number is programmed", async || is("Programmed", "True").await).await;
    answers(sip).await;

    // Without the API server: a restart from the copy on disk, and ready.
    cluster.control_plane.kill_api_server().await.unwrap();
    router.stop().await;
    let router = Program::start(&router_data, &arguments);
    router.ready().await;
    answers(sip).await;
    let listeners = std::fs::read_to_string(router_data.join("listeners")).unwrap();
    assert!(listeners.contains(&format!("sip-udp {sip}\n")), "{listeners}");
    router.stop().await;
    operator.stop().await;
}

async fn answers(sip: SocketAddr) {
    let contacts = eventually(Duration::from_secs(10), "the router answers", async || {
        match invite(sip, "4001000868", CALLER).await? {
            (302, contacts) => Ok(contacts),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(contacts[0], "01088880001");
}
