//! The operator's way from a start to leading: workers first, then the client, the definitions, the stores, the lease.

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{Embedding, LeaderElection, Operation, StartError, acks, definitions, secrets, words};
use crate::controllers::hub::Hub;
use crate::controllers::sink::{ClusterSink, Sink};
use crate::controllers::world::{GatewayNamespaces, Settings, Trust, World};
use crate::controllers::{run, sources};
use crate::ledger::Ledger;
use crate::runtime::http::Readiness;
use crate::runtime::kubernetes;
use crate::runtime::lease::Candidate;
use crate::runtime::sentence::with_causes;
use crate::workers::feed;
use crate::workers::house::House;

/// Runs the operator until `stop`. Once workers have started, nothing but `stop` ends them.
pub async fn operate(operation: Operation, embedding: Embedding, stop: CancellationToken) -> Result<(), StartError> {
    let token = operation.worker_token_file.as_deref().map(super::read_token).transpose()?.unwrap_or_default();
    let Embedding { house, ledger, registry, metrics, clock, seed } = embedding;
    let readiness = Readiness::default();
    readiness.wait_for("client", "no API server has answered yet");
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(super::probe(&operation.data, operation.http, &readiness, registry, &stop).await?);
    if let Some(house) = &house {
        tasks.spawn(house.clone().run(stop.clone()));
    }
    if let Some(client) = client(&operation, &readiness, &stop).await {
        let namespaces = gateway_namespaces(&operation);
        if let Some(house) = &house {
            feed_house(&client, house, &namespaces, &stop);
        }
        if wait_for_definitions(&client, &readiness, &stop).await {
            let instance = format!("{}-{seed:08x}", host_name());
            let sink = Sink::Cluster(ClusterSink::new(client.clone(), instance.clone()));
            let settings = Settings {
                trust: Trust::Approvals,
                gateway_namespaces: GatewayNamespaces::Only(namespaces),
                usage_writes_per_second: operation.usage_writes_per_second,
            };
            let (stores, writers) = sources::stores();
            let world = World::new(stores, Hub::default(), sink, clock, metrics, settings, seed);
            sources::watch_cluster(&client, writers, &world, &stop);
            if let Some(house) = &house {
                tasks.spawn(words::follow_house(world.clone(), house.clone(), stop.clone()));
                tasks.spawn(words::follow_ledger(world.clone(), house.clone(), stop.clone()));
                tasks.spawn(secrets::follow_gateways(client.clone(), world.clone(), house.clone(), stop.clone()));
            }
            for endpoint in &operation.worker_endpoints {
                tasks.spawn(acks::follow(world.clone(), endpoint.clone(), token.clone(), stop.clone()));
            }
            lead(&operation, client, world, ledger, &readiness, instance, &stop).await;
        }
    }
    stop.cancelled().await;
    while tasks.join_next().await.is_some() {}
    tracing::info!("stopped");
    Ok(())
}

/// A client for the API server, as soon as one can be made.
async fn client(operation: &Operation, readiness: &Readiness, stop: &CancellationToken) -> Option<Client> {
    let Operation { kubeconfig, context, .. } = operation;
    kubernetes::connect_when_possible(kubeconfig.as_deref(), context.as_deref(), stop, |error| {
        let error = with_causes(error);
        readiness.wait_for("client", error.clone());
        tracing::warn!(error, "no client for the API server; calls are answered meanwhile");
    })
    .await
}

/// Leads whenever it may, until `stop`.
async fn lead(
    operation: &Operation,
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
    if operation.leader_election == LeaderElection::None {
        return run::lead(world, ledger, stop.clone()).await;
    }
    let candidate = Candidate::new(client, &operation.namespace, "fourhundred-operator", identity);
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

async fn wait_for_definitions(client: &Client, readiness: &Readiness, stop: &CancellationToken) -> bool {
    let there = definitions::wait(client, stop, |sentence| {
        readiness.wait_for("crds", sentence);
        tracing::warn!("waiting for custom resource definitions: {sentence}");
    })
    .await;
    if there {
        readiness.fulfil("crds");
        readiness.fulfil("client");
    }
    there
}

fn gateway_namespaces(operation: &Operation) -> Vec<String> {
    let mut names = operation.gateway_namespaces.clone();
    if names.is_empty() {
        names.push(operation.namespace.clone());
    }
    names.sort();
    names.dedup();
    names
}

/// Brings plan parts to the embedded workers, disk writes on a thread that may block.
fn feed_house(client: &Client, house: &Arc<House>, namespaces: &[String], stop: &CancellationToken) {
    for namespace in namespaces {
        house.expect_list(namespace);
        let (told, known) = (house.clone(), house.known(namespace));
        tokio::spawn(feed::follow(client.clone(), namespace.clone(), known, stop.clone(), move |news| {
            tokio::task::block_in_place(|| told.take(&news));
        }));
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "operator".to_owned(), |name| name.trim().to_owned())
}
