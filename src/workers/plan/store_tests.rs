use super::*;
use crate::domain::numbering::NationalNumber;
use crate::domain::routing::caller_lists::pack;
use crate::domain::routing::document::{CallerListName, Numbers, Part, When};
use crate::domain::routing::worlds;
use crate::workers::plan::ChangedPart;
use crate::workers::plan::served::root_of;

const HOTLINE: &str = "4001000868";

fn text(part: &Part) -> String {
    serde_json::to_string(part).unwrap()
}

fn leaf(numbers: &[&str]) -> String {
    let numbers = numbers.iter().map(|number| worlds::raw(&worlds::plain(number))).collect();
    text(&Part::Numbers(Numbers { numbers, ..worlds::empty_leaf() }))
}

fn bindings(count: usize) -> String {
    let binding = serde_json::json!({
        "number": HOTLINE, "object": "acme/hotline", "tenant": "acme-ltd", "since": "2026-01-05T00:00:00Z",
        "tariff": "standard", "priceBook": "b00c"
    });
    serde_json::json!({
        "part": "bindings", "format": 1, "gateway": "telephony/east", "namespace": "acme", "leaf": "",
        "bindings": vec![binding; count]
    })
    .to_string()
}

fn offer(store: &PlanStore, part: &str, text: &str) -> Verdict {
    store.offer(part, Digest::of(text.as_bytes()), text)
}

fn serves(store: &PlanStore, number: &str) -> bool {
    store.snapshot().number(number.parse().unwrap()).is_some()
}

#[test]
fn a_part_is_served_once_its_digest_is_right() {
    let store = PlanStore::new("e1".into());
    let text = leaf(&[HOTLINE]);
    let wrong = store.offer("plan-a", Digest::of(b"another text"), &text);
    assert!(matches!(wrong, Verdict::Refused { reason } if reason.contains("was announced")));
    assert!(!serves(&store, HOTLINE));
    assert_eq!(offer(&store, "plan-a", &text), Verdict::Accepted);
    assert_eq!(offer(&store, "plan-a", &text), Verdict::Unchanged);
    assert!(serves(&store, HOTLINE));
    let counters = &store.counters;
    assert_eq!((counters.accepted.get(), counters.unchanged.get(), counters.refused.get()), (1, 1, 1));
}

#[test]
fn a_refused_part_leaves_the_last_good_one_and_the_others() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    let broken = leaf(&["4001000900"]).replace("02138880003", "021");
    let Verdict::Refused { reason } = offer(&store, "plan-a", &broken) else { panic!("a wrong number is refused") };
    assert!(reason.contains("number 4001000900: destinations[desk].number"), "{reason}");
    assert!(serves(&store, HOTLINE) && !serves(&store, "4001000900"));
    assert_eq!(offer(&store, "plan-head", &text(&Part::Head(worlds::head()))), Verdict::Accepted);
    assert!(store.snapshot().head("telephony/east").is_some());
}

#[test]
fn a_number_goes_only_with_a_newer_part_without_it() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    assert_eq!(store.remove("plan-a"), Removal::KeptLastGood);
    assert!(serves(&store, HOTLINE));
    assert_eq!(store.counters.kept_last_good.get(), 1);
    offer(&store, "plan-a", &leaf(&[]));
    assert!(!serves(&store, HOTLINE));
    assert_eq!(store.remove("plan-a"), Removal::Removed);
    assert_eq!(store.remove("plan-a"), Removal::Unknown);
}

#[test]
fn a_head_goes_after_its_numbers_and_bindings_when_emptied() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-head", &text(&Part::Head(worlds::head())));
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    offer(&store, "bind-a", &bindings(1));
    assert_eq!((store.remove("plan-head"), store.remove("bind-a")), (Removal::KeptLastGood, Removal::KeptLastGood));
    offer(&store, "plan-a", &leaf(&[]));
    offer(&store, "bind-a", &bindings(0));
    assert_eq!((store.remove("plan-head"), store.remove("bind-a")), (Removal::Removed, Removal::Removed));
    assert!(store.snapshot().head("telephony/east").is_none());
}

#[test]
fn two_parts_cannot_hold_one_leaf_nor_one_part_two() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    assert!(matches!(offer(&store, "plan-b", &leaf(&[])), Verdict::Refused { .. }));
    let elsewhere = leaf(&[]).replace("\"acme\"", "\"other\"");
    assert!(matches!(offer(&store, "plan-a", &elsewhere), Verdict::Refused { .. }));
    for name in ["", "../plan-a", "Plan", ".hidden"] {
        let verdict = offer(&store, name, &leaf(&[]));
        assert!(matches!(verdict, Verdict::Refused { reason } if reason.contains("name")), "{name:?}");
    }
    assert!(serves(&store, HOTLINE));
}

#[test]
fn the_answer_tells_changes_since_a_cursor_and_everything_to_a_stranger() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-head", &text(&Part::Head(worlds::head())));
    let first = leaf(&[HOTLINE]);
    offer(&store, "plan-a", &first);
    let all = store.served(Family::Routing, "", 0);
    assert!(all.whole && all.epoch == "e1" && all.accepts == [1]);
    assert_eq!(all.changed.iter().map(|changed| changed.part.as_str()).collect::<Vec<_>>(), ["plan-a", "plan-head"]);
    assert_eq!(all.changed[0].digest, Some(Digest::of(first.as_bytes())));
    offer(&store, "plan-a", &leaf(&[]));
    let next = store.served(Family::Routing, "e1", all.cursor);
    assert!(!next.whole && next.root != all.root);
    assert_eq!(next.changed, [ChangedPart { part: "plan-a".into(), digest: Some(Digest::of(leaf(&[]).as_bytes())) }]);
    store.remove("plan-a");
    let last = store.served(Family::Routing, "e1", next.cursor);
    assert_eq!(last.changed, [ChangedPart { part: "plan-a".into(), digest: None }]);
    assert!(store.served(Family::Routing, "e0", last.cursor).whole, "an unknown epoch means everything");
    assert!(store.served(Family::Routing, "e1", last.cursor + 1).whole, "and so does a cursor from the future");
    let parts = store.served(Family::Routing, "", 0).changed;
    let root = root_of(parts.iter().map(|changed| (changed.part.as_str(), changed.digest.unwrap())));
    assert_eq!(root, last.root);
}

#[test]
fn billing_parts_do_not_touch_the_routing_root() {
    let store = PlanStore::new("e1".into());
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    let before = store.served(Family::Routing, "", 0);
    offer(&store, "bind-a", &bindings(1));
    offer(&store, "price-a", r#"{"part":"prices","format":1,"tariff":"standard","book":{"currency":"CNY"}}"#);
    let after = store.served(Family::Routing, "e1", before.cursor);
    assert_eq!((after.root, after.changed), (before.root, vec![]));
    let billing = store.billing();
    assert_eq!(billing.keys().collect::<Vec<_>>(), ["bind-a", "price-a"]);
    let BillingPart::Prices(prices) = &billing["price-a"].1 else { panic!("prices are prices") };
    assert_eq!(prices.book.get(), r#"{"currency":"CNY"}"#);
    assert_eq!(store.served(Family::Billing, "", 0).changed.len(), 2);
}

#[test]
fn a_restart_serves_what_stood_on_disk_without_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let store = PlanStore::open(folder.path(), "e1".into()).unwrap();
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    offer(&store, "plan-a", &leaf(&["4001000900"]));
    offer(&store, "bind-a", &bindings(1));
    let root = store.served(Family::Routing, "", 0).root;
    drop(store);
    std::fs::write(folder.path().join("plan/plan-torn.json"), "{\"part\":\"numb").unwrap();
    std::fs::write(folder.path().join("plan/plan-b.part"), "half").unwrap();
    let store = PlanStore::open(folder.path(), "e2".into()).unwrap();
    assert!(serves(&store, "4001000900") && !serves(&store, HOTLINE));
    assert_eq!(store.served(Family::Routing, "", 0).root, root);
    assert_eq!((store.billing().len(), store.counters.refused.get()), (1, 1));
    offer(&store, "plan-a", &leaf(&[]));
    store.remove("plan-a");
    assert!(!folder.path().join("plan/plan-a.json").exists());
}

#[tokio::test]
async fn a_long_poll_ends_with_the_change_or_with_its_time() {
    let store = Arc::new(PlanStore::new("e1".into()));
    let wait = Duration::from_millis(30);
    assert!(store.served_after(Family::Routing, "e1", 0, wait).await.changed.is_empty());
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.served_after(Family::Routing, "e1", 0, Duration::from_secs(20)).await }
    });
    tokio::task::yield_now().await;
    offer(&store, "bind-a", &bindings(1));
    offer(&store, "plan-a", &leaf(&[HOTLINE]));
    let served = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(served.changed.len(), 1);
}

/// A leaf whose number asks for a list with `caller` on it, and the part that holds the caller.
fn asking_for(caller: &str) -> (String, String) {
    let packed = pack(&[caller.parse().unwrap()], "telephony/east", "acme").unwrap();
    let mut entry = worlds::plain(HOTLINE);
    let mut vip = entry.rules[0].clone();
    vip.name = "vip".into();
    let list = CallerListName { name: "vip".into(), digest: packed.digest.clone() };
    vip.when = Some(When { caller_lists: vec![list], ..When::default() });
    entry.rules.insert(0, vip);
    let leaf = Numbers {
        numbers: vec![worlds::raw(&entry)],
        caller_lists: [(packed.digest.clone(), packed.document.clone())].into(),
        ..worlds::empty_leaf()
    };
    (text(&Part::Numbers(leaf)), packed.parts[0].text.clone())
}

fn has_vip(store: &PlanStore, caller: &str) -> bool {
    let plan = store.snapshot();
    let number = plan.number(HOTLINE.parse().unwrap()).unwrap();
    let lists = number.entry.rules[0].caller_lists().unwrap();
    lists.iter().any(|list| list.contains(NationalNumber::from_digits(caller).unwrap()))
}

#[test]
fn a_leaf_waits_for_the_callers_that_it_names_whichever_comes_first() {
    let store = PlanStore::new("e1".into());
    let (asking, callers) = asking_for("13900001111");
    let Verdict::Refused { reason } = offer(&store, "plan-a", &asking) else { panic!("its callers have not come") };
    assert!(reason.contains("which have not come yet"), "{reason}");
    assert!(!serves(&store, HOTLINE));
    assert_eq!(offer(&store, "plan-l", &callers), Verdict::Accepted);
    assert!(has_vip(&store, "13900001111") && !has_vip(&store, "13900002222"));
    assert_eq!(store.served(Family::Routing, "", 0).changed.len(), 2, "routers acknowledge both");

    let store = PlanStore::new("e1".into());
    let offers: Vec<Offer<'_>> = [("plan-a", &asking), ("plan-l", &callers)]
        .map(|(part, text)| Offer { part, digest: Digest::of(text.as_bytes()), text })
        .to_vec();
    assert_eq!(store.offer_all(&offers), [Verdict::Accepted, Verdict::Accepted], "together, in any order");
    assert!(has_vip(&store, "13900001111"));
}

#[test]
fn an_older_leaf_that_waited_does_not_come_back_over_a_newer_one() {
    let store = PlanStore::new("e1".into());
    let (asking, callers) = asking_for("13900001111");
    offer(&store, "plan-a", &asking);
    offer(&store, "plan-a", &leaf(&["4001000900"]));
    assert_eq!(offer(&store, "plan-l", &callers), Verdict::Accepted);
    assert!(serves(&store, "4001000900") && !serves(&store, HOTLINE));
}

#[test]
fn callers_go_when_no_leaf_names_them_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = PlanStore::open(folder.path(), "e1".into()).unwrap();
    let (asking, callers) = asking_for("13900001111");
    offer(&store, "plan-l", &callers);
    offer(&store, "plan-a", &asking);
    assert_eq!(store.remove("plan-l"), Removal::KeptLastGood);
    assert!(has_vip(&store, "13900001111"));
    let (newer, more) = asking_for("13900002222");
    offer(&store, "plan-m", &more);
    assert_eq!(offer(&store, "plan-a", &newer), Verdict::Accepted);
    assert!(has_vip(&store, "13900002222"));
    assert!(!store.held().contains("plan-l"), "gone at its source, and by now named by nobody");
    drop(store);
    let restarted = PlanStore::open(folder.path(), "e2".into()).unwrap();
    assert_eq!(restarted.held().into_iter().collect::<Vec<_>>(), ["plan-a", "plan-m"]);
    assert!(has_vip(&restarted, "13900002222"));
}

#[test]
fn many_at_once_come_to_the_same_as_one_by_one() {
    let (asking, callers) = asking_for("13900001111");
    let leaf_of = |tenant: u32| {
        let (path, number) = (format!("{tenant:06b}"), format!("4001000{tenant:03}"));
        let numbers = vec![worlds::raw(&worlds::plain(&number))];
        text(&Part::Numbers(Numbers { leaf: path, numbers, ..worlds::empty_leaf() }))
    };
    let mut texts: Vec<(String, String)> = vec![("plan-a".into(), asking)];
    texts.extend((0..40).map(|tenant| (format!("plan-{tenant}"), leaf_of(tenant))));
    texts.extend([
        ("plan-l".into(), callers),
        ("plan-broken".into(), "{".into()),
        ("Not A Name".into(), leaf(&[HOTLINE])),
    ]);
    let mut offers: Vec<Offer<'_>> =
        texts.iter().map(|(part, text)| Offer { part, digest: Digest::of(text.as_bytes()), text }).collect();
    offers[7].digest = Digest::of(b"another text");
    assert!(offers.len() >= READ_AT_ONCE_FROM);

    let (at_once, singly) = (PlanStore::new("e1".into()), PlanStore::new("e1".into()));
    let together = at_once.offer_all(&offers);
    let apart: Vec<Verdict> = offers
        .iter()
        .skip(1)
        .chain(&offers[..1])
        .map(|offer| singly.offer(offer.part, offer.digest, offer.text))
        .collect();
    assert_eq!(together[1..], apart[..apart.len() - 1]);
    assert_eq!(
        (&together[0], apart.last()),
        (&Verdict::Accepted, Some(&Verdict::Accepted)),
        "its callers came with it"
    );
    assert_eq!(at_once.held(), singly.held());
    assert_eq!(at_once.snapshot().numbers(), 40);
    assert!(has_vip(&at_once, "13900001111"));
    assert_eq!(at_once.offer_all(&offers[..7]), vec![Verdict::Unchanged; 7]);
}
