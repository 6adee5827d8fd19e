//! Routers outside this process: one long poll each, so that what they serve is known as soon as they serve it.
//!
//! A router that refuses the connection or says that it is not ready leaves the quorum at once. One that was ready and
//! is silent for ten seconds may still be answering calls: it counts, with what it said last, and its gateway says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Endpoint;
use super::words::{acknowledge, fell_silent};
use crate::controllers::plan::acks::RouterWord;
use crate::controllers::world::World;
use crate::domain::digest::Digest;
use crate::runtime::client::{self, ClientError};
use crate::runtime::sentence::with_causes;
use crate::workers::house::part_name;
use crate::workers::plan::Served;

/// Seconds that a router may keep a question.
const WAIT_SECONDS: u64 = 5;
/// A router that does not answer for so long is silent.
const SILENT: Duration = Duration::from_secs(10);
/// Between questions that got no answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What a question to a router came to.
#[derive(Debug)]
enum Hearing {
    Served(Served),
    /// Nobody listens there, or it says that it does not serve.
    Away(String),
    /// It may be there and cannot be heard.
    Silence(String),
}

/// Follows one router, which asks for `token`, until `stop`.
pub async fn follow(world: Arc<World>, endpoint: Endpoint, token: String, stop: CancellationToken) {
    let Endpoint { gateway, address } = endpoint;
    let mut parts: BTreeMap<String, Digest> = BTreeMap::new();
    let (mut epoch, mut cursor) = (String::new(), 0_u64);
    let mut heard = Instant::now();
    loop {
        // The first question is answered at once; later ones when something changed.
        let wait = if epoch.is_empty() { 0 } else { WAIT_SECONDS };
        let path = format!("/v1/plan?epoch={epoch}&cursor={cursor}&wait={wait}");
        let left = SILENT.saturating_sub(heard.elapsed()).max(Duration::from_secs(WAIT_SECONDS + 1));
        let asked = client::get::<Served>(&address, &path, &token);
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            answer = tokio::time::timeout(left, asked) => answer.ok(),
        };
        let why = match hearing(answer) {
            Hearing::Served(served) => {
                heard = Instant::now();
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
                let own = |(name, digest): (&String, &Digest)| {
                    Some((part_name(&gateway.namespace, name)?.to_owned(), *digest))
                };
                let parts = parts.iter().filter_map(own).collect();
                acknowledge(&world, &gateway, &address, Some(RouterWord { ready: true, silent: false, parts }));
                continue;
            }
            Hearing::Away(why) => {
                acknowledge(&world, &gateway, &address, None);
                why
            }
            Hearing::Silence(why) => {
                if heard.elapsed() >= SILENT {
                    fell_silent(&world, &gateway, &address);
                }
                why
            }
        };
        tracing::debug!(%gateway, router = address, why, "router does not tell what it serves");
        epoch.clear();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

fn hearing(answer: Option<Result<Served, ClientError>>) -> Hearing {
    match answer {
        Some(Ok(served)) => Hearing::Served(served),
        Some(Err(error @ (ClientError::Status(_) | ClientError::NobodyThere(_)))) => Hearing::Away(error.to_string()),
        Some(Err(error)) => Hearing::Silence(with_causes(&error)),
        None => Hearing::Silence("no answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_refuses_or_says_that_he_does_not_serve_is_away() {
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(matches!(hearing(Some(Err(ClientError::NobodyThere("http://r:1".to_owned())))), Hearing::Away(_)));
        assert!(matches!(hearing(Some(Err(ClientError::Status(503)))), Hearing::Away(_)));
        let lost = ClientError::Connection("http://r:1".to_owned(), reset.into());
        assert!(matches!(hearing(Some(Err(lost))), Hearing::Silence(_)));
        assert!(matches!(hearing(Some(Err(ClientError::Silent("http://r:1".to_owned())))), Hearing::Silence(_)));
        assert!(matches!(hearing(None), Hearing::Silence(_)));
    }
}
