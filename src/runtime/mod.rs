//! What every server of this crate shares: shutdown, leader lease, telemetry, HTTP endpoints, the Kubernetes client.
//!
//! Nothing here knows a custom resource or a rule of the trade.

pub mod client;
pub mod clock;
pub mod control_plane;
pub mod dirty;
pub mod http;
pub mod janitor;
pub mod kubernetes;
pub mod launch;
pub mod lease;
pub mod metrics;
pub mod ports;
pub mod secrets;
pub mod sentence;
pub mod shutdown;
pub mod telemetry;
pub mod unpack;
