//! Which namespaces' numbers a gateway admits. Pure over the caches.

use kube::ResourceExt as _;

use crate::api::CallGateway;
use crate::api::call_gateway::NamespacesFrom;
use crate::controllers::facts::Facts;
use crate::controllers::key::Key;
use crate::controllers::world::Find as _;

/// Whether numbers of a namespace may attach to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// The gateway's `allowedNamespaces` leave it out.
    NotAllowed,
    /// The gateway stands where this operator serves none.
    NotServed,
    /// There is no such gateway.
    Unknown,
    /// The namespace's labels, which decide, are not in the cache yet.
    Undecided,
}

/// The admission of `namespace` to `gateway`.
pub fn of(facts: &Facts, key: &Key, gateway: Option<&CallGateway>, namespace: &str) -> Admission {
    let Some(gateway) = gateway else { return Admission::Unknown };
    if !facts.settings.gateway_namespaces.contains(&key.namespace) {
        return Admission::NotServed;
    }
    match gateway.spec.namespaces_from() {
        NamespacesFrom::All => Admission::Admitted,
        NamespacesFrom::Same if namespace == key.namespace => Admission::Admitted,
        NamespacesFrom::Same => Admission::NotAllowed,
        NamespacesFrom::Selector => {
            let selector = gateway.spec.allowed_namespaces.as_ref().and_then(|allowed| allowed.selector.as_ref());
            match (selector, facts.stores.namespaces.find_name(namespace)) {
                (Some(selector), Some(found)) if selector.matches(found.labels()) => Admission::Admitted,
                (Some(_), None) => Admission::Undecided,
                _ => Admission::NotAllowed,
            }
        }
    }
}
