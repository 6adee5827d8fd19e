//! Which routers serve which parts. Fed by the routers' own word (`GET /v1/plan`, or the same structure in process).

use std::collections::{BTreeMap, HashMap};

use crate::controllers::key::Key;
use crate::domain::digest::Digest;

/// What one router says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterWord {
    /// Its listeners are open and it has read everything there is.
    pub ready: bool,
    /// Digests by part name.
    pub parts: BTreeMap<String, Digest>,
}

/// All routers of all gateways.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    gateways: HashMap<Key, BTreeMap<String, RouterWord>>,
}

impl Acknowledgements {
    /// `router` of `gateway` now says `word`; `None`: it is gone. Returns the names of parts about which anything changed,
    /// all of them when the quorum did.
    pub fn told(&mut self, gateway: &Key, router: &str, word: Option<RouterWord>) -> Vec<String> {
        let routers = self.gateways.entry(gateway.clone()).or_default();
        let before = match word {
            Some(word) => routers.insert(router.to_owned(), word),
            None => routers.remove(router),
        };
        let after = routers.get(router);
        let same_quorum = before.as_ref().is_some_and(|b| b.ready) == after.is_some_and(|a| a.ready);
        let nothing = BTreeMap::new();
        let old = before.as_ref().map_or(&nothing, |word| &word.parts);
        let new = after.map_or(&nothing, |word| &word.parts);
        let mut changed: Vec<String> = new
            .iter()
            .filter(|(name, digest)| !same_quorum || old.get(*name) != Some(*digest))
            .map(|(name, _)| name.clone())
            .collect();
        changed.extend(old.keys().filter(|name| !new.contains_key(*name)).cloned());
        changed
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
        let word = RouterWord { ready: true, parts: BTreeMap::from([("plan-a-n".to_owned(), digest)]) };
        assert_eq!(acks.told(&gateway, "r1", Some(word.clone())), ["plan-a-n"]);
        assert_eq!(acks.told(&gateway, "r1", Some(word.clone())), Vec::<String>::new());
        acks.told(&gateway, "r2", Some(RouterWord { ready: true, parts: BTreeMap::new() }));
        assert_eq!(acks.served(&gateway, "plan-a-n"), [Some(digest), None]);
        acks.told(&gateway, "r2", Some(RouterWord::default()));
        assert_eq!((acks.ready(&gateway), acks.served(&gateway, "plan-a-n")), (1, vec![Some(digest)]));
    }
}
