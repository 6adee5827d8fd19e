//! What a schedule must do, by example, and against an independent reading of the ruling.

mod examples;
mod properties;
mod reference;
mod refusals;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::*;
use crate::domain::calendar::holidays::tests::document_2026;
use crate::domain::routing::document::{DateRange, Day, PeriodDocument, RangeDocument};

fn days(days: &[Day], from: &str, to: &str) -> RangeDocument {
    RangeDocument { dates: None, days: days.to_vec(), from: from.into(), to: to.into() }
}

fn dates(first: &str, last: &str, from: &str, to: &str) -> RangeDocument {
    let date = |text: &str| text.parse::<Date>().unwrap();
    let dates = Some(DateRange { first: date(first), last: date(last) });
    RangeDocument { dates, days: Vec::new(), from: from.into(), to: to.into() }
}

fn period(name: &str, at: &[RangeDocument]) -> PeriodDocument {
    PeriodDocument { name: name.into(), at: at.to_vec() }
}

fn document(zone: &str, periods: &[PeriodDocument]) -> ScheduleDocument {
    ScheduleDocument { time_zone: zone.into(), calendar: None, periods: periods.to_vec(), otherwise: "closed".into() }
}

fn compiled(zone: &str, periods: &[PeriodDocument]) -> Schedule {
    let calendar = Calendar::new(&document_2026()).unwrap();
    Schedule::compile(&document(zone, periods), Some(&calendar)).unwrap()
}

/// The earlier instant at which the schedule's wall clock shows `wall`.
fn on_wall(schedule: &Schedule, wall: &str) -> Timestamp {
    let wall: DateTime = wall.parse().unwrap();
    schedule.zone().to_ambiguous_timestamp(wall).earlier().unwrap()
}

fn period_on_wall<'s>(schedule: &'s Schedule, wall: &str) -> &'s str {
    schedule.period_at(on_wall(schedule, wall))
}
