//! How commands print: text for people, JSON or YAML for machines, and nothing more once the reader has gone.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    Json,
    Yaml,
}

/// The form of a manifest that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ManifestForm {
    #[default]
    Yaml,
    Json,
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    write_to(&mut io::stdout().lock(), text)
}

/// Prints `text` and ends with `code`; with 2 where it cannot be printed.
pub fn end_with(text: &str, code: ExitCode) -> ExitCode {
    match print(text) {
        Ok(()) => code,
        Err(error) => super::fail(&error),
    }
}

/// One line on standard error, which nobody has to read.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A reader that has seen enough, such as `head`, closes the pipe: that is a success.
fn write_to(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// `value` in a machine's form. `None` where text is asked for, which is the command's own business.
pub fn data(output: Output, value: &impl Serialize) -> Result<Option<String>, serde_json::Error> {
    match output {
        Output::Text => Ok(None),
        Output::Json => manifest(ManifestForm::Json, value).map(Some),
        Output::Yaml => manifest(ManifestForm::Yaml, value).map(Some),
    }
}

/// Prints `value` in a machine's form, else what `text` makes of it, and ends with `code`.
pub fn end_with_data(
    output: Output,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
    code: ExitCode,
) -> ExitCode {
    match data(output, value) {
        Ok(printed) => end_with(&printed.unwrap_or_else(text), code),
        Err(error) => super::fail(&error),
    }
}

/// A value as text that ends its last line; YAML by way of JSON, so that its form is the one the API has.
pub fn manifest(form: ManifestForm, value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = match form {
        ManifestForm::Json => serde_json::to_string_pretty(value)?,
        ManifestForm::Yaml => {
            let value = serde_json::to_value(value)?;
            serde_saphyr::to_string(&value).map_err(|error| serde::ser::Error::custom(error.to_string()))?
        }
    };
    Ok(format!("{}\n", text.trim_end()))
}

/// `1234567` as `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 error`, `2 errors`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails as a pipe or a disk does.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_is_no_failure_and_a_full_disk_is() {
        assert!(write_to(&mut Failing(io::ErrorKind::BrokenPipe), "text").is_ok());
        assert!(write_to(&mut Failing(io::ErrorKind::StorageFull), "text").is_err());
    }

    #[test]
    fn one_is_counted_without_an_s() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "error")), ["0 errors", "1 error", "2 errors"]);
    }
}
