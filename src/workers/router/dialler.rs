//! A caller's end of SIP over UDP: an INVITE, its final answer, the ACK. For `fourhundred call`, for `dev`, and for
//! nobody's production traffic. One call at a time; touches one socket of its own.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// RFC 3261 §17.1.1.2, T1: the first pause before a request is sent again; each further one is twice as long.
const T1: Duration = Duration::from_millis(500);
/// No answer of a redirect server is larger.
const DATAGRAM: usize = 8 * 1024;
/// What a caller who hides its number writes (RFC 3323 §4.1.1.3).
pub const ANONYMOUS: &str = "anonymous";

/// A contact of a redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    pub uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<String>,
}

impl Contact {
    fn read(value: &str) -> Self {
        let (uri, parameters) = value.split_once('>').unwrap_or((value, ""));
        let parameter = |name: &str| {
            parameters
                .split(';')
                .find_map(|parameter| Some(parameter.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        Self {
            uri: uri.trim_start_matches('<').to_owned(),
            q: parameter("q"),
            ring_seconds: parameter("x-ring-seconds"),
        }
    }

    /// The user part of the URI.
    pub fn user(&self) -> Option<&str> {
        let (_, rest) = self.uri.split_once(':')?;
        rest.split_once('@').map(|(user, _)| user)
    }
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
    /// In the order in which they stand.
    pub contacts: Vec<Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub milliseconds: u64,
}

impl Answer {
    /// Whether it sends the caller elsewhere.
    pub fn redirects(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// The final answer that `text` is; `None` for anything else.
    fn read(text: &str, took: Duration) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("SIP/2.0 ")?;
        let (status, phrase) = line.split_once(' ').unwrap_or((line, ""));
        let status: u16 = status.parse().ok().filter(|status| (200..700).contains(status))?;
        let contacts = text.lines().filter_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.trim().eq_ignore_ascii_case("Contact").then(|| Contact::read(value.trim()))
        });
        Some(Self {
            status,
            phrase: phrase.to_owned(),
            contacts: contacts.collect(),
            reason: header(text, "Reason").map(str::to_owned),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Dialler {
    socket: UdpSocket,
    router: SocketAddr,
    local: SocketAddr,
    patience: Duration,
    run: u64,
}

impl Dialler {
    /// Calls `router`; `run` keeps the calls of different runs apart, `patience` is how long a final answer may take.
    pub async fn open(router: SocketAddr, run: u64, patience: Duration) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(if router.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).await?;
        socket.connect(router).await?;
        let local = socket.local_addr()?;
        Ok(Self { socket, router, local, patience, run })
    }

    /// The Call-ID of the call number `position`.
    pub fn call_id(&self, position: u32) -> String {
        format!("{:x}-{position}@{}", self.run, self.local.ip())
    }

    fn request(&self, method: &str, position: u32, (to, from): (&str, &str), to_tag: &str) -> String {
        let Self { router, local, run, .. } = self;
        let caller =
            if from == ANONYMOUS { "anonymous@anonymous.invalid".to_owned() } else { format!("{from}@{local}") };
        let call_id = self.call_id(position);
        format!(
            "{method} sip:{to}@{router} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{run:x}x{position};rport\r\n\
             From: <sip:{caller}>;tag=c{position}\r\nTo: <sip:{to}@{router}>{to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:probe@{local}>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// One call from `from` to `to`: INVITE, sent again as RFC 3261 §17.1.1.2 asks, and the ACK of its final answer.
    pub async fn call(&self, position: u32, to: &str, from: &str) -> std::io::Result<Option<Answer>> {
        let began = Instant::now();
        let parties = (dialled(to), dialled(from));
        let parties = (parties.0.as_str(), parties.1.as_str());
        let invite = self.request("INVITE", position, parties, "");
        let call_id = self.call_id(position);
        let mut buffer = vec![0_u8; DATAGRAM];
        let mut pause = T1;
        loop {
            self.socket.send(invite.as_bytes()).await?;
            let until = (Instant::now() + pause).min(began + self.patience);
            while let Ok(received) = tokio::time::timeout_at(until, self.socket.recv(&mut buffer)).await {
                let text = String::from_utf8_lossy(buffer.get(..received?).unwrap_or_default()).into_owned();
                if header(&text, "Call-ID") != Some(&call_id) {
                    continue;
                }
                if let Some(answer) = Answer::read(&text, began.elapsed()) {
                    let tag =
                        header(&text, "To").and_then(|to| to.split_once(";tag=")).map(|(_, tag)| format!(";tag={tag}"));
                    let ack = self.request("ACK", position, parties, &tag.unwrap_or_default());
                    self.socket.send(ack.as_bytes()).await?;
                    return Ok(Some(answer));
                }
            }
            if began.elapsed() >= self.patience {
                return Ok(None);
            }
            pause *= 2;
        }
    }
}

/// A number as the user part of a URI: nothing in it can end the URI or the line.
fn dialled(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_')).collect()
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_read_with_its_contacts_in_order() {
        let text = "SIP/2.0 302 Moved Temporarily\r\nContact: <sip:01088880001@10.0.3.20:5060;user=phone>;q=1.0;x-ring-seconds=20\r\nContact: <sip:busy@10.0.3.30>;q=0.9\r\nReason: Q.850;cause=20\r\n\r\n";
        let answer = Answer::read(text, Duration::from_millis(3)).expect("a final answer");
        assert!(answer.redirects());
        assert_eq!((answer.status, answer.phrase.as_str(), answer.contacts.len()), (302, "Moved Temporarily", 2));
        assert_eq!(answer.contacts[0].uri, "sip:01088880001@10.0.3.20:5060;user=phone");
        assert_eq!(answer.contacts[0].user(), Some("01088880001"));
        assert_eq!(
            (answer.contacts[0].q.as_deref(), answer.contacts[0].ring_seconds.as_deref()),
            (Some("1.0"), Some("20"))
        );
        assert_eq!(answer.contacts[1].q.as_deref(), Some("0.9"));
        assert_eq!(answer.reason.as_deref(), Some("Q.850;cause=20"));
        assert!(Answer::read("SIP/2.0 100 Trying\r\n\r\n", Duration::ZERO).is_none());
    }

    #[test]
    fn a_number_cannot_end_the_line_it_stands_in() {
        assert_eq!(dialled("020 3888 7777\r\nX: y@z"), "02038887777Xyz");
        assert_eq!(dialled("+86 139-0000-2222"), "+86139-0000-2222");
    }
}
