//! `fourhundred get`: what `serve` made of its folders, in the columns that kubectl would print.

mod columns;
mod json_path;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::output::{ManifestForm, counted, end_with, manifest, tell};
use crate::api::crds;
use crate::serving::PROBLEMS_FILE;

const EXAMPLES: &str = "\
EXAMPLES
  Numbers, gateways and tenants, by plural, singular or short name:
    fourhundred get fhn,callgateways,ten --data ./data

  One of them whole:
    fourhundred get fhn hotline -n acme -o yaml --data ./data

  Everything there is:
    fourhundred get all --data ./data

Exit code: 0 printed, 1 there is no object of the name given, 2 the question was wrong.";

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// The columns of `kubectl get`.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// The objects as JSON.
    Json,
    /// The objects as YAML.
    Yaml,
    /// KIND/NAME.
    Name,
}

/// Arguments of `get`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Kinds by plural, singular or short name, comma-separated; `all` for every kind
    #[arg(value_name = "KIND")]
    pub kinds: String,
    /// Only the object of this name
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The data directory of `serve`
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Only objects of this namespace; all when absent
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// How objects are printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// The question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    #[error("no kind is called {seen:?}: there are {known}")]
    UnknownKind { seen: String, known: String },
    #[error("{0} is no data directory of `fourhundred serve`: there is no folder status in it")]
    NoStatus(PathBuf),
    #[error("{path} cannot be read")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} is no object")]
    NoObject(PathBuf),
    #[error("the objects cannot be printed")]
    Print(#[source] serde_json::Error),
}

/// Prints and ends. Exit code 1: what was asked for by name is not there.
pub fn run(arguments: &Arguments) -> ExitCode {
    if let Ok(problems) = std::fs::read_to_string(arguments.data.join(PROBLEMS_FILE)) {
        let mistakes = counted(problems.lines().count(), "mistake");
        tell(format_args!("the folder has {mistakes}, so this is its last good state:\n{problems}"));
    }
    match found(arguments).and_then(|found| Ok((found.is_empty(), printed(arguments, &found, Timestamp::now())?))) {
        Ok((true, _)) if arguments.name.is_some() => {
            tell(format_args!("there is no {} of this name", arguments.kinds));
            ExitCode::FAILURE
        }
        Ok((true, _)) if matches!(arguments.output, Output::Table | Output::Wide) => {
            tell("there are none");
            ExitCode::SUCCESS
        }
        Ok((_, text)) => end_with(&text, ExitCode::SUCCESS),
        Err(error) => super::fail(&error),
    }
}

/// A kind and its objects, in order of namespace and name.
type Found = (CustomResourceDefinition, Vec<Value>);

fn found(arguments: &Arguments) -> Result<Vec<Found>, GetError> {
    let status = arguments.data.join("status");
    if !status.is_dir() {
        return Err(GetError::NoStatus(arguments.data.clone()));
    }
    let mut found = Vec::new();
    for crd in chosen(&arguments.kinds)? {
        let mut objects = BTreeMap::new();
        for path in files(&status.join(&crd.spec.names.kind))? {
            let object = read(&path)?;
            let (namespace, name) = (columns::metadata(&object, "namespace"), columns::metadata(&object, "name"));
            let wanted = arguments.name.as_ref().is_none_or(|wanted| *wanted == name)
                && arguments.namespace.as_ref().is_none_or(|wanted| namespace.is_empty() || *wanted == namespace);
            if wanted {
                objects.insert((namespace, name), object);
            }
        }
        if !objects.is_empty() {
            found.push((crd, objects.into_values().collect()));
        }
    }
    Ok(found)
}

fn chosen(asked: &str) -> Result<Vec<CustomResourceDefinition>, GetError> {
    let all = crds::all();
    let mut chosen: Vec<CustomResourceDefinition> = Vec::new();
    for seen in asked.split(',') {
        let every = seen == "all" || seen == "fourhundred";
        let seen = seen.to_ascii_lowercase();
        let named = all.iter().filter(|crd| every || is_called(crd, &seen));
        let before = chosen.len();
        chosen.extend(named.cloned());
        if chosen.len() == before {
            let name = |crd: &CustomResourceDefinition| {
                let short = crd.spec.names.short_names.iter().flatten().next().cloned().unwrap_or_default();
                format!("{} ({short})", crd.spec.names.plural)
            };
            let known: Vec<String> = all.iter().map(name).collect();
            return Err(GetError::UnknownKind { seen, known: known.join(", ") });
        }
    }
    Ok(chosen)
}

/// As kubectl would know it: plural, singular, short name, kind, or plural with the group.
fn is_called(crd: &CustomResourceDefinition, seen: &str) -> bool {
    let names = &crd.spec.names;
    let plain = seen.strip_suffix(&format!(".{}", crd.spec.group)).unwrap_or(seen);
    plain == names.plural
        || names.singular.as_deref() == Some(plain)
        || names.kind.to_ascii_lowercase() == plain
        || names.short_names.iter().flatten().any(|short| short == plain)
}

fn files(root: &Path) -> Result<Vec<PathBuf>, GetError> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(GetError::Unreadable { path: folder, source }),
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Value, GetError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| GetError::Unreadable { path: path.to_owned(), source })?;
    serde_saphyr::from_str(&text).map_err(|_| GetError::NoObject(path.to_owned()))
}

fn printed(arguments: &Arguments, found: &[Found], now: Timestamp) -> Result<String, GetError> {
    let objects = || found.iter().flat_map(|(_, objects)| objects);
    let document = || match (arguments.name.is_some(), objects().count(), objects().next()) {
        (true, 1, Some(object)) => object.clone(),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": objects().collect::<Vec<_>>()}),
    };
    Ok(match arguments.output {
        Output::Json => manifest(ManifestForm::Json, &document()).map_err(GetError::Print)?,
        Output::Yaml => manifest(ManifestForm::Yaml, &document()).map_err(GetError::Print)?,
        Output::Name => found.iter().flat_map(|(crd, objects)| names(crd, objects)).collect(),
        Output::Table | Output::Wide => {
            let tables = found.iter().map(|(crd, objects)| {
                let table = columns::Table {
                    crd,
                    wide: arguments.output == Output::Wide,
                    with_namespace: arguments.namespace.is_none(),
                    with_kind: found.len() > 1,
                };
                table.print(objects, now)
            });
            tables.collect::<Vec<_>>().join("\n")
        }
    })
}

fn names(crd: &CustomResourceDefinition, objects: &[Value]) -> Vec<String> {
    let kind = columns::qualified(crd);
    objects.iter().map(|object| format!("{kind}/{}\n", columns::metadata(object, "name"))).collect()
}
