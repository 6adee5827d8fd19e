//! SIP over UDP: a listener's sockets, each with a thread. A thread that waits in the system for datagrams costs less a
//! message than a task that is told of them, and many datagrams come and go in one call when there are many.

use std::io;
use std::time::Duration;

use socket2::Socket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counters::Transported;
use super::datagram::{BATCH, DatagramSocket, Wait};
use super::desk::Desk;
use super::listeners::ListenerName;
use super::sip::redirect::Memory;

/// Pauses of a socket that gives errors: the first, and the longest.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(1)];
/// Batches read when a listener closes: what waits then, and not what still comes.
const LAST_BATCHES: usize = 64;

/// Answers what comes to `sockets` until `stop`, and then what has come by then.
pub(super) async fn serve(desk: Desk, sockets: Vec<Socket>, stop: watch::Receiver<bool>) {
    let mut threads = JoinSet::new();
    for socket in sockets {
        let (desk, memory, stop) = (desk.clone(), desk.memory(), stop.clone());
        threads.spawn_blocking(move || Serving { desk, memory }.run(socket, &stop));
    }
    while threads.join_next().await.is_some() {}
}

/// One socket's thread.
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
    fn run(mut self, socket: Socket, stop: &watch::Receiver<bool>) {
        let mut socket = DatagramSocket::new(socket);
        let mut back_off = BackOff::default();
        // Whoever could say stop is gone: so is who asked for the listener.
        while !*stop.borrow() && stop.has_changed().is_ok() {
            match self.exchange(&mut socket, Wait::AMoment) {
                Ok(_) => back_off.end(),
                Err(error) => {
                    let pause = back_off.next();
                    if Some(pause) == BACK_OFF.first().copied() {
                        let ListenerName { gateway, listener, .. } = &self.desk.name;
                        tracing::warn!(gateway, listener, %error, "a SIP listener's socket gives an error");
                    }
                    std::thread::sleep(pause);
                }
            }
        }
        for _ in 0..LAST_BATCHES {
            if self.exchange(&mut socket, Wait::No).is_ok_and(|came| came < BATCH) {
                return;
            }
        }
    }

    fn exchange(&mut self, socket: &mut DatagramSocket, wait: Wait) -> io::Result<usize> {
        let Self { desk, memory } = self;
        socket.exchange(
            wait,
            |received, out| desk.answer(received.source, received.text, memory, out),
            || desk.counters.count(Transported::SendFailed),
        )
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
