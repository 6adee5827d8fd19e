//! What the operator would write into the conditions of each object of a folder, at its place in the file.

use kube::Resource;

use super::{Offline, places};
use crate::api::conditions as types;
use crate::api::reasons::{self as reason, Reason};
use crate::controllers::findings::Finding;
use crate::controllers::key::Key;
use crate::controllers::number::{dereference, validate};
use crate::controllers::world::Find as _;
use crate::controllers::{approval, calendar, gateway, overrides, pool, schedule, tariff, tenant};
use crate::folder::{ObjectKey, Place};

/// One condition that would be False.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub object: ObjectKey,
    pub place: Place,
    /// Path of the field that the sentence begins with, or that the reason is about; empty where neither names one.
    pub path: String,
    /// Type of the condition.
    pub condition: &'static str,
    pub finding: Finding,
}

/// The verdicts on every object of the folder, by place.
pub fn of(offline: &Offline) -> Vec<Verdict> {
    let mut bench = Bench { offline, verdicts: Vec::new() };
    bench.platform();
    bench.tenants();
    bench.numbers();
    bench.verdicts.sort_by(|one, other| (&one.place, one.condition).cmp(&(&other.place, other.condition)));
    bench.verdicts
}

struct Bench<'a> {
    offline: &'a Offline,
    verdicts: Vec<Verdict>,
}

impl Bench<'_> {
    fn platform(&mut self) {
        let facts = &self.offline.facts;
        for object in facts.stores.gateways.state() {
            self.say(&*object, types::ACCEPTED, gateway::check::check(&object, facts));
        }
        for object in facts.stores.pools.state() {
            self.say(&*object, types::ACCEPTED, pool::check(&object, facts));
        }
        for object in facts.stores.calendars.state() {
            self.say(&*object, types::ACCEPTED, calendar::check(&object));
            self.say(&*object, types::COMPLETE, calendar::complete(&object, self.offline.now));
        }
        for object in facts.stores.tariffs.state() {
            match tariff::price_book(&object) {
                Ok(book) => self.say(&*object, types::FULLY_ENFORCED, tariff::not_yet_charged(&book.document)),
                Err(finding) => self.say(&*object, types::ACCEPTED, Err(finding)),
            }
        }
    }

    fn tenants(&mut self) {
        let facts = &self.offline.facts;
        for object in facts.stores.tenants.state() {
            self.say(&*object, types::ACCEPTED, tenant::check(&object, facts));
            self.say(&*object, types::FULLY_ENFORCED, tenant::not_yet_charged(&object));
        }
        for object in facts.stores.approvals.state() {
            self.say(&*object, types::ACCEPTED, approval::covers(&object, facts));
        }
    }

    fn numbers(&mut self) {
        let facts = &self.offline.facts;
        for object in facts.stores.schedules.state() {
            let named = object.spec.calendar_ref.as_ref();
            let calendar = named.and_then(|named| facts.stores.calendars.find_name(&named.name));
            self.say(&*object, types::ACCEPTED, schedule::compile(&object, calendar.as_deref()).map(drop));
            self.say(&*object, types::RESOLVED_REFS, schedule::resolve(&object, calendar.as_deref()));
        }
        for object in facts.stores.caller_lists.state() {
            self.say(&*object, types::ACCEPTED, facts.callers_of(&object).map(drop));
        }
        for object in facts.stores.numbers.state() {
            let refs = dereference::read(&object, facts);
            let verdict = validate::check(&object, &refs, self.offline.now);
            let claimed = self.offline.unclaimed.get(&Key::of(&*object)).cloned().map_or(Ok(()), Err);
            self.say(&*object, types::ACCEPTED, verdict.accepted.and(claimed));
            self.say(&*object, types::RESOLVED_REFS, verdict.resolved);
            self.say(&*object, types::FULLY_ENFORCED, verdict.fully_enforced);
        }
        for object in facts.stores.overrides.state() {
            let overrides::Judgement { accepted, resolved, fully_enforced } = overrides::judge(&object, facts);
            self.say(&*object, types::ACCEPTED, accepted);
            self.say(&*object, types::RESOLVED_REFS, resolved);
            self.say(&*object, types::FULLY_ENFORCED, fully_enforced);
        }
    }

    fn say<K: Resource<DynamicType = ()>>(&mut self, object: &K, condition: &'static str, result: Result<(), Finding>) {
        let Err(finding) = result else { return };
        let key = object_key(object);
        let Some(manifest) = self.offline.folder.objects.get(&key) else { return };
        let (mut path, mut place) = places::of_sentence(manifest, &finding.sentence);
        if let Some(field) = field_of(finding.reason).filter(|_| path.is_empty()) {
            (path, place) = (field.to_owned(), manifest.place_of(field));
        }
        self.verdicts.push(Verdict { object: key, place, path, condition, finding });
    }
}

/// The field that a reason is about, of sentences that name what is missing and not where it is asked for.
fn field_of(told: Reason) -> Option<&'static str> {
    let about: &[(&str, &[Reason])] = &[
        ("spec.gatewayRef", &[reason::GATEWAY_NOT_FOUND, reason::NAMESPACE_NOT_ALLOWED]),
        ("spec.tariffRef", &[reason::TARIFF_NOT_FOUND, reason::TARIFF_NOT_ALLOWED]),
        ("spec.package", &[reason::PACKAGE_NOT_FOUND]),
        ("spec.scheduleRef", &[reason::SCHEDULE_NOT_FOUND]),
        ("spec.calendarRef", &[reason::CALENDAR_NOT_FOUND]),
        ("spec.choose.poolRef", &[reason::POOL_NOT_FOUND]),
        ("spec.numberRef", &[reason::NUMBER_NOT_FOUND]),
        ("spec.number", &[reason::NUMBER_NOT_IN_POOL, reason::NUMBER_TAKEN, reason::NUMBER_RESERVED]),
        ("spec.subject", &[reason::SUBJECT_NOT_FOUND]),
    ];
    about.iter().find(|(_, reasons)| reasons.contains(&told)).map(|(field, _)| *field)
}

/// The key under which the folder keeps an object.
pub fn object_key<K: Resource<DynamicType = ()>>(object: &K) -> ObjectKey {
    let key = Key::of(object);
    let namespace = (!key.namespace.is_empty()).then_some(key.namespace);
    ObjectKey { kind: K::kind(&()).into_owned(), namespace, name: key.name }
}
