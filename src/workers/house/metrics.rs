//! The router's and the plan's counters as metrics: read from their atomics when somebody asks, never on a call's way.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::House;

/// See the module's text.
pub struct HouseCollector(Arc<House>);

impl HouseCollector {
    pub fn new(house: Arc<House>) -> Self {
        Self(house)
    }
}

impl fmt::Debug for HouseCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HouseCollector")
    }
}

impl Collector for HouseCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let house = &self.0;
        let sip = house.router_counters.sip();
        labelled(&mut encoder, "fourhundred_sip_messages", "SIP messages by what became of them", "outcome", sip)?;
        let connections = &house.router_counters.connections;
        let ends = connections.ends();
        let help = "Connections of TCP and TLS listeners by how they ended";
        labelled(&mut encoder, "fourhundred_sip_connections_ended", help, "end", ends)?;
        let standing = i64::try_from(connections.standing()).unwrap_or(i64::MAX);
        gauge(
            &mut encoder,
            "fourhundred_sip_connections",
            "Connections of TCP and TLS listeners that stand",
            standing,
        )?;
        let decisions = house.router_counters.http().into_iter();
        labelled(&mut encoder, "fourhundred_route_decisions", "Decisions over HTTP by outcome", "outcome", decisions)?;
        let counters = &house.store.counters;
        let parts = [
            ("accepted", counters.accepted.get()),
            ("unchanged", counters.unchanged.get()),
            ("refused", counters.refused.get()),
            ("kept-last-good", counters.kept_last_good.get()),
            ("disk-failed", counters.disk_failed.get()),
        ];
        labelled(
            &mut encoder,
            "fourhundred_plan_parts",
            "Plan parts by what became of them",
            "outcome",
            parts.into_iter(),
        )?;
        let numbers = i64::try_from(house.store.snapshot().numbers()).unwrap_or(i64::MAX);
        gauge(&mut encoder, "fourhundred_plan_numbers", "Numbers that this process answers for", numbers)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    counts: impl Iterator<Item = (&'static str, u64)>,
) -> Result<(), fmt::Error> {
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (value, count) in counts {
        ConstCounter::new(count).encode(metric.encode_family(&[(label, value)])?)?;
    }
    Ok(())
}
