//! `fourhundred lint`: is this folder what a cluster would take, and what its author meant?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::folder::Paths;
use super::output::{Output, counted, end_with, end_with_data, tell};
use crate::domain::digest::Digest;
use crate::offline::lint::{self, Diagnostic, Severity};

const EXAMPLES: &str = "\
EXAMPLES
  The platform's folder and one tenant's together:
    fourhundred lint examples/platform examples/acme

  In CI, where warnings fail the run too, as JSON for another tool:
    fourhundred lint --deny-warnings --output json platform tenants/acme

  Put quotation marks where YAML would read a number, take out what a list holds twice, and tell the rest:
    fourhundred lint --fix platform tenants/acme

  As notes beside the lines of a change, on GitHub and on GitLab:
    fourhundred lint --output github platform tenants/acme
    fourhundred lint --output gitlab platform tenants/acme >gl-code-quality-report.json

Exit code: 0 clean, 1 findings of severity error (with --deny-warnings also warnings), 2 the question was wrong.
Every code is explained in docs/lint.md.";

/// Arguments of `lint`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub paths: Paths,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// Repair what can be repaired with certainty, in the files themselves, and tell the rest: words that need quotation
    /// marks, items that a list holds twice
    #[arg(long)]
    pub fix: bool,
    /// How findings are printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: LintOutput,
}

/// The form of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LintOutput {
    /// For people
    #[default]
    Text,
    Json,
    Yaml,
    /// Workflow commands, which GitHub Actions shows beside the lines
    Github,
    /// A Code Quality report, which GitLab shows beside the lines
    Gitlab,
}

/// Prints what it finds.
pub fn run(arguments: &Arguments) -> ExitCode {
    let found = if arguments.fix { repair(&arguments.paths) } else { look(&arguments.paths) };
    let found = match found {
        Ok(found) => found,
        Err(code) => return code,
    };
    let worst = if arguments.deny_warnings { Severity::Warning } else { Severity::Error };
    let code = ExitCode::from(u8::from(found.iter().any(|diagnostic| diagnostic.severity <= worst)));
    match arguments.output {
        LintOutput::Text => end_with_data(Output::Text, &found, || text(&found), code),
        LintOutput::Json => end_with_data(Output::Json, &found, String::new, code),
        LintOutput::Yaml => end_with_data(Output::Yaml, &found, String::new, code),
        LintOutput::Github => end_with(&workflow_commands(&found), code),
        LintOutput::Gitlab => end_with_data(Output::Json, &code_quality(&found), String::new, code),
    }
}

fn look(paths: &Paths) -> Result<Vec<Diagnostic>, ExitCode> {
    match paths.read() {
        Ok(offline) => Ok(lint::run(&offline)),
        Err(error) => lint::unreadable(error).map_err(|error| super::fail(&error)),
    }
}

/// Repairs, looks again, since a file that can be read shows what it hid, and gives what is left.
fn repair(paths: &Paths) -> Result<Vec<Diagnostic>, ExitCode> {
    loop {
        let found = look(paths)?;
        let mut by_file: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
        for one in found.iter().filter(|one| one.repair.is_some()) {
            by_file.entry(&one.file).or_default().push(one);
        }
        let mut made = 0;
        for (file, findings) in by_file {
            let failed = |error| super::fail(&FixError { file: file.to_owned(), source: error });
            let text = std::fs::read_to_string(file).map_err(failed)?;
            let (repaired, count) = lint::repair::repaired(&text, &findings);
            if count > 0 {
                replace(Path::new(file), &repaired).map_err(failed)?;
                tell(format_args!("fixed: {file}: {}", counted(count, "finding")));
                made += count;
            }
        }
        if made == 0 {
            return Ok(found);
        }
    }
}

/// A file cannot be repaired.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be repaired")]
struct FixError {
    file: String,
    source: std::io::Error,
}

/// Writes the file anew so that it is the old one or the new one at any moment, with the permissions it has.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // Through a link: what it points to is what is read.
    let file = file.canonicalize()?;
    // No folder tool reads a file of this name as a manifest.
    let beside = file.with_added_extension("fixed");
    let mut written = File::create_new(&beside)?;
    let done = written
        .write_all(text.as_bytes())
        .and_then(|()| written.set_permissions(file.metadata()?.permissions()))
        .and_then(|()| written.sync_all())
        .and_then(|()| std::fs::rename(&beside, &file));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done
}

/// `::warning file=…,line=…,col=…,title=…::…` a line.
fn workflow_commands(found: &[Diagnostic]) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let line = |one: &Diagnostic| {
        let command = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "notice",
        };
        let Diagnostic { file, line, column, code, message, .. } = one;
        let file = property(file);
        format!("::{command} file={file},line={line},col={column},title={code}::{}\n", data(message))
    };
    found.iter().map(line).collect()
}

/// An entry of a Code Quality report.
#[derive(Debug, Serialize)]
struct Quality<'a> {
    description: &'a str,
    check_name: &'a str,
    /// The same from run to run while the finding stands, wherever its line moves.
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Debug, Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

fn code_quality(found: &[Diagnostic]) -> Vec<Quality<'_>> {
    found.iter().map(quality).collect()
}

fn quality(one: &Diagnostic) -> Quality<'_> {
    let Diagnostic { code, severity, file, line, object, path, message, .. } = one;
    Quality {
        description: message,
        check_name: code,
        fingerprint: Digest::of(format!("{code}\0{file}\0{object}\0{path}\0{message}").as_bytes()).to_string(),
        severity: match severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Hint => "info",
        },
        location: Location { path: file.strip_prefix("./").unwrap_or(file), lines: Lines { begin: *line } },
    }
}

/// One line each, and a summary.
pub fn text(found: &[Diagnostic]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for one in found {
        let reason = one.reason.map(|reason| format!(" {reason}")).unwrap_or_default();
        let object = if one.object.is_empty() { String::new() } else { format!("{}: ", one.object) };
        let _ = writeln!(
            text,
            "{}:{}:{}: {} {}{reason}: {object}{}",
            one.file, one.line, one.column, one.severity, one.code, one.message
        );
    }
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    let counted = |severity, one| counted(count(severity), one);
    let (errors, warnings) = (counted(Severity::Error, "error"), counted(Severity::Warning, "warning"));
    let _ = writeln!(text, "{errors}, {warnings}, {}", counted(Severity::Hint, "hint"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::tests::examples;

    #[test]
    fn a_finding_is_one_line_with_its_place_first() {
        let text = text(&lint::run(&examples()));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].ends_with("need denyAreas: [\"0898\"]"), "{text}");
        assert!(lines[0].contains("hotline.yaml:20:") && lines[0].contains(" hint FH110: "), "{text}");
        assert_eq!(lines[2], "0 errors, 0 warnings, 2 hints");
    }
    #[test]
    fn what_can_be_repaired_is_and_what_it_hid_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list.yaml");
        let text = "# ours\napiVersion: fourhundred.io/v1alpha1\nkind: CallerList\nmetadata: {name: vip, namespace: acme}\nspec:\n  \
                    callers:\n  - 13600001111 # Ms Li\n  - \"1360000*\"\n  - '0755888*'\n";
        std::fs::write(&list, text).unwrap();
        let paths = Paths {
            paths: vec![folder.path().to_owned()],
            reading: crate::commands::folder::Reading { skip: Vec::new(), clock_at: None },
        };
        let left = repair(&paths).unwrap();
        // Quoted first; then it shows that a pattern names it too.
        let expected = text.replace("  - 13600001111 # Ms Li\n", "");
        assert_eq!(std::fs::read_to_string(&list).unwrap(), expected);
        assert_eq!(left.iter().map(|one| one.code).collect::<Vec<_>>(), ["FH118"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_finding_stands_beside_its_line_where_a_change_is_read() {
        let mut found = lint::run(&examples());
        found.truncate(1);
        found[0].file = "./a,b/hot:line.yaml".to_owned();
        found[0].message = "100 %\nsure".to_owned();
        let line = found[0].line;
        let commands = workflow_commands(&found);
        let start = format!("::notice file=./a%2Cb/hot%3Aline.yaml,line={line},col=");
        assert!(commands.starts_with(&start) && commands.ends_with(",title=FH110::100 %25%0Asure\n"), "{commands}");
        let report = serde_json::to_value(code_quality(&found)).unwrap();
        assert_eq!(report[0]["location"], serde_json::json!({"path": "a,b/hot:line.yaml", "lines": {"begin": line}}));
        assert_eq!((&report[0]["check_name"], &report[0]["severity"]), (&"FH110".into(), &"info".into()));
        let before = report[0]["fingerprint"].clone();
        found[0].line += 7;
        assert_eq!(serde_json::to_value(code_quality(&found)).unwrap()[0]["fingerprint"], before);
    }
}
