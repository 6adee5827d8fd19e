//! The contacts of a 302: where a call is tried, in which order, and for how long (RFC 3261 §20.10).

use std::fmt;

use super::redirect::{DecisionParameter, Place};
use super::scan::Request;
use super::write::Answer;
use crate::domain::routing::compiled::CompiledDestination;
use crate::domain::routing::decision::{AfterLast, DecidedBy, Decision, Destinations};
use crate::domain::routing::document::NumberFormat;

/// Bytes of a header field's value that travels on.
const VALUE_AT_MOST: usize = 256;
/// Bytes of all that travel on, names, values and what escapes them: they stand in each of up to nine contacts, and an
/// answer has to fit a datagram.
const PASSED_AT_MOST: usize = 1_024;

/// One line per contact, in order and with q strictly falling: some switches go by the one, some by the other.
pub(super) fn write(
    answer: &mut Answer<'_>,
    (place, request): (&Place<'_>, &Request<'_>),
    decision: &Decision<'_>,
    destinations: &Destinations<'_>,
    after: Option<AfterLast<'_>>,
) {
    let mut preference = Preference(10);
    let parameter = decision_parameter(place, decision);
    for destination in destinations.iter() {
        contact(answer, place, destination, parameter.as_ref());
        passed_on(answer, &place.head.pass_headers, request);
        answer.bytes(&preference.next().after_uri());
        if let Some(seconds) = destination.ring_seconds {
            answer.bytes(b";x-ring-seconds=");
            answer.decimal(seconds.into());
        }
        answer.bytes(b"\r\n");
    }
    if let Some(AfterLast::Announcement(announcement)) = after {
        answer.field("Contact", format_args!("<{announcement}>;q={}", preference.next()));
    }
}

/// `Contact: <sip:NUMBER@TRUNK;user=phone`
fn contact(
    answer: &mut Answer<'_>,
    place: &Place<'_>,
    destination: &CompiledDestination,
    decision: Option<&DecisionText<'_>>,
) {
    let trunk = &place.head.trunk;
    match trunk.number_format {
        NumberFormat::National => {
            answer.bytes(b"Contact: <sip:");
            answer.bytes(destination.number.as_str().as_bytes());
        }
        NumberFormat::E164 => {
            answer.bytes(b"Contact: <sip:+");
            answer.bytes(destination.number.e164().as_str().as_bytes());
        }
    }
    answer.bytes(trunk.after_number.as_bytes());
    if let Some(decision) = decision {
        answer.text(format_args!(";decision={decision}"));
    }
}

fn decision_parameter<'d>(place: &Place<'_>, decision: &Decision<'d>) -> Option<DecisionText<'d>> {
    if place.decision_parameter == DecisionParameter::Absent {
        return None;
    }
    let name = match decision.decided_by {
        DecidedBy::Screens => "",
        DecidedBy::Override(name) | DecidedBy::Rule(name) => name,
    };
    let digest = decision.plan()?;
    let prefix = digest.as_bytes().iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    Some(DecisionText { prefix, name })
}

/// Header fields of the request as header fields of the URI: `?X-Customer=42&Subject=%E5%94%AE%E5%90%8E`. One whose value
/// is longer than its bound, or goes beyond that of all together, is left out, not cut: half a value says something else.
fn passed_on(answer: &mut Answer<'_>, names: &[String], request: &Request<'_>) {
    let mut before: &[u8] = b"?";
    let begin = answer.written();
    for name in names {
        let Some(value) = request.field(name).filter(|value| value.len() <= VALUE_AT_MOST) else { continue };
        let end = answer.written();
        answer.bytes(before);
        answer.bytes(name.as_bytes());
        answer.bytes(b"=");
        answer.escaped(value);
        if answer.written() - begin > PASSED_AT_MOST {
            answer.truncate(end);
            continue;
        }
        before = b"&";
    }
}

/// Tenths from 1.0 down: nine destinations and an announcement use them up exactly.
struct Preference(u8);

struct Quality(u8);

impl Preference {
    fn next(&mut self) -> Quality {
        let quality = Quality(self.0);
        self.0 = self.0.saturating_sub(1);
        quality
    }
}

impl Quality {
    /// `1.0` to `0.0`
    fn text(&self) -> [u8; 3] {
        [b'0' + self.0 / 10, b'.', b'0' + self.0 % 10]
    }

    /// `>;q=1.0` to `>;q=0.0`
    fn after_uri(&self) -> [u8; 7] {
        let [whole, point, tenth] = self.text();
        [b'>', b';', b'q', b'=', whole, point, tenth]
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().into_iter().try_for_each(|byte| write!(f, "{}", char::from(byte)))
    }
}

/// Digest prefix and rule, as a URI parameter may carry them.
struct DecisionText<'a> {
    prefix: u32,
    name: &'a str,
}

impl fmt::Display for DecisionText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-", self.prefix)?;
        for byte in self.name.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}
