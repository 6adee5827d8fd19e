//! A ledger that cannot be opened now and is tried again, so that what needs no ledger goes on meanwhile: calls are
//! answered whatever became of the disk.
//!
//! Until it is open every request is answered [`LedgerError::Unopened`], which asks for it again later. Needs a tokio
//! runtime to try in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    Accrued, BindingChanges, BookInForce, Booking, Cursor, Kept, Ledger, LedgerError, LedgerId, Received, Reply,
    Retried, TenantTotal, UnratedCount, Usage, UsagePage, WholeList,
};
use crate::domain::calendar::Month;
use crate::domain::numbering::FourHundred;
use crate::domain::routing::document::{Bindings, Prices};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Opens `open`'s ledger. One that fails is tried again in the background; one that another process holds is refused,
/// since two of a kind on one folder are a mistake that waiting does not mend.
pub fn open(
    open: impl Fn() -> Result<Arc<dyn Ledger>, LedgerError> + Send + Sync + 'static,
) -> Result<Arc<dyn Ledger>, LedgerError> {
    match open() {
        Ok(ledger) => Ok(ledger),
        Err(held @ LedgerError::Held { .. }) => Err(held),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the ledger cannot be opened: records are not taken until it can; calls are answered"
            );
            Ok(Reopening::trying(error, Arc::new(open)))
        }
    }
}

enum State {
    Shut(LedgerError),
    Open(Arc<dyn Ledger>),
}

/// See the module's text.
struct Reopening {
    state: ArcSwap<State>,
    changes: watch::Sender<Cursor>,
}

impl fmt::Debug for Reopening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &**self.state.load() {
            State::Shut(error) => f.debug_tuple("Shut").field(error).finish(),
            State::Open(ledger) => f.debug_tuple("Open").field(ledger).finish(),
        }
    }
}

impl Reopening {
    fn trying<F>(error: LedgerError, open: Arc<F>) -> Arc<Self>
    where
        F: Fn() -> Result<Arc<dyn Ledger>, LedgerError> + Send + Sync + 'static,
    {
        let ledger = Arc::new(Self {
            state: ArcSwap::from_pointee(State::Shut(LedgerError::unopened(error))),
            changes: watch::Sender::new(Cursor::default()),
        });
        // Weak, so that a process that stops trying closes the file it may have opened.
        let waiting = Arc::downgrade(&ledger);
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            let mut changes = loop {
                tokio::time::sleep(pause).await;
                if waiting.strong_count() == 0 {
                    return;
                }
                let open = open.clone();
                let Ok(tried) = tokio::task::spawn_blocking(move || open()).await else { return };
                let Some(ledger) = waiting.upgrade() else { return };
                match tried {
                    Ok(opened) => {
                        tracing::info!("the ledger is open: records are taken");
                        let changes = opened.changes();
                        ledger.state.store(Arc::new(State::Open(opened)));
                        break changes;
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the ledger still cannot be opened");
                        ledger.state.store(Arc::new(State::Shut(LedgerError::unopened(error))));
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            };
            // Whoever followed the changes before it was open follows them from here.
            loop {
                let cursor = *changes.borrow_and_update();
                let Some(ledger) = waiting.upgrade() else { return };
                ledger.changes.send_if_modified(|known| std::mem::replace(known, cursor) != cursor);
                drop(ledger);
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        ledger
    }

    fn with<'a, T: Send + 'a>(
        &'a self,
        ask: impl FnOnce(Arc<dyn Ledger>) -> futures::future::BoxFuture<'a, Result<T, LedgerError>>,
    ) -> Reply<'a, T> {
        match &**self.state.load() {
            State::Open(ledger) => ask(ledger.clone()),
            State::Shut(error) => std::future::ready(Err(error.clone())).boxed(),
        }
    }
}

/// Asks the open ledger, which lives as long as its answer takes.
macro_rules! asked {
    ($self:ident, $ledger:ident => $ask:expr) => {
        $self.with(move |$ledger| async move { $ask.await }.boxed())
    };
}

impl Ledger for Reopening {
    fn id(&self) -> Option<LedgerId> {
        match &**self.state.load() {
            State::Open(ledger) => ledger.id(),
            State::Shut(_) => None,
        }
    }

    fn epoch(&self) -> Option<u64> {
        match &**self.state.load() {
            State::Open(ledger) => ledger.epoch(),
            State::Shut(_) => None,
        }
    }

    fn book(&self, records: Vec<Received>, received_at: Timestamp) -> Reply<'_, Vec<Booking>> {
        asked!(self, ledger => ledger.book(records, received_at))
    }

    fn keep_price_book(&self, prices: Prices, now: Timestamp) -> Reply<'_, Kept> {
        asked!(self, ledger => ledger.keep_price_book(prices, now))
    }

    fn apply_bindings(&self, part: Bindings, now: Timestamp) -> Reply<'_, BindingChanges> {
        asked!(self, ledger => ledger.apply_bindings(part, now))
    }

    fn keep_only(&self, list: WholeList, now: Timestamp) -> Reply<'_, BindingChanges> {
        asked!(self, ledger => ledger.keep_only(list, now))
    }

    fn accrue(&self, now: Timestamp) -> Reply<'_, Accrued> {
        asked!(self, ledger => ledger.accrue(now))
    }

    fn retry_unrated(&self, now: Timestamp) -> Reply<'_, Retried> {
        asked!(self, ledger => ledger.retry_unrated(now))
    }

    fn usage_after(&self, after: Cursor, month: Option<Month>, limit: u32) -> Reply<'_, UsagePage> {
        asked!(self, ledger => ledger.usage_after(after, month, limit))
    }

    fn usage_of(&self, number: FourHundred, month: Month) -> Reply<'_, Vec<Usage>> {
        asked!(self, ledger => ledger.usage_of(number, month))
    }

    fn tenant_totals(&self, month: Month) -> Reply<'_, Vec<TenantTotal>> {
        asked!(self, ledger => ledger.tenant_totals(month))
    }

    fn books_in_force(&self) -> Reply<'_, Vec<BookInForce>> {
        asked!(self, ledger => ledger.books_in_force())
    }

    fn unrated(&self, number: Option<FourHundred>) -> Reply<'_, Vec<UnratedCount>> {
        asked!(self, ledger => ledger.unrated(number))
    }

    fn changes(&self) -> watch::Receiver<Cursor> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::ErrorClass;
    use crate::ledger::sqlite::tests::bench::{NUMBER, binding, now, part, prices};
    use crate::ledger::sqlite::{Options, SqliteLedger};

    fn sqlite(path: &std::path::Path) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(Arc::new(SqliteLedger::open(&Options::at(path), now())?))
    }

    #[tokio::test]
    async fn what_cannot_be_opened_now_asks_to_come_again_and_opens_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        // A folder where the file should be.
        std::fs::create_dir(&path).unwrap();
        let place = path.clone();
        let ledger = open(move || sqlite(&place)).unwrap();
        let mut changes = ledger.changes();
        let refused = ledger.book(Vec::new(), now()).await.unwrap_err();
        assert_ne!(refused.class(), ErrorClass::Invalid, "what is asked is not to blame: {refused}");
        assert_eq!(ledger.id(), None);
        std::fs::remove_dir(&path).unwrap();
        let opened = async {
            while ledger.id().is_none() {
                tokio::time::sleep(FIRST_PAUSE / 10).await;
            }
        };
        tokio::time::timeout(FIRST_PAUSE * 20, opened).await.unwrap();
        ledger.keep_price_book(prices("0.60"), now()).await.unwrap();
        ledger.apply_bindings(part("0", vec![binding(NUMBER, "acme", &prices("0.60"))]), now()).await.unwrap();
        // Who followed it before it was open sees its changes: the first binding's set-up fee.
        let seen = changes.wait_for(|cursor| *cursor != Cursor::default());
        tokio::time::timeout(FIRST_PAUSE * 20, seen).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_that_another_holds_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let _first = sqlite(&path).unwrap();
        assert!(matches!(open(move || sqlite(&path)).unwrap_err(), LedgerError::Held { .. }));
    }
}
