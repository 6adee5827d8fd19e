//! TCP and TLS listeners over real sockets on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use self::client::secure;
use super::listeners::ListenerState;
use super::socket_tests::{Bench, PATIENCE, invite, offer};
use crate::domain::routing::document::{Head, Part, Protocol};
use crate::domain::routing::worlds;

#[path = "../../../tests/fixtures/tls/client.rs"]
mod client;

const FIRST: &str = concat!(
    include_str!("../../../tests/fixtures/tls/first.crt"),
    include_str!("../../../tests/fixtures/tls/first.key")
);
const SECOND: &str = concat!(
    include_str!("../../../tests/fixtures/tls/second.crt"),
    include_str!("../../../tests/fixtures/tls/second.key")
);

fn head(protocol: Protocol) -> Head {
    let mut head = worlds::head();
    head.listeners[0].protocol = protocol;
    head
}

fn over_tcp(call_id: &str) -> String {
    invite(call_id).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

/// One answer; they have no body.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), message: &str) -> String {
    stream.write_all(message.as_bytes()).await.unwrap();
    answer(stream).await
}

/// What comes before the peer hangs up.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

fn call_id(answer: &str) -> &str {
    answer.split("Call-ID: ").nth(1).unwrap().split("\r\n").next().unwrap()
}

#[tokio::test]
async fn messages_in_one_arrival_and_in_many_are_answered_in_their_order() {
    let mut bench = Bench::start(head(Protocol::Tcp));
    let address = bench.addresses(1).await[0].1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{}\r\n{}", over_tcp("one"), over_tcp("two")).as_bytes()).await.unwrap();
    let (one, two) = (answer(&mut stream).await, answer(&mut stream).await);
    assert!(one.starts_with("SIP/2.0 302 Moved Temporarily\r\nVia: SIP/2.0/TCP "), "{one}");
    assert_eq!((call_id(&one), call_id(&two)), ("one", "two"));
    for piece in over_tcp("three").as_bytes().chunks(7) {
        stream.write_all(piece).await.unwrap();
    }
    assert_eq!(call_id(&answer(&mut stream).await), "three");
    // Ping and pong (RFC 5626 §3.5.1), and the connection goes on.
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(PATIENCE, stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
    let mut other = TcpStream::connect(address).await.unwrap();
    let again = [ask(&mut other, &over_tcp("three")).await, ask(&mut stream, &over_tcp("three")).await];
    let [one, two] = again.each_ref().map(|answer| answer.split_once("To: ").unwrap().1);
    assert_eq!(one, two, "a repetition gets its first answer, also on another connection");
    assert_eq!((bench.counters.sip_count("redirected"), bench.counters.sip_count("keep_alive")), (5, 1));
    assert_eq!(bench.counters.connections.standing(), 2);
    bench.end().await;
    assert_eq!(rest(stream).await, "", "a listener that closes hangs up");
}

#[tokio::test]
async fn a_message_whose_end_cannot_be_found_is_refused_and_ends_the_connection() {
    let mut bench = Bench::start(head(Protocol::Tcp));
    let address = bench.addresses(1).await[0].1;
    for (from, to, status) in [
        ("Content-Length: 0\r\n", "", "400 Missing Content-Length"),
        ("Content-Length: 0", "Content-Length: x", "400 Wrong Content-Length"),
        ("Content-Length: 0", "Content-Length: 99999", "413 Request Entity Too Large"),
        ("Content-Length: 0", &format!("X: {}\r\nContent-Length: 0", "x".repeat(70_000)), "513 Message Too Large"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let broken = over_tcp("broken").replace(from, to);
        // The listener may hang up before it has read everything.
        let _ = stream.write_all(broken.as_bytes()).await;
        let _ = stream.write_all(over_tcp("next").as_bytes()).await;
        let said = answer(&mut stream).await;
        assert!(said.starts_with(&format!("SIP/2.0 {status}\r\n")), "{said}");
    }
    // An ACK is never answered, nor is what is no SIP.
    for silent in ["ACK sip:4001000868@x SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(silent.as_bytes()).await.unwrap();
        assert_eq!(rest(stream).await, "");
    }
    assert_eq!(bench.counters.connections.end_count("broken"), 6);
    assert_eq!((bench.counters.sip_count("too_large"), bench.counters.sip_count("malformed")), (2, 2));
    bench.end().await;
}

#[tokio::test]
async fn a_peer_outside_the_list_is_hung_up_on_also_when_the_list_changes() {
    let mut admitted = head(Protocol::Tcp);
    let mut bench = Bench::start(admitted.clone());
    let address = bench.addresses(1).await[0].1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut stream, &over_tcp("one")).await.starts_with("SIP/2.0 302 "));
    admitted.listeners[0].peers = vec!["10.0.0.0/8".into()];
    offer(&bench.store, "plan-head", &Part::Head(admitted));
    stream.write_all(over_tcp("two").as_bytes()).await.unwrap();
    assert_eq!(rest(stream).await, "");
    assert_eq!(rest(TcpStream::connect(address).await.unwrap()).await, "");
    assert_eq!(bench.counters.connections.end_count("peer_not_admitted"), 2);
    bench.end().await;
}

#[tokio::test]
async fn one_peer_has_its_share_of_connections_and_no_more() {
    let mut bench = Bench::start(head(Protocol::Tcp));
    let address = bench.addresses(1).await[0].1;
    let mut streams = Vec::new();
    for _ in 0..128 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut stream, &over_tcp("one")).await.starts_with("SIP/2.0 302 "));
        streams.push(stream);
    }
    assert_eq!(rest(TcpStream::connect(address).await.unwrap()).await, "");
    assert_eq!(bench.counters.connections.end_count("too_many"), 1);
    // Another address of loopback is another peer.
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    other.bind(&"127.0.0.2:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    other.connect(&address.into()).unwrap();
    other.set_nonblocking(true).unwrap();
    let mut other = TcpStream::from_std(other.into()).unwrap();
    assert!(ask(&mut other, &over_tcp("one")).await.starts_with("SIP/2.0 302 "));
    bench.end().await;
}

#[tokio::test]
async fn a_peer_that_never_shakes_hands_does_not_hold_up_the_end() {
    let mut bench = Bench::start(head(Protocol::Tls));
    bench.certificates.tell("telephony/east", "sip-udp", Ok(FIRST)).unwrap();
    let address = bench.addresses(1).await[0].1;
    let silent = TcpStream::connect(address).await.unwrap();
    let mut other = secure(address).await;
    assert!(ask(&mut other, &invite("one").replace("/UDP", "/TLS")).await.starts_with("SIP/2.0 302 "));
    // Within its patience, which is half of what a handshake may take.
    bench.end().await;
    assert_eq!(rest(silent).await, "");
}

fn shows(stream: &TlsStream<TcpStream>, pem: &str) -> bool {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    stream.get_ref().1.peer_certificates() == Some(&[certificate][..])
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_a_broken_one_to_nobody() {
    let mut bench = Bench::start(head(Protocol::Tls));
    let waits = |states: &Vec<ListenerState>| {
        states.iter().any(|state| state.address.as_ref().is_err_and(|why| why.contains("not been read yet")))
    };
    timeout(PATIENCE, bench.states.wait_for(waits)).await.unwrap().unwrap();
    let tell = |pem: Result<&str, &str>| bench.certificates.tell("telephony/east", "sip-udp", pem);
    assert_eq!(tell(Err("there is no Secret sip-tls")), Err("there is no Secret sip-tls".to_owned()));
    let certificates = Arc::clone(&bench.certificates);
    assert_eq!(tell(Ok(FIRST)), Ok(()));
    let address = bench.addresses(1).await[0].1;
    let mut first = secure(address).await;
    assert!(shows(&first, FIRST));
    assert!(ask(&mut first, &invite("one").replace("/UDP", "/TLS")).await.starts_with("SIP/2.0 302 "));

    let tell = |pem: Result<&str, &str>| certificates.tell("telephony/east", "sip-udp", pem);
    assert_eq!(tell(Ok(SECOND)), Ok(()));
    let mut second = secure(address).await;
    assert!(shows(&second, SECOND));
    for stream in [&mut first, &mut second] {
        assert!(ask(stream, &invite("two")).await.starts_with("SIP/2.0 302 "), "both connections go on");
    }
    let (mixed_up, without_key) = (
        format!(
            "{}{}",
            &FIRST[..FIRST.find("-----BEGIN PRIVATE").unwrap()],
            &SECOND[SECOND.find("-----BEGIN PRIVATE").unwrap()..]
        ),
        &FIRST[..FIRST.find("-----BEGIN PRIVATE").unwrap()],
    );
    for (broken, why) in [
        (mixed_up.as_str(), "cannot be used together"),
        (without_key, "tls.key holds no PEM private key"),
        ("nothing", "tls.crt holds no PEM certificate"),
    ] {
        let told = tell(Ok(broken)).unwrap_err();
        assert!(told.contains(why), "{told}");
        assert_eq!(tell(Ok(broken)), Err(told), "said again until it is mended");
        assert!(shows(&secure(address).await, SECOND));
    }
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(invite("three").as_bytes()).await.unwrap();
    let mut alert = Vec::new();
    timeout(PATIENCE, plain.read_to_end(&mut alert)).await.unwrap().unwrap();
    assert!(!alert.starts_with(b"SIP"), "no SIP without TLS");
    assert_eq!(bench.counters.connections.end_count("handshake_failed"), 1);
    bench.end().await;
}
