//! `POST /v1/call-records` and `/v1/call-records/SOURCE`: records in, and an answer only when they are durable.
//!
//! Whoever may send is asked first, then room is taken for the body, then it is read: a stranger costs nothing and a
//! flood is told to come back. A line that cannot be used is refused alone; when the ledger fails, nothing of the
//! request is booked and the sender keeps it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::counters::Counters;
use super::forms::{self, Form};
use super::lines::{self, Read, Refusal, Switches, Writer};
use crate::domain::rating::native::{Native, Switch};
use crate::ledger::{Booking, ErrorClass, Ledger, LedgerError};
use crate::runtime::clock::Clock;
use crate::runtime::unpack::{self, PIECE, Packing, UnpackError};
use crate::workers::access::Token;

/// Largest body of one request, as it comes.
const LARGEST_BODY: usize = 8 * 1024 * 1024;
/// What a packed body may grow to.
const LARGEST_UNPACKED: usize = 32 * 1024 * 1024;
/// All bodies being read or booked together, in KiB.
const ROOM_KIB: u32 = 64 * 1024;
/// A body must have come whole within this.
const SLOWEST_BODY: Duration = Duration::from_secs(30);
/// Bodies above this are read on a thread that may block.
const SMALL_BODY: usize = 64 * 1024;

const OFF: &str = "call record intake is off: the gateway's callRecords.tokenSecretRef is not set";

/// Who may send records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntakeSettings {
    /// Nobody without it; `None`: intake is off.
    pub token: Option<Token>,
    /// The switches that may send; none: each may, in the neutral form.
    pub switches: Switches,
}

impl IntakeSettings {
    /// What a gateway's head part and its token Secret say.
    pub fn new(token: Option<Token>, switches: &[Switch]) -> Self {
        Self { token, switches: Switches::new(switches) }
    }
}

/// The intake: its settings may be swapped while it serves.
#[derive(Debug, Clone)]
pub struct Intake {
    ledger: Arc<dyn Ledger>,
    settings: Arc<ArcSwap<IntakeSettings>>,
    clock: Clock,
    counters: Counters,
    room: Arc<Semaphore>,
}

impl Intake {
    pub fn new(
        ledger: Arc<dyn Ledger>,
        settings: Arc<ArcSwap<IntakeSettings>>,
        clock: Clock,
        counters: Counters,
    ) -> Self {
        Self { ledger, settings, clock, counters, room: Arc::new(Semaphore::new(ROOM_KIB as usize)) }
    }

    /// The routes, to be merged into a server's.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/v1/call-records", post(take))
            .route("/v1/call-records/{source}", post(take_of))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(self)
    }
}

async fn take(State(intake): State<Intake>, request: Request) -> Response {
    intake.respond(None, request).await
}

async fn take_of(State(intake): State<Intake>, Path(source): Path<String>, request: Request) -> Response {
    intake.respond(Some(source), request).await
}

/// What became of a request's lines: `accepted + duplicates + conflicts + refused + passedOver` = lines. A line that
/// says several legs counts once, as the worst that became of one of them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// Booked, or kept unrated.
    accepted: usize,
    duplicates: usize,
    conflicts: usize,
    /// Among the accepted.
    unrated: usize,
    refused: Vec<Refusal>,
    /// Lines of a switch that state nothing to be counted, such as a B-leg that its caller's record tells of.
    #[serde(skip_serializing_if = "nothing")]
    passed_over: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn nothing(count: &usize) -> bool {
    *count == 0
}

/// A request of which nothing was booked.
#[derive(Debug)]
struct Refused {
    code: StatusCode,
    reason: String,
    retry_after_seconds: Option<u32>,
}

impl Refused {
    fn new(code: StatusCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), retry_after_seconds: None }
    }

    fn later(code: StatusCode, reason: impl Into<String>, seconds: u32) -> Self {
        Self { code, reason: reason.into(), retry_after_seconds: Some(seconds) }
    }

    fn into_response(self) -> Response {
        let mut response = (self.code, Json(serde_json::json!({ "error": self.reason }))).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.code == StatusCode::UNAUTHORIZED {
            let challenge =
                axum::http::HeaderValue::from_static("Bearer realm=\"call records\", Basic realm=\"call records\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Intake {
    async fn respond(&self, source: Option<String>, request: Request) -> Response {
        let response = match self.answer(source, request).await {
            Ok(answer) => {
                let used = answer.accepted + answer.duplicates + answer.conflicts + answer.passed_over;
                let all_refused = used == 0 && !answer.refused.is_empty();
                let code = if all_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
                (code, Json(answer)).into_response()
            }
            Err(refused) => refused.into_response(),
        };
        self.counters.request(response.status().as_u16());
        response
    }

    async fn answer(&self, source: Option<String>, request: Request) -> Result<Answer, Refused> {
        let settings = self.settings.load_full();
        admit(&settings, request.headers())?;
        let writer = source.as_deref().map_or(Ok(None), |source| settings.switches.writer(source));
        let writer = writer.map_err(|unknown| Refused::new(StatusCode::NOT_FOUND, unknown.to_string()))?;
        let unsupported = |reason| Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        let form = forms::form(request.headers(), writer.map(Native::format)).map_err(unsupported)?;
        let packing = forms::packing(request.headers()).map_err(unsupported)?;
        let mut room = self.room(request.headers())?;
        let mut body = body(request).await?;
        if packing != Packing::Plain {
            (body, room) = self.unpacked(packing, body, room).await?;
        }
        let read = read(body, form, source, Arc::clone(&settings)).await?;
        // In a task of its own: a sender that hangs up must not free the room while its records still wait.
        let intake = self.clone();
        let booking = tokio::spawn(async move {
            let answer = intake.book(read).await;
            drop(room);
            answer
        });
        booking.await.map_err(|_| stopping())?
    }

    /// Room for the body; one of unknown length takes that of the largest.
    fn room(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Refused> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let length = length.unwrap_or(LARGEST_BODY);
        if length > LARGEST_BODY {
            return Err(too_large());
        }
        let kib = u32::try_from(length / 1024 + 1).unwrap_or(ROOM_KIB);
        Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(|_| no_room())
    }

    /// The body as its sender wrote it. Room is taken as it grows: what a few bytes claim to hold takes none.
    async fn unpacked(
        &self,
        packing: Packing,
        packed: Bytes,
        mut room: OwnedSemaphorePermit,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Refused> {
        let all = Arc::clone(&self.room);
        let task = tokio::task::spawn_blocking(move || {
            let piece = u32::try_from(PIECE / 1024).unwrap_or(ROOM_KIB);
            let text = unpack::whole(packing, &packed, |length| {
                if length > LARGEST_UNPACKED {
                    return Err(UnpackError::TooLarge(LARGEST_UNPACKED));
                }
                room.merge(Arc::clone(&all).try_acquire_many_owned(piece).map_err(|_| UnpackError::NoRoom)?);
                Ok(())
            });
            text.map(|text| (Bytes::from(text), room))
        });
        task.await.map_err(|_| stopping())?.map_err(|error| match error {
            UnpackError::NoRoom => no_room(),
            UnpackError::TooLarge(_) => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            UnpackError::Damaged(_) => Refused::new(StatusCode::BAD_REQUEST, error.to_string()),
        })
    }

    async fn book(&self, read: Read) -> Result<Answer, Refused> {
        let mut answer = Answer { refused: read.refused, passed_over: read.passed_over, ..Answer::default() };
        self.counters.refused_lines(answer.refused.len());
        self.counters.passed_over(answer.passed_over);
        let (lines, records): (Vec<usize>, Vec<_>) = read.records.into_iter().unzip();
        if records.is_empty() {
            return Ok(answer);
        }
        let bookings = self.ledger.book(records, self.clock.now()).await.map_err(|error| {
            self.counters.failure(&error);
            not_booked(&error)
        })?;
        let mut bookings =
            lines.into_iter().zip(bookings).inspect(|(_, booking)| self.counters.record(booking)).peekable();
        while let Some((line, mut booking)) = bookings.next() {
            while let Some((_, of_same_line)) = bookings.next_if(|(next, _)| *next == line) {
                booking = worse(booking, of_same_line);
            }
            answer.count(line, booking);
        }
        answer.refused.sort_unstable_by_key(|refusal| refusal.line);
        Ok(answer)
    }
}

impl Answer {
    fn count(&mut self, line: usize, booking: Booking) {
        match booking {
            Booking::Booked => self.accepted += 1,
            Booking::Unrated(_) => {
                self.accepted += 1;
                self.unrated += 1;
            }
            Booking::Duplicate => self.duplicates += 1,
            Booking::Conflict => self.conflicts += 1,
            Booking::Refused(reason) => self.refused.push(Refusal { line, reason }),
        }
    }
}

/// What is to be told of a line of which two legs became this. One that is new makes its line new.
fn worse(one: Booking, other: Booking) -> Booking {
    let rank = |booking: &Booking| match booking {
        Booking::Duplicate => 0,
        Booking::Booked => 1,
        Booking::Unrated(_) => 2,
        Booking::Conflict => 3,
        Booking::Refused(_) => 4,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

fn admit(settings: &IntakeSettings, headers: &HeaderMap) -> Result<(), Refused> {
    let Some(token) = &settings.token else {
        return Err(Refused::later(StatusCode::SERVICE_UNAVAILABLE, OFF, 60));
    };
    if token.is_shown_by(headers) {
        return Ok(());
    }
    Err(Refused::new(
        StatusCode::UNAUTHORIZED,
        "the call record token is needed, as a bearer token or as the password of Basic",
    ))
}

fn no_room() -> Refused {
    Refused::later(StatusCode::TOO_MANY_REQUESTS, "more call records are waiting than are taken: send again", 1)
}

fn stopping() -> Refused {
    Refused::later(StatusCode::SERVICE_UNAVAILABLE, "the biller is stopping", 5)
}

fn too_large() -> Refused {
    let reason = format!("the body has more than {LARGEST_BODY} bytes: send several requests");
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
}

async fn body(request: Request) -> Result<Bytes, Refused> {
    let body = tokio::time::timeout(SLOWEST_BODY, Bytes::from_request(request, &())).await;
    let body =
        body.map_err(|_| Refused::new(StatusCode::REQUEST_TIMEOUT, "the body did not come within 30 seconds"))?;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        code => Refused::new(code, "the body could not be read"),
    })
}

async fn read(body: Bytes, form: Form, source: Option<String>, settings: Arc<IntakeSettings>) -> Result<Read, Refused> {
    let small = body.len() <= SMALL_BODY;
    let work = move || {
        let (path, switches) = (source.as_deref(), &settings.switches);
        let writer = match path.map(|source| switches.writer(source)) {
            Some(Ok(Some(native))) => Writer::Native(native),
            _ => Writer::Neutral { path, switches },
        };
        lines::read(&body, form, writer)
    };
    let read = if small { work() } else { tokio::task::spawn_blocking(work).await.map_err(|_| stopping())? };
    read.map_err(|error| Refused::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))
}

/// The sender's part of a ledger failure: come again, soon or later.
fn not_booked(error: &LedgerError) -> Refused {
    match error.class() {
        ErrorClass::Busy => Refused::later(StatusCode::TOO_MANY_REQUESTS, error.to_string(), 1),
        ErrorClass::Transient => Refused::later(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), 5),
        ErrorClass::Full | ErrorClass::ReadOnly | ErrorClass::Corrupt | ErrorClass::Invalid => {
            Refused::later(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), 30)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc as Shared;

    use super::*;

    #[test]
    fn a_ledger_that_fails_asks_for_the_records_again_soon_or_later() {
        let failed =
            |class| LedgerError::Database { doing: "book call records", class, source: Shared::new(std::fmt::Error) };
        for (error, code, seconds) in [
            (LedgerError::Busy, 429, 1),
            (LedgerError::Stopped, 503, 5),
            (failed(ErrorClass::Transient), 503, 5),
            (failed(ErrorClass::Full), 503, 30),
            (failed(ErrorClass::Invalid), 503, 30),
        ] {
            let response = not_booked(&error).into_response();
            assert_eq!(response.status().as_u16(), code, "{error}");
            assert_eq!(response.headers()[RETRY_AFTER], seconds.to_string(), "{error}");
        }
    }
}
