//! The redirect server, datagram by datagram.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use proptest::prelude::*;

use super::redirect::{DecisionParameter, Handled, Memory, Place, Reply, ReplyPort, answer};
use crate::domain::routing::decision::Reason;
use crate::domain::routing::document::{
    Exhausted, Head, NumberFormat, Numbers, OriginalCalled, Part, Strategy as GroupStrategy, Target, Transport,
};
use crate::domain::routing::load::plan_of;
use crate::domain::routing::plan::Plan;
use crate::domain::routing::worlds;
use crate::workers::router::shedding::Shedding;

const SOURCE: &str = "127.0.0.1:40001";

fn request(method: &str, uri: &str, from: &str, more: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKabc\r\nFrom: <{from}>;tag=one\r\n\
         To: <sip:4001000868@10.0.0.1>\r\nCall-ID: a84b4c76@10.0.0.7\r\nCSeq: 7 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn invite(from: &str) -> String {
    request("INVITE", "sip:4001000868@10.0.0.1", from, "")
}

struct Bench {
    plan: Plan,
    reply_port: ReplyPort,
    decision_parameter: DecisionParameter,
    memory: Memory,
    now: Timestamp,
}

impl Bench {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            reply_port: ReplyPort::Source,
            decision_parameter: DecisionParameter::Absent,
            memory: Memory::default(),
            now: "2026-11-23T10:00:00+08:00".parse().unwrap(),
        }
    }

    fn with_head(change: impl FnOnce(&mut Head)) -> Self {
        let mut head = worlds::head();
        change(&mut head);
        Self::new(plan_of([Part::Head(head), Part::Numbers(worlds::leaf())]).unwrap())
    }

    fn handle(&mut self, datagram: &[u8]) -> (Reply, String) {
        let place = Place {
            plan: &self.plan,
            head: self.plan.head("telephony/east").unwrap(),
            breach: None,
            reply_port: self.reply_port,
            decision_parameter: self.decision_parameter,
        };
        let mut out = b"left over from before".to_vec();
        let source: SocketAddr = SOURCE.parse().unwrap();
        let reply = answer(&place, source, datagram, self.now, &mut self.memory, &mut out);
        (reply, String::from_utf8(out).unwrap())
    }

    fn answer(&mut self, datagram: &str) -> String {
        self.handle(datagram.as_bytes()).1
    }
}

fn status(answer: &str) -> u16 {
    answer[8..11].parse().unwrap()
}

fn fields<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("{name}: ");
    answer.lines().filter_map(|line| line.strip_prefix(start.as_str())).collect()
}

#[test]
fn an_invite_is_answered_with_the_planned_contacts_in_order() {
    let mut bench = Bench::new(worlds::plan());
    let (reply, answer) = bench.handle(invite("sip:02138880003@10.0.0.7").as_bytes());
    assert_eq!(reply, Reply { handled: Handled::Redirected, to: Some(SOURCE.parse().unwrap()) });
    let tag = answer.split(";tag=").nth(2).unwrap()[..16].to_owned();
    assert_eq!(
        answer,
        format!(
            "SIP/2.0 302 Moved Temporarily\r\n\
             Via: SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKabc;received=127.0.0.1\r\n\
             From: <sip:02138880003@10.0.0.7>;tag=one\r\n\
             To: <sip:4001000868@10.0.0.1>;tag={tag}\r\n\
             Call-ID: a84b4c76@10.0.0.7\r\n\
             CSeq: 7 INVITE\r\n\
             Contact: <sip:01088880001@10.0.3.20:5062;user=phone>;q=1.0;x-ring-seconds=20\r\n\
             Contact: <sip:075566660002@10.0.3.20:5062;user=phone>;q=0.9;x-ring-seconds=25\r\n\
             Contact: <sip:13800138000@10.0.3.20:5062;user=phone>;q=0.8;x-ring-seconds=30\r\n\
             Contact: <sip:busy@10.0.3.30>;q=0.7\r\n\
             Content-Length: 0\r\n\r\n"
        )
    );
}

#[test]
fn header_fields_travel_on_in_each_contact_where_the_gateway_says_so() {
    let mut bench = Bench::with_head(|head| {
        head.pass_headers = ["X-Customer", "Subject", "X-Long", "X-Absent"].map(str::to_owned).to_vec();
    });
    let more = format!("x-customer:  42/é <a>&b\r\n c\r\nSubject:\r\nX-Long: {}\r\nX-Other: no\r\n", "l".repeat(300));
    let asked = request("INVITE", "sip:4001000868@10.0.0.1", "sip:02138880003@10.0.0.7", &more);
    let answer = bench.answer(&asked);
    let contacts = fields(&answer, "Contact");
    let passed = "?X-Customer=42%2F%C3%A9%20%3Ca%3E%26b%20c&Subject=>";
    assert!(contacts[..3].iter().all(|contact| contact.contains(passed)), "{contacts:?}");
    assert_eq!(contacts[3], "<sip:busy@10.0.3.30>;q=0.7", "an announcement's URI goes as it is written");
    assert!(!bench.answer(&invite("sip:02138880003@10.0.0.7")).contains('?'));
}

#[test]
fn what_travels_on_stays_within_a_bound_of_all_together() {
    let names: Vec<_> = (0..16).map(|index| format!("X-{index}")).collect();
    let mut bench = Bench::with_head(|head| head.pass_headers.clone_from(&names));
    // Escaped, each byte is three.
    let value = "<".repeat(150);
    let long = names[1..15].iter().map(|name| format!("{name}: {value}\r\n"));
    let more = long.chain(["X-15: short\r\n".to_owned()]).collect::<Vec<_>>().concat();
    let answer = bench.answer(&request("INVITE", "sip:4001000868@10.0.0.1", "sip:02138880003@10.0.0.7", &more));
    let escaped = "%3C".repeat(150);
    let contact = fields(&answer, "Contact")[0];
    assert!(contact.contains(&format!("?X-1={escaped}&X-2={escaped}&X-15=short>")), "{contact}");
}

#[test]
fn a_repetition_gets_the_same_bytes_and_another_call_another_tag() {
    let mut bench = Bench::new(worlds::plan());
    let first = bench.answer(&invite("sip:02138880003@10.0.0.7"));
    bench.now = "2026-11-23T10:00:20+08:00".parse().unwrap();
    assert_eq!(bench.answer(&invite("sip:02138880003@10.0.0.7")), first);
    for (from, to) in
        [("a84b4c76", "a84b4c77"), ("tag=one", "tag=two"), ("CSeq: 7", "CSeq: 8"), ("z9hG4bKabc", "z9hG4bKabd")]
    {
        let other = bench.answer(&invite("sip:02138880003@10.0.0.7").replace(from, to));
        let tag = |answer: &str| fields(answer, "To")[0].to_owned();
        assert_ne!(tag(&other), tag(&first), "{to}");
    }
}

#[test]
fn round_robin_moves_on_with_calls_and_stands_still_for_repetitions() {
    let mut bench = Bench::new(worlds::plan_with(|entry, _| {
        entry.groups[0].strategy = GroupStrategy::RoundRobin;
        entry.groups[0].overflow.clear();
    }));
    let mut first_contact = |call: &str| {
        let answer = bench.answer(&invite("sip:02138880003@x").replace("a84b4c76", call));
        fields(&answer, "Contact")[0][5..16].to_owned()
    };
    assert_eq!(first_contact("one"), "01088880001");
    assert_eq!(first_contact("one"), "01088880001");
    assert_eq!(first_contact("two"), "07556666000");
    assert_eq!(first_contact("one"), "01088880001");
    assert_eq!(first_contact("three"), "01088880001");
}

#[test]
fn refusals_have_their_code_and_cause() {
    type Change = fn(&mut crate::domain::routing::document::NumberEntry, &mut Numbers);
    let cases: [(Change, &str, Reason, &str); 6] = [
        (
            |e, _| e.number = "4001000867".into(),
            "sip:021@x",
            Reason::NumberUnknown,
            "Q.850;cause=1;text=\"Unallocated number\"",
        ),
        (|_, _| (), "sip:089866660000@x", Reason::CallerDenied, "Q.850;cause=21;text=\"Call rejected\""),
        (
            |e, _| e.screening.anonymous = crate::domain::routing::document::Anonymous::Deny,
            "sip:anonymous@anonymous.invalid",
            Reason::AnonymousDenied,
            "Q.850;cause=21;text=\"Call rejected\"",
        ),
        (
            |_, l| l.tenant.state = crate::domain::routing::document::TenantState::Frozen,
            "sip:02138880003@x",
            Reason::NumberFrozen,
            "Q.850;cause=20;text=\"Subscriber absent\"",
        ),
        (
            |_, l| {
                l.caps_reached.insert("4001000868".into(), "2026-11".into());
            },
            "sip:02138880003@x",
            Reason::MonthlyCapReached,
            "Q.850;cause=17;text=\"User busy\"",
        ),
        (
            |e, _| e.rules.truncate(1),
            "sip:02138880003@x",
            Reason::NoDestination,
            "Q.850;cause=31;text=\"Normal, unspecified\"",
        ),
    ];
    for (change, from, reason, header) in cases {
        let mut bench = Bench::new(worlds::plan_with(|entry, leaf| {
            leaf.overrides.clear();
            change(entry, leaf);
        }));
        let (reply, answer) = bench.handle(invite(from).as_bytes());
        assert_eq!(reply.handled, Handled::Refused(reason));
        assert_eq!(status(&answer), reason.code().sip);
        assert_eq!(fields(&answer, "Reason"), [header]);
        assert!(fields(&answer, "Contact").is_empty());
    }
}

#[test]
fn the_caller_is_the_asserted_identity_and_privacy_withholds_it() {
    let mut bench = Bench::new(worlds::plan_with(|entry, _| {
        entry.screening.anonymous = crate::domain::routing::document::Anonymous::Accept;
    }));
    let mut contact = |more: &str| {
        let answer = bench.answer(&request("INVITE", "sip:4001000868@10.0.0.1", "sip:089866660000@10.0.0.7", more));
        fields(&answer, "Contact").first().map(|contact| contact[5..17].to_owned())
    };
    assert_eq!(contact(""), None, "From is on the deny list");
    assert_eq!(contact("P-Asserted-Identity: \"A\" <sip:+8675522223333@op.example>\r\n").unwrap(), "075566660002");
    assert_eq!(contact("P-Asserted-Identity: <tel:+86-755-2222-3333>\r\n").unwrap(), "075566660002");
    let both = "P-Asserted-Identity: <sip:alice@op.example>, <tel:+8675522223333>\r\n";
    assert_eq!(contact(both).unwrap(), "075566660002", "RFC 3325 §9.1's own form, a name and a number");
    let two_lines = "P-Asserted-Identity: \"A, B\" <sip:alice@op.example>\r\nP-Asserted-Identity: tel:075522223333\r\n";
    assert_eq!(contact(two_lines).unwrap(), "075566660002");
    // Withheld: the deny list does not know the number, its area still routes.
    let withheld = "P-Asserted-Identity: <tel:+86-755-2222-3333>\r\nPrivacy: header;id\r\n";
    assert_eq!(contact(withheld).unwrap(), "075566660002");
    assert_eq!(contact("Privacy: id\r\n").unwrap(), "01088880001@", "and nothing is known of a withheld From");
}

#[test]
fn what_is_no_invite_gets_its_own_answer() {
    let mut bench = Bench::new(worlds::plan());
    let target = "sip:4001000868@10.0.0.1";
    for (method, uri, more, handled, code) in [
        ("OPTIONS", target, "", Handled::Options, 200),
        ("BYE", target, "", Handled::NotAllowed, 405),
        ("REGISTER", target, "", Handled::NotAllowed, 405),
        ("FLY", target, "", Handled::NotImplemented, 501),
        ("INVITE", target, "Require: 100rel, timer\r\n", Handled::BadExtension, 420),
        ("INVITE", "mailto:4001000868@x", "", Handled::UnsupportedScheme, 416),
        ("INVITE", "sip:alice@10.0.0.1", "", Handled::Refused(Reason::NumberUnknown), 404),
    ] {
        let (reply, answer) = bench.handle(request(method, uri, "sip:021@x", more).as_bytes());
        assert_eq!((reply.handled, status(&answer)), (handled, code), "{method} {uri}");
    }
    let options = bench.answer(&request("OPTIONS", target, "sip:021@x", ""));
    assert_eq!(fields(&options, "Allow"), ["INVITE, ACK, CANCEL, OPTIONS"]);
    assert_eq!(fields(&options, "Accept"), ["application/sdp"]);
    let extension = bench.answer(&request("INVITE", target, "sip:021@x", "Require: 100rel, timer\r\n"));
    assert_eq!(fields(&extension, "Unsupported"), ["100rel, timer"]);
}

#[test]
fn inside_a_dialog_there_is_nothing_and_acks_are_absorbed() {
    let mut bench = Bench::new(worlds::plan());
    let tagged = |method| {
        request(method, "sip:4001000868@x", "sip:021@x", "").replace("868@10.0.0.1>", "868@10.0.0.1>;tag=ours")
    };
    assert_eq!(bench.handle(tagged("INVITE").as_bytes()).0.handled, Handled::NoDialog);
    assert_eq!(bench.handle(tagged("BYE").as_bytes()).0.handled, Handled::NoDialog);
    assert!(!bench.answer(&tagged("BYE")).contains("tag=ours;tag="), "a tag is not answered with a second one");
    assert_eq!(bench.handle(tagged("ACK").as_bytes()).0, Reply { handled: Handled::Ack, to: None });
    assert_eq!(bench.handle(tagged("CANCEL").as_bytes()).0, Reply { handled: Handled::Cancel, to: None });
    let broken_ack = tagged("ACK").replace("CSeq: 7 ACK", "CSeq: x");
    assert_eq!(bench.handle(broken_ack.as_bytes()).0.to, None, "an ACK is never answered");
}

#[test]
fn malformed_requests_get_400_or_505() {
    let mut bench = Bench::new(worlds::plan());
    let good = invite("sip:021@x");
    for (from, to, code) in [
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 505),
        ("INVITE sip", "INVITE  sip", 400),
        ("Content-Length: 0", "Content-Length: 9", 400),
    ] {
        let (reply, answer) = bench.handle(good.replacen(from, to, 1).as_bytes());
        assert_eq!(status(&answer), code, "{to:?}");
        assert!(matches!(reply.handled, Handled::Malformed(_)));
    }
}

#[test]
fn answers_go_to_the_source_and_to_its_port_when_asked_or_forced() {
    let mut bench = Bench::new(worlds::plan());
    let to = |bench: &mut Bench, datagram: &str| bench.handle(datagram.as_bytes()).0.to.unwrap().to_string();
    let plain = invite("sip:021@x");
    let asks = plain.replace("branch=z9hG4bKabc", "rport;branch=z9hG4bKabc;received=203.0.113.5");
    assert_eq!(to(&mut bench, &plain), SOURCE);
    bench.reply_port = ReplyPort::Via;
    assert_eq!(to(&mut bench, &plain), "127.0.0.1:5070");
    assert_eq!(to(&mut bench, &plain.replace("10.0.0.7:5070;", "10.0.0.7;")), "127.0.0.1:5060");
    assert_eq!(to(&mut bench, &asks), SOURCE);
    let via = fields(&bench.answer(&asks), "Via")[0].to_owned();
    assert_eq!(via, "SIP/2.0/UDP 10.0.0.7:5070;branch=z9hG4bKabc;received=127.0.0.1;rport=40001");
    let own = plain.replace("10.0.0.7:5070", "127.0.0.1:5070");
    assert_eq!(fields(&bench.answer(&own), "Via"), ["SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKabc"]);
}

#[test]
fn older_vias_are_repeated_in_their_order() {
    let mut bench = Bench::new(worlds::plan());
    let more = "Via: SIP/2.0/TCP 10.9.9.9\r\nVia: SIP/2.0/UDP\r\n 10.8.8.8\r\n";
    let datagram = request("INVITE", "sip:4001000868@x", "sip:021@x", more)
        .replace("branch=z9hG4bKabc", "branch=a, SIP/2.0/UDP 10.7.7.7");
    let answer = bench.answer(&datagram);
    assert_eq!(
        fields(&answer, "Via"),
        [
            "SIP/2.0/UDP 10.0.0.7:5070;branch=a;received=127.0.0.1, SIP/2.0/UDP 10.7.7.7",
            "SIP/2.0/TCP 10.9.9.9",
            "SIP/2.0/UDP   10.8.8.8"
        ]
    );
}

#[test]
fn the_gateway_says_how_contacts_are_written() {
    let mut bench = Bench::with_head(|head| {
        head.trunk.number_format = NumberFormat::E164;
        head.trunk.transport = Transport::Tcp;
    });
    bench.decision_parameter = DecisionParameter::Present;
    let answer = bench.answer(&invite("sip:075522223333@x"));
    let digest = bench.plan.number("4001000868".parse().unwrap()).unwrap().leaf.digest.short();
    let expected = format!(
        "<sip:+8675566660002@10.0.3.20:5062;user=phone;transport=tcp;decision={}-south-by-day>;q=1.0;x-ring-seconds=25",
        &digest[..8]
    );
    assert_eq!(fields(&answer, "Contact")[0], expected);
}

#[test]
fn the_called_number_travels_on_as_the_gateway_says() {
    let mut diversion = Bench::with_head(|head| head.original_called = OriginalCalled::Diversion);
    let answer = diversion.answer(&invite("sip:075522223333@x"));
    assert_eq!(fields(&answer, "Diversion"), ["<sip:4001000868@10.0.0.1;user=phone>;reason=unconditional;counter=1"]);
    let mut history = Bench::with_head(|head| head.original_called = OriginalCalled::HistoryInfo);
    let answer = history.answer(&invite("sip:075522223333@x"));
    assert_eq!(fields(&answer, "History-Info"), ["<sip:4001000868@10.0.0.1;user=phone>;index=1"]);
    let mut none = Bench::new(worlds::plan());
    let answer = none.answer(&invite("sip:075522223333@x"));
    assert!(fields(&answer, "Diversion").is_empty() && fields(&answer, "History-Info").is_empty());
}

#[test]
fn an_announcement_is_one_contact_and_a_release_adds_none() {
    let mut bench = Bench::new(worlds::plan_with(|entry, _| entry.rules[3].to = Target::Announcement("storm".into())));
    let (reply, answer) = bench.handle(invite("sip:02138880003@x").as_bytes());
    assert_eq!(reply.handled, Handled::Announced);
    assert_eq!(fields(&answer, "Contact"), ["<sip:storm@10.0.3.20:5062>;q=1.0"]);
    let release = serde_json::from_str::<Exhausted>(r#"{"release":"NoAnswer"}"#).unwrap();
    let mut bench = Bench::new(worlds::plan_with(|entry, _| entry.when_exhausted = Some(release)));
    let answer = bench.answer(&invite("sip:02138880003@x"));
    assert_eq!(fields(&answer, "Contact").len(), 3);
}

#[test]
fn under_overload_new_calls_are_shed_and_options_answered() {
    let mut bench = Bench::new(worlds::plan());
    bench.memory.shedding = Some(Arc::new(Mutex::new(Shedding::new(NonZeroU32::MIN))));
    let first = format!("\r\n\r\n{}", invite("sip:02138880003@x"));
    for _ in 0..3 {
        assert_eq!(status(&bench.answer(&first)), 302, "a repetition is no new call");
    }
    let broken = invite("sip:02138880003@x").replace("Content-Length: 0", "Content-Length: 9");
    assert_eq!(status(&bench.answer(&broken)), 400);
    let second = invite("sip:02138880003@x").replace("a84b4c76", "b");
    let answer = bench.answer(&format!("\r\n{second}"));
    assert_eq!(status(&answer), 503, "line ends in front do not hide it");
    assert_eq!(bench.answer(&second), answer);
    assert_eq!(fields(&answer, "Retry-After"), ["1"]);
    assert_eq!(fields(&answer, "Reason"), ["Q.850;cause=42;text=\"Switching equipment congestion\""]);
    assert_eq!(status(&bench.answer(&request("OPTIONS", "sip:x", "sip:021@x", ""))), 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_comes_in_an_answer_is_one_whole_message(
        at in 0..250_usize,
        length in 0..60_usize,
        with in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "[\r\n;:<>\",= a-zSIP/2.0]{0,30}".prop_map(String::into_bytes)],
    ) {
        let mut datagram = invite("sip:02138880003@10.0.0.7").into_bytes();
        let end = (at + length).min(datagram.len());
        datagram.splice(at.min(end)..end, with);
        let mut bench = Bench::with_head(|head| head.original_called = OriginalCalled::Diversion);
        let place = Place {
            breach: None,
            plan: &bench.plan,
            head: bench.plan.head("telephony/east").unwrap(),
            reply_port: ReplyPort::Via,
            decision_parameter: DecisionParameter::Present,
        };
        let mut out = Vec::new();
        let reply = answer(&place, SOURCE.parse().unwrap(), &datagram, bench.now, &mut bench.memory, &mut out);
        match reply.to {
            None => prop_assert!(out.is_empty()),
            Some(to) => {
                prop_assert_eq!(to.ip().to_string(), "127.0.0.1");
                prop_assert!(out.starts_with(b"SIP/2.0 "));
                let ends = out.windows(4).filter(|four| *four == b"\r\n\r\n").count();
                prop_assert!(ends == 1 && out.ends_with(b"Content-Length: 0\r\n\r\n"));
                let breaks = out.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
                let lines = out.windows(2).filter(|two| *two == b"\r\n").count();
                prop_assert_eq!(breaks, lines * 2);
            }
        }
    }
}
