//! Logs: readable on a terminal, JSON lines everywhere else.
//!
//! What may be logged: names of objects, counts, reasons, durations. Never a secret, a token or a whole caller number.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

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

/// The filter is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "--log {filter:?} is no filter: a level, or TARGET=LEVEL, comma-separated, such as info,fourhundred::workers=debug"
)]
pub struct FilterError {
    filter: String,
    #[source]
    source: ParseError,
}

/// Installs the process-wide subscriber, writing to standard error. `filter` is a `tracing` directive such as
/// `info,fourhundred=debug`. A second call changes nothing.
pub fn install(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let filter = parse(filter)?;
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
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    EnvFilter::try_new(filter).map_err(|source| FilterError { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused() {
        assert!(parse("info,fourhundred::workers=debug").is_ok());
        let error = parse("info,fourhundred=loud").unwrap_err();
        assert!(error.to_string().starts_with("--log \"info,fourhundred=loud\" is no filter"), "{error}");
    }
}
