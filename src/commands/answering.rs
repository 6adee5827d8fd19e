//! How calls are answered, for every command that runs a router.

use std::num::{NonZeroU32, NonZeroUsize};

use clap::Args;

use crate::workers::router::listeners::Answering;
use crate::workers::router::sip::redirect::DecisionParameter;

/// The flags of it.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct AnsweringFlags {
    /// New calls a second of one SIP peer on one listener; more get 503 with Retry-After, so that other peers are
    /// served, and of a peer that brings four times as many messages over UDP the rest is dropped. 0 sets no bound
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub calls_per_second_and_peer: u32,
    /// Sockets, each with a thread, of a UDP listener; one for each processor when absent, eight at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub sip_sockets: Option<u8>,
    /// Add to each contact a URI parameter `decision` (plan digest and rule), which a call record may echo
    #[arg(long)]
    pub decision_parameter: bool,
}

impl From<AnsweringFlags> for Answering {
    fn from(flags: AnsweringFlags) -> Self {
        let AnsweringFlags { calls_per_second_and_peer, sip_sockets, decision_parameter } = flags;
        Self {
            decision_parameter: if decision_parameter { DecisionParameter::Present } else { DecisionParameter::Absent },
            calls_per_second_and_peer: NonZeroU32::new(calls_per_second_and_peer),
            sockets: sip_sockets.and_then(|sockets| NonZeroUsize::new(sockets.into())),
        }
    }
}
