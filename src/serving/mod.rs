//! `serve`: the operator's pipeline fed from folders instead of the API server, and workers alone, fed by plan parts.
//!
//! Only the source of objects and the sink of status differ from [`crate::embedding`]: the loops, the plan and the
//! workers are the same. May touch the data directory, the folders it is given, and listeners.

mod certificates;
mod folders;
mod remembered;
mod secrets;
pub mod worker;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::controllers::directory::Feeds;
use crate::controllers::hub::Hub;
use crate::controllers::sink::{DirectorySink, Sink};
use crate::controllers::world::{GatewayNamespaces, Settings, Trust, World};
use crate::controllers::{run, sources};
use crate::embedding::{self, Embedding, Opening, StartError};
use crate::folder::Schemas;
use crate::folder::schema::SchemaError;
use crate::runtime::clock::Clock;
use crate::runtime::http::Readiness;
use crate::runtime::sentence::with_causes;
use crate::workers::router::listeners::Answering;

pub use folders::PROBLEMS_FILE;

/// Claims that cannot be read are looked at again after this.
const LOOK_AT_CLAIMS: Duration = Duration::from_secs(5);

/// What `serve` is told.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Folders or files of manifests, taken together.
    pub folders: Vec<PathBuf>,
    /// Keeps ledger, plan copy, statuses and claims.
    pub data: PathBuf,
    pub bind: IpAddr,
    /// Where the probes listen.
    pub http: SocketAddr,
    /// Call record intake's token where the folders hold no Secret.
    pub token_file: Option<PathBuf>,
    pub usage_writes_per_second: u32,
    pub answering: Answering,
    /// `None`: the system's clock.
    pub clock_at: Option<Timestamp>,
}

/// `serve` could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the schemas of this build cannot be used")]
    Schemas(#[from] SchemaError),
}

/// Serves the folders until `stop`. Calls are answered from the plan's copy before any folder is read.
pub async fn serve(serving: Serving, stop: CancellationToken) -> Result<(), ServeError> {
    let schemas = Arc::new(Schemas::from_crds(&crate::api::crds::all())?);
    let token = serving.token_file.as_deref().map(embedding::read_token).transpose()?;
    let opening =
        Opening { answering: serving.answering, ..Opening::new(serving.data.clone(), serving.bind, serving.clock_at) };
    let Embedding { house, ledger, mut registry, metrics, clock, seed } = Embedding::with_workers(&opening)?;
    let problems = folders::ProblemGauge::register(&mut registry);
    let readiness = Readiness::default();
    readiness.wait_for("folder", "it is being read");
    let mut tasks = tokio::task::JoinSet::new();
    let probing = embedding::probe(&serving.data, serving.http, &readiness, registry, &stop).await?;
    tasks.spawn(probing);
    let Some(house) = house else { return Ok(()) };
    tasks.spawn(house.clone().run(stop.clone()));

    let feeds = Feeds::new(&serving.data);
    let (told, complete) = (house.clone(), house.clone());
    let sink = DirectorySink::new(feeds.clone(), clock, move |news| {
        tokio::task::block_in_place(|| told.take(&news));
    });
    let kept_parts = remembered::parts(&serving.data, &house);
    for part in &kept_parts {
        sink.remember(part.clone());
    }
    let settings = Settings {
        trust: Trust::Assumed,
        gateway_namespaces: GatewayNamespaces::All,
        usage_writes_per_second: serving.usage_writes_per_second,
    };
    let (stores, writers) = sources::stores();
    let world = World::new(stores, Hub::default(), Sink::Directory(sink), clock, metrics, settings, seed);
    remembered::show(&world, &kept_parts);
    feeds.watch(writers, &world, &stop);
    tasks.spawn(remember_claims(feeds.clone(), clock, readiness.clone(), stop.clone()));

    tasks.spawn(embedding::follow_house(world.clone(), house.clone(), stop.clone()));
    tasks.spawn(embedding::follow_ledger(world.clone(), house.clone(), stop.clone()));
    let reader = folders::Reader {
        schemas,
        paths: serving.folders,
        data: serving.data,
        feeds,
        secrets: secrets::Bringer { world: world.clone(), house, token },
        clock,
        readiness: readiness.clone(),
        problems,
        serves_earlier_plan: !kept_parts.is_empty(),
    };
    tasks.spawn(reader.follow(stop.clone()));
    if run::synced(&world, &stop).await {
        tracing::info!(numbers = world.stores.numbers.len(), "ready: the folder is read");
        remembered::look_again(&world, &kept_parts);
        complete.is_complete();
        run::lead(world, ledger, stop.clone()).await;
    }
    stop.cancelled().await;
    while tasks.join_next().await.is_some() {}
    tracing::info!("stopped");
    Ok(())
}

/// Takes up the claims of earlier runs. While one cannot be read nobody leads, since a forgotten claim would be given
/// away; calls are answered from the plan's copy meanwhile.
async fn remember_claims(feeds: Arc<Feeds>, clock: Clock, readiness: Readiness, stop: CancellationToken) {
    let mut told = None;
    loop {
        match feeds.claims.kept() {
            Ok(claims) => {
                feeds.claims.replace(claims, clock.now());
                return readiness.fulfil("claims");
            }
            Err(error) => {
                let sentence = with_causes(&error);
                if told.as_ref() != Some(&sentence) {
                    tracing::error!(
                        "claims: {sentence}; calls go on as before, and no edit of the folder takes effect"
                    );
                    readiness.wait_for("claims", sentence.clone());
                    told = Some(sentence);
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AT_CLAIMS) => {}
        }
    }
}
