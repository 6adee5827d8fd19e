//! Keys of one Secret, followed by name: a watch of that single object, so that RBAC can name it. The value never
//! leaves the callback it is given to, and is never logged.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

/// What is known of the keys.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// There is no such Secret, it may not be read, it lacks a key, or holds no text there; the sentence says which.
    Missing(String),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Missing(why) => f.debug_tuple("Missing").field(why).finish(),
        }
    }
}

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    pub namespace: String,
    pub name: String,
    /// Several are read together, as one text of a line each or more: a certificate and its key belong to each other.
    pub keys: Vec<String>,
}

/// Follows `place` until `stop`, telling each change.
pub async fn follow(client: Client, place: SecretKey, stop: CancellationToken, mut tell: impl FnMut(Value) + Send) {
    let api: Api<Secret> = Api::namespaced(client, &place.namespace);
    let objects = watch_object(api, &place.name).default_backoff();
    let mut objects = std::pin::pin!(objects);
    let mut told = None;
    loop {
        let object = tokio::select! {
            () = stop.cancelled() => return,
            object = objects.next() => object,
        };
        let value = match object {
            None => return,
            Some(Ok(object)) => read(object, &place),
            // What was read once goes on being used: who may no longer read it has not been told to forget it.
            Some(Err(error)) if is_forbidden(&error) && !matches!(told, Some(Value::Text(_))) => forbidden(&place),
            Some(Err(error)) => {
                tracing::debug!(secret = place.name, %error, "secret: watch broke; it is opened anew");
                continue;
            }
        };
        if told.as_ref() != Some(&value) {
            told = Some(value.clone());
            tell(value);
        }
    }
}

fn forbidden(place: &SecretKey) -> Value {
    let SecretKey { namespace, name, .. } = place;
    Value::Missing(format!(
        "the operator may not read Secret {name}: let a Role in namespace {namespace} grant it get, list and watch by \
         this name"
    ))
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    status.is_forbidden()
}

fn read(object: Option<Secret>, place: &SecretKey) -> Value {
    let Some(object) = object else { return Value::Missing(format!("there is no Secret {}", place.name)) };
    let mut data = object.data.unwrap_or_default();
    let mut texts = Vec::with_capacity(place.keys.len());
    for key in &place.keys {
        let Some(bytes) = data.remove(key) else {
            return Value::Missing(format!("Secret {} has no key {key}", place.name));
        };
        match String::from_utf8(bytes.0) {
            Ok(text) if !text.trim().is_empty() => texts.push(text.trim().to_owned()),
            _ => return Value::Missing(format!("key {key} of Secret {} holds no text", place.name)),
        }
    }
    Value::Text(texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_read_a_secret_is_told_so() {
        let status = serde_json::json!({"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"});
        let status: Box<kube::core::Status> = serde_json::from_value(status).expect("a status");
        assert!(is_forbidden(&watcher::Error::InitialListFailed(kube::Error::Api(status.clone()))));
        assert!(is_forbidden(&watcher::Error::WatchError(status)));
        assert!(!is_forbidden(&watcher::Error::NoResourceVersion));
        let place =
            SecretKey { namespace: "telephony".to_owned(), name: "intake".to_owned(), keys: vec!["token".to_owned()] };
        let Value::Missing(why) = forbidden(&place) else { panic!("no text") };
        assert!(why.starts_with("the operator may not read Secret intake: "), "{why}");
    }
}
