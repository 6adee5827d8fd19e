//! A closed loop of INVITEs: so many outstanding, each answer at once followed by the next call. One thread; datagrams are
//! read and written many at a time, so that the generator is not what is measured.

use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

use crate::histogram::Histogram;
use crate::world;

/// Datagrams in one system call.
const AT_ONCE: usize = 32;
/// A call without an answer for so long is lost, and made again.
const LOST: Duration = Duration::from_millis(500);

#[derive(Clone, Copy)]
pub struct Load {
    pub outstanding: usize,
    pub sockets: usize,
    pub seconds: u64,
    /// The peer's address.
    pub from: [u8; 4],
}

pub struct Measured {
    pub answered: u64,
    pub lost: u64,
    pub seconds: f64,
    pub rtt: Histogram,
}

/// One call's place: what was asked last, and when.
struct Slot {
    sequence: u64,
    sent: Instant,
}

struct Caller {
    socket: UdpSocket,
    port: u16,
    slots: Vec<Slot>,
    /// Slots whose call has been answered.
    free: Vec<usize>,
}

/// Plays calls to `numbers` numbers in turn.
pub fn run(to: SocketAddr, load: &Load, numbers: u64) -> Measured {
    let each = load.outstanding / load.sockets;
    let mut callers: Vec<Caller> = (0..load.sockets).map(|_| Caller::new(load.from, each)).collect();
    let mut measured = Measured { answered: 0, lost: 0, seconds: 0.0, rtt: Histogram::new() };
    let mut exchange = Exchange::new(to);
    let begun = Instant::now();
    let end = begun + Duration::from_secs(load.seconds);
    let mut sequence = 0_u64;
    let mut swept = begun;
    while Instant::now() < end {
        for caller in &mut callers {
            exchange.send(caller, &mut sequence, numbers);
        }
        wait(&callers);
        for caller in &mut callers {
            exchange.receive(caller, &mut measured);
        }
        if swept.elapsed() > LOST {
            swept = Instant::now();
            for caller in &mut callers {
                caller.sweep(&mut measured);
            }
        }
    }
    measured.seconds = begun.elapsed().as_secs_f64();
    measured
}

fn wait(callers: &[Caller]) {
    let mut polled: Vec<PollFd<'_>> =
        callers.iter().map(|caller| PollFd::new(caller.socket.as_fd(), PollFlags::POLLIN)).collect();
    poll(&mut polled, PollTimeout::from(100_u8)).unwrap();
}

impl Caller {
    fn new(from: [u8; 4], slots: usize) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((from, 0))).unwrap();
        socket.set_nonblocking(true).unwrap();
        let port = socket.local_addr().unwrap().port();
        let slots: Vec<Slot> = (0..slots).map(|_| Slot { sequence: 0, sent: Instant::now() }).collect();
        let free = (0..slots.len()).collect();
        Self { socket, port, slots, free }
    }

    fn sweep(&mut self, measured: &mut Measured) {
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.sent.elapsed() > LOST && !self.free.contains(&index) {
                measured.lost += 1;
                self.free.push(index);
            }
        }
    }
}

struct Exchange {
    to: SockaddrIn,
    out: Vec<Vec<u8>>,
    incoming: Vec<Vec<u8>>,
    sending: MultiHeaders<SockaddrIn>,
    receiving: MultiHeaders<SockaddrIn>,
}

impl Exchange {
    fn new(to: SocketAddr) -> Self {
        let SocketAddr::V4(to) = to else { panic!("{to} is not of IPv4") };
        Self {
            to: SockaddrIn::from(SocketAddrV4::new(*to.ip(), to.port())),
            out: vec![Vec::new(); AT_ONCE],
            incoming: vec![vec![0; 2_048]; AT_ONCE],
            sending: MultiHeaders::preallocate(AT_ONCE, None),
            receiving: MultiHeaders::preallocate(AT_ONCE, None),
        }
    }

    fn send(&mut self, caller: &mut Caller, sequence: &mut u64, numbers: u64) {
        while !caller.free.is_empty() {
            let taken = caller.free.len().min(AT_ONCE);
            let now = Instant::now();
            for out in &mut self.out[..taken] {
                let slot = caller.free.pop().unwrap();
                *sequence += 1;
                caller.slots[slot] = Slot { sequence: *sequence, sent: now };
                world::invite(out, *sequence, numbers, slot, caller.port);
            }
            let slices: Vec<[IoSlice<'_>; 1]> = self.out[..taken].iter().map(|out| [IoSlice::new(out)]).collect();
            let addresses = [Some(self.to); AT_ONCE];
            let none: [ControlMessage<'_>; 0] = [];
            let fd = caller.socket.as_raw_fd();
            let sent = sendmmsg(fd, &mut self.sending, &slices, &addresses[..taken], none, MsgFlags::empty());
            match sent {
                Ok(_) | Err(Errno::EAGAIN | Errno::ECONNREFUSED) => {}
                Err(error) => panic!("sendmmsg: {error}"),
            }
        }
    }

    fn receive(&mut self, caller: &mut Caller, measured: &mut Measured) {
        loop {
            let fd = caller.socket.as_raw_fd();
            let got: Vec<usize> = {
                let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                    self.incoming.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
                let flags = MsgFlags::MSG_DONTWAIT;
                match recvmmsg(fd, &mut self.receiving, slices.iter_mut(), flags, None) {
                    Ok(messages) => messages.map(|message| message.bytes).collect(),
                    Err(Errno::EAGAIN | Errno::ECONNREFUSED) => return,
                    Err(error) => panic!("recvmmsg: {error}"),
                }
            };
            let now = Instant::now();
            for (buffer, length) in self.incoming.iter().zip(&got) {
                let Some((slot, sequence)) = world::call_of(&buffer[..*length]) else { continue };
                let known = &caller.slots[slot];
                if known.sequence == sequence {
                    measured.answered += 1;
                    measured.rtt.add((now - known.sent).as_nanos() as u64);
                    caller.free.push(slot);
                }
            }
            if got.len() < AT_ONCE {
                return;
            }
        }
    }
}
