//! `dev`: a cluster of one's own, the operator with embedded workers on it, the examples, and a little traffic.
//!
//! Everything it starts ends with it: processes, ports, and the folder unless one was given. It touches a cluster it did
//! not start only by a kubeconfig on its own command line, and says which before it does.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod assets;
mod calls;
mod manifests;
mod records;
mod show;
mod workspace;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::assets::AssetsError;
use self::manifests::Vouching;
use self::show::Shown;
use self::workspace::Workspace;
use crate::commands::output;
use crate::embedding::{self, Embedding, LeaderElection, Operation, StartError, Workers};
use crate::folder::schema::SchemaError;
use crate::runtime::client::ClientError;
use crate::runtime::control_plane::{ADMIN, ControlPlane, ControlPlaneError, Durability, Options};
use crate::runtime::kubernetes::{self, ConnectError};
use crate::workers::router::listeners::Answering;

/// The API server waits for open watches when it ends; ours are gone by then.
const API_SERVER_GRACE: Duration = Duration::from_secs(1);
/// The operator ends within this, or with the process.
const OPERATOR_GRACE: Duration = Duration::from_secs(5);

/// What `dev` is told.
#[derive(Debug, Clone)]
pub struct Dev {
    /// Kept afterwards and taken up again; without it a folder that goes with the run.
    pub data: Option<PathBuf>,
    /// End after the tables.
    pub once: bool,
    /// Another cluster, in place of one of its own.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// Folders or files to apply.
    pub examples: Vec<PathBuf>,
}

/// `dev` could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    #[error(transparent)]
    Assets(#[from] AssetsError),
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{path} cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the schemas of this build cannot be used")]
    Schemas(#[from] SchemaError),
    #[error("nothing was applied, the manifests have mistakes:{0}")]
    Manifests(String),
    #[error("{what} could not be applied")]
    Apply {
        what: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("the custom resource definitions were not established within {0} s")]
    NotEstablished(u64),
    #[error("{what} could not be read")]
    Read {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("calls could not be placed")]
    Calls(#[source] std::io::Error),
    #[error("call records could not be handed over")]
    Records(#[from] ClientError),
    #[error("call records were answered with {0}: {1}")]
    RecordsRefused(u16, String),
    #[error("there is no FourHundredNumber among what was applied")]
    NoNumbers,
    #[error("no number became ready within {seconds} s:{why}")]
    NothingReady {
        seconds: u64,
        /// A line for each number, with its Ready sentence.
        why: String,
    },
    #[error("{program} could not be run")]
    Program {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Where things run.
#[derive(Debug)]
struct Ground {
    /// `None` where the cluster is somebody else's.
    plane: Option<ControlPlane>,
    kubeconfig: PathBuf,
    context: Option<String>,
    kubectl: PathBuf,
}

/// Runs until `stop`, or until the tables are printed. Whatever happens, what was started is ended.
pub async fn run(dev: Dev, stop: CancellationToken) -> Result<(), DevError> {
    let began = Instant::now();
    let random = embedding::random()?;
    let opened = Workspace::open(dev.data.as_deref(), random);
    let place = dev.data.clone().unwrap_or_else(std::env::temp_dir);
    let workspace = opened.map_err(|source| DevError::File { path: place, source })?;
    let ground = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        ground = prepare(&dev, &workspace) => ground?,
    };
    let stop_operator = CancellationToken::new();
    let mut operator = None;
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        outcome = demonstrate(&dev, &ground, &workspace, random, &stop_operator, &mut operator, began) => outcome,
    };
    if outcome.is_ok() && !dev.once {
        stop.cancelled().await;
    }
    if stop.is_cancelled() {
        say("stopping");
    }
    stop_operator.cancel();
    if let Some(operator) = operator {
        let _ = tokio::time::timeout(OPERATOR_GRACE, operator).await;
    }
    if let Some(plane) = &ground.plane {
        plane.stop().await?;
    }
    outcome
}

async fn prepare(dev: &Dev, workspace: &Workspace) -> Result<Ground, DevError> {
    if let Some(kubeconfig) = &dev.kubeconfig {
        let cluster = kubernetes::name_cluster(kubeconfig, dev.context.as_deref())?;
        say(&format!("using {cluster}"));
        say("definitions and examples stay there afterwards; the operator runs in this process");
        let kubectl = assets::find().map_or_else(|_| PathBuf::from("kubectl"), |folder| folder.join("kubectl"));
        return Ok(Ground { plane: None, kubeconfig: kubeconfig.clone(), context: dev.context.clone(), kubectl });
    }
    let assets = assets::find()?;
    say("starting an API server and etcd of its own (about 5 s)");
    let mut options = Options::new(&assets, workspace.path().join("control-plane"));
    options.stop_grace = API_SERVER_GRACE;
    if dev.data.is_none() {
        options.durability = Durability::Unsynced;
    }
    let plane = ControlPlane::start(options).await?;
    let kubeconfig = workspace.path().join("kubeconfig");
    write_private(&kubeconfig, &plane.kubeconfig_yaml(ADMIN)?)
        .map_err(|source| DevError::File { path: kubeconfig.clone(), source })?;
    Ok(Ground { plane: Some(plane), kubeconfig, context: None, kubectl: assets.join("kubectl") })
}

async fn demonstrate(
    dev: &Dev,
    ground: &Ground,
    workspace: &Workspace,
    run: u64,
    stop_operator: &CancellationToken,
    operator: &mut Option<JoinHandle<()>>,
    began: Instant,
) -> Result<(), DevError> {
    let client = kubernetes::connect(Some(&ground.kubeconfig), ground.context.clone()).await?;
    say("installing the custom resource definitions");
    manifests::install_definitions(&client, stop_operator).await?;
    let folders = manifests::read(&dev.examples)?;
    let mut gateways = manifests::gateway_namespaces(&folders)?;
    if ground.plane.is_some() && dev.data.is_some() {
        // Whatever stands in a cluster of one's own from an earlier run.
        gateways.extend(manifests::standing_gateway_namespaces(&client).await?);
    }
    say("starting the operator with a router and a biller inside");
    *operator = Some(start_operator(ground, workspace, gateways, stop_operator)?);
    let names: Vec<String> = dev.examples.iter().map(|path| path.display().to_string()).collect();
    say(&format!("applying {}", names.join(" ")));
    let vouching = if ground.plane.is_some() { Vouching::Yes } else { Vouching::No };
    let applied = manifests::apply_folders(&client, &folders, vouching).await?;
    for tenant in &applied.vouched_for {
        say(&format!("approved the papers of tenant {tenant}, since nobody had: `dev` alone does so"));
    }
    let objects = output::counted(applied.objects, "object");
    say(&format!("{objects} applied; waiting for numbers to be ready"));
    let numbers = records::ready_numbers(&client).await?;
    let traffic = records::traffic(&client, &numbers, workspace.path(), run).await?;
    say("waiting for usage to reach status");
    records::usage_shown(&client, &traffic).await?;
    let shown =
        Shown { ground_kubeconfig: &ground.kubeconfig, context: ground.context.as_deref(), kubectl: &ground.kubectl };
    shown.tables().await?;
    shown.decision(&traffic).await?;
    shown.charge(&client, &traffic).await?;
    shown.next_lines(&traffic, dev.once, began.elapsed());
    Ok(())
}

fn start_operator(
    ground: &Ground,
    workspace: &Workspace,
    gateway_namespaces: BTreeSet<String>,
    stop: &CancellationToken,
) -> Result<JoinHandle<()>, DevError> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let operation = Operation {
        kubeconfig: Some(ground.kubeconfig.clone()),
        context: ground.context.clone(),
        gateway_namespaces: gateway_namespaces.into_iter().collect(),
        namespace: "fourhundred-system".to_owned(),
        leader_election: LeaderElection::None,
        data: workspace.path().join("operator"),
        workers: Workers::Embedded,
        worker_endpoints: Vec::new(),
        worker_token_file: None,
        bind: loopback,
        http: SocketAddr::new(loopback, 0),
        usage_writes_per_second: 50,
        answering: Answering::default(),
        clock_at: None,
        crash_points: None,
    };
    let embedding = Embedding::open(&operation)?;
    let stop = stop.clone();
    Ok(tokio::spawn(async move {
        if let Err(error) = embedding::operate(operation, embedding, stop).await {
            tracing::error!(%error, "the operator ended");
        }
    }))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Progress, one line a step.
fn say(text: &str) {
    show(&format!("==> {text}\n"));
}

/// To standard output; what cannot be shown ends nothing.
fn show(text: &str) {
    let _ = output::print(text);
}
