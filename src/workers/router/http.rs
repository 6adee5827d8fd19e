//! The router's HTTP: `POST /v1/route` decides a call, `GET /v1/plan` tells what is served.
//!
//! Two sets of routes, to be merged into whatever listens; each has a guard of its own, since a switch may ask for
//! decisions and only the operator for the plan. Errors are `{"error": "sentence"}`. Nothing here logs a caller.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Json;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::counters::RouterCounters;
use super::guard::Guard;
use super::sip::turns::TurnMemory;
use crate::domain::digest::Digest;
use crate::domain::numbering::{Caller, FourHundred};
use crate::domain::routing::compiled::GatewayId;
use crate::domain::routing::decide::{CallFacts, decide, decide_at};
use crate::domain::routing::decision::DecisionDocument;
use crate::domain::routing::trace::{Explanation, Trace};
use crate::domain::routing::turns::Turns;
use crate::runtime::clock::Clock;
use crate::workers::plan::{Family, PlanStore, Served};

/// A question has four short fields.
const BODY_AT_MOST: usize = 16 * 1024;
const CALL_ID_AT_MOST: usize = 512;
const WAIT_AT_MOST_SECONDS: u64 = 60;

/// What `POST /v1/route` needs.
#[derive(Debug)]
pub struct RouteApi {
    pub store: Arc<PlanStore>,
    pub counters: Arc<RouterCounters>,
    /// By the listener's token or peers.
    pub guard: Arc<ArcSwap<Guard>>,
    /// Only numbers of this gateway; `None` answers for all.
    gateway: Option<GatewayId>,
    pub clock: Clock,
    turns: Mutex<TurnMemory>,
}

impl RouteApi {
    pub fn new(
        store: Arc<PlanStore>,
        counters: Arc<RouterCounters>,
        guard: Arc<ArcSwap<Guard>>,
        gateway: Option<&str>,
        clock: Clock,
    ) -> Self {
        let gateway = gateway.map(GatewayId::of);
        Self { store, counters, guard, gateway, clock, turns: Mutex::default() }
    }
}

/// What `GET /v1/plan` needs.
#[derive(Debug)]
pub struct PlanApi {
    pub store: Arc<PlanStore>,
    /// By the operator's token.
    pub guard: Arc<ArcSwap<Guard>>,
    pub family: Family,
}

/// `POST /v1/route`
pub fn route_api(api: Arc<RouteApi>) -> Router {
    Router::new().route("/v1/route", post(route)).with_state(api)
}

/// `GET /v1/plan`
pub fn plan_api(api: Arc<PlanApi>) -> Router {
    Router::new().route("/v1/plan", get(plan)).with_state(api)
}

/// A question about a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteQuestion {
    /// The 400 number.
    pub to: String,
    /// As people or switches write numbers; absent or without digits: anonymous.
    #[serde(default)]
    pub from: String,
    /// Absent: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Absent: generated, and told back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct RouteQuery {
    #[serde(default)]
    explain: bool,
}

#[derive(Debug, Default, Deserialize)]
struct PlanQuery {
    #[serde(default)]
    epoch: String,
    #[serde(default)]
    cursor: u64,
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

/// An answer that is no answer: a status and a sentence.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad_request(sentence: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, sentence.into())
    }

    fn unauthorized() -> Self {
        Self(StatusCode::UNAUTHORIZED, "a token or a source that this listener admits is needed".to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        let Self(status, error) = self;
        let mut response = (status, Json(Body { error })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

async fn route(
    State(api): State<Arc<RouteApi>>,
    query: Result<Query<RouteQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<DecisionDocument>, Refusal> {
    if !api.guard.load().admits(request.headers(), source_of(&request)) {
        api.counters.http_unauthorized.add_one();
        return Err(Refusal::unauthorized());
    }
    let answer = match read_question(query, request).await {
        Ok((question, explain)) => api.decide(&question, explain),
        Err(refusal) => Err(refusal),
    };
    if answer.is_err() {
        api.counters.http_malformed.add_one();
    }
    answer.map(Json)
}

async fn read_question(
    query: Result<Query<RouteQuery>, QueryRejection>,
    request: Request,
) -> Result<(RouteQuestion, bool), Refusal> {
    let Query(query) = query.map_err(|_| Refusal::bad_request("explain is true or false"))?;
    let too_large = || {
        let sentence = format!("the body is larger than {BODY_AT_MOST} bytes");
        Refusal(StatusCode::PAYLOAD_TOO_LARGE, sentence)
    };
    let body = to_bytes(request.into_body(), BODY_AT_MOST).await.map_err(|_| too_large())?;
    let question = serde_json::from_slice(&body).map_err(|error| {
        Refusal::bad_request(format!("the body is not {{\"to\",\"from\",\"at\"?,\"callId\"?}}: {error}"))
    })?;
    Ok((question, query.explain))
}

impl RouteApi {
    fn decide(&self, question: &RouteQuestion, explain: bool) -> Result<DecisionDocument, Refusal> {
        let Some(to) = FourHundred::from_called(&question.to) else {
            let sentence = "to is not a 400 number: ten digits starting with 400 are needed, such as 4001000868";
            return Err(Refusal::bad_request(sentence));
        };
        if question.call_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > CALL_ID_AT_MOST) {
            return Err(Refusal::bad_request(format!("callId has 1 to {CALL_ID_AT_MOST} bytes")));
        }
        let generated = match &question.call_id {
            Some(_) => None,
            None => Some(random_call_id()?),
        };
        let call_id = question.call_id.as_ref().or(generated.as_ref()).map_or("", String::as_str);
        let now = self.clock.now();
        let caller = Caller::parse(&question.from);
        let facts = CallFacts { to, caller, at: question.at.unwrap_or(now), call_id };
        let mut explanation = Explanation::default();
        let mut document = if explain {
            self.walk(&facts, now, &mut explanation, generated.clone())
        } else {
            self.walk(&facts, now, &mut (), generated.clone())
        };
        document.trace = explain.then_some(explanation.lines);
        self.counters.count_decision(document.outcome);
        Ok(document)
    }

    fn walk(
        &self,
        facts: &CallFacts<'_>,
        now: Timestamp,
        trace: &mut impl Trace,
        call_id: Option<String>,
    ) -> DecisionDocument {
        let plan = self.store.snapshot();
        let digest = Digest::of(facts.call_id.as_bytes());
        let request = digest.as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let mut turns = SharedTurns { memory: &self.turns, request, now };
        let decision = match self.gateway {
            Some(gateway) => decide_at(&plan, gateway, facts, &mut turns, trace),
            None => decide(&plan, facts, &mut turns, trace),
        };
        decision.document(call_id, None)
    }
}

/// Turns from the memory that all requests share, locked for a turn only: other calls wait for nobody.
struct SharedTurns<'a> {
    memory: &'a Mutex<TurnMemory>,
    request: u64,
    now: Timestamp,
}

impl Turns for SharedTurns<'_> {
    fn turn(&mut self, group: u64) -> u64 {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.of_request(&|| self.request, self.now).turn(group)
    }
}

async fn plan(
    State(api): State<Arc<PlanApi>>,
    query: Result<Query<PlanQuery>, QueryRejection>,
    request: Request,
) -> Result<Json<Served>, Refusal> {
    if !api.guard.load().admits(request.headers(), source_of(&request)) {
        return Err(Refusal::unauthorized());
    }
    let Query(query) = query.map_err(|_| Refusal::bad_request("cursor and wait are whole numbers"))?;
    let wait = Duration::from_secs(query.wait.min(WAIT_AT_MOST_SECONDS));
    Ok(Json(api.store.served_after(api.family, &query.epoch, query.cursor, wait).await))
}

fn source_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(source)| source.ip())
}

fn random_call_id() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| {
        Refusal(StatusCode::SERVICE_UNAVAILABLE, "no call id can be generated: send a callId".to_owned())
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::document::Part;
    use crate::domain::routing::worlds;

    #[test]
    fn a_call_that_asks_for_no_turn_waits_for_nobodys() {
        let store = Arc::new(PlanStore::new("e1".into()));
        for (name, part) in [("head", Part::Head(worlds::head())), ("leaf", Part::Numbers(worlds::leaf()))] {
            let text = serde_json::to_string(&part).unwrap();
            store.offer(name, Digest::of(text.as_bytes()), &text);
        }
        let api = RouteApi::new(store, Arc::default(), Arc::default(), None, Clock::SYSTEM);
        let question = r#"{"to":"4001000868","from":"0755 2222 3333","at":"2026-11-23T10:00:00+08:00"}"#;
        let question: RouteQuestion = serde_json::from_str(question).unwrap();
        let held = api.turns.lock().unwrap();
        let decided = api.decide(&question, false).unwrap();
        assert_eq!(decided.rule.as_deref(), Some("south-by-day"));
        drop(held);
    }
}
