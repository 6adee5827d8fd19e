//! The fields that a stateless server reads into: Via, addresses, `CSeq`, parameters (RFC 3261 §25.1). All slices point
//! into the field's value, which may be any bytes.

use memchr::memchr;

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

/// `SIP/2.0/UDP host:port;parameters`, with white space wherever RFC 3261 §25.1 allows it.
pub fn parse_via(line: &[u8]) -> Option<Via<'_>> {
    let end = outside_quotes(line, b',').unwrap_or(line.len());
    let (top, rest) = line.split_at_checked(end)?;
    let semicolon = outside_quotes(top, b';').unwrap_or(top.len());
    let (sent, parameters) = top.split_at_checked(semicolon)?;
    let mut slashes = sent.splitn(3, |byte| *byte == b'/');
    let (name, version, transport_and_host) = (slashes.next()?, slashes.next()?, slashes.next()?);
    // A version that is not spoken here gets its 505 by the way that it names (RFC 4475 §3.1.2.16).
    if !trim(name).eq_ignore_ascii_case(b"SIP") || !trim(version).iter().all(|byte| is_token(*byte)) {
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

/// `"Display" <uri>;parameters`, `<uri>`, or `uri;parameters`. One value: see [`values`] for several.
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

/// The values of a field that may have several in one line (RFC 3261 §7.3.1): cut at commas outside quotes and `<…>`.
pub fn values(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let end = top_level_comma(line).unwrap_or(line.len());
        rest = line.get(end + 1..);
        line.get(..end)
    })
}

fn top_level_comma(line: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = line.get(from..)?;
        let comma = outside_quotes(rest, b',');
        match outside_quotes(rest, b'<').filter(|open| comma.is_none_or(|comma| *open < comma)) {
            // A bracket that never closes holds whatever follows.
            Some(open) => from += open + rest.get(open..)?.iter().position(|byte| *byte == b'>')?,
            None => return comma.map(|comma| from + comma),
        }
    }
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

pub(super) fn parse_cseq(value: &[u8]) -> Option<(u32, &[u8])> {
    let gap = value.iter().position(u8::is_ascii_whitespace)?;
    let (digits, method) = value.split_at_checked(gap)?;
    let number = number(digits).filter(|number| *number < 1 << 31)?;
    Some((number, trim(method)))
}

pub(in crate::workers::router) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where `wanted` first stands outside a quoted string.
pub(super) fn outside_quotes(text: &[u8], wanted: u8) -> Option<usize> {
    if memchr(b'"', text).is_none() {
        return memchr(wanted, text);
    }
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

pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Without white space (line ends of folded values among it) around.
pub(in crate::workers::router) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_at_commas_that_stand_between_them() {
        for (line, expected) in [
            ("<sip:alice@op>, <tel:+8675522223333>", vec!["<sip:alice@op>", "<tel:+8675522223333>"]),
            ("\"A, \\\"<B\" <sip:a,b@op>;x=1 ,tel:112", vec!["\"A, \\\"<B\" <sip:a,b@op>;x=1", "tel:112"]),
            ("<sip:a@op", vec!["<sip:a@op"]),
            ("<sip:a@op, <sip:b@op", vec!["<sip:a@op, <sip:b@op"]),
            ("a,,b,", vec!["a", "", "b", ""]),
            ("", vec![""]),
        ] {
            let cut: Vec<_> = values(line.as_bytes()).map(|value| std::str::from_utf8(trim(value)).unwrap()).collect();
            assert_eq!(cut, expected, "{line}");
        }
    }
}
