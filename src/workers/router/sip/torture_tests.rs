//! The messages of RFC 4475, each with what the RFC asks of who gets it and what this server does; `docs/rfc4475.md` is
//! written by this test.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::redirect::{DecisionParameter, Memory, Place, ReplyPort, answer};
use crate::domain::routing::worlds;

const MESSAGES: &str = include_str!("../../../../tests/fixtures/sip/rfc4475.txt");

/// Section and name, what the RFC asks, the status given (0: silence), and why where that is not plain.
#[rustfmt::skip]
const CASES: [(&str, &str, u16, &str); 49] = [
    ("3.1.1.1 wsinv", "well-formed: unusual white space, folding, short names", 481, "its To has a tag"),
    ("3.1.1.2 intmeth", "well-formed: characters seldom seen, an unknown method", 501, ""),
    ("3.1.1.3 esc01", "well-formed: escapes in the user part are part of it", 404, "the user is no 400 number"),
    ("3.1.1.4 escnull", "well-formed: an escaped zero byte", 405, "REGISTER is not served"),
    ("3.1.1.5 esc02", "well-formed: `RE%47IST%45R` is an unknown method, not REGISTER", 501, ""),
    ("3.1.1.6 lwsdisp", "well-formed: no space between name and `<`", 200, ""),
    ("3.1.1.7 longreq", "well-formed: long values, 34 Vias, all of them repeated", 404, "the user is no 400 number"),
    ("3.1.1.8 dblreq", "what follows the message in its datagram is ignored", 405, "REGISTER is not served"),
    ("3.1.1.9 semiuri", "well-formed: a semicolon in the user part", 200, ""),
    ("3.1.1.10 transports", "well-formed: unknown transports in lower Vias", 200, ""),
    ("3.1.1.11 mpart01", "well-formed: a multipart body", 405, "MESSAGE is not served"),
    ("3.1.1.12 unreason", "well-formed: a response with an unusual phrase", 0, "a response"),
    ("3.1.1.13 noreason", "well-formed: a response without phrase", 0, "a response"),
    ("3.1.2.1 badinv01", "400: separators too many in Via and Contact", 400, ""),
    ("3.1.2.2 clerr", "400: Content-Length larger than the datagram", 400, ""),
    ("3.1.2.3 ncl", "400: Content-Length negative", 400, ""),
    ("3.1.2.4 scalar02", "400: CSeq, Max-Forwards and Expires beyond their ranges", 400, ""),
    ("3.1.2.5 scalarlg", "a response to be dropped: numbers beyond their ranges", 0, "a response"),
    ("3.1.2.6 quotbal", "400: a quoted string without its end", 400, ""),
    ("3.1.2.7 ltgtruri", "400: a Request-URI in angle brackets", 400, ""),
    ("3.1.2.8 lwsruri", "400: white space in the Request-URI", 400, ""),
    ("3.1.2.9 lwsstart", "400 is right: more than one space in the request line", 400, ""),
    ("3.1.2.10 trws", "400 is right: spaces at the end of the request line", 400, ""),
    ("3.1.2.11 escruri", "400 or disregard: header fields in the Request-URI", 404, "disregarded; the user is no 400 number"),
    ("3.1.2.12 baddate", "400 or disregard: a Date that is not GMT", 404, "disregarded; the user is no 400 number"),
    ("3.1.2.13 regbadct", "400 by a registrar: a Contact with `?` outside brackets", 405, "REGISTER is not served"),
    ("3.1.2.14 badaspec", "400 or accept: spaces within `< >`", 200, "accepted"),
    ("3.1.2.15 baddn", "400 or accept: a name with a comma, unquoted", 200, "accepted"),
    ("3.1.2.16 badvers", "505", 505, ""),
    ("3.1.2.17 mismatch01", "400: CSeq names another method", 400, ""),
    ("3.1.2.18 mismatch02", "501 or 400: the same with an unknown method", 400, ""),
    ("3.1.2.19 bigcode", "a response to be dropped: status beyond any", 0, "a response"),
    ("3.2.1 badbranch", "taken as of RFC 2543: nothing behind the branch's cookie", 200, ""),
    ("3.3.1 insuf", "ideally 400: no From, To, Call-ID", 400, ""),
    ("3.3.2 unkscm", "416: unknown scheme", 416, ""),
    ("3.3.3 novelsc", "416: a known scheme that is not of SIP", 416, ""),
    ("3.3.4 unksm2", "400 by a registrar: unknown scheme in From and To", 405, "REGISTER is not served"),
    ("3.3.5 bext01", "420, with what is not supported", 420, ""),
    ("3.3.6 invut", "415 by who looks at bodies", 404, "a redirect server does not; the user is no 400 number"),
    ("3.3.7 regaut01", "401 by a registrar: unknown authorization scheme", 405, "REGISTER is not served"),
    ("3.3.8 multi01", "400: fields twice that may stand once", 400, ""),
    ("3.3.9 mcl01", "400: two Content-Lengths", 400, ""),
    ("3.3.10 bcast", "a response to be dropped: its Via is of somebody else", 0, "a response"),
    ("3.3.11 zeromf", "answered by who is asked: Max-Forwards is for proxies", 200, ""),
    ("3.3.12 cparam01", "accepted by a registrar: unknown Contact parameter", 405, "REGISTER is not served"),
    ("3.3.13 cparam02", "accepted by a registrar: unknown URI parameter", 405, "REGISTER is not served"),
    ("3.3.14 regescrt", "accepted by a registrar: an escaped header field in Contact", 405, "REGISTER is not served"),
    ("3.3.15 sdp01", "406 by who looks at Accept and bodies", 404, "a redirect server does not; the user is no 400 number"),
    ("3.4.1 inv2543", "taken as of RFC 2543: no branch, no From-tag, no Max-Forwards", 404, "the user is no 400 number"),
];

/// Name and bytes of each message.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let entries = MESSAGES.split("\n=== ").skip(1);
    entries
        .map(|entry| entry.split_once('\n').map(|(name, text)| (name, on_the_wire(&format!("{text}\n")))).unwrap())
        .collect()
}

fn on_the_wire(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    let mut bytes = Vec::new();
    let mut parts = text.split("<hex>");
    bytes.extend_from_slice(parts.next().unwrap().as_bytes());
    for part in parts {
        let (digits, after) = part.split_once("</hex>").unwrap();
        bytes.extend((0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()));
        bytes.extend_from_slice(after.as_bytes());
    }
    bytes
}

/// The answer, empty for silence.
fn ask(message: &[u8]) -> Vec<u8> {
    let plan = worlds::plan();
    let place = Place {
        plan: &plan,
        head: plan.head("telephony/east").unwrap(),
        breach: None,
        reply_port: ReplyPort::Source,
        decision_parameter: DecisionParameter::Absent,
    };
    let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    let now = "2026-11-23T10:00:00+08:00".parse().unwrap();
    let mut out = Vec::new();
    let reply = answer(&place, source, message, now, &mut Memory::default(), &mut out);
    if reply.to.is_none() {
        out.clear();
    }
    out
}

fn status(answer: &[u8]) -> u16 {
    answer.get(8..11).map_or(0, |code| std::str::from_utf8(code).unwrap().parse().unwrap())
}

fn count(text: &[u8], wanted: &[u8]) -> usize {
    text.windows(wanted.len()).filter(|window| window.eq_ignore_ascii_case(wanted)).count()
}

#[test]
fn every_message_gets_what_the_table_says() {
    let messages = messages();
    let names: Vec<&str> = messages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, CASES.map(|(name, ..)| name));
    for ((name, message), (_, _, expected, _)) in messages.iter().zip(CASES) {
        let said = ask(message);
        assert_eq!(status(&said), expected, "{name}: {}", String::from_utf8_lossy(&said));
        assert!(said.is_empty() || said.ends_with(b"Content-Length: 0\r\n\r\n"), "{name}");
    }
    let said = |wanted: &str| ask(&messages.iter().find(|(name, _)| name.ends_with(wanted)).unwrap().1);
    assert_eq!(count(&said("longreq"), b"\r\nVia: "), 34);
    assert_eq!(count(&said("bext01"), b"\r\nUnsupported: "), 1);
    assert_eq!(count(&said("insuf"), b"\r\nTo: ") + count(&said("insuf"), b"\r\nFrom: "), 0);
}

/// The well-formed calls reach a number where one is asked for: it is the message's form that must not stand in the way.
#[test]
fn well_formed_invites_are_redirected_when_they_ask_for_a_number() {
    for (name, uri) in [
        ("3.1.1.3 esc01", "sip:sips%3Auser%40example.com@example.net"),
        ("3.1.1.7 longreq", "sip:user@example.com"),
        ("3.1.2.12 baddate", "sip:user@example.com"),
        ("3.3.6 invut", "sip:user@example.com"),
        ("3.3.15 sdp01", "sip:user@example.com"),
        ("3.4.1 inv2543", "sip:UserB@example.com"),
    ] {
        let (_, message) = messages().into_iter().find(|(known, _)| *known == name).unwrap();
        let text = String::from_utf8(message).unwrap();
        let asked = text.replacen(uri, "sip:4001000868@example.com", 1);
        assert_ne!(asked, text, "{name}");
        assert_eq!(status(&ask(asked.as_bytes())), 302, "{name}");
    }
}

#[test]
fn the_page_says_the_same() {
    let mut page = String::from(
        "# RFC 4475: what torture messages get\n\n\
         Each of the 49 messages of [RFC 4475](https://www.rfc-editor.org/rfc/rfc4475), what the RFC asks of who gets it, and\n\
         what this server answers. The table is written by the test that sends them.\n\n\
         | message | RFC 4475 | answer | |\n|---|---|---|---|\n",
    );
    for (name, asks, status, why) in CASES {
        let status = if status == 0 { "none".to_owned() } else { status.to_string() };
        writeln!(page, "| {name} | {asks} | {status} | {why} |").unwrap();
    }
    crate::offline::tests::golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rfc4475.md"), &page);
}
