//! Parts of the plan that stand at the API server, written by whoever led before.

use std::collections::BTreeSet;

use super::shard::{self, ShardKey, labels};
use crate::controllers::error::Error;
use crate::controllers::key::Key;
use crate::controllers::world::{PartSeen, World};

/// Shards of which parts stand.
pub fn shards(world: &World) -> BTreeSet<ShardKey> {
    let parts = world.parts();
    let shard = |((namespace, _), seen): (&(String, String), &PartSeen)| {
        let gateway = Key::new(namespace, seen.labels.get(labels::GATEWAY)?);
        Some(ShardKey { gateway, namespace: seen.labels.get(labels::TENANT_NAMESPACE)?.clone() })
    };
    parts.iter().filter_map(shard).collect()
}

/// Reads what the shards of a tenant's `namespace` hold into the book, those that this process has neither read nor
/// written yet.
pub async fn read(world: &World, namespace: &str) -> Result<(), Error> {
    for shard in shards(world).into_iter().filter(|shard| shard.namespace == namespace) {
        let known = {
            let plan = world.plan();
            plan.knows_previous(&shard) || plan.is_complete(&shard)
        };
        if !known {
            read_shard(world, &shard).await?;
        }
    }
    Ok(())
}

/// Reads what `shard` holds into the book.
pub async fn read_shard(world: &World, shard: &ShardKey) -> Result<(), Error> {
    let texts = world.sink.read_parts(&shard.gateway.namespace, &shard.labels()).await?;
    world.plan().load_previous(shard, shard::earlier(&texts));
    Ok(())
}
