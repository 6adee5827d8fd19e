//! The redirect server as a function: plan, datagram and instant in, answer out (RFC 3261 §8.2.7, §8.3).
//!
//! The same datagram gets the same bytes: the To-tag is a keyed hash, groups draw by Call-ID, and turns of `RoundRobin`
//! come from a memory that the socket keeps. ACK and CANCEL are absorbed; no provisional answer is ever sent.

use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use siphasher::sip::SipHasher24;

use super::contacts;
use super::fields::trim;
use super::scan::{Fault, Request, Unanswerable, scan};
use super::turns::TurnMemory;
use super::uri::{Uri, called, caller, parse_uri};
use super::write::Answer;
use crate::domain::routing::decide::{CallFacts, decide_at};
use crate::domain::routing::decision::{Decision, Outcome, Reason};
use crate::domain::routing::document::OriginalCalled;
use crate::domain::routing::head::CompiledHead;
use crate::domain::routing::plan::Plan;
use crate::workers::router::shedding::{Admission, Shedding};

/// Where an answer goes when a Via names no port (RFC 3261 §18.2.2).
const DEFAULT_PORT: u16 = 5060;
const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS";

/// Methods that RFCs define and this server does not serve: 405, where a word of nobody's gets 501.
const KNOWN_METHODS: &[&[u8]] =
    &[b"BYE", b"INFO", b"MESSAGE", b"NOTIFY", b"PRACK", b"PUBLISH", b"REFER", b"REGISTER", b"SUBSCRIBE", b"UPDATE"];

/// Where a datagram came in, and how that place answers.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub plan: &'a Plan,
    pub head: &'a CompiledHead,
    /// The message's end could not be found: it is refused, and its stream ends.
    pub breach: Option<Breach>,
    pub reply_port: ReplyPort,
    pub decision_parameter: DecisionParameter,
}

/// Why the end of a message cannot be found on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// No Content-Length (RFC 3261 §18.3, §20.14): 400.
    NoLength,
    /// Content-Length is no number, or two numbers: 400.
    WrongLength,
    /// The body is longer than is read: 413.
    BodyTooLarge,
    /// The header is longer than is read: 513.
    TooLong,
}

impl Breach {
    const fn status(self) -> (u16, &'static str) {
        match self {
            Self::NoLength => (400, "Missing Content-Length"),
            Self::WrongLength => (400, "Wrong Content-Length"),
            Self::BodyTooLarge => (413, "Request Entity Too Large"),
            Self::TooLong => (513, "Message Too Large"),
        }
    }

    const fn handled(self) -> Handled {
        match self {
            Self::NoLength | Self::WrongLength => Handled::Malformed(Fault::ContentLength),
            Self::BodyTooLarge | Self::TooLong => Handled::TooLarge,
        }
    }
}

/// What a socket keeps from one datagram to the next.
#[derive(Debug, Default)]
pub struct Memory {
    pub turns: TurnMemory,
    /// Of the whole listener; `None` sheds nothing.
    pub shedding: Option<Arc<Mutex<Shedding>>>,
}

/// Which port an answer goes to where the request does not say `rport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyPort {
    /// The source port (a listener's `forceRport`).
    Source,
    /// The port of the top Via.
    Via,
}

/// Whether contacts carry a `decision` parameter that a call record may echo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DecisionParameter {
    #[default]
    Absent,
    Present,
}

/// What became of a datagram: a closed set that metrics count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    Redirected,
    Announced,
    Refused(Reason),
    Options,
    Ack,
    Cancel,
    /// 400 and 505.
    Malformed(Fault),
    /// 416
    UnsupportedScheme,
    /// 420
    BadExtension,
    /// 481
    NoDialog,
    /// 405
    NotAllowed,
    /// 501
    NotImplemented,
    /// 503
    Shed,
    /// 413 and 513
    TooLarge,
    Silent(Unanswerable),
}

/// The outcome and, where the buffer holds an answer, its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub handled: Handled,
    pub to: Option<SocketAddr>,
}

/// Answers one datagram of an admitted peer into `out`.
pub fn answer(
    place: &Place<'_>,
    source: SocketAddr,
    datagram: &[u8],
    now: Timestamp,
    memory: &mut Memory,
    out: &mut Vec<u8>,
) -> Reply {
    let silent = |handled| Reply { handled, to: None };
    let request = match scan(datagram) {
        Ok(request) => request,
        Err(unanswerable) => return silent(Handled::Silent(unanswerable)),
    };
    match request.method {
        b"ACK" => return silent(Handled::Ack),
        b"CANCEL" => return silent(Handled::Cancel),
        _ => {}
    }
    let exchange = Exchange { place, request: &request, source, now };
    let handled = exchange.handle(memory, out);
    Reply { handled, to: Some(exchange.reply_address()) }
}

struct Exchange<'a> {
    place: &'a Place<'a>,
    request: &'a Request<'a>,
    source: SocketAddr,
    now: Timestamp,
}

impl Exchange<'_> {
    fn handle(&self, memory: &mut Memory, out: &mut Vec<u8>) -> Handled {
        let request = self.request;
        if let Some(breach) = self.place.breach {
            let (status, phrase) = breach.status();
            self.begin(out, status, phrase).end();
            return breach.handled();
        }
        if let Some(fault) = request.fault {
            let status = if fault == Fault::Version { 505 } else { 400 };
            self.begin(out, status, fault.phrase()).end();
            return Handled::Malformed(fault);
        }
        // Nothing here ever makes a dialog, so nothing can be inside one.
        if request.has_to_tag {
            self.begin(out, 481, "Call/Transaction Does Not Exist").end();
            return Handled::NoDialog;
        }
        if !matches!(request.method, b"INVITE" | b"OPTIONS") {
            return self.not_served(out);
        }
        let Some(uri) = parse_uri(request.uri) else {
            self.begin(out, 416, "Unsupported URI Scheme").end();
            return Handled::UnsupportedScheme;
        };
        if request.require.iter().any(|line| !trim(line).is_empty()) {
            let mut answer = self.begin(out, 420, "Bad Extension");
            for line in request.require.iter() {
                answer.repeat(b"Unsupported: ", line);
            }
            answer.end();
            return Handled::BadExtension;
        }
        if request.method == b"OPTIONS" {
            let mut answer = self.begin(out, 200, "OK");
            answer.field("Allow", format_args!("{ALLOW}"));
            answer.field("Accept", format_args!("application/sdp"));
            answer.end();
            return Handled::Options;
        }
        if let Some(shedding) = &memory.shedding
            && let Admission::Shed { retry_after_seconds } = shedding
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(self.source.ip(), || self.request_hash(), self.now)
        {
            let mut answer = self.begin(out, 503, "Service Unavailable");
            reason(&mut answer, 42, "Switching equipment congestion");
            answer.field("Retry-After", format_args!("{retry_after_seconds}"));
            answer.end();
            return Handled::Shed;
        }
        self.invite(&uri, &mut memory.turns, out)
    }

    fn not_served(&self, out: &mut Vec<u8>) -> Handled {
        if !KNOWN_METHODS.contains(&self.request.method) {
            self.begin(out, 501, "Not Implemented").end();
            return Handled::NotImplemented;
        }
        let mut answer = self.begin(out, 405, "Method Not Allowed");
        answer.field("Allow", format_args!("{ALLOW}"));
        answer.end();
        Handled::NotAllowed
    }

    fn invite(&self, uri: &Uri<'_>, turns: &mut TurnMemory, out: &mut Vec<u8>) -> Handled {
        let Some(to) = called(uri) else { return self.refuse(Reason::NumberUnknown, out) };
        // Call-IDs are ASCII; one that is not draws like an empty one, and is answered alike each time.
        let call_id = std::str::from_utf8(self.request.call_id).unwrap_or_default();
        let facts = CallFacts { to, caller: caller(self.request), at: self.now, call_id };
        let hash = || self.request_hash();
        let mut turns = turns.of_request(&hash, self.now);
        let decision = decide_at(self.place.plan, self.place.head.id, &facts, &mut turns, &mut ());
        match decision.outcome {
            Outcome::Refuse(reason) => self.refuse(reason, out),
            Outcome::Announce { announcement, .. } => {
                let mut answer = self.redirect(uri, &decision, out);
                answer.field("Contact", format_args!("<{announcement}>;q=1.0"));
                answer.end();
                Handled::Announced
            }
            Outcome::Route { destinations, when_exhausted } => {
                let mut answer = self.redirect(uri, &decision, out);
                contacts::write(&mut answer, (self.place, self.request), &decision, &destinations, when_exhausted);
                answer.end();
                Handled::Redirected
            }
        }
    }

    fn refuse(&self, why: Reason, out: &mut Vec<u8>) -> Handled {
        let code = why.code();
        let mut answer = self.begin(out, code.sip, code.phrase);
        reason(&mut answer, code.cause, code.cause_text);
        answer.end();
        Handled::Refused(why)
    }

    /// Begins a 302 and says which number was called, if the gateway wants that told.
    fn redirect<'o>(&self, uri: &Uri<'_>, decision: &Decision<'_>, out: &'o mut Vec<u8>) -> Answer<'o> {
        let mut answer = self.begin(out, 302, "Moved Temporarily");
        let host = std::str::from_utf8(uri.host).ok().filter(|host| is_plain_host(host));
        let host = host.unwrap_or(&self.place.head.trunk.authority);
        let number = decision.number;
        match self.place.head.original_called {
            OriginalCalled::None => {}
            OriginalCalled::Diversion => {
                answer.field(
                    "Diversion",
                    format_args!("<sip:{number}@{host};user=phone>;reason=unconditional;counter=1"),
                );
            }
            OriginalCalled::HistoryInfo => {
                answer.field("History-Info", format_args!("<sip:{number}@{host};user=phone>;index=1"));
            }
        }
        answer
    }

    fn begin<'o>(&self, out: &'o mut Vec<u8>, status: u16, phrase: &str) -> Answer<'o> {
        Answer::begin(out, self.request, self.source, self.to_tag(), status, phrase)
    }

    /// The same for the same request, whichever router answers and however often (RFC 3261 §8.2.7).
    fn to_tag(&self) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.place.head.to_tag_key);
        let number = self.request.cseq_number.to_be_bytes();
        hash_parts(&mut hasher, &[self.request.call_id, self.request.from_tag, &number, self.request.top_via.branch])
    }

    /// What a repetition has in common with its first: Call-ID, `CSeq` number and From-tag.
    fn request_hash(&self) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.place.head.to_tag_key);
        hash_parts(&mut hasher, &[self.request.call_id, self.request.from_tag, &self.request.cseq_number.to_be_bytes()])
    }

    /// Always the source address: a Via's `maddr` or `received` must not aim answers at somebody else.
    fn reply_address(&self) -> SocketAddr {
        let via = &self.request.top_via;
        if via.asks_rport || self.place.reply_port == ReplyPort::Source {
            return self.source;
        }
        SocketAddr::new(self.source.ip(), via.port.filter(|port| *port != 0).unwrap_or(DEFAULT_PORT))
    }
}

fn hash_parts(hasher: &mut SipHasher24, parts: &[&[u8]]) -> u64 {
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish()
}

fn reason(answer: &mut Answer<'_>, cause: u8, text: &str) {
    answer.field("Reason", format_args!("Q.850;cause={cause};text=\"{text}\""));
}

fn is_plain_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (1..=255).contains(&host.len()) && host.bytes().all(plain)
}
