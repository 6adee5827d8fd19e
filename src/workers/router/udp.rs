//! SIP over UDP: a listener's socket and its task. An answer leaves by the socket and address that received.

use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::counters::Transported;
use super::datagram::DatagramSocket;
use super::desk::Desk;
use super::listeners::ListenerName;
use super::sip::redirect::Memory;

/// The largest UDP payload.
const DATAGRAM_AT_MOST: usize = 65_535;
/// Datagrams handled before other tasks get their turn.
const BATCH: usize = 64;
/// Pauses of a socket that gives errors: the first, and the longest.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(1)];

/// Answers what comes to `socket` until `stop`, and then what has come by then.
pub(super) async fn serve(desk: Desk, socket: DatagramSocket, stop: watch::Receiver<bool>) {
    let memory = desk.memory();
    Serving { desk, memory }.run(socket, stop).await;
}

/// One socket's task.
struct Serving {
    desk: Desk,
    memory: Memory,
}

/// How long to leave a socket alone that gives one error after the other: twice as long each time, so that a broken one
/// costs nothing and one that recovers is served at once.
#[derive(Debug, Default)]
struct BackOff(Option<Duration>);

impl BackOff {
    fn next(&mut self) -> Duration {
        let [first, longest] = BACK_OFF;
        let pause = self.0.map_or(first, |last| (last * 2).min(longest));
        *self.0.insert(pause)
    }

    fn end(&mut self) {
        self.0 = None;
    }
}

impl Serving {
    async fn run(mut self, mut socket: DatagramSocket, mut stop: watch::Receiver<bool>) {
        let mut datagram = vec![0_u8; DATAGRAM_AT_MOST];
        let mut out = Vec::with_capacity(4 * 1024);
        let mut back_off = BackOff::default();
        loop {
            let readable = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                readable = socket.readable() => Some(readable),
            };
            let read = self.read_some(&mut socket, &mut datagram, &mut out).await;
            match (readable, read) {
                (None, _) => return,
                (Some(Ok(())), Ok(())) => {
                    back_off.end();
                    tokio::task::yield_now().await;
                }
                (Some(Err(error)), _) | (_, Err(error)) => {
                    let pause = back_off.next();
                    if Some(pause) == BACK_OFF.first().copied() {
                        let ListenerName { gateway, listener, .. } = &self.desk.name;
                        tracing::warn!(gateway, listener, %error, "a SIP listener's socket gives an error");
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Answers what has come in, up to a batch; the error of a socket that cannot be read.
    async fn read_some(
        &mut self,
        socket: &mut DatagramSocket,
        datagram: &mut [u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        for _ in 0..BATCH {
            let received = match socket.try_receive(datagram) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let text = datagram.get(..received.length).unwrap_or_default();
            if let Some(to) = self.desk.answer(received.source, text, &mut self.memory, out)
                && socket.send(out, to, received.asked_at).await.is_err()
            {
                self.desk.counters.count(Transported::SendFailed);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_stays_broken_is_asked_less_and_less_often() {
        let mut back_off = BackOff::default();
        let pauses: Vec<u128> = (0..12).map(|_| back_off.next().as_millis()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
        back_off.end();
        assert_eq!(back_off.next().as_millis(), 1);
    }
}
