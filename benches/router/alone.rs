//! Without a socket: what a decision and an answer cost by themselves, what a plan costs to load and to hold, and a router
//! inside this program whose plan changes while it answers.

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fourhundred::domain::numbering::{Caller, FourHundred, areas};
use fourhundred::domain::routing::decide::{CallFacts, decide};
use fourhundred::runtime::clock::Clock;
use fourhundred::workers::plan::PlanStore;
use fourhundred::workers::router::certificates::Certificates;
use fourhundred::workers::router::counters::RouterCounters;
use fourhundred::workers::router::listeners::{Answering, SipListeners, SipOptions};
use fourhundred::workers::router::sip::redirect::{DecisionParameter, Memory, Place, ReplyPort, answer};
use jiff::Timestamp;

use crate::histogram::{Histogram, each};
use crate::world::{self, Rules};

/// Bytes that the program holds, for what a plan weighs.
struct Weighing;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; weighing touches an atomic alone.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size, Ordering::Relaxed);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Weighing = Weighing;

/// A Monday morning.
fn now() -> Timestamp {
    "2026-11-23T10:00:00+08:00".parse().unwrap()
}

fn store(numbers: u64, rules: Rules) -> PlanStore {
    let store = PlanStore::new("bench".to_owned());
    world::offer(&store, &world::parts(numbers, rules));
    store
}

pub fn header() {
    println!("\n{:<44} {:>9} {:>9} {:>10}", "without a socket", "p50 ns", "p99 ns", "p99.9 ns");
}

/// `decide` alone, and a whole answer: scan, decide, write.
pub fn decide_rows(numbers: u64, rules: Rules) {
    let store = store(numbers, rules);
    let plan = store.snapshot();
    // Few callers, and numbers that are worked out: a table of a hundred thousand calls would take the cache from the plan.
    let callers: Vec<_> = (0..64).map(|index| Caller::parse(&format!("0106666{index:04}"))).collect();
    let at = now();
    let call = |turn: u64| {
        let number = 4_001_000_000 + turn.wrapping_mul(2_654_435_761) % numbers;
        (FourHundred::from_u64(number).unwrap(), callers[(turn % 64) as usize])
    };
    let times = each(call, |(to, caller)| {
        let facts = CallFacts { to, caller, at, call_id: "s1-1@127.0.0.1" };
        std::hint::black_box(decide(&plan, &facts, &mut 1_u64, &mut ()));
    });
    let own = if rules == Rules::Own { ", each its own rules" } else { "" };
    line(&format!("decide, {} numbers{own}", world::thousands(numbers)), &times);
    let head = plan.head("telephony/east").unwrap();
    let place = Place {
        plan: &plan,
        head,
        breach: None,
        reply_port: ReplyPort::Source,
        decision_parameter: DecisionParameter::Absent,
    };
    let mut invites = vec![Vec::new(); 4_096];
    for (sequence, invite) in invites.iter_mut().enumerate() {
        world::invite(invite, sequence as u64, numbers, 1, 5_070);
    }
    let source: SocketAddr = "127.0.0.1:5070".parse().unwrap();
    let (mut memory, mut out) = (Memory::default(), Vec::with_capacity(2_048));
    let invite = |turn: u64| &invites[(turn % 4_096) as usize];
    let times = each(invite, |invite| {
        std::hint::black_box(answer(&place, source, invite, at, &mut memory, &mut out));
    });
    line(&format!("scan, decide, write; {} numbers{own}", world::thousands(numbers)), &times);
}

/// What a number says of its caller, by itself: mobile segments in no order.
pub fn number_rows() {
    let segment = |turn: u64| 1_300_000 + (turn.wrapping_mul(2_654_435_761) % 700_000) as u32;
    let times = each(segment, |segment| {
        std::hint::black_box(areas::area_of_mobile_segment(segment));
    });
    line("area of a mobile segment", &times);
    let texts: Vec<String> = (0..4_096_u64).map(|turn| format!("+86 {}0001", segment(turn))).collect();
    let times = each(
        |turn| &texts[(turn % 4_096) as usize],
        |text| {
            std::hint::black_box(Caller::parse(text));
        },
    );
    line("a caller, from text to number and area", &times);
}

fn line(name: &str, times: &Histogram) {
    println!("{name:<44} {:>9.0} {:>9.0} {:>10.0}", times.at(0.5), times.at(0.99), times.at(0.999));
}

/// What a plan costs to load and to hold, and what one edited number costs.
pub fn load(numbers: u64) {
    let parts = world::parts(numbers, Rules::Alike);
    let text: usize = parts.iter().map(|(_, text)| text.len()).sum();
    let before = HELD.load(Ordering::Relaxed);
    let store = PlanStore::new("bench".to_owned());
    let begun = Instant::now();
    world::offer(&store, &parts);
    let took = begun.elapsed();
    let held = HELD.load(Ordering::Relaxed) - before;
    println!(
        "\nA plan of {} numbers: {} parts, {:.1} MiB of text.",
        world::thousands(numbers),
        parts.len(),
        mebibytes(text)
    );
    println!(
        "  loaded in {:.2} s on {} core(s); held: {:.1} MiB, {:.0} bytes a number",
        took.as_secs_f64(),
        std::thread::available_parallelism().unwrap(),
        mebibytes(held),
        held as f64 / numbers as f64
    );
    let edits: Vec<_> =
        (0..20).map(|edit| world::edited(edit * 7 % numbers.div_ceil(140), numbers, 25 + edit)).collect();
    let begun = Instant::now();
    for edit in &edits {
        world::offer(&store, std::slice::from_ref(edit));
    }
    let each = begun.elapsed().as_secs_f64() * 1e3 / edits.len() as f64;
    println!(
        "  one number edited: one part of {:.0} KiB, {each:.1} ms until it is served",
        edits[0].1.len() as f64 / 1024.0
    );
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// The `serve-swapping` process: routes, and takes an edited part every 50 ms.
pub fn serve_swapping(numbers: &str) {
    let numbers: u64 = numbers.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Arc::new(store(numbers, Rules::Alike));
    let options =
        SipOptions { bind: IpAddr::V4(Ipv4Addr::LOCALHOST), answering: Answering::default(), clock: Clock::SYSTEM };
    let listeners =
        SipListeners::new(store.clone(), Arc::<RouterCounters>::default(), Arc::<Certificates>::default(), options);
    let mut states = listeners.states();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    runtime.spawn(listeners.run(stopped));
    let address = runtime.block_on(async {
        let states = states.wait_for(|states| states.iter().any(|state| state.address.is_ok())).await.unwrap();
        states[0].address.clone().unwrap()
    });
    println!("{address}");
    for edit in 0.. {
        std::thread::sleep(Duration::from_millis(50));
        world::offer(&store, &[world::edited(edit % numbers.div_ceil(140), numbers, 21 + edit % 30)]);
    }
}
