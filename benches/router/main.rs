//! `make bench-router`: our redirects beside Kamailio's and beside a bare socket, each server alone on one core, driven by
//! one closed-loop generator on another; then what a decision costs by itself, and what a plan costs to hold.
//!
//! `-- ROW…` runs only rows whose name contains a word: bare, kamailio, ours, growth, swap, flood, decide, load.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark ends at the first thing that is not as it expects"
)]

mod alone;
mod bare;
mod flood;
mod generator;
#[path = "../common/histogram.rs"]
mod histogram;
mod server;
mod world;

use generator::{Load, Measured};
use server::Server;
use world::Rules;

/// Calls outstanding, and the sockets they come from.
const LOAD: Load = Load { outstanding: 256, sockets: 16, seconds: 5, from: [127, 0, 0, 1] };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.first().map(String::as_str) {
        Some("serve-bare") => return bare::serve(),
        Some("flood") if arguments.len() > 1 => return flood::run(&arguments[1]),
        Some("serve-swapping") => return alone::serve_swapping(&arguments[1]),
        _ => {}
    }
    let wanted = |row: &str| arguments.is_empty() || arguments.iter().any(|word| row.contains(word.as_str()));
    server::pin_generator();
    println!(
        "Each server on one core, the generator on another: {} calls outstanding from {} sockets, {} s a row.\n",
        LOAD.outstanding, LOAD.sockets, LOAD.seconds
    );
    println!(
        "{:<44} {:>12} {:>9} {:>8} {:>8} {:>9} {:>8} {:>6}",
        "server", "redirects/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs", "RSS MiB", "lost"
    );
    if wanted("bare") {
        row("bare socket: recvfrom, sendto", &Server::bare(), world::FIRST);
    }
    for (name, file) in [
        ("kamailio 302, fixed contacts, no lookup", "fixed.cfg"),
        ("kamailio 302, htable lookup and time check", "lookup.cfg"),
    ] {
        if wanted("kamailio") {
            row(name, &Server::kamailio(file), world::FIRST);
        }
    }
    if wanted("ours") {
        row("fourhundred, 100,000 numbers", &Server::fourhundred(100_000), world::FIRST);
    }
    for numbers in [1_000, 10_000, 100_000, 1_000_000] {
        if wanted("growth") {
            row(&format!("fourhundred, {numbers} numbers, all called"), &Server::fourhundred(numbers), numbers);
        }
    }
    if wanted("swap") {
        row("the same, a number changed every 50 ms", &Server::swapping(100_000), 100_000);
    }
    if wanted("flood") {
        flood::rows();
    }
    if wanted("decide") {
        alone::header();
        alone::number_rows();
        for (numbers, rules) in
            [(1_000, Rules::Alike), (100_000, Rules::Alike), (1_000_000, Rules::Alike), (100_000, Rules::Own)]
        {
            alone::decide_rows(numbers, rules);
        }
    }
    if wanted("load") {
        server::unpin();
        alone::load(100_000);
    }
}

/// One line of the table: a server under calls to so many numbers in turn.
fn row(name: &str, server: &Server, numbers: u64) {
    generator::run(server.address, &Load { seconds: 1, ..LOAD }, numbers);
    let before = server.cpu();
    let Measured { answered, lost, seconds, rtt } = generator::run(server.address, &LOAD, numbers);
    let cpu = server.cpu() - before;
    println!(
        "{name:<44} {:>12.0} {:>9.2} {:>8.0} {:>8.0} {:>9.0} {:>8.0} {lost:>6}",
        answered as f64 / seconds,
        cpu * 1e6 / answered as f64,
        rtt.at(0.5) / 1e3,
        rtt.at(0.99) / 1e3,
        rtt.at(0.999) / 1e3,
        server.resident_kib() as f64 / 1024.0,
    );
}
