//! Answers on their way out of a UDP socket, many in one system call; those of one size to one peer as one large datagram
//! that the system cuts (`UDP_SEGMENT`), which passes through its layers once and not once an answer.

use std::cmp::Reverse;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use socket2::Socket;

use super::datagram::BATCH;

/// Longer answers go by themselves: the system refuses to cut what would not fit a packet of the way out, and 1,400 bytes fit
/// every way that is no narrower than a tunnel's.
const CUT_AT_MOST: usize = 1_400;

/// Where a datagram was sent to, as the system is told when it is answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum AskedAt {
    /// At the address bound.
    Bound,
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl AskedAt {
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Bound, Self::Bound) => true,
            (Self::V4(one), Self::V4(other)) => one.ipi_spec_dst.s_addr == other.ipi_spec_dst.s_addr,
            (Self::V6(one), Self::V6(other)) => {
                one.ipi6_addr.s6_addr == other.ipi6_addr.s6_addr && one.ipi6_ifindex == other.ipi6_ifindex
            }
            _ => false,
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub text: Vec<u8>,
    pub to: SocketAddr,
    pub from: AskedAt,
}

impl Answer {
    /// Answers beside each other in this order are often alike; those that are not are told apart all the same.
    fn order(&self) -> (u64, Reverse<usize>) {
        let address = match self.to.ip() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // The last half of an address is its interface's, and differs where the first is the same.
            IpAddr::V6(address) => u64::try_from(address.to_bits() & u128::from(u64::MAX >> 16)).unwrap_or(0),
        };
        (address << 16 | u64::from(self.to.port()), Reverse(self.text.len()))
    }

    fn goes_as(&self, other: &Self) -> bool {
        self.to == other.to && self.from.is(other.from)
    }
}

/// What a socket's answers are sent with: made once, and then nothing is allocated.
pub(super) struct Sending {
    one_by_one: Headers,
    cut: Headers,
    /// Until the system says that it cannot.
    cuts: bool,
}

/// A header carries as many ancillary data as it has room for, so that each kind needs its own.
struct Headers {
    bound: MultiHeaders<SockaddrStorage>,
    v4: MultiHeaders<SockaddrStorage>,
    v6: MultiHeaders<SockaddrStorage>,
}

impl Sending {
    pub(super) fn new() -> Self {
        let headers = |count, bound, v4, v6| Headers {
            bound: MultiHeaders::preallocate(count, bound),
            v4: MultiHeaders::preallocate(count, Some(v4)),
            v6: MultiHeaders::preallocate(count, Some(v6)),
        };
        Self {
            one_by_one: headers(BATCH, None, nix::cmsg_space!(in_pktinfo), nix::cmsg_space!(in6_pktinfo)),
            cut: headers(
                1,
                Some(nix::cmsg_space!(u16)),
                nix::cmsg_space!(in_pktinfo, u16),
                nix::cmsg_space!(in6_pktinfo, u16),
            ),
            cuts: true,
        }
    }

    /// Sends them all, [`BATCH`] at most; `failed` is told of each that the system did not take.
    pub(super) fn all(&mut self, socket: &Socket, answers: &[Answer], mut failed: impl FnMut()) {
        let Some(first) = answers.first() else { return };
        let mut ordered = [first; BATCH];
        ordered.iter_mut().zip(answers).for_each(|(place, answer)| *place = answer);
        let mut left: &[&Answer] = match ordered.get_mut(..answers.len()) {
            Some(ordered) => {
                ordered.sort_unstable_by_key(|answer| answer.order());
                ordered
            }
            None => &[],
        };
        while !left.is_empty() {
            let alike = self.alike(left);
            let sent = match left.get(..alike) {
                Some(run) if alike > 1 && self.as_one(socket, run) => alike,
                Some(run) if alike > 1 => self.one_by_one(socket, run),
                _ => self.one_by_one(socket, left.get(..self.unlike(left)).unwrap_or_default()),
            };
            if sent == 0 {
                failed();
            }
            left = left.get(sent.max(1)..).unwrap_or_default();
        }
    }

    #[cfg(test)]
    pub(super) fn cuts(&self) -> bool {
        self.cuts
    }

    /// How many of the first go as one: all of one length, but that the last may be shorter.
    fn alike(&self, answers: &[&Answer]) -> usize {
        let Some((first, others)) = answers.split_first() else { return 0 };
        let length = first.text.len();
        if !self.cuts || length == 0 || length > CUT_AT_MOST {
            return 1;
        }
        let whole = others.iter().take_while(|one| one.text.len() == length && one.goes_as(first)).count();
        let shorter = others.get(whole).is_some_and(|one| (1..length).contains(&one.text.len()) && one.goes_as(first));
        1 + whole + usize::from(shorter)
    }

    /// How many of the first, asked at one address, have no other beside them that they could go with.
    fn unlike(&self, answers: &[&Answer]) -> usize {
        let alone = |index: usize| self.alike(answers.get(index..).unwrap_or_default()) == 1;
        let Some((first, others)) = answers.split_first() else { return 0 };
        1 + others.iter().zip(1..).take_while(|(one, index)| one.from.is(first.from) && alone(*index)).count()
    }

    /// Whether the system took a run of answers that are alike.
    fn as_one(&mut self, socket: &Socket, answers: &[&Answer]) -> bool {
        let Some(first) = answers.first() else { return false };
        let texts = slices(answers);
        let (fd, run) = (socket.as_raw_fd(), texts.get(..answers.len()).unwrap_or_default());
        let (slices, to) = ([run], [Some(SockaddrStorage::from(first.to))]);
        let length = u16::try_from(first.text.len()).unwrap_or(0);
        let (cut, flags) = (ControlMessage::UdpGsoSegments(&length), MsgFlags::empty());
        let Headers { bound, v4, v6 } = &mut self.cut;
        let sent = match &first.from {
            AskedAt::Bound => sendmmsg(fd, bound, &slices, to, [cut], flags),
            AskedAt::V4(at) => sendmmsg(fd, v4, &slices, to, [ControlMessage::Ipv4PacketInfo(at), cut], flags),
            AskedAt::V6(at) => sendmmsg(fd, v6, &slices, to, [ControlMessage::Ipv6PacketInfo(at), cut], flags),
        };
        // The way out cannot cut, or is too narrow for what it should cut into.
        if matches!(sent, Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::EOPNOTSUPP)) {
            self.cuts = false;
        }
        sent.is_ok_and(|sent| sent.count() == 1)
    }

    /// How many of them, all asked at one address, the system took.
    fn one_by_one(&mut self, socket: &Socket, answers: &[&Answer]) -> usize {
        let Some(first) = answers.first() else { return 0 };
        let texts = slices(answers).map(|text| [text]);
        let mut places = answers.iter().map(|answer| SockaddrStorage::from(answer.to));
        let addresses: [Option<SockaddrStorage>; BATCH] = std::array::from_fn(|_| places.next());
        let (fd, slices) = (socket.as_raw_fd(), texts.iter().take(answers.len()));
        let (none, flags) = ([], MsgFlags::empty());
        let Headers { bound, v4, v6 } = &mut self.one_by_one;
        let sent = match &first.from {
            AskedAt::Bound => sendmmsg(fd, bound, slices, addresses, none, flags),
            AskedAt::V4(at) => sendmmsg(fd, v4, slices, addresses, [ControlMessage::Ipv4PacketInfo(at)], flags),
            AskedAt::V6(at) => sendmmsg(fd, v6, slices, addresses, [ControlMessage::Ipv6PacketInfo(at)], flags),
        };
        sent.map_or(0, Iterator::count)
    }
}

fn slices<'a>(answers: &[&'a Answer]) -> [IoSlice<'a>; BATCH] {
    let mut texts = answers.iter().map(|answer| answer.text.as_slice());
    std::array::from_fn(|_| IoSlice::new(texts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::workers::router::datagram;

    fn client() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    /// What each client gets of answers with these lengths.
    fn sent(sending: &mut Sending, clients: &[UdpSocket], lengths: &[(usize, usize)]) -> Vec<Vec<Vec<u8>>> {
        let socket = datagram::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
        let to: Vec<SocketAddr> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        let answer = |(mark, (client, length)): (usize, &(usize, usize))| Answer {
            text: vec![u8::try_from(mark).unwrap(); *length],
            to: to[*client],
            from: AskedAt::Bound,
        };
        let answers: Vec<Answer> = lengths.iter().enumerate().map(answer).collect();
        sending.all(&socket, &answers, || panic!("not sent"));
        let mut buffer = vec![0; 2_048];
        let mut heard = |(index, client): (usize, &UdpSocket)| {
            let count = lengths.iter().filter(|(to, _)| *to == index).count();
            let mut texts: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    let length = client.recv(&mut buffer).unwrap();
                    buffer[..length].to_vec()
                })
                .collect();
            texts.sort_unstable();
            texts
        };
        clients.iter().enumerate().map(&mut heard).collect()
    }

    fn expected(clients: usize, lengths: &[(usize, usize)]) -> Vec<Vec<Vec<u8>>> {
        let of = |client: usize| {
            let marked = lengths.iter().enumerate().filter(move |(_, (to, _))| *to == client);
            let mut texts: Vec<_> =
                marked.map(|(mark, (_, length))| vec![u8::try_from(mark).unwrap(); *length]).collect();
            texts.sort_unstable();
            texts
        };
        (0..clients).map(of).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whoever they are for and however long they are: each comes by itself, whole, and to nobody else.
        #[test]
        fn answers_that_leave_together_come_apart(
            lengths in prop::collection::vec((0_usize..3, prop_oneof![Just(300), Just(301), 1_usize..1_900]), 1..BATCH),
            cuts: bool,
        ) {
            let clients = [client(), client(), client()];
            let mut sending = Sending { cuts, ..Sending::new() };
            prop_assert_eq!(sent(&mut sending, &clients, &lengths), expected(3, &lengths));
            prop_assert_eq!(sending.cuts, cuts, "loopback cuts");
        }
    }

    #[test]
    fn a_run_is_of_one_length_but_for_its_last() {
        let to = "127.0.0.1:5060".parse().unwrap();
        let other = "127.0.0.1:5061".parse().unwrap();
        let answer = |length: usize, to| Answer { text: vec![b'x'; length], to, from: AskedAt::Bound };
        let sending = Sending::new();
        for (lengths, to_other, run) in [
            (&[300, 300, 300][..], 9, 3),
            (&[300, 300, 299, 299], 9, 3),
            (&[300, 299, 300], 9, 2),
            (&[299, 300], 9, 1),
            (&[300, 300, 300], 2, 2),
            (&[1_401, 1_401], 9, 1),
            (&[300, 0], 9, 1),
        ] {
            let of = |(index, length): (usize, &usize)| answer(*length, if index < to_other { to } else { other });
            let answers: Vec<Answer> = lengths.iter().enumerate().map(of).collect();
            assert_eq!(sending.alike(&answers.iter().collect::<Vec<_>>()), run, "{lengths:?}");
        }
    }
}
