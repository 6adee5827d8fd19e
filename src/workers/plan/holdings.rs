//! The parts that a store holds, by name, and what was removed: what may come in, what has changed since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::disk::{PART_AT_MOST, is_part_name};
use super::served::{ChangedPart, Family, root_of};
use super::store::{BillingPart, Offer};
use crate::domain::digest::Digest;
use crate::domain::numbering::CallerPatterns;
use crate::domain::routing::load::{Beside, LoadError, LoadedPart, load_as};
use crate::domain::routing::plan::{CompiledPart, PartKey, Plan};
use crate::domain::routing::schedules::Schedules;
use crate::runtime::sentence::with_causes;

/// Removed parts remembered for those who ask by cursor; who asks from before is told everything.
const REMOVALS_AT_MOST: usize = 4_096;

/// What a part is for.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Routing(PartKey),
    Billing(BillingPart),
    /// Callers of a list, for routing.
    Callers {
        digest: Digest,
        gateway: String,
        callers: Arc<CallerPatterns>,
    },
}

impl Held {
    fn family(&self) -> Family {
        match self {
            Self::Routing(_) | Self::Callers { .. } => Family::Routing,
            Self::Billing(_) => Family::Billing,
        }
    }

    /// `NAMESPACE/NAME`; price books are of no gateway.
    pub(super) fn gateway(&self) -> Option<&str> {
        match self {
            Self::Routing(PartKey::Head(gateway)) | Self::Callers { gateway, .. } => Some(gateway),
            Self::Routing(PartKey::Leaf(key)) => Some(&key.gateway),
            Self::Billing(BillingPart::Bindings(bindings)) => Some(&bindings.gateway),
            Self::Billing(BillingPart::Prices(_)) => None,
        }
    }

    fn key(&self) -> Option<&PartKey> {
        match self {
            Self::Routing(key) => Some(key),
            Self::Billing(_) | Self::Callers { .. } => None,
        }
    }
}

/// A part as it is held.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    cursor: u64,
    pub(super) held: Held,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) parts: BTreeMap<String, Entry>,
    /// Which part holds a head or a leaf: two parts for one would undo each other.
    names: HashMap<PartKey, String>,
    /// Of all parts held.
    callers: HashMap<Digest, Arc<CallerPatterns>>,
    /// Of all leaves held.
    schedules: Schedules,
    /// Leaves that name callers which have not come yet, the last of each name.
    awaiting: BTreeMap<String, (Digest, String)>,
    /// Callers that are gone at their source and that leaves still name.
    gone: BTreeSet<String>,
    removed: BTreeMap<u64, (String, Family)>,
    /// Removals up to this cursor are forgotten.
    pub(super) horizon: u64,
    pub(super) cursor: u64,
    roots: HashMap<Family, (u64, Digest)>,
}

/// What an offer's text was read as.
pub(super) type Reading = Result<LoadedPart, Unread>;

/// Why a text gives no part.
pub(super) enum Unread {
    /// It is another text than was announced; this is its digest.
    Digest(Digest),
    Load(LoadError),
}

/// What became of an offer that stands.
pub(super) enum Taken {
    Unchanged,
    /// With what routing needs of it, if it does.
    Accepted(Option<CompiledPart>),
}

impl Holdings {
    /// `read` is what the offer's text was read as before, if it was: see [`Reading`].
    pub(super) fn take(&mut self, offer: &Offer<'_>, read: Option<Reading>) -> Result<Taken, String> {
        if !is_part_name(offer.part) {
            return Err(format!("{:?} is not a part's name", offer.part.chars().take(80).collect::<String>()));
        }
        self.gone.remove(offer.part);
        if self.parts.get(offer.part).is_some_and(|held| held.digest == offer.digest) {
            self.awaiting.remove(offer.part);
            return Ok(Taken::Unchanged);
        }
        if offer.text.len() > PART_AT_MOST {
            return Err(format!("the text has {} bytes, at most {PART_AT_MOST} are read", offer.text.len()));
        }
        let (held, compiled) = match self.load(offer, read)? {
            LoadedPart::Routing(part) => (Held::Routing(part.key()), Some(part)),
            LoadedPart::Bindings(bindings) => (Held::Billing(BillingPart::Bindings(Arc::new(bindings))), None),
            LoadedPart::Prices(prices) => (Held::Billing(BillingPart::Prices(Arc::new(prices))), None),
            LoadedPart::Callers { digest, gateway, callers } => (Held::Callers { digest, gateway, callers }, None),
        };
        self.admit(offer.part, &held)?;
        if let Some(key) = held.key() {
            self.names.insert(key.clone(), offer.part.to_owned());
        }
        if let Held::Callers { digest, callers, .. } = &held {
            self.callers.insert(*digest, Arc::clone(callers));
        }
        self.awaiting.remove(offer.part);
        self.cursor += 1;
        self.removed.retain(|_, (part, _)| part != offer.part);
        self.parts.insert(offer.part.to_owned(), Entry { digest: offer.digest, cursor: self.cursor, held });
        Ok(Taken::Accepted(compiled))
    }

    /// Whether the text has to be read before the offer can be judged.
    pub(super) fn is_news(&self, offer: &Offer<'_>) -> bool {
        let held = self.parts.get(offer.part).is_some_and(|held| held.digest == offer.digest);
        !held && offer.text.len() <= PART_AT_MOST && is_part_name(offer.part)
    }

    /// Reads a part's text, with the callers that are held now. Touches nothing, so several may be read at a time.
    pub(super) fn read(&self, offer: &Offer<'_>) -> Reading {
        let digest = Digest::of(offer.text.as_bytes());
        if digest != offer.digest {
            return Err(Unread::Digest(digest));
        }
        let callers = |digest: &Digest| self.callers.get(digest).cloned();
        let beside = Beside { callers: &callers, schedules: &self.schedules };
        load_as(offer.text, digest, beside).map_err(Unread::Load)
    }

    fn load(&mut self, offer: &Offer<'_>, read: Option<Reading>) -> Result<LoadedPart, String> {
        let read = match read {
            // Its callers may have come since, with the same offers.
            None | Some(Err(Unread::Load(LoadError::AwaitsCallers { .. }))) => self.read(offer),
            Some(read) => read,
        };
        read.map_err(|unread| match unread {
            Unread::Digest(digest) => format!("the text's digest is {digest}, and {} was announced", offer.digest),
            Unread::Load(error) => {
                if let LoadError::AwaitsCallers { .. } = error {
                    self.awaiting.insert(offer.part.to_owned(), (offer.digest, offer.text.to_owned()));
                }
                with_causes(&error)
            }
        })
    }

    /// Leaves that were refused for want of callers, when some have come since: to be offered again.
    pub(super) fn awaiting(&mut self) -> BTreeMap<String, (Digest, String)> {
        std::mem::take(&mut self.awaiting)
    }

    /// One part, one place: a name never changes what it stands for, and no place has two names.
    fn admit(&self, part: &str, held: &Held) -> Result<(), String> {
        if let Some(other) = held.key().and_then(|key| self.names.get(key)).filter(|other| *other != part) {
            return Err(format!("part {other} holds the same leaf or gateway already"));
        }
        let earlier = self.parts.get(part).map(|entry| &entry.held);
        if earlier.is_some_and(|earlier| earlier.family() != held.family() || earlier.key() != held.key()) {
            return Err("the part was of another gateway, namespace or leaf: this one needs its own name".to_owned());
        }
        Ok(())
    }

    /// The part is gone at its source.
    pub(super) fn gone(&mut self, part: &str) {
        self.awaiting.remove(part);
        if self.parts.get(part).is_some_and(|entry| matches!(entry.held, Held::Callers { .. })) {
            self.gone.insert(part.to_owned());
        }
    }

    /// Forgets callers that are gone at their source and that no leaf of `plan` names any more; the parts' names.
    pub(super) fn forget_unnamed(&mut self, plan: &Plan) -> Vec<String> {
        let unnamed = |part: &&String| match self.parts.get(*part).map(|entry| &entry.held) {
            Some(Held::Callers { digest, .. }) => !plan.names_callers(digest),
            _ => true,
        };
        let unnamed: Vec<String> = self.gone.iter().filter(unnamed).cloned().collect();
        for part in &unnamed {
            self.forget(part);
        }
        unnamed
    }

    pub(super) fn forget(&mut self, part: &str) -> Option<Entry> {
        self.gone.remove(part);
        let entry = self.parts.remove(part)?;
        if let Some(key) = entry.held.key() {
            self.names.remove(key);
        }
        if let Held::Callers { digest, .. } = &entry.held {
            self.callers.remove(digest);
        }
        self.cursor += 1;
        self.removed.insert(self.cursor, (part.to_owned(), entry.held.family()));
        if self.removed.len() > REMOVALS_AT_MOST
            && let Some((oldest, _)) = self.removed.pop_first()
        {
            self.horizon = oldest;
        }
        Some(entry)
    }

    pub(super) fn changed(&self, family: Family, since: u64) -> Vec<ChangedPart> {
        let parts = self.parts.iter().filter(|(_, entry)| entry.held.family() == family && entry.cursor > since);
        let here = parts.map(|(part, entry)| ChangedPart { part: part.clone(), digest: Some(entry.digest) });
        // To one who is told everything, what is gone was never there.
        let removed = self.removed.range(since.saturating_add(1)..).filter(|(_, (_, of))| since > 0 && *of == family);
        here.chain(removed.map(|(_, (part, _))| ChangedPart { part: part.clone(), digest: None })).collect()
    }

    /// Computed when asked for, and once per change.
    pub(super) fn root(&mut self, family: Family) -> Digest {
        if let Some((cursor, root)) = self.roots.get(&family)
            && *cursor == self.cursor
        {
            return *root;
        }
        let parts = self.parts.iter().filter(|(_, entry)| entry.held.family() == family);
        let root = root_of(parts.map(|(part, entry)| (part.as_str(), entry.digest)));
        self.roots.insert(family, (self.cursor, root));
        root
    }
}
