//! Counting requests by the API server's audit log, for tests such as "a settled operator writes nothing".
//!
//! The log is written before an answer goes out, so what a test has an answer for is in it.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use serde::Deserialize;

/// Who asked for what, without bodies; the API server's requests to itself are left out.
pub const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver]
  - level: Metadata
";

/// One request that was answered (or a watch that began).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// `configmaps`, `fourhundrednumbers/status`; empty for paths such as `/readyz`.
    pub resource: String,
    pub namespace: String,
    /// Empty for lists, and for a create whose name the API server made.
    pub name: String,
    pub code: u16,
}

impl Request {
    pub fn is_write(&self) -> bool {
        ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str())
    }
}

/// Requests since a moment.
#[derive(Debug)]
pub struct Requests {
    log: PathBuf,
    offset: u64,
}

impl Requests {
    pub(super) fn from_now(log: PathBuf) -> Self {
        let offset = std::fs::metadata(&log).map_or(0, |file| file.len());
        Self { log, offset }
    }

    pub fn seen(&self) -> Vec<Request> {
        let mut file = File::open(&self.log).expect("the audit log is there");
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        // The last line may be half written; the first too, when counting began in the middle of it.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _half)| whole);
        whole.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()).filter_map(Event::request).collect()
    }

    /// Writes by one user into one namespace (empty: cluster-wide), whatever became of them.
    pub fn writes(&self, user: &str, namespace: &str) -> Vec<Request> {
        let mut seen = self.seen();
        seen.retain(|request| request.is_write() && request.user == user && request.namespace == namespace);
        seen
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: EventUser,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
}

#[derive(Deserialize)]
struct EventUser {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl Event {
    fn request(self) -> Option<Request> {
        // A watch is answered when it begins; its end is no second request.
        let answered = if self.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        let ObjectRef { resource, subresource, namespace, name } = self.object_ref;
        (self.stage == answered).then(|| Request {
            user: self.user.username,
            verb: self.verb,
            resource: if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") },
            namespace,
            name,
            code: self.response_status.code,
        })
    }
}
