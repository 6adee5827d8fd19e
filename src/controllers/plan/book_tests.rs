//! The book's promises: no holes at start, latching by entry and not by leaf, byte-for-byte keeping.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::controllers::plan::acks::RouterWord;
use crate::controllers::plan::shard::{self, Leaves, ShardContent};
use crate::domain::routing::caller_lists::pack;
use crate::domain::routing::document::{
    CallerListName, DestinationEntry, NumberEntry, NumberState, RuleEntry, Screening, Target, TenantHeader,
    TenantState, When,
};

fn shard() -> ShardKey {
    ShardKey { gateway: Key::new("telephony", "east"), namespace: "acme".to_owned() }
}

fn number(text: &str) -> FourHundred {
    text.parse().expect("a number")
}

fn planned(text: &str, destination: &str) -> Arc<PlannedNumber> {
    let entry = NumberEntry {
        number: text.to_owned(),
        name: format!("n{text}"),
        state: NumberState::Active,
        schedule: None,
        destinations: vec![DestinationEntry {
            name: "desk".to_owned(),
            number: destination.to_owned(),
            ring_seconds: None,
        }],
        groups: Vec::new(),
        screening: Screening::default(),
        rules: vec![RuleEntry { name: "all".to_owned(), when: None, to: Target::Destination("desk".to_owned()) }],
        when_exceeded: None,
        when_exhausted: None,
    };
    Arc::new(PlannedNumber::new(number(text), &entry, None, None, None).expect("an entry"))
}

fn render(book: &mut PlanBook) -> Vec<Leaf> {
    leaves(book).routing
}

fn leaves(book: &mut PlanBook) -> Leaves {
    let content = ShardContent {
        tenant: TenantHeader { name: "acme".to_owned(), state: TenantState::Active, forwards_per_call: 3 },
        numbers: book.content(&shard()),
        overrides: Vec::new(),
        caps_reached: BTreeMap::new(),
    };
    shard::render(&shard(), &content).expect("leaves")
}

fn write(book: &mut PlanBook) -> Digest {
    let leaves = render(book);
    let [leaf] = leaves.as_slice() else { panic!("one leaf") };
    book.note_written(&shard(), "n", leaf, "7".to_owned());
    leaf.part.digest
}

fn serve(book: &mut PlanBook, router: &str, digest: Digest) {
    let parts = BTreeMap::from([(shard().part_name("n"), digest)]);
    book.acks.told(&Key::new("telephony", "east"), router, Some(RouterWord { ready: true, silent: false, parts }));
}

#[test]
fn a_shard_waits_for_the_verdict_on_every_number() {
    let mut book = PlanBook::default();
    let (one, other) = (Key::new("acme", "one"), Key::new("acme", "other"));
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    assert!(!book.has_verdicts(&[one.clone(), other.clone()]));
    book.want(&other, shard(), Intent::Withdraw);
    assert!(book.has_verdicts(&[one.clone(), other.clone()]));
    assert_eq!(book.may_render(&shard(), &[one.clone(), other.clone()], Duration::from_secs(1)), Ok(()));
    // Who comes later has no older entry to lose: others wait for its verdict a little, not for ever.
    let new = Key::new("acme", "new");
    let expected = [one, other, new];
    assert!(matches!(book.may_render(&shard(), &expected, Duration::from_mins(1)), Err(Some(_))));
    assert_eq!(book.may_render(&shard(), &expected, Duration::ZERO), Ok(()));
    // Another replica may have led meanwhile.
    book.begin_term();
    assert_eq!(book.may_render(&shard(), &expected, Duration::ZERO), Err(None));
}

#[test]
fn an_entry_is_live_once_every_ready_router_serves_a_text_that_holds_it() {
    let mut book = PlanBook::default();
    let (one, other) = (Key::new("acme", "one"), Key::new("acme", "other"));
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    assert_eq!(book.progress(&one, number("4001000001")), Progress::NoReadyRouter);
    let first = write(&mut book);
    serve(&mut book, "r1", first);
    assert_eq!(book.progress(&one, number("4001000001")), Progress::Live);

    book.want(&other, shard(), Intent::Serve(planned("4001000002", "13800138001")));
    let second = write(&mut book);
    assert_eq!(book.progress(&one, number("4001000001")), Progress::Live, "another's edit takes nothing back");
    assert_eq!(book.progress(&other, number("4001000002")), Progress::Waiting);
    assert_eq!(book.waiting_for(&shard().gateway, &[shard().part_name("n")]), std::slice::from_ref(&other));
    serve(&mut book, "r2", second);
    assert_eq!(book.progress(&other, number("4001000002")), Progress::Waiting, "r1 is behind");
    serve(&mut book, "r1", second);
    assert_eq!(book.progress(&other, number("4001000002")), Progress::Live);
}

#[test]
fn an_edit_is_not_live_while_routers_serve_the_older_entry() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    let first = write(&mut book);
    serve(&mut book, "r1", first);
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13900139000")));
    assert_eq!(book.progress(&one, number("4001000001")), Progress::Unwritten);
    let second = write(&mut book);
    assert_eq!(book.progress(&one, number("4001000001")), Progress::Waiting);
    serve(&mut book, "r1", second);
    assert_eq!(book.progress(&one, number("4001000001")), Progress::Live);
}

#[test]
fn what_cannot_be_compiled_any_more_is_kept_byte_for_byte() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    let before = render(&mut book)[0].part.text.clone();

    let mut restarted = PlanBook::default();
    restarted.want(&one, shard(), Intent::Keep(number("4001000001")));
    assert!(restarted.wants_previous(&shard()) && !restarted.knows_previous(&shard()));
    restarted.load_previous(&shard(), shard::earlier(std::slice::from_ref(&before)));
    assert!(restarted.knows_previous(&shard()));
    assert_eq!(render(&mut restarted)[0].part.text, before);
    assert!(restarted.was_planned(number("4001000001")), "it must rest when it is released");
}

#[test]
fn a_caller_list_is_kept_with_the_entry_that_asks_for_it() {
    let packed = Arc::new(pack(&["13900001111".parse().unwrap()], "telephony/east", "acme").unwrap());
    let mut entry: NumberEntry = serde_json::from_str(planned("4001000001", "13800138000").entry.get()).unwrap();
    let list = CallerListName { name: "vip".to_owned(), digest: packed.digest.clone() };
    entry.rules.insert(
        0,
        RuleEntry {
            name: "vip".to_owned(),
            when: Some(When { caller_lists: vec![list], ..When::default() }),
            to: Target::Destination("desk".to_owned()),
        },
    );
    let asking =
        PlannedNumber::new(number("4001000001"), &entry, None, None, None).unwrap().asking(vec![packed.clone()]);
    let one = Key::new("acme", "one");
    let mut book = PlanBook::default();
    book.want(&one, shard(), Intent::Serve(Arc::new(asking)));
    let before = leaves(&mut book);
    let texts = |leaves: &Leaves| leaves.in_order().map(|leaf| leaf.part.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&before)[0], packed.parts[0].text, "callers come before who asks for them");

    let mut restarted = PlanBook::default();
    restarted.want(&one, shard(), Intent::Keep(number("4001000001")));
    restarted.load_previous(&shard(), shard::earlier(&texts(&before)));
    assert_eq!(texts(&leaves(&mut restarted)), texts(&before));
}

#[test]
fn a_number_that_moves_leaves_its_old_shard() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    let west = ShardKey { gateway: Key::new("telephony", "west"), namespace: "acme".to_owned() };
    assert_eq!(book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000"))), [shard()]);
    assert_eq!(book.want(&one, west.clone(), Intent::Serve(planned("4001000001", "13800138000"))), [west, shard()]);
    assert!(render(&mut book).is_empty());
}

#[test]
fn an_override_stands_only_as_it_was_last_written() {
    let entry = |until: &str| OverrideEntry {
        number: "4001000868".to_owned(),
        name: "typhoon".to_owned(),
        from: "2026-11-23T20:00:00+08:00".parse().unwrap(),
        until: until.parse().unwrap(),
        to: crate::domain::routing::document::Target::Destination("duty".to_owned()),
    };
    let (written, edited) = (entry("2026-11-24T08:00:00+08:00"), entry("2026-11-25T08:00:00+08:00"));
    let mut book = PlanBook::default();
    assert!(!book.has_override(&shard(), &written), "nothing is written yet");
    book.note_overrides(&shard(), vec![written.clone()]);
    assert!(book.has_override(&shard(), &written) && !book.has_override(&shard(), &edited));
    book.note_overrides(&shard(), Vec::new());
    assert!(!book.has_override(&shard(), &written), "it was rendered without");
}

#[test]
fn caps_reached_before_a_restart_stand_until_usage_is_known() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    let cap = shard::CapReached { month: "2026-11".to_owned(), zone: "Asia/Tokyo".to_owned() };
    let reached = BTreeMap::from([(number("4001000001"), cap)]);
    let content = ShardContent {
        tenant: TenantHeader { name: "acme".to_owned(), state: TenantState::Active, forwards_per_call: 3 },
        numbers: book.content(&shard()),
        overrides: Vec::new(),
        caps_reached: reached.clone(),
    };
    let leaves = shard::render(&shard(), &content).expect("leaves").routing;

    let mut restarted = PlanBook::default();
    restarted.load_previous(&shard(), shard::earlier(&[leaves[0].part.text.clone()]));
    assert_eq!(restarted.earlier_caps(&shard()), reached);
    assert_eq!(restarted.forget_earlier_caps(), [shard()], "what they said is looked at anew");
    assert_eq!((restarted.earlier_caps(&shard()), restarted.forget_earlier_caps()), (BTreeMap::new(), Vec::new()));
}

#[test]
fn how_long_a_leaf_has_been_empty_begins_anew_when_it_is_filled_again() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    write(&mut book);
    let first = book.emptied_since(&shard(), "n");
    assert_eq!(book.emptied_since(&shard(), "n"), first);
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13900139000")));
    write(&mut book);
    std::thread::sleep(Duration::from_millis(2));
    assert!(book.emptied_since(&shard(), "n") > first);
}

fn west() -> ShardKey {
    ShardKey { gateway: Key::new("telephony", "west"), namespace: "acme".to_owned() }
}

#[test]
fn a_number_that_names_another_gateway_is_found_where_its_entry_stands() {
    let mut book = PlanBook::default();
    let one = Key::new("acme", "one");
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    let before = render(&mut book)[0].part.text.clone();
    assert_eq!(book.shard_holding(&one, &west(), number("4001000001")), Some(shard()));
    assert_eq!(book.shard_holding(&one, &west(), number("4001000002")), None);

    // The same after a restart, from what stands.
    let mut restarted = PlanBook::default();
    assert_eq!(restarted.shard_holding(&one, &west(), number("4001000001")), None);
    restarted.load_previous(&shard(), shard::earlier(std::slice::from_ref(&before)));
    assert_eq!(restarted.shard_holding(&one, &west(), number("4001000001")), Some(shard()));
    restarted.want(&one, shard(), Intent::Keep(number("4001000001")));
    assert_eq!(render(&mut restarted)[0].part.text, before);
    assert!(restarted.standing(&one).is_some());
}

#[test]
fn a_shard_that_waits_is_rendered_after_any_verdict_of_its_namespace() {
    let mut book = PlanBook::default();
    let (one, other) = (Key::new("acme", "one"), Key::new("acme", "other"));
    let expected = [one.clone(), other.clone()];
    book.want(&one, shard(), Intent::Serve(planned("4001000001", "13800138000")));
    assert_eq!(book.may_render(&shard(), &expected, Duration::ZERO), Err(None));
    let elsewhere = Intent::Serve(planned("4001000002", "13800138001"));
    assert_eq!(book.want(&other, west(), elsewhere), [west(), shard()], "it may be the last one waited for");
    assert_eq!(book.may_render(&shard(), &expected, Duration::ZERO), Ok(()));
    assert!(book.is_complete(&shard()));
    assert_eq!(book.forget(&Key::new("acme", "never-judged")), Vec::<ShardKey>::new());
}
