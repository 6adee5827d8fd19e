//! The metrics of the control loops. Labels are closed sets: never a number, tenant, namespace or object name.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A custom resource kind or `Plan`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabel {
    pub kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconcileLabel {
    pub kind: &'static str,
    pub result: Outcome,
}

/// How a reconcile ended, or by which class it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    Ok,
    Transient,
    Conflict,
    Invalid,
    Dependency,
    Forbidden,
    TimedOut,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WriteLabel {
    /// `status`, `usage`, `clock`, `plan`, `claim` or `event`.
    pub what: &'static str,
    /// `sent`, `unchanged`, `held-back` or `failed`.
    pub outcome: &'static str,
}

/// What the operator counts.
#[derive(Debug, Clone)]
pub struct ControllerMetrics {
    pub reconciles: Family<ReconcileLabel, Counter>,
    pub reconcile_seconds: Family<KindLabel, Histogram>,
    pub writes: Family<WriteLabel, Counter>,
    pub watch_restarts: Family<KindLabel, Counter>,
    pub leader: Gauge,
}

impl ControllerMetrics {
    /// Made and registered under the prefix `fourhundred_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(|| {
                Histogram::new([0.000_1, 0.000_5, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 30.0])
            }),
            writes: Family::default(),
            watch_restarts: Family::default(),
            leader: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("fourhundred");
        registry.register("reconciles", "Reconciles by kind and how they ended", metrics.reconciles.clone());
        registry.register("reconcile_duration_seconds", "Time of one reconcile", metrics.reconcile_seconds.clone());
        registry.register("api_writes", "Writes to the API server, by what and outcome", metrics.writes.clone());
        registry.register("watch_restarts", "Watches that broke and were opened anew", metrics.watch_restarts.clone());
        registry.register("leader", "1 where this process holds the lease", metrics.leader.clone());
        metrics
    }

    /// Counts one write.
    pub fn wrote(&self, what: &'static str, outcome: &'static str) {
        self.writes.get_or_create(&WriteLabel { what, outcome }).inc();
    }
}
