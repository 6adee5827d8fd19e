//! A data directory as sink: statuses and claims as files, plan parts straight to the workers of the same process.

// The other sink waits for the network; this one has nothing to wait for and keeps its shape.
#![allow(clippy::unused_async)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kube::ResourceExt as _;
use serde_json::Value;

use super::{ClaimCreation, Notice, PlanPart, Presence, StatusWrite};
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};
use crate::controllers::directory::{DirectoryError, Feeds};
use crate::controllers::error::{Error, ErrorClass};
use crate::controllers::key::Key;
use crate::controllers::publish::Publishable;
use crate::runtime::clock::Clock;
use crate::workers::feed::{Arrival, GATEWAY_LABEL, News};

type Teller = Box<dyn Fn(News) + Send + Sync>;

/// See the module's text.
pub struct DirectorySink {
    feeds: Arc<Feeds>,
    parts: Mutex<BTreeMap<(String, String), PlanPart>>,
    tell: Teller,
    clock: Clock,
    /// Stands in for the resourceVersions of parts.
    version: AtomicU64,
}

impl std::fmt::Debug for DirectorySink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectorySink").finish_non_exhaustive()
    }
}

impl DirectorySink {
    /// Keeps objects in `feeds`; `tell` brings parts to the workers.
    pub fn new(feeds: Arc<Feeds>, clock: Clock, tell: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self { feeds, parts: Mutex::default(), tell: Box::new(tell), clock, version: AtomicU64::new(1) }
    }

    pub(super) async fn publish_status(&self, write: &StatusWrite) -> Result<Value, Error> {
        let (key, manager, status) = (&write.key, write.manager, &write.status);
        macro_rules! set {
            ($feed:ident, $kind:ty) => {
                self.feeds.$feed.set_status(key, <$kind as Publishable>::owned(manager), status)
            };
        }
        let done = match write.kind.kind {
            "FourHundredNumber" => set!(numbers, FourHundredNumber),
            "CallGateway" => set!(gateways, CallGateway),
            "Tariff" => set!(tariffs, Tariff),
            "NumberPool" => set!(pools, NumberPool),
            "HolidayCalendar" => set!(calendars, HolidayCalendar),
            "Tenant" => set!(tenants, Tenant),
            "Approval" => set!(approvals, Approval),
            "RoutingSchedule" => set!(schedules, RoutingSchedule),
            "RoutingOverride" => set!(overrides, RoutingOverride),
            "CallerList" => set!(caller_lists, CallerList),
            _ => None,
        };
        match done {
            Some(Ok(stored)) => Ok(stored),
            Some(Err(error)) => Err(failed("write the status of", &format!("{} {key}", write.kind.kind), error)),
            None => Ok(Value::Null),
        }
    }

    pub(super) async fn apply_part(&self, part: &PlanPart) -> Result<String, Error> {
        let place = (part.namespace.clone(), part.name.clone());
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(place, part.clone());
        (self.tell)(News::Part(Box::new(Arrival {
            namespace: part.namespace.clone(),
            gateway: part.labels.get(GATEWAY_LABEL).cloned(),
            name: part.name.clone(),
            digest: part.digest,
            text: part.text.clone(),
        })));
        Ok(self.version.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Nobody else writes here: the version is always the one asked for.
    pub(super) async fn delete_part(&self, namespace: &str, name: &str, _version: &str) -> Result<(), Error> {
        let place = (namespace.to_owned(), name.to_owned());
        let gone = self.parts.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        if let Some(part) = gone {
            let gateway = part.labels.get(GATEWAY_LABEL).cloned();
            (self.tell)(News::Gone { namespace: place.0, gateway, name: place.1 });
        }
        Ok(())
    }

    pub(super) async fn read_parts(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, Error> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = parts.values().filter(|part| {
            part.namespace == namespace && labels.iter().all(|(key, value)| part.labels.get(key) == Some(value))
        });
        Ok(wanted.map(|part| part.text.clone()).collect())
    }

    pub(super) async fn create_claim(&self, claim: &NumberClaim) -> Result<ClaimCreation, Error> {
        if self.feeds.claims.get(&Key::cluster(claim.name_any())).is_some() {
            return Ok(ClaimCreation::Exists);
        }
        let mut claim = claim.clone();
        claim.metadata.uid = Some(format!("claim-{}", claim.name_any()));
        claim.metadata.generation = Some(1);
        let created =
            self.feeds.claims.put(claim, self.clock.now()).map_err(|error| failed("create claim", "", error))?;
        Ok(ClaimCreation::Created(Box::new(created)))
    }

    pub(super) async fn read_claim(&self, number: &str) -> Result<Option<NumberClaim>, Error> {
        Ok(self.feeds.claims.get(&Key::cluster(number)))
    }

    pub(super) async fn replace_claim(&self, claim: &NumberClaim) -> Result<NumberClaim, Error> {
        self.feeds
            .claims
            .put(claim.clone(), self.clock.now())
            .map_err(|error| failed("replace claim", &claim.name_any(), error))
    }

    pub(super) async fn delete_claim(&self, claim: &NumberClaim) -> Result<(), Error> {
        self.feeds.claims.remove(&Key::cluster(claim.name_any()));
        Ok(())
    }

    pub(super) async fn number_presence(&self, key: &Key) -> Presence {
        if self.feeds.numbers.get(key).is_some() { Presence::Here } else { Presence::Gone }
    }

    pub(super) async fn tell(&self, notice: &Notice) {
        tracing::info!(kind = notice.kind.kind, object = %notice.key, reason = notice.reason, "{}", notice.sentence);
    }

    /// A part of an earlier run, read from the workers' disk copy: what a number keeps when it cannot be compiled.
    pub fn remember(&self, part: PlanPart) {
        let place = (part.namespace.clone(), part.name.clone());
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(place, part);
    }
}

fn failed(action: &'static str, object: &str, error: DirectoryError) -> Error {
    Error::Sink { action, object: object.to_owned(), class: ErrorClass::Transient, source: Box::new(error) }
}
