//! What reads input from outside, as functions of bytes alone: fuzz targets call them, and tests replay the corpora through
//! them. Each panics where something must never be. Not in the program: built for tests and fuzzing only.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a target fails by panicking")]

use std::net::SocketAddr;

use crate::domain::numbering::{Caller, CallerPattern, Destination, FourHundred, VanityPattern, normalise};
use crate::domain::rating::book::{PriceBook, PriceBookDocument};
use crate::domain::rating::native::{Format, Legs, Native, Settings, csv_rows};
use crate::domain::rating::rate::Used;
use crate::domain::rating::{CallRecord, rate_call};
use crate::domain::routing::load::{ANY_CALLERS, load};
use crate::domain::routing::plan::Plan;
use crate::domain::routing::worlds;
use crate::runtime::unpack::{self, Packing, UnpackError};
use crate::workers::router::sip::redirect::{DecisionParameter, Memory, Place, ReplyPort, answer};

thread_local! {
    static PLAN: Plan = worlds::plan();
}

/// A datagram: answered or not, the answer is one whole message and the same again.
pub fn sip(bytes: &[u8]) {
    PLAN.with(|plan| {
        let place = Place {
            plan,
            head: plan.head("telephony/east").expect("the fixture has it"),
            breach: None,
            reply_port: ReplyPort::Via,
            decision_parameter: DecisionParameter::Present,
        };
        let source: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
        let now = "2026-11-23T10:00:00+08:00".parse().expect("an instant");
        let ask = || {
            let mut out = Vec::new();
            let reply = answer(&place, source, bytes, now, &mut Memory::default(), &mut out);
            (reply, out)
        };
        let (reply, out) = ask();
        if let Some(to) = reply.to {
            assert_eq!(to.ip(), source.ip(), "nobody else is answered");
            assert!(out.starts_with(b"SIP/2.0 ") && out.ends_with(b"Content-Length: 0\r\n\r\n"));
            let ends = out.windows(4).filter(|window| *window == b"\r\n\r\n").count();
            assert_eq!(ends, 1, "nothing of the request ends the answer's header");
            assert!(!out.contains(&0) && out.len() < 4 * bytes.len() + 4_096);
        }
        assert_eq!(ask(), (reply, out));
    });
}

/// A stream: whatever comes, messages are cut off its front until more is needed.
pub fn stream(bytes: &[u8]) {
    crate::workers::router::stream::cut(bytes);
}

/// A part of the plan, or nothing that is taken for one.
pub fn plan(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(load(text, ANY_CALLERS));
    }
}

/// A number as somebody writes it; what comes out of normalising stays as it is.
pub fn number(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(national) = normalise(text) {
        assert_eq!(normalise(national.as_str()).ok(), Some(national), "{text:?}");
    }
    let caller = Caller::parse(text);
    assert!(caller.number().is_none_or(|number| Caller::of(number) == caller));
    drop((Destination::parse(text), FourHundred::from_called(text)));
    drop((text.parse::<CallerPattern>(), text.parse::<VanityPattern>()));
}

/// A file of manifests.
pub fn yaml(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(crate::folder::yaml::parse(text));
    }
}

/// A record of a switch, or a neutral one; the first byte says whose. What is taken holds together, and is the same again
/// from the text that the ledger keeps.
pub fn record(bytes: &[u8]) {
    let Some((whose, text)) = bytes.split_first() else { return };
    let legs = if whose % 2 == 0 { Legs::CallFlow } else { Legs::OwnRecords };
    let format = match whose % 8 / 2 {
        0 => Format::FreeSwitchJson,
        1 => Format::KamailioAcc,
        2 => Format::AsteriskCsv,
        _ => return drop(CallRecord::from_json(text)),
    };
    let settings = Settings { legs, ..Settings::default() };
    let native = Native::new("fs-1", format, settings).expect("the settings are sound");
    for row in csv_rows(text) {
        assert!(row.1.len() <= text.len());
    }
    for neutral in native.read(text).unwrap_or_default() {
        let Ok(record) = CallRecord::parse(&neutral) else { continue };
        let kept = serde_json::to_string(&neutral).expect("a record is text");
        assert_eq!(CallRecord::from_json(kept.as_bytes()).as_ref(), Ok(&record));
    }
}

/// A packed body; the first byte says how. It grows to no more than there is room for.
pub fn packed(bytes: &[u8]) {
    const ROOM: usize = 1024 * 1024;
    let Some((how, packed)) = bytes.split_first() else { return };
    let packing = if how % 2 == 0 { Packing::Gzip } else { Packing::Zstd };
    let room = |length| if length > ROOM { Err(UnpackError::NoRoom) } else { Ok(()) };
    if let Ok(text) = unpack::whole(packing, packed, room) {
        assert!(text.len() <= ROOM + unpack::PIECE);
    }
}

/// A price book as the ledger keeps it. One that is taken is the same again from its own text, and rates a call.
pub fn prices(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<PriceBookDocument>(bytes) else { return };
    let Ok(book) = PriceBook::new(&document) else { return };
    let again: PriceBookDocument = serde_json::from_str(&document.canonical()).expect("it was written by us");
    assert_eq!(PriceBook::new(&again).expect("it was taken before").digest(), book.digest());
    let call = r#"{"source":"a","callId":"b","leg":1,"number":"4001000868","caller":"01066660000","destination":"075566660002",
        "startedAt":"2026-11-23T10:00:00+08:00","answeredAt":"2026-11-23T10:00:05+08:00","endedAt":"2026-11-23T11:00:05+08:00","outcome":"Answered"}"#;
    let record = CallRecord::from_json(call.as_bytes()).expect("it is a record");
    let rated = rate_call(&book, Used::Nothing, &record, record.distance()).ok();
    if let Some(charge) = rated.and_then(|rated| rated.charge) {
        assert_eq!(charge.recompute(&book), Some(charge.amount));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a target over its corpus.
    fn replay(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut played = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            run(&std::fs::read(entry.unwrap().path()).unwrap());
            played += 1;
        }
        assert!(played > 0, "{} is empty", folder.display());
    }

    #[test]
    fn every_corpus_is_read_without_harm() {
        replay("sip", super::sip);
        replay("stream", super::stream);
        replay("plan", super::plan);
        replay("number", super::number);
        replay("yaml", super::yaml);
        replay("record", super::record);
        replay("packed", super::packed);
        replay("prices", super::prices);
    }
}
