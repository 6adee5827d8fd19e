//! The operator process put together: workers in the same process, probes, the client, the stores, the lease, the loops.
//!
//! Between the embedded workers and the control loops passes what would pass between processes: parts one way, the word
//! of what is served and of which listeners are open the other.

mod acks;
mod secrets;
mod words;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::crds;
use crate::commands::operator::{Arguments, LeaderElection, Workers};
use crate::controllers::hub::Hub;
use crate::controllers::sink::{ClusterSink, Sink};
use crate::controllers::world::{GatewayNamespaces, Settings, Trust, World};
use crate::controllers::{run, sources};
use crate::ledger::crash::CrashPoints;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, LedgerError, reopening, sqlite};
use crate::runtime::clock::Clock;
use crate::runtime::http::{Readiness, probes, serve};
use crate::runtime::kubernetes::{self, ConnectError};
use crate::runtime::lease::Candidate;
use crate::runtime::metrics::ControllerMetrics;
use crate::workers::feed;
use crate::workers::house::{self, House};
use crate::workers::router::udp::Answering;

pub use words::{follow_house, told};

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
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    #[error("{0:?} is no worker endpoint: NAMESPACE/GATEWAY=http://HOST:PORT is needed")]
    Endpoint(String),
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
    /// Opens the data directory as the arguments ask. Nothing is served yet, and no API server is asked.
    pub fn open(arguments: &Arguments) -> Result<Self, StartError> {
        let opening = Opening {
            crash_points: arguments.crash_point.clone(),
            answering: arguments.answering.into(),
            ..Opening::new(arguments.data.clone(), arguments.bind, arguments.clock_at)
        };
        match arguments.workers {
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

/// Runs the operator until `stop`.
pub async fn operate(arguments: Arguments, embedding: Embedding, stop: CancellationToken) -> Result<(), StartError> {
    let Embedding { house, ledger, registry, metrics, clock, seed } = embedding;
    let mut tasks = tokio::task::JoinSet::new();
    if let Some(house) = &house {
        tasks.spawn(house.clone().run(stop.clone()));
    }
    let readiness = Readiness::default();
    readiness.wait_for("client", "no API server has answered yet");
    tasks.spawn(probe(&arguments.data, arguments.http, &readiness, registry, &stop).await?);

    let client = kubernetes::connect(arguments.kubeconfig.as_deref(), arguments.context.clone()).await?;
    let namespaces = gateway_namespaces(&arguments);
    if let Some(house) = &house {
        feed_house(&client, house, &namespaces, &stop);
    }
    if wait_for_crds(&client, &readiness, &stop).await {
        let instance = format!("{}-{seed:08x}", host_name());
        let sink = Sink::Cluster(ClusterSink::new(client.clone(), instance.clone()));
        let settings = Settings {
            trust: Trust::Approvals,
            gateway_namespaces: namespaces,
            usage_writes_per_second: arguments.usage_writes_per_second,
        };
        let (stores, writers) = sources::stores();
        let world = World::new(stores, Hub::default(), sink, clock, metrics, settings, seed);
        sources::watch_cluster(&client, writers, &world, &stop);
        if let Some(house) = &house {
            tasks.spawn(words::follow_house(world.clone(), house.clone(), stop.clone()));
            tasks.spawn(secrets::follow_gateways(client.clone(), world.clone(), house.clone(), stop.clone()));
        }
        for endpoint in acks::endpoints(&arguments)? {
            tasks.spawn(acks::follow(world.clone(), endpoint, stop.clone()));
        }
        lead(&arguments, client, world, ledger, &readiness, instance, &stop).await;
    }
    stop.cancelled().await;
    while tasks.join_next().await.is_some() {}
    tracing::info!("stopped");
    Ok(())
}

/// Leads whenever it may, until `stop`.
async fn lead(
    arguments: &Arguments,
    client: Client,
    world: Arc<World>,
    ledger: Option<Arc<dyn Ledger>>,
    readiness: &Readiness,
    identity: String,
    stop: &CancellationToken,
) {
    readiness.wait_for("stores", "the objects are being listed");
    if !run::synced(&world, stop).await {
        return;
    }
    readiness.fulfil("stores");
    tracing::info!(numbers = world.stores.numbers.len(), "ready: every object is known");
    if arguments.leader_election == LeaderElection::None {
        return run::lead(world, ledger, stop.clone()).await;
    }
    let candidate = Candidate::new(client, &arguments.namespace, "fourhundred-operator", identity);
    while let Some(term) = candidate.campaign(stop).await {
        tracing::info!("leading");
        run::lead(world.clone(), ledger.clone(), term.lost.clone()).await;
        term.release().await;
        if stop.is_cancelled() {
            return;
        }
        tracing::warn!("no longer leading; workers go on");
    }
}

async fn wait_for_crds(client: &Client, readiness: &Readiness, stop: &CancellationToken) -> bool {
    let names: Vec<String> = crds::all().iter().filter_map(|crd| crd.metadata.name.clone()).collect();
    let mut told = None;
    let there = kubernetes::wait_for_crds(client, &names, stop, |missing, error| {
        let sentence = match error {
            Some(error) => format!("the API server does not answer: {error}"),
            None => format!("not installed: {} (kubectl apply --server-side -f crds/)", missing.join(", ")),
        };
        readiness.wait_for("crds", sentence.clone());
        if told.as_ref() != Some(&sentence) {
            tracing::warn!("waiting for custom resource definitions: {sentence}");
            told = Some(sentence);
        }
    })
    .await;
    readiness.fulfil("crds");
    readiness.fulfil("client");
    there
}

fn gateway_namespaces(arguments: &Arguments) -> GatewayNamespaces {
    match arguments.gateway_namespaces.as_slice() {
        [] => GatewayNamespaces::Only(vec![arguments.namespace.clone()]),
        names if names.iter().any(|name| name == "*") => GatewayNamespaces::All,
        names => GatewayNamespaces::Only(names.to_vec()),
    }
}

/// Brings plan parts to the embedded workers, disk writes on a thread that may block.
fn feed_house(client: &Client, house: &Arc<House>, namespaces: &GatewayNamespaces, stop: &CancellationToken) {
    let scopes = match namespaces {
        GatewayNamespaces::All => vec![None],
        GatewayNamespaces::Only(names) => names.iter().cloned().map(Some).collect(),
    };
    for scope in scopes {
        let house = house.clone();
        tokio::spawn(feed::follow(client.clone(), scope, stop.clone(), move |news| {
            tokio::task::block_in_place(|| house.take(&news));
        }));
    }
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

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "operator".to_owned(), |name| name.trim().to_owned())
}
