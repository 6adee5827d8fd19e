//! Worlds made by dice, kept as what they mean and written as the manifests that mean it.

use serde_json::{Value, json};

use super::days::{Day, MINUTES_OF_A_DAY, Zone, date_text, day, instant_text, time_text};
use crate::rig::Dice;

pub const FIRST_DAY: (i64, i64, i64) = (2025, 1, 3);
pub const LAST_DAY: (i64, i64, i64) = (2027, 12, 28);
/// The operator's clock, in seconds: 2026-11-10T10:00+08:00.
pub const NOW: i64 = 1_794_276_000;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Destination(usize),
    Group(usize),
    Announcement(&'static str),
    /// A number that the spec does not list; overrides only.
    Number(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    InOrder,
    RoundRobin,
    Random,
    Percentage,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub strategy: Strategy,
    pub members: Vec<usize>,
    pub overflow: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub periods: Vec<String>,
    pub callers: Vec<String>,
    /// Area codes, or `Unknown`.
    pub areas: Vec<String>,
    pub to: Target,
}

#[derive(Debug, Clone)]
pub struct Override {
    pub name: String,
    /// Seconds.
    pub from: i64,
    pub until: i64,
    pub to: Target,
}

#[derive(Debug, Clone)]
pub struct Number {
    pub digits: String,
    pub name: String,
    pub namespace: String,
    pub forwards: usize,
    pub paused: bool,
    pub schedule: Option<usize>,
    /// National form and seconds to ring.
    pub destinations: Vec<(String, i64)>,
    pub groups: Vec<Group>,
    pub deny_callers: Vec<String>,
    pub deny_areas: Vec<String>,
    pub only_areas: Vec<String>,
    pub deny_anonymous: bool,
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
    /// An announcement, or a release.
    pub exhausted: Option<Result<&'static str, &'static str>>,
    pub tariff: usize,
    pub package: bool,
}

pub const ANNOUNCEMENTS: [&str; 3] = ["all-lines-busy", "holiday-greeting", "unmapped"];

impl Number {
    fn target(dice: &mut Dice, destinations: usize, groups: usize) -> Target {
        match dice.below(10) {
            0 | 1 => Target::Announcement(dice.one_of(&ANNOUNCEMENTS)),
            2..=5 if groups > 0 => Target::Group(usize::try_from(dice.below(groups as u64)).unwrap()),
            _ => Target::Destination(usize::try_from(dice.below(destinations as u64)).unwrap()),
        }
    }

    /// `schedules` are those of its namespace that were accepted; `callers` those who will call.
    pub fn roll(
        dice: &mut Dice,
        (digits, namespace, forwards): (String, &str, usize),
        schedules: &[(usize, &Schedule)],
        callers: &[Caller],
    ) -> Self {
        let schedule = (!schedules.is_empty() && dice.chance(90)).then(|| *dice.pick(schedules));
        let destinations: Vec<(String, i64)> =
            (0..dice.between(2, 6)).map(|place| (destination(dice, place), dice.between(5, 60))).collect();
        let groups: Vec<Group> = (0..dice.between(0, 3)).map(|_| group(dice, destinations.len())).collect();
        let to = |dice: &mut Dice| Self::target(dice, destinations.len(), groups.len());
        let mut rules: Vec<Rule> = (0..dice.between(1, 5))
            .map(|_| {
                let mut rule = Rule { periods: vec![], callers: vec![], areas: vec![], to: to(dice) };
                while rule.periods.is_empty() && rule.callers.is_empty() && rule.areas.is_empty() {
                    if let Some((_, schedule)) = schedule
                        && dice.chance(70)
                    {
                        rule.periods = some(dice, 2, |dice| match dice.pick(&schedule.periods) {
                            _ if dice.chance(15) => "otherwise".to_owned(),
                            (name, _) => name.clone(),
                        });
                    }
                    if dice.chance(25) {
                        rule.callers = some(dice, 3, |dice| pattern(dice, callers));
                    }
                    if dice.chance(25) {
                        rule.areas = some(dice, 4, |dice| area(dice, callers));
                    }
                }
                rule
            })
            .collect();
        rules.push(Rule { periods: vec![], callers: vec![], areas: vec![], to: to(dice) });
        let overrides = (0..dice.between(0, 2) * i64::from(dice.chance(50)))
            .map(|place| Override {
                name: format!("until-{digits}-{}", ["b", "a"][usize::try_from(place).unwrap()]),
                from: NOW + dice.between(-300, 100) * 86_400,
                until: NOW + dice.between(101, 300) * 86_400,
                to: if dice.chance(30) { Target::Number(destination(dice, 7)) } else { to(dice) },
            })
            .collect();
        let lists = dice.below(6);
        Self {
            name: format!("n{digits}"),
            digits,
            namespace: namespace.to_owned(),
            forwards,
            paused: dice.chance(5),
            schedule: schedule.map(|(place, _)| place),
            deny_callers: if lists == 0 { some(dice, 4, |dice| pattern(dice, callers)) } else { vec![] },
            deny_areas: if lists == 1 { some(dice, 4, |dice| area(dice, callers)) } else { vec![] },
            only_areas: if lists == 2 { some(dice, 12, |dice| area(dice, callers)) } else { vec![] },
            deny_anonymous: dice.chance(20),
            rules,
            overrides,
            exhausted: match dice.below(3) {
                0 => None,
                1 => Some(Ok(dice.one_of(&ANNOUNCEMENTS))),
                _ => Some(Err(dice.one_of(&["Busy", "NoAnswer", "Unavailable"]))),
            },
            tariff: usize::try_from(dice.below(2)).unwrap(),
            package: dice.chance(40),
            groups,
            destinations,
        }
    }

    pub fn manifests(&self, schedules: &[Schedule], tariffs: &[&str]) -> Vec<Value> {
        let named = |place: &usize| json!({"destination": format!("d{place}")});
        let to = |target: &Target| match target {
            Target::Destination(place) => named(place),
            Target::Group(place) => json!({"group": format!("g{place}")}),
            Target::Announcement(name) => json!({"announcement": name}),
            Target::Number(number) => json!({"number": number}),
        };
        let groups = self.groups.iter().enumerate().map(|(place, group)| {
            let mut members: Vec<Value> = group.members.iter().map(named).collect();
            if group.strategy == Strategy::Percentage {
                let share = 100 / members.len();
                let first = 100 - share * (members.len() - 1);
                for (member, percent) in members.iter_mut().zip(std::iter::once(first).chain(std::iter::repeat(share))) {
                    member["percent"] = json!(percent);
                }
            }
            let overflow: Vec<Value> = group.overflow.iter().map(named).collect();
            json!({"name": format!("g{place}"), "strategy": format!("{:?}", group.strategy), "members": members, "overflow": overflow})
        });
        let rules = self.rules.iter().enumerate().map(|(place, rule)| {
            let mut item = json!({"name": format!("r{place}"), "to": to(&rule.to)});
            for (field, list) in [("periods", &rule.periods), ("callers", &rule.callers), ("callerAreas", &rule.areas)]
            {
                if !list.is_empty() {
                    item["when"][field] = json!(list);
                }
            }
            item
        });
        let destinations = self.destinations.iter().enumerate().map(
            |(place, (number, seconds))| json!({"name": format!("d{place}"), "number": number, "ringSeconds": seconds}),
        );
        let mut spec = json!({
            "number": self.digits,
            "gatewayRef": {"name": "east", "namespace": "telephony"},
            "tariffRef": {"name": tariffs[self.tariff]},
            "state": if self.paused { "Paused" } else { "Active" },
            "functions": ["Schedule", "Screening", "Percentage"],
            "destinations": destinations.collect::<Vec<_>>(),
            "groups": groups.collect::<Vec<_>>(),
            "screening": {"denyCallers": self.deny_callers, "denyAreas": self.deny_areas, "onlyAreas": self.only_areas,
                          "anonymous": if self.deny_anonymous { "Deny" } else { "Accept" }},
            "rules": rules.collect::<Vec<_>>(),
        });
        if self.package {
            spec["package"] = json!("bundle");
        }
        if let Some(schedule) = self.schedule {
            spec["scheduleRef"] = json!({"name": schedules[schedule].name});
        }
        match self.exhausted {
            None => {}
            Some(Ok(name)) => spec["whenExhausted"] = json!({"announcement": name}),
            Some(Err(release)) => spec["whenExhausted"] = json!({"release": release}),
        }
        let overrides = self.overrides.iter().map(|item| {
            let spec = json!({"numberRef": {"name": self.name}, "to": to(&item.to), "reason": "by dice",
                              "from": instant_text(item.from * 1_000), "until": instant_text(item.until * 1_000)});
            object("RoutingOverride", Some(&self.namespace), &item.name, spec)
        });
        std::iter::once(object("FourHundredNumber", Some(&self.namespace), &self.name, spec)).chain(overrides).collect()
    }
}

fn some(dice: &mut Dice, most: i64, mut one: impl FnMut(&mut Dice) -> String) -> Vec<String> {
    let mut list: Vec<String> = (0..dice.between(1, most)).map(|_| one(dice)).collect();
    list.sort_unstable();
    list.dedup();
    list
}

/// Distinct by `place`, so that no number stands twice.
fn destination(dice: &mut Dice, place: i64) -> String {
    match dice.below(3) {
        0 => format!("0108888{place}{:03}", dice.below(1_000)),
        1 => format!("0755666{place}{:04}", dice.below(10_000)),
        _ => format!("13800138{place}{:02}", dice.below(100)),
    }
}

fn group(dice: &mut Dice, destinations: usize) -> Group {
    let strategies = [Strategy::InOrder, Strategy::RoundRobin, Strategy::Random, Strategy::Percentage];
    let mut members: Vec<usize> = (0..destinations).filter(|_| dice.chance(60)).collect();
    if members.is_empty() {
        members.push(0);
    }
    if dice.chance(50) {
        members.reverse();
    }
    let overflow = (0..destinations).filter(|_| dice.chance(25)).collect();
    Group { strategy: *dice.pick(&strategies), members, overflow }
}

/// A pattern that some caller of the world may match.
fn pattern(dice: &mut Dice, callers: &[Caller]) -> String {
    loop {
        let Some(number) = &dice.pick(callers).number else { continue };
        if dice.chance(40) {
            return number.clone();
        }
        let digits = usize::try_from(dice.between(3, i64::try_from(number.len()).unwrap())).unwrap();
        return format!("{}*", &number[..digits]);
    }
}

fn area(dice: &mut Dice, callers: &[Caller]) -> String {
    dice.pick(callers).area.clone().unwrap_or_else(|| "Unknown".to_owned())
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
