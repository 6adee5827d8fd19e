//! Ports for a listener that has to be told its port before it opens, and keeps it over restarts: a control plane's, a
//! test's gateway's.
//!
//! A port the system chose (`:0`) is one of those it gives to outgoing connections and to the next socket that asks: as
//! soon as it is let go, anybody may be given it. These lie below that range (Linux: from 32768, most others: from 49152)
//! and above what services register for themselves.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    ops::Range,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

const RANGE: Range<u16> = 20_000..30_000;

/// How many this process was given.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port of the loopback address that nobody holds, neither TCP's nor UDP's, and that no other call in this process was
/// given among the last ten thousand.
///
/// # Errors
///
/// When every one is held: the last answer of the system.
pub fn pick() -> io::Result<u16> {
    let mut last = io::ErrorKind::AddrInUse.into();
    for _ in RANGE {
        let port = candidate(process::id(), GIVEN.fetch_add(1, Ordering::Relaxed));
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).and(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        match free {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Processes beside each other begin far apart, and each goes through the whole range.
fn candidate(process: u32, given: u32) -> u16 {
    let length = u64::from(RANGE.end - RANGE.start);
    // Prime to the range's length, so that neighbours among processes are thousands of ports apart.
    let at = (u64::from(process) * 3_989 + u64::from(given)) % length;
    RANGE.start + u16::try_from(at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_process_goes_through_every_port_of_the_range() {
        let seen: BTreeSet<u16> = (7..10_007).map(|given| candidate(u32::MAX, given)).collect();
        assert!(seen.iter().copied().eq(RANGE));
    }

    #[test]
    fn a_held_port_is_passed_over() {
        let first = pick().unwrap();
        let _held = UdpSocket::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let others: Vec<u16> = (0..20).map(|_| pick().unwrap()).collect();
        assert!(!others.contains(&first), "{first} among {others:?}");
    }
}
