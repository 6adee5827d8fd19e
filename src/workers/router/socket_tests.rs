//! The router over real sockets on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::certificates::Certificates;
use super::counters::RouterCounters;
use super::guard::{Asked, Guard};
use super::http::{PlanApi, RouteApi, plan_api, route_api};
use super::listeners::{Answering, ListenerState, SipListeners, SipOptions};
use crate::domain::digest::Digest;
use crate::domain::routing::document::{Head, Listener, Part, Protocol, Strategy};
use crate::domain::routing::worlds;
use crate::runtime::clock::Clock;
use crate::workers::access::Token;
use crate::workers::plan::{Family, PlanStore, Verdict};

pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Long enough for an answer over loopback that must not come.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

pub(super) fn offer(store: &PlanStore, name: &str, part: &Part) {
    let text = serde_json::to_string(part).unwrap();
    assert_eq!(store.offer(name, Digest::of(text.as_bytes()), &text), Verdict::Accepted);
}

pub(super) struct Bench {
    pub(super) store: Arc<PlanStore>,
    pub(super) counters: Arc<RouterCounters>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) states: watch::Receiver<Vec<ListenerState>>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Bench {
    pub(super) fn start(head: Head) -> Self {
        let store = Arc::new(PlanStore::new("e1".into()));
        let mut leaf = worlds::leaf();
        let mut entry = worlds::hotline();
        // Day or night, so that the hour of the test does not matter.
        entry.groups[0].strategy = Strategy::RoundRobin;
        entry.groups[0].overflow.clear();
        entry.rules.drain(1..5);
        entry.rules[1].to = crate::domain::routing::document::Target::Group("service".into());
        leaf.overrides.clear();
        leaf.numbers[0] = worlds::raw(&entry);
        offer(&store, "plan-head", &Part::Head(head));
        offer(&store, "plan-leaf", &Part::Numbers(leaf));
        let counters = Arc::new(RouterCounters::default());
        let certificates = Arc::new(Certificates::default());
        let options =
            SipOptions { bind: IpAddr::V4(Ipv4Addr::LOCALHOST), answering: Answering::default(), clock: Clock::SYSTEM };
        let listeners =
            SipListeners::new(Arc::clone(&store), Arc::clone(&counters), Arc::clone(&certificates), options);
        let states = listeners.states();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(listeners.run(stopped));
        Self { store, counters, certificates, states, stop, running }
    }

    /// Addresses by listener, once there are as many.
    pub(super) async fn addresses(&mut self, count: usize) -> Vec<(String, SocketAddr)> {
        let open = |states: &Vec<ListenerState>| states.len() == count && states.iter().all(|s| s.address.is_ok());
        let states = timeout(PATIENCE, self.states.wait_for(open)).await.unwrap().unwrap();
        states.iter().map(|s| (s.name.listener.clone(), s.address.clone().unwrap())).collect()
    }

    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

pub(super) fn invite(call_id: &str) -> String {
    format!(
        "INVITE sip:4001000868@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{call_id};rport\r\n\
         From: <sip:02138880003@127.0.0.1>;tag=one\r\nTo: <sip:4001000868@127.0.0.1>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
}

async fn ask(socket: &UdpSocket, datagram: &[u8]) -> String {
    socket.send(datagram).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

async fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

#[tokio::test]
async fn an_invite_gets_its_contacts_and_a_repetition_the_same_bytes() {
    let mut bench = Bench::start(worlds::head());
    let address = bench.addresses(1).await[0].1;
    assert_ne!(address.port(), 0);
    let socket = client(address).await;
    let first = ask(&socket, invite("one").as_bytes()).await;
    assert!(first.starts_with("SIP/2.0 302 Moved Temporarily\r\n"), "{first}");
    assert!(
        first.contains("Contact: <sip:01088880001@10.0.3.20:5062;user=phone>;q=1.0;x-ring-seconds=20\r\n"),
        "{first}"
    );
    assert!(
        first.contains("Contact: <sip:075566660002@10.0.3.20:5062;user=phone>;q=0.9;x-ring-seconds=25\r\n"),
        "{first}"
    );
    let second = ask(&socket, invite("two").as_bytes()).await;
    assert!(second.contains("<sip:075566660002@10.0.3.20:5062;user=phone>;q=1.0"), "the next call begins at the next");
    assert_eq!(ask(&socket, invite("one").as_bytes()).await, first);
    assert_eq!(bench.counters.sip_count("redirected"), 3);
    bench.end().await;
}

#[tokio::test]
async fn nothing_that_comes_in_stops_the_listener() {
    let mut bench = Bench::start(worlds::head());
    let address = bench.addresses(1).await[0].1;
    let socket = client(address).await;
    let oversized = format!("{}{}", invite("big"), "x".repeat(60_000));
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |length: usize| -> Vec<u8> {
        (0..length)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                noise.to_be_bytes()[0]
            })
            .collect()
    };
    for length in [0, 1, 7, 400, 9_000] {
        let bytes = random(length);
        socket.send(&bytes).await.unwrap();
    }
    socket.send(b"SIP/2.0 200 OK\r\n\r\n").await.unwrap();
    let mut buffer = vec![0; 65_535];
    assert!(timeout(SILENCE, socket.recv(&mut buffer)).await.is_err(), "what cannot be answered is not");
    let too_many = invite("many").replace("CSeq", &format!("{}CSeq", "X: y\r\n".repeat(400)));
    let wrong = ask(&socket, too_many.replace("Via", "CSeq: 1 INVITE\r\nVia").as_bytes()).await;
    assert!(wrong.starts_with("SIP/2.0 400 "), "{wrong}");
    let wrong = ask(&socket, invite("x").replace("Content-Length: 0", "Content-Length: 77").as_bytes()).await;
    assert!(wrong.starts_with("SIP/2.0 400 Wrong Content-Length\r\n"), "{wrong}");
    assert!(ask(&socket, oversized.as_bytes()).await.starts_with("SIP/2.0 302 "));
    bench.end().await;
}

#[tokio::test]
async fn a_peer_outside_the_list_is_dropped_silently_and_counted() {
    let mut head = worlds::head();
    head.listeners[0].peers = vec!["10.0.0.0/8".into()];
    let mut bench = Bench::start(head.clone());
    let address = bench.addresses(1).await[0].1;
    let socket = client(address).await;
    socket.send(invite("one").as_bytes()).await.unwrap();
    let mut buffer = vec![0; 2_048];
    assert!(timeout(SILENCE, socket.recv(&mut buffer)).await.is_err());
    assert_eq!(bench.counters.sip_count("peer_not_admitted"), 1);
    // The list changes, the socket stays.
    head.listeners[0].peers.push("127.0.0.0/8".into());
    offer(&bench.store, "plan-head", &Part::Head(head));
    assert!(ask(&socket, invite("one").as_bytes()).await.starts_with("SIP/2.0 302 "));
    assert_eq!(bench.addresses(1).await[0].1, address);
    bench.end().await;
}

#[tokio::test]
async fn listeners_follow_the_head_and_those_that_stay_keep_their_sockets() {
    let mut head = worlds::head();
    let mut bench = Bench::start(head.clone());
    let first = bench.addresses(1).await[0].1;
    head.listeners.push(Listener {
        name: "sip-second".into(),
        protocol: Protocol::Udp,
        port: 0,
        peers: vec!["127.0.0.1".into()],
        force_rport: false,
        asks_token: false,
    });
    offer(&bench.store, "plan-head", &Part::Head(head.clone()));
    let both = bench.addresses(2).await;
    assert!(both.contains(&("sip-udp".into(), first)));
    head.listeners.remove(0);
    offer(&bench.store, "plan-head", &Part::Head(head));
    let left = bench.addresses(1).await;
    assert_eq!(left[0].0, "sip-second");
    assert!(both.contains(&left[0]));
    let again = UdpSocket::bind(first).await;
    assert!(again.is_ok(), "the first one's port is free");
    bench.end().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut head = worlds::head();
    head.listeners[0].port = taken.local_addr().unwrap().port();
    let mut bench = Bench::start(head);
    let failed = |states: &Vec<ListenerState>| states.len() == 1 && states[0].address.is_err();
    assert!(timeout(PATIENCE, bench.states.wait_for(failed)).await.unwrap().is_ok());
    bench.end().await;
}

async fn http(store: &Arc<PlanStore>, counters: &Arc<RouterCounters>) -> (SocketAddr, JoinHandle<()>) {
    let guard = |token| {
        Arc::new(ArcSwap::from_pointee(Guard { token: Asked::Token(Token::new(token).unwrap()), peers: vec![] }))
    };
    let route =
        RouteApi::new(Arc::clone(store), Arc::clone(counters), guard("switch"), Some("telephony/east"), Clock::SYSTEM);
    let plan = PlanApi { store: Arc::clone(store), guard: guard("operator"), family: Family::Routing };
    let app = route_api(Arc::new(route)).merge(plan_api(Arc::new(plan)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    (address, tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }))
}

async fn request(to: SocketAddr, line: &str, token: &str, body: &str) -> (u16, serde_json::Value) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let text = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    (answer[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_decision_over_http_reads_as_the_contract_shows() {
    let store = Arc::new(PlanStore::new("e1".into()));
    offer(&store, "plan-head", &Part::Head(worlds::head()));
    offer(&store, "plan-leaf", &Part::Numbers(worlds::leaf()));
    let counters = Arc::new(RouterCounters::default());
    let (address, server) = http(&store, &counters).await;
    let question = r#"{"to":"4001000868","from":"0755 2222 3333","at":"2026-11-23T10:00:00+08:00","callId":"a84b"}"#;
    let (status, answer) = request(address, "POST /v1/route?explain=true", "switch", question).await;
    assert_eq!((status, &answer["rule"], &answer["period"]), (200, &"south-by-day".into(), &"work".into()));
    assert_eq!(answer["destinations"][0]["number"], "075566660002");
    assert_eq!(answer["trace"][0]["step"], "number");
    assert!(answer.get("callId").is_none());
    let (_, answer) =
        request(address, "POST /v1/route", "switch", r#"{"to":"400-100-0868","from":"0898 6666 0000"}"#).await;
    assert_eq!(
        (&answer["outcome"], &answer["reason"], &answer["sip"]),
        (&"Refuse".into(), &"CallerDenied".into(), &403.into())
    );
    assert_eq!(answer["callId"].as_str().unwrap().len(), 32, "a missing call id is generated and told");
    assert!(answer.get("trace").is_none());
    assert_eq!(counters.http(), [("route", 1), ("announce", 0), ("refuse", 1)]);
    server.abort();
}

#[tokio::test]
async fn errors_over_http_are_sentences() {
    let store = Arc::new(PlanStore::new("e1".into()));
    let counters = Arc::new(RouterCounters::default());
    let (address, server) = http(&store, &counters).await;
    let large = format!("{{\"to\":\"{}\"}}", "4".repeat(20_000));
    for (line, token, body, expected, part) in [
        ("POST /v1/route", "operator", r#"{"to":"4001000868"}"#, 401, "token"),
        ("POST /v1/route", "switch", "to=4001000868", 400, "the body is not"),
        ("POST /v1/route", "switch", r#"{"to":"4001000868","callID":"x"}"#, 400, "callID"),
        ("POST /v1/route", "switch", r#"{"to":"10086"}"#, 400, "not a 400 number"),
        ("POST /v1/route", "switch", r#"{"to":"4001000868","callId":""}"#, 400, "callId"),
        ("POST /v1/route?explain=perhaps", "switch", "{}", 400, "explain"),
        ("POST /v1/route", "switch", large.as_str(), 413, "larger than"),
        ("GET /v1/plan", "switch", "", 401, "token"),
        ("GET /v1/plan?cursor=x", "operator", "", 400, "cursor"),
    ] {
        let (status, answer) = request(address, line, token, body).await;
        assert_eq!(status, expected, "{line} {answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    assert_eq!((counters.http_unauthorized.get(), counters.http_malformed.get()), (1, 6));
    server.abort();
}

#[tokio::test]
async fn what_is_served_is_told_as_soon_as_it_changes() {
    let store = Arc::new(PlanStore::new("e1".into()));
    offer(&store, "plan-head", &Part::Head(worlds::head()));
    let (address, server) = http(&store, &Arc::default()).await;
    let (status, first) = request(address, "GET /v1/plan", "operator", "").await;
    assert_eq!((status, &first["epoch"], &first["accepts"]), (200, &"e1".into(), &serde_json::json!([1])));
    assert_eq!(first["changed"][0]["part"], "plan-head");
    let line = format!("GET /v1/plan?epoch=e1&cursor={}&wait=30", first["cursor"]);
    let waiting = tokio::spawn(async move { request(address, &line, "operator", "").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    offer(&store, "plan-leaf", &Part::Numbers(worlds::leaf()));
    let (_, second) = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(second["changed"].as_array().unwrap().len(), 1);
    assert_eq!(second["changed"][0]["part"], "plan-leaf");
    assert_ne!(second["root"], first["root"]);
    server.abort();
}
