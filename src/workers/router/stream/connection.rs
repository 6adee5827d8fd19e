//! One connection: messages in, answers out in their order, until the peer ends it, breaks it, or says too little for too
//! long.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::Shared;
use super::framing::{Frame, Framer, is_blank};
use crate::workers::router::counters::ConnectionEnd;
use crate::workers::router::sip::redirect::{Breach, Handled};
use crate::workers::router::sip::scan::Unanswerable;

/// A connection on which nothing comes for so long is closed. Peers that want theirs kept ping at least every two minutes
/// (RFC 5626 §4.4.1).
const IDLE: Duration = Duration::from_mins(3);
/// From the first byte of a message to its last.
const WHOLE_MESSAGE: Duration = Duration::from_secs(10);
/// For a peer to take the answers to what it asked.
const TAKE_ANSWERS: Duration = Duration::from_secs(10);
/// Read at once.
const CHUNK: usize = 4 * 1024;
/// Answers written at once.
const ANSWERS: usize = 32 * 1024;

/// See the module's text.
pub(super) struct Connection<S> {
    stream: S,
    source: SocketAddr,
    shared: Shared,
    incoming: Vec<u8>,
    /// One answer.
    answer: Vec<u8>,
    /// Answers not written yet.
    outgoing: Vec<u8>,
    framer: Framer,
    /// When the message began that is not whole yet.
    began: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S, source: SocketAddr, shared: Shared) -> Self {
        Self {
            stream,
            source,
            shared,
            incoming: Vec::new(),
            answer: Vec::new(),
            outgoing: Vec::new(),
            framer: Framer::default(),
            began: None,
        }
    }

    /// Serves the connection to its end, and says why it ended.
    pub(super) async fn serve(mut self, mut stop: watch::Receiver<bool>) -> ConnectionEnd {
        let end = self.converse(&mut stop).await;
        // What the peer does not take in time it does not get.
        let _ = timeout(TAKE_ANSWERS, self.stream.shutdown()).await;
        end
    }

    async fn converse(&mut self, stop: &mut watch::Receiver<bool>) -> ConnectionEnd {
        loop {
            let now = Instant::now();
            let deadline = if is_blank(&self.incoming) {
                self.began = None;
                now + IDLE
            } else {
                *self.began.get_or_insert(now) + WHOLE_MESSAGE
            };
            let read = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return ConnectionEnd::Stopped,
                read = timeout_at(deadline, read_some(&mut self.stream, &mut self.incoming)) => read,
            };
            match read {
                Err(_) if is_blank(&self.incoming) => return ConnectionEnd::Idle,
                Err(_) => return ConnectionEnd::Slow,
                Ok(Ok(0) | Err(_)) => return ConnectionEnd::Closed,
                Ok(Ok(_)) => {}
            }
            if let Some(end) = self.handle_all().await {
                return end;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Answers every whole message that has come.
    async fn handle_all(&mut self) -> Option<ConnectionEnd> {
        let mut incoming = std::mem::take(&mut self.incoming);
        let mut taken = 0;
        let end = loop {
            let rest = incoming.get(taken..).unwrap_or_default();
            let end = match self.framer.next(rest) {
                Frame::Partial => break None,
                Frame::Blank { length, is_ping } => {
                    taken += length;
                    if is_ping {
                        self.outgoing.extend_from_slice(b"\r\n");
                        self.shared.desk.count(Handled::Silent(Unanswerable::KeepAlive));
                    }
                    None
                }
                Frame::Message { length } => {
                    let message = rest.get(..length).unwrap_or_default();
                    taken += length;
                    self.began = None;
                    self.handle(message, None)
                }
                Frame::Broken { length, breach } => {
                    let message = rest.get(..length).unwrap_or_default();
                    self.handle(message, Some(breach)).or(Some(ConnectionEnd::Broken))
                }
            };
            if end.is_some() || self.outgoing.len() >= ANSWERS {
                match self.write().await {
                    Some(failed) => break Some(failed),
                    None if end.is_some() => break end,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        incoming.drain(..taken.min(incoming.len()));
        if incoming.is_empty() && incoming.capacity() > 4 * CHUNK {
            // A connection that once brought a large message does not keep its room.
            incoming = Vec::new();
        }
        self.incoming = incoming;
        if end.is_some() {
            return end;
        }
        self.write().await
    }

    /// Puts the answer to a message, if there is one, behind those not written yet; why the connection ends with it.
    fn handle(&mut self, message: &[u8], breach: Option<Breach>) -> Option<ConnectionEnd> {
        let Some(reply) = self.shared.reply(self.source, message, breach, &mut self.answer) else {
            return Some(ConnectionEnd::PeerNotAdmitted);
        };
        if reply.to.is_some() {
            self.outgoing.extend_from_slice(&self.answer);
        }
        None
    }

    /// Hands over what has been answered; why the connection ends if the peer does not take it.
    async fn write(&mut self) -> Option<ConnectionEnd> {
        if self.outgoing.is_empty() {
            return None;
        }
        let outgoing = std::mem::take(&mut self.outgoing);
        let written = timeout(TAKE_ANSWERS, async {
            self.stream.write_all(&outgoing).await?;
            self.stream.flush().await
        });
        let end = match written.await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(ConnectionEnd::Closed),
            Err(_) => Some(ConnectionEnd::Slow),
        };
        self.outgoing = outgoing;
        self.outgoing.clear();
        self.outgoing.shrink_to(2 * ANSWERS);
        end
    }
}

/// Reads what there is, a chunk at most, behind what `incoming` holds.
async fn read_some(stream: &mut (impl AsyncRead + Unpin), incoming: &mut Vec<u8>) -> std::io::Result<usize> {
    incoming.reserve(CHUNK);
    (&mut *stream).take(CHUNK as u64).read_buf(incoming).await
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::duplex;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::routing::document::{Part, Protocol};
    use crate::domain::routing::worlds;
    use crate::runtime::clock::Clock;
    use crate::workers::plan::PlanStore;
    use crate::workers::router::desk::Desk;
    use crate::workers::router::listeners::{Answering, ListenerName, SipOptions};

    fn shared() -> Shared {
        let store = PlanStore::new("e1".into());
        let head = serde_json::to_string(&Part::Head(worlds::head())).unwrap();
        store.offer("plan-head", Digest::of(head.as_bytes()), &head);
        let name = ListenerName {
            gateway: "telephony/east".into(),
            listener: "sip-udp".into(),
            port: 0,
            protocol: Protocol::Tcp,
        };
        let options = SipOptions { bind: [127, 0, 0, 1].into(), answering: Answering::default(), clock: Clock::SYSTEM };
        let desk = Desk::new(name, Arc::new(store), Arc::default(), options);
        Shared { memory: Arc::new(Mutex::new(desk.memory())), desk: Arc::new(desk) }
    }

    /// What a peer that writes `said`, and then nothing, has to wait, and how its connection ends.
    async fn end_of(said: &[&str]) -> (ConnectionEnd, Duration) {
        let (mut peer, ours) = duplex(1_024);
        let (_stop, stopped) = watch::channel(false);
        let begun = Instant::now();
        let served = tokio::spawn(Connection::new(ours, "127.0.0.1:5070".parse().unwrap(), shared()).serve(stopped));
        for piece in said {
            peer.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let end = served.await.unwrap();
        (end, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_for_too_long_is_hung_up_on() {
        let second = Duration::from_secs(1);
        assert_eq!(end_of(&[]).await, (ConnectionEnd::Idle, IDLE));
        assert_eq!(end_of(&["\r\n\r\n"]).await, (ConnectionEnd::Idle, IDLE));
        // From its first byte, however often another one comes.
        assert_eq!(end_of(&["OPT", "I", "O", "N", "S"]).await, (ConnectionEnd::Slow, WHOLE_MESSAGE));
        let whole = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(end_of(&[whole, whole]).await, (ConnectionEnd::Idle, IDLE + second));
        assert_eq!(end_of(&[whole, "O"]).await, (ConnectionEnd::Slow, WHOLE_MESSAGE + second));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answers_is_hung_up_on_and_costs_no_more_than_its_bound() {
        let (mut peer, ours) = duplex(1_024);
        let (_stop, stopped) = watch::channel(false);
        let served = tokio::spawn(Connection::new(ours, "127.0.0.1:5070".parse().unwrap(), shared()).serve(stopped));
        let options = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                       To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        let mut written = 0_usize;
        while timeout(Duration::from_secs(5), peer.write_all(options.as_bytes())).await.is_ok_and(|done| done.is_ok()) {
            written += options.len();
            assert!(written < 4 * ANSWERS, "the connection reads on though nobody takes its answers");
        }
        assert_eq!(served.await.unwrap(), ConnectionEnd::Slow);
    }
}
