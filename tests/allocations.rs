//! A decision allocates nothing, and neither does a redirect into a buffer that has grown once, or the rating of a call:
//! counted, not believed.
//! A binary of its own, since the count is taken by the allocator of the whole program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fourhundred::domain::numbering::Caller;
use fourhundred::domain::rating::CallRecord;
use fourhundred::domain::rating::book::PriceBook;
use fourhundred::domain::rating::rate::{MonthPackage, PackageUse, Used, rate_call};
use fourhundred::domain::routing::decide::{CallFacts, decide};
use fourhundred::domain::routing::decision::Outcome;
use fourhundred::domain::routing::plan::Plan;
use fourhundred::offline::Offline;
use fourhundred::workers::router::sip::redirect::{DecisionParameter, Handled, Memory, Place, ReplyPort, answer};
use jiff::Timestamp;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; counting touches a cell of the thread and allocates
// nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread while `work` runs.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let done = work();
    (COUNT.get() - before, done)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The examples' plan, their group in order with this strategy instead.
fn plan(strategy: &str) -> Plan {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folder = tempfile::tempdir().unwrap();
    let entries = std::fs::read_dir(examples.join("acme")).unwrap().map(Result::unwrap);
    for entry in entries.filter(|entry| entry.path().is_file()) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let text = text.replace("strategy: InOrder", &format!("strategy: {strategy}"));
        std::fs::write(folder.path().join(entry.file_name()), text).unwrap();
    }
    let paths: Vec<PathBuf> = vec![examples.join("platform"), folder.path().to_owned()];
    let offline = Offline::read(&paths, &[], at("2026-11-01T00:00:00+08:00")).unwrap();
    offline.plan_at(at("2026-11-01T00:00:00+08:00")).unwrap()
}

#[test]
fn a_decision_allocates_nothing_whatever_it_comes_to() {
    let (counted, _) = allocations(|| vec![1_u8, 2, 3]);
    assert_eq!(counted, 1, "the counter counts");
    let mut outcomes = std::collections::BTreeSet::new();
    for strategy in ["InOrder", "RoundRobin", "Random"] {
        let plan = plan(strategy);
        for (to, from, instant) in [
            ("4001000868", "01066660000", "2026-11-23T10:00:00+08:00"),
            ("4001000868", "075522223333", "2026-11-23T10:00:00+08:00"),
            ("4001000868", "01066660000", "2026-11-11T10:00:00+08:00"),
            ("4001000868", "01066660000", "2026-11-23T03:00:00+08:00"),
            ("4001000868", "089866660000", "2026-11-23T10:00:00+08:00"),
            ("4001000868", "", "2026-10-01T10:00:00+08:00"),
            ("4009999999", "01066660000", "2026-11-23T10:00:00+08:00"),
        ] {
            let facts =
                CallFacts { to: to.parse().unwrap(), caller: Caller::parse(from), at: at(instant), call_id: "a84b@x" };
            let mut turn = 1_u64;
            let (counted, decision) = allocations(|| decide(&plan, &facts, &mut turn, &mut ()));
            assert_eq!(counted, 0, "{strategy} {from} {instant}");
            outcomes.insert(match decision.outcome {
                Outcome::Route { .. } => "Route",
                Outcome::Announce { .. } => "Announce",
                Outcome::Refuse(_) => "Refuse",
            });
        }
    }
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
}

#[test]
fn a_redirect_into_a_used_buffer_allocates_nothing() {
    let plan = plan("InOrder");
    let head = plan.heads().next().unwrap();
    let place = Place {
        plan: &plan,
        head,
        breach: None,
        reply_port: ReplyPort::Source,
        decision_parameter: DecisionParameter::Present,
    };
    let source: SocketAddr = "127.0.0.1:5070".parse().unwrap();
    let invite = "INVITE sip:4001000868@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx;rport\r\n\
                  From: <sip:01066660000@127.0.0.1>;tag=one\r\nTo: <sip:4001000868@127.0.0.1>\r\nCall-ID: x\r\n\
                  P-Asserted-Identity: <sip:alice@op>, <tel:+861066660000>\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let (mut memory, mut out) = (Memory::default(), Vec::with_capacity(4 * 1024));
    let now = at("2026-11-23T10:00:00+08:00");
    let (counted, reply) = allocations(|| answer(&place, source, invite.as_bytes(), now, &mut memory, &mut out));
    assert_eq!(reply.handled, Handled::Redirected, "{}", String::from_utf8_lossy(&out));
    assert_eq!(counted, 0);
}

#[test]
fn rating_a_call_allocates_nothing_however_long_it_was() {
    let document = r#"{"currency":"CNY","timeZone":"Asia/Shanghai","versions":[{"effectiveFrom":"2026-01-01","voice":{
        "increments":{"firstSeconds":1,"nextSeconds":1},"rates":[
            {"name":"evening","when":{"timeOfDay":[{"days":["Monday"],"from":"18:00","to":"24:00"}]},"perMinute":{"enterprise":"0.10"}},
            {"name":"local","when":{"distance":["Local"],"destinationType":["Mobile"]},"perMinute":{"enterprise":"0.10"},
             "volumeSteps":[{"aboveMinutes":100,"percentOff":"10"},{"aboveMinutes":500,"percentOff":"20"}]},
            {"name":"all","perMinute":{"caller":"0.22","enterprise":"0.60"},"freeSeconds":3,"minimumCharge":"0.05"}]},
        "packages":[{"name":"m300","monthly":"60.00","minutes":300,"thenPerMinute":"0.12"}]}]}"#;
    let book = PriceBook::new(&serde_json::from_str(document).unwrap()).unwrap();
    let version = &book.versions()[0];
    let terms = MonthPackage { package: version.package("m300").unwrap(), version };
    let mut charged = 0;
    for (leg, destination, ended) in [
        (0, "null", "2026-11-23T10:01:00+08:00"),
        (1, "\"075566660002\"", "2026-11-23T10:00:05+08:00"),
        (1, "\"13800138000\"", "2026-11-23T10:01:00+08:00"),
        (2, "\"075566660002\"", "2026-12-20T10:01:00+08:00"),
    ] {
        let text = format!(
            r#"{{"source":"fs-1","callId":"a84b4c76e66710","leg":{leg},"number":"4001000868","caller":"01066660000","destination":{destination},"startedAt":"2026-11-23T10:00:00+08:00","answeredAt":"2026-11-23T10:00:05+08:00","endedAt":"{ended}","outcome":"Answered"}}"#
        );
        let record = CallRecord::from_json(text.as_bytes()).unwrap();
        for used in [
            Used::Nothing,
            Used::Metered(7_000),
            Used::Package(PackageUse { terms, used_seconds: 17_990, carried_seconds: 0 }),
        ] {
            let (counted, rated) = allocations(|| rate_call(&book, used, &record, record.distance()));
            assert_eq!(counted, 0, "leg {leg} until {ended}");
            charged += usize::from(rated.unwrap().charge.is_some());
        }
    }
    assert_eq!(charged, 9);
}
