//! `fourhundred crds`: the custom resource definitions of this build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::output::{ManifestForm, end_with, manifest, tell};
use crate::api::crds;

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred crds | kubectl apply --server-side -f -
  fourhundred crds --output-dir crds          write one file per kind
  fourhundred crds --check crds               exit 1 where a file differs

Exit code: 0 done, 1 a file differs or is not there, 2 the question was wrong (no such folder, for instance).";

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
    /// How they are printed
    #[arg(long, short, value_enum, default_value_t, conflicts_with_all = ["output_dir", "check"])]
    pub output: ManifestForm,
}

/// Definitions cannot be written or compared.
#[derive(Debug, thiserror::Error)]
pub enum CrdsError {
    #[error("a definition cannot be printed")]
    Yaml(#[from] serde_saphyr::ser_error::Error),
    #[error("{0} is no folder: `fourhundred crds --output-dir {0}` makes it")]
    NoFolder(PathBuf),
    #[error("{path} cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Prints, writes or compares.
pub fn run(arguments: &Arguments) -> ExitCode {
    let done = match (&arguments.output_dir, &arguments.check) {
        (Some(folder), _) => files().and_then(|files| write(folder, &files)).map(|()| ExitCode::SUCCESS),
        (None, Some(folder)) => files().and_then(|files| compare(folder, &files)).map(|different| {
            for sentence in &different {
                tell(sentence);
            }
            ExitCode::from(u8::from(!different.is_empty()))
        }),
        (None, None) => return print(arguments.output),
    };
    done.unwrap_or_else(|error| super::fail(&error))
}

fn print(form: ManifestForm) -> ExitCode {
    let text = match form {
        ManifestForm::Yaml => files().map(|files| {
            let documents = files.iter().map(|(_, text)| format!("---\n{}\n", text.trim_end()));
            documents.collect::<String>()
        }),
        ManifestForm::Json => {
            let items: Vec<Value> = crds::all().iter().map(crds::document).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            return match manifest(ManifestForm::Json, &list) {
                Ok(text) => end_with(&text, ExitCode::SUCCESS),
                Err(error) => super::fail(&error),
            };
        }
    };
    match text {
        Ok(text) => end_with(&text, ExitCode::SUCCESS),
        Err(error) => super::fail(&error),
    }
}

/// Name and text of each kind's file.
fn files() -> Result<Vec<(String, String)>, CrdsError> {
    crds::all().iter().map(|crd| Ok((crds::file_name(crd), crds::yaml(crd)?))).collect()
}

fn write(folder: &Path, files: &[(String, String)]) -> Result<(), CrdsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CrdsError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(failed(&path))?;
        tell(path.display());
    }
    Ok(())
}

/// A sentence for each file that is not as this build would write it.
fn compare(folder: &Path, files: &[(String, String)]) -> Result<Vec<String>, CrdsError> {
    if !folder.is_dir() {
        return Err(CrdsError::NoFolder(folder.to_owned()));
    }
    let again = format!("run `fourhundred crds --output-dir {}`", folder.display());
    let differs = |(name, text): &(String, String)| match std::fs::read_to_string(folder.join(name)) {
        Ok(standing) if standing == *text => None,
        Ok(_) => Some(format!("{name} differs from this build: {again}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("{name} is not there: {again}")),
        Err(error) => Some(format!("{name} cannot be read: {error}")),
    };
    Ok(files.iter().filter_map(differs).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_a_missing_file_and_another_text_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let files = files().unwrap();
        write(folder.path(), &files).unwrap();
        assert_eq!(compare(folder.path(), &files).unwrap(), Vec::<String>::new());

        std::fs::remove_file(folder.path().join(&files[0].0)).unwrap();
        std::fs::write(folder.path().join(&files[1].0), "other").unwrap();
        let told = compare(folder.path(), &files).unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("is not there") && told[1].contains("differs"), "{told:?}");

        let missing = folder.path().join("missing");
        let sentence = compare(&missing, &files).unwrap_err().to_string();
        assert!(sentence.contains("missing is no folder"), "{sentence}");
    }
}
