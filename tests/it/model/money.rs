//! Records and what they cost, from the rulings: whole numbers of millionths of a yuan, each line rounded once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    days::{Zone, date_text, day, instant_text},
    numbers::{Number, Terms},
    world::{CHANGE, Caller, LATER, NOW, object},
};
use crate::rig::Dice;

#[derive(Debug, Clone)]
struct Version {
    from: i64,
    rounding: &'static str,
    setup: i64,
    platform_answer: bool,
    increments: (i64, i64),
    /// Local, long distance, unknown: per minute.
    rates: [i64; 3],
    /// Of local calls: minutes of the month, and hundredths of a percent off what lies beyond them.
    steps: Vec<(i64, i64)>,
    schedule_fee: i64,
    /// By the day.
    recording_fee: i64,
    /// Monthly fee, minutes, price of a further one.
    package: (i64, i64, i64),
    /// Whether the next month has what is left of its minutes.
    rolls_over: bool,
    minimum: Option<Minimum>,
}

/// Which fees fill a number's minimum, and whether its first month is exempt.
#[derive(Debug, Clone)]
struct Minimum {
    counts: &'static [&'static str],
    exempt: bool,
}

#[derive(Debug, Clone)]
pub struct Tariff {
    pub name: &'static str,
    zone: Zone,
    versions: Vec<Version>,
}

fn yuan(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

impl Version {
    /// So many seconds by a rate, second for second where there are steps.
    fn by_rate(&self, class: usize, seconds: i64) -> i64 {
        let off = |second: i64| {
            let reached = self.steps.iter().rev().find(|(minutes, _)| class == 0 && second >= minutes * 60);
            reached.map_or(0, |(_, off)| *off)
        };
        let parts: i64 = (0..seconds).map(|second| 10_000 - off(second)).sum();
        divided(i128::from(parts) * i128::from(self.rates[class]), 600_000, self.rounding)
    }
}

impl Tariff {
    pub fn roll(dice: &mut Dice, name: &'static str, zone: Zone) -> Self {
        let versions = [day(2026, 1, 1), day(2026, 11, 20), day(2026, 12, 9)].map(|from| Version {
            from,
            rounding: dice.one_of(&["HalfUp", "HalfEven", "Up"]),
            setup: dice.between(0, 300) * 1_000_000,
            platform_answer: dice.chance(30),
            increments: *dice.pick(&[(60, 60), (6, 6), (1, 1), (30, 6), (60, 1)]),
            rates: [dice.between(0, 999_999), dice.between(0, 999_999), dice.between(0, 999_999)],
            steps: {
                let (first, second) = (dice.clone().between(1, 8), dice.clone().between(9, 20));
                let drawn = [(first, dice.clone().between(0, 10_000)), (second, dice.clone().between(0, 5_000))];
                drawn[..usize::try_from(first % 3).unwrap()].to_vec()
            },
            schedule_fee: dice.between(0, 20_000_000),
            recording_fee: dice.clone().between(0, 90_000_000),
            package: (dice.between(1, 90) * 1_000_000, dice.between(1, 200), dice.between(0, 999_999)),
            rolls_over: dice.clone().chance(60),
            minimum: {
                let drawn = dice.clone().below(8);
                let counts: &[&str] = [&["Voice", "Functions"], &["Voice"] as &[&str], &["Functions", "Messages"]]
                    [usize::try_from(drawn % 3).unwrap()];
                (drawn < 7).then_some(Minimum { counts, exempt: drawn == 6 })
            },
        });
        Self { name, zone, versions: versions.to_vec() }
    }

    pub fn manifest(&self) -> Value {
        let version = |version: &Version| {
            let rate = |name: &str, price: i64| json!({"name": name, "perMinute": {"enterprise": yuan(price)}});
            let at = |distance: &str, price: i64| {
                let mut rate = rate(&distance.to_ascii_lowercase(), price);
                rate["when"] = json!({"distance": [distance]});
                if distance == "Local" && !version.steps.is_empty() {
                    let step = |(minutes, off): &(i64, i64)| json!({"aboveMinutes": minutes, "percentOff": format!("{}.{:02}", off / 100, off % 100)});
                    rate["volumeSteps"] = version.steps.iter().map(step).collect();
                }
                rate
            };
            let fee = |name: &str, price: i64| json!({"name": name, "monthly": yuan(price), "partialMonth": "Full"});
            let recording =
                json!({"name": "Recording", "monthly": yuan(version.recording_fee), "partialMonth": "Daily"});
            let (monthly, minutes, then) = version.package;
            let mut manifest = json!({
                "effectiveFrom": date_text(version.from), "rounding": version.rounding, "setupFee": yuan(version.setup),
                "voice": {
                    "chargeFrom": if version.platform_answer { "PlatformAnswer" } else { "DestinationAnswer" },
                    "increments": {"firstSeconds": version.increments.0, "nextSeconds": version.increments.1},
                    "rates": [at("Local", version.rates[0]), at("LongDistance", version.rates[1]), rate("other", version.rates[2])],
                },
                "functions": [fee("Schedule", version.schedule_fee), fee("Screening", 5_000_000), fee("Percentage", 0), recording],
                "packages": [{"name": "bundle", "monthly": yuan(monthly), "minutes": minutes, "thenPerMinute": yuan(then),
                    "rollOver": if version.rolls_over { "NextMonth" } else { "None" }}],
            });
            if let Some(Minimum { counts, exempt }) = &version.minimum {
                manifest["minimumMonthly"] = json!({"counts": counts, "openingMonthExempt": exempt});
            }
            manifest
        };
        let versions: Vec<Value> = self.versions.iter().map(version).collect();
        object(
            "Tariff",
            None,
            self.name,
            json!({"currency": "CNY", "timeZone": self.zone.name(), "versions": versions}),
        )
    }

    fn at(&self, seconds: i64) -> &Version {
        let (today, _) = self.zone.wall(seconds);
        self.versions.iter().rfind(|version| version.from <= today).expect("the first version is long in force")
    }

    /// At the first instant of the month in which `seconds` lies.
    fn at_first_of_month(&self, seconds: i64) -> &Version {
        let month = self.zone.month(seconds);
        let first = day(month / 100, month % 100, 1);
        self.versions.iter().rfind(|version| version.from <= first).expect("the first version is long in force")
    }
}

fn sixtieth(amount: i128, rounding: &str) -> i64 {
    divided(amount, 60, rounding)
}

/// `amount / by`, rounded.
fn divided(amount: i128, by: i128, rounding: &str) -> i64 {
    let (whole, twice_rest) = (amount / by, amount % by * 2);
    let up = match rounding {
        "Up" => twice_rest > 0,
        "HalfUp" => twice_rest >= by,
        _ => twice_rest > by || (twice_rest == by && whole % 2 == 1),
    };
    i64::try_from(whole).unwrap() + i64::from(up)
}

/// One leg, in milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Record {
    pub call: usize,
    pub leg: u8,
    pub number: usize,
    pub caller: Caller,
    destination: (String, Option<String>),
    started: i64,
    platform_answered: Option<i64>,
    answered: Option<i64>,
    ended: i64,
    outcome: &'static str,
}

impl Record {
    /// The legs of one call.
    pub fn call(dice: &mut Dice, call: usize, numbers: &[Number], callers: &[Caller]) -> Vec<Self> {
        let number = usize::try_from(dice.below(numbers.len() as u64)).unwrap();
        let caller = dice.pick(callers).clone();
        let begin = loop {
            let begin = NOW * 1_000 + dice.between(600_000, 50 * 86_400_000);
            // Bindings change at the pace of real time about then.
            if !(CHANGE * 1_000 - 600_000..CHANGE * 1_000 + 3_600_000).contains(&begin) {
                break begin;
            }
        };
        let platform_answered = Some(begin + dice.between(0, 2_000));
        let attempts = dice.between(0, 3);
        let (mut legs, mut told) = (Vec::new(), begin + 2_000);
        for leg in 0..=attempts {
            let answered = dice.chance(if leg == 0 { 70 } else { 60 }).then_some(told + dice.between(0, 30_000));
            let length = match dice.below(4) {
                0 => 0,
                1 => dice.between(1, 20) * 6_000 + dice.between(-1, 1),
                _ => dice.between(0, 600_000),
            };
            let ended = answered.unwrap_or(told) + length;
            let outcome = match answered {
                Some(_) => "Answered",
                None => *dice.pick(&["Busy", "NoAnswer", "Rejected", "Failed", "Abandoned", "Refused"]),
            };
            let destination = callers_area(dice, callers);
            let leg = u8::try_from(leg).unwrap();
            let platform_answered = if leg == 0 { platform_answered } else { None };
            let caller = caller.clone();
            legs.push(Self {
                call,
                leg,
                number,
                caller,
                destination,
                started: begin,
                platform_answered,
                answered,
                ended,
                outcome,
            });
            told += 1_000;
        }
        legs
    }

    pub fn line(&self, numbers: &[Number]) -> String {
        json!({
            "source": "switch", "callId": format!("model-{}", self.call), "leg": self.leg,
            "number": numbers[self.number].digits, "caller": self.caller.written,
            "destination": (self.leg > 0).then_some(&self.destination.0), "startedAt": instant_text(self.started),
            "platformAnsweredAt": self.platform_answered.map(instant_text), "answeredAt": self.answered.map(instant_text),
            "endedAt": instant_text(self.ended), "outcome": self.outcome, "cause": 16,
        })
        .to_string()
    }

    /// The same identity with other content.
    pub fn contradicted(&self) -> Self {
        Self { ended: self.ended + 1, ..self.clone() }
    }

    /// Seconds charged and the class that decides the price per minute without a package.
    fn charged(&self, tariff: &Tariff) -> Option<(i64, usize)> {
        let version = tariff.at(self.started.div_euclid(1_000));
        let (from, class) = match (version.platform_answer, self.leg) {
            (true, 0) => (self.platform_answered?, 2),
            (false, 1..) => {
                let areas = (self.caller.area.as_ref(), self.destination.1.as_ref());
                let class = match areas {
                    (Some(one), Some(other)) => usize::from(one != other),
                    _ => 2,
                };
                (self.answered?, class)
            }
            _ => return None,
        };
        let (first, next) = version.increments;
        let milliseconds = self.ended - from;
        let mut seconds = 0;
        while seconds * 1_000 < milliseconds {
            seconds += if seconds == 0 { first } else { next };
        }
        Some((seconds, class))
    }
}

/// Any number can be a leg's destination: a switch dials what it likes.
fn callers_area(dice: &mut Dice, callers: &[Caller]) -> (String, Option<String>) {
    loop {
        let caller = dice.pick(callers);
        if caller.number.is_some() {
            return (caller.written.clone(), caller.area.clone());
        }
    }
}

/// The totals of a number's month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    pub offered: i64,
    pub answered: i64,
    pub refused: i64,
    pub charged_seconds: i64,
    pub setup: i64,
    pub voice: i64,
    pub functions: i64,
}

const NOVEMBER: i64 = 202_611;
const DECEMBER: i64 = 202_612;

/// Fees of a number's two months.
fn fees(number: &Number, tariffs: &[Tariff]) -> [(i64, Totals); 2] {
    let [before, after] = number.terms;
    let (old, new) = (&tariffs[before.tariff], &tariffs[after.tariff]);
    let voice = |package: bool, version: &Version| if package { version.package.0 } else { 0 };
    let recording = |version: &Version, days: i64, of: i64| {
        divided(i128::from(version.recording_fee) * i128::from(days), i128::from(of), version.rounding)
    };
    let (november, december) = (old.at_first_of_month(NOW), new.at_first_of_month(LATER));
    // From the 10th to the 23rd by the first terms, from the 23rd to the 30th by the second; whichever has it first says
    // what it costs.
    let recorded = match (before.recording, after.recording) {
        (true, true) => recording(november, 21, 30),
        (true, false) => recording(november, 14, 30),
        (false, true) => recording(new.at_first_of_month(NOW), 8, 30),
        (false, false) => 0,
    };
    let first = Totals {
        setup: old.at(NOW).setup,
        functions: november.schedule_fee + 5_000_000 + recorded,
        voice: voice(before.package, november),
        ..Totals::default()
    };
    let whole_month = if after.recording { recording(december, 31, 31) } else { 0 };
    let second = Totals {
        functions: december.schedule_fee + 5_000_000 + whole_month,
        voice: voice(after.package, december),
        ..Totals::default()
    };
    [(NOVEMBER, first), (DECEMBER, second)]
}

/// What a number is for a month's package, and an instant of it.
fn terms_of(number: &Number, month: i64) -> (Terms, i64) {
    if month == NOVEMBER { (number.terms[0], NOW) } else { (number.terms[1], LATER) }
}

/// By number (place) and month.
pub fn totals(numbers: &[Number], tariffs: &[Tariff], records: &[Record]) -> BTreeMap<(usize, i64), Totals> {
    let mut totals: BTreeMap<(usize, i64), Totals> = BTreeMap::new();
    for (place, number) in numbers.iter().enumerate() {
        totals.extend(fees(number, tariffs).map(|(month, fees)| ((place, month), fees)));
    }
    let mut calls: BTreeMap<(usize, i64, usize), Vec<&Record>> = BTreeMap::new();
    let mut local: BTreeMap<(usize, i64, &str, i64), i64> = BTreeMap::new();
    for record in records {
        let number = &numbers[record.number];
        let started = record.started.div_euclid(1_000);
        let tariff = &tariffs[number.terms_at(started).tariff];
        let month = tariff.zone.month(started);
        calls.entry((record.number, month, record.call)).or_default().push(record);
        let total = totals.entry((record.number, month)).or_default();
        let Some((seconds, class)) = record.charged(tariff) else { continue };
        // A package taken or left within the month counts from the next; its calls are priced below, all at once.
        let (terms, _) = terms_of(number, month);
        if !terms.package {
            let version = tariff.at(started);
            let stepped = class == 0 && !version.steps.is_empty();
            let used = local.entry((record.number, month, tariff.name, version.from)).or_default();
            let before = if stepped { *used } else { 0 };
            total.voice += version.by_rate(class, before + seconds) - version.by_rate(class, before);
            *used += if stepped { seconds } else { 0 };
        }
        total.charged_seconds += seconds;
    }
    for (place, number) in numbers.iter().enumerate() {
        let mut carried = 0;
        for month in [NOVEMBER, DECEMBER] {
            let (terms, of_month) = terms_of(number, month);
            if !terms.package {
                continue;
            }
            let version = tariffs[terms.tariff].at_first_of_month(of_month);
            let total = totals.entry((place, month)).or_default();
            let (used, own) = (total.charged_seconds, version.package.1 * 60);
            let beyond = (used - own - carried).max(0);
            total.voice += sixtieth(i128::from(beyond) * i128::from(version.package.2), version.rounding);
            carried = if version.rolls_over { (own - (used - carried).max(0)).max(0) } else { 0 };
        }
        let total = totals.entry((place, NOVEMBER)).or_default();
        // It is over, it was the first, and what the number was at its beginning says what it asks.
        let asked = &tariffs[number.terms[0].tariff].at_first_of_month(NOW).minimum;
        if let Some(Minimum { counts, .. }) = asked.as_ref().filter(|minimum| !minimum.exempt) {
            let part = |name: &str, amount: i64| if counts.contains(&name) { amount } else { 0 };
            let filled = part("Voice", total.voice) + part("Functions", total.functions);
            total.voice += (number.minimum() - filled).max(0);
        }
    }
    for ((number, month, _), legs) in calls {
        let total = totals.entry((number, month)).or_default();
        total.offered += 1;
        if legs.iter().any(|leg| leg.outcome == "Answered") {
            total.answered += 1;
        } else if legs.iter().any(|leg| leg.outcome == "Refused") {
            total.refused += 1;
        }
    }
    totals
}
