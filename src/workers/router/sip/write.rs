//! Writes answers into a buffer that is used again (RFC 3261 §8.2.6).

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use memchr::memchr3;

use super::scan::Request;

/// An answer under construction.
#[derive(Debug)]
pub struct Answer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Answer<'o> {
    /// Begins with the status line and the header fields that every answer repeats from its request.
    pub fn begin(
        out: &'o mut Vec<u8>,
        request: &Request<'_>,
        source: SocketAddr,
        to_tag: u64,
        status: u16,
        phrase: &str,
    ) -> Self {
        out.clear();
        let mut answer = Self { out };
        answer.bytes(b"SIP/2.0 ");
        answer.decimal(status.into());
        answer.bytes(b" ");
        answer.bytes(phrase.as_bytes());
        answer.bytes(b"\r\n");
        answer.vias(request, source);
        answer.repeat_if_there(b"From: ", request.from);
        if !request.to.is_empty() {
            answer.bytes(b"To: ");
            answer.folded(request.to);
            if !request.has_to_tag {
                answer.bytes(b";tag=");
                answer.hexadecimal(to_tag);
            }
            answer.bytes(b"\r\n");
        }
        answer.repeat_if_there(b"Call-ID: ", request.call_id);
        answer.repeat_if_there(b"CSeq: ", request.cseq);
        answer
    }

    /// Bytes written so far.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.out.truncate(length);
    }

    /// Adds a header field.
    pub fn field(&mut self, name: &str, value: std::fmt::Arguments<'_>) {
        self.text(format_args!("{name}: {value}\r\n"));
    }

    /// Adds a header field with a value of the request's own.
    pub fn repeat(&mut self, name_and_colon: &[u8], value: &[u8]) {
        self.bytes(name_and_colon);
        self.folded(value);
        self.bytes(b"\r\n");
    }

    fn repeat_if_there(&mut self, name_and_colon: &[u8], value: &[u8]) {
        if !value.is_empty() {
            self.repeat(name_and_colon, value);
        }
    }

    /// Ends the answer; it has no body.
    pub fn end(mut self) {
        self.bytes(b"Content-Length: 0\r\n\r\n");
    }

    fn vias(&mut self, request: &Request<'_>, source: SocketAddr) {
        let top = &request.top_via;
        self.bytes(b"Via: ");
        self.folded(top.sent);
        self.other_parameters(top.parameters);
        let address = source.ip().to_canonical();
        // RFC 3581 §4 wants `received` beside `rport` always, RFC 3261 §18.2.1 where the host is another.
        if top.asks_rport || !is_same_host(top.host, address) {
            self.bytes(b";received=");
            self.address(address);
        }
        if top.asks_rport {
            self.bytes(b";rport=");
            self.decimal(source.port().into());
        }
        self.folded(top.rest);
        self.bytes(b"\r\n");
        for line in request.vias().skip(1) {
            self.repeat(b"Via: ", line);
        }
    }

    /// The top Via's parameters without `received` and `rport`, which are this server's to say.
    fn other_parameters(&mut self, parameters: &[u8]) {
        for one in parameters.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|one| !one.is_empty()) {
            let name = one.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
            if !name.eq_ignore_ascii_case(b"received") && !name.eq_ignore_ascii_case(b"rport") {
                self.bytes(b";");
                self.folded(one);
            }
        }
    }

    /// Adds what stands there as it is, for fields that every call has: `std::fmt` takes as long as all else together.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Adds a number.
    pub fn decimal(&mut self, number: u32) {
        let mut digits = [b'0'; 10];
        let (mut left, mut length) = (number, 0);
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
            length += 1;
            if left == 0 {
                break;
            }
        }
        self.bytes(digits.get(digits.len() - length..).unwrap_or_default());
    }

    /// Adds a value as a URI's header field may hold it (RFC 3261 §25.1, hvalue): everything but letters, digits and the
    /// plainest marks escaped. A folded value goes on in one line: an escaped line end would be one again for who reads it.
    pub fn escaped(&mut self, value: &[u8]) {
        for byte in value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)) {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'*') {
                self.bytes(&[*byte]);
            } else {
                let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'0');
                self.bytes(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }

    /// Sixteen digits.
    fn hexadecimal(&mut self, number: u64) {
        let digit = |nibble: u64| b"0123456789abcdef".get(usize::try_from(nibble & 15).unwrap_or(0)).copied();
        let digits: [u8; 16] = std::array::from_fn(|index| digit(number >> (60 - 4 * index)).unwrap_or(b'0'));
        self.bytes(&digits);
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                self.decimal(first.into());
                for octet in rest {
                    self.bytes(b".");
                    self.decimal(octet.into());
                }
            }
            IpAddr::V6(address) => self.text(format_args!("{address}")),
        }
    }

    /// Adds text that is seldom asked for.
    pub fn text(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.out.write_fmt(text);
    }

    /// A value that was folded over lines goes out on one, and no line end of a request ever gets out.
    fn folded(&mut self, value: &[u8]) {
        if memchr3(b'\r', b'\n', 0, value).is_none() {
            return self.bytes(value);
        }
        self.out.extend(value.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }));
    }
}

fn is_same_host(host: &[u8], address: IpAddr) -> bool {
    let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    std::str::from_utf8(bare).ok().and_then(|host| host.parse::<IpAddr>().ok()) == Some(address)
}
