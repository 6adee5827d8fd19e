//! The folders as one: followed through their edits, and taken over whole or not at all.
//!
//! A state with a mistake in any file changes nothing. It is told in the log, in a metric and in a file of the data
//! directory, which `fourhundred get` repeats until the mistake is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::select_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::core::{ObjectMeta, PartialObjectMeta};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::secrets::Bringer;
use crate::api::{CallGateway, NumberClaim};
use crate::controllers::directory::Feeds;
use crate::controllers::key::Key;
use crate::folder::fault::Fault;
use crate::folder::follow::State;
use crate::folder::{self, Folder, ObjectKey, Place, Schemas};
use crate::runtime::clock::Clock;
use crate::runtime::http::Readiness;

/// How often the folders are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Lines of log for one broken state.
const TOLD_AT_MOST: usize = 20;
/// In the data directory, as long as the folders have mistakes: one line for each.
pub const PROBLEMS_FILE: &str = "folder.problems";

/// `fourhundred_folder_problems`.
#[derive(Debug, Clone, Default)]
pub(super) struct ProblemGauge(Gauge);

impl ProblemGauge {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauge = Self::default();
        let help = "Mistakes in the folders as they are; while there are any, the last good state is served";
        registry.register("fourhundred_folder_problems", help, gauge.0.clone());
        gauge
    }
}

/// See the module's text.
pub(super) struct Reader {
    pub(super) schemas: Arc<Schemas>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) data: PathBuf,
    pub(super) feeds: Arc<Feeds>,
    pub(super) secrets: Bringer,
    pub(super) clock: Clock,
    pub(super) readiness: Readiness,
    pub(super) problems: ProblemGauge,
    /// A plan of an earlier run is served: folders that hold nothing at all are not what it came from.
    pub(super) serves_earlier_plan: bool,
}

impl Reader {
    /// Takes over every good state of the folders, until `stop`.
    pub(super) async fn follow(self, stop: CancellationToken) {
        let streams = self.paths.iter().enumerate().map(|(position, path)| {
            folder::follow(path, Some(&self.data), self.schemas.clone(), LOOK)
                .map(move |state| (position, state))
                .boxed()
        });
        let mut states = select_all(streams);
        let mut known: BTreeMap<usize, State> = BTreeMap::new();
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = states.next() => next,
            };
            let Some((position, state)) = next else { return };
            known.insert(position, state);
            if known.len() == self.paths.len() {
                match together(&known) {
                    Ok(folders) if self.serves_earlier_plan && is_empty(&folders) => {
                        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
                        self.tell(&[format!("{}: {}", paths.join(", "), Fault::Emptied)]);
                    }
                    Ok(folders) => self.take(&folders),
                    Err(problems) => self.tell(&problems),
                }
            }
        }
    }

    fn take(&self, folders: &[Arc<Folder>]) {
        if let Err(problems) = self.fill(folders) {
            return self.tell(&problems);
        }
        for note in folders.iter().flat_map(|folder| &folder.notes) {
            tracing::warn!("{}: {}", note.place, note.sentence);
        }
        self.problems.0.set(0);
        self.readiness.fulfil("folder");
        let _ = std::fs::remove_file(self.data.join(PROBLEMS_FILE));
        let objects: usize = folders.iter().map(|folder| folder.objects.len()).sum();
        tracing::info!(objects, "folder taken over");
    }

    /// Everything is decoded before anything is replaced.
    fn fill(&self, folders: &[Arc<Folder>]) -> Result<(), Vec<String>> {
        let now = self.clock.now();
        let gateways: Vec<CallGateway> = of_kind(folders)?;
        let (tariffs, pools, calendars) = (of_kind(folders)?, of_kind(folders)?, of_kind(folders)?);
        let (tenants, approvals) = (of_kind(folders)?, of_kind(folders)?);
        let (numbers, schedules, overrides) = (of_kind(folders)?, of_kind(folders)?, of_kind(folders)?);
        let caller_lists = of_kind(folders)?;
        let claims: Vec<NumberClaim> = of_kind(folders)?;
        // What numbers refer to comes before them.
        self.feeds.namespaces.replace(namespaces(folders), now);
        self.secrets.bring(&gateways, folders);
        self.feeds.calendars.replace(calendars, now);
        self.feeds.approvals.replace(approvals, now);
        self.feeds.tenants.replace(tenants, now);
        self.feeds.tariffs.replace(tariffs, now);
        self.feeds.pools.replace(pools, now);
        self.feeds.gateways.replace(gateways, now);
        self.feeds.schedules.replace(schedules, now);
        self.feeds.caller_lists.replace(caller_lists, now);
        self.keep_claims(claims);
        self.feeds.numbers.replace(numbers, now);
        self.feeds.overrides.replace(overrides, now);
        Ok(())
    }

    /// Claims of a folder are a cluster's export: taken over once, and the data directory's from then on.
    fn keep_claims(&self, claims: Vec<NumberClaim>) {
        for claim in claims {
            let known = self.feeds.claims.get(&Key::of(&claim)).is_some();
            if !known && let Err(error) = self.feeds.claims.put(claim, self.clock.now()) {
                tracing::warn!(%error, "a claim of the folder is not kept");
            }
        }
    }

    fn tell(&self, problems: &[String]) {
        self.problems.0.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        for problem in problems.iter().take(TOLD_AT_MOST) {
            tracing::error!("{problem}");
        }
        let count = problems.len();
        tracing::error!(
            problems = count,
            "the folder has mistakes: nothing of it is taken over, the last good state goes on"
        );
        let first = problems.first().map_or("", String::as_str);
        if !self.readiness.open().is_empty() {
            self.readiness.wait_for("folder", format!("{count} mistakes, the first: {first}"));
        }
        write_problems(&self.data, problems);
    }
}

fn write_problems(data: &Path, problems: &[String]) {
    let text = problems.iter().fold(String::new(), |text, problem| text + problem + "\n");
    let draft = data.join(format!("{PROBLEMS_FILE}.new"));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, data.join(PROBLEMS_FILE)));
    if let Err(error) = written {
        tracing::warn!(%error, "the folder's mistakes are not written down");
    }
}

/// All folders if every one of them is good and nothing stands in two.
fn together(states: &BTreeMap<usize, State>) -> Result<Vec<Arc<Folder>>, Vec<String>> {
    let (mut folders, mut problems) = (Vec::new(), Vec::new());
    for state in states.values() {
        match state {
            Ok(folder) => folders.push(folder.clone()),
            Err(found) => problems.extend(found.iter().map(ToString::to_string)),
        }
    }
    problems.extend(twice(&folders));
    if problems.is_empty() { Ok(folders) } else { Err(problems) }
}

/// Secrets and Namespaces too: which of two counts would depend on the order of the command line.
fn twice(folders: &[Arc<Folder>]) -> Vec<String> {
    let mut first: BTreeMap<&ObjectKey, &Place> = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, place) in folders.iter().flat_map(|folder| folder.objects.places()) {
        match first.get(key) {
            Some(first) => problems.push(format!("{place}: {key} is declared twice, here and at {first}: keep one")),
            None => drop(first.insert(key, place)),
        }
    }
    problems
}

fn is_empty(folders: &[Arc<Folder>]) -> bool {
    folders.iter().all(|folder| folder.objects.places().next().is_none())
}

fn of_kind<K>(folders: &[Arc<Folder>]) -> Result<Vec<K>, Vec<String>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone,
{
    let mut objects = Vec::new();
    for folder in folders {
        let found = folder.objects.of_kind::<K>().map_err(|problems| sentences(&problems))?;
        objects.extend(found.into_iter().map(Arc::unwrap_or_clone));
    }
    Ok(objects)
}

fn sentences(problems: &[impl Display]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Namespaces that are declared or used; one that is only used has the label that the API server sets.
fn namespaces(folders: &[Arc<Folder>]) -> Vec<PartialObjectMeta<Namespace>> {
    let declared = folders.iter().flat_map(|folder| folder.objects.namespaces()).map(str::to_owned);
    let used = folders.iter().flat_map(|folder| folder.objects.iter()).filter_map(|(key, _)| key.namespace.clone());
    let names: BTreeSet<String> = declared.chain(used).collect();
    let labels = |name: &str| folders.iter().flat_map(|folder| folder.objects.namespace_labels(name)).collect();
    let object = |name: String| PartialObjectMeta {
        metadata: ObjectMeta { labels: Some(labels(&name)), name: Some(name), ..ObjectMeta::default() },
        ..PartialObjectMeta::default()
    };
    names.into_iter().map(object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_stand_in_two_folders_not_even_a_secret() {
        let schemas = Schemas::from_crds(&crate::api::crds::all()).unwrap();
        let folder = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("a.yaml"), text).unwrap();
            Arc::new(Folder::read(dir.path(), &schemas).unwrap())
        };
        let secret =
            "{apiVersion: v1, kind: Secret, metadata: {name: cdr, namespace: telephony}, stringData: {token: x}}";
        let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: telephony}}";
        for text in [secret, namespace] {
            assert_eq!(twice(&[folder(text)]), Vec::<String>::new());
            let problems = twice(&[folder(text), folder(text)]);
            assert!(problems.len() == 1 && problems[0].contains("is declared twice"), "{problems:?}");
        }
        assert!(is_empty(&[folder("# nothing")]) && !is_empty(&[folder(secret)]));
    }
}
