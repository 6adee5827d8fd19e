//! One request to a biller, sent again until it is taken or its patience ends.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Counts, IngestError};
use crate::runtime::client::{Answer, ClientError, HttpClient, Question};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of an answer that is no biller's, this much is told.
const MOST_TOLD: usize = 200;

/// The biller that takes the records.
#[derive(Debug, Clone)]
pub struct Biller {
    client: HttpClient,
    path: String,
    token: String,
    stop: CancellationToken,
}

/// What a biller says of a request.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Taken {
    accepted: u64,
    duplicates: u64,
    conflicts: u64,
    unrated: u64,
    pub(super) refused: Vec<Refusal>,
    #[serde(default)]
    passed_over: u64,
}

/// A line that was not booked.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Refusal {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl Taken {
    pub(super) fn counts(&self) -> Counts {
        let Self { accepted, duplicates, conflicts, unrated, passed_over, .. } = *self;
        Counts { accepted, duplicates, conflicts, unrated, refused: self.refused.len() as u64, passed_over }
    }
}

/// What is to be done about an answer.
enum Verdict {
    Taken(Taken),
    Again { after: Option<Duration>, why: IngestError },
    Never(IngestError),
}

impl Biller {
    /// The biller at `address`, for records of `source` in its own form; or of neutral ones, which name theirs.
    pub fn new(
        address: &str,
        source: Option<&str>,
        token: String,
        stop: CancellationToken,
    ) -> Result<Self, ClientError> {
        let path = source.map_or_else(|| "/v1/call-records".to_owned(), |source| format!("/v1/call-records/{source}"));
        Ok(Self { client: HttpClient::of(address)?, path, token, stop })
    }

    /// Where it takes records.
    pub(super) fn address(&self) -> String {
        format!("{}{}", self.client.server(), self.path)
    }

    /// Whether somebody asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits; `false` where somebody asks to stop before.
    pub async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    /// Sends a body of `lines` records. A request that is under way when somebody asks to stop is waited for.
    pub(super) async fn take(
        &self,
        content_type: &'static str,
        body: Bytes,
        lines: usize,
        patience: Duration,
    ) -> Result<Taken, IngestError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (path, token) = (self.path.as_str(), self.token.as_str());
            let question = Question { method: Method::POST, path, token, content_type, body: body.clone() };
            let answer = self.client.ask(question).await;
            let waited = began.elapsed().as_secs();
            match self.judge(answer, lines, waited) {
                Verdict::Taken(taken) => return Ok(taken),
                Verdict::Never(why) => return Err(why),
                Verdict::Again { why, .. } if began.elapsed() >= patience => return Err(why),
                Verdict::Again { after, .. } => {
                    let wait = after.unwrap_or(pause).min(LONGEST_PAUSE);
                    tracing::debug!(server = self.client.server(), ?wait, "the biller asks to come again");
                    if !self.pause(wait).await {
                        return Err(IngestError::Stopped);
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn judge(&self, answer: Result<Answer, ClientError>, lines: usize, seconds: u64) -> Verdict {
        let server = || self.client.server().to_owned();
        let answer = match answer {
            Ok(answer) => answer,
            Err(source @ (ClientError::Address(_) | ClientError::TooLarge)) => {
                return Verdict::Never(IngestError::Unreachable {
                    server: server(),
                    seconds,
                    source: Box::new(source),
                });
            }
            Err(source) => {
                let why = IngestError::Unreachable { server: server(), seconds, source: Box::new(source) };
                return Verdict::Again { after: None, why };
            }
        };
        let status = answer.status;
        match status {
            200 | 422 => match serde_json::from_slice::<Taken>(&answer.body) {
                Ok(taken) if taken.counts().lines() == lines as u64 => Verdict::Taken(taken),
                _ => Verdict::Never(IngestError::Refused {
                    server: server(),
                    status,
                    reason: "its answer does not account for the records: is it a biller?".to_owned(),
                }),
            },
            408 | 429 | 500..=599 => {
                let why = IngestError::Unavailable { server: server(), seconds, status, reason: reason(&answer.body) };
                Verdict::Again { after: answer.retry_after, why }
            }
            _ => Verdict::Never(IngestError::Refused { server: server(), status, reason: reason(&answer.body) }),
        }
    }
}

/// A biller's sentence, or the beginning of what somebody else said.
fn reason(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Told {
        error: String,
    }
    let said = match serde_json::from_slice::<Told>(body) {
        Ok(told) => told.error,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    let said: String = said.chars().filter(|char| !char.is_control()).take(MOST_TOLD).collect();
    if said.is_empty() { "and says nothing".to_owned() } else { said }
}
