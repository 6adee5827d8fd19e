//! A folder followed through its edits, for `serve`: each change gives the new folder, or the problems of it.
//!
//! The folder is looked at once an interval (names, sizes, times of change, inodes); notification by the kernel would
//! miss network file systems and a mounted `ConfigMap`, whose files are links that move. What two looks in a row show
//! alike is read: a checkout that is under way is not. Whoever listens keeps the last good folder: a state that does not
//! parse changes nothing and is told, and so is a folder that is suddenly empty.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;

use super::Folder;
use super::fault::{Fault, Problem};
use super::files::{self, Skip};
use super::schema::Schemas;

/// A file as a look from outside shows it.
type Trace = (PathBuf, u64, i64, i64, u64);

/// What one state of the folder came to.
pub type State = Result<Arc<Folder>, Vec<Problem>>;

/// The first state is waited for, so its second look comes sooner, by this part of an interval.
const FIRST_LOOKS: u32 = 5;

struct Follower {
    path: PathBuf,
    /// The canonical path of a folder that is read past.
    skip: Option<PathBuf>,
    schemas: Arc<Schemas>,
    interval: Duration,
    /// What the last look showed.
    looked: Option<Vec<Trace>>,
    /// What the state told last was read from.
    read: Option<Vec<Trace>>,
    told: Option<State>,
    /// It held manifests that were taken over.
    was_full: bool,
}

/// The states of the folder at `path`, the present one first, then one for each change. The folder `skip` below it, if
/// there is one, is read past. Ends only when dropped.
pub fn follow(
    path: &Path,
    skip: Option<&Path>,
    schemas: Arc<Schemas>,
    interval: Duration,
) -> impl Stream<Item = State> + use<> {
    let follower = Follower {
        path: path.to_owned(),
        skip: skip.map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.to_owned())),
        schemas,
        interval,
        looked: None,
        read: None,
        told: None,
        was_full: false,
    };
    unfold(follower, |mut follower| async move {
        loop {
            if follower.looked.is_some() {
                let part = if follower.told.is_none() { FIRST_LOOKS } else { 1 };
                tokio::time::sleep(follower.interval / part).await;
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
    /// Looks once. A state is given when it has settled and differs from the one told last.
    fn look(mut self) -> (Self, Option<State>) {
        let traces = self.traces();
        let settled = self.looked.as_ref() == Some(&traces);
        // A file that could not be read may be readable now without having changed.
        let known = self.read.as_ref() == Some(&traces) && !matches!(self.told, Some(Err(_)));
        self.looked = Some(traces.clone());
        if !settled || known {
            return (self, None);
        }
        let state = self.state(&traces);
        self.read = Some(traces);
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

    fn state(&mut self, traces: &[Trace]) -> State {
        let state = Folder::read_all(std::slice::from_ref(&self.path), self.skip(), &self.schemas).map(Arc::new);
        if state.is_ok() && traces.is_empty() && self.was_full {
            return Err(vec![files::problem(&self.path, Fault::Emptied)]);
        }
        self.was_full |= state.is_ok() && !traces.is_empty();
        state
    }

    fn skip(&self) -> Skip<'_> {
        Skip { folder: self.skip.as_deref(), ..Skip::usual() }
    }

    fn traces(&self) -> Vec<Trace> {
        let found = files::list(std::slice::from_ref(&self.path), self.skip()).unwrap_or_default();
        let all = found.manifests.into_iter().chain(found.routing_tests);
        all.map(|file| match std::fs::metadata(&file) {
            Ok(seen) => (file, seen.len(), seen.mtime(), seen.mtime_nsec(), seen.ino()),
            Err(_) => (file, 0, 0, 0, 0),
        })
        .collect()
    }
}
