//! What embedded workers say, brought to the control loops: parts served, listeners open, the ledger's state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::controllers::key::Key;
use crate::controllers::plan::acks::{Change, RouterWord};
use crate::controllers::world::{Find as _, GatewayWord, World};
use crate::domain::digest::Digest;
use crate::ledger::UnratedReason;
use crate::runtime::sentence::with_causes;
use crate::workers::house::{House, ListenerWord, part_name};
use crate::workers::plan::Family;

/// The name of the one router in this process.
const EMBEDDED: &str = "embedded";
/// How often the ledger's own state is looked at.
const LOOK_AT_LEDGER: Duration = Duration::from_secs(15);

/// Tells the world what `house` serves, as it changes, until `stop`. Nothing here waits for the ledger.
pub async fn follow_house(world: Arc<World>, house: Arc<House>, stop: CancellationToken) {
    let mut changes = house.store.changes();
    let mut listeners = house.listeners();
    let mut parts: BTreeMap<String, Digest> = BTreeMap::new();
    let mut gateways: BTreeSet<Key> = BTreeSet::new();
    let (mut epoch, mut cursor) = (String::new(), 0);
    loop {
        changes.borrow_and_update();
        let served = house.store.served(Family::Routing, &epoch, cursor);
        if served.whole {
            parts.clear();
        }
        (epoch, cursor) = (served.epoch, served.cursor);
        for change in served.changed {
            match change.digest {
                Some(digest) => parts.insert(change.part, digest),
                None => parts.remove(&change.part),
            };
        }
        let words = listeners.borrow_and_update().clone();
        let standing = tell(&world, &house, &parts, &words);
        for gone in gateways.difference(&standing) {
            acknowledge(&world, gone, EMBEDDED, None);
            if world.stores.gateways.find_key(gone).is_none() {
                world.forget_gateway_word(gone);
            } else {
                told(&world, gone, |word| {
                    let (token, certificates) = (word.token.take(), std::mem::take(&mut word.certificates));
                    *word = GatewayWord { token, certificates, ..GatewayWord::default() };
                });
            }
        }
        gateways = standing;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            changed = listeners.changed() => if changed.is_err() { return },
        }
    }
}

/// The gateways with a head, and how many listeners each asks for.
fn heads(house: &House) -> BTreeMap<Key, usize> {
    let plan = house.store.snapshot();
    let heads = plan.heads().filter_map(|head| Some((head.gateway.split_once('/')?, head.listeners.len())));
    heads.map(|((namespace, name), listeners)| (Key::new(namespace, name), listeners)).collect()
}

/// Returns the gateways that were told of.
fn tell(world: &World, house: &House, parts: &BTreeMap<String, Digest>, listeners: &[ListenerWord]) -> BTreeSet<Key> {
    let heads = heads(house);
    for (gateway, wanted) in &heads {
        let own: Vec<&ListenerWord> = listeners.iter().filter(|word| word.gateway == gateway.to_string()).collect();
        // SIP and HTTP listeners open one after the other: ready is only who has them all. That the first list is whole
        // need not be asked: a house without a copy of the plan has no head before.
        let ready = own.len() >= *wanted && own.iter().all(|word| word.address.is_ok());
        let parts = parts
            .iter()
            .filter_map(|(name, digest)| Some((part_name(&gateway.namespace, name)?.to_owned(), *digest)))
            .collect();
        acknowledge(world, gateway, EMBEDDED, Some(RouterWord { ready, silent: false, parts }));
        told(world, gateway, |word| {
            word.addresses = addresses(&own);
            word.refused = own.iter().filter_map(|w| Some((w.listener.clone(), w.address.clone().err()?))).collect();
        });
    }
    heads.into_keys().collect()
}

/// Tells the world how the ledger does, until `stop`: a busy one delays nobody but this.
pub async fn follow_ledger(world: Arc<World>, house: Arc<House>, stop: CancellationToken) {
    let mut changes = house.store.changes();
    loop {
        changes.borrow_and_update();
        let gateways: BTreeSet<Key> = heads(&house).into_keys().collect();
        let (ledger, unheld) = ledger_word(&house).await;
        for gateway in &gateways {
            told(&world, gateway, |word| {
                word.ledger.clone_from(&ledger);
                word.unheld_records = unheld;
            });
        }
        let next_look = tokio::time::Instant::now() + LOOK_AT_LEDGER;
        // A gateway that is new has no word of it yet; every other change of the plan says nothing about the ledger.
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(next_look) => break,
            }
            if heads(&house).keys().any(|gateway| !gateways.contains(gateway)) {
                break;
            }
        }
    }
}

fn addresses(listeners: &[&ListenerWord]) -> BTreeMap<String, String> {
    listeners.iter().filter_map(|word| Some((word.listener.clone(), word.address.as_ref().ok()?.to_string()))).collect()
}

/// Whether the ledger answers, and how many records it keeps for numbers that nobody held.
async fn ledger_word(house: &House) -> (Option<Result<(), String>>, u64) {
    let Some(ledger) = house.ledger.as_ref() else { return (None, 0) };
    match ledger.unrated(None).await {
        Ok(counts) => {
            let unheld = counts.iter().filter(|count| count.reason == UnratedReason::NumberNotHeld);
            (Some(Ok(())), unheld.map(|count| count.records).sum())
        }
        Err(error) => (Some(Err(with_causes(&error))), 0),
    }
}

/// The workers' word about a gateway changed.
pub fn told(world: &World, gateway: &Key, change: impl FnOnce(&mut GatewayWord)) {
    if world.told_by_gateway(gateway, change) {
        world.hub.gateways.wake(gateway);
    }
}

/// A router says what it serves: whoever waits for that looks again.
pub fn acknowledge(world: &World, gateway: &Key, router: &str, word: Option<RouterWord>) {
    let change = world.plan().acks.told(gateway, router, word);
    wake(world, gateway, &change);
}

/// A router that was ready does not answer: its gateway says so.
pub fn fell_silent(world: &World, gateway: &Key, router: &str) {
    let change = world.plan().acks.fell_silent(gateway, router);
    wake(world, gateway, &change);
}

fn wake(world: &World, gateway: &Key, change: &Change) {
    if !change.is_any() {
        return;
    }
    let numbers = world.plan().waiting_for(gateway, &change.parts);
    world.hub.numbers.wake_all(&numbers);
    world.hub.gateways.wake(gateway);
    let (overrides, schedules, lists) = {
        let references = world.references();
        let schedules: BTreeSet<Key> =
            numbers.iter().flat_map(|number| references.schedules.named_by(number)).cloned().collect();
        let lists: BTreeSet<Key> =
            numbers.iter().flat_map(|number| references.caller_lists.named_by(number)).cloned().collect();
        (references.waiting_overrides(&numbers), schedules, lists)
    };
    world.hub.overrides.wake_all(&overrides);
    world.hub.schedules.wake_all(&schedules);
    world.hub.caller_lists.wake_all(&lists);
    let emptied = world.plan().emptied(gateway);
    world.mark_shards(emptied);
}
