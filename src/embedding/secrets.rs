//! The Secrets that gateways name, for embedded workers: each watched by name, none listed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::words;
use crate::api::{CallGateway, SecretKeyRef};
use crate::controllers::key::Key;
use crate::controllers::world::{Find as _, World};
use crate::runtime::secrets::{self, SecretKey, Value};
use crate::workers::house::{House, Secrets};
use crate::workers::router::certificates;

/// What a gateway uses a Secret for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Intake,
    /// Questions about routes on the listener of this name.
    Route(String),
    /// What the TLS listener of this name shows.
    Certificate(String),
}

type Place = (Key, Use);

type Followed = BTreeMap<Place, (SecretKey, CancellationToken)>;

/// Values as read last, brought to the workers whenever one changes or is no longer asked for.
#[derive(Debug, Clone)]
struct Bringer {
    world: Arc<World>,
    house: Arc<House>,
    values: Arc<Mutex<BTreeMap<Place, Value>>>,
}

/// Follows the Secrets of every gateway, as gateways come, change and go, until `stop`.
pub async fn follow_gateways(client: Client, world: Arc<World>, house: Arc<House>, stop: CancellationToken) {
    let mut followed: Followed = BTreeMap::new();
    let mut woken = world.gateways_changed.subscribe();
    let bringer = Bringer { world, house, values: Arc::default() };
    loop {
        let wanted = wanted(&bringer.world);
        let ended: Vec<Place> = followed
            .iter()
            .filter(|(place, (secret, _))| wanted.get(*place) != Some(secret))
            .map(|(p, _)| p.clone())
            .collect();
        for place in ended {
            if let Some((_, stop)) = followed.remove(&place) {
                stop.cancel();
            }
            // Also where another Secret is named in its stead: the old token opens nothing from now on.
            bringer.forget(&place);
        }
        for (place, secret) in wanted {
            if followed.contains_key(&place) {
                continue;
            }
            let ended = stop.child_token();
            followed.insert(place.clone(), (secret.clone(), ended.clone()));
            let (bringer, still) = (bringer.clone(), ended.clone());
            tokio::spawn(secrets::follow(client.clone(), secret, ended, move |value| {
                bringer.take(&place, value, &still);
            }));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = woken.changed() => if changed.is_err() { return },
        }
        // Several gateways that change together are looked at together.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Bringer {
    /// A value was read. One whose following has `ended` meanwhile is nobody's any longer.
    fn take(&self, place: &Place, value: Value, ended: &CancellationToken) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_cancelled() {
            return;
        }
        values.insert(place.clone(), value);
        self.bring(&place.0, &values);
    }

    /// The gateway no longer names the Secret, or is no more.
    fn forget(&self, place: &Place) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.remove(place);
        self.bring(&place.0, &values);
    }

    /// Under the lock of `values`: the later value must not come first.
    fn bring(&self, gateway: &Key, values: &BTreeMap<Place, Value>) {
        let value = |use_: Use| values.get(&(gateway.clone(), use_));
        let text = |use_: Use| match value(use_) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let route = values.iter().filter_map(|((key, use_), value)| match (use_, value) {
            (Use::Route(listener), Value::Text(text)) if key == gateway => Some((listener.clone(), text.clone())),
            _ => None,
        });
        let secrets = Secrets { intake: text(Use::Intake), route: route.collect(), ..Secrets::default() };
        if secrets.intake.is_none() && secrets.route.is_empty() {
            self.house.forget_secrets(&gateway.to_string());
        } else {
            self.house.set_secrets(&gateway.to_string(), secrets);
        }
        let certificates = self.certificates(gateway, values);
        if self.world.stores.gateways.find_key(gateway).is_none() {
            return;
        }
        let token = value(Use::Intake).map(|value| match value {
            Value::Text(_) => Ok(()),
            Value::Missing(why) => Err(why.clone()),
        });
        words::told(&self.world, gateway, |word| {
            word.token = token;
            word.certificates = certificates;
        });
    }

    /// Certificates go to their listeners; told is which can be shown.
    fn certificates(&self, gateway: &Key, values: &BTreeMap<Place, Value>) -> BTreeMap<String, Result<(), String>> {
        let own = values.iter().filter_map(|((key, use_), value)| match use_ {
            Use::Certificate(listener) if key == gateway => Some((listener, value)),
            _ => None,
        });
        own.map(|(listener, value)| {
            let pem = match value {
                Value::Text(pem) => Ok(pem.as_str()),
                Value::Missing(why) => Err(why.as_str()),
            };
            (listener.clone(), self.house.certificates.tell(&gateway.to_string(), listener, pem))
        })
        .collect()
    }
}

fn wanted(world: &World) -> BTreeMap<(Key, Use), SecretKey> {
    let mut wanted = BTreeMap::new();
    for gateway in world.stores.gateways.state() {
        let key = Key::of(&*gateway);
        if !world.settings.gateway_namespaces.contains(&key.namespace) {
            continue;
        }
        if let Some(reference) = intake(&gateway) {
            wanted.insert((key.clone(), Use::Intake), place(&key, reference));
        }
        for listener in &gateway.spec.listeners {
            if let Some(reference) = &listener.token_secret_ref {
                wanted.insert((key.clone(), Use::Route(listener.name.clone())), place(&key, reference));
            }
            if let Some(reference) = &listener.certificate_secret_ref {
                let keys = certificates::KEYS.map(str::to_owned).to_vec();
                let secret = SecretKey { namespace: key.namespace.clone(), name: reference.name.clone(), keys };
                wanted.insert((key.clone(), Use::Certificate(listener.name.clone())), secret);
            }
        }
    }
    wanted
}

fn intake(gateway: &CallGateway) -> Option<&SecretKeyRef> {
    gateway.spec.call_records.as_ref()?.token_secret_ref.as_ref()
}

fn place(gateway: &Key, reference: &SecretKeyRef) -> SecretKey {
    SecretKey { namespace: gateway.namespace.clone(), name: reference.name.clone(), keys: vec![reference.key.clone()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::world::bench;
    use crate::runtime::clock::Clock;
    use crate::workers::house::Options;
    use crate::workers::router::listeners::Answering;

    #[tokio::test]
    async fn a_value_that_comes_after_its_place_was_forgotten_is_nobodys() {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, _writers) = bench::world(folder.path());
        let options = Options {
            bind: std::net::IpAddr::from([127, 0, 0, 1]),
            data: folder.path().to_owned(),
            clock: Clock::SYSTEM,
            ledger: None,
            routes_calls: true,
            answering: Answering::default(),
            epoch: "e1".to_owned(),
        };
        let house = House::open(options).expect("a house");
        let bringer = Bringer { world, house, values: Arc::default() };
        let place = (Key::new("telephony", "east"), Use::Intake);
        let ended = CancellationToken::new();
        bringer.take(&place, Value::Text("old".to_owned()), &ended);
        assert!(bringer.house.has_secrets("telephony/east"));
        ended.cancel();
        bringer.forget(&place);
        assert!(!bringer.house.has_secrets("telephony/east"));
        bringer.take(&place, Value::Text("old".to_owned()), &ended);
        assert!(!bringer.house.has_secrets("telephony/east"));
    }
}
