//! Phone numbers out of SIP and tel URIs, without allocation. Pure.

use super::fields::{parse_address, trim, values};
use super::scan::Request;
use crate::domain::numbering::{Caller, FourHundred};

/// Digits of a URI's user part, `+` in front where it stood there.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    text: [u8; 32],
    length: usize,
}

impl Digits {
    pub fn as_str(&self) -> &str {
        self.text.get(..self.length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    /// Reads a user part such as `+86-755-8888-0001` or `%2B8675588880001`; `None` where it is not a number.
    fn read(user: &[u8]) -> Option<Self> {
        let mut digits = Self { text: [0; 32], length: 0 };
        let mut bytes = user.iter().copied();
        while let Some(byte) = bytes.next() {
            let byte = if byte == b'%' { unhex(bytes.next()?)? * 16 + unhex(bytes.next()?)? } else { byte };
            match byte {
                b'0'..=b'9' => digits.push(byte)?,
                b'+' if digits.length == 0 => digits.push(byte)?,
                // Visual separators (RFC 3966 §5.1.1).
                b'-' | b'.' | b'(' | b')' | b' ' => {}
                _ => return None,
            }
        }
        digits.as_str().bytes().any(|byte| byte.is_ascii_digit()).then_some(digits)
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.text.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }
}

fn unhex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A URI's scheme, as far as this server serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sip,
    Tel,
}

/// A URI cut into what matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    pub scheme: Scheme,
    /// Without password and parameters; empty where there is none.
    pub user: &'a [u8],
    /// `host:port`; empty for tel.
    pub host: &'a [u8],
}

/// `None` for a scheme that is not served.
pub fn parse_uri(uri: &[u8]) -> Option<Uri<'_>> {
    let colon = uri.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = (uri.get(..colon)?, uri.get(colon + 1..)?);
    if scheme.eq_ignore_ascii_case(b"tel") {
        return Some(Uri { scheme: Scheme::Tel, user: until(rest, b";?"), host: &[] });
    }
    if !scheme.eq_ignore_ascii_case(b"sip") && !scheme.eq_ignore_ascii_case(b"sips") {
        return None;
    }
    match rest.iter().position(|byte| *byte == b'@') {
        Some(at) => {
            let (user, host) = (rest.get(..at)?, rest.get(at + 1..)?);
            Some(Uri { scheme: Scheme::Sip, user: until(user, b";:"), host: until(host, b";?>") })
        }
        None => Some(Uri { scheme: Scheme::Sip, user: &[], host: until(rest, b";?>") }),
    }
}

fn until<'a>(text: &'a [u8], ends: &[u8]) -> &'a [u8] {
    text.split(|byte| ends.contains(byte)).next().unwrap_or_default()
}

/// The 400 number that was called, in any form that `POST /v1/route` reads too.
pub fn called(uri: &Uri<'_>) -> Option<FourHundred> {
    FourHundred::from_called(Digits::read(uri.user)?.as_str())
}

/// Who calls (RFC 3325 §9.1): the first asserted identity with a number, for the peer is admitted, else From. Under
/// `Privacy: id` the number is withheld; an asserted one still tells its area.
pub fn caller(request: &Request<'_>) -> Caller {
    let withheld = is_withheld(request.privacy);
    for value in request.asserted.iter().flat_map(values) {
        if let Some(digits) = parse_address(value).and_then(|address| number_of(address.uri)) {
            return if withheld { Caller::anonymous_from(digits.as_str()) } else { Caller::parse(digits.as_str()) };
        }
    }
    match number_of(request.from_uri) {
        Some(digits) if !withheld => Caller::parse(digits.as_str()),
        _ => Caller::parse(""),
    }
}

fn number_of(uri: &[u8]) -> Option<Digits> {
    let uri = parse_uri(uri)?;
    // RFC 3323 §4.1.1.3
    if uri.host.eq_ignore_ascii_case(b"anonymous.invalid") {
        return None;
    }
    Digits::read(uri.user)
}

fn is_withheld(privacy: &[u8]) -> bool {
    privacy.split(|byte| matches!(byte, b';' | b',')).any(|value| trim(value).eq_ignore_ascii_case(b"id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_called_number_is_found_however_it_is_written() {
        for uri in [
            "sip:4001000868@10.0.0.1",
            "sip:4001000868;npdi:secret@10.0.0.1:5060;user=phone",
            "sip:+864001000868@trunk.example",
            "sip:864001000868@trunk.example",
            "SIP:%2B864001000868@trunk.example?Subject=x",
            "sips:400-1000-868@10.0.0.1",
            "tel:+86-400-100-0868",
            "tel:4001000868;phone-context=+86",
            "sip:179514001000868@10.0.0.1",
            "sip:00864001000868@10.0.0.1",
        ] {
            let number = called(&parse_uri(uri.as_bytes()).unwrap()).map(|number| number.to_string());
            assert_eq!(number.as_deref(), Some("4001000868"), "{uri}");
        }
        for uri in ["sip:alice@10.0.0.1", "sip:10.0.0.1", "sip:40010008680@x", "tel:112", "sip:4001000868%zz@x"] {
            assert_eq!(called(&parse_uri(uri.as_bytes()).unwrap()), None, "{uri}");
        }
        assert_eq!(parse_uri(b"nobodyKnowsThisScheme:totallyopaquecontent"), None);
    }
}
