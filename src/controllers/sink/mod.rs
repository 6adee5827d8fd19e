//! Where the control loops write: the API server, or a folder's data directory (`serve`). The only step with side effects.
//!
//! Everything that differs between `operator` and `serve` behind a reconcile is here; the loops themselves are the same.

mod cluster;
mod directory;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::error::Elapsed;

pub use cluster::{ClusterSink, DIGEST_ANNOTATION};
pub use directory::DirectorySink;

use super::error::Error;
use super::key::Key;
use crate::api::NumberClaim;
use crate::domain::digest::Digest;

/// The three owners of status fields; no two share a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manager {
    /// Conditions, number, grade, state, observedGeneration; and everything the operator derives and owns.
    Operator,
    /// Usage and account.
    Usage,
    /// A schedule's current period and its next change.
    Clock,
}

impl Manager {
    /// The field manager's name at the API server.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "fourhundred",
            Self::Usage => "fourhundred-usage",
            Self::Clock => "fourhundred-clock",
        }
    }

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Operator => "status",
            Self::Usage => "usage",
            Self::Clock => "clock",
        }
    }
}

/// A kind of the own group, as the API server addresses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindName {
    pub kind: &'static str,
    pub plural: &'static str,
    pub namespaced: bool,
}

/// What a status write says.
#[derive(Debug, Clone)]
pub struct StatusWrite {
    pub kind: KindName,
    pub key: Key,
    pub uid: String,
    pub manager: Manager,
    pub status: Value,
}

/// A part of the plan, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanPart {
    /// The gateway's namespace.
    pub namespace: String,
    /// `plan-<hash>-<leaf>` or `prices-<digest>`.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub digest: Digest,
    pub text: String,
}

/// How a claim's creation ended.
#[derive(Debug)]
pub enum ClaimCreation {
    Created(Box<NumberClaim>),
    /// The name is taken; read it live to learn by whom.
    Exists,
}

/// What a live look for a claim's holder found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Here,
    /// Not found, with the kind itself served: the only answer that releases a number.
    Gone,
    Unknown,
}

/// An event on an object, told on transitions only.
#[derive(Debug, Clone)]
pub struct Notice {
    pub kind: KindName,
    pub key: Key,
    pub uid: String,
    pub warning: bool,
    pub reason: &'static str,
    pub action: &'static str,
    pub sentence: String,
}

/// The place that takes writes.
#[derive(Debug)]
pub enum Sink {
    Cluster(ClusterSink),
    Directory(DirectorySink),
}

/// A request that is not answered for so long is given up: the client's own reads have no limit, and whoever waits holds
/// a slot that others need.
const TIME_LIMIT: Duration = Duration::from_secs(30);

macro_rules! forward {
    ($self:ident, $method:ident ( $($argument:expr),* )) => {
        match $self {
            Sink::Cluster(sink) => tokio::time::timeout(TIME_LIMIT, sink.$method($($argument),*)).await,
            Sink::Directory(sink) => Ok(sink.$method($($argument),*).await),
        }
    };
}

fn answered<T>(answer: Result<Result<T, Error>, Elapsed>) -> Result<T, Error> {
    answer.unwrap_or(Err(Error::TimedOut(TIME_LIMIT)))
}

impl Sink {
    /// Writes the fields of one status manager. Returns the whole status as it was stored.
    pub async fn publish_status(&self, write: &StatusWrite) -> Result<Value, Error> {
        answered(forward!(self, publish_status(write)))
    }

    /// Writes a part of the plan whole. Returns its new resourceVersion.
    pub async fn apply_part(&self, part: &PlanPart) -> Result<String, Error> {
        answered(forward!(self, apply_part(part)))
    }

    /// Deletes a part that every router has read empty, if it is still the one with this resourceVersion.
    pub async fn delete_part(&self, namespace: &str, name: &str, resource_version: &str) -> Result<(), Error> {
        answered(forward!(self, delete_part(namespace, name, resource_version)))
    }

    /// The texts of all parts whose labels equal `labels`.
    pub async fn read_parts(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
        answered(forward!(self, read_parts(namespace, labels)))
    }

    /// Creates a claim; the API server decides a race.
    pub async fn create_claim(&self, claim: &NumberClaim) -> Result<ClaimCreation, Error> {
        answered(forward!(self, create_claim(claim)))
    }

    /// A claim as it is now, not as the cache has it.
    pub async fn read_claim(&self, number: &str) -> Result<Option<NumberClaim>, Error> {
        answered(forward!(self, read_claim(number)))
    }

    /// Replaces a claim that still has the resourceVersion and uid in `claim`.
    pub async fn replace_claim(&self, claim: &NumberClaim) -> Result<NumberClaim, Error> {
        answered(forward!(self, replace_claim(claim)))
    }

    /// Deletes a claim that still has the resourceVersion and uid in `claim`.
    pub async fn delete_claim(&self, claim: &NumberClaim) -> Result<(), Error> {
        answered(forward!(self, delete_claim(claim)))
    }

    /// Whether a FourHundredNumber exists, asked live.
    pub async fn number_presence(&self, key: &Key) -> Presence {
        forward!(self, number_presence(key)).unwrap_or(Presence::Unknown)
    }

    /// Tells an event; a failure is logged and goes no further, since events are no state.
    pub async fn tell(&self, notice: &Notice) {
        if forward!(self, tell(notice)).is_err() {
            tracing::debug!(object = %notice.key, reason = notice.reason, "event not told in time");
        }
    }
}
