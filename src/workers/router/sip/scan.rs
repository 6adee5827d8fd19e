//! A scanner for SIP requests that copies nothing (RFC 3261 §7, §25). It may be shown any bytes.
//!
//! It keeps the few header fields that a stateless server answers by and skips the rest. What is wrong with a request
//! that can still be answered is a [`Fault`]; without a request line and a Via there is nobody to answer.

use memchr::memchr;

use super::fields::{Address, Via, is_token, number, parameter, parse_address, parse_cseq, parse_via, trim, values};
use super::lines::{Lines, Vias};

/// Header fields looked at; a request with more is a fault.
const HEADERS_AT_MOST: usize = 256;
/// Bytes of a header field's value that is copied into the answer.
const VALUE_AT_MOST: usize = 4_096;

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
    /// Without From, To, Call-ID or `CSeq`.
    Missing,
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
            Self::Missing => "Missing Header Field",
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
    /// No SIP, or without the Via by which an answer finds its way.
    Unreadable,
}

/// A request, as far as a stateless server needs it. All slices point into the datagram.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a [u8],
    pub uri: &'a [u8],
    vias: Vias<'a>,
    pub top_via: Via<'a>,
    pub from: &'a [u8],
    pub from_uri: &'a [u8],
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
    /// Every field, as they came, for those that are seldom asked for: see [`Request::field`].
    fields: &'a [u8],
    /// The first thing that is wrong, if anything is.
    pub fault: Option<Fault>,
}

impl<'a> Request<'a> {
    /// The values of Via, a line each, in their order.
    pub fn vias(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let again = if self.vias.are_all_at_hand() { &[] } else { self.fields };
        let again = fields(again).filter(|(name, _)| matches!(Field::named(name), Some(Field::Via)));
        self.vias.with(again.map(|(_, value)| value))
    }

    /// The value of the first field of this name; compact forms are not looked for.
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        fields(self.fields).find(|(named, _)| named.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

/// Names and values of a header, up to the empty line that ends it. What has no colon has an empty name.
fn fields(mut header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (field, after) = split_field(header).filter(|(field, _)| !field.is_empty())?;
        header = after;
        let (name, value) = field.split_at_checked(memchr(b':', field).unwrap_or(0))?;
        Some((trim(name), trim(value.get(1..).unwrap_or_default())))
    })
}

#[derive(Default)]
struct Collected<'a> {
    vias: Vias<'a>,
    /// Longer than can be copied.
    long_via: bool,
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

    /// URI and tag of From or To.
    fn address(&mut self, address: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        let Some(Address { uri, parameters }) = parse_address(address) else {
            self.fault(Fault::Address);
            return (&[], None);
        };
        (uri, parameter(parameters, b"tag"))
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let result = match Field::named(name) {
            Some(Field::Via) => {
                self.long_via |= value.len() > VALUE_AT_MOST;
                self.vias.push(value)
            }
            Some(Field::From) => once(&mut self.from, value),
            Some(Field::To) => once(&mut self.to, value),
            Some(Field::CallId) => once(&mut self.call_id, value),
            Some(Field::CSeq) => once(&mut self.cseq, value),
            Some(Field::ContentLength) => once(&mut self.content_length, value),
            Some(Field::Require) => self.require.push(value),
            Some(Field::Asserted) => self.asserted.push(value),
            Some(Field::Privacy) => once(&mut self.privacy, value),
            None => Ok(()),
        };
        if let Err(fault) = result {
            self.fault(fault);
        }
    }
}

/// Header fields that are looked at.
#[derive(Debug, Clone, Copy)]
enum Field {
    Via,
    From,
    To,
    CallId,
    CSeq,
    ContentLength,
    Require,
    Asserted,
    Privacy,
}

impl Field {
    /// By its name or its compact form (RFC 3261 §7.3.3). Most fields are none of these, which their length tells.
    fn named(name: &[u8]) -> Option<Self> {
        let (long, field): (&[u8], Self) = match (name.len(), name.first()?.to_ascii_lowercase()) {
            (1, b'v') => return Some(Self::Via),
            (1, b'f') => return Some(Self::From),
            (1, b't') => return Some(Self::To),
            (1, b'i') => return Some(Self::CallId),
            (1, b'l') => return Some(Self::ContentLength),
            (2, b't') => (b"to", Self::To),
            (3, b'v') => (b"via", Self::Via),
            (4, b'f') => (b"from", Self::From),
            (4, b'c') => (b"cseq", Self::CSeq),
            (7, b'c') => (b"call-id", Self::CallId),
            (7, b'r') => (b"require", Self::Require),
            (7, b'p') => (b"privacy", Self::Privacy),
            (14, b'c') => (b"content-length", Self::ContentLength),
            (19, b'p') => (b"p-asserted-identity", Self::Asserted),
            _ => return None,
        };
        name.eq_ignore_ascii_case(long).then_some(field)
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
    let (fields, mut ended) = (rest, false);
    for _ in 0..HEADERS_AT_MOST {
        let Some((line, after)) = split_field(rest) else { break };
        rest = after;
        if line.is_empty() {
            ended = true;
            break;
        }
        match memchr(b':', line) {
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
    finish(collected, (method, uri), fields, rest)
}

fn finish<'a>(
    mut seen: Collected<'a>,
    (method, uri): (&'a [u8], &'a [u8]),
    fields: &'a [u8],
    body: &[u8],
) -> Result<Request<'a>, Unanswerable> {
    let via = seen.vias.top().ok_or(Unanswerable::Unreadable)?;
    if seen.from.is_none() || seen.to.is_none() || seen.call_id.is_none() || seen.cseq.is_none() {
        // What is not even a request line may be anything.
        if uri.is_empty() {
            return Err(Unanswerable::Unreadable);
        }
        // The answer repeats what there is (RFC 4475 §3.3.1).
        seen.fault(Fault::Missing);
    }
    let (from, to) = (seen.from.unwrap_or_default(), seen.to.unwrap_or_default());
    let (call_id, cseq) = (seen.call_id.unwrap_or_default(), seen.cseq.unwrap_or_default());
    // An answer goes where the top Via says, so a Via beyond reading is beyond answering.
    let top_via = parse_via(via).ok_or(Unanswerable::Unreadable)?;
    if seen.long_via {
        return Err(Unanswerable::Unreadable);
    }
    if values(top_via.rest).skip(1).any(|via| via.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b';')) {
        seen.fault(Fault::Via);
    }
    let is_short = |length| number(length).is_none_or(|length| length as usize > body.len());
    if seen.content_length.is_some_and(is_short) {
        seen.fault(Fault::ContentLength);
    }
    if call_id.is_empty() || call_id.iter().any(u8::is_ascii_whitespace) {
        seen.fault(Fault::CallId);
    }
    let ((from_uri, from_tag), (_, to_tag)) = (seen.address(from), seen.address(to));
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
        from_uri,
        from_tag: from_tag.unwrap_or_default(),
        to,
        has_to_tag: to_tag.is_some(),
        call_id,
        cseq,
        cseq_number,
        asserted: seen.asserted,
        privacy: seen.privacy.unwrap_or_default(),
        require: seen.require,
        fields,
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
    let end = memchr(b'\n', text).unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default()))
}

/// One header field: a line and those that continue it (RFC 3261 §7.3.1).
pub(in crate::workers::router) fn split_field(text: &[u8]) -> Option<(&[u8], &[u8])> {
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
#[path = "scan_tests.rs"]
mod tests;
