//! Leader election by a `coordination.k8s.io/v1` Lease, judged by locally observed time.
//!
//! A holder counts as gone when its record has not changed for a whole lease duration as seen on this machine's own
//! monotonic clock, so that skewed wall clocks cannot make two leaders. Every write carries the resourceVersion it is
//! based on: of two campaigners one gets a conflict. Losing the lease cancels the token handed out with it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::sentence::with_causes;

/// How long a silent holder keeps the lease.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew for so long gives up by itself.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Pause between attempts.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// A candidate for one lease.
#[derive(Clone, Debug)]
pub struct Candidate {
    api: Api<Lease>,
    namespace: String,
    name: String,
    identity: String,
}

/// Leadership: `lost` is cancelled when it ends; dropping the term without [`Term::release`] lets it expire.
#[derive(Debug)]
pub struct Term {
    pub lost: CancellationToken,
    candidate: Candidate,
    renewer: tokio::task::JoinHandle<()>,
}

#[derive(Debug, PartialEq, Eq, Clone)]
struct Observed {
    holder: Option<String>,
    record: Option<(Option<MicroTime>, Option<i32>)>,
}

impl Candidate {
    /// `identity` must be unique among candidates, such as host name and a random suffix.
    pub fn new(client: kube::Client, namespace: &str, name: &str, identity: String) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity,
        }
    }

    /// Waits until this candidate holds the lease. `None` when `stop` came first.
    pub async fn campaign(&self, stop: &CancellationToken) -> Option<Term> {
        let mut seen: Option<(Observed, Instant)> = None;
        let mut told = None;
        loop {
            match self.attempt(&mut seen).await {
                Ok(true) => return Some(self.clone().hold(stop)),
                Ok(false) => told = None,
                Err(error) => self.tell_once(&mut told, &error),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(RETRY_PERIOD) => {}
            }
        }
    }

    /// Who never leads should know why; who waits out an API server's absence need not hear of every attempt.
    fn tell_once(&self, told: &mut Option<String>, error: &kube::Error) {
        let sentence = self.obstacle(error);
        if told.as_ref() == Some(&sentence) {
            return;
        }
        tracing::warn!("lease: {sentence}");
        *told = Some(sentence);
    }

    fn obstacle(&self, error: &kube::Error) -> String {
        let Self { namespace, name, .. } = self;
        match error {
            // Reading a Lease that is not there is no error: this was its creation.
            kube::Error::Api(status) if status.is_not_found() => {
                format!("namespace {namespace} is not there: create it or give --namespace")
            }
            kube::Error::Api(status) if status.is_forbidden() => {
                format!("the operator may not get, create and update Lease {namespace}/{name}")
            }
            error => format!("Lease {namespace}/{name} cannot be had yet: {}", with_causes(error)),
        }
    }

    async fn attempt(&self, seen: &mut Option<(Observed, Instant)>) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let created = self.api.create(&PostParams::default(), &self.record(None, 0)).await;
            return match created {
                Ok(_) => Ok(true),
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
                Err(error) => Err(error),
            };
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let observed = Observed {
            holder: spec.holder_identity.clone().filter(|holder| !holder.is_empty()),
            record: Some((spec.renew_time.clone(), spec.lease_transitions)),
        };
        let now = Instant::now();
        let since = match seen {
            Some((known, since)) if *known == observed => *since,
            _ => {
                *seen = Some((observed.clone(), now));
                now
            }
        };
        let duration = Duration::from_secs(u64::try_from(spec.lease_duration_seconds.unwrap_or(15)).unwrap_or(15));
        let free = match &observed.holder {
            None => true,
            Some(holder) => *holder == self.identity || now.duration_since(since) >= duration,
        };
        if !free {
            return Ok(false);
        }
        let transitions =
            spec.lease_transitions.unwrap_or(0) + i32::from(observed.holder.as_ref() != Some(&self.identity));
        match self.api.replace(&self.name, &PostParams::default(), &self.record(Some(&lease), transitions)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn record(&self, previous: Option<&Lease>, transitions: i32) -> Lease {
        let now = MicroTime(Timestamp::now());
        let acquired = previous
            .and_then(|lease| lease.spec.as_ref())
            .filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity))
            .and_then(|spec| spec.acquire_time.clone());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: previous.and_then(|lease| lease.metadata.resource_version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
                acquire_time: acquired.or_else(|| Some(now.clone())),
                renew_time: Some(now),
                lease_transitions: Some(transitions),
                ..LeaseSpec::default()
            }),
        }
    }

    fn hold(self, stop: &CancellationToken) -> Term {
        let lost = stop.child_token();
        let candidate = self.clone();
        let renewer = tokio::spawn({
            let lost = lost.clone();
            async move {
                let mut renewed = Instant::now();
                loop {
                    tokio::select! {
                        () = lost.cancelled() => return,
                        () = tokio::time::sleep(RETRY_PERIOD) => {}
                    }
                    let limit = RENEW_DEADLINE.saturating_sub(renewed.elapsed());
                    // Others count from when the record changed, which is before the answer is here.
                    let asked = Instant::now();
                    match tokio::time::timeout(limit, self.renew()).await {
                        Ok(Ok(Renewal::Renewed)) => renewed = asked,
                        Ok(Ok(Renewal::Overtaken)) => tracing::debug!("lease: written by another meanwhile"),
                        Ok(Ok(Renewal::Lost)) => {
                            tracing::warn!("lease: taken by another replica");
                            return lost.cancel();
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "lease: renewal failed"),
                        Err(_) => {}
                    }
                    if renewed.elapsed() >= RENEW_DEADLINE {
                        tracing::warn!("lease: not renewed in time, given up");
                        return lost.cancel();
                    }
                }
            }
        });
        Term { lost, candidate, renewer }
    }

    async fn renew(&self) -> Result<Renewal, kube::Error> {
        let lease = self.api.get(&self.name).await?;
        let spec = lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(Renewal::Lost);
        }
        let transitions = spec.lease_transitions.unwrap_or(0);
        let record = self.record(Some(&lease), transitions);
        renewal(self.api.replace(&self.name, &PostParams::default(), &record).await.map(drop))
    }
}

/// What an attempt to renew came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewal {
    Renewed,
    /// Somebody wrote between our reading and our writing: the record is not renewed, the next attempt sees whose it is.
    Overtaken,
    Lost,
}

fn renewal(written: Result<(), kube::Error>) -> Result<Renewal, kube::Error> {
    match written {
        Ok(()) => Ok(Renewal::Renewed),
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Renewal::Overtaken),
        Err(error) => Err(error),
    }
}

impl Term {
    /// Ends the term and empties the record, so that a standby need not wait for it to expire.
    pub async fn release(self) {
        self.lost.cancel();
        self.renewer.abort();
        let released = async {
            let mut lease = self.candidate.api.get(&self.candidate.name).await?;
            let mine = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref());
            if mine != Some(&self.candidate.identity) {
                return Ok(());
            }
            if let Some(spec) = lease.spec.as_mut() {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(1);
            }
            self.candidate.api.replace(&self.candidate.name, &PostParams::default(), &lease).await?;
            Ok::<(), kube::Error>(())
        };
        match tokio::time::timeout(Duration::from_secs(3), released).await {
            Ok(Ok(())) => tracing::info!("lease: released"),
            Ok(Err(error)) => tracing::warn!(%error, "lease: could not be released"),
            Err(_) => tracing::warn!("lease: release timed out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, reason: &str) -> kube::Error {
        let status = serde_json::json!({"status": "Failure", "code": code, "reason": reason, "message": "no"});
        kube::Error::Api(serde_json::from_value(status).expect("a status"))
    }

    #[test]
    fn a_conflict_is_no_renewal() {
        assert_eq!(renewal(Ok(())).ok(), Some(Renewal::Renewed));
        assert_eq!(renewal(Err(answered(409, "Conflict"))).ok(), Some(Renewal::Overtaken));
        assert!(renewal(Err(answered(500, "InternalError"))).is_err());
    }

    #[tokio::test]
    async fn who_can_never_lead_is_told_why() {
        let config = kube::Config::new("http://127.0.0.1:1".parse().expect("a URL"));
        let client = kube::Client::try_from(config).expect("a client");
        let candidate = Candidate::new(client, "fourhundred-system", "operator", "me".to_owned());
        assert_eq!(
            candidate.obstacle(&answered(404, "NotFound")),
            "namespace fourhundred-system is not there: create it or give --namespace"
        );
        assert!(candidate.obstacle(&answered(403, "Forbidden")).contains("may not get, create and update Lease"));
    }
}
