//! The integration tests: one binary on one control plane, each suite a module.
//!
//! A suite is a file of `async fn`s, named by what must hold, and one `suite! { … }` that lists them; add its `trials()`
//! below. A test fails by panicking. The binary has a `main` of its own because the control plane it starts has to be
//! taken down when the last test is done. `make test` runs it; with `KUBEBUILDER_ASSETS` set, `cargo test --test it` too.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[macro_use]
mod harness;

mod apply;
mod bench;
mod canaries;
mod cases;
mod child;
mod claims;
mod commands;
mod control_plane;
mod crashes;
mod crds;
mod dev;
mod edits;
mod examples;
mod ingest;
mod interruption;
mod leadership;
mod lists;
mod model;
mod outages;
mod quiet;
mod rig;
mod serve;
mod sip_load;
mod site;
mod streams;
mod timetables;
mod worker;

fn main() -> std::process::ExitCode {
    // Figures and long runs on request only: `make bench-edit`, `bench-embedded`, `crash`.
    if std::env::args().any(|argument| argument == "--bench") {
        return harness::run([bench::trials()]);
    }
    harness::run([
        apply::trials(),
        control_plane::trials(),
        crds::trials(),
        interruption::trials(),
        edits::trials(),
        outages::trials(),
        crashes::trials(),
        examples::trials(),
        timetables::trials(),
        claims::trials(),
        claims::races::trials(),
        claims::restore::trials(),
        commands::trials(),
        leadership::trials(),
        quiet::trials(),
        canaries::trials(),
        sip_load::trials(),
        streams::trials(),
        lists::trials(),
        model::trials(),
        serve::trials(),
        worker::trials(),
        ingest::trials(),
        dev::trials(),
    ])
}
