//! `fourhundred crds`: the custom resource definitions of this build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::api::crds;

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred crds | kubectl apply --server-side -f -
  fourhundred crds --output-dir crds          write one file per kind
  fourhundred crds --check crds               exit 1 where a file differs";

/// Arguments of `crds`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Write one file per kind into this folder instead of printing them all
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    pub output_dir: Option<PathBuf>,
    /// Compare this folder's files with what this build would write
    #[arg(long, value_name = "DIR")]
    pub check: Option<PathBuf>,
}

/// Prints, writes or compares.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut files = Vec::new();
    for crd in crds::all() {
        match crds::yaml(&crd) {
            Ok(text) => files.push((crds::file_name(&crd), text)),
            Err(error) => return super::fail(&error),
        }
    }
    match (&arguments.output_dir, &arguments.check) {
        (Some(folder), _) => write(folder, &files),
        (None, Some(folder)) => compare(folder, &files),
        (None, None) => {
            for (_, text) in &files {
                println!("---\n{}", text.trim_end());
            }
            ExitCode::SUCCESS
        }
    }
}

fn write(folder: &Path, files: &[(String, String)]) -> ExitCode {
    if let Err(error) = std::fs::create_dir_all(folder) {
        return super::fail(&error);
    }
    for (name, text) in files {
        if let Err(error) = std::fs::write(folder.join(name), text) {
            return super::fail(&error);
        }
        eprintln!("{}", folder.join(name).display());
    }
    ExitCode::SUCCESS
}

fn compare(folder: &Path, files: &[(String, String)]) -> ExitCode {
    let differs = |(name, text): &&(String, String)| {
        std::fs::read_to_string(folder.join(name)).map_or(true, |standing| standing != *text)
    };
    let different: Vec<&str> = files.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    for name in &different {
        eprintln!("{} differs from this build: run `fourhundred crds --output-dir {}`", name, folder.display());
    }
    if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
