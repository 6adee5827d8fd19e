//! A UDP socket that answers from the address at which it was asked: one that is bound to all addresses of a host with
//! several would otherwise answer from whichever the system prefers, and a peer drops what a stranger sends.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::libc::{in_addr, in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What the system keeps while this process is busy: some thousand requests.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// See the module's text.
#[derive(Debug)]
pub(super) struct DatagramSocket {
    socket: UdpSocket,
    /// Where the system writes the address asked at; kept, so that no datagram allocates.
    control: Vec<u8>,
}

/// A datagram in the buffer that was handed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub length: usize,
    pub source: SocketAddr,
    /// Where an answer has to come from.
    pub asked_at: Option<AskedAt>,
}

/// A local address, as the system tells it (`IP_PKTINFO`, RFC 3542 §6).
#[derive(Debug, Clone, Copy)]
pub(super) enum AskedAt {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl DatagramSocket {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // The system grants what its own bound allows; less is no reason not to serve.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        socket.bind(&address.into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, control: nix::cmsg_space!(in_pktinfo, in6_pktinfo) })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// The next datagram, or `WouldBlock`.
    pub(super) fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let Self { socket, control } = self;
        socket.try_io(Interest::READABLE, || {
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::empty())?;
            let source = message.address.as_ref().and_then(socket_address).ok_or(io::ErrorKind::InvalidData)?;
            let asked_at =
                message.cmsgs().ok().and_then(|mut messages| messages.find_map(|message| asked_at(&message)));
            Ok(Received { length: message.bytes, source, asked_at })
        })
    }

    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr, from: Option<AskedAt>) -> io::Result<()> {
        let to = SockaddrStorage::from(to);
        self.socket
            .async_io(Interest::WRITABLE, || {
                let parts = [IoSlice::new(datagram)];
                let descriptor = self.socket.as_raw_fd();
                let sent = match &from {
                    None => sendmsg(descriptor, &parts, &[], MsgFlags::empty(), Some(&to)),
                    Some(AskedAt::V4(info)) => {
                        let from = [ControlMessage::Ipv4PacketInfo(info)];
                        sendmsg(descriptor, &parts, &from, MsgFlags::empty(), Some(&to))
                    }
                    Some(AskedAt::V6(info)) => {
                        let from = [ControlMessage::Ipv6PacketInfo(info)];
                        sendmsg(descriptor, &parts, &from, MsgFlags::empty(), Some(&to))
                    }
                };
                sent.map(drop).map_err(io::Error::from)
            })
            .await
    }
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
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Where the answer to a datagram sent to `asked` comes from, the socket being bound to `bound`.
    async fn answered_from(bound: &str, client: &str, asked: &str) -> SocketAddr {
        let mut socket = DatagramSocket::bind(bound.parse().unwrap()).unwrap();
        let asked = SocketAddr::new(asked.parse().unwrap(), socket.local_addr().unwrap().port());
        let client = UdpSocket::bind(client).await.unwrap();
        client.send_to(b"ask", asked).await.unwrap();
        let mut buffer = [0; 16];
        let received = loop {
            socket.readable().await.unwrap();
            match socket.try_receive(&mut buffer) {
                Ok(received) => break received,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        };
        assert_eq!(&buffer[..received.length], b"ask");
        socket.send(b"answer", received.source, received.asked_at).await.unwrap();
        let heard = timeout(Duration::from_secs(5), client.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(&buffer[..heard.0], b"answer");
        heard.1
    }

    #[tokio::test]
    async fn an_answer_comes_from_the_address_that_was_asked() {
        for (bound, client, asked) in [
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.2"),
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.1"),
            ("127.0.0.3:0", "127.0.0.1:0", "127.0.0.3"),
        ] {
            assert_eq!(answered_from(bound, client, asked).await.ip().to_string(), asked);
        }
    }

    #[tokio::test]
    async fn a_socket_for_both_families_does_so_for_either() {
        if UdpSocket::bind("[::]:0").await.is_err() {
            return; // This machine has no IPv6.
        }
        for (client, asked) in [("127.0.0.1:0", "127.0.0.2"), ("[::1]:0", "::1")] {
            assert_eq!(answered_from("[::]:0", client, asked).await.ip().to_canonical().to_string(), asked);
        }
    }
}
