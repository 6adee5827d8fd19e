//! What the suites share: the run itself, a control plane, kubectl, waiting, and counting requests.

mod cluster;
pub mod footprint;
pub mod golden;
mod kubectl;
pub mod launch;
pub mod manifests;
mod requests;
mod waiting;
pub mod workspace;

use std::{
    future::Future,
    process::{ExitCode, Stdio},
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use fourhundred::runtime::control_plane::ADMIN;
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use self::workspace::Workspace;
pub use self::{
    cluster::{Cluster, OPERATOR, OUTSIDER, assets, cluster},
    requests::Request,
    waiting::{eventually, throughout},
};
use crate::rig::process::Process;

/// No test takes a tenth of it; a hanging one is named instead of hanging the run.
const TEST_LIMIT: Duration = Duration::from_mins(3);

/// With this variable set, the binary runs no test: it starts one of each program that tests start, prints its folder and
/// waits to be killed, for the tests of interrupted runs. Its value tells the run's processes from all others.
pub const HOLD: &str = "FOURHUNDRED_IT_HOLD";

static WORKSPACE: OnceLock<Workspace> = OnceLock::new();
/// One for all tests, so that the shared cluster's clients have a runtime as long as any test runs.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("an async runtime"));

/// Lists the tests of a suite: `suite! { one_thing_holds, another_thing_holds }`.
macro_rules! suite {
    ($($test:ident),+ $(,)?) => {
        pub fn trials() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::harness::trial(concat!(module_path!(), "::", stringify!($test)), $test)),+]
        }
    };
}

pub fn trial<F: Future<Output = ()> + 'static>(path: &'static str, test: fn() -> F) -> Trial {
    let name = path.split_once("::").map_or(path, |(_crate, rest)| rest);
    Trial::test(name, move || {
        RUNTIME
            .block_on(async { tokio::time::timeout(TEST_LIMIT, test()).await })
            .map_err(|_| format!("not done after {} s", TEST_LIMIT.as_secs()).into())
    })
}

/// A measurement or a long run, listed under `--bench` only: it takes its time and prints what it finds.
pub fn bench<F: Future<Output = ()> + 'static>(name: &'static str, run: fn() -> F) -> Trial {
    Trial::bench(name, move |_| {
        let since = std::time::Instant::now();
        RUNTIME.block_on(run());
        let took = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(Some(libtest_mimic::Measurement { avg: took, variance: 0 }))
    })
}

/// The folder of this run; every file a test writes goes below it.
pub fn workspace() -> &'static Workspace {
    WORKSPACE.get().expect("run() makes the workspace before any test")
}

/// Runs the chosen tests and takes everything down.
pub fn run(suites: impl IntoIterator<Item = Vec<Trial>>) -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = suites.into_iter().flatten().collect();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    if let Err(missing) = cluster::assets() {
        eprintln!("{missing}");
        return ExitCode::FAILURE;
    }
    workspace::sweep(&std::env::temp_dir());
    WORKSPACE.set(Workspace::create(&std::env::temp_dir()).expect("a folder for this run")).expect("set once");

    let exit_code = if std::env::var_os(HOLD).is_some() {
        RUNTIME.block_on(hold());
        ExitCode::SUCCESS
    } else {
        libtest_mimic::run(&arguments, trials).exit_code()
    };
    RUNTIME.block_on(cluster::take_down());
    workspace().remove();
    exit_code
}

/// Prints the run's folder once everything is up, and waits for a signal that ends the process, or for the end of standard
/// input: a run that is interrupted while it tests interruption leaves nothing either.
async fn hold() {
    let folder = workspace().path();
    let operator = Process::start(cluster().await, ADMIN, folder, "held", &["--leader-election", "none"]);
    let port = fourhundred::runtime::ports::pick().unwrap().to_string();
    let mut sipp = launch::program("sipp");
    sipp.args(["-sn", "uas", "-nostdin", "-i", "127.0.0.1", "-p", &port]).current_dir(folder).stdout(Stdio::null());
    let _sipp = sipp.spawn().expect("sipp is in PATH: `tools/sipp` installs it");
    eventually(Duration::from_secs(20), "the operator and SIPp listen", async || {
        operator.get("/livez").await.map_err(|error| error.to_string())?;
        // Taken once SIPp has it.
        match std::net::UdpSocket::bind(format!("127.0.0.1:{port}")) {
            Err(_) => Ok(()),
            Ok(_) => Err("SIPp does not listen yet".to_owned()),
        }
    })
    .await;
    println!("{}", folder.display());
    let end_of_input = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    end_of_input.await.unwrap().unwrap();
}
