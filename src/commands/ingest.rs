//! `fourhundred ingest`: call records in files, handed over to a biller.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::output::{Output, counted, end_with_data, grouped, tell};
use crate::ingest::spool::{self, Afterwards, Round};
use crate::ingest::{Biller, Counts, Form, IngestError, Progress, Settings, Told, ingest};
use crate::runtime::sentence::with_causes;
use crate::runtime::shutdown;

const EXAMPLES: &str = "\
EXAMPLES
  A month's records in the neutral form, packed; the same command again goes on where it was interrupted:
    fourhundred ingest --to http://biller.telephony:8080 --token-file token october.ndjson.gz

  Rows of an Asterisk, in its own form, as callRecords.sources says:
    fourhundred ingest --to http://biller.telephony:8080 --token-file token --source pbx Master.csv

  What FreeSWITCH could not post, as long as the process runs (err-log-dir of json_cdr.conf.xml):
    fourhundred ingest --to https://biller.example.com --source fs-1 --spool /var/log/freeswitch/json_cdr

A record is booked once, however often it is sent. Lines that are refused are told in FILE.refused, one JSON object
each; FILE.ingest keeps how far a file has come until it is through.

Exit code: 0 every record was taken, 1 some were refused or contradict an earlier one, 2 it could not be done.";

/// Between two progress lines.
const BETWEEN_LINES: Duration = Duration::from_secs(1);
/// Between two rounds over a spool folder, and after one that failed.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(2);
const AFTER_FAILURE: Duration = Duration::from_secs(15);
/// Refused lines that are told one by one.
const MOST_TOLD: u64 = 10;

/// Arguments of `ingest`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Files of call records, "-" for standard input: .json, .ndjson, .jsonl, .csv, also with .gz or .zst
    #[arg(value_name = "FILE", required_unless_present = "spool", conflicts_with = "spool")]
    pub files: Vec<PathBuf>,
    /// The biller: http://HOST:PORT or https://HOST:PORT of the gateway's HTTP listener
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// The switch that wrote the records, by its name in callRecords.sources; absent: neutral records, which name it
    #[arg(long, value_name = "NAME", value_parser = source_name)]
    pub source: Option<String>,
    /// File with the token of callRecords.tokenSecretRef
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// The token itself, better from the environment than from the command line
    #[arg(long, value_name = "TOKEN", env = "FOURHUNDRED_CALL_RECORD_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How the files are cut into records; by their names when absent
    #[arg(long, value_enum)]
    pub form: Option<Form>,
    /// Most records of one request
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub lines: u32,
    /// Seconds to go on trying while the biller takes nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub patience: u32,
    /// Hand over what is written into this folder, until stopped; files go to its done/ and refused/
    #[arg(long, value_name = "FOLDER")]
    pub spool: Option<PathBuf>,
    /// With --spool: one round, then end
    #[arg(long, requires = "spool")]
    pub once: bool,
    /// With --spool: remove files that were taken whole, in place of keeping them in done/
    #[arg(long, requires = "spool")]
    pub remove: bool,
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// A name that may stand in a path.
fn source_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !text.is_empty() && text.len() <= 63 && text.bytes().all(plain) && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err("a name of callRecords.sources is needed, such as fs-1".to_owned())
}

/// What became of all files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    files: u64,
    #[serde(flatten)]
    counts: Counts,
    seconds: String,
}

/// The token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the token file {0} cannot be read")]
struct TokenError(PathBuf, #[source] std::io::Error);

/// Hands over.
pub async fn run(arguments: Arguments) -> ExitCode {
    let biller = match open(&arguments) {
        Ok(biller) => biller,
        Err(error) => return super::fail(error.as_ref()),
    };
    let settings = Settings {
        form: arguments.form,
        lines: arguments.lines as usize,
        patience: Duration::from_secs(u64::from(arguments.patience)),
    };
    match &arguments.spool {
        Some(folder) => watch(&arguments, folder, &settings, &biller).await,
        None => files(&arguments, &settings, &biller).await,
    }
}

fn open(arguments: &Arguments) -> Result<Biller, Box<dyn std::error::Error>> {
    let token = match &arguments.token_file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| TokenError(file.clone(), error))?,
        None => arguments.token.clone().unwrap_or_default(),
    };
    let stop = shutdown::on_signals()?;
    Ok(Biller::new(&arguments.to, arguments.source.as_deref(), token.trim().to_owned(), stop)?)
}

async fn files(arguments: &Arguments, settings: &Settings, biller: &Biller) -> ExitCode {
    let mut teller = Teller::new();
    let (mut all, mut done) = (Counts::default(), 0);
    for file in &arguments.files {
        match ingest(file, settings, biller, &mut |told| teller.tell(told)).await {
            Ok(counts) => {
                all.add(counts);
                done += 1;
            }
            Err(error) => {
                teller.end_line();
                if done > 0 {
                    tell(format_args!("{} handed over before: {}", counted(done, "file"), sentence(all)));
                }
                return super::fail(&error);
            }
        }
    }
    teller.end_line();
    teller.rest();
    let seconds = format!("{:.1}", teller.began.elapsed().as_secs_f64());
    let summary = Summary { files: done as u64, counts: all, seconds };
    let text = || format!("{} from {}, in {} s\n", sentence(all), counted(done, "file"), summary.seconds);
    end_with_data(arguments.output, &summary, text, ExitCode::from(u8::from(!all.is_clean())))
}

/// Rounds over a folder until somebody asks to stop. What fails is told and tried again.
async fn watch(arguments: &Arguments, folder: &Path, settings: &Settings, biller: &Biller) -> ExitCode {
    let afterwards = if arguments.remove { Afterwards::Remove } else { Afterwards::Keep };
    let mut stuck_before = Vec::new();
    loop {
        let mut refused = |told: Told<'_>| {
            if let Told::Refused { file, line, reason } = told {
                tell(format_args!("{}:{line}: {reason}", file.display()));
            }
        };
        let swept = spool::sweep(folder, settings, afterwards, biller, &mut refused).await;
        let pause = match swept {
            Ok(round) => {
                let clean = round.counts.is_clean() && round.stuck.is_empty();
                report(arguments.output, round, &mut stuck_before);
                if arguments.once {
                    return ExitCode::from(u8::from(!clean));
                }
                BETWEEN_ROUNDS
            }
            Err(IngestError::Stopped) => return ExitCode::SUCCESS,
            Err(error) if arguments.once => return super::fail(&error),
            Err(error) => {
                tell(format_args!("error: {}", with_causes(&error)));
                AFTER_FAILURE
            }
        };
        if !biller.pause(pause).await {
            return ExitCode::SUCCESS;
        }
    }
}

/// A round's outcome, where it had one; a file that is stuck is told once.
fn report(output: Output, round: Round, stuck_before: &mut Vec<PathBuf>) {
    for (file, error) in round.stuck.iter().filter(|(file, _)| !stuck_before.contains(file)) {
        tell(format_args!("error: {} stays where it is: {}", file.display(), with_causes(error)));
    }
    *stuck_before = round.stuck.into_iter().map(|(file, _)| file).collect();
    if round.files > 0 {
        let files = usize::try_from(round.files).unwrap_or(usize::MAX);
        let summary = Summary { files: round.files, counts: round.counts, seconds: String::new() };
        let line = match output {
            Output::Text => format!("{} from {}\n", sentence(round.counts), counted(files, "file")),
            Output::Json | Output::Yaml => serde_json::to_string(&summary).unwrap_or_default() + "\n",
        };
        let _ = super::output::print(&line);
    }
}

/// `1,200 taken (3 unrated), 40 known already, 2 refused`.
fn sentence(counts: Counts) -> String {
    let mut text = format!("{} taken", grouped(counts.accepted));
    if counts.unrated > 0 {
        let _ = write!(text, " ({} without a price yet)", grouped(counts.unrated));
    }
    for (count, what) in [
        (counts.duplicates, "known already"),
        (counts.passed_over, "passed over"),
        (counts.conflicts, "contradict an earlier one"),
        (counts.refused, "refused"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", grouped(count));
        }
    }
    text
}

/// Says on standard error how far it is: on one line that is written over on a terminal, else a line now and then.
struct Teller {
    began: Instant,
    last: Option<Instant>,
    on_line: bool,
    refused: u64,
}

impl Teller {
    fn new() -> Self {
        Self { began: Instant::now(), last: None, on_line: false, refused: 0 }
    }

    fn tell(&mut self, told: Told<'_>) {
        match told {
            Told::Progress(progress) => self.progress(progress),
            Told::Refused { file, line, reason } => {
                self.refused += 1;
                if self.refused <= MOST_TOLD {
                    self.end_line();
                    tell(format_args!("{}:{line}: {reason}", file.display()));
                }
            }
        }
    }

    fn progress(&mut self, progress: Progress<'_>) {
        if self.last.is_some_and(|last| last.elapsed() < BETWEEN_LINES) {
            return;
        }
        self.last = Some(Instant::now());
        let lines = progress.counts.lines();
        let percent = progress.percent.map_or_else(String::new, |percent| format!("{percent} %, "));
        #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        // a rough figure
        let pace = (lines as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64;
        let line = format!("{}: {percent}{} records, {}/s", progress.file.display(), grouped(lines), grouped(pace));
        if std::io::stderr().is_terminal() {
            use std::io::Write as _;
            self.on_line = write!(std::io::stderr(), "\r\x1b[K{line}").is_ok();
        } else {
            tell(line);
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.on_line) {
            tell("");
        }
    }

    fn rest(&self) {
        if self.refused > MOST_TOLD {
            let more = grouped(self.refused - MOST_TOLD);
            tell(format_args!("and {more} more refused lines: FILE.refused beside each file has all"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_where_there_are_any() {
        let counts = Counts { accepted: 1_234_567, unrated: 3, duplicates: 40, refused: 2, ..Counts::default() };
        assert_eq!(sentence(counts), "1,234,567 taken (3 without a price yet), 40 known already, 2 refused");
        assert_eq!(sentence(Counts::default()), "0 taken");
        assert_eq!([grouped(0), grouped(999), grouped(1000)], ["0", "999", "1,000"]);
    }

    #[test]
    fn a_source_is_a_name_that_may_stand_in_a_path() {
        assert!(source_name("fs-1.south").is_ok());
        for name in ["", "a/b", "..", ".", "a b", "ä", &"x".repeat(64)] {
            assert!(source_name(name).is_err(), "{name}");
        }
    }
}
