//! `fourhundred test`: do the folder's routing tests hold?

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::folder::{self, Paths};
use super::output::{ManifestForm, end_with, manifest, tell};
use crate::offline::Offline;
use crate::offline::routing_test::{self, Report};

const EXAMPLES: &str = "\
EXAMPLES
  Every *.routing-test.yaml below a tenant's folder, with the platform's objects:
    fourhundred test examples/platform examples/acme

  Only those whose name contains a text:
    fourhundred test examples/platform examples/acme --filter typhoon

  For a CI server:
    fourhundred test --output junit platform tenants/acme >routing-tests.xml

A test file, kept in a subfolder such as tests/: `kubectl apply -f FOLDER` reads a folder's own files only and would
stumble over it, this command reads everything below:
    tests:
    - name: Sunday 03:00 from Guangzhou goes to the desk on duty
      call: {to: \"4001000868\", from: \"020 3888 7777\", at: \"2026-11-22T03:00:00+08:00\"}
      expect: {outcome: Route, rule: night, destinations: [\"13800138000\"]}

Exit code: 0 all hold, 1 a test fails, 2 the question was wrong (a manifest or a test file cannot be read, or the
filter leaves no test).";

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One line for each test, differences below it, coverage at the end
    #[default]
    Text,
    /// Everything, as JSON
    Json,
    /// Everything, as YAML
    Yaml,
    /// The XML of `JUnit`
    Junit,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub paths: Paths,
    /// Run only tests whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How results are printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Format,
}

/// Runs the tests and prints how they ended.
pub fn run(arguments: &Arguments) -> ExitCode {
    let offline = match arguments.paths.read() {
        Ok(offline) => offline,
        Err(error) => return folder::fail(&error),
    };
    folder::warn_of_refusals(&offline);
    let tests = match chosen(&offline, arguments.filter.as_deref()) {
        Ok(tests) => tests,
        Err(wrong) => {
            for line in wrong {
                tell(format_args!("error: {line}"));
            }
            return ExitCode::from(2);
        }
    };
    let report = match routing_test::run(&offline, &tests) {
        Ok(report) => report,
        Err(error) => return folder::fail(&error),
    };
    let printed = match arguments.output {
        Format::Text => Ok(text(&report)),
        Format::Json => manifest(ManifestForm::Json, &report),
        Format::Yaml => manifest(ManifestForm::Yaml, &report),
        Format::Junit => Ok(junit(&report)),
    };
    match printed {
        Ok(printed) => end_with(&printed, ExitCode::from(u8::from(report.failed > 0))),
        Err(error) => super::fail(&error),
    }
}

/// The folder's tests whose name contains `filter`. A run of no test at all would pass whatever was broken, so it is
/// told as a mistake, like a file that cannot be read.
fn chosen(offline: &Offline, filter: Option<&str>) -> Result<Vec<routing_test::Test>, Vec<String>> {
    let (mut tests, mut wrong) = (Vec::new(), Vec::new());
    for file in &offline.folder.routing_tests {
        match routing_test::read(file) {
            Ok(read) => tests.extend(read),
            Err(problems) => wrong.extend(problems.iter().map(ToString::to_string)),
        }
    }
    if offline.folder.routing_tests.is_empty() {
        wrong.push("there is no *.routing-test.yaml below the paths given".to_owned());
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if let Some(filter) = filter {
        tests.retain(|test| test.name.contains(filter));
        if tests.is_empty() {
            return Err(vec![format!("no test's name contains {filter:?}")]);
        }
    }
    Ok(tests)
}

/// One line for each test; of those that fail, what differs.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for test in &report.tests {
        let word = if test.passed { "ok  " } else { "FAIL" };
        let _ = writeln!(text, "{word}  {}", test.name);
        if !test.passed {
            let _ = writeln!(text, "      at {}:{}", test.file, test.line);
        }
        for difference in &test.differences {
            let _ = writeln!(text, "      {difference}");
        }
    }
    let _ = writeln!(text, "\n{} passed, {} failed", report.passed, report.failed);
    for number in &report.coverage.numbers {
        let whose = format!("{} ({})", number.number, number.object);
        if number.calls == 0 {
            let _ = writeln!(text, "coverage of {whose}: no test calls it");
            continue;
        }
        let reached = |all: usize, missed: &[String]| format!("{} of {all}", all - missed.len());
        let _ = write!(text, "coverage of {whose}: {} rules", reached(number.rules, &number.rules_missed));
        if number.periods > 0 {
            let _ = write!(text, ", {} periods", reached(number.periods, &number.periods_missed));
        }
        text.push('\n');
        for rule in &number.rules_missed {
            let _ = writeln!(text, "  rule '{rule}' was never reached");
        }
        for period in &number.periods_missed {
            let _ = writeln!(text, "  period '{period}' was never reached");
        }
    }
    text
}

/// The form that CI servers read.
pub fn junit(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (total, failed) = (report.tests.len(), report.failed);
    let _ = writeln!(text, "<testsuites tests=\"{total}\" failures=\"{failed}\">");
    let _ = writeln!(text, "  <testsuite name=\"routing\" tests=\"{total}\" failures=\"{failed}\">");
    for test in &report.tests {
        let head = format!(
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
            escaped(&test.name),
            escaped(&test.file),
            escaped(&test.file),
            test.line
        );
        if test.passed {
            let _ = writeln!(text, "{head}/>");
        } else {
            let _ = writeln!(text, "{head}>");
            let message = test.differences.first().map(String::as_str).unwrap_or_default();
            let body = escaped(&test.differences.join("\n"));
            let _ = writeln!(text, "      <failure message=\"{}\">{body}</failure>", escaped(message));
            let _ = writeln!(text, "    </testcase>");
        }
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Text as XML carries it; control characters, which it cannot carry, become spaces.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::tests::{examples, golden, root};

    #[test]
    fn a_filter_that_leaves_no_test_is_a_mistake() {
        let mut offline = examples();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("failing.routing-test.yaml");
        std::fs::write(&file, FAILING).unwrap();
        offline.folder.routing_tests = vec![file];
        assert_eq!(chosen(&offline, Some("two of")).unwrap().len(), 1);
        assert_eq!(chosen(&offline, Some("tpyhoon")).unwrap_err(), ["no test's name contains \"tpyhoon\""]);
        offline.folder.routing_tests.clear();
        assert!(chosen(&offline, None).unwrap_err()[0].starts_with("there is no "));
    }

    const FAILING: &str = "tests:\n\
        - name: <night> & \"day\"\n  call: {to: \"4001000868\", at: \"2026-11-22T03:00:00+08:00\"}\n  expect: {rule: by-day, destinations: [beijing]}\n\
        - name: two of three\n  calls: {to: \"4001000868\", from: \"010 6666 0000\", at: \"2026-11-11T10:00:00+08:00\", count: 100}\n  expect: {share: {beijing: 0.5}}\n";

    #[test]
    fn results_are_printed_for_people_and_for_machines() {
        let offline = examples();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("failing.routing-test.yaml");
        std::fs::write(&file, FAILING).unwrap();
        let mut tests = routing_test::read(&root().join("examples/acme/tests/acme.routing-test.yaml")).unwrap();
        let passing = text(&routing_test::run(&offline, &tests).unwrap());
        tests.truncate(1);
        tests.extend(routing_test::read(&file).unwrap());
        let report = routing_test::run(&offline, &tests).unwrap();
        let seen = format!("{passing}\n{}\n{}", text(&report), junit(&report));
        let seen =
            seen.replace(&folder.path().display().to_string(), "tmp").replace(&format!("{}/", root().display()), "");
        golden(&root().join("src/commands/golden/test.txt"), &seen);
    }
}
