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
    assert_eq!(request.vias().count(), 2);
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
    let without_via = INVITE.replacen("Via: ", "X: ", 1).replace("v: SIP", "X: SIP");
    assert_eq!(scan(without_via.as_bytes()).unwrap_err(), Unanswerable::Unreadable);
    for field in ["f: ", "To: ", "i: ", "CSeq: "] {
        let without = INVITE.replacen(field, "X: ", 1);
        assert_eq!(scan(without.as_bytes()).unwrap().fault, Some(Fault::Missing), "{field:?}");
        let no_request = without.replacen("INVITE sip", "<html> sip", 1);
        assert_eq!(scan(no_request.as_bytes()).unwrap_err(), Unanswerable::Unreadable, "{field:?}");
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
