//! Numbers made by dice: how they route, and what they cost by.

use serde_json::{Value, json};

use super::days::instant_text;
use super::world::{CHANGE, Caller, NOW, Schedule, object};
use crate::rig::Dice;

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
    /// Before and from [`CHANGE`] on.
    pub terms: [Terms; 2],
}

/// What a number costs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub tariff: usize,
    pub package: bool,
    /// Subscribed to the function that is charged by the day.
    pub recording: bool,
}

impl Terms {
    fn roll(dice: &mut Dice) -> Self {
        Self { tariff: usize::try_from(dice.below(2)).unwrap(), package: dice.chance(40), recording: dice.chance(50) }
    }

    /// Two of them, as often alike as a number that nobody edits.
    fn of_two_months(dice: &mut Dice) -> [Self; 2] {
        let first = Self::roll(dice);
        [first, if dice.chance(60) { Self::roll(dice) } else { first }]
    }
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
        let mut rules: Vec<Rule> =
            (0..dice.between(1, 5)).map(|_| rule(dice, schedule.map(|(_, schedule)| schedule), callers, &to)).collect();
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
            // By dice of their own: what numbers cost leaves alone how they route.
            terms: Terms::of_two_months(&mut Dice::seeded(dice.next() ^ dice.next())),
            groups,
            destinations,
        }
    }

    /// What it costs by at an instant, in seconds.
    /// Least spend of a month by the pool that every rig has: four of a kind, 168, two pairs, all others.
    pub fn minimum(&self) -> i64 {
        let last = &self.digits.as_bytes()[self.digits.len() - 4..];
        let yuan = if last.iter().all(|digit| *digit == last[0]) {
            500
        } else if self.digits.ends_with("168") {
            120
        } else if last[0] == last[1] && last[2] == last[3] {
            129
        } else {
            40
        };
        yuan * 1_000_000
    }

    pub fn terms_at(&self, seconds: i64) -> Terms {
        self.terms[usize::from(seconds >= CHANGE)]
    }

    pub fn manifests(&self, schedules: &[Schedule], tariffs: &[&str]) -> Vec<Value> {
        let overrides = self.overrides.iter().map(|item| {
            let spec = json!({"numberRef": {"name": self.name}, "to": Self::aimed(&item.to), "reason": "by dice",
                              "from": instant_text(item.from * 1_000), "until": instant_text(item.until * 1_000)});
            object("RoutingOverride", Some(&self.namespace), &item.name, spec)
        });
        std::iter::once(self.manifest(self.terms[0], schedules, tariffs)).chain(overrides).collect()
    }

    fn aimed(target: &Target) -> Value {
        match target {
            Target::Destination(place) => json!({"destination": format!("d{place}")}),
            Target::Group(place) => json!({"group": format!("g{place}")}),
            Target::Announcement(name) => json!({"announcement": name}),
            Target::Number(number) => json!({"number": number}),
        }
    }

    fn group_manifests(&self) -> Vec<Value> {
        let named = |place: &usize| json!({"destination": format!("d{place}")});
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
        groups.collect()
    }

    /// The number as it is by these terms.
    pub fn manifest(&self, terms: Terms, schedules: &[Schedule], tariffs: &[&str]) -> Value {
        let rules = self.rules.iter().enumerate().map(|(place, rule)| {
            let mut item = json!({"name": format!("r{place}"), "to": Self::aimed(&rule.to)});
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
        let mut functions = vec!["Schedule", "Screening", "Percentage"];
        if terms.recording {
            functions.push("Recording");
        }
        let mut spec = json!({
            "number": self.digits,
            "gatewayRef": {"name": "east", "namespace": "telephony"},
            "tariffRef": {"name": tariffs[terms.tariff]},
            "state": if self.paused { "Paused" } else { "Active" },
            "functions": functions,
            "destinations": destinations.collect::<Vec<_>>(),
            "groups": self.group_manifests(),
            "screening": {"denyCallers": self.deny_callers, "denyAreas": self.deny_areas, "onlyAreas": self.only_areas,
                          "anonymous": if self.deny_anonymous { "Deny" } else { "Accept" }},
            "rules": rules.collect::<Vec<_>>(),
        });
        if terms.package {
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
        object("FourHundredNumber", Some(&self.namespace), &self.name, spec)
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

/// A rule with some condition.
fn rule(dice: &mut Dice, schedule: Option<&Schedule>, callers: &[Caller], to: &impl Fn(&mut Dice) -> Target) -> Rule {
    let mut rule = Rule { periods: vec![], callers: vec![], areas: vec![], to: to(dice) };
    while rule.periods.is_empty() && rule.callers.is_empty() && rule.areas.is_empty() {
        if let Some(schedule) = schedule
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
