//! Serving HTTP: one function to run an axum router until shutdown, and the endpoints every process has
//! (`/livez`, `/readyz`, `/metrics`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What stands between a process and readiness, by name; empty means ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    waiting_for: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// `check` is not fulfilled, for the reason `sentence`.
    pub fn wait_for(&self, check: &'static str, sentence: impl Into<String>) {
        self.lock().insert(check, sentence.into());
    }

    /// `check` is fulfilled.
    pub fn fulfil(&self, check: &'static str) {
        self.lock().remove(check);
    }

    /// The open checks, one line each; empty when ready.
    pub fn open(&self) -> Vec<String> {
        self.lock().iter().map(|(check, sentence)| format!("{check}: {sentence}")).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Probes {
    readiness: Readiness,
    registry: Arc<Registry>,
}

/// `/livez`, `/readyz` and `/metrics`. Liveness never asks the API server: it says that the process answers.
pub fn probes(readiness: Readiness, registry: Arc<Registry>) -> axum::Router {
    axum::Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Probes { readiness, registry })
}

async fn ready(State(probes): State<Probes>) -> impl IntoResponse {
    let open = probes.readiness.open();
    if open.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", open.join("\n")))
    }
}

async fn metrics(State(probes): State<Probes>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &probes.registry) {
        Ok(()) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        ),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}

/// Serves `router` on `listener` until `stop`, then lets open requests finish.
pub async fn serve(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}
