//! `make bench-billing`: what rating a call costs by itself; then call records through HTTP into a durable SQLite ledger, in a
//! process of its own, beside rows written into SQLite by nobody's rules.
//!
//! `-- ROW…` runs only rows whose name contains a word: rate, bare, batches, single.

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

mod bare;
#[path = "../common/histogram.rs"]
mod histogram;
mod intake;
mod rating;
mod server;

use server::Server;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [serve, folder] = &arguments[..]
        && serve == "serve-biller"
    {
        return server::serve(folder);
    }
    let wanted = |row: &str| arguments.is_empty() || arguments.iter().any(|word| row.contains(word.as_str()));
    if wanted("rate") {
        rating::rows();
    }
    if ["bare", "batches", "single"].into_iter().any(wanted) {
        println!(
            "\n{:<52} {:>10} {:>9} {:>8} {:>8} {:>9} {:>8}",
            "records into SQLite, each durable when answered",
            "records/s",
            "CPU µs",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "RSS MiB"
        );
    }
    if wanted("bare") {
        bare::row();
    }
    if wanted("batches") {
        intake::row(
            "HTTP, 4 clients, batches of 1,000",
            &Server::start(),
            intake::Load { clients: 4, lines: 1000, seconds: 10 },
        );
    }
    if wanted("single") {
        intake::row(
            "HTTP, 64 clients, one record a request",
            &Server::start(),
            intake::Load { clients: 64, lines: 1, seconds: 10 },
        );
    }
}
