//! `fourhundred rate`: what would these calls cost by this folder's tariffs?

mod what_if;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::value::RawValue;

use super::folder::{self, Paths};
use super::output::{Output, counted, end_with_data};
use crate::domain::calendar::Month;
use crate::offline::rating::{self, LineOutcome, RatedLine, RatingReport};

const EXAMPLES: &str = "\
EXAMPLES
  Last month's records under the tariffs of a branch:
    fourhundred rate examples/platform examples/acme --records october.ndjson

  How each amount came to be:
    fourhundred rate examples/platform examples/acme --records call.json --explain

  What last month would have cost by another tariff of the folder, from the ledger's file:
    fourhundred rate examples/platform examples/acme --ledger data/ledger.sqlite --tariff campaign

  What a merge request would change in October's bills, by tenant, with the numbers that move most:
    fourhundred rate platform tenants --records october.ndjson.gz --against main

  From standard input, for another tool:
    zcat october.ndjson.gz | fourhundred rate platform tenants/acme --records - --output json

Every number of the folder counts as held since ever; set-up fees are left out. Records are in the neutral form: one
JSON object, a list of them, or one on each line. In a comparison fees count for every number in each month in which
there were calls.

Exit code: 0 all rated, 1 some were refused or could not be priced, 2 the question was wrong.";

/// Most bytes of records that are read.
const MOST_BYTES: u64 = 256 << 20;

/// Arguments of `rate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub paths: Paths,
    /// Call records: JSON or NDJSON, "-" for standard input; at most 256 MiB where each is printed. With --tariff or
    /// --against: one record per line, of any length, also packed (.gz, .zst)
    #[arg(long, value_name = "FILE", required_unless_present = "ledger", conflicts_with = "ledger")]
    pub records: Option<PathBuf>,
    /// What if: a ledger's file (ledger.sqlite), whose month of records is rated and compared with what was booked
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// With --ledger: the month; the one before this when absent
    #[arg(long, value_name = "YYYY-MM", requires = "ledger")]
    pub month: Option<Month>,
    /// What if: every number by this Tariff of the folder
    #[arg(long, value_name = "NAME")]
    pub tariff: Option<String>,
    /// What if: compare with a Git revision of the same paths
    #[arg(long, value_name = "REVISION", conflicts_with = "ledger")]
    pub against: Option<String>,
    /// What if: most numbers that are listed as biggest movers
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub movers: u16,
    /// Show how each amount came to be
    #[arg(long)]
    pub explain: bool,
    /// How charges are printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error("records {0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    #[error("records {0} are more than {MOST_BYTES} bytes: split them")]
    TooLarge(PathBuf),
}

/// Rates and prints.
pub fn run(arguments: &Arguments) -> ExitCode {
    let offline = match arguments.paths.read() {
        Ok(offline) => offline,
        Err(error) => return folder::fail(&error),
    };
    folder::warn_of_refusals(&offline);
    if arguments.ledger.is_some() || arguments.tariff.is_some() || arguments.against.is_some() {
        return what_if::run(arguments, &offline);
    }
    let text = match read(arguments.records.as_deref().unwrap_or(Path::new("-"))) {
        Ok(text) => text,
        Err(error) => return super::fail(&error),
    };
    let report = rating::rate(&offline, records(&text).into_iter());
    let bad = report.count(LineOutcome::Refused) + report.count(LineOutcome::Unrated);
    let code = ExitCode::from(u8::from(bad > 0));
    end_with_data(arguments.output, &report, || self::text(&report, arguments.explain), code)
}

fn read(path: &Path) -> Result<Vec<u8>, RecordsError> {
    let mut text = Vec::new();
    let source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| RecordsError::Read(path.to_owned(), error))?)
    };
    source.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(|error| RecordsError::Read(path.to_owned(), error))?;
    if text.len() as u64 > MOST_BYTES { Err(RecordsError::TooLarge(path.to_owned())) } else { Ok(text) }
}

/// The records of a text: the items of a JSON list, one JSON object, or one record on each line; each with its place
/// from 1, which of lines is the file's own count, blank ones included.
fn records(text: &[u8]) -> Vec<(usize, &[u8])> {
    if let Ok(items) = serde_json::from_slice::<Vec<&RawValue>>(text) {
        return (1..).zip(items.into_iter().map(|item| item.get().as_bytes())).collect();
    }
    if serde_json::from_slice::<&RawValue>(text).is_ok() {
        return vec![(1, text.trim_ascii())];
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    (1..).zip(lines).filter(|(_, line)| !line.is_empty()).collect()
}

/// One line for each record, then the totals.
pub fn text(report: &RatingReport, explain: bool) -> String {
    let mut text = String::new();
    for line in &report.lines {
        let _ = writeln!(text, "{:>6}  {}", line.line, sentence(line));
        if explain && let Some(charge) = &line.charge {
            for row in charge.explain().lines() {
                let _ = writeln!(text, "          {row}");
            }
        }
    }
    for number in &report.numbers {
        let _ = writeln!(
            text,
            "\n{} of {} in {}: legs charged {}, seconds {}",
            number.number, number.tenant, number.month, number.legs_charged, number.charged_seconds
        );
        for fee in &number.fees {
            let _ = writeln!(text, "  {:>14}  {}", fee.amount.to_string(), fee.key);
        }
        for sentence in &number.unpriced {
            let _ = writeln!(text, "  not priced: {sentence}");
        }
        let _ = writeln!(text, "  {:>14}  calls and package", number.voice.to_string());
        let _ = writeln!(text, "  {:>14}  functions", number.functions.to_string());
        let _ = writeln!(text, "  {:>14}  total", number.total.to_string());
    }
    text.push('\n');
    for tenant in &report.tenants {
        let _ =
            writeln!(text, "{} in {}: {} yuan, numbers {}", tenant.tenant, tenant.month, tenant.total, tenant.numbers);
    }
    let count = |outcome| report.count(outcome);
    let _ = writeln!(
        text,
        "{}: {} rated, {} unrated, {}, {}, {} refused; {} yuan",
        counted(report.lines.len(), "record"),
        count(LineOutcome::Rated),
        count(LineOutcome::Unrated),
        counted(count(LineOutcome::Duplicate), "duplicate"),
        counted(count(LineOutcome::Conflict), "conflict"),
        count(LineOutcome::Refused),
        report.total
    );
    text
}

fn sentence(line: &RatedLine) -> String {
    let who = match (&line.call_id, line.leg) {
        (Some(call_id), Some(leg)) => format!("{call_id} leg {leg}"),
        _ => "record".to_owned(),
    };
    let reason = line.reason.as_deref().unwrap_or_default();
    let elsewhere = line.caller.as_ref().map_or_else(String::new, |caller| {
        format!("; the caller pays {} yuan for {} s elsewhere, in no total", caller.amount, caller.quantity.seconds)
    });
    match (line.outcome, &line.charge) {
        (LineOutcome::Rated, Some(charge)) => {
            format!("{who}: {} yuan for {} s{elsewhere}", charge.amount, charge.seconds())
        }
        (LineOutcome::Rated, None) => format!("{who}: no charge{elsewhere}"),
        (LineOutcome::Unrated, _) => format!("{who}: unrated: {reason}"),
        (LineOutcome::Duplicate, _) => format!("{who}: duplicate, counted once"),
        (LineOutcome::Conflict, _) => format!("{who}: conflicts with an earlier record, charges nothing"),
        (LineOutcome::Refused, _) => format!("{who}: refused: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::tests::{examples, golden, root};

    const RECORD: &str = r#"{"source":"fs-1","callId":"a84b","leg":1,"number":"4001000868","caller":"13900002222","destination":"075566660002","startedAt":"2026-11-23T10:00:00.000+08:00","answeredAt":"2026-11-23T10:00:07.200+08:00","endedAt":"2026-11-23T10:02:11.000+08:00","outcome":"Answered","cause":16}"#;

    #[test]
    fn one_object_a_list_and_lines_hold_the_same_records() {
        let pretty = RECORD.replace(',', ",\n ");
        assert_eq!(records(pretty.as_bytes()).len(), 1);
        let record = RECORD.as_bytes();
        assert_eq!(records(format!("[{RECORD},\n{RECORD}]").as_bytes()), [(1, record), (2, record)]);
        let lines = format!("{RECORD}\n\n{RECORD}\r\nx\n");
        assert_eq!(records(lines.as_bytes()), [(1, record), (3, record), (4, b"x".as_slice())]);
        assert!(records(b"\n").is_empty());
    }

    #[test]
    fn an_amount_is_explained_down_to_its_price_book() {
        let chosen = examples().numbers().keys().last().unwrap().to_string();
        let mut lines = vec![RECORD.replace("4001000868", &chosen).replace("a84b", "other")];
        let callers_leg = RECORD.replace("\"leg\":1", "\"leg\":0").replace("\"destination\":\"075566660002\",", "");
        lines.extend([RECORD.to_owned(), callers_leg, RECORD.to_owned(), "{}".to_owned()]);
        let report = rating::rate(&examples(), (1..).zip(lines.iter().map(String::as_bytes)));
        golden(&root().join("src/commands/golden/rate.txt"), &text(&report, true));
    }
}
