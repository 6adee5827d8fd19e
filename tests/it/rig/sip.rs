//! A switch's end of SIP over UDP: calls asked about one at a time, answers taken apart.

use std::{net::SocketAddr, time::Duration};

use tokio::net::UdpSocket;

/// T1 of RFC 3261 §17.1.1.1.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(500);
/// Retransmissions before a call counts as not answered.
const SENDS: u32 = 4;

pub struct Phone {
    socket: UdpSocket,
    calls: u64,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    pub text: String,
}

impl Answer {
    fn parse(datagram: &[u8]) -> Self {
        let text = String::from_utf8_lossy(datagram).into_owned();
        let code = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { code, text }
    }

    /// The user part of each contact, in order.
    pub fn contacts(&self) -> Vec<&str> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix("Contact: <sip:"));
        lines.map(|line| line.split('@').next().unwrap_or_default()).collect()
    }
}

impl Phone {
    pub async fn calling(router: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(router).await.unwrap();
        Self { socket, calls: 0 }
    }

    /// An INVITE of this phone's; the same call id gives the same bytes.
    pub fn invite(&self, to: &str, from: &str, call_id: &str) -> String {
        let here = self.socket.local_addr().unwrap();
        format!(
            "INVITE sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@127.0.0.1>;tag=t{call_id}\r\nTo: <sip:{to}@127.0.0.1>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:{from}@{here}>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// Asks about a new call, sending again as RFC 3261 says; `None` when nobody answers.
    pub async fn call(&mut self, to: &str, from: &str) -> Option<Answer> {
        self.calls += 1;
        let call_id = format!("{}-{}", self.socket.local_addr().unwrap().port(), self.calls);
        let request = self.invite(to, from, &call_id);
        for _ in 0..SENDS {
            if let Some(answer) = self.ask(request.as_bytes(), &call_id, RETRANSMIT_AFTER).await {
                return Some(answer);
            }
        }
        None
    }

    /// Sends bytes once and waits for the answer to the call `call_id`, passing over answers to others.
    pub async fn ask(&self, request: &[u8], call_id: &str, within: Duration) -> Option<Answer> {
        // A refused port shows as an error of the next send or read: nobody answers there.
        self.socket.send(request).await.ok()?;
        let wanted = format!("Call-ID: {call_id}\r\n");
        let answered = async {
            let mut datagram = vec![0; 65_535];
            loop {
                let length = self.socket.recv(&mut datagram).await.ok()?;
                let answer = Answer::parse(&datagram[..length]);
                if answer.text.contains(&wanted) {
                    return Some(answer);
                }
            }
        };
        tokio::time::timeout(within, answered).await.unwrap_or_default()
    }

    /// Waits for so many datagrams, and gives how many came before a silence of 100 ms.
    pub async fn hear(&self, most: usize) -> u64 {
        let mut datagram = [0; 2_048];
        for heard in 0..most {
            match tokio::time::timeout(Duration::from_millis(100), self.socket.recv(&mut datagram)).await {
                Ok(Ok(_)) => {}
                _ => return heard as u64,
            }
        }
        most as u64
    }

    /// Sends bytes that need no answer.
    pub async fn throw(&self, bytes: &[u8]) {
        let _ = self.socket.send(bytes).await;
    }
}
