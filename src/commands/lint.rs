//! `fourhundred lint`: is this folder what a cluster would take, and what its author meant?

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::folder::Paths;
use super::output::{Output, counted, end_with, end_with_data};
use crate::domain::digest::Digest;
use crate::offline::lint::{self, Diagnostic, Severity};

const EXAMPLES: &str = "\
EXAMPLES
  The platform's folder and one tenant's together:
    fourhundred lint examples/platform examples/acme

  In CI, where warnings fail the run too, as JSON for another tool:
    fourhundred lint --deny-warnings --output json platform tenants/acme

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
    let found = match arguments.paths.read() {
        Ok(offline) => lint::run(&offline),
        Err(error) => match lint::unreadable(error) {
            Ok(found) => found,
            Err(error) => return super::fail(&error),
        },
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
