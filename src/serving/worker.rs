//! A router or a biller alone: fed by the plan parts of one gateway, from its copy on disk until the API server answers.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::certificates;
use crate::controllers::key::Key;
use crate::embedding::{self, Embedding, Opening, Roles, StartError};
use crate::ledger::ListScope;
use crate::runtime::http::Readiness;
use crate::runtime::kubernetes;
use crate::runtime::sentence::with_causes;
use crate::workers::feed::{self, News};
use crate::workers::house::{House, Secrets};
use crate::workers::router::listeners::Answering;

/// What `router` and `biller` are told.
#[derive(Debug, Clone)]
pub struct Worker {
    pub roles: Roles,
    /// Namespace and name.
    pub gateway: Key,
    /// `None`: the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// Keeps the copy of the plan, and a biller's ledger.
    pub data: PathBuf,
    /// The address that listeners bind.
    pub bind: IpAddr,
    /// Where the probes listen.
    pub http: SocketAddr,
    /// The operator's token: for the plan served and the usage.
    pub token_file: Option<PathBuf>,
    pub answering: Answering,
    /// What switches show to ask for decisions; without it the listener's peers decide.
    pub route_token_file: Option<PathBuf>,
    /// Folder with the certificates of TLS listeners.
    pub certificates: Option<PathBuf>,
    /// What switches show to hand over records; without it intake is off.
    pub intake_token_file: Option<PathBuf>,
    /// `None`: the system's clock.
    pub clock_at: Option<Timestamp>,
}

/// Works until `stop`. Nothing waits for the API server.
pub async fn work(worker: Worker, stop: CancellationToken) -> Result<(), StartError> {
    let read = |path: &Option<PathBuf>| path.as_deref().map(embedding::read_token).transpose();
    let secrets = Secrets {
        intake: read(&worker.intake_token_file)?,
        every_route: read(&worker.route_token_file)?,
        operator: read(&worker.token_file)?,
        ..Secrets::default()
    };
    let opening = Opening {
        roles: worker.roles,
        answering: worker.answering,
        ..Opening::new(worker.data.clone(), worker.bind, worker.clock_at)
    };
    let Embedding { house, registry, .. } = Embedding::with_workers(&opening)?;
    let Some(house) = house else { return Ok(()) };
    house.set_secrets(&worker.gateway.to_string(), secrets);
    let readiness = Readiness::default();
    // A worker with a plan on disk serves it; one that has never had any waits for its first list.
    if house.store.snapshot().heads().next().is_none() {
        readiness.wait_for("plan", "nothing on disk, and the API server has not told any part yet");
    }
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(embedding::probe(&worker.data, worker.http, &readiness, registry, &stop).await?);
    tasks.spawn(house.clone().run(stop.clone()));
    if let Some(folder) = worker.certificates.clone() {
        tasks.spawn(certificates::follow(folder, worker.gateway.to_string(), house.clone(), stop.clone()));
    }
    tasks.spawn(write_addresses(house.clone(), worker.data.clone(), stop.clone()));
    follow_plan(&worker, house, readiness, &stop).await;
    stop.cancelled().await;
    while tasks.join_next().await.is_some() {}
    tracing::info!("stopped");
    Ok(())
}

async fn follow_plan(worker: &Worker, house: Arc<House>, readiness: Readiness, stop: &CancellationToken) {
    let Worker { kubeconfig, context, gateway, .. } = worker;
    let connected = kubernetes::connect_when_possible(kubeconfig.as_deref(), context.as_deref(), stop, |error| {
        let error = with_causes(error);
        tracing::warn!(error, "no client for the API server; the plan on disk is served meanwhile");
    });
    let Some(client) = connected.await else { return };
    let gateway = gateway.clone();
    let namespace = gateway.namespace.clone();
    house.expect_list(&namespace);
    let known = house.known(&namespace);
    tokio::spawn(feed::follow(client, namespace, known, stop.clone(), move |news| {
        if !concerns(&news, &gateway) {
            return;
        }
        if let News::Listed { namespace, parts } = &news {
            let own: Vec<_> = parts.iter().filter(|part| is_own(part.gateway.as_deref(), &gateway)).cloned().collect();
            tokio::task::block_in_place(|| {
                house.first_list_is_whole(namespace);
                house.listed(ListScope::Gateway(gateway.to_string()), &own);
            });
            readiness.fulfil("plan");
            tracing::info!("plan: every part is known");
        } else {
            tokio::task::block_in_place(|| house.take(&news));
        }
    }));
}

/// Parts of other gateways in the namespace are not this worker's; price books are everybody's.
fn concerns(news: &News, gateway: &Key) -> bool {
    let named = match news {
        News::Part(arrival) => &arrival.gateway,
        News::Gone { gateway, .. } => gateway,
        News::Listed { .. } => return true,
    };
    is_own(named.as_deref(), gateway)
}

fn is_own(named: Option<&str>, gateway: &Key) -> bool {
    named.is_none_or(|name| name == gateway.name)
}

/// Writes where the listeners are to `listeners` under `data`, one `NAME ADDRESS` a line: ports may be the system's choice.
async fn write_addresses(house: Arc<House>, data: PathBuf, stop: CancellationToken) {
    let mut listeners = house.listeners();
    loop {
        let words = listeners.borrow_and_update().clone();
        let lines = words.iter().map(|word| match &word.address {
            Ok(address) => format!("{} {address}\n", word.listener),
            Err(why) => format!("{} - {why}\n", word.listener),
        });
        let text: String = lines.collect();
        let draft = data.join("listeners.new");
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, data.join("listeners")));
        if let Err(error) = written {
            tracing::warn!(%error, "the listeners' addresses are not written down");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = listeners.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::workers::feed::Arrival;

    fn part(gateway: Option<&str>) -> News {
        News::Part(Box::new(Arrival {
            namespace: "telephony".to_owned(),
            gateway: gateway.map(str::to_owned),
            name: "plan-0-n".to_owned(),
            digest: Digest::of(b""),
            text: String::new(),
        }))
    }

    #[test]
    fn a_worker_takes_its_own_gateways_parts_and_everybodys_prices() {
        let east = Key::new("telephony", "east");
        assert!(concerns(&part(Some("east")), &east));
        assert!(!concerns(&part(Some("west")), &east));
        assert!(concerns(&part(None), &east));
    }
}
