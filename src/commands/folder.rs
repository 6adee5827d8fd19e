//! What the folder tools share: which paths to read, what is told of those that cannot be.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::output::tell;
use crate::folder::SKIPPED;
use crate::offline::{Offline, OfflineError};

/// Where the manifests are.
#[derive(Debug, Clone, Args)]
pub struct Paths {
    /// Folders and files with manifests, read as one: a tenant's and the platform's, for instance
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
}

/// How they are read.
#[derive(Debug, Clone, Args)]
pub struct Reading {
    /// Folders below PATH that are read past, by name; repeat it, or give "" to read all
    #[arg(long, value_name = "NAME", default_value = SKIPPED)]
    pub skip: Vec<String>,
    /// Tests only: the instant at which the folder is judged
    #[arg(long, hide = true, value_name = "INSTANT")]
    pub clock_at: Option<Timestamp>,
}

impl Paths {
    /// The instant at which the folder is judged.
    pub fn now(&self) -> Timestamp {
        self.reading.now()
    }

    /// Reads and judges.
    pub fn read(&self) -> Result<Offline, OfflineError> {
        self.reading.read(&self.paths)
    }
}

impl Reading {
    /// The instant at which the folder is judged.
    pub fn now(&self) -> Timestamp {
        self.clock_at.unwrap_or_else(Timestamp::now)
    }

    /// Reads and judges.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Offline, OfflineError> {
        Offline::read(paths, &self.skip, self.now())
    }
}

/// Prints what went wrong, one line for each problem, and says that the question was wrong.
pub fn fail(error: &OfflineError) -> ExitCode {
    if let OfflineError::Manifests(problems) = error {
        for problem in problems {
            tell(format_args!("error: {problem}"));
        }
        return ExitCode::from(2);
    }
    super::fail(error)
}

/// Tells on standard error that some objects would not be served, so that an answer that misses them is understood.
pub fn warn_of_refusals(offline: &Offline) {
    use crate::api::conditions as types;
    for verdict in offline.verdicts() {
        if verdict.condition == types::ACCEPTED || verdict.condition == types::RESOLVED_REFS {
            let reason = verdict.finding.reason.name;
            let sentence = &verdict.finding.sentence;
            tell(format_args!("warning: {}: {} {reason}: {sentence}", verdict.place, verdict.object));
        }
    }
}
