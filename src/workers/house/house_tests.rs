//! What a house takes over, when, and from where.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::json;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::routing::document::{Listener, Part};
use crate::domain::routing::worlds;

const HOTLINE: &str = "4001000868";

pub(super) fn house(data: &std::path::Path) -> Arc<House> {
    let options = Options {
        bind: IpAddr::from([127, 0, 0, 1]),
        data: data.to_owned(),
        clock: Clock::SYSTEM,
        ledger: None,
        routes_calls: true,
        answering: Answering::default(),
        epoch: "e1".to_owned(),
    };
    House::open(options).expect("a house")
}

fn news(namespace: &str, leaf: &str, text: &str) -> News {
    let tenant = if leaf == place::HEAD_LEAF { "" } else { "acme" };
    News::Part(Box::new(Arrival {
        namespace: namespace.to_owned(),
        gateway: Some("east".to_owned()),
        name: place::part_name("east", tenant, leaf),
        digest: Digest::of(text.as_bytes()),
        text: text.to_owned(),
    }))
}

fn head() -> String {
    json!({
        "part": "head", "format": 1, "gateway": "telephony/east", "toTagKey": "00112233445566778899aabbccddeeff",
        "trunk": {"host": "ims.example", "port": 5060, "transport": "UDP", "numberFormat": "National"},
        "originalCalled": "None",
        "listeners": [
            {"name": "sip", "protocol": "UDP", "port": 0, "peers": ["127.0.0.0/8"], "forceRport": false},
            {"name": "api", "protocol": "HTTP", "port": 0, "peers": ["127.0.0.0/8"], "forceRport": false},
        ],
    })
    .to_string()
}

fn leaf() -> String {
    let numbers = vec![worlds::raw(&worlds::plain(HOTLINE))];
    let part = crate::domain::routing::document::Part::Numbers(crate::domain::routing::document::Numbers {
        gateway: "telephony/east".to_owned(),
        namespace: "acme".to_owned(),
        numbers,
        ..worlds::empty_leaf()
    });
    serde_json::to_string(&part).expect("a leaf")
}

fn serves(house: &House) -> (bool, bool) {
    let plan = house.store.snapshot();
    (plan.head("telephony/east").is_some(), plan.number(HOTLINE.parse().expect("a number")).is_some())
}

#[test]
fn a_part_in_another_namespace_than_its_gateways_is_refused_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = house(folder.path());
    house.take(&news("acme", "n", &leaf()));
    house.take(&news("acme", place::HEAD_LEAF, &head()));
    assert_eq!((serves(&house), house.store.counters.refused.get()), ((false, false), 2));
    house.take(&news("telephony", "n", &leaf()));
    assert_eq!(serves(&house), (false, true));
}

#[test]
fn a_house_without_a_plan_opens_nothing_before_its_first_list_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let listed = || News::Listed { namespace: "telephony".to_owned(), parts: Vec::new() };
    {
        let house = house(folder.path());
        house.expect_list("telephony");
        house.take(&news("telephony", place::HEAD_LEAF, &head()));
        assert_eq!(serves(&house), (false, false));
        house.take(&news("telephony", "n", &leaf()));
        house.take(&listed());
        assert_eq!(serves(&house), (true, true));
    }
    // With a copy on disk it serves at once, and takes what comes as it comes.
    let house = house(folder.path());
    assert_eq!(serves(&house), (true, true));
    let leaf = place::part_name("east", "acme", "n");
    assert_eq!(house.known("telephony").get(&leaf), Some(&Some("east".to_owned())));
    house.expect_list("telephony");
    house.take(&news("telephony", place::HEAD_LEAF, &head().replace("ims.example", "ims2.example")));
    let plan = house.store.snapshot();
    let host = plan.head("telephony/east").map(|head| head.trunk.authority.clone());
    assert!(host.is_some_and(|host| host.starts_with("ims2.example")));
}

#[test]
fn a_secret_that_is_no_longer_named_opens_nothing_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = house(folder.path());
    house.take(&news("telephony", place::HEAD_LEAF, &head()));
    let token = |house: &House| house.gate("telephony/east", "api").intake.load().token.is_some();
    house.set_secrets("telephony/east", Secrets { intake: Some("of-the-switches".to_owned()), ..Secrets::default() });
    assert!(token(&house));
    house.forget_secrets("telephony/east");
    assert!(!token(&house));
    // A gateway without a head admits nobody, whatever was known of it.
    house.set_secrets("telephony/east", Secrets { intake: Some("of-the-switches".to_owned()), ..Secrets::default() });
    let News::Part(part) = news("telephony", place::HEAD_LEAF, &head()) else { unreachable!() };
    house.take(&News::Gone { namespace: part.namespace, gateway: part.gateway, name: part.name });
    house.refresh_gates();
    assert!(!token(&house));
}

fn listener(name: &str, peer: &str, asks_token: bool) -> Listener {
    let peers = vec![peer.to_owned()];
    Listener { name: name.to_owned(), protocol: Protocol::Http, port: 0, peers, force_rport: true, asks_token }
}

#[test]
fn each_listener_has_its_own_peers_and_token() {
    let data = tempfile::tempdir().unwrap();
    let house = house(data.path());
    let mut head = worlds::head();
    head.listeners = vec![
        listener("inside", "10.0.0.0/8", false),
        listener("switches", "192.168.0.0/16", true),
        listener("portal", "172.16.0.0/12", true),
    ];
    let text = serde_json::to_string(&Part::Head(head)).unwrap();
    assert_eq!(house.store.offer("telephony.head", Digest::of(text.as_bytes()), &text), Verdict::Accepted);
    let route = BTreeMap::from([("switches".to_owned(), "s3cret".to_owned())]);
    house.set_secrets("telephony/east", Secrets { route, ..Secrets::default() });
    let admits = |listener: &str, source: &str, token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let gate = house.gate("telephony/east", listener);
        gate.route.load().admits(&headers, Some(source.parse().unwrap()))
    };
    assert!(admits("inside", "10.0.0.7", ""), "this one asks for no token");
    assert!(!admits("inside", "192.168.0.7", "s3cret"), "another's peers are not its own");
    assert!(admits("switches", "192.168.0.7", "s3cret"));
    assert!(!admits("switches", "192.168.0.7", "") && !admits("switches", "10.0.0.7", "s3cret"));
    assert!(!admits("portal", "172.16.0.7", "s3cret"), "its own token is missing: nobody");
}
