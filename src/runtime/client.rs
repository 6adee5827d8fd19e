//! An HTTP client for the crate's own APIs: bounded answers, bounded waiting, connections that are used again.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, Request, Uri, uri::Scheme};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

/// No answer of ours is larger.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// A server that accepts and then says nothing; usage and plan may be asked to wait for 60 s.
const PATIENCE: Duration = Duration::from_secs(100);
const CONNECTING: Duration = Duration::from_secs(10);

/// A question that got no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0:?} is no address: one such as http://127.0.0.1:8080 is needed")]
    Address(String),
    #[error("the system's certificates cannot be read, by which a server proves who it is")]
    Certificates(#[source] std::io::Error),
    #[error("{0} refuses connections")]
    NobodyThere(String),
    #[error("no connection to {0}")]
    Connection(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} did not answer within {seconds} s", seconds = PATIENCE.as_secs())]
    Silent(String),
    #[error("the answer has more than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error("answered {0}")]
    Status(u16),
    #[error("the answer's body cannot be read")]
    Body(#[source] serde_json::Error),
}

/// What is asked. An empty token or type is left out.
#[derive(Debug, Clone, Default)]
pub struct Question<'a> {
    pub method: Method,
    /// Begins with a slash.
    pub path: &'a str,
    /// Shown as bearer.
    pub token: &'a str,
    pub content_type: &'a str,
    pub body: Bytes,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// When to come again, where the answer says so.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub struct HttpClient {
    server: String,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secured(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl HttpClient {
    /// A client of the server at `address`: `http://HOST:PORT` or `https://HOST:PORT`, with a path before that of each
    /// question where the server stands behind another one.
    pub fn of(address: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let secured = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong()),
        };
        if uri.authority().is_none() || uri.query().is_some() {
            return Err(wrong());
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECTING));
        connector.set_nodelay(true);
        let builder = Client::builder(TokioExecutor::new());
        let way = if secured {
            connector.enforce_http(false);
            let certificates = HttpsConnectorBuilder::new().with_native_roots().map_err(ClientError::Certificates)?;
            Way::Secured(builder.build(certificates.https_only().enable_http1().wrap_connector(connector)))
        } else {
            Way::Plain(builder.build(connector))
        };
        Ok(Self { server: address.trim_end_matches('/').to_owned(), way })
    }

    /// Where it asks.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, ClientError> {
        tokio::time::timeout(PATIENCE, self.asked(question))
            .await
            .unwrap_or_else(|_| Err(ClientError::Silent(self.server.clone())))
    }

    async fn asked(&self, question: Question<'_>) -> Result<Answer, ClientError> {
        let uri = format!("{}{}", self.server, question.path);
        let mut request = Request::builder().method(question.method).uri(&uri);
        if !question.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", question.token));
        }
        if !question.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, question.content_type);
        }
        let request = request.body(Full::new(question.body)).map_err(|_| ClientError::Address(uri))?;
        let sent = match &self.way {
            Way::Plain(client) => client.request(request).await,
            Way::Secured(client) => client.request(request).await,
        };
        let response = sent.map_err(|error| self.lost(error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let status = response.status().as_u16();
        let whole = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = whole.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ClientError::TooLarge
            } else {
                ClientError::Connection(self.server.clone(), error)
            }
        })?;
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body: body.to_bytes() })
    }

    fn lost(&self, error: impl std::error::Error + Send + Sync + 'static) -> ClientError {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let mut kinds = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
        if kinds.any(|kind| kind == std::io::ErrorKind::ConnectionRefused) {
            return ClientError::NobodyThere(self.server.clone());
        }
        ClientError::Connection(self.server.clone(), Box::new(error))
    }
}

/// `GET` of `path` at `address` (`HOST:PORT`), with `token` as bearer unless it is empty.
pub async fn get<T: DeserializeOwned>(address: &str, path: &str, token: &str) -> Result<T, ClientError> {
    let answer = send(address, Question { path, token, ..Question::default() }).await?;
    if answer.status != 200 {
        return Err(ClientError::Status(answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(ClientError::Body)
}

/// `POST` of a body to `path` at `address` (`HOST:PORT`).
pub async fn post(
    address: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Result<Answer, ClientError> {
    send(address, Question { method: Method::POST, path, token, content_type, body: body.into() }).await
}

/// One question at `address` (`HOST:PORT`), on a connection of its own.
pub async fn send(address: &str, question: Question<'_>) -> Result<Answer, ClientError> {
    HttpClient::of(&format!("http://{address}"))?.ask(question).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_without_a_scheme_or_with_a_question_is_told() {
        for address in ["127.0.0.1:8080", "ftp://biller", "http://", "http://biller?x=1", "biller", ""] {
            assert!(matches!(HttpClient::of(address), Err(ClientError::Address(_))), "{address}");
        }
        assert_eq!(HttpClient::of("http://biller:8080/east/").unwrap().server(), "http://biller:8080/east");
        assert!(HttpClient::of("https://biller.example.com").is_ok());
    }

    #[tokio::test]
    async fn a_server_is_asked_and_says_when_to_come_again() {
        use axum::routing::post as posted;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let busy = posted(|headers: axum::http::HeaderMap, body: String| async move {
            let told = format!("{} {body}", headers[AUTHORIZATION].to_str().unwrap());
            (axum::http::StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "7")], told)
        });
        let router = axum::Router::new().route("/v1/x", busy);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let answer = post(&address, "/v1/x", "t", "text/plain", "hello").await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (503, Some(Duration::from_secs(7))));
        assert_eq!(&answer.body[..], b"Bearer t hello");
        server.abort();
        let _ = server.await;
        let refused = get::<serde_json::Value>(&address, "/v1/x", "").await.unwrap_err();
        assert!(matches!(refused, ClientError::NobodyThere(_)), "{refused}");
    }
}
