//! `GET /v1/usage?after=CURSOR&wait=SECONDS`: totals that changed, and where to go on.
//!
//! A cursor is the ledger's identity, the opening that gave it, and a place in its order of changes, so one of another
//! ledger, or from before a restart (which may have brought a copy of an earlier day), starts from the beginning instead
//! of missing what changed. `month` narrows the answer,
//! which is how a reader begins: this month's totals, then changes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::counters::Counters;
use crate::domain::calendar::Month;
use crate::ledger::{Cursor, Ledger, LedgerError, Usage};
use crate::workers::access::Token;

/// Longest wait for a change, in seconds.
const LONGEST_WAIT: u64 = 60;
/// Totals in one answer.
const PAGE: u32 = 1_000;
/// Readers that may wait at the same time.
const WAITING_READERS: usize = 64;

/// The feed of changed totals.
#[derive(Debug, Clone)]
pub struct UsageFeed {
    ledger: Arc<dyn Ledger>,
    /// The operator's token; `None`: the feed is read in process only.
    token: Option<Token>,
    counters: Counters,
    turns: Arc<Semaphore>,
}

/// What a reader asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(default)]
    after: String,
    #[serde(default)]
    wait: u64,
    month: Option<String>,
}

/// Changed totals and where to go on.
#[derive(Debug, Serialize)]
struct Answer {
    changed: Vec<Usage>,
    cursor: String,
    /// Whether more had changed already.
    more: bool,
}

impl UsageFeed {
    pub fn new(ledger: Arc<dyn Ledger>, token: Option<Token>, counters: Counters) -> Self {
        Self { ledger, token, counters, turns: Arc::new(Semaphore::new(WAITING_READERS)) }
    }

    /// The cursor of the last change as it moves, for a reader in this process.
    pub fn subscribe(&self) -> watch::Receiver<Cursor> {
        self.ledger.changes()
    }

    /// The route, to be merged into a server's.
    pub fn routes(self) -> Router {
        Router::new().route("/v1/usage", get(tell)).with_state(self)
    }

    /// Empty, which is the beginning, until the ledger says who it is.
    fn cursor_text(&self, cursor: Cursor) -> String {
        self.opening().map(|opening| format!("{opening}-{}", cursor.0)).unwrap_or_default()
    }

    /// The ledger's identity and this opening of it.
    fn opening(&self) -> Option<String> {
        Some(format!("{}-{:016x}", self.ledger.id()?, self.ledger.epoch()?))
    }

    /// A place this ledger has not reached, or of another ledger, is the beginning; `None`: no cursor at all.
    fn cursor(&self, text: &str) -> Option<Cursor> {
        if text.is_empty() {
            return Some(Cursor::default());
        }
        let (opening, sequence) = text.rsplit_once('-')?;
        let cursor = Cursor(sequence.parse().ok()?);
        let reached = *self.ledger.changes().borrow();
        let ours = self.opening().is_some_and(|ours| ours == opening) && cursor <= reached;
        Some(if ours { cursor } else { Cursor::default() })
    }

    async fn answer(&self, question: &Question) -> Result<Answer, (StatusCode, String)> {
        let bad = |sentence: &str| (StatusCode::BAD_REQUEST, sentence.to_owned());
        let after = self.cursor(&question.after).ok_or_else(|| bad("after must be a cursor that this feed gave"))?;
        let month: Option<Month> = match &question.month {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| bad("month must be a month such as 2026-11"))?),
        };
        let until = Instant::now() + Duration::from_secs(question.wait.min(LONGEST_WAIT));
        let mut changes = self.ledger.changes();
        loop {
            changes.borrow_and_update();
            let page = self.ledger.usage_after(after, month, PAGE).await.map_err(|error| self.failed(&error))?;
            if page.changed.is_empty() && question.wait > 0 {
                let in_time = tokio::time::timeout_at(until, changes.changed()).await;
                if matches!(in_time, Ok(Ok(()))) {
                    continue;
                }
            }
            return Ok(Answer { changed: page.changed, cursor: self.cursor_text(page.next), more: page.more });
        }
    }

    fn failed(&self, error: &LedgerError) -> (StatusCode, String) {
        self.counters.failure(error);
        (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

async fn tell(State(feed): State<UsageFeed>, headers: HeaderMap, Query(question): Query<Question>) -> Response {
    let refuse =
        |code: StatusCode, sentence: &str| (code, Json(serde_json::json!({ "error": sentence }))).into_response();
    match &feed.token {
        None => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the usage feed is off: no operator token is set"),
        Some(token) if !token.is_shown_by(&headers) => {
            return refuse(StatusCode::UNAUTHORIZED, "the operator's token is needed, as a bearer token");
        }
        Some(_) => {}
    }
    let Ok(_turn) = feed.turns.try_acquire() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many readers wait for usage");
    };
    match feed.answer(&question).await {
        Ok(answer) => Json(answer).into_response(),
        Err((code, sentence)) => refuse(code, &sentence),
    }
}
