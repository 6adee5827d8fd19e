//! A year of a number before it comes: where its calls go at each hour of each day, by the folder as it stands.
//!
//! Built from the plan that routers would load and [`crate::domain::routing::timetable`]; [`text`] and [`svg`] draw it,
//! JSON is the document itself. Pure: the year and the folder are arguments.

mod days;
pub mod svg;
pub mod text;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use kube::ResourceExt as _;
use serde::Serialize;

pub use days::{Day, DayLine, Piece};

use super::{Offline, OfflineError};
use crate::api::FourHundredNumber;
use crate::api::four_hundred_number::Rule;
use crate::controllers::calendar;
use crate::controllers::key::Key;
use crate::controllers::world::Find as _;
use crate::domain::calendar::{Calendar, DEFAULT_ZONE, parse_zone};
use crate::domain::numbering::FourHundred;
use crate::domain::routing::compiled::{CompiledExhausted, CompiledTarget};
use crate::domain::routing::document::Strategy;
use crate::domain::routing::leaf::CompiledNumber;
use crate::domain::routing::timetable::{Stretch, Way, stretches};

/// One number's year.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timetable {
    pub number: String,
    /// `NAMESPACE/NAME` of the object.
    pub object: String,
    pub year: i16,
    /// The schedule's zone, or Asia/Shanghai.
    pub time_zone: String,
    /// What the reader should know of how far to trust it.
    pub notes: Vec<String>,
    /// What is tried when no destination answers, whatever the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_exhausted: Option<String>,
    /// The different things that may happen, each once.
    pub ways: Vec<WayDocument>,
    pub stretches: Vec<StretchDocument>,
    /// The same by civil day, for drawing.
    #[serde(skip)]
    pub days: Vec<Day>,
}

/// What happens to a call in some stretch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WayDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The override that decides, if one does.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub override_name: Option<String>,
    /// The rule that takes every caller whom no rule before it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where that is, in words.
    pub to: String,
    /// Callers who are sent elsewhere, in the order in which they are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub but: Vec<Exception>,
}

/// Callers whom a rule of their own sends elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    pub rule: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caller_lists: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caller_areas: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caller_provinces: Vec<String>,
    pub to: String,
}

/// From when until when which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StretchDocument {
    /// In the timetable's zone, with its offset.
    pub from: String,
    /// Just after its last instant.
    pub until: String,
    /// Index into `ways`.
    pub way: usize,
}

/// The year of one number; `None` where the folder's plan does not serve it.
pub fn year_of(offline: &Offline, number: FourHundred, year: i16) -> Result<Option<Timetable>, OfflineError> {
    let Some(object) = offline.holder_of(number) else { return Ok(None) };
    let setting = Setting::of(offline, &object);
    let Some((from, until)) = setting.bounds(year) else { return Ok(None) };
    let plan = offline.plan_at(from)?;
    let Some(compiled) = plan.number(number) else { return Ok(None) };
    let mut ways: Vec<WayDocument> = Vec::new();
    let mut spans: Vec<(Timestamp, Timestamp, usize)> = Vec::new();
    for stretch in stretches(&compiled, from, until) {
        let way = describe(&compiled, &object.spec.rules, &stretch);
        let index = ways.iter().position(|known| *known == way).unwrap_or_else(|| {
            ways.push(way);
            ways.len() - 1
        });
        spans.push((stretch.from, stretch.until, index));
    }
    let days = days::of_year(year, &setting.zone, setting.calendar.as_ref(), &spans);
    let told = |at: Timestamp| at.to_zoned(setting.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Ok(Some(Timetable {
        number: number.to_string(),
        object: Key::of(&*object).to_string(),
        year,
        time_zone: setting.zone_name.clone(),
        notes: setting.notes(year),
        when_exhausted: compiled.entry.when_exhausted.as_ref().map(exhausted),
        ways,
        stretches: spans
            .iter()
            .map(|(from, until, way)| StretchDocument { from: told(*from), until: told(*until), way: *way })
            .collect(),
        days,
    }))
}

/// The zone and the calendar by which a number's days go.
struct Setting {
    zone: TimeZone,
    zone_name: String,
    calendar_name: Option<String>,
    calendar: Option<Calendar>,
    has_schedule: bool,
}

impl Setting {
    fn of(offline: &Offline, object: &FourHundredNumber) -> Self {
        let stores = &offline.facts.stores;
        let namespace = object.namespace().unwrap_or_default();
        let named = object.spec.schedule_ref.as_ref();
        let schedule = named.and_then(|named| stores.schedules.find_key(&Key::new(&namespace, &named.name)));
        let zone_name = schedule.as_ref().map_or(DEFAULT_ZONE, |schedule| schedule.spec.time_zone()).to_owned();
        let calendar_name =
            schedule.as_ref().and_then(|schedule| schedule.spec.calendar_ref.as_ref()).map(|r| r.name.clone());
        let calendar = calendar_name.as_ref().and_then(|name| stores.calendars.find_name(name));
        Self {
            zone: parse_zone(&zone_name).unwrap_or(TimeZone::UTC),
            zone_name,
            calendar_name,
            calendar: calendar.and_then(|object| Calendar::new(&calendar::document(&object, None)).ok()),
            has_schedule: schedule.is_some(),
        }
    }

    /// The first instant of the year and that of the next.
    fn bounds(&self, year: i16) -> Option<(Timestamp, Timestamp)> {
        let first = |year: i16| date(year, 1, 1).to_zoned(self.zone.clone()).ok().map(|midnight| midnight.timestamp());
        Some((first(year)?, first(year.checked_add(1)?)?))
    }

    fn notes(&self, year: i16) -> Vec<String> {
        match (&self.calendar_name, &self.calendar) {
            _ if !self.has_schedule => vec!["the number has no timetable: the same all year".to_owned()],
            (Some(name), Some(calendar)) if !calendar.lists(year) => vec![format!(
                "HolidayCalendar {name} does not list {year}: Monday to Friday are taken for working days, and no day is off"
            )],
            (None, _) => vec!["the schedule names no calendar: no day is off and none is made up".to_owned()],
            _ => Vec::new(),
        }
    }
}

fn describe(number: &CompiledNumber<'_>, rules: &[Rule], stretch: &Stretch<'_>) -> WayDocument {
    let period = stretch.period.map(str::to_owned);
    let plain =
        |to: String| WayDocument { period: period.clone(), override_name: None, rule: None, to, but: Vec::new() };
    let target = |index: usize| number.entry.rules.get(index).map_or_else(String::new, |rule| target(number, &rule.to));
    match &stretch.way {
        Way::Refused(reason) => WayDocument { period: None, ..plain(format!("refused: {}", reason.as_str())) },
        // What the timetable would have said does not matter meanwhile.
        Way::Overridden(holding) => WayDocument {
            period: None,
            override_name: Some(holding.name.to_string()),
            ..plain(self::target(number, &holding.to))
        },
        Way::Ruled { by_caller, else_by } => WayDocument {
            rule: else_by.and_then(|index| rules.get(index)).map(|rule| rule.name.clone()),
            but: by_caller
                .iter()
                .filter_map(|index| {
                    let rule = rules.get(*index)?;
                    let when = rule.when.as_ref();
                    Some(Exception {
                        rule: rule.name.clone(),
                        callers: when.map(|when| when.callers.clone()).unwrap_or_default(),
                        caller_lists: when.map(|when| when.caller_lists.clone()).unwrap_or_default(),
                        caller_areas: when.map(|when| when.caller_areas.clone()).unwrap_or_default(),
                        caller_provinces: when.map(|when| when.caller_provinces.clone()).unwrap_or_default(),
                        to: target(*index),
                    })
                })
                .collect(),
            ..plain(else_by.map_or_else(|| "refused: NoDestination".to_owned(), target))
        },
    }
}

/// A target as a supervisor says it.
pub(in crate::offline) fn target(number: &CompiledNumber<'_>, to: &CompiledTarget) -> String {
    match to {
        CompiledTarget::Destination(index) => name(number, *index),
        CompiledTarget::Announcement(name) => format!("announcement {name}"),
        CompiledTarget::Number(destination) => destination.number.as_str().to_owned(),
        CompiledTarget::Group(index) => {
            number.entry.groups.get(usize::from(*index)).map_or_else(String::new, |group| {
                let members: Vec<String> = group.members.iter().map(|index| name(number, *index)).collect();
                let overflow = group.overflow.iter().map(|index| name(number, *index));
                let first = match group.strategy {
                    Strategy::InOrder => {
                        return members.into_iter().chain(overflow).collect::<Vec<_>>().join(", then ");
                    }
                    Strategy::RoundRobin => format!("in turn {}", members.join(", ")),
                    Strategy::Random => format!("by chance {}", members.join(", ")),
                    Strategy::Percentage => {
                        let shares =
                            members.iter().zip(&group.percents).map(|(name, percent)| format!("{percent} % {name}"));
                        shares.collect::<Vec<_>>().join(", ")
                    }
                };
                std::iter::once(first).chain(overflow).collect::<Vec<_>>().join(", then ")
            })
        }
    }
}

fn name(number: &CompiledNumber<'_>, index: u16) -> String {
    let destination = number.destinations.get(usize::from(index));
    destination.map(|d| d.name.as_deref().unwrap_or(d.number.as_str()).to_owned()).unwrap_or_default()
}

fn exhausted(exhausted: &CompiledExhausted) -> String {
    match exhausted {
        CompiledExhausted::Announcement(name) => format!("announcement {name}"),
        CompiledExhausted::Release(release) => format!("release {release:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::tests::{examples, golden, root};

    fn hotline(year: i16) -> Timetable {
        year_of(&examples(), "4001000868".parse().unwrap(), year).unwrap().unwrap()
    }

    #[test]
    fn a_year_is_told_as_text_and_drawn() {
        let table = hotline(2026);
        golden(&root().join("src/offline/simulate/golden/hotline-2026.txt"), &text::render(&table));
        golden(&root().join("docs/timetable-2026.svg"), &svg::render(&table));
    }

    #[test]
    fn every_day_is_whole_and_every_stretch_is_of_a_way() {
        let table = hotline(2026);
        assert_eq!(table.days.len(), 365);
        for day in &table.days {
            assert_eq!(day.line.0.first().map(|piece| piece.from), Some(0), "{}", day.date);
            assert_eq!(day.line.0.last().map(|piece| piece.until), Some(24 * 60), "{}", day.date);
            assert!(day.line.0.windows(2).all(|pair| pair[0].until == pair[1].from), "{}", day.date);
        }
        assert!(table.stretches.iter().all(|stretch| stretch.way < table.ways.len()));
        assert_eq!(table.stretches.first().unwrap().from, "2026-01-01T00:00:00+08:00");
        assert_eq!(table.stretches.last().unwrap().until, "2027-01-01T00:00:00+08:00");
    }

    #[test]
    fn a_year_that_the_calendar_lacks_is_told() {
        let notes = hotline(2027).notes;
        assert!(notes[0].contains("does not list 2027"), "{notes:?}");
    }
}
