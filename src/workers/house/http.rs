//! The HTTP listeners that gateways ask for: decisions, the plan served, call records, usage. They follow the heads; an
//! unchanged listener keeps its socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{House, ListenerWord};
use crate::domain::routing::document::Protocol;
use crate::workers::biller::{Intake, UsageFeed};
use crate::workers::plan::Family;
use crate::workers::router::http::{PlanApi, RouteApi, plan_api, route_api};

/// A socket that could not be opened is tried again after this.
const RETRY: Duration = Duration::from_secs(5);

type Name = (String, String, u16);

struct Open {
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// See the module's text.
pub(super) struct Listeners {
    house: Arc<House>,
    states: watch::Sender<Vec<ListenerWord>>,
}

impl Listeners {
    pub(super) fn new(house: Arc<House>) -> Self {
        Self { house, states: watch::Sender::new(Vec::new()) }
    }

    pub(super) fn states(&self) -> watch::Receiver<Vec<ListenerWord>> {
        self.states.subscribe()
    }

    pub(super) async fn run(self, stop: CancellationToken) {
        let mut changes = self.house.store.changes();
        let mut open: BTreeMap<Name, Open> = BTreeMap::new();
        loop {
            changes.borrow_and_update();
            self.house.refresh_gates();
            let wanted = self.wanted();
            let unwanted: Vec<Name> = open.keys().filter(|name| !wanted.contains(name)).cloned().collect();
            for name in unwanted {
                close(open.remove(&name)).await;
            }
            let failed = self.open(&mut open, wanted).await;
            let retry = async { if failed { tokio::time::sleep(RETRY).await } else { std::future::pending().await } };
            tokio::select! {
                () = stop.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
                () = retry => {}
            }
        }
        for (_, listener) in open {
            close(Some(listener)).await;
        }
    }

    fn wanted(&self) -> Vec<Name> {
        let plan = self.house.store.snapshot();
        let mut names: Vec<Name> = plan
            .heads()
            .flat_map(|head| head.listeners.iter().map(move |listener| (head, listener)))
            .filter(|(_, listener)| listener.protocol == Protocol::Http)
            .map(|(head, listener)| (head.gateway.clone(), listener.name.clone(), listener.port))
            .collect();
        names.sort();
        names
    }

    async fn open(&self, open: &mut BTreeMap<Name, Open>, wanted: Vec<Name>) -> bool {
        let mut words = Vec::with_capacity(wanted.len());
        let mut failed = false;
        for name in wanted {
            let address = match open.get(&name) {
                Some(listener) => Ok(listener.address),
                None => match self.bind(&name).await {
                    Ok(listener) => {
                        let address = listener.address;
                        open.insert(name.clone(), listener);
                        Ok(address)
                    }
                    Err(error) => {
                        tracing::warn!(gateway = name.0, listener = name.1, port = name.2, %error, "an HTTP listener cannot be opened yet");
                        failed = true;
                        Err(error.to_string())
                    }
                },
            };
            words.push(ListenerWord { gateway: name.0, listener: name.1, address });
        }
        self.states.send_if_modified(|current| {
            let differs = *current != words;
            *current = words;
            differs
        });
        failed
    }

    async fn bind(&self, name: &Name) -> std::io::Result<Open> {
        let socket = TcpListener::bind(SocketAddr::new(self.house.options.bind, name.2)).await?;
        let address = socket.local_addr()?;
        let stop = CancellationToken::new();
        let serving = crate::runtime::http::serve(socket, self.routes(&name.0, &name.1), stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::warn!(%error, "an HTTP listener ended");
            }
        });
        Ok(Open { address, stop, task })
    }

    fn routes(&self, gateway: &str, listener: &str) -> axum::Router {
        let house = &self.house;
        let gate = house.gate(gateway, listener);
        let mut routes = axum::Router::new();
        if house.options.routes_calls {
            let api = RouteApi::new(
                house.store.clone(),
                house.router_counters.clone(),
                gate.route,
                Some(gateway),
                house.options.clock,
            );
            routes = routes.merge(route_api(Arc::new(api)));
        }
        let family = if house.options.routes_calls { Family::Routing } else { Family::Billing };
        let plan = PlanApi { store: house.store.clone(), guard: gate.operator.clone(), family };
        routes = routes.merge(plan_api(Arc::new(plan)));
        if let Some(ledger) = &house.ledger {
            let counters = house.biller_counters.clone();
            let intake = Intake::new(ledger.clone(), gate.intake, house.options.clock, counters.clone());
            let feed = UsageFeed::new(ledger.clone(), house.operator_token(gateway), counters);
            routes = routes.merge(intake.routes()).merge(feed.routes());
        }
        routes
    }
}

async fn close(listener: Option<Open>) {
    if let Some(listener) = listener {
        listener.stop.cancel();
        // Long polls would hold the listener for their whole wait.
        let _ = tokio::time::timeout(Duration::from_secs(2), listener.task).await;
    }
}
