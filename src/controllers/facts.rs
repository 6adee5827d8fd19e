//! What a judgement may look at: the stores, the reverse index, the settings, the clock. No way out is in here.
//!
//! The operator's [`World`](super::world::World) holds one and adds what a reconcile writes with; the folder tools fill
//! one from manifests and ask the same checks ([`crate::offline`]).

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::caller_list::Packs;
use super::recent_claims::RecentClaims;
use super::references::References;
use super::tariff::Books;
use super::world::{Settings, Stores};
use crate::runtime::clock::Clock;

/// See the module's text.
#[derive(Debug)]
pub struct Facts {
    pub stores: Stores,
    pub settings: Settings,
    pub clock: Clock,
    /// Claims that the cache may not show yet.
    pub recent_claims: RecentClaims,
    pub(super) books: Books,
    pub(super) packs: Packs,
    references: Mutex<References>,
}

impl Facts {
    /// Nothing is indexed yet.
    pub fn new(stores: Stores, settings: Settings, clock: Clock) -> Self {
        Self {
            stores,
            settings,
            clock,
            recent_claims: RecentClaims::default(),
            books: Books::default(),
            packs: Packs::default(),
            references: Mutex::default(),
        }
    }

    /// The reverse index.
    pub fn references(&self) -> MutexGuard<'_, References> {
        self.references.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
