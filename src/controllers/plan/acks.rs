//! Which routers serve which parts. Fed by the routers' own word (`GET /v1/plan`, or the same structure in process).

use std::collections::{BTreeMap, HashMap};

use crate::controllers::key::Key;
use crate::domain::digest::Digest;

/// What one router says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterWord {
    /// Its listeners are open and it has read everything there is.
    pub ready: bool,
    /// It has not answered for too long. It counts as before, with what it said last, so that what came since waits.
    pub silent: bool,
    /// Digests by part name.
    pub parts: BTreeMap<String, Digest>,
}

/// What a router's word changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Names of parts about which anything changed, all of the router's when the quorum did.
    pub parts: Vec<String>,
    /// Another router counts, one no longer does, or one fell silent or spoke again.
    pub quorum: bool,
}

impl Change {
    /// Whether anybody need look.
    pub fn is_any(&self) -> bool {
        self.quorum || !self.parts.is_empty()
    }
}

/// All routers of all gateways.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    gateways: HashMap<Key, BTreeMap<String, RouterWord>>,
}

impl Acknowledgements {
    /// `router` of `gateway` now says `word`; `None`: it is gone.
    pub fn told(&mut self, gateway: &Key, router: &str, word: Option<RouterWord>) -> Change {
        let routers = self.gateways.entry(gateway.clone()).or_default();
        let before = match word {
            Some(word) => routers.insert(router.to_owned(), word),
            None => routers.remove(router),
        };
        let after = routers.get(router);
        let standing = |word: Option<&RouterWord>| word.map(|word| (word.ready, word.silent)).unwrap_or_default();
        let quorum = standing(before.as_ref()) != standing(after);
        let nothing = BTreeMap::new();
        let old = before.as_ref().map_or(&nothing, |word| &word.parts);
        let new = after.map_or(&nothing, |word| &word.parts);
        let mut parts: Vec<String> = new
            .iter()
            .filter(|(name, digest)| quorum || old.get(*name) != Some(*digest))
            .map(|(name, _)| name.clone())
            .collect();
        parts.extend(old.keys().filter(|name| !new.contains_key(*name)).cloned());
        if routers.is_empty() {
            self.gateways.remove(gateway);
        }
        Change { parts, quorum }
    }

    /// `router` of `gateway` has not answered for too long. One that was never heard counts for nothing anyway.
    pub fn fell_silent(&mut self, gateway: &Key, router: &str) -> Change {
        let known = self.gateways.get(gateway).and_then(|routers| routers.get(router)).cloned();
        match known {
            Some(word) => self.told(gateway, router, Some(RouterWord { silent: true, ..word })),
            None => Change::default(),
        }
    }

    /// Ready routers of `gateway` that do not answer.
    pub fn silent(&self, gateway: &Key) -> Vec<&str> {
        let routers = self.gateways.get(gateway).into_iter().flatten();
        routers.filter(|(_, word)| word.ready && word.silent).map(|(name, _)| name.as_str()).collect()
    }

    /// Routers of `gateway` that count.
    pub fn ready(&self, gateway: &Key) -> usize {
        self.gateways.get(gateway).map_or(0, |routers| routers.values().filter(|word| word.ready).count())
    }

    /// Whether this process has ever heard of a router of `gateway`, be it that it is away.
    pub fn hears(&self, gateway: &Key) -> bool {
        self.gateways.contains_key(gateway)
    }

    /// The digest of `part` at every ready router of `gateway` (`None` where a router has no such part); empty when no
    /// router is ready.
    pub fn served(&self, gateway: &Key, part: &str) -> Vec<Option<Digest>> {
        self.gateways
            .get(gateway)
            .map(|routers| {
                routers.values().filter(|word| word.ready).map(|word| word.parts.get(part).copied()).collect()
            })
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_that_is_not_ready_leaves_the_quorum() {
        let (gateway, digest) = (Key::new("telephony", "east"), Digest::of(b"1"));
        let mut acks = Acknowledgements::default();
        let word = RouterWord { ready: true, silent: false, parts: BTreeMap::from([("plan-a-n".to_owned(), digest)]) };
        assert_eq!(acks.told(&gateway, "r1", Some(word.clone())).parts, ["plan-a-n"]);
        assert_eq!(acks.told(&gateway, "r1", Some(word.clone())), Change::default());
        let change = acks.told(&gateway, "r2", Some(RouterWord { ready: true, ..RouterWord::default() }));
        assert!(change.quorum && change.parts.is_empty(), "one without parts counts too");
        assert_eq!(acks.served(&gateway, "plan-a-n"), [Some(digest), None]);
        acks.told(&gateway, "r2", Some(RouterWord::default()));
        assert_eq!((acks.ready(&gateway), acks.served(&gateway, "plan-a-n")), (1, vec![Some(digest)]));
    }
    #[test]
    fn a_ready_router_that_falls_silent_still_counts_and_is_named() {
        let (gateway, digest) = (Key::new("telephony", "east"), Digest::of(b"1"));
        let mut acks = Acknowledgements::default();
        assert_eq!(acks.fell_silent(&gateway, "r1"), Change::default());
        let word = RouterWord { ready: true, silent: false, parts: BTreeMap::from([("plan-a-n".to_owned(), digest)]) };
        acks.told(&gateway, "r1", Some(word.clone()));
        assert!(acks.fell_silent(&gateway, "r1").quorum);
        assert_eq!(acks.fell_silent(&gateway, "r1"), Change::default(), "told once");
        assert_eq!((acks.ready(&gateway), acks.silent(&gateway)), (1, vec!["r1"]));
        assert_eq!(acks.served(&gateway, "plan-a-n"), [Some(digest)]);
        assert!(acks.told(&gateway, "r1", Some(word)).quorum, "it speaks again");
        acks.told(&gateway, "r1", None);
        assert_eq!((acks.ready(&gateway), acks.silent(&gateway).len()), (0, 0));
    }
}
