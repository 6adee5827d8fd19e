//! Logs: readable on a terminal, JSON lines everywhere else.
//!
//! What may be logged: names of objects, counts, reasons, durations. Never a secret, a token or a whole caller number.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One readable line per event.
    Human,
    /// One JSON object per event.
    Json,
}

/// Installs the process-wide subscriber, writing to standard error. `filter` is a `tracing` directive such as
/// `info,fourhundred=debug`; one that does not parse falls back to `info`. A second call changes nothing.
pub fn install(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let human = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if human {
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
    if installed.is_err() {
        tracing::debug!("a subscriber is installed already");
    }
}
