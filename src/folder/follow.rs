//! A folder followed through its edits, for `serve`: each change gives the new folder, or the problems of it.
//!
//! The folder is looked at once an interval (names, sizes, times of change, inodes); notification by the kernel would
//! miss network file systems and a mounted `ConfigMap`, whose files are links that move. Whoever listens keeps the last
//! good folder: a state that does not parse changes nothing and is told.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;

use super::fault::Problem;
use super::schema::Schemas;
use super::{Folder, SKIPPED, files};

/// A file as a look from outside shows it.
type Trace = (PathBuf, u64, i64, i64, u64);

/// What one state of the folder came to.
pub type State = Result<Arc<Folder>, Vec<Problem>>;

struct Follower {
    path: PathBuf,
    schemas: Arc<Schemas>,
    interval: Duration,
    traces: Option<Vec<Trace>>,
    told: Option<State>,
}

/// The states of the folder at `path`, the present one first, then one for each change. Ends only when dropped.
pub fn follow(path: &Path, schemas: Arc<Schemas>, interval: Duration) -> impl Stream<Item = State> + use<> {
    let follower = Follower { path: path.to_owned(), schemas, interval, traces: None, told: None };
    unfold(follower, |mut follower| async move {
        loop {
            if follower.told.is_some() {
                tokio::time::sleep(follower.interval).await;
            }
            // Reading is blocking work. Only a runtime that shuts down refuses it, and then the stream is over.
            let Ok(looked) = tokio::task::spawn_blocking(move || follower.look()).await else { return None };
            let (next, state) = looked;
            follower = next;
            if let Some(state) = state {
                return Some((state, follower));
            }
        }
    })
}

impl Follower {
    /// Looks once. A state is given when it differs from the one told last.
    fn look(mut self) -> (Self, Option<State>) {
        let traces = traces(&self.path);
        if self.told.is_some() && self.traces.as_ref() == Some(&traces) {
            return (self, None);
        }
        let state = Folder::read(&self.path, &self.schemas).map(Arc::new);
        self.traces = Some(traces);
        let same = match (&self.told, &state) {
            (Some(Ok(before)), Ok(now)) => before.digest == now.digest,
            (Some(Err(before)), Err(now)) => before == now,
            _ => false,
        };
        if same {
            return (self, None);
        }
        self.told = Some(state.clone());
        (self, Some(state))
    }
}

fn traces(path: &Path) -> Vec<Trace> {
    let found = files::list(&[path.to_owned()], &[SKIPPED.to_owned()]).unwrap_or_default();
    let all = found.manifests.into_iter().chain(found.routing_tests);
    all.map(|file| match std::fs::metadata(&file) {
        Ok(seen) => (file, seen.len(), seen.mtime(), seen.mtime_nsec(), seen.ino()),
        Err(_) => (file, 0, 0, 0, 0),
    })
    .collect()
}
