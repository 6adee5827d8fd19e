//! RoutingSchedules: compiled to see that they are sound; current and next period told by the clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;

use super::calendar;
use super::counted;
use super::error::Error;
use super::findings::{ConditionSet, Finding, Progress, refuse};
use super::key::{Key, ObjectMetaExt as _};
use super::patience::AwaitedStep;
use super::publish::differs;
use super::served_with::{self, Used};
use super::sink::Manager;
use super::world::{Find as _, World};
use crate::api::conditions as types;
use crate::api::reasons as reason;
use crate::api::routing_schedule::{DayName, NextPeriod, RoutingScheduleStatus, TimeRange};
use crate::api::{HolidayCalendar, RoutingSchedule};
use crate::domain::calendar::{Calendar, Schedule, ScheduleError, parse_zone};
use crate::domain::digest::Digest;
use crate::domain::routing::document::{
    CalendarDocument, DateRange, Day, PeriodDocument, RangeDocument, ScheduleDocument,
};

/// How long a first status waits for routers.
const GRACE: Duration = Duration::from_secs(2);

/// The schedule ready to be asked, or why it cannot be.
pub fn compile(schedule: &RoutingSchedule, calendar: Option<&HolidayCalendar>) -> Result<Schedule, Finding> {
    let days = match calendar {
        Some(calendar) => Some(
            Calendar::new(&calendar::document(calendar, None))
                .map_err(|error| Finding::of(reason::REF_NOT_ACCEPTED, &error))?,
        ),
        None => None,
    };
    let document = document(schedule, None)?;
    Schedule::compile(&document, days.as_ref()).map_err(|error| {
        let reason = match error {
            ScheduleError::PeriodsOverlap { .. } => reason::PERIODS_OVERLAP,
            _ => reason::INVALID,
        };
        Finding::of(reason, &error)
    })
}

/// The plan's documents of a schedule that compiles, each under its digest.
pub fn documents(
    schedule: &RoutingSchedule,
    calendar: Option<&HolidayCalendar>,
    now: Timestamp,
) -> ((String, ScheduleDocument), Option<(String, CalendarDocument)>) {
    let days = calendar.map(|calendar| {
        let document = calendar::document(calendar, Some(calendar::years_around(now)));
        (Digest::of_json(&document).short(), document)
    });
    let named = days.as_ref().map(|(digest, _)| digest.clone());
    let document = document(schedule, named).unwrap_or_else(|_| ScheduleDocument {
        time_zone: schedule.spec.time_zone().to_owned(),
        calendar: None,
        periods: Vec::new(),
        otherwise: schedule.spec.otherwise.clone(),
    });
    ((Digest::of_json(&document).short(), document), days)
}

fn document(schedule: &RoutingSchedule, calendar: Option<String>) -> Result<ScheduleDocument, Finding> {
    let mut periods = Vec::new();
    for period in &schedule.spec.periods {
        let mut at = Vec::new();
        for item in &period.at {
            at.push(range(&period.name, item)?);
        }
        periods.push(PeriodDocument { name: period.name.clone(), at });
    }
    Ok(ScheduleDocument {
        time_zone: schedule.spec.time_zone().to_owned(),
        calendar,
        periods,
        otherwise: schedule.spec.otherwise.clone(),
    })
}

fn range(period: &str, item: &TimeRange) -> Result<RangeDocument, Finding> {
    let date = |text: &str| {
        text.parse::<jiff::civil::Date>().map_err(|_| {
            Finding::new(
                reason::INVALID,
                format!("periods[{period}].at.dates: {text}: that month has no such day, correct or remove it"),
            )
        })
    };
    let dates = match &item.dates {
        Some(dates) => Some(DateRange { first: date(&dates.first)?, last: date(&dates.last)? }),
        None => None,
    };
    let days = item.days.iter().map(|day| day_of(*day)).collect();
    Ok(RangeDocument { dates, days, from: item.from.clone(), to: item.to.clone() })
}

fn day_of(day: DayName) -> Day {
    match day {
        DayName::Monday => Day::Monday,
        DayName::Tuesday => Day::Tuesday,
        DayName::Wednesday => Day::Wednesday,
        DayName::Thursday => Day::Thursday,
        DayName::Friday => Day::Friday,
        DayName::Saturday => Day::Saturday,
        DayName::Sunday => Day::Sunday,
        DayName::Workday => Day::Workday,
        DayName::Weekend => Day::Weekend,
        DayName::Holiday => Day::Holiday,
    }
}

/// Whether the calendar that a schedule names is there.
pub fn resolve(schedule: &RoutingSchedule, calendar: Option<&HolidayCalendar>) -> Result<(), Finding> {
    match (&schedule.spec.calendar_ref, calendar) {
        (Some(named), None) => refuse(
            reason::CALENDAR_NOT_FOUND,
            format!("there is no HolidayCalendar {}: create it or change calendarRef", named.name),
        ),
        _ => Ok(()),
    }
}

/// Brings a schedule's status up to date: conditions at once, current and next by the clock, where any number uses it.
pub async fn reconcile(schedule: Arc<RoutingSchedule>, world: Arc<World>) -> Result<Action, Error> {
    let calendar = schedule.spec.calendar_ref.as_ref().and_then(|named| world.stores.calendars.find_name(&named.name));
    let resolved = resolve(&schedule, calendar.as_deref());
    let compiled = compile(&schedule, calendar.as_deref());
    let accepted = compiled.as_ref().map(drop).map_err(Clone::clone);
    let now = world.clock.now();
    let used_by = world.references().schedules.count(&Key::of(&*schedule));
    let old = schedule.status.clone();
    let mut set = ConditionSet::new(old.as_ref().map_or(&[], |status| &status.conditions), schedule.generation(), now);
    set.set_result(types::ACCEPTED, reason::ACCEPTED, &accepted);
    set.set_result(types::RESOLVED_REFS, reason::RESOLVED_REFS, &resolved);
    let programmed = programmed(&world, &schedule, calendar.as_deref(), &accepted.clone().and(resolved.clone()));
    if let Some(Err(finding)) = &programmed
        && finding.reason == reason::AWAITING_ROUTERS
        && let Some(left) = world.grace_left(&*schedule, AwaitedStep::Routers, GRACE)
    {
        return Ok(Action::requeue(left));
    }
    if let Some(programmed) = &programmed {
        set.set_result(types::PROGRAMMED, reason::PROGRAMMED, programmed);
    }
    set.set_result(types::READY, reason::READY, &accepted.clone().and(resolved.clone()));
    if let Err(finding) = &accepted {
        set.set_progress(&Progress::Stalled(finding.clone()));
    }
    let status = RoutingScheduleStatus {
        observed_generation: schedule.generation(),
        current: None,
        next: None,
        used_by: i64::try_from(used_by).ok(),
        conditions: set.finish(),
    };
    let shown = old.map(|status| status.conditions);
    let action = counted::publish(&world, &*schedule, shown, status.conditions.clone(), &status).await?;
    let shows = compiled.ok().filter(|_| resolved.is_ok() && used_by > 0);
    let (status, next) = clock_face(&schedule, shows.as_ref(), status, now);
    if differs(&*schedule, Manager::Clock, &status)
        && let Err(wait) = world.pace.spare()
    {
        return Ok(Action::requeue(wait));
    }
    world.published.publish(&world, &*schedule, Manager::Clock, &status).await?;
    if action != Action::await_change() {
        return Ok(action);
    }
    Ok(next.map_or(action, |at| Action::requeue(world.until(at) + offset(&schedule))))
}

/// `status` with the period of `now` and the next change, and when that is. Without a sound timetable that somebody uses
/// both are empty: what nobody moves on would grow false.
fn clock_face(
    schedule: &RoutingSchedule,
    timetable: Option<&Schedule>,
    status: RoutingScheduleStatus,
    now: Timestamp,
) -> (RoutingScheduleStatus, Option<Timestamp>) {
    let next = timetable.and_then(|timetable| timetable.next_change(now));
    let face = RoutingScheduleStatus {
        current: timetable.map(|timetable| timetable.period_at(now).to_owned()),
        next: next.map(|(at, period)| NextPeriod { period: period.to_owned(), at: local_text(schedule, at) }),
        ..status
    };
    (face, next.map(|(at, _)| at))
}

/// Whether every number that uses the schedule is served with it as it stands; `None` where no number uses it.
fn programmed(
    world: &World,
    schedule: &RoutingSchedule,
    calendar: Option<&HolidayCalendar>,
    valid: &Result<(), Finding>,
) -> Option<Result<(), Finding>> {
    let numbers = world.references().schedules.of(&Key::of(schedule));
    let shown = schedule.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let used = Used { word: "timetable", shown, generation: schedule.generation(), valid, numbers };
    served_with::programmed(world, used, |plan, waiting| {
        let ((digest, _), _) = documents(schedule, calendar, world.clock.now());
        plan.serving_schedule(waiting, &digest)
    })
}

/// Thousands of schedules change at 09:00; each shows it at a moment of its own within the minute.
fn offset(schedule: &RoutingSchedule) -> Duration {
    let digest = Digest::of(schedule.uid_text().as_bytes());
    let first = digest.as_bytes().first().copied().unwrap_or_default();
    let second = digest.as_bytes().get(1).copied().unwrap_or_default();
    Duration::from_millis(u64::from(u16::from_be_bytes([first, second])) % 50_000)
}

/// An instant as people of the schedule's zone write it.
fn local_text(schedule: &RoutingSchedule, at: Timestamp) -> String {
    match parse_zone(schedule.spec.time_zone()) {
        Ok(zone) => at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Err(_) => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timetable_that_nobody_uses_shows_no_period() {
        let text = "{apiVersion: fourhundred.io/v1alpha1, kind: RoutingSchedule, metadata: {name: hours, namespace: acme}, \
                    spec: {periods: [{name: work, at: [{days: [Monday], from: '09:00', to: '18:00'}]}], otherwise: closed}}";
        let schedule: RoutingSchedule = serde_saphyr::from_str(text).unwrap();
        let now = "2026-11-23T10:00:00+08:00".parse().unwrap();
        let stale = RoutingScheduleStatus {
            current: Some("closed".to_owned()),
            next: Some(NextPeriod { period: "work".to_owned(), at: "2026-11-16T09:00:00+08:00".to_owned() }),
            ..RoutingScheduleStatus::default()
        };
        let (shown, next) = clock_face(&schedule, None, stale.clone(), now);
        assert_eq!((shown.current, shown.next, next), (None, None, None));
        let timetable = compile(&schedule, None).unwrap();
        let (shown, next) = clock_face(&schedule, Some(&timetable), stale, now);
        assert_eq!(shown.current.as_deref(), Some("work"));
        assert_eq!(shown.next.map(|next| next.at).as_deref(), Some("2026-11-23T18:00:00+08:00"));
        assert_eq!(next, Some("2026-11-23T18:00:00+08:00".parse().unwrap()));
    }
}
