//! Routers outside this process: one long poll each, so that what they serve is known as soon as they serve it. A ready
//! router that is silent for ten seconds leaves the quorum and is told on its gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::StartError;
use super::words::acknowledge;
use crate::commands::operator::Arguments;
use crate::controllers::key::Key;
use crate::controllers::plan::acks::RouterWord;
use crate::controllers::world::World;
use crate::domain::digest::Digest;
use crate::runtime::client;
use crate::workers::house::part_name;
use crate::workers::plan::Served;

/// Seconds that a router may keep a question.
const WAIT_SECONDS: u64 = 5;
/// A router that does not answer for so long is silent.
const SILENT: Duration = Duration::from_secs(10);

/// A router's API.
#[derive(Debug, Clone)]
pub struct Endpoint {
    gateway: Key,
    /// `HOST:PORT`
    address: String,
    token: String,
}

/// The endpoints on the command line.
pub fn endpoints(arguments: &Arguments) -> Result<Vec<Endpoint>, StartError> {
    let token = match &arguments.worker_token_file {
        Some(path) => super::read_token(path)?,
        None => String::new(),
    };
    let parse = |text: &String| {
        let wrong = || StartError::Endpoint(text.clone());
        let (gateway, url) = text.split_once('=').ok_or_else(wrong)?;
        let (namespace, name) = gateway.split_once('/').ok_or_else(wrong)?;
        let address = url.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
        Ok(Endpoint { gateway: Key::new(namespace, name), address: address.to_owned(), token: token.clone() })
    };
    arguments.worker_endpoints.iter().map(parse).collect()
}

/// Follows one router until `stop`.
pub async fn follow(world: Arc<World>, endpoint: Endpoint, stop: CancellationToken) {
    let mut parts: BTreeMap<String, Digest> = BTreeMap::new();
    let (mut epoch, mut cursor) = (String::new(), 0_u64);
    loop {
        // The first question is answered at once; later ones when something changed.
        let wait = if epoch.is_empty() { 0 } else { WAIT_SECONDS };
        let path = format!("/v1/plan?epoch={epoch}&cursor={cursor}&wait={wait}");
        let asked = client::get::<Served>(&endpoint.address, &path, &endpoint.token);
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = tokio::time::timeout(SILENT, asked) => answer,
        };
        match answer {
            Ok(Ok(served)) => {
                if served.whole || served.epoch != epoch {
                    parts.clear();
                }
                (epoch, cursor) = (served.epoch, served.cursor);
                for change in served.changed {
                    match change.digest {
                        Some(digest) => parts.insert(change.part, digest),
                        None => parts.remove(&change.part),
                    };
                }
                let served = parts
                    .iter()
                    .filter_map(|(name, digest)| {
                        Some((part_name(&endpoint.gateway.namespace, name)?.to_owned(), *digest))
                    })
                    .collect();
                acknowledge(
                    &world,
                    &endpoint.gateway,
                    &endpoint.address,
                    Some(RouterWord { ready: true, parts: served }),
                );
            }
            failed => {
                let why = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "no answer in time".to_owned(),
                };
                tracing::debug!(gateway = %endpoint.gateway, router = endpoint.address, why, "router does not tell what it serves");
                epoch.clear();
                acknowledge(&world, &endpoint.gateway, &endpoint.address, None);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                }
            }
        }
    }
}
