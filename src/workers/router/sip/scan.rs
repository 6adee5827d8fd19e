//! A scanner for SIP requests that copies nothing (RFC 3261 §7, §25). It may be shown any bytes.
//!
//! It keeps the few header fields that a stateless server answers by and skips the rest. What is wrong with a request
//! that can still be answered is a [`Fault`]; without Via, From, To, Call-ID and CSeq no answer can be built at all.

/// Header fields looked at; a request with more is a fault.
const HEADERS_AT_MOST: usize = 256;
/// Bytes of a header field's value that is copied into the answer.
const VALUE_AT_MOST: usize = 4_096;

/// Values of a header field that may stand on several lines, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a, const MOST: usize> {
    lines: [&'a [u8]; MOST],
    count: usize,
}

impl<'a, const MOST: usize> Default for Lines<'a, MOST> {
    fn default() -> Self {
        Self { lines: [&[]; MOST], count: 0 }
    }
}

impl<'a, const MOST: usize> Lines<'a, MOST> {
    fn push(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let slot = self.lines.get_mut(self.count).ok_or(Fault::TooMany)?;
        *slot = line;
        self.count += 1;
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.lines.iter().take(self.count).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What is wrong with a request that can still be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    RequestLine,
    /// Not SIP/2.0: 505.
    Version,
    Header,
    /// A header field that may stand once stands twice.
    Duplicate,
    TooMany,
    TooLong,
    Truncated,
    ContentLength,
    CSeq,
    CallId,
    Address,
    Via,
}

impl Fault {
    /// The reason phrase of the answer.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::RequestLine => "Malformed Request-Line",
            Self::Version => "Version Not Supported",
            Self::Header => "Malformed Header Field",
            Self::Duplicate => "Duplicate Header Field",
            Self::TooMany => "Too Many Header Fields",
            Self::TooLong => "Header Field Too Long",
            Self::Truncated => "Missing End of Header",
            Self::ContentLength => "Wrong Content-Length",
            Self::CSeq => "Malformed CSeq",
            Self::CallId => "Malformed Call-ID",
            Self::Address => "Malformed From or To",
            Self::Via => "Malformed Via",
        }
    }
}

/// A datagram that gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswerable {
    /// Nothing but line ends: a peer keeps a path open.
    KeepAlive,
    /// A response; this server sends no requests.
    Response,
    /// No SIP, or without the header fields that an answer repeats.
    Unreadable,
}

/// A request, as far as a stateless server needs it. All slices point into the datagram.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a [u8],
    pub uri: &'a [u8],
    pub vias: Lines<'a, 32>,
    pub top_via: Via<'a>,
    pub from: &'a [u8],
    pub from_tag: &'a [u8],
    pub to: &'a [u8],
    pub has_to_tag: bool,
    pub call_id: &'a [u8],
    pub cseq: &'a [u8],
    pub cseq_number: u32,
    /// P-Asserted-Identity (RFC 3325).
    pub asserted: Lines<'a, 4>,
    /// Privacy (RFC 3323).
    pub privacy: &'a [u8],
    pub require: Lines<'a, 8>,
    /// The first thing that is wrong, if anything is.
    pub fault: Option<Fault>,
}

/// The topmost Via: where an answer goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Via<'a> {
    /// Up to the first parameter.
    pub sent: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub parameters: &'a [u8],
    pub branch: &'a [u8],
    /// `rport` stands there without a value: RFC 3581 asks for the source port.
    pub asks_rport: bool,
    /// What follows on the same line: older Vias, from the comma on.
    pub rest: &'a [u8],
}

#[derive(Default)]
struct Collected<'a> {
    vias: Lines<'a, 32>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    asserted: Lines<'a, 4>,
    privacy: Option<&'a [u8]>,
    require: Lines<'a, 8>,
    content_length: Option<&'a [u8]>,
    fault: Option<Fault>,
}

impl<'a> Collected<'a> {
    fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |long: &str, short: u8| {
            name.eq_ignore_ascii_case(long.as_bytes())
                || (name.len() == 1 && name.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&short)))
        };
        // No compact form: a byte that no name has.
        let none = 0;
        let result = if is("via", b'v') {
            self.vias.push(value)
        } else if is("from", b'f') {
            once(&mut self.from, value)
        } else if is("to", b't') {
            once(&mut self.to, value)
        } else if is("call-id", b'i') {
            once(&mut self.call_id, value)
        } else if is("cseq", none) {
            once(&mut self.cseq, value)
        } else if is("content-length", b'l') {
            once(&mut self.content_length, value)
        } else if is("require", none) {
            self.require.push(value)
        } else if is("p-asserted-identity", none) {
            self.asserted.push(value)
        } else if is("privacy", none) {
            once(&mut self.privacy, value)
        } else {
            Ok(())
        };
        if let Err(fault) = result {
            self.fault(fault);
        }
    }
}

/// The first one stands, so that even then there is something to answer.
fn once<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(Fault::Duplicate);
    }
    if value.len() > VALUE_AT_MOST {
        return Err(Fault::TooLong);
    }
    *slot = Some(value);
    Ok(())
}

/// Reads one datagram as a request.
pub fn scan(datagram: &[u8]) -> Result<Request<'_>, Unanswerable> {
    let text = trim_line_ends(datagram);
    if text.is_empty() {
        return Err(Unanswerable::KeepAlive);
    }
    let (first, mut rest) = split_line(text).ok_or(Unanswerable::Unreadable)?;
    if first.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/2.0 ")) {
        return Err(Unanswerable::Response);
    }
    let mut collected = Collected::default();
    let (method, uri) = match request_line(first) {
        Ok(parts) => parts,
        Err(fault) => {
            collected.fault(fault);
            // The method decides whether there is an answer at all: ACK has none.
            (first.split(|byte| *byte == b' ').next().unwrap_or_default(), &[][..])
        }
    };
    let mut ended = false;
    for _ in 0..HEADERS_AT_MOST {
        let Some((line, after)) = split_field(rest) else { break };
        rest = after;
        if line.is_empty() {
            ended = true;
            break;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                collected.take(trim(name), trim(value.get(1..).unwrap_or_default()));
            }
            None => collected.fault(Fault::Header),
        }
    }
    if !ended {
        collected.fault(if rest.is_empty() { Fault::Truncated } else { Fault::TooMany });
    }
    finish(collected, method, uri, rest)
}

fn finish<'a>(
    mut seen: Collected<'a>,
    method: &'a [u8],
    uri: &'a [u8],
    body: &[u8],
) -> Result<Request<'a>, Unanswerable> {
    let required = (seen.vias.iter().next(), seen.from, seen.to, seen.call_id, seen.cseq);
    let (Some(via), Some(from), Some(to), Some(call_id), Some(cseq)) = required else {
        return Err(Unanswerable::Unreadable);
    };
    // An answer goes where the top Via says, so a Via beyond reading is beyond answering.
    let top_via = parse_via(via).ok_or(Unanswerable::Unreadable)?;
    if seen.vias.iter().any(|line| line.len() > VALUE_AT_MOST) {
        return Err(Unanswerable::Unreadable);
    }
    if let Some(length) = seen.content_length {
        match number(length) {
            Some(length) if length as usize <= body.len() => {}
            _ => seen.fault(Fault::ContentLength),
        }
    }
    if call_id.is_empty() || call_id.iter().any(u8::is_ascii_whitespace) {
        seen.fault(Fault::CallId);
    }
    let mut tags = [&[][..]; 2];
    let mut has_to_tag = false;
    for (position, (address, tag)) in [from, to].into_iter().zip(&mut tags).enumerate() {
        match parse_address(address) {
            Some(parsed) => {
                let found = parameter(parsed.parameters, b"tag");
                has_to_tag |= position == 1 && found.is_some();
                *tag = found.unwrap_or_default();
            }
            None => seen.fault(Fault::Address),
        }
    }
    let cseq_number = match parse_cseq(cseq) {
        Some((number, named)) if named == method => number,
        _ => {
            seen.fault(Fault::CSeq);
            0
        }
    };
    Ok(Request {
        method,
        uri,
        vias: seen.vias,
        top_via,
        from,
        from_tag: tags[0],
        to,
        has_to_tag,
        call_id,
        cseq,
        cseq_number,
        asserted: seen.asserted,
        privacy: seen.privacy.unwrap_or_default(),
        require: seen.require,
        fault: seen.fault,
    })
}

fn request_line(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(uri), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Fault::RequestLine);
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) || uri.is_empty() || uri.contains(&b'<') {
        return Err(Fault::RequestLine);
    }
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok((method, uri));
    }
    let other_version =
        version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) && !version.contains(&b' ');
    Err(if other_version { Fault::Version } else { Fault::RequestLine })
}

/// `SIP/2.0/UDP host:port;parameters`, with white space wherever RFC 3261 §25.1 allows it.
pub fn parse_via(line: &[u8]) -> Option<Via<'_>> {
    let end = outside_quotes(line, b',').unwrap_or(line.len());
    let (top, rest) = line.split_at_checked(end)?;
    let semicolon = outside_quotes(top, b';').unwrap_or(top.len());
    let (sent, parameters) = top.split_at_checked(semicolon)?;
    let mut slashes = sent.splitn(3, |byte| *byte == b'/');
    let (name, version, transport_and_host) = (slashes.next()?, slashes.next()?, slashes.next()?);
    if !trim(name).eq_ignore_ascii_case(b"SIP") || trim(version) != b"2.0" {
        return None;
    }
    let transport_and_host = trim(transport_and_host);
    let gap = transport_and_host.iter().position(u8::is_ascii_whitespace)?;
    let (transport, sent_by) = transport_and_host.split_at_checked(gap)?;
    if !transport.iter().all(|byte| is_token(*byte)) {
        return None;
    }
    let (host, port) = split_host(trim(sent_by))?;
    let mut via = Via { sent, host, port, parameters, branch: &[], asks_rport: false, rest };
    via.branch = parameter(parameters, b"branch").unwrap_or_default();
    via.asks_rport = parameter(parameters, b"rport").is_some();
    Some(via)
}

fn split_host(sent_by: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let after_host = if sent_by.first() == Some(&b'[') {
        sent_by.iter().position(|byte| *byte == b']')? + 1
    } else {
        sent_by.iter().position(|byte| *byte == b':').unwrap_or(sent_by.len())
    };
    let (host, port) = sent_by.split_at_checked(after_host)?;
    let host = trim(host);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || !host.iter().all(plain) {
        return None;
    }
    let port = trim(port);
    match port.split_first() {
        None => Some((host, None)),
        Some((b':', digits)) => Some((host, Some(u16::try_from(number(trim(digits))?).ok()?))),
        Some(_) => None,
    }
}

/// An address of From, To or P-Asserted-Identity: its URI and the parameters behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    pub uri: &'a [u8],
    pub parameters: &'a [u8],
}

/// `"Display" <uri>;parameters`, `<uri>`, or `uri;parameters`. Only the first of several is read.
pub fn parse_address(value: &[u8]) -> Option<Address<'_>> {
    let value = trim(value);
    let (uri, parameters) = match outside_quotes(value, b'<') {
        Some(open) => {
            let inside = value.get(open + 1..)?;
            let close = inside.iter().position(|byte| *byte == b'>')?;
            (inside.get(..close)?, inside.get(close + 1..)?)
        }
        None => value.split_at_checked(outside_quotes(value, b';').unwrap_or(value.len()))?,
    };
    let uri = trim(uri);
    let readable =
        !uri.is_empty() && uri.contains(&b':') && !uri.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b'"');
    readable.then_some(Address { uri, parameters })
}

/// The value of `;name=value`; empty where it stands without one.
pub fn parameter<'a>(mut parameters: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while let Some(start) = outside_quotes(parameters, b';') {
        parameters = parameters.get(start + 1..)?;
        let end = outside_quotes(parameters, b';').unwrap_or(parameters.len());
        let one = parameters.get(..end)?;
        let (key, value) = match one.iter().position(|byte| *byte == b'=') {
            Some(equals) => (one.get(..equals)?, one.get(equals + 1..)?),
            None => (one, &[][..]),
        };
        if trim(key).eq_ignore_ascii_case(name) {
            return Some(trim(value));
        }
    }
    None
}

fn parse_cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let gap = value.iter().position(u8::is_ascii_whitespace)?;
    let (digits, method) = value.split_at_checked(gap)?;
    let number = number(digits).filter(|number| *number < 1 << 31)?;
    Some((number, trim(method)))
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where `wanted` first stands outside a quoted string.
pub(super) fn outside_quotes(text: &[u8], wanted: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.iter().enumerate() {
        match (*byte, quoted) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => quoted = !quoted,
            (byte, false) if byte == wanted => return Some(index),
            _ => {}
        }
    }
    None
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Without white space (line ends of folded values among it) around.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn trim_line_ends(mut text: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = text {
        text = rest;
    }
    text
}

/// One line without its end, and what follows.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default()))
}

/// One header field: a line and those that continue it (RFC 3261 §7.3.1).
fn split_field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, mut rest) = split_line(text)?;
    if first.is_empty() {
        return Some((first, rest));
    }
    while let [b' ' | b'\t', ..] = rest {
        let (_, after) = split_line(rest)?;
        rest = after;
    }
    let field = text.get(..text.len() - rest.len())?;
    Some((field.trim_ascii_end(), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INVITE: &str = "INVITE sip:4001000868@10.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKabc;rport, SIP/2.0/UDP 10.0.0.8\r\n\
        v: SIP / 2.0 / UDP 10.0.0.9\r\n\
        Max-Forwards: 70\r\n\
        f: \"A \\\"<;x\" <sip:02138880003@10.0.0.7;user=phone>\r\n ;tag=one\r\n\
        To: <sip:4001000868@10.0.0.1>\r\n\
        i: a84b4c76e66710@10.0.0.7\r\n\
        CSeq: 314159 INVITE\r\n\
        l: 4\r\n\r\nv=0\n";

    #[test]
    fn long_compact_and_folded_fields_are_read() {
        let request = scan(INVITE.as_bytes()).unwrap();
        assert_eq!(request.fault, None);
        assert_eq!((request.method, request.uri), (&b"INVITE"[..], &b"sip:4001000868@10.0.0.1"[..]));
        assert_eq!(request.vias.iter().count(), 2);
        assert_eq!((request.top_via.host, request.top_via.port), (&b"10.0.0.7"[..], Some(5070)));
        assert!(request.top_via.asks_rport && request.top_via.rest.starts_with(b", SIP"));
        assert_eq!(request.top_via.branch, b"z9hG4bKabc");
        assert_eq!((request.from_tag, request.has_to_tag), (&b"one"[..], false));
        assert_eq!(request.cseq_number, 314_159);
    }

    #[test]
    fn what_is_wrong_is_told_where_an_answer_is_possible() {
        for (from, to, fault) in [
            ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", Fault::Version),
            ("INVITE sip", "INVITE  sip", Fault::RequestLine),
            ("10.0.0.1 SIP", "10.0.0.1  SIP", Fault::RequestLine),
            ("Max-Forwards: 70", "Max-Forwards 70", Fault::Header),
            ("Max-Forwards: 70", "Call-ID: other", Fault::Duplicate),
            ("l: 4", "l: -4", Fault::ContentLength),
            ("l: 4", "l: 9999", Fault::ContentLength),
            ("314159 INVITE", "314159 OPTIONS", Fault::CSeq),
            ("314159 INVITE", "36893488147419103232 INVITE", Fault::CSeq),
            ("i: a84b", "i: a8 4b", Fault::CallId),
            ("To: <sip:4001000868@10.0.0.1>", "To: <sip:4001000868@10.0.0.1", Fault::Address),
            ("\r\n\r\nv=0\n", "", Fault::Truncated),
        ] {
            assert!(INVITE.contains(from), "{from:?} stands in the fixture");
            let changed = INVITE.replacen(from, to, 1);
            assert_eq!(scan(changed.as_bytes()).unwrap().fault, Some(fault), "{to:?}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_told_apart() {
        assert_eq!(scan(b"\r\n\r\n").unwrap_err(), Unanswerable::KeepAlive);
        assert_eq!(scan(b"").unwrap_err(), Unanswerable::KeepAlive);
        assert_eq!(scan(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n").unwrap_err(), Unanswerable::Response);
        assert_eq!(scan(b"\x00\x01\x02").unwrap_err(), Unanswerable::Unreadable);
        for field in ["Via: SIP/2.0/UDP 10.0.0.7:5070", "f: ", "To: ", "i: ", "CSeq: "] {
            let without = INVITE.replacen(field, "X: ", 1).replace("v: SIP", "X: SIP");
            assert_eq!(scan(without.as_bytes()).unwrap_err(), Unanswerable::Unreadable, "{field:?}");
        }
    }

    #[test]
    fn more_fields_than_the_bound_are_a_fault() {
        let many = INVITE.replace("l: 4\r\n", &"X: y\r\n".repeat(HEADERS_AT_MOST));
        assert_eq!(scan(many.as_bytes()).unwrap().fault, Some(Fault::TooMany));
    }

    #[test]
    fn an_address_of_version_six_has_its_port_behind_the_bracket() {
        let via = parse_via(b"SIP/2.0/UDP [2001:db8::9:1]:5080;branch=z9hG4bK1").unwrap();
        assert_eq!((via.host, via.port), (&b"[2001:db8::9:1]"[..], Some(5080)));
        assert_eq!(parse_via(b"SIP/2.0/UDP 10.0.0.1:port"), None);
        assert_eq!(parse_via(b"SIP/2.0/UDP"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = scan(&bytes);
        }

        #[test]
        fn any_damage_to_a_request_is_survived(
            at in 0..INVITE.len(), length in 0..40_usize, with in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = INVITE.as_bytes().to_vec();
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, with);
            let _ = scan(&bytes);
        }
    }
}
