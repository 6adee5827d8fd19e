//! HolidayCalendars: checked, and said to be incomplete while the year ahead is missing.

use std::sync::Arc;

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::error::Error;
use super::findings::{ConditionSet, Finding, Progress, refuse};
use super::key::ObjectMetaExt as _;
use super::transitions;
use super::world::World;
use crate::api::HolidayCalendar;
use crate::api::conditions as types;
use crate::api::holiday_calendar::HolidayCalendarStatus;
use crate::api::reasons as reason;
use crate::domain::calendar::{Calendar, DEFAULT_ZONE, parse_zone};
use crate::domain::routing::document::CalendarDocument;

/// The calendar's days, those of `years` only (all where `None`); dates that do not parse are left to [`check`].
pub fn document(calendar: &HolidayCalendar, years: Option<[i32; 3]>) -> CalendarDocument {
    let mut listed: Vec<_> =
        calendar.spec.years.iter().filter(|year| years.is_none_or(|years| years.contains(&year.year))).collect();
    listed.sort_by_key(|year| year.year);
    let mut document = CalendarDocument::default();
    for year in listed {
        document.years.extend(i16::try_from(year.year));
        document.days_off.extend(year.days_off.iter().filter_map(|day| day.parse::<jiff::civil::Date>().ok()));
        document
            .make_up_workdays
            .extend(year.make_up_workdays.iter().filter_map(|day| day.parse::<jiff::civil::Date>().ok()));
    }
    document.days_off.sort_unstable();
    document.make_up_workdays.sort_unstable();
    document
}

/// Last, this and next year: what a plan carries.
pub fn years_around(now: Timestamp) -> [i32; 3] {
    let this = local(now).map_or(0, |date| i32::from(date.year()));
    [this - 1, this, this + 1]
}

fn local(now: Timestamp) -> Option<jiff::civil::Date> {
    Some(now.to_zoned(parse_zone(DEFAULT_ZONE).ok()?).date())
}

/// Whether every day parses and agrees with its year.
pub fn check(calendar: &HolidayCalendar) -> Result<(), Finding> {
    for year in &calendar.spec.years {
        for day in year.days_off.iter().chain(&year.make_up_workdays) {
            if day.parse::<jiff::civil::Date>().is_err() {
                return refuse(
                    reason::INVALID,
                    format!("years[{}]: {day}: that month has no such day, correct or remove it", year.year),
                );
            }
        }
    }
    match Calendar::new(&document(calendar, None)) {
        Ok(_) => Ok(()),
        Err(error) => Err(Finding::of(reason::INVALID, &error)),
    }
}

/// Brings a calendar's status up to date.
pub async fn reconcile(calendar: Arc<HolidayCalendar>, world: Arc<World>) -> Result<Action, Error> {
    let now = world.clock.now();
    notice_new_year(&world, now);
    let accepted = check(&calendar);
    let complete = complete(&calendar, now);
    let old = calendar.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut set = ConditionSet::new(old, calendar.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    set.set_result(types::COMPLETE, reason::COMPLETE, &complete);
    set.set_result(types::READY, reason::READY, &accepted);
    if let Err(finding) = &accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let mut years: Vec<i32> = calendar.spec.years.iter().map(|year| year.year).collect();
    years.sort_unstable();
    let status = HolidayCalendarStatus { observed_generation: calendar.generation(), years, conditions: set.finish() };
    let publication = transitions::publish(&world, &*calendar, &status.conditions, &status).await?;
    Ok(next_first(now).map_or(publication.action(), |at| Action::requeue(world.until(at))))
}

/// Plans carry the days of three years: at New Year all that embed a calendar are compiled again.
fn notice_new_year(world: &World, now: Timestamp) {
    let [_, this, _] = years_around(now);
    let before = world.plan_year.swap(this, std::sync::atomic::Ordering::Relaxed);
    if before != 0 && before != this {
        for calendar in world.stores.calendars.state() {
            super::wake::wake_calendar_users(world, &kube::ResourceExt::name_any(&*calendar));
        }
    }
}

/// This year must be there, and from 1 November the next.
pub fn complete(calendar: &HolidayCalendar, now: Timestamp) -> Result<(), Finding> {
    let Some(today) = local(now) else { return Ok(()) };
    let has = |year: i16| calendar.spec.years.iter().any(|listed| listed.year == i32::from(year));
    let wanted = if today.month() >= 11 { vec![today.year(), today.year() + 1] } else { vec![today.year()] };
    match wanted.into_iter().find(|year| !has(*year)) {
        None => Ok(()),
        Some(year) if year == today.year() => refuse(
            reason::NEXT_YEAR_MISSING,
            format!(
                "No days of {year}: schedules fall back to weekdays. Add the year from the State Council's notice."
            ),
        ),
        Some(year) => refuse(
            reason::NEXT_YEAR_MISSING,
            format!("No days of {year} yet; from {year}-01-01 schedules fall back to weekdays."),
        ),
    }
}

/// The first instant of the next month: when completeness, and at New Year the plan's years, may change.
fn next_first(now: Timestamp) -> Option<Timestamp> {
    let zone = parse_zone(DEFAULT_ZONE).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let first = today.first_of_month().checked_add(jiff::Span::new().months(1)).ok()?;
    Some(first.to_zoned(zone).ok()?.timestamp())
}
