//! `fourhundred simulate`: where calls would go, hour by hour, over a whole year.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::folder::{self, Paths};
use super::output::{self, ManifestForm, tell};
use crate::controllers::key::Key;
use crate::domain::numbering::FourHundred;
use crate::offline::simulate::{Timetable, svg, text, year_of};
use crate::offline::{Offline, OfflineError};

const EXAMPLES: &str = "\
EXAMPLES
  Next year of every number, in words:
    fourhundred simulate examples/platform examples/acme --year 2027

  A picture to print and put up, days down and hours across:
    fourhundred simulate examples/platform examples/acme --year 2026 --number hotline --output svg > hotline.svg

  One picture for each number:
    fourhundred simulate examples/platform examples/acme --year 2026 --output svg --output-dir timetables

Told is what happens to callers whom no rule names, and then who is sent elsewhere. Overrides that the folder holds are
in it; limits and screening are not, since they depend on the call.

Exit code: 0 printed, 1 no number of the folder is served, 2 the question was wrong.";

/// How a year is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    Json,
    Yaml,
    /// A picture.
    Svg,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub paths: Paths,
    /// The year, 1970 to 2199
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1970..=2199))]
    pub year: i16,
    /// Only this number: ten digits, or the name of its object
    #[arg(long, value_name = "NUMBER")]
    pub number: Option<String>,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
    /// Write one file a number into this folder, NUMBER-YEAR.svg and so on, instead of printing
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
}

/// Simulates and prints.
pub fn run(arguments: &Arguments) -> ExitCode {
    let offline = match arguments.paths.read() {
        Ok(offline) => offline,
        Err(error) => return folder::fail(&error),
    };
    folder::warn_of_refusals(&offline);
    let tables = match tables(&offline, arguments) {
        Ok(tables) => tables,
        Err(error) => return folder::fail(&error),
    };
    if tables.is_empty() {
        match &arguments.number {
            Some(number) => tell(format_args!("error: no number of the folder that is served is {number}")),
            None => tell("error: the folder serves no number"),
        }
        return ExitCode::FAILURE;
    }
    match &arguments.output_dir {
        Some(folder) => write(&tables, arguments, folder),
        None => print(&tables, arguments.output),
    }
}

fn tables(offline: &Offline, arguments: &Arguments) -> Result<Vec<Timetable>, OfflineError> {
    let mut tables = Vec::new();
    for (number, object) in offline.numbers() {
        let wanted = arguments
            .number
            .as_ref()
            .is_none_or(|wanted| FourHundred::from_called(wanted) == Some(number) || Key::of(&*object).name == *wanted);
        if wanted {
            tables.extend(year_of(offline, number, arguments.year)?);
        }
    }
    Ok(tables)
}

fn print(tables: &[Timetable], form: Form) -> ExitCode {
    let printed = match (form, tables) {
        (Form::Text, tables) => Ok(tables.iter().map(text::render).collect::<Vec<_>>().join("\n")),
        (Form::Json, tables) => output::manifest(ManifestForm::Json, &tables),
        (Form::Yaml, tables) => output::manifest(ManifestForm::Yaml, &tables),
        (Form::Svg, [table]) => Ok(svg::render(table)),
        (Form::Svg, tables) => {
            let count = tables.len();
            tell(format_args!(
                "error: {count} numbers are {count} pictures: name one with --number, or a folder with --output-dir"
            ));
            return ExitCode::from(2);
        }
    };
    match printed {
        Ok(text) => output::end_with(&text, ExitCode::SUCCESS),
        Err(error) => super::fail(&error),
    }
}

fn write(tables: &[Timetable], arguments: &Arguments, folder: &std::path::Path) -> ExitCode {
    if let Err(error) = std::fs::create_dir_all(folder) {
        tell(format_args!("error: {} cannot be made: {error}", folder.display()));
        return ExitCode::from(2);
    }
    let mut paths = Vec::with_capacity(tables.len());
    for table in tables {
        let (end, written) = match arguments.output {
            Form::Text => ("txt", Ok(text::render(table))),
            Form::Json => ("json", output::manifest(ManifestForm::Json, table)),
            Form::Yaml => ("yaml", output::manifest(ManifestForm::Yaml, table)),
            Form::Svg => ("svg", Ok(svg::render(table))),
        };
        let path = folder.join(format!("{}-{}.{end}", table.number, table.year));
        let done = written.map_err(std::io::Error::other).and_then(|text| std::fs::write(&path, text));
        if let Err(error) = done {
            tell(format_args!("error: {} cannot be written: {error}", path.display()));
            return ExitCode::from(2);
        }
        paths.push(path.display().to_string());
    }
    output::end_with(&format!("{}\n", paths.join("\n")), ExitCode::SUCCESS)
}
