//! SIP over TCP and TLS (RFC 3261 §18): a listener's socket, its connections, and their bounds.
//!
//! Answers leave on the connection that asked. A peer outside `peers` is hung up on without a word; so is one that has
//! its share of connections, for to answer would cost more than it is owed.

mod connection;
mod framing;
mod seats;

#[cfg(any(test, fuzzing))]
pub(crate) use self::framing::cut;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use self::connection::Connection;
use self::seats::{Seat, Seats};
use super::certificates::Certificate;
use super::counters::ConnectionEnd;
use super::desk::Desk;
use super::sip::redirect::{Breach, Memory, Reply};

/// The largest message, header and body; as much as a datagram may hold.
pub(super) const MESSAGE_AT_MOST: usize = 65_535;
/// Connections that wait while this process is busy.
const BACKLOG: i32 = 1_024;
/// For a peer to finish its part of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For all connections together to end, once they are asked to.
const ENDING: Duration = Duration::from_secs(2);
/// After an error of the listening socket (out of descriptors, most likely).
const PAUSE: Duration = Duration::from_millis(100);

/// Opens a listening socket. A restart takes its port over from connections that still end.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The desk, and one memory: a peer's calls count together, however many connections bring them, and a repetition on
/// another connection is still one.
#[derive(Debug, Clone)]
struct Shared {
    desk: Arc<Desk>,
    memory: Arc<Mutex<Memory>>,
}

impl Shared {
    /// See [`Desk::reply`].
    fn reply(&self, source: SocketAddr, message: &[u8], breach: Option<Breach>, out: &mut Vec<u8>) -> Option<Reply> {
        // No await while it is held, and a decision is quick: connections hardly wait for each other.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        self.desk.reply(source, message, breach, &mut memory, out)
    }
}

/// Serves `listener` until `stop`; connections then answer what they have read, and close. `certificate` makes it TLS.
pub(super) async fn serve(
    desk: Desk,
    listener: TcpListener,
    certificate: Option<Certificate>,
    mut stop: watch::Receiver<bool>,
) {
    let memory = Arc::new(Mutex::new(desk.memory()));
    let shared = Shared { desk: Arc::new(desk), memory };
    let seats = Seats::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, source)) => {
                if let Some(seat) = seat(&shared, &seats, source) {
                    let served = connect(stream, source, shared.clone(), certificate.clone(), stop.clone());
                    connections.spawn(occupy(seat, shared.clone(), served));
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    drop(listener);
    // A peer that takes nothing any more must not hold up the end.
    let _ = timeout(ENDING, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

/// A place for a connection that may have one.
fn seat(shared: &Shared, seats: &Seats, source: SocketAddr) -> Option<Seat> {
    let connections = &shared.desk.counters.connections;
    if !shared.desk.admits(source) {
        connections.ended(ConnectionEnd::PeerNotAdmitted);
        return None;
    }
    let seat = seats.take(source.ip().to_canonical());
    if seat.is_none() {
        connections.ended(ConnectionEnd::TooMany);
    }
    seat
}

async fn occupy(seat: Seat, shared: Shared, served: impl Future<Output = ConnectionEnd>) {
    let connections = &shared.desk.counters.connections;
    let open = connections.open();
    let end = served.await;
    drop((open, seat));
    connections.ended(end);
}

async fn connect(
    stream: TcpStream,
    source: SocketAddr,
    shared: Shared,
    certificate: Option<Certificate>,
    mut stop: watch::Receiver<bool>,
) -> ConnectionEnd {
    // Answers are whole messages: there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    let Some(certificate) = certificate else { return Connection::new(stream, source, shared).serve(stop).await };
    // The certificate in force now; connections that stand keep theirs.
    let handshake = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return ConnectionEnd::Stopped,
        handshake = timeout(HANDSHAKE, TlsAcceptor::from(certificate.config()).accept(stream)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) => Connection::new(stream, source, shared).serve(stop).await,
        Ok(Err(_)) | Err(_) => ConnectionEnd::HandshakeFailed,
    }
}
