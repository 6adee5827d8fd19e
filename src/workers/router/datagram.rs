//! A UDP socket that is read and written many datagrams at a time, and answers from the address at which it was asked: one
//! that is bound to all addresses of a host with several would otherwise answer from whichever the system prefers, and
//! a peer drops what a stranger sends.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_pktinfo};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::sending::{Answer, AskedAt, Sending};

/// Datagrams read, and answers written, in one system call.
pub(super) const BATCH: usize = 32;
/// What a datagram is read into: the largest UDP payload, and some more, so that no two begin at the same place of the
/// processor's caches, which have few rows for all that lies 64 KiB apart.
const ROOM: usize = 65_536 + 13 * 64;
/// What the system keeps while this process is busy: some thousand requests.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// Ports of the system's choice that are tried.
const SYSTEMS_CHOICES: u32 = 4;
/// How soon a thread that waits for datagrams looks up.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Sockets of one port. They share what comes to it, each peer's always at the same one.
pub(super) fn bind(address: SocketAddr, sockets: usize) -> io::Result<Vec<Socket>> {
    let mut attempts = if address.port() == 0 { SYSTEMS_CHOICES } else { 1 };
    loop {
        attempts -= 1;
        // Bound alone first: a port that is shared could be taken beside whoever else shares it, who would lose calls to us.
        let alone = open(address, Sharing::Alone)?;
        if sockets <= 1 {
            return Ok(vec![alone]);
        }
        let at = local_addr(&alone)?;
        drop(alone);
        // In between somebody else may have been given the port that the system chose.
        let shared: io::Result<Vec<Socket>> = (0..sockets).map(|_| open(at, Sharing::Port)).collect();
        if shared.is_ok() || attempts == 0 {
            return shared;
        }
    }
}

/// The address that a socket is bound to.
pub(super) fn local_addr(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    /// `SO_REUSEPORT`
    Port,
}

fn open(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The system grants what its own bound allows; less is no reason not to serve.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_read_timeout(Some(LOOK_UP))?;
    socket.set_reuse_port(sharing == Sharing::Port)?;
    if !address.ip().is_unspecified() {
        // It can only be asked at its own address, and answers from there without being told.
    } else if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A datagram that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received<'a> {
    pub text: &'a [u8],
    pub source: SocketAddr,
}

/// One socket, and the buffers that it is read and written with: made once, and then nothing is allocated. Of one thread.
pub(super) struct DatagramSocket {
    socket: Socket,
    incoming: Vec<u8>,
    receiving: MultiHeaders<SockaddrStorage>,
    answers: Vec<Answer>,
    sending: Sending,
}

impl DatagramSocket {
    pub(super) fn new(socket: Socket) -> Self {
        let answer = Answer {
            text: Vec::with_capacity(2 * 1024),
            to: SocketAddr::from(([0, 0, 0, 0], 0)),
            from: AskedAt::Bound,
        };
        Self {
            socket,
            incoming: vec![0; BATCH * ROOM],
            receiving: MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(in_pktinfo, in6_pktinfo))),
            answers: vec![answer; BATCH],
            sending: Sending::new(),
        }
    }

    /// Waits for datagrams, a moment at most, and answers those that are there: `answer` gives the address that the text
    /// it wrote goes to. Tells how many came, and calls `failed` for each answer that the system did not take.
    pub(super) fn exchange(
        &mut self,
        wait: Wait,
        mut answer: impl FnMut(Received<'_>, &mut Vec<u8>) -> Option<SocketAddr>,
        failed: impl FnMut(),
    ) -> io::Result<usize> {
        let Self { socket, incoming, receiving, answers, sending } = self;
        let mut came = [None; BATCH];
        let count = receive(socket, incoming, receiving, &mut came, wait)?;
        let mut answered = 0;
        for (buffer, arrival) in incoming.chunks_exact(ROOM).zip(came.iter().take(count)) {
            let (Some(arrival), Some(place)) = (arrival, answers.get_mut(answered)) else { continue };
            let text = buffer.get(..arrival.length).unwrap_or_default();
            if let Some(to) = answer(Received { text, source: arrival.source }, &mut place.text) {
                (place.to, place.from) = (to, arrival.asked_at);
                answered += 1;
            }
        }
        sending.all(socket, answers.get(..answered).unwrap_or_default(), failed);
        Ok(count)
    }
}

/// Whether a socket without datagrams is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    AMoment,
    No,
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    length: usize,
    source: SocketAddr,
    asked_at: AskedAt,
}

fn receive(
    socket: &Socket,
    incoming: &mut [u8],
    receiving: &mut MultiHeaders<SockaddrStorage>,
    came: &mut [Option<Arrival>; BATCH],
    wait: Wait,
) -> io::Result<usize> {
    let flags = if wait == Wait::No { MsgFlags::MSG_DONTWAIT } else { MsgFlags::MSG_WAITFORONE };
    let mut rooms = incoming.chunks_exact_mut(ROOM);
    let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
        std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or(&mut [][..]))]);
    let messages = match recvmmsg(socket.as_raw_fd(), receiving, slices.iter_mut(), flags, None) {
        Ok(messages) => messages,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let mut count = 0;
    for (message, arrival) in messages.zip(came.iter_mut()) {
        count += 1;
        let asked_at = message.cmsgs().ok().and_then(|mut messages| messages.find_map(|message| asked_at(&message)));
        *arrival = message.address.as_ref().and_then(socket_address).map(|source| Arrival {
            length: message.bytes,
            source,
            asked_at: asked_at.unwrap_or(AskedAt::Bound),
        });
    }
    Ok(count)
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}

/// The interface is left to the system, which knows the way back; a link-local address means nothing without it.
fn asked_at(message: &ControlMessageOwned) -> Option<AskedAt> {
    match message {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(AskedAt::V4(in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: info.ipi_spec_dst,
            ipi_addr: in_addr { s_addr: 0 },
        })),
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
            let unicast = !address.is_multicast();
            unicast.then_some(AskedAt::V6(in6_pktinfo { ipi6_addr: info.ipi6_addr, ipi6_ifindex: interface }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn client(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    /// Answers `expected` datagrams with their own text in capitals.
    fn echo(socket: &mut DatagramSocket, expected: usize) {
        let mut seen = 0;
        while seen < expected {
            let answer = |received: Received<'_>, out: &mut Vec<u8>| {
                out.clear();
                out.extend(received.text.to_ascii_uppercase());
                Some(received.source)
            };
            seen += socket.exchange(Wait::AMoment, answer, || panic!("not sent")).unwrap();
        }
    }

    /// Where the answer to a datagram sent to `asked` comes from, the socket being bound to `bound`.
    fn answered_from(bound: &str, client_at: &str, asked: &str) -> SocketAddr {
        let socket = bind(bound.parse().unwrap(), 1).unwrap().remove(0);
        let asked = SocketAddr::new(asked.parse().unwrap(), local_addr(&socket).unwrap().port());
        let client = client(client_at);
        client.send_to(b"ask", asked).unwrap();
        echo(&mut DatagramSocket::new(socket), 1);
        let mut buffer = [0; 16];
        let heard = client.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..heard.0], b"ASK");
        heard.1
    }

    #[test]
    fn an_answer_comes_from_the_address_that_was_asked() {
        for (bound, client, asked) in [
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2"),
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.1"),
            ("127.0.0.3:0", "127.0.0.1:0", "127.0.0.3"),
        ] {
            assert_eq!(answered_from(bound, client, asked).ip().to_string(), asked);
        }
    }

    #[test]
    fn a_socket_for_both_families_does_so_for_either() {
        if UdpSocket::bind("[::]:0").is_err() {
            return; // This machine has no IPv6.
        }
        for (client, asked) in [("127.0.0.1:0", "127.0.0.2"), ("[::1]:0", "::1")] {
            assert_eq!(answered_from("[::]:0", client, asked).ip().to_canonical().to_string(), asked);
        }
    }

    #[test]
    fn many_are_answered_at_once_each_from_where_it_was_asked() {
        let socket = bind("0.0.0.0:0".parse().unwrap(), 1).unwrap().remove(0);
        let port = local_addr(&socket).unwrap().port();
        let clients: Vec<UdpSocket> = (0..70).map(|_| client("127.0.0.1:0")).collect();
        for (index, client) in clients.iter().enumerate() {
            let asked = SocketAddr::from(([127, 0, 0, u8::try_from(1 + index / 3 % 3).unwrap()], port));
            client.connect(asked).unwrap();
            client.send(format!("ask {index}").as_bytes()).unwrap();
        }
        echo(&mut DatagramSocket::new(socket), clients.len());
        let mut buffer = [0; 16];
        for (index, client) in clients.iter().enumerate() {
            // A connected socket takes nothing that comes from elsewhere.
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], format!("ASK {index}").as_bytes());
        }
    }

    #[test]
    fn what_one_peer_asked_at_one_address_is_answered_from_there_also_when_answers_leave_together() {
        for (bound, client_at, asked) in [
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2"),
            ("[::]:0", "[::1]:0", "::1"),
            ("[::]:0", "127.0.0.1:0", "127.0.0.2"),
        ] {
            if UdpSocket::bind(client_at).is_err() {
                continue; // This machine has no IPv6.
            }
            let socket = bind(bound.parse().unwrap(), 1).unwrap().remove(0);
            let client = client(client_at);
            let asked = SocketAddr::new(asked.parse().unwrap(), local_addr(&socket).unwrap().port());
            client.connect(asked).unwrap();
            // All there before the first is read: they are one batch, and all but one of one length.
            let texts: Vec<String> =
                (0..BATCH).map(|mark| format!("ask {mark:02}{}", if mark == 7 { "!" } else { "" })).collect();
            for text in &texts {
                client.send(text.as_bytes()).unwrap();
            }
            let mut socket = DatagramSocket::new(socket);
            echo(&mut socket, BATCH);
            assert!(socket.sending.cuts(), "{bound}: the system took them as one");
            let mut buffer = [0; 64];
            // A connected socket takes nothing that comes from elsewhere.
            let mut heard: Vec<String> = (0..BATCH)
                .map(|_| {
                    let length = client.recv(&mut buffer).unwrap();
                    String::from_utf8(buffer[..length].to_vec()).unwrap()
                })
                .collect();
            heard.sort_unstable();
            let mut expected: Vec<String> = texts.iter().map(|text| text.to_ascii_uppercase()).collect();
            expected.sort_unstable();
            assert_eq!(heard, expected, "{bound}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_sent_holds_no_other_back() {
        let socket = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
        let address = local_addr(&socket).unwrap();
        let clients: Vec<UdpSocket> = (0..3).map(|_| client("127.0.0.1:0")).collect();
        for client in &clients {
            client.send_to(b"ask", address).unwrap();
        }
        let mut socket = DatagramSocket::new(socket);
        let (mut failed, mut turn) = (0, 0);
        let answer = |received: Received<'_>, out: &mut Vec<u8>| {
            turn += 1;
            // The second is too long for any datagram.
            *out = vec![b'x'; if turn == 2 { 70_000 } else { 10 }];
            Some(received.source)
        };
        assert_eq!(socket.exchange(Wait::No, answer, || failed += 1).unwrap(), 3);
        assert_eq!(failed, 1);
        let mut buffer = [0; 16];
        assert_eq!((clients[0].recv(&mut buffer).unwrap(), clients[2].recv(&mut buffer).unwrap()), (10, 10));
    }

    #[test]
    fn a_port_is_shared_among_ourselves_and_with_nobody_else() {
        let sockets = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = local_addr(&sockets[0]).unwrap();
        assert!(sockets.iter().all(|socket| local_addr(socket).unwrap() == address));
        assert!(bind(address, 3).is_err(), "nor with another process of ours");
    }
}
