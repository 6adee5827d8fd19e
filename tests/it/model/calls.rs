//! What becomes of a call, walked naively: every list from its beginning, every range at every instant.

use std::io::Read as _;

use serde_json::{Value, json};

use super::{
    days::{Day, weekday},
    numbers::{Number, Strategy, Target},
    world::{Calendar, Caller, Days, Range, Schedule},
};
use crate::rig::{Dice, root};

const TRUNK: &str = "127.0.0.1:5080";

/// Callers of all kinds, written in all the ways that people and switches write them.
pub fn callers(dice: &mut Dice, count: usize) -> Vec<Caller> {
    let areas = std::fs::read_to_string(root().join("data/areas-cn.csv")).unwrap();
    let areas: Vec<&str> = areas.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let mut segments = String::new();
    let packed = std::fs::File::open(root().join("data/mobile-areas-cn.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut segments).unwrap();
    let segments: Vec<&str> = segments.lines().skip(1).collect();
    (0..count).map(|_| caller(dice, &areas, &segments)).collect()
}

fn caller(dice: &mut Dice, areas: &[&str], segments: &[&str]) -> Caller {
    match dice.below(20) {
        0 => Caller { written: "anonymous".to_owned(), number: None, area: None },
        1 => {
            let service = *dice.pick(&["10086", "95588", "12345"]);
            Caller { written: service.to_owned(), number: Some(service.to_owned()), area: None }
        }
        2 => {
            let abroad = format!("44207946{:04}", dice.below(10_000));
            let written = format!("{}{abroad}", dice.pick(&["+", "00"]));
            Caller { written, number: Some(format!("00{abroad}")), area: None }
        }
        3..=10 => {
            let area = if dice.chance(50) { *dice.pick(&["010", "020", "0755", "0898"]) } else { *dice.pick(areas) };
            let local = format!("{}{:07}", dice.between(2, 8), dice.below(10_000_000));
            let written = match dice.below(5) {
                0 => format!("+86 {} {}", &area[1..], local),
                1 => format!("0086{}{local}", &area[1..]),
                2 => format!("({area}) {}-{}", &local[..4], &local[4..]),
                3 => full_width(&format!("{area}{local}")),
                _ => format!("{area}{local}"),
            };
            Caller { written, number: Some(format!("{area}{local}")), area: Some(area.to_owned()) }
        }
        _ => {
            let mut fields = dice.pick(segments).split(',');
            let (from, to) = (fields.next().unwrap(), fields.next().unwrap());
            let segment = dice.between(from.parse().unwrap(), to.parse().unwrap());
            let number = format!("{segment}{:04}", dice.below(10_000));
            let written = match dice.below(6) {
                0 => format!("+86{number}"),
                1 => format!("0{number}"),
                2 => format!("17951{number}"),
                3 => format!("{} {} {}", &number[..3], &number[3..7], &number[7..]),
                _ => number.clone(),
            };
            Caller { written, number: Some(number), area: Some(fields.next().unwrap().to_owned()) }
        }
    }
}

fn full_width(text: &str) -> String {
    text.chars().map(|digit| char::from_u32(u32::from(digit) - 0x30 + 0xff10).unwrap()).collect()
}

/// The rank by which a range applies on the civil day on which it begins, if it does.
fn rank(range: &Range, day: Day, calendar: Option<&Calendar>) -> Option<u8> {
    let names = match &range.days {
        Days::Dates(first, last) => return (*first..=*last).contains(&day).then_some(0),
        Days::Named(names) => names,
    };
    let listed = calendar.filter(|calendar| calendar.years.contains(&super::days::date(day).0));
    let off = listed.is_some_and(|calendar| calendar.off.contains(&day));
    let make_up = listed.is_some_and(|calendar| calendar.make_up.contains(&day));
    let weekend = weekday(day) >= 5;
    let of_name = |name: &&str| match *name {
        "Workday" if make_up => Some(1),
        "Workday" => (!weekend && !off).then_some(3),
        "Weekend" => (weekend && !off && !make_up).then_some(3),
        "Holiday" => off.then_some(2),
        "Monday" => (weekday(day) == 0).then_some(3),
        "Tuesday" => (weekday(day) == 1).then_some(3),
        "Wednesday" => (weekday(day) == 2).then_some(3),
        "Thursday" => (weekday(day) == 3).then_some(3),
        "Friday" => (weekday(day) == 4).then_some(3),
        "Saturday" => (weekday(day) == 5).then_some(3),
        "Sunday" => (weekday(day) == 6).then_some(3),
        name => panic!("{name} is no name of a day"),
    };
    names.iter().filter_map(of_name).min()
}

/// The period at an instant. Two periods of one rank at one instant: the schedule should have been refused.
pub fn period_at(schedule: &Schedule, calendars: &[Calendar], at: i64) -> String {
    let (day, second) = schedule.zone.wall(at);
    let minute = second / 60;
    let calendar = schedule.calendar.map(|place| &calendars[place]);
    let mut best: Option<(u8, &str)> = None;
    for (name, ranges) in &schedule.periods {
        for range in ranges {
            let same_day = minute >= range.from && (minute < range.to || range.to < range.from);
            let day_after = range.to < range.from && minute < range.to;
            let begun = [(same_day, day), (day_after, day - 1)];
            for rank in begun.iter().filter(|(covers, _)| *covers).filter_map(|(_, day)| rank(range, *day, calendar)) {
                match best {
                    Some((known, other)) if known == rank => {
                        assert_eq!(other, name, "two periods of rank {rank} at {at} in {schedule:?}");
                    }
                    Some((known, _)) if known < rank => {}
                    _ => best = Some((rank, name)),
                }
            }
        }
    }
    best.map_or("otherwise", |(_, name)| name).to_owned()
}

fn matches(patterns: &[String], number: Option<&String>) -> bool {
    patterns.iter().any(|pattern| match (pattern.strip_suffix('*'), number) {
        (Some(start), Some(number)) => number.starts_with(start),
        (None, Some(number)) => number == pattern,
        (_, None) => false,
    })
}

fn lists(areas: &[String], caller: &Caller) -> bool {
    areas.iter().any(|listed| *listed == *caller.area.as_deref().unwrap_or("Unknown"))
}

/// What an answer must say, and between what it may choose.
pub struct Expected {
    /// Every field but the destinations.
    pub answer: Value,
    /// Each list that would be right; empty: there are no destinations.
    pub destinations: Choice,
}

pub enum Choice {
    None,
    Exactly(Vec<usize>),
    /// One of these first, as they are; then all of the rest.
    OneOf(Vec<Vec<usize>>),
    /// These in any order, then those.
    AnyOrder(Vec<usize>, Vec<usize>),
    /// A number that the spec does not list.
    Own(String),
}

pub fn decide(number: &Number, schedules: &[Schedule], calendars: &[Calendar], caller: &Caller, at: i64) -> Expected {
    let refuse = |reason: &str, sip: u16| Expected {
        answer: json!({"outcome": "Refuse", "reason": reason, "sip": sip}),
        destinations: Choice::None,
    };
    if number.paused {
        return refuse("NumberPaused", 480);
    }
    if matches(&number.deny_callers, caller.number.as_ref()) {
        return refuse("CallerDenied", 403);
    }
    if lists(&number.deny_areas, caller) || (!number.only_areas.is_empty() && !lists(&number.only_areas, caller)) {
        return refuse("AreaDenied", 403);
    }
    if number.deny_anonymous && caller.number.is_none() {
        return refuse("AnonymousDenied", 433);
    }
    let mut active: Vec<_> = number.overrides.iter().filter(|item| item.from <= at && at < item.until).collect();
    active.sort_by(|one, other| other.from.cmp(&one.from).then(one.name.cmp(&other.name)));
    if let Some(item) = active.first() {
        let mut expected = aim(number, &item.to);
        expected.answer["override"] = json!(item.name);
        return expected;
    }
    let period = number.schedule.map(|place| period_at(&schedules[place], calendars, at));
    let (place, rule) = number
        .rules
        .iter()
        .enumerate()
        .find(|(_, rule)| {
            (rule.periods.is_empty() || period.as_ref().is_some_and(|period| rule.periods.contains(period)))
                && (rule.callers.is_empty() || matches(&rule.callers, caller.number.as_ref()))
                && (rule.areas.is_empty() || lists(&rule.areas, caller))
        })
        .expect("the last rule matches every call");
    let mut expected = aim(number, &rule.to);
    expected.answer["rule"] = json!(format!("r{place}"));
    if let Some(period) = period {
        expected.answer["period"] = json!(period);
    }
    expected
}

fn uri(announcement: &str) -> String {
    match announcement {
        "all-lines-busy" => "sip:busy@127.0.0.1:5080".to_owned(),
        "holiday-greeting" => "sip:holiday@127.0.0.1:5080".to_owned(),
        other => format!("sip:{other}@{TRUNK}"),
    }
}

fn aim(number: &Number, target: &Target) -> Expected {
    let destinations = match target {
        Target::Announcement(name) => {
            let answer = json!({"outcome": "Announce", "announcement": name, "uri": uri(name)});
            return Expected { answer, destinations: Choice::None };
        }
        Target::Destination(place) => Choice::Exactly(vec![*place]),
        Target::Number(own) => Choice::Own(own.clone()),
        Target::Group(place) => {
            let group = &number.groups[*place];
            let then = |first: Vec<usize>| [first, group.overflow.clone()].concat();
            match group.strategy {
                Strategy::InOrder => Choice::Exactly(then(group.members.clone())),
                Strategy::RoundRobin => {
                    let turned = |turn| {
                        let mut members = group.members.clone();
                        members.rotate_left(turn);
                        then(members)
                    };
                    Choice::OneOf((0..group.members.len()).map(turned).collect())
                }
                Strategy::Percentage => Choice::OneOf(group.members.iter().map(|member| then(vec![*member])).collect()),
                Strategy::Random => Choice::AnyOrder(group.members.clone(), group.overflow.clone()),
            }
        }
    };
    let mut answer = json!({"outcome": "Route"});
    match number.exhausted {
        None => {}
        Some(Ok(name)) => answer["whenExhausted"] = json!({"announcement": name, "uri": uri(name)}),
        Some(Err(release)) => answer["whenExhausted"] = json!({"release": release}),
    }
    Expected { answer, destinations }
}

/// Each once, and at most so many.
fn cut(number: &Number, list: &[usize]) -> Vec<Value> {
    let mut once: Vec<usize> = Vec::new();
    for place in list {
        if !once.contains(place) {
            once.push(*place);
        }
    }
    let shown = |place: &usize| {
        let (digits, seconds) = &number.destinations[*place];
        json!({"name": format!("d{place}"), "number": digits, "ringSeconds": seconds})
    };
    once.iter().take(number.forwards).map(shown).collect()
}

impl Expected {
    /// What this answer is an instance of.
    pub fn kinds(&self) -> Vec<String> {
        let field = |name: &str| self.answer[name].as_str().map(str::to_owned);
        let mut kinds: Vec<String> = [field("reason"), field("outcome")].into_iter().flatten().take(1).collect();
        kinds.extend(self.answer.get("override").map(|_| "override".to_owned()));
        kinds.extend(self.answer.get("whenExhausted").map(|_| "exhausted".to_owned()));
        kinds.extend(field("period").map(|name| if name == "otherwise" { name } else { "period".to_owned() }));
        match self.destinations {
            Choice::OneOf(_) => kinds.push("rotated or drawn".to_owned()),
            Choice::AnyOrder(..) => kinds.push("in any order".to_owned()),
            Choice::None | Choice::Exactly(_) | Choice::Own(_) => {}
        }
        kinds
    }

    /// Whether an answer of the product is right; else both sides.
    pub fn compare(&self, number: &Number, mut answer: Value) -> Result<(), String> {
        let shown = answer.as_object_mut().unwrap();
        let destinations = shown.remove("destinations").unwrap_or(Value::Null);
        for field in ["number", "tenant", "plan", "callId"] {
            shown.remove(field);
        }
        if answer != self.answer {
            return Err(format!("{answer}, and the model says {}", self.answer));
        }
        let seen = destinations.as_array().cloned().unwrap_or_default();
        let right = match &self.destinations {
            Choice::None => destinations.is_null(),
            Choice::Exactly(list) => seen == cut(number, list),
            Choice::OneOf(lists) => lists.iter().any(|list| seen == cut(number, list)),
            Choice::AnyOrder(members, overflow) => {
                let place =
                    |item: &Value| number.destinations.iter().position(|(digits, _)| item["number"] == **digits);
                let mut order: Vec<usize> = seen.iter().filter_map(place).collect();
                let from_members = members.len().min(number.forwards);
                let drawn =
                    order.get(..from_members).is_some_and(|drawn| drawn.iter().all(|one| members.contains(one)));
                order.truncate(from_members);
                drawn && seen == cut(number, &[order, overflow.clone()].concat())
            }
            Choice::Own(own) => destinations == json!([{"number": own}]),
        };
        if right { Ok(()) } else { Err(format!("destinations {destinations} are not of {number:?}")) }
    }
}
