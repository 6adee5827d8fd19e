//! Triggers on their way to the reconciles: one channel per kind, open only while this process leads.

use std::sync::{Mutex, PoisonError};

use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::driver::Kind;
use super::key::Key;
use super::world::reference;
use crate::api::{
    Approval, CallGateway, CallerList, FourHundredNumber, HolidayCalendar, NumberClaim, NumberPool, RoutingOverride,
    RoutingSchedule, Tariff, Tenant,
};

/// The triggers of one kind. While nobody listens they are dropped: who begins to listen looks at everything once.
#[derive(Debug)]
pub struct Line<K: Kind>(Mutex<Option<UnboundedSender<ObjectRef<K>>>>);

impl<K: Kind> Default for Line<K> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: Kind> Line<K> {
    /// Asks for a reconcile of `key`.
    pub fn wake(&self, key: &Key) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = sender.send(reference(key));
        }
    }

    /// Asks for a reconcile of each.
    pub fn wake_all<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) {
        for key in keys {
            self.wake(key);
        }
    }

    /// Begins to listen; an earlier listener's stream ends.
    pub fn listen(&self) -> UnboundedReceiver<ObjectRef<K>> {
        let (sender, receiver) = unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Ends the listener's stream.
    pub fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// One line per kind.
#[derive(Debug, Default)]
pub struct Hub {
    pub numbers: Line<FourHundredNumber>,
    pub gateways: Line<CallGateway>,
    pub tariffs: Line<Tariff>,
    pub pools: Line<NumberPool>,
    pub claims: Line<NumberClaim>,
    pub calendars: Line<HolidayCalendar>,
    pub tenants: Line<Tenant>,
    pub approvals: Line<Approval>,
    pub schedules: Line<RoutingSchedule>,
    pub overrides: Line<RoutingOverride>,
    pub caller_lists: Line<CallerList>,
}

impl Hub {
    /// Ends every stream.
    pub fn close(&self) {
        self.numbers.close();
        self.gateways.close();
        self.tariffs.close();
        self.pools.close();
        self.claims.close();
        self.calendars.close();
        self.tenants.close();
        self.approvals.close();
        self.schedules.close();
        self.overrides.close();
        self.caller_lists.close();
    }
}
