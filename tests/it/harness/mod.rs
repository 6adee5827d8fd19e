//! What the suites share: the run itself, a control plane, kubectl, waiting, and counting requests.

mod cluster;
pub mod golden;
mod kubectl;
pub mod manifests;
mod requests;
mod waiting;
pub mod workspace;

use std::{
    future::Future,
    process::ExitCode,
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use self::workspace::Workspace;
pub use self::{
    cluster::{Cluster, OPERATOR, OUTSIDER, assets, cluster},
    requests::Request,
    waiting::{eventually, throughout},
};

/// No test takes a tenth of it; a hanging one is named instead of hanging the run.
const TEST_LIMIT: Duration = Duration::from_mins(3);

/// With this variable set, the binary runs no test: it starts a control plane, prints a line about it and waits to be
/// killed, for the tests of interrupted runs.
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

/// Prints `{"folder": …, "pids": […]}` and waits for a signal that ends the process, or for the end of standard input: a
/// run that is interrupted while it tests interruption leaves nothing either.
async fn hold() {
    let plane = &cluster().await.control_plane;
    let pids = [plane.etcd_pid().await.unwrap(), plane.api_server_pid().await.unwrap()];
    println!("{}", serde_json::json!({ "folder": workspace().path(), "pids": pids }));
    let end_of_input = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    end_of_input.await.unwrap().unwrap();
}
