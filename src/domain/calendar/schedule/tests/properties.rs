use jiff::civil::date;
use jiff::{SignedDuration, ToSpan as _};
use proptest::prelude::*;

use super::reference::{competitors, period_on};
use super::*;
use crate::domain::routing::document::CalendarDocument;

/// Zones with the start of a week that is worth a look: clock changes of an hour, of half an hour, and a day left out.
const WEEKS: [(&str, &str); 6] = [
    ("Asia/Shanghai", "2026-10-05T00:00:00Z"),
    ("Europe/Berlin", "2026-03-27T00:00:00Z"),
    ("Europe/Berlin", "2026-10-23T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-03T00:00:00Z"),
    ("America/Havana", "2026-10-30T00:00:00Z"),
    ("Pacific/Apia", "2011-12-28T00:00:00Z"),
];
const WEEK_DAYS: i64 = 6;

fn any_day() -> impl Strategy<Value = Day> {
    use Day::{Friday, Holiday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday, Weekend, Workday};
    prop_oneof![
        1 => prop::sample::select(vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]),
        1 => prop::sample::select(vec![Workday, Weekend, Holiday]),
    ]
}

/// A range whose times are multiples of `step` minutes and whose dates lie within a week of `first`.
fn any_range(first: Date, step: u16) -> impl Strategy<Value = RangeDocument> {
    let steps = 1440 / step;
    let times = (0..steps, 0..=steps).prop_filter("a range is not empty", |(from, to)| from != to);
    let owners = prop_oneof![
        1 => (0..7_i64, 0..3_i64).prop_map(Ok),
        3 => prop::collection::vec(any_day(), 1..4).prop_map(Err),
    ];
    (owners, times).prop_map(move |(owners, (from, to))| {
        let text = |steps: u16| format!("{:02}:{:02}", steps * step / 60, steps * step % 60);
        let first = |start: i64| first + start.days();
        RangeDocument {
            dates: owners
                .as_ref()
                .ok()
                .map(|&(start, more)| DateRange { first: first(start), last: first(start + more) }),
            days: owners.err().unwrap_or_default(),
            from: text(from),
            to: text(to),
        }
    })
}

fn any_schedule(zone: &'static str, first: Date, step: u16, ranges: usize) -> impl Strategy<Value = ScheduleDocument> {
    let at = move || prop::collection::vec(any_range(first, step), 1..=ranges);
    prop::collection::vec(at(), 1..4).prop_map(move |periods| ScheduleDocument {
        time_zone: zone.into(),
        calendar: None,
        periods: periods.iter().zip(["one", "two", "three"]).map(|(at, name)| period(name, at)).collect(),
        otherwise: "closed".into(),
    })
}

/// A calendar in which each of twelve days from `first` on is plain, off or made up.
fn any_calendar(first: Date) -> impl Strategy<Value = CalendarDocument> {
    prop::collection::vec(0..4_u8, 12).prop_map(move |kinds| {
        let of_kind = |wanted: u8| {
            let days = kinds.iter().zip(0_i64..).filter(|&(&kind, _)| kind == wanted);
            days.map(|(_, day)| first + day.days()).collect()
        };
        CalendarDocument {
            years: vec![first.year(), first.year() + 1],
            days_off: of_kind(1),
            make_up_workdays: of_kind(2),
        }
    })
}

/// The schedule with one range more, where that can be told apart from its other periods.
fn with_range(schedule: ScheduleDocument, (name, range): (&str, RangeDocument)) -> ScheduleDocument {
    let mut longer = schedule.clone();
    match longer.periods.iter_mut().find(|period| period.name == name) {
        Some(period) => period.at.push(range),
        None => longer.periods.push(period(name, &[range])),
    }
    if Schedule::compile(&longer, None).is_ok() { longer } else { schedule }
}

/// A schedule that compiles, its calendar, and the first instant of the week to look at.
fn any_compiled() -> impl Strategy<Value = (ScheduleDocument, CalendarDocument, Timestamp)> {
    prop::sample::select(WEEKS.to_vec()).prop_flat_map(|(zone, start)| {
        let start: Timestamp = start.parse().unwrap();
        let first = start.to_zoned(jiff::tz::TimeZone::UTC).date();
        let ranges =
            prop::collection::vec((prop::sample::select(vec!["one", "two", "three"]), any_range(first, 15)), 1..9);
        let schedule = ranges.prop_map(move |ranges| ranges.into_iter().fold(document(zone, &[]), with_range));
        (schedule, any_calendar(first), Just(start))
    })
}

fn minutes_of_week(start: Timestamp) -> impl Iterator<Item = Timestamp> {
    (0..WEEK_DAYS * 24 * 60).map(move |minute| start + SignedDuration::from_mins(minute))
}

/// Whether two periods of one rank meet under some calendar: every kind of two adjacent days is tried on every day.
fn meet_somewhere(schedule: &ScheduleDocument, first: Date, step: u16) -> bool {
    let today_and_before = (-1..9_i64).flat_map(|day| (0..3_u8).flat_map(move |a| (0..3_u8).map(move |b| (day, a, b))));
    today_and_before.into_iter().any(|(day, kind, kind_before)| {
        let today = first + day.days();
        let kinds = [(today, kind), (today - 1.day(), kind_before)];
        let of_kind = |wanted: u8| kinds.iter().filter(|(_, kind)| *kind == wanted).map(|(date, _)| *date).collect();
        let calendar = CalendarDocument { years: vec![], days_off: of_kind(1), make_up_workdays: of_kind(2) };
        (0..1440 / step).any(|steps| {
            let wall = today.to_datetime(jiff::civil::Time::midnight()) + i64::from(steps * step).minutes();
            let met = competitors(schedule, &calendar, wall);
            met.iter().any(|(rank, name)| met.iter().any(|(other, second)| rank == other && name != second))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_quarter_hour_has_the_period_of_the_ruling((schedule, calendar, start) in any_compiled()) {
        let compiled = Schedule::compile(&schedule, Some(&Calendar::new(&calendar).unwrap())).unwrap();
        for at in minutes_of_week(start).step_by(15) {
            let wall = compiled.zone().to_datetime(at);
            prop_assert_eq!(compiled.period_at(at), period_on(&schedule, &calendar, wall), "{}", wall);
        }
    }

    #[test]
    fn the_next_change_is_the_first_minute_with_another_period(
        (schedule, calendar, start) in any_compiled(),
        into_minute in 0..60_i64,
    ) {
        let compiled = Schedule::compile(&schedule, Some(&Calendar::new(&calendar).unwrap())).unwrap();
        let periods: Vec<(Timestamp, u16)> =
            minutes_of_week(start).map(|at| (at, compiled.period_index_at(at))).collect();
        let mut next: Option<(Timestamp, u16)> = None;
        let end = start + SignedDuration::from_hours(WEEK_DAYS * 24);
        for window in periods.windows(2).rev() {
            let ((at, period), (after, period_after)) = (window[0], window[1]);
            if period != period_after {
                next = Some((after, period_after));
            } else if at.as_second() % 20_100 != 0 {
                continue; // asked again only now and then, and before each change
            }
            let found = compiled.next_change(at + SignedDuration::from_secs(into_minute));
            match next {
                Some((when, index)) => {
                    let name = compiled.period_names()[usize::from(index)].as_str();
                    prop_assert_eq!(found, Some((when, name)), "after {}", at);
                }
                None => prop_assert!(found.is_none_or(|(when, _)| when >= end), "after {}: {:?}", at, found),
            }
        }
    }

    #[test]
    fn a_timetable_tells_every_minute((schedule, calendar, start) in any_compiled()) {
        let compiled = Schedule::compile(&schedule, Some(&Calendar::new(&calendar).unwrap())).unwrap();
        let end = start + SignedDuration::from_hours(WEEK_DAYS * 24);
        let timetable: Vec<(Timestamp, &str)> = compiled.changes(start, end).collect();
        prop_assert!(timetable.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1));
        for at in minutes_of_week(start).step_by(35) {
            let told = timetable.iter().rev().find(|(from, _)| *from <= at).unwrap().1;
            prop_assert_eq!(told, compiled.period_at(at), "{}", at);
        }
    }

    #[test]
    fn a_schedule_is_refused_exactly_where_some_calendar_lets_two_periods_meet(
        schedule in any_schedule("Asia/Shanghai", date(2026, 11, 9), 240, 2),
    ) {
        let outcome = Schedule::compile(&schedule, None);
        let expected = meet_somewhere(&schedule, date(2026, 11, 9), 240);
        prop_assert_eq!(outcome.is_err(), expected, "{:?}", outcome.err());
    }
}
