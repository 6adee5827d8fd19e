//! Clients that send records and wait for each answer: a closed loop on connections that stay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::histogram::Histogram;
use crate::server::{NUMBERS, Server, TOKEN};

#[derive(Clone, Copy)]
pub struct Load {
    pub clients: usize,
    /// Records of one request.
    pub lines: u64,
    pub seconds: u64,
}

pub fn row(name: &str, server: &Server, load: Load) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (begun, cpu) = (Instant::now(), server.cpu_seconds());
    let (records, times) = runtime.block_on(run(server.address, load));
    let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), server.cpu_seconds() - cpu);
    let per_record = |seconds: f64| seconds * 1e6 / records as f64;
    println!(
        "{name:<52} {:>10.0} {:>9.1} {:>8.2} {:>8.2} {:>9.2} {:>8.0}",
        records as f64 / elapsed,
        per_record(cpu),
        times.at(0.5) / 1e6,
        times.at(0.99) / 1e6,
        times.at(0.999) / 1e6,
        server.resident_mib(),
    );
}

async fn run(address: SocketAddr, load: Load) -> (u64, Histogram) {
    let (counter, until) = (Arc::new(AtomicU64::new(0)), Instant::now() + Duration::from_secs(load.seconds));
    let clients: Vec<_> =
        (0..load.clients).map(|_| tokio::spawn(client(address, load.lines, Arc::clone(&counter), until))).collect();
    let (mut records, mut all) = (0, Histogram::new());
    for client in clients {
        let (sent, times) = client.await.unwrap();
        records += sent;
        for time in times {
            all.add(time);
        }
    }
    (records, all)
}

async fn client(address: SocketAddr, lines: u64, counter: Arc<AtomicU64>, until: Instant) -> (u64, Vec<u64>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sent, mut times, mut answer) = (0, Vec::new(), Vec::new());
    let kind = if lines == 1 { "application/json" } else { "application/x-ndjson" };
    let accepted = format!("\"accepted\":{lines},");
    while Instant::now() < until {
        let first = counter.fetch_add(lines, Ordering::Relaxed);
        let body: String = (first..first + lines).map(record).collect();
        let head = format!(
            "POST /v1/call-records HTTP/1.1\r\nHost: biller\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let begun = Instant::now();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        answer.clear();
        while !answer.ends_with(b"}") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the biller hung up");
        }
        times.push(begun.elapsed().as_nanos() as u64);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains(&accepted), "{text}");
        sent += lines;
    }
    (sent, times)
}

/// Calls that begin a millisecond apart, of one to four minutes.
fn record(call: u64) -> String {
    let started = 1_795_390_000_000 + call;
    let at = |milliseconds: u64| {
        jiff::Timestamp::from_millisecond((started + milliseconds).cast_signed()).unwrap().to_string()
    };
    format!(
        "{{\"source\":\"fs-1\",\"callId\":\"bench-{call:016x}\",\"leg\":1,\"number\":\"4001{:06}\",\"caller\":\"139000{:05}\",\"destination\":\"075566660002\",\"startedAt\":\"{}\",\"answeredAt\":\"{}\",\"endedAt\":\"{}\",\"outcome\":\"Answered\",\"cause\":16}}\n",
        call % NUMBERS,
        call % 100_000,
        at(0),
        at(7_200),
        at(7_200 + 60_000 * (1 + call % 4)),
    )
}
