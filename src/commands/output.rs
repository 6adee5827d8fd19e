//! How data is printed: as text for people, as JSON or YAML for machines.

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

/// Prints `value` in a machine's form. False where text is asked for: the caller prints that.
pub fn print_data(output: Output, value: &impl Serialize) -> Result<bool, ExitCode> {
    let text = match output {
        Output::Text => return Ok(false),
        Output::Json => serde_json::to_string_pretty(value).map_err(|error| super::fail(&error))?,
        Output::Yaml => yaml(value).map_err(|error| super::fail(&error))?,
    };
    println!("{}", text.trim_end());
    Ok(true)
}

/// A value as YAML; by way of JSON, so that its form is the one the API has.
pub fn yaml(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    serde_saphyr::to_string(&value).map_err(|error| serde::ser::Error::custom(error.to_string()))
}
