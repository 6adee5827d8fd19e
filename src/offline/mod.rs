//! A folder of manifests as a cluster would hold it, without one: judged by the operator's own checks, compiled into the
//! plan that its routers would load.
//!
//! What only a cluster knows is assumed in the tenant's favour: the tenant is verified and active, a number that may be
//! claimed is. Everything is computed from the folder and the instant handed in, so the same folder gives the same
//! answers; nothing here reads a clock or a socket.

pub mod claims;
pub mod diff;
pub mod lint;
pub mod places;
pub mod rating;
pub mod revision;
pub mod routing_test;
pub mod simulate;
pub mod stores;
pub mod verdicts;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use self::verdicts::Verdict;
use crate::api::{self, FourHundredNumber};
use crate::controllers::claim;
use crate::controllers::facts::Facts;
use crate::controllers::findings::Finding;
use crate::controllers::gateway::head;
use crate::controllers::key::Key;
use crate::controllers::number::{apply, dereference, validate};
use crate::controllers::plan::book::Intent;
use crate::controllers::plan::shard::{self, PlannedNumber, ShardContent, ShardKey};
use crate::controllers::world::Find as _;
use crate::controllers::{overrides, tenant};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::Part;
use crate::domain::routing::load::{ANY_CALLERS, LoadError, LoadedPart, load};
use crate::domain::routing::plan::{CompiledPart, Plan};
use crate::folder::schema::SchemaError;
use crate::folder::{Folder, Problem, Schemas, Skip};

/// A folder could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("{}", lines(.0))]
    Manifests(Vec<Problem>),
    #[error("a schema of this build cannot be used")]
    Schemas(#[from] SchemaError),
    #[error("the plan of this folder cannot be written")]
    Write(#[from] serde_json::Error),
    #[error("the plan of this folder cannot be loaded")]
    Load(#[from] LoadError),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A folder, judged.
#[derive(Debug)]
pub struct Offline {
    pub folder: Folder,
    pub facts: Facts,
    /// The instant at which it is judged.
    pub now: Timestamp,
    /// Numbers that are accepted and got no claim.
    unclaimed: BTreeMap<Key, Finding>,
}

impl Offline {
    /// Reads folders and files as one, and judges them as of `now`.
    pub fn read(paths: &[PathBuf], skip: &[String], now: Timestamp) -> Result<Self, OfflineError> {
        let schemas = Schemas::from_crds(&api::crds::all())?;
        let folder =
            Folder::read_all(paths, Skip { names: skip, folder: None }, &schemas).map_err(OfflineError::Manifests)?;
        Self::judge(folder, now)
    }

    /// Judges a folder as of `now`.
    pub fn judge(folder: Folder, now: Timestamp) -> Result<Self, OfflineError> {
        let mut filled = stores::fill(&folder, now).map_err(OfflineError::Manifests)?;
        let unclaimed = claims::assume(&mut filled, now);
        Ok(Self { folder, facts: filled.facts, now, unclaimed })
    }

    /// What the operator would say of each object that is not as its owner asked.
    pub fn verdicts(&self) -> Vec<Verdict> {
        verdicts::of(self)
    }

    /// The 400 number that an object holds here.
    pub fn number_of(&self, key: &Key) -> Option<FourHundred> {
        claim::held_by(&self.facts, key).as_deref().and_then(claim::number_of)
    }

    /// The object that holds a 400 number here.
    pub fn holder_of(&self, number: FourHundred) -> Option<Arc<FourHundredNumber>> {
        let claim = self.facts.stores.claims.find_name(&number.to_string())?;
        self.facts.stores.numbers.find_key(&claim::holder_of(&claim))
    }

    /// Every number that holds a 400 number, in order.
    pub fn numbers(&self) -> BTreeMap<FourHundred, Arc<FourHundredNumber>> {
        let numbers = self.facts.stores.numbers.state().into_iter();
        numbers.filter_map(|number| Some((self.number_of(&Key::of(&*number))?, number))).collect()
    }

    /// The plan that routers would have loaded at `at`: calendars of the years around it, overrides that have not ended.
    pub fn plan_at(&self, at: Timestamp) -> Result<Plan, OfflineError> {
        let mut parts = self.heads()?;
        for (key, numbers) in self.shards_at(at) {
            let content = ShardContent {
                tenant: tenant::header(&self.facts, &key.namespace),
                overrides: overrides::entries(&self.facts, at, &key.namespace, &numbers),
                caps_reached: BTreeMap::new(),
                numbers,
            };
            let leaves = shard::render(&key, &content)?;
            let mut callers = BTreeMap::new();
            for leaf in leaves.callers.iter().chain(&leaves.routing) {
                match load(&leaf.part.text, &|digest| callers.get(digest).cloned())? {
                    LoadedPart::Routing(part) => parts.push(part),
                    LoadedPart::Callers { digest, callers: some, .. } => {
                        callers.insert(digest, some);
                    }
                    LoadedPart::Bindings(_) | LoadedPart::Prices(_) => {}
                }
            }
        }
        Ok(Plan::default().with_parts(parts))
    }

    /// Heads that stand; what is wrong with others is told by their gateway's verdict.
    fn heads(&self) -> Result<Vec<CompiledPart>, OfflineError> {
        let mut heads = Vec::new();
        for gateway in self.facts.stores.gateways.state() {
            let text = serde_json::to_string(&Part::Head(head::build(&Key::of(&*gateway), &gateway)))?;
            match load(&text, ANY_CALLERS) {
                Ok(LoadedPart::Routing(head)) => heads.push(head),
                Ok(_) | Err(LoadError::Head { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(heads)
    }

    fn shards_at(&self, at: Timestamp) -> BTreeMap<ShardKey, Planned> {
        let mut shards: BTreeMap<ShardKey, Planned> = BTreeMap::new();
        for number in self.facts.stores.numbers.state() {
            let refs = dereference::read(&number, &self.facts);
            let verdict = validate::check(&number, &refs, at);
            let (Ok(()), Some(claim)) = (&verdict.accepted, &refs.own_claim) else { continue };
            if let Intent::Serve(planned) = apply::intent(&number, &refs, &verdict, claim, at) {
                let namespace = Key::of(&*number).namespace;
                let key = ShardKey { gateway: refs.gateway_key.clone(), namespace };
                shards.entry(key).or_default().insert(planned.number, planned);
            }
        }
        shards
    }
}

type Planned = BTreeMap<FourHundred, Arc<PlannedNumber>>;

#[cfg(test)]
pub(crate) mod tests;
