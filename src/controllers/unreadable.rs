//! Objects that this build cannot read, such as one with a value that a later version brought, after a roll-back.
//!
//! What cannot be read is not absent: its like in the store stays as it was read last, it is never told as gone, and a
//! shard that it may belong to stays as it was written. Pure but for its lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key::Key;
use super::plan::shard::ShardKey;

/// See the module's text. By kind and key, with why.
#[derive(Debug, Default)]
pub struct Unreadable(Mutex<BTreeMap<(&'static str, Key), String>>);

impl Unreadable {
    /// Returns whether that is news.
    pub fn note(&self, kind: &'static str, key: &Key, why: &str) -> bool {
        let before = self.lock().insert((kind, key.clone()), why.to_owned());
        before.as_deref() != Some(why)
    }

    /// It can be read again, or is gone. Returns whether it was noted.
    pub fn forget(&self, kind: &'static str, key: &Key) -> bool {
        self.lock().remove(&(kind, key.clone())).is_some()
    }

    /// The objects of `kind`.
    pub fn of_kind(&self, kind: &'static str) -> Vec<Key> {
        self.lock().keys().filter(|(of, _)| *of == kind).map(|(_, key)| key.clone()).collect()
    }

    /// What of `shard` cannot be read: its gateway, a number or an override of its namespace, or the tenant `claimed` by
    /// the namespace's claims. Nothing is rendered from the rest.
    pub fn of_shard(&self, shard: &ShardKey, claimed: Option<&str>) -> Option<(&'static str, Key)> {
        let concerns = |(kind, key): &(&'static str, Key)| match *kind {
            "CallGateway" => *key == shard.gateway,
            "FourHundredNumber" | "RoutingOverride" => key.namespace == shard.namespace,
            "Tenant" => Some(key.name.as_str()) == claimed,
            _ => false,
        };
        self.lock().keys().find(|noted| concerns(noted)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, Key), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_with_a_member_that_cannot_be_read_is_known_by_any_of_them() {
        let shard = ShardKey { gateway: Key::new("telephony", "east"), namespace: "acme".to_owned() };
        for (kind, key, concerns) in [
            ("CallGateway", Key::new("telephony", "east"), true),
            ("CallGateway", Key::new("telephony", "west"), false),
            ("FourHundredNumber", Key::new("acme", "hotline"), true),
            ("FourHundredNumber", Key::new("globex", "hotline"), false),
            ("RoutingOverride", Key::new("acme", "typhoon"), true),
            ("Tenant", Key::cluster("acme-ltd"), true),
            ("Tenant", Key::cluster("globex"), false),
            // Without its tariff, schedule or calendar a number keeps its entry anyway.
            ("Tariff", Key::cluster("standard"), false),
        ] {
            let unreadable = Unreadable::default();
            assert!(unreadable.note(kind, &key, "unknown variant") && !unreadable.note(kind, &key, "unknown variant"));
            assert_eq!(unreadable.of_shard(&shard, Some("acme-ltd")).is_some(), concerns, "{kind} {key}");
            assert!(unreadable.forget(kind, &key));
            assert_eq!(unreadable.of_shard(&shard, Some("acme-ltd")), None);
        }
    }
}
