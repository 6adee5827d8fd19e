//! The operator process put together: workers in the same process, probes, the client, the stores, the lease, the loops.
//!
//! Between the embedded workers and the control loops passes what would pass between processes: parts one way, the word
//! of what is served and of which listeners are open the other.

mod acks;
pub mod definitions;
mod operate;
mod operation;
mod secrets;
mod words;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ledger::crash::CrashPoints;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, LedgerError, reopening, sqlite};
use crate::runtime::clock::Clock;
use crate::runtime::http::{Readiness, probes, serve};
use crate::runtime::metrics::ControllerMetrics;
use crate::workers::house::{self, House};
use crate::workers::router::listeners::Answering;

pub use operate::operate;
pub use operation::{Endpoint, LeaderElection, NotAnEndpoint, Operation, Workers};
pub use words::{follow_house, follow_ledger, told};

/// The process could not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{path} cannot be used as the data directory")]
    Data {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the ledger cannot be opened")]
    Ledger(#[source] LedgerError),
    #[error("{0} cannot be listened on")]
    Listen(std::net::SocketAddr, #[source] std::io::Error),
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    #[error("the file {0} with the workers' token cannot be read")]
    Token(PathBuf, #[source] std::io::Error),
}

/// What runs in this process besides the loops.
#[derive(Debug)]
pub struct Embedding {
    pub house: Option<Arc<House>>,
    pub ledger: Option<Arc<dyn Ledger>>,
    pub registry: Registry,
    pub metrics: ControllerMetrics,
    pub clock: Clock,
    pub seed: u64,
}

/// A random number, for jitter and epochs.
pub fn random() -> Result<u64, StartError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Opens the ledger under the data directory, at once or as soon as it can be opened.
fn open_ledger(opening: &Opening) -> Result<Arc<dyn Ledger>, StartError> {
    let mut options = sqlite::Options::at(&opening.data.join("ledger.sqlite"));
    if let Some(points) = &opening.crash_points {
        options.crash_points = points.clone();
    }
    let clock = opening.clock;
    let open =
        move || -> Result<Arc<dyn Ledger>, LedgerError> { Ok(Arc::new(SqliteLedger::open(&options, clock.now())?)) };
    reopening::open(open).map_err(StartError::Ledger)
}

/// How the data directory is opened and what serves from it.
#[derive(Debug, Clone)]
pub struct Opening {
    pub data: PathBuf,
    /// The address that listeners bind.
    pub bind: IpAddr,
    pub clock: Clock,
    pub crash_points: Option<CrashPoints>,
    pub roles: Roles,
    pub answering: Answering,
}

/// What workers in this process do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    RouterAndBiller,
    Router,
    Biller,
}

impl Opening {
    /// Router and biller, at the system's clock or from `clock_at` on.
    pub fn new(data: PathBuf, bind: IpAddr, clock_at: Option<Timestamp>) -> Self {
        let clock = clock_at.map_or(Clock::SYSTEM, Clock::showing);
        Self { data, bind, clock, crash_points: None, roles: Roles::RouterAndBiller, answering: Answering::default() }
    }
}

impl Embedding {
    /// Opens the data directory as the operation asks. Nothing is served yet, and no API server is asked.
    pub fn open(operation: &Operation) -> Result<Self, StartError> {
        let opening = Opening {
            crash_points: operation.crash_points.clone(),
            answering: operation.answering,
            ..Opening::new(operation.data.clone(), operation.bind, operation.clock_at)
        };
        match operation.workers {
            Workers::Embedded => Self::with_workers(&opening),
            Workers::None => Self::without_workers(&opening),
        }
    }

    fn without_workers(opening: &Opening) -> Result<Self, StartError> {
        let failed = |source| StartError::Data { path: opening.data.clone(), source };
        std::fs::create_dir_all(&opening.data).map_err(failed)?;
        let mut registry = Registry::default();
        let metrics = ControllerMetrics::register(&mut registry);
        Ok(Self { house: None, ledger: None, registry, metrics, clock: opening.clock, seed: random()? })
    }

    /// Opens the ledger, where a biller needs it, and the plan copy.
    pub fn with_workers(opening: &Opening) -> Result<Self, StartError> {
        let mut embedding = Self::without_workers(opening)?;
        if opening.roles != Roles::Router {
            embedding.ledger = Some(open_ledger(opening)?);
        }
        let options = house::Options {
            bind: opening.bind,
            data: opening.data.clone(),
            clock: opening.clock,
            ledger: embedding.ledger.clone(),
            routes_calls: opening.roles != Roles::Biller,
            answering: opening.answering,
            epoch: format!("{:016x}", embedding.seed),
        };
        let house = House::open(options).map_err(|source| StartError::Data { path: opening.data.clone(), source })?;
        house.register(&mut embedding.registry);
        embedding.house = Some(house);
        Ok(embedding)
    }
}

/// Listens for probes at `address` and writes the bound one to `http.addr` under `data`; the future serves until `stop`.
pub async fn probe(
    data: &Path,
    address: SocketAddr,
    readiness: &Readiness,
    registry: Registry,
    stop: &CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, StartError> {
    let socket = TcpListener::bind(address).await.map_err(|error| StartError::Listen(address, error))?;
    announce(data, &socket);
    let probes = probes(readiness.clone(), Arc::new(registry));
    let stop = stop.clone();
    Ok(async move {
        if let Err(error) = serve(socket, probes, stop).await {
            tracing::error!(%error, "probes ended");
        }
    })
}

/// The token in a file, without the white space around it.
pub fn read_token(path: &Path) -> Result<String, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| StartError::Token(path.to_owned(), error))?;
    Ok(text.trim().to_owned())
}

/// Tells where the probes listen: tests and `dev` ask for port 0.
fn announce(data: &Path, socket: &TcpListener) {
    if let Ok(address) = socket.local_addr() {
        tracing::info!(%address, "probes and metrics");
        if let Err(error) = std::fs::write(data.join("http.addr"), address.to_string()) {
            tracing::warn!(%error, "the address of the probes is not written down");
        }
    }
}
