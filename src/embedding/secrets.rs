//! The Secrets that gateways name, for embedded workers: each watched by name, none listed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::words;
use crate::api::{CallGateway, SecretKeyRef};
use crate::controllers::key::Key;
use crate::controllers::world::World;
use crate::runtime::secrets::{self, SecretKey, Value};
use crate::workers::house::{House, Secrets};

/// What a gateway uses a Secret for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Intake,
    /// Questions about routes on the listener of this name.
    Route(String),
}

type Followed = BTreeMap<(Key, Use), (SecretKey, CancellationToken)>;

/// Follows the Secrets of every gateway, as gateways come, change and go, until `stop`.
pub async fn follow_gateways(client: Client, world: Arc<World>, house: Arc<House>, stop: CancellationToken) {
    let mut followed: Followed = BTreeMap::new();
    let values: Arc<Mutex<BTreeMap<(Key, Use), Value>>> = Arc::default();
    let mut woken = world.gateways_changed.subscribe();
    loop {
        let wanted = wanted(&world);
        followed.retain(|place, (secret, stop)| {
            let stays = wanted.get(place) == Some(secret);
            if !stays {
                stop.cancel();
                values.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
            }
            stays
        });
        for (place, secret) in wanted {
            if followed.contains_key(&place) {
                continue;
            }
            let ended = stop.child_token();
            followed.insert(place.clone(), (secret.clone(), ended.clone()));
            let (world, house, values) = (world.clone(), house.clone(), values.clone());
            tokio::spawn(secrets::follow(client.clone(), secret, ended, move |value| {
                values.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), value);
                bring(&world, &house, &place.0, &values.lock().unwrap_or_else(PoisonError::into_inner));
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
        }
    }
    wanted
}

fn intake(gateway: &CallGateway) -> Option<&SecretKeyRef> {
    gateway.spec.call_records.as_ref()?.token_secret_ref.as_ref()
}

fn place(gateway: &Key, reference: &SecretKeyRef) -> SecretKey {
    SecretKey { namespace: gateway.namespace.clone(), name: reference.name.clone(), key: reference.key.clone() }
}

fn bring(world: &World, house: &House, gateway: &Key, values: &BTreeMap<(Key, Use), Value>) {
    let mut secrets = Secrets::default();
    for ((_, use_), value) in values.iter().filter(|((key, _), _)| key == gateway) {
        match (use_, value) {
            (_, Value::Missing(_)) => {}
            (Use::Intake, Value::Text(text)) => secrets.intake = Some(text.clone()),
            (Use::Route(listener), Value::Text(text)) => drop(secrets.route.insert(listener.clone(), text.clone())),
        }
    }
    house.set_secrets(&gateway.to_string(), secrets);
    let token = values.get(&(gateway.clone(), Use::Intake)).map(|value| match value {
        Value::Text(_) => Ok(()),
        Value::Missing(why) => Err(why.clone()),
    });
    words::told(world, gateway, |word| word.token = token);
}
