//! The schedules that a leaf carries, compiled; schedules that are the same in several leaves are held once. Pure.
//!
//! Most tenants keep office hours by the country's calendar: what each call has to read of a timetable is then what the
//! call before it has read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::document::{CalendarDocument, Numbers, ScheduleDocument};
use super::load::LoadError;
use crate::domain::calendar::{Calendar, Schedule, ScheduleError};
use crate::domain::digest::Digest;

/// Schedules that are in use, by what they were written as. It keeps none of them alive.
#[derive(Debug, Default)]
pub struct Schedules(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    schedules: HashMap<Digest, Weak<Schedule>>,
    /// More than this, and those that are no longer in use are looked for.
    bound: usize,
}

/// Fewer than this are not worth a search.
const FEW: usize = 64;

impl Schedules {
    fn compile(
        &self,
        document: &ScheduleDocument,
        calendar: Option<(&CalendarDocument, &Calendar)>,
    ) -> Result<Arc<Schedule>, ScheduleError> {
        let written = Digest::of_json(&(document, calendar.map(|(written, _)| written)));
        if let Some(known) = self.lock().schedules.get(&written).and_then(Weak::upgrade) {
            return Ok(known);
        }
        // Not under the lock: leaves are read several at a time.
        let schedule = Arc::new(Schedule::compile(document, calendar.map(|(_, calendar)| calendar))?);
        Ok(self.lock().keep(written, schedule))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The one that is known already, where another reader was faster.
    fn keep(&mut self, written: Digest, schedule: Arc<Schedule>) -> Arc<Schedule> {
        if let Some(known) = self.schedules.get(&written).and_then(Weak::upgrade) {
            return known;
        }
        if self.schedules.len() >= self.bound {
            self.schedules.retain(|_, schedule| schedule.strong_count() > 0);
            self.bound = FEW.max(2 * self.schedules.len());
        }
        self.schedules.insert(written, Arc::downgrade(&schedule));
        schedule
    }
}

/// A leaf's schedules, by the names that its entries use.
pub(super) fn compile_schedules<'l, Text>(
    leaf: &'l Numbers<Text>,
    known: &Schedules,
) -> Result<BTreeMap<&'l str, Arc<Schedule>>, LoadError> {
    let fault =
        |field: String, sentence: String| LoadError::Leaf { namespace: leaf.namespace.clone(), field, sentence };
    let mut calendars = BTreeMap::new();
    for (name, document) in &leaf.calendars {
        let calendar =
            Calendar::new(document).map_err(|error| fault(format!("calendars[{name}]"), error.to_string()))?;
        calendars.insert(name.as_str(), (document, calendar));
    }
    let mut schedules = BTreeMap::new();
    for (name, document) in &leaf.schedules {
        let calendar = match document.calendar.as_deref() {
            None => None,
            Some(wanted) => Some(calendars.get(wanted).ok_or_else(|| {
                fault(format!("schedules[{name}].calendar"), format!("names {wanted:?}, which is not in this leaf"))
            })?),
        };
        let schedule = known
            .compile(document, calendar.map(|(document, calendar)| (*document, calendar)))
            .map_err(|error| fault(format!("schedules[{name}]"), error.to_string()))?;
        schedules.insert(name.as_str(), schedule);
    }
    Ok(schedules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::worlds;

    fn hours(first: &str) -> ScheduleDocument {
        let mut document = worlds::office_hours();
        document.calendar = None;
        document.periods[0].at[0].from = first.parse().unwrap();
        document
    }

    #[test]
    fn the_same_hours_are_held_once_for_as_long_as_somebody_keeps_them() {
        let known = Schedules::default();
        let compile = |document: &ScheduleDocument| known.compile(document, None).unwrap();
        let nine = compile(&hours("09:00"));
        assert!(Arc::ptr_eq(&nine, &compile(&hours("09:00"))));
        assert!(!Arc::ptr_eq(&nine, &compile(&hours("08:00"))));
        drop(nine);
        assert_eq!(known.lock().schedules.values().filter(|held| held.strong_count() > 0).count(), 0);
    }

    #[test]
    fn hours_by_another_calendar_are_other_hours() {
        let (known, leaf) = (Schedules::default(), worlds::leaf());
        let document = worlds::office_hours();
        let written = leaf.calendars.values().next().unwrap();
        let mut other = written.clone();
        other.make_up_workdays.clear();
        let compile = |written: &CalendarDocument| {
            known.compile(&document, Some((written, &Calendar::new(written).unwrap()))).unwrap()
        };
        let one = compile(written);
        assert!(Arc::ptr_eq(&one, &compile(&written.clone())));
        assert!(!Arc::ptr_eq(&one, &compile(&other)));
    }

    #[test]
    fn what_is_no_longer_used_is_forgotten() {
        let known = Schedules::default();
        for minute in 0..4 * FEW {
            drop(known.compile(&hours(&format!("{:02}:{:02}", 1 + minute / 60, minute % 60)), None).unwrap());
        }
        assert!(known.lock().schedules.len() <= FEW, "{}", known.lock().schedules.len());
    }
}
