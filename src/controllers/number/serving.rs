//! Where the last accepted entry of a number is: an edit that is refused may name another gateway.

use super::dereference::Refs;
use crate::controllers::claim;
use crate::controllers::error::Error;
use crate::controllers::key::Key;
use crate::controllers::plan::shard::ShardKey;
use crate::controllers::plan::standing;
use crate::controllers::world::World;

/// The gateway whose shard has the entry of `object`: by the book, else by the parts that stand. `None` where none has.
pub async fn gateway(world: &World, object: &Key, refs: &Refs) -> Result<Option<Key>, Error> {
    let Some(number) = refs.own_claim.as_deref().and_then(claim::number_of) else { return Ok(None) };
    let asked = ShardKey { gateway: refs.gateway_key.clone(), namespace: object.namespace.clone() };
    let known = world.plan().shard_holding(object, &asked, number);
    if let Some(shard) = known {
        return Ok(Some(shard.gateway));
    }
    standing::read(world, &object.namespace).await?;
    let found = world.plan().shard_holding(object, &asked, number);
    Ok(found.map(|shard| shard.gateway))
}
