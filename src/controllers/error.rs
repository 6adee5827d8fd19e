//! Why a reconcile failed, by class: the class decides back-off, metric label and whether a person must act.

use std::time::Duration;

use crate::runtime::metrics::Outcome;

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The other side was busy or away: try again, ever more slowly.
    Transient,
    /// Somebody else wrote first: try again at once.
    Conflict,
    /// What we sent was refused for what it says: no use in repeating it soon.
    Invalid,
    /// Something this needs is not there yet: its arrival wakes us.
    Dependency,
    /// We may not: somebody must grant it.
    Forbidden,
    /// It can never come about: the namespace it belongs to is being deleted.
    Final,
}

impl ErrorClass {
    /// The metric label.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Transient => Outcome::Transient,
            Self::Conflict => Outcome::Conflict,
            Self::Invalid => Outcome::Invalid,
            Self::Dependency => Outcome::Dependency,
            Self::Forbidden | Self::Final => Outcome::Forbidden,
        }
    }

    /// How long to wait before attempt `attempt` (from 1), with `jitter` in 0..1 spreading it over ±20 %.
    pub fn back_off(self, attempt: u32, jitter: f64) -> Duration {
        let (first, most) = match self {
            Self::Conflict => (Duration::from_millis(10), Duration::from_secs(5)),
            Self::Transient | Self::Dependency => (Duration::from_millis(200), Duration::from_secs(30)),
            // What is final is asked about only where somebody wakes it anew.
            Self::Invalid | Self::Forbidden | Self::Final => (Duration::from_secs(2), Duration::from_mins(5)),
        };
        let grown = first.saturating_mul(1_u32 << attempt.saturating_sub(1).min(16)).min(most);
        grown.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
    }
}

/// A step of a control loop failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server (or the folder) did not take or give something. The sentence names the verb and the object, never
    /// the values that were sent.
    #[error("{action} {object}")]
    Sink {
        action: &'static str,
        object: String,
        class: ErrorClass,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What this needs is being decided by a reconcile that runs beside it.
    #[error("{0}")]
    Undecided(&'static str),
    /// A reconcile took too long.
    #[error("gave up after {0:?}")]
    TimedOut(Duration),
}

impl Error {
    /// See [`ErrorClass`].
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Sink { class, .. } => *class,
            Self::Undecided(_) => ErrorClass::Conflict,
            Self::TimedOut(_) => ErrorClass::Transient,
        }
    }

    /// A Kubernetes error with what was being done to which object.
    pub fn kube(action: &'static str, object: impl std::fmt::Display, source: kube::Error) -> Self {
        Self::Sink { action, object: object.to_string(), class: class_of(&source), source: Box::new(source) }
    }
}

/// The class of an API server's answer, or of not getting one.
pub fn class_of(error: &kube::Error) -> ErrorClass {
    match error {
        kube::Error::Api(status) if is_of_a_terminating_namespace(status) => ErrorClass::Final,
        kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => ErrorClass::Conflict,
        kube::Error::Api(status) if status.is_not_found() => ErrorClass::Dependency,
        kube::Error::Api(status) if status.is_forbidden() => ErrorClass::Forbidden,
        kube::Error::Api(status) if status.is_invalid() || status.code == 400 => ErrorClass::Invalid,
        _ => ErrorClass::Transient,
    }
}

/// A namespace that is being deleted takes nothing new, and never will.
fn is_of_a_terminating_namespace(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminating_namespace_refuses_is_final_and_other_refusals_are_not() {
        let refused = |causes: serde_json::Value| {
            let status = serde_json::json!({
                "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no", "details": {"causes": causes},
            });
            class_of(&kube::Error::Api(serde_json::from_value(status).expect("a status")))
        };
        let cause =
            serde_json::json!([{"reason": "NamespaceTerminating", "message": "no", "field": "metadata.namespace"}]);
        assert_eq!(refused(cause), ErrorClass::Final);
        assert_eq!(refused(serde_json::json!([])), ErrorClass::Forbidden);
    }

    #[test]
    fn back_off_grows_to_its_bound() {
        let waits: Vec<u128> = [1, 2, 3, 40].map(|n| ErrorClass::Transient.back_off(n, 0.5).as_millis()).to_vec();
        assert_eq!(waits, [200, 400, 800, 30_000]);
        assert!(ErrorClass::Conflict.back_off(1, 1.0) < Duration::from_millis(13));
    }
}
