//! `fourhundred lint`: is this folder what a cluster would take, and what its author meant?

use std::process::ExitCode;

use clap::Args;

use super::folder::Paths;
use super::output::{Output, counted, end_with_data};
use crate::offline::lint::{self, Diagnostic, Severity};

const EXAMPLES: &str = "\
EXAMPLES
  The platform's folder and one tenant's together:
    fourhundred lint examples/platform examples/acme

  In CI, where warnings fail the run too, as JSON for another tool:
    fourhundred lint --deny-warnings --output json platform tenants/acme

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
    pub output: Output,
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
    end_with_data(arguments.output, &found, || text(&found), code)
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
}
