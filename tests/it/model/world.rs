//! Worlds made by dice, kept as what they mean and written as the manifests that mean it.

use serde_json::{Value, json};

use super::days::{Day, MINUTES_OF_A_DAY, Zone, date_text, day, time_text};
use crate::rig::Dice;

pub const FIRST_DAY: (i64, i64, i64) = (2025, 1, 3);
pub const LAST_DAY: (i64, i64, i64) = (2027, 12, 28);
/// The operator's clock, in seconds: 2026-11-10T10:00+08:00.
pub const NOW: i64 = 1_794_276_000;
/// When some numbers' terms change: 2026-11-23T12:00+08:00.
pub const CHANGE: i64 = NOW + 13 * 86_400 + 7_200;
/// When records are told and the months' fees are due: 2026-12-31T10:00+08:00.
pub const LATER: i64 = NOW + 51 * 86_400;

const DAY_NAMES: [&str; 10] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Workday", "Weekend", "Holiday"];

#[derive(Debug, Clone)]
pub struct Calendar {
    pub name: String,
    pub years: Vec<i64>,
    pub off: Vec<Day>,
    pub make_up: Vec<Day>,
}

impl Calendar {
    pub fn roll(dice: &mut Dice, name: &str) -> Self {
        let years = if dice.chance(50) { vec![2025, 2026] } else { vec![2026] };
        let (mut off, mut make_up) = (Vec::new(), Vec::new());
        for year in &years {
            for _ in 0..6 {
                let first = dice.between(day(*year, 1, 1), day(*year, 12, 25));
                off.extend(first..=first + dice.between(0, 5));
                make_up.push(dice.between(day(*year, 1, 1), day(*year, 12, 31)));
            }
        }
        off.sort_unstable();
        off.dedup();
        make_up.sort_unstable();
        make_up.dedup();
        make_up.retain(|day| !off.contains(day));
        Self { name: name.to_owned(), years, off, make_up }
    }

    pub fn manifest(&self) -> Value {
        let of = |days: &[Day], year: i64| -> Vec<String> {
            days.iter().filter(|day| super::days::date(**day).0 == year).map(|day| date_text(*day)).collect()
        };
        let years = self.years.iter().map(
            |year| json!({"year": year, "notice": "https://example.com/", "daysOff": of(&self.off, *year), "makeUpWorkdays": of(&self.make_up, *year)}),
        );
        object("HolidayCalendar", None, &self.name, json!({ "years": years.collect::<Vec<_>>() }))
    }
}

#[derive(Debug, Clone)]
pub enum Days {
    Dates(Day, Day),
    Named(Vec<&'static str>),
}

/// `from` later than `to` runs past midnight.
#[derive(Debug, Clone)]
pub struct Range {
    pub days: Days,
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    pub name: String,
    pub namespace: String,
    pub zone: Zone,
    pub calendar: Option<usize>,
    pub periods: Vec<(String, Vec<Range>)>,
}

impl Schedule {
    /// One in four sets working days against named days at the same hours, so that ranks decide.
    pub fn roll(dice: &mut Dice, namespace: &str, place: usize, calendars: usize) -> Self {
        let mut schedule = Self::roll_any(dice, namespace, place, calendars);
        if dice.chance(25) {
            let (from, to) = (dice.between(0, 20) * 30, dice.between(24, 48) * 30);
            let period = |name: &str, names: &[&'static str]| {
                (name.to_owned(), vec![Range { days: Days::Named(names.to_vec()), from, to }])
            };
            let others: &[&str] = if dice.chance(50) { &["Saturday", "Sunday"] } else { &["Sunday"] };
            schedule.periods = vec![period("named", others), period("working", &["Workday"])];
        }
        schedule
    }

    fn roll_any(dice: &mut Dice, namespace: &str, place: usize, calendars: usize) -> Self {
        let zone = if dice.chance(60) { Zone::Shanghai } else { Zone::Berlin };
        let calendar = dice.chance(80).then(|| usize::try_from(dice.below(calendars as u64)).unwrap());
        let periods = (0..dice.between(1, 4)).map(|period| {
            let ranges = (0..dice.between(1, 2)).map(|_| Self::range(dice)).collect();
            (format!("period-{period}"), ranges)
        });
        let periods = periods.collect();
        Self { name: format!("timetable-{place}"), namespace: namespace.to_owned(), zone, calendar, periods }
    }

    fn range(dice: &mut Dice) -> Range {
        let days = if dice.chance(35) {
            let first = dice.between(day(2025, 1, 3), day(2027, 12, 20));
            Days::Dates(first, first + dice.between(0, 60))
        } else {
            let mut names: Vec<&str> = (0..dice.between(1, 3)).map(|_| *dice.pick(&DAY_NAMES)).collect();
            names.sort_unstable();
            names.dedup();
            Days::Named(names)
        };
        let minute = |dice: &mut Dice| if dice.chance(80) { dice.between(0, 47) * 30 } else { dice.between(0, 1_439) };
        let from = minute(dice);
        let to = match dice.below(10) {
            0 => MINUTES_OF_A_DAY,
            // Over the hour that clocks skip or repeat.
            1 => 150,
            _ => (from + dice.between(1, 20) * 30) % MINUTES_OF_A_DAY,
        };
        let to = if to == from || to == 0 { MINUTES_OF_A_DAY } else { to };
        Range { days, from, to }
    }

    pub fn manifest(&self, calendars: &[Calendar]) -> Value {
        let range = |range: &Range| {
            let mut item = json!({"from": time_text(range.from), "to": time_text(range.to)});
            match &range.days {
                Days::Dates(first, last) => {
                    item["dates"] = json!({"first": date_text(*first), "last": date_text(*last)});
                }
                Days::Named(names) => item["days"] = json!(names),
            }
            item
        };
        let periods = self
            .periods
            .iter()
            .map(|(name, ranges)| json!({"name": name, "at": ranges.iter().map(range).collect::<Vec<_>>()}));
        let mut spec =
            json!({"timeZone": self.zone.name(), "periods": periods.collect::<Vec<_>>(), "otherwise": "otherwise"});
        if let Some(calendar) = self.calendar {
            spec["calendarRef"] = json!({"name": calendars[calendar].name});
        }
        object("RoutingSchedule", Some(&self.namespace), &self.name, spec)
    }
}

/// Who calls: as the switch writes it, and what it is.
#[derive(Debug, Clone)]
pub struct Caller {
    pub written: String,
    /// National form; none: withheld.
    pub number: Option<String>,
    pub area: Option<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "made for this one use")]
pub fn object(kind: &str, namespace: Option<&str>, name: &str, spec: Value) -> Value {
    let mut object =
        json!({"apiVersion": "fourhundred.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}
