//! One object's figures, written when its turn comes.

use std::sync::Arc;

use super::{Followed, months, note_cap, shown};
use crate::api::NEVER_OBSERVED;
use crate::api::tenant::{AccountStatus, TenantStatus};
use crate::controllers::claim;
use crate::controllers::key::Key;
use crate::controllers::publish::differs;
use crate::controllers::sink::Manager;
use crate::controllers::world::{Find as _, World};

/// A number's usage, unless its status says the same.
pub(super) async fn number(world: Arc<World>, followed: Arc<Followed>, key: Key) {
    let Some(claim) = claim::held_by(&world, &key) else { return };
    let status = || {
        let object = world.stores.numbers.find_key(&key)?;
        let usage = followed.usage(claim::number_of(&claim)?, &claim.spec.tenant, &object, &world)?;
        let status = shown::of_number(&object, &usage, world.clock.now());
        Some((object, usage, status))
    };
    let Some((object, usage, now)) = status() else { return };
    note_cap(&world, &usage);
    let object_name = format!("number {key}");
    let differs = differs(&*object, Manager::Usage, &now);
    let _turn = if differs { world.pace.turn(&object_name).await } else { None };
    // As it is by now.
    let Some((object, _, status)) = status() else { return };
    if let Err(error) = world.published.publish(&world, &*object, Manager::Usage, &status).await {
        tracing::debug!(object = %key, %error, "usage not written; it is written again");
        world.usage_of.mark(key);
    }
}

/// A tenant's account, unless its status says the same.
pub(super) async fn tenant(world: Arc<World>, followed: Arc<Followed>, name: String) {
    let status = || {
        let object = world.stores.tenants.find_name(&name)?;
        let month = months::of_tenant(&world, &object);
        let shown = object.status.as_ref().and_then(|status| status.account.clone());
        let charged = followed.charged(&name, month, shown.as_ref())?.to_string();
        let month = month.to_string();
        let as_of = match shown {
            Some(shown) if shown.month == month && shown.charged == charged => shown.as_of,
            _ => claim::text(world.clock.now()),
        };
        let status = TenantStatus {
            observed_generation: NEVER_OBSERVED,
            verification: None,
            state: None,
            numbers: None,
            account: Some(AccountStatus { month, charged, balance: None, as_of }),
            conditions: Vec::new(),
        };
        Some((object, status))
    };
    let Some((object, now)) = status() else { return };
    let object_name = format!("tenant {name}");
    let differs = differs(&*object, Manager::Usage, &now);
    let _turn = if differs { world.pace.turn(&object_name).await } else { None };
    let Some((object, status)) = status() else { return };
    if let Err(error) = world.published.publish(&world, &*object, Manager::Usage, &status).await {
        tracing::debug!(tenant = name, %error, "account not written; it is written again");
        world.usage_of_tenant.mark(name);
    }
}
