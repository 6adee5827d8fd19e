//! `fourhundred rate --tariff`, `--against`, `--ledger`: the same calls under two price lists.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::super::folder;
use super::super::output::{data, end_with, grouped, tell};
use super::Arguments;
use crate::domain::calendar::Month;
use crate::ingest::Form;
use crate::ingest::cut::Cutter;
use crate::ledger::LedgerError;
use crate::ledger::sqlite::export::Export;
use crate::offline::rating::what_if::{Before, Booked, Change, Comparison, Reason, WhatIf};
use crate::offline::rating::{Rater, has_tariff};
use crate::offline::revision::{Revision, RevisionError};
use crate::offline::{Offline, OfflineError};
use crate::runtime::unpack;

/// Records that are counted together.
const AT_ONCE: usize = 20_000;

#[derive(Debug, thiserror::Error)]
enum WhatIfError {
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error(transparent)]
    Revision(#[from] RevisionError),
    #[error("the ledger {0} cannot be read")]
    Ledger(PathBuf, #[source] LedgerError),
    #[error("records {0} cannot be read")]
    Records(PathBuf, #[source] std::io::Error),
    #[error("the folder has no Tariff {0:?} that can be used")]
    NoTariff(String),
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

/// Compares and prints.
pub(super) fn run(arguments: &Arguments, offline: &Offline) -> ExitCode {
    let begun = Instant::now();
    let found = match compare(arguments, offline) {
        Ok(found) => found,
        Err(WhatIfError::Offline(error)) => return folder::fail(&error),
        Err(error) => return super::super::fail(&error),
    };
    let bad = found.records.refused + found.records.unrated;
    let code = ExitCode::from(u8::from(bad > 0));
    match data(arguments.output, &found) {
        Ok(Some(printed)) => end_with(&printed, code),
        Ok(None) => end_with(&text(&found, begun.elapsed().as_secs_f64()), code),
        Err(error) => super::super::fail(&error),
    }
}

fn compare(arguments: &Arguments, offline: &Offline) -> Result<WhatIf, WhatIfError> {
    let tariff = arguments.tariff.as_deref();
    if let Some(name) = tariff.filter(|name| !has_tariff(offline, name)) {
        return Err(WhatIfError::NoTariff(name.to_owned()));
    }
    let after = Rater::of(offline, tariff);
    let movers = usize::from(arguments.movers);
    if let Some(path) = &arguments.ledger {
        let failed = |error| WhatIfError::Ledger(path.clone(), error);
        let export = Export::open(path).map_err(failed)?;
        let month = arguments.month.unwrap_or_else(|| last_month(arguments));
        let mut pace =
            Pace::new(Comparison::new(Before::Booked(booked(&export, month).map_err(failed)?), after, Some(month)));
        let count = |page: &[String]| pace.count(&page.iter().map(String::as_bytes).collect::<Vec<_>>());
        export.bodies(month, count).map_err(failed)?;
        return Ok(pace.comparison.end(movers));
    }
    let before = match &arguments.against {
        Some(revision) => Rater::of(&at_revision(arguments, revision)?, None),
        None => Rater::of(offline, None),
    };
    let mut pace = Pace::new(Comparison::new(Before::Rated(before), after, None));
    let path = arguments.records.as_deref().unwrap_or(Path::new("-"));
    read(path, &mut pace).map_err(|error| WhatIfError::Records(path.to_owned(), error))?;
    Ok(pace.comparison.end(movers))
}

/// The month before the one in which the folder is judged.
fn last_month(arguments: &Arguments) -> Month {
    let today = arguments.paths.now().to_zoned(TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC)).date();
    let first = Month::of_date(today).first_day();
    first.yesterday().map_or(Month::of_date(first), Month::of_date)
}

/// Calls, packages and functions, as what a folder says: set-up fees are in neither side.
fn booked(export: &Export, month: Month) -> Result<Vec<Booked>, LedgerError> {
    let usage = export.usage(month)?.into_iter().filter_map(|usage| {
        let amount = usage.charges.total.checked_sub(usage.charges.setup)?;
        Some(Booked { number: usage.number, tenant: usage.tenant?, month, amount })
    });
    Ok(usage.collect())
}

fn at_revision(arguments: &Arguments, revision: &str) -> Result<Offline, WhatIfError> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(WhatIfError::Random)?;
    let paths = &arguments.paths.paths;
    let revision = Revision::check_out(Path::new("."), revision, paths, u64::from_le_bytes(random))?;
    let within: Vec<PathBuf> = paths.iter().map(|path| revision.folder().join(path)).collect();
    Ok(arguments.paths.reading.read(&within)?)
}

/// Lines of a file, packed as its name says.
fn read(path: &Path, pace: &mut Pace) -> std::io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let raw: Box<dyn BufRead + Send> = if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(std::fs::File::open(path)?))
    };
    let text = BufReader::with_capacity(unpack::PIECE, unpack::reader(unpack::by_name(name).0, raw)?);
    let mut cutter = Cutter::new(text, Form::Lines, AT_ONCE, 0, 0);
    while let Some(batch) = cutter.batch()? {
        let lines: Vec<&[u8]> = batch.text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        pace.count(&lines);
        // What is too long to be sent is too long to be a record: the empty text is refused as none.
        pace.count(&vec![&b""[..]; batch.too_long.len()]);
    }
    Ok(())
}

/// Counts records, and says how far it is.
struct Pace {
    comparison: Comparison,
    begun: Instant,
    told: Instant,
}

impl Pace {
    fn new(comparison: Comparison) -> Self {
        Self { comparison, begun: Instant::now(), told: Instant::now() }
    }

    fn count(&mut self, records: &[&[u8]]) {
        self.comparison.add(records);
        if self.told.elapsed().as_secs() >= 1 {
            self.told = Instant::now();
            let lines = self.comparison.lines();
            #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
            // a rough figure
            let pace = (lines as f64 / self.begun.elapsed().as_secs_f64()) as u64;
            tell(format_args!("{} records, {}/s", grouped(lines), grouped(pace)));
        }
    }
}

/// Tenants, movers, sums.
fn text(found: &WhatIf, seconds: f64) -> String {
    let mut text =
        format!("{:<24} {:<8} {:>8} {:>16} {:>16} {:>16}\n", "TENANT", "MONTH", "NUMBERS", "BEFORE", "AFTER", "CHANGE");
    let mut row = |who: &str, month: &str, numbers: u64, change: &Change| {
        let (before, after) = (change.before.to_string(), change.after.to_string());
        let _ = writeln!(
            text,
            "{who:<24} {month:<8} {:>8} {before:>16} {after:>16} {:>16}{}",
            grouped(numbers),
            signed(change),
            share(change)
        );
    };
    for tenant in &found.tenants {
        row(&tenant.tenant, &tenant.month.to_string(), tenant.numbers, &tenant.change);
    }
    row("total", "", found.numbers, &found.total);
    if !found.movers.is_empty() {
        let (changed, all) = (grouped(found.numbers_changed), grouped(found.numbers));
        let _ = writeln!(text, "\nBiggest movers; {changed} of {all} numbers' months change:");
    }
    for mover in &found.movers {
        let Change { before, after, .. } = mover.change;
        let (number, tenant, month) = (mover.number, &mover.tenant, mover.month);
        let _ = writeln!(
            text,
            "  {number} of {tenant} in {month}: {before} → {after}, {}{}",
            signed(&mover.change),
            share(&mover.change)
        );
    }
    text.push('\n');
    for Reason { reason, records, first } in &found.records.reasons {
        let _ = writeln!(text, "{} do not count, first record {first}: {reason}", grouped(*records));
    }
    let of = &found.records;
    let _ = writeln!(
        text,
        "{} rated, {} without a price, {} known already, {} contradict an earlier one, {} refused, in {seconds:.1} s",
        grouped(of.rated),
        grouped(of.unrated),
        grouped(of.duplicates),
        grouped(of.conflicts),
        grouped(of.refused)
    );
    text
}

fn signed(change: &Change) -> String {
    if change.difference.is_negative() { change.difference.to_string() } else { format!("+{}", change.difference) }
}

fn share(change: &Change) -> String {
    let tenths = change.permille().filter(|tenths| *tenths != 0);
    tenths.map_or_else(String::new, |tenths| {
        let sign = if tenths < 0 { '-' } else { '+' };
        format!("  ({sign}{}.{} %)", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
    })
}
