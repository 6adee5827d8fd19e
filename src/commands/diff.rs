//! `fourhundred diff`: what a change of manifests changes in calls.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::folder;
use super::output::{self, ManifestForm};
use crate::folder::SKIPPED;
use crate::offline::diff::{Difference, between, text};
use crate::offline::revision::{Revision, RevisionError};
use crate::offline::{Offline, OfflineError};

const EXAMPLES: &str = "\
EXAMPLES
  Two folders:
    fourhundred diff before after

  What the work tree changes against the main branch, for the folders of the manifests:
    fourhundred diff main . --path examples/platform --path examples/acme

  A comment for a merge request:
    fourhundred diff \"$TARGET\" \"$SOURCE\" --path numbers --output markdown

OLD and NEW are each a folder, or else a revision of the Git repository that the current folder is in. Told is, for each
number, which callers are told something else, from when and in which periods. It is exact, not sampled, for the time
compared: 400 days from now unless told otherwise, at most until the end of next year: plans carry no later holidays.
Monthly caps are not looked at.

Exit code: 0 no call is told anything else, 1 some are, 2 the question was wrong.";

/// How a difference is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    Json,
    Yaml,
    /// A table for a merge request.
    Markdown,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folder or Git revision as it was
    #[arg(value_name = "OLD")]
    pub old: String,
    /// Folder or Git revision as it is to be
    #[arg(value_name = "NEW")]
    pub new: String,
    /// Folder or file of manifests inside both; repeat it. All of OLD and NEW when absent
    #[arg(long, value_name = "PATH")]
    pub path: Vec<PathBuf>,
    /// Folders that are read past, by name; repeat it, or give "" to read all
    #[arg(long, value_name = "NAME", default_value = SKIPPED)]
    pub skip: Vec<String>,
    /// First instant compared; now when absent
    #[arg(long, value_name = "INSTANT")]
    pub from: Option<Timestamp>,
    /// How many days are compared, at most until the end of next year
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u16).range(1..=731))]
    pub days: u16,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

#[derive(Debug, thiserror::Error)]
enum DiffError {
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error(transparent)]
    Revision(#[from] RevisionError),
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

/// Compares and prints.
pub fn run(arguments: &Arguments) -> ExitCode {
    let difference = match compare(arguments) {
        Ok(difference) => difference,
        Err(DiffError::Offline(error)) => return folder::fail(&error),
        Err(error) => return super::fail(&error),
    };
    let printed = match arguments.output {
        Form::Text => Ok(text::plain(&difference)),
        Form::Markdown => Ok(text::markdown(&difference)),
        Form::Json => output::manifest(ManifestForm::Json, &difference),
        Form::Yaml => output::manifest(ManifestForm::Yaml, &difference),
    };
    match printed {
        Ok(printed) => output::end_with(&printed, ExitCode::from(u8::from(!difference.is_empty()))),
        Err(error) => super::fail(&error),
    }
}

fn compare(arguments: &Arguments) -> Result<Difference, DiffError> {
    let now = Timestamp::now();
    let from = arguments.from.unwrap_or(now);
    let until =
        from.saturating_add(SignedDuration::from_hours(24 * i64::from(arguments.days))).unwrap_or(Timestamp::MAX);
    let old = read(&arguments.old, arguments, now)?;
    let new = read(&arguments.new, arguments, now)?;
    Ok(between(&old, &new, from, until)?)
}

fn read(place: &str, arguments: &Arguments, now: Timestamp) -> Result<Offline, DiffError> {
    let within = |root: &Path| -> Vec<PathBuf> {
        if arguments.path.is_empty() {
            return vec![root.to_owned()];
        }
        arguments.path.iter().map(|path| root.join(path)).collect()
    };
    if Path::new(place).exists() {
        return Ok(Offline::read(&within(Path::new(place)), &arguments.skip, now)?);
    }
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(DiffError::Random)?;
    let paths = if arguments.path.is_empty() { vec![PathBuf::from(".")] } else { arguments.path.clone() };
    let revision = Revision::check_out(Path::new("."), place, &paths, u64::from_le_bytes(random))?;
    Ok(Offline::read(&within(revision.folder()), &arguments.skip, now)?)
}
