//! A plan part that is not as this process left it is written again.

use std::sync::Arc;

use crate::controllers::tariff::is_price_book;
use crate::controllers::world::{PartSeen, World};

/// A plan part changed at the API server; one that is not as this process left it is written again.
pub fn part(world: &Arc<World>, place: (String, String), seen: Option<PartSeen>) {
    let ours = world.plan().resource_version(&place.0, &place.1).map(str::to_owned);
    let known = world.plan().part(&place.0, &place.1).cloned();
    let disturbed = match &seen {
        None => known.is_some(),
        Some(seen) => known.is_some() && ours.as_deref() != Some(&seen.resource_version),
    };
    let before = world.parts().get(&place).cloned();
    let edited = |seen: &PartSeen| {
        seen.foreign
            || before.as_ref().is_some_and(|known| (known.digest, &known.labels) != (seen.digest, &seen.labels))
    };
    let spoilt = is_price_book(&place.1) && seen.as_ref().is_none_or(edited);
    let namespace = place.0.clone();
    match seen {
        Some(seen) => {
            world.parts().insert(place, seen);
        }
        None => {
            world.parts().remove(&place);
        }
    }
    if disturbed && let Some((shard, _)) = known {
        world.mark_shards([shard]);
    }
    if spoilt {
        // Bindings of any shard beside it may name this price book.
        let shards = world.plan().shards_in(&namespace);
        world.mark_shards(shards);
    }
}
