//! One peer floods, whether or not it is answered, and another calls a thousand times a second: what the flood does to the
//! other's answers.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::histogram::Histogram;
use crate::server::{self, GENERATOR_CORE, Server};
use crate::world;

/// New calls a second that the router takes of one peer: more than the one that is measured brings.
const BOUND: &str = "5000";
const PACE: Duration = Duration::from_millis(1);
const SECONDS: u64 = 5;
/// The flood's calls a second, twenty times its bound, and the ports they come from. They go one by one: a burst would keep
/// the peer that is measured from its own core.
const FLOOD: u32 = 100_000;
const PORTS: usize = 16;

/// Both halves, a line each.
pub fn rows() {
    if !server::go_first() {
        println!(
            "\nWithout the right to run before the flood on its core (chrt), the peer waits for it there as well."
        );
    }
    println!(
        "\nOne peer with 1,000 calls a second, quiet and beside another's flood of {FLOOD} a second (bound: {BOUND} a peer)\n"
    );
    println!("{:<44} {:>9} {:>8} {:>8} {:>9} {:>6}", "", "answered", "p50 µs", "p99 µs", "p99.9 µs", "lost");
    for sockets in ["1", "4"] {
        let server = Server::with(1_000, &["--calls-per-second-and-peer", BOUND, "--sip-sockets", sockets]);
        let quiet = line(&format!("quiet, {sockets} socket(s)"), server.address);
        let mut flood = start(server.address);
        std::thread::sleep(Duration::from_secs(1));
        let flooded = line(&format!("beside a flood, {sockets} socket(s)"), server.address);
        let _ = flood.kill();
        let _ = flood.wait();
        println!("{:<44} {:>27.1}", "p99 beside the flood / quiet", flooded / quiet);
    }
}

/// The flood, in a process that gives way to the one that measures.
fn start(to: SocketAddr) -> Child {
    let mut command = Command::new("nice");
    command.args(["-n", "19", "taskset", "-c", GENERATOR_CORE]).arg(std::env::current_exe().unwrap());
    command.args(["flood", &to.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// What [`start`] runs, until it is killed.
pub fn run(to: &str) {
    let to: SocketAddr = to.parse().unwrap();
    let sockets: Vec<UdpSocket> = (0..PORTS).map(|_| UdpSocket::bind("127.0.0.2:0").unwrap()).collect();
    let mut invite = Vec::new();
    let begun = Instant::now();
    for sequence in 0_u64.. {
        let socket = &sockets[sequence as usize % PORTS];
        world::invite(&mut invite, sequence, 1_000, 0, socket.local_addr().unwrap().port());
        // Answers are left where they are: the system drops them when there are too many.
        let _ = socket.send_to(&invite, to);
        let due = begun + Duration::from_secs(1) * sequence as u32 / FLOOD;
        std::thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(Duration::from_micros(100)));
    }
}

/// Plays calls at an even pace; gives their p99.
fn line(name: &str, to: SocketAddr) -> f64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let (mut rtt, mut lost, mut invite, mut buffer) = (Histogram::new(), 0_u64, Vec::new(), [0; 2_048]);
    let begun = Instant::now();
    let mut next = begun;
    let mut sequence = 0;
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        // Calls that a slow answer kept back are not made up for: a switch has others waiting.
        next = Instant::now() + PACE;
        sequence += 1;
        world::invite(&mut invite, sequence, 1_000, 0, port);
        let sent = Instant::now();
        socket.send_to(&invite, to).unwrap();
        let answered = loop {
            match socket.recv(&mut buffer) {
                Ok(length) if world::call_of(&buffer[..length]) == Some((0, sequence)) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        if answered {
            assert!(buffer.starts_with(b"SIP/2.0 302 "), "this peer stays below its bound");
            rtt.add(sent.elapsed().as_nanos() as u64);
        } else {
            lost += 1;
        }
    }
    println!(
        "{name:<44} {:>9} {:>8.0} {:>8.0} {:>9.0} {lost:>6}",
        sequence - lost,
        rtt.at(0.5) / 1e3,
        rtt.at(0.99) / 1e3,
        rtt.at(0.999) / 1e3
    );
    rtt.at(0.99)
}
