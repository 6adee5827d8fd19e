//! TCP and TLS listeners of the real process: ten thousand calls of SIPp on one connection, and a certificate that is
//! missing, comes, is replaced and is spoilt.

use std::net::SocketAddr;
use std::time::Duration;

use fourhundred::api::CallGateway;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use self::client::secure;
use crate::harness::{eventually, workspace};
use crate::rig::{PATIENCE, Rig};
use crate::sip_load::play_over;

#[path = "../fixtures/tls/client.rs"]
mod client;

suite! {
    ten_thousand_calls_on_one_connection_get_the_planned_contacts_and_none_fails,
    a_certificate_is_shown_as_its_secret_has_it_and_a_spoilt_one_is_told,
}

const FIRST: [&str; 2] = [include_str!("../fixtures/tls/first.crt"), include_str!("../fixtures/tls/first.key")];
const SECOND: [&str; 2] = [include_str!("../fixtures/tls/second.crt"), include_str!("../fixtures/tls/second.key")];

fn gateways(rig: &Rig) -> Api<CallGateway> {
    Api::namespaced(rig.cluster.client(), "telephony")
}

async fn gateway_until<T>(rig: &Rig, what: &str, found: impl Fn(&CallGateway) -> Option<T>) -> T {
    eventually(PATIENCE, what, async || {
        let gateway = gateways(rig).get("east").await.map_err(|error| error.to_string())?;
        found(&gateway).ok_or_else(|| serde_json::to_string(&gateway.status).unwrap())
    })
    .await
}

/// Where a listener is bound, once it is.
async fn address(rig: &Rig, listener: &str) -> SocketAddr {
    gateway_until(rig, &format!("listener {listener} has an address"), |gateway| {
        let addresses = &gateway.status.as_ref()?.addresses;
        addresses.iter().find(|address| address.listener == listener)?.value.parse().ok()
    })
    .await
}

/// Waits for a condition of the gateway; gives its sentence.
async fn told(rig: &Rig, type_: &str, status: &str, reason: &str) -> String {
    gateway_until(rig, &format!("east says {type_}={status}, {reason}"), |gateway| {
        let conditions = &gateway.status.as_ref()?.conditions;
        let found = conditions.iter().find(|condition| condition.type_ == type_)?;
        (found.status == status && found.reason == reason).then(|| found.message.clone())
    })
    .await
}

async fn ten_thousand_calls_on_one_connection_get_the_planned_contacts_and_none_fails() {
    let mut rig = Rig::running().await;
    rig.apply_acme(&["office-hours", "hotline"]).await;
    rig.programmed("hotline").await;
    let folder = workspace().folder("sipp-");
    let port = address(&rig, "sip-tcp").await.port();
    assert_eq!(play_over("t1", folder.path(), port, "010", (1_000, 1_000)).await, (1_000, 0, 0));
    let warm = rig.resident_kib();
    assert_eq!(play_over("t1", folder.path(), port, "010", (10_000, 1_000)).await, (10_000, 0, 0));
    rig.still_runs();
    let grown = rig.resident_kib().saturating_sub(warm);
    assert!(grown < 16 * 1024, "the process grew by {grown} KiB");
    let metrics = rig.metrics().await;
    for line in ["fourhundred_sip_connections_ended_total{end=\"closed\"} 2", "fourhundred_sip_connections 0"] {
        assert!(metrics.lines().any(|told| told == line), "{line} in\n{metrics}");
    }
}

fn shows(stream: &TlsStream<TcpStream>, pair: [&str; 2]) -> bool {
    let certificate = CertificateDer::from_pem_slice(pair[0].as_bytes()).unwrap();
    stream.get_ref().1.peer_certificates() == Some(&[certificate][..])
}

/// The status line of the answer to an OPTIONS.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    let options = "OPTIONS sip:east@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\n\
                   From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:east@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
                   Content-Length: 0\r\n\r\n";
    stream.write_all(options.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(text).unwrap().lines().next().unwrap().to_owned()
}

fn certificate(pair: [&str; 2]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sip-tls", "namespace": "telephony"},
        "type": "kubernetes.io/tls", "stringData": {"tls.crt": pair[0], "tls.key": pair[1]},
    })
}

async fn a_certificate_is_shown_as_its_secret_has_it_and_a_spoilt_one_is_told() {
    let rig = Rig::running().await;
    address(&rig, "sip-tcp").await;
    let listeners = json!({"spec": {"listeners": [
        {"name": "sip-udp", "protocol": "UDP", "port": rig.sip, "peers": ["127.0.0.0/8"]},
        {"name": "api", "protocol": "HTTP", "port": rig.http, "peers": ["127.0.0.0/8"]},
        {"name": "sip-tls", "protocol": "TLS", "port": 0, "peers": ["127.0.0.0/8"],
         "certificateSecretRef": {"name": "sip-tls"}},
    ]}});
    gateways(&rig).patch("east", &PatchParams::default(), &Patch::Merge(listeners)).await.unwrap();
    let sentence = told(&rig, "ResolvedRefs", "False", "InvalidCertificateRef").await;
    assert_eq!(sentence, "listener sip-tls: there is no Secret sip-tls");
    let sentence = told(&rig, "Programmed", "False", "NoReadyRouter").await;
    assert_eq!(sentence, "listener sip-tls cannot be opened: there is no Secret sip-tls");

    let secrets: Api<Secret> = Api::namespaced(rig.cluster.client(), "telephony");
    let apply = async |pair: [&str; 2]| {
        let force = PatchParams::apply("test").force();
        secrets.patch("sip-tls", &force, &Patch::Apply(certificate(pair))).await.unwrap();
    };
    apply(FIRST).await;
    let address = address(&rig, "sip-tls").await;
    told(&rig, "ResolvedRefs", "True", "ResolvedRefs").await;
    told(&rig, "Ready", "True", "Ready").await;
    let mut first = secure(address).await;
    assert!(shows(&first, FIRST));
    assert_eq!(ask(&mut first).await, "SIP/2.0 200 OK");

    apply(SECOND).await;
    eventually(PATIENCE, "the new certificate is shown", async || {
        if shows(&secure(address).await, SECOND) { Ok(()) } else { Err("the old one".to_owned()) }
    })
    .await;
    assert_eq!(ask(&mut first).await, "SIP/2.0 200 OK", "a connection that stands goes on");
    apply([SECOND[0], FIRST[1]]).await;
    let sentence = told(&rig, "ResolvedRefs", "False", "InvalidCertificateRef").await;
    assert!(sentence.starts_with("listener sip-tls: tls.crt and tls.key cannot be used together: "), "{sentence}");
    told(&rig, "Ready", "True", "Ready").await;
    assert!(shows(&secure(address).await, SECOND), "the last good one is shown on");
    apply(FIRST).await;
    told(&rig, "ResolvedRefs", "True", "ResolvedRefs").await;
    assert!(shows(&secure(address).await, FIRST));
    assert!(!rig.end_of_log().contains("PRIVATE KEY"));
}
