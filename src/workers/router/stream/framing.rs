//! Where one SIP message ends and the next begins on a stream (RFC 3261 §18.3, §20.14). Pure.

use super::MESSAGE_AT_MOST;
use crate::workers::router::sip::fields::{number, trim};
use crate::workers::router::sip::redirect::Breach;
use crate::workers::router::sip::scan::split_field;

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// Not a whole message yet.
    Partial,
    /// Line ends between messages: so many bytes. A double one is a ping that asks for a single one back (RFC 5626
    /// §3.5.1).
    Blank { length: usize, is_ping: bool },
    /// A message of so many bytes.
    Message { length: usize },
    /// A message whose end cannot be found, so that nothing after it can be read either; so many bytes are its header.
    Broken { length: usize, breach: Breach },
}

/// Finds messages in a buffer that grows at its end, each byte looked at once.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Bytes at the front that hold no end of a header.
    searched: usize,
    /// The message at the front, header and body, once its header is whole.
    length: Option<usize>,
}

impl Framer {
    /// What stands at the front of `buffer`. Whoever takes it off the buffer asks again with what is left.
    pub(super) fn next(&mut self, buffer: &[u8]) -> Frame {
        let length = match self.length {
            Some(length) => length,
            None => match self.length(buffer) {
                Ok(length) => length,
                Err(frame) => return frame,
            },
        };
        self.length = Some(length);
        if buffer.len() < length {
            return Frame::Partial;
        }
        *self = Self::default();
        Frame::Message { length }
    }

    /// How long the message at the front is; what else there is to say where that cannot be told.
    fn length(&mut self, buffer: &[u8]) -> Result<usize, Frame> {
        if let Some(frame) = blank(buffer) {
            return Err(frame);
        }
        let Some(header) = self.header_end(buffer) else {
            return Err(if buffer.len() < MESSAGE_AT_MOST {
                Frame::Partial
            } else {
                self.broken(buffer.len(), Breach::TooLong)
            });
        };
        let body =
            content_length(buffer.get(..header).unwrap_or_default()).map_err(|breach| self.broken(header, breach))?;
        let length = header.saturating_add(body);
        if length > MESSAGE_AT_MOST {
            let breach = if header > MESSAGE_AT_MOST { Breach::TooLong } else { Breach::BodyTooLarge };
            return Err(self.broken(header, breach));
        }
        Ok(length)
    }

    fn broken(&mut self, length: usize, breach: Breach) -> Frame {
        *self = Self::default();
        Frame::Broken { length, breach }
    }

    /// Bytes up to and with the empty line. An end of line is CRLF, or LF alone as [`super::super::sip::scan`] takes it.
    fn header_end(&mut self, buffer: &[u8]) -> Option<usize> {
        // The empty line may have begun in what was searched before.
        let mut from = self.searched.saturating_sub(2);
        while let Some(found) = buffer.get(from..)?.iter().position(|byte| *byte == b'\n') {
            let after = from + found + 1;
            match buffer.get(after..)? {
                [b'\n', ..] => return Some(after + 1),
                [b'\r', b'\n', ..] => return Some(after + 2),
                _ => from = after,
            }
        }
        self.searched = buffer.len();
        None
    }
}

/// Cuts whatever can be cut off the front of `bytes`, as a connection does; panics where that would not end.
#[cfg(any(test, fuzzing))]
pub(crate) fn cut(bytes: &[u8]) {
    let (mut framer, mut rest) = (Framer::default(), bytes);
    loop {
        match framer.next(rest) {
            Frame::Partial => return,
            Frame::Blank { length, .. } | Frame::Message { length } => {
                assert!(length > 0, "something is taken");
                rest = rest.get(length..).unwrap_or_default();
            }
            Frame::Broken { length, .. } => return assert!(length > 0 && length <= rest.len(), "what there is"),
        }
    }
}

/// Whether nothing but line ends stands there: no message has begun.
pub(super) fn is_blank(buffer: &[u8]) -> bool {
    buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

fn blank(buffer: &[u8]) -> Option<Frame> {
    match buffer {
        [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => Some(Frame::Partial),
        [b'\r', b'\n', b'\r', b'\n', ..] => Some(Frame::Blank { length: 4, is_ping: true }),
        [b'\r', b'\n', ..] => Some(Frame::Blank { length: 2, is_ping: false }),
        [b'\r' | b'\n', ..] => Some(Frame::Blank { length: 1, is_ping: false }),
        _ => None,
    }
}

/// The one that stands in the header; on a stream it must (RFC 3261 §20.14).
fn content_length(header: &[u8]) -> Result<usize, Breach> {
    let mut rest = header;
    let mut length = None;
    while let Some((field, after)) = split_field(rest) {
        rest = after;
        let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = field.split_at_checked(colon).unwrap_or_default();
        let name = trim(name);
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = number(trim(value.get(1..).unwrap_or_default())).ok_or(Breach::WrongLength)?;
        // Two that differ are how one message is smuggled inside another.
        if length.is_some_and(|length| length != value) {
            return Err(Breach::WrongLength);
        }
        length = Some(value);
    }
    let length = length.ok_or(Breach::NoLength)?;
    usize::try_from(length).map_err(|_| Breach::BodyTooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(body: &str) -> String {
        format!("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn messages_are_told_apart_by_their_length() {
        let two = format!("{}{}", message("v=0\r\n\r\n"), message(""));
        let first = message("v=0\r\n\r\n").len();
        assert_eq!(Framer::default().next(two.as_bytes()), Frame::Message { length: first });
        let mut framer = Framer::default();
        for end in 0..message("v=0").len() {
            assert_eq!(framer.next(&message("v=0").as_bytes()[..end]), Frame::Partial, "{end} bytes");
        }
        assert_eq!(framer.next(message("v=0").as_bytes()), Frame::Message { length: message("v=0").len() });
        let bare = "OPTIONS sip:a@b SIP/2.0\nl : 3\n\nabc";
        assert_eq!(Framer::default().next(bare.as_bytes()), Frame::Message { length: bare.len() });
    }

    #[test]
    fn a_message_without_an_end_is_told_from_one_that_is_not_whole() {
        let header = "OPTIONS sip:a@b SIP/2.0\r\n";
        let breach = |more: &str| match Framer::default().next(format!("{header}{more}\r\n").as_bytes()) {
            Frame::Broken { length, breach } => {
                assert_eq!(length, header.len() + more.len() + 2);
                Some(breach)
            }
            _ => None,
        };
        assert_eq!(breach("CSeq: 1 OPTIONS\r\n"), Some(Breach::NoLength));
        assert_eq!(breach("Content-Length: -1\r\n"), Some(Breach::WrongLength));
        assert_eq!(breach("Content-Length: 1 2\r\n"), Some(Breach::WrongLength));
        assert_eq!(breach("Content-Length: 0\r\nl: 5\r\n"), Some(Breach::WrongLength));
        assert_eq!(breach("Content-Length: 99999\r\n"), Some(Breach::BodyTooLarge));
        assert_eq!(breach("Content-Length: 9\r\nContent-Length: 9\r\n"), None);
        let endless = vec![b'a'; MESSAGE_AT_MOST];
        let too_long = Frame::Broken { length: MESSAGE_AT_MOST, breach: Breach::TooLong };
        assert_eq!(Framer::default().next(&endless), too_long);
        assert_eq!(Framer::default().next(&endless[1..]), Frame::Partial);
    }

    #[test]
    fn a_header_is_read_once_however_many_arrivals_its_body_takes() {
        let whole = message("v=0");
        let mut framer = Framer::default();
        assert_eq!(framer.next(&whole.as_bytes()[..whole.len() - 3]), Frame::Partial);
        // Were the header read again, its end would not be found.
        let overwritten = "x".repeat(whole.len());
        assert_eq!(framer.next(&overwritten.as_bytes()[..whole.len() - 1]), Frame::Partial);
        assert_eq!(framer.next(overwritten.as_bytes()), Frame::Message { length: whole.len() });
        assert_eq!(framer.next(&message("").as_bytes()[..9]), Frame::Partial, "and the next one's is read");
    }

    #[test]
    fn line_ends_between_messages_are_no_message() {
        for (buffer, frame) in [
            ("\r\n\r\n", Frame::Blank { length: 4, is_ping: true }),
            ("\r\n\r\nOPTIONS", Frame::Blank { length: 4, is_ping: true }),
            ("\r\nOPTIONS", Frame::Blank { length: 2, is_ping: false }),
            ("\nOPTIONS", Frame::Blank { length: 1, is_ping: false }),
            ("\r\n", Frame::Partial),
            ("", Frame::Partial),
        ] {
            assert_eq!(Framer::default().next(buffer.as_bytes()), frame, "{buffer:?}");
        }
    }

    proptest! {
        /// However a stream is cut into arrivals, the same messages come out.
        #[test]
        fn cuts_do_not_matter(bodies in prop::collection::vec("[a\r\n:]{0,12}", 1..6), cuts in prop::collection::vec(1_usize..9, 0..200)) {
            let stream: String = bodies.iter().map(|body| message(body)).collect();
            let (mut framer, mut buffer, mut found) = (Framer::default(), Vec::new(), Vec::new());
            let (mut rest, mut cuts) = (stream.as_bytes(), cuts.into_iter());
            while !rest.is_empty() {
                let (arrival, after) = rest.split_at(cuts.next().unwrap_or(rest.len()).min(rest.len()));
                rest = after;
                buffer.extend_from_slice(arrival);
                loop {
                    match framer.next(&buffer) {
                        Frame::Partial => break,
                        Frame::Message { length } => found.push(String::from_utf8(buffer.drain(..length).collect()).unwrap()),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
            prop_assert_eq!(found, bodies.iter().map(|body| message(body)).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            match Framer::default().next(&bytes) {
                Frame::Message { length } | Frame::Broken { length, .. } | Frame::Blank { length, .. } => {
                    prop_assert!(length > 0 && length <= bytes.len());
                }
                Frame::Partial => {}
            }
        }
    }
}
