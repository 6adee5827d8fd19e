//! A second opinion on schedules, decisions and money: worlds made by dice go through `kubectl apply`, the operator, its
//! plan and its router, and every answer and every fen is compared with a naive model written from the rulings alone.
//! Nothing in here uses the crate's domain.

mod calls;
mod days;
mod money;
mod numbers;
mod world;

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection as Ledger, OpenFlags};
use serde_json::{Value, json};

use self::{
    days::Zone,
    money::{Record, Tariff, Totals},
    numbers::Number,
    world::{CHANGE, Calendar, Caller, Days, FIRST_DAY, LAST_DAY, LATER, Schedule},
};
use crate::{
    harness::eventually,
    rig::{Dice, PATIENCE, Rig, TOKEN, http::Connection, read_example},
};

suite! { the_product_answers_and_charges_as_the_naive_model_does }

const CALLS: usize = 24_000;
const RECORDS: usize = 6_000;
/// Namespaces, each a tenant's, and how many contacts their answers may have.
const TENANTS: [(&str, usize); 3] = [("one", 1), ("three", 3), ("nine", 9)];
const NUMBERS_EACH: usize = 14;
const SCHEDULES_EACH: usize = 12;
/// Another seed makes another world: `MODEL_SEED=…`.
const SEED: u64 = 400;

/// What the world of [`SEED`] must have met often, or the comparison would prove little.
const MET: [&str; 12] = [
    "Route",
    "Announce",
    "NumberPaused",
    "CallerDenied",
    "AreaDenied",
    "AnonymousDenied",
    "override",
    "period",
    "otherwise",
    "rotated or drawn",
    "in any order",
    "exhausted",
];

struct World {
    calendars: Vec<Calendar>,
    schedules: Vec<Schedule>,
    numbers: Vec<Number>,
    tariffs: Vec<Tariff>,
    callers: Vec<Caller>,
}

async fn the_product_answers_and_charges_as_the_naive_model_does() {
    let seed = std::env::var("MODEL_SEED").map_or(SEED, |text| text.parse().unwrap());
    let mut dice = Dice::seeded(seed);
    let mut rig = Rig::new().await;
    let allowed: Vec<&str> = TENANTS.iter().map(|(name, _)| *name).collect();
    rig.apply(&rig.gateway().replace("values: [acme]", &format!("values: {allowed:?}"))).await;
    rig.start(&[]);
    let world = Arc::new(raise(&rig, &mut dice).await);
    drop(rig.intake_is_open().await);

    let askers = (0..3).map(|_| tokio::spawn(ask(world.clone(), Dice::seeded(dice.next()), connect(&rig))));
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for asker in futures::future::join_all(askers).await {
        for (what, count) in asker.unwrap() {
            *met.entry(what).or_default() += count;
        }
    }
    for what in MET {
        assert!(met.get(what).is_some_and(|count| *count >= 50) || seed != SEED, "{what} was hardly met: {met:?}");
    }
    restart(&mut rig, CHANGE).await;
    change(&rig, &world).await;
    restart(&mut rig, LATER).await;
    let records = post(&rig, &world, &mut dice).await;
    charges_agree(&mut rig, &world, &records).await;
}

/// The same operator at another time, in seconds.
async fn restart(rig: &mut Rig, at: i64) {
    rig.kill().await;
    rig.start(&["--clock-at", &days::instant_text(at * 1_000)]);
    drop(rig.intake_is_open().await);
}

/// Gives numbers their second terms: another tariff, package or function within the month.
async fn change(rig: &Rig, world: &World) {
    let names: Vec<&str> = world.tariffs.iter().map(|tariff| tariff.name).collect();
    let changed = world.numbers.iter().filter(|number| number.terms[0] != number.terms[1]);
    let objects: Vec<Value> =
        changed.map(|number| number.manifest(number.terms[1], &world.schedules, &names)).collect();
    assert!(objects.len() * 4 >= world.numbers.len(), "few numbers change: {}", objects.len());
    let bindings = world.numbers.len() + objects.len();
    apply(rig, objects).await;
    all_ready(rig, "fhn", world.numbers.len()).await;
    eventually(PATIENCE, "the ledger has every binding", async || {
        let count = "SELECT count(*) FROM bindings";
        let seen = ledger(rig).query_row(count, [], |row| row.get::<_, i64>(0)).map_err(|error| error.to_string())?;
        if usize::try_from(seen) == Ok(bindings) { Ok(()) } else { Err(format!("{seen} of {bindings}")) }
    })
    .await;
}

fn ledger(rig: &Rig) -> Ledger {
    Ledger::open_with_flags(rig.data().join("ledger.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn connect(rig: &Rig) -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], rig.http))
}

async fn apply(rig: &Rig, objects: Vec<Value>) {
    rig.apply(&json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()).await;
}

/// Applies a world; numbers use those schedules that were accepted.
async fn raise(rig: &Rig, dice: &mut Dice) -> World {
    let tariffs = vec![Tariff::roll(dice, "eight", Zone::Shanghai), Tariff::roll(dice, "nine", Zone::Tokyo)];
    let calendars: Vec<Calendar> = ["first", "second"].map(|name| Calendar::roll(dice, name)).to_vec();
    let callers = calls::callers(dice, 120);
    let mut schedules = Vec::new();
    for (namespace, _) in TENANTS {
        schedules.extend((0..SCHEDULES_EACH).map(|place| Schedule::roll(dice, namespace, place, calendars.len())));
    }
    let mut objects: Vec<Value> = tariffs.iter().map(Tariff::manifest).collect();
    objects.extend(calendars.iter().map(Calendar::manifest));
    for (namespace, forwards) in TENANTS {
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        objects.extend(tenant(namespace, forwards));
    }
    objects.extend(schedules.iter().map(|schedule| schedule.manifest(&calendars)));
    apply(rig, objects).await;
    let accepted = accepted_schedules(rig, &schedules).await;
    assert!(
        accepted.len() * 3 >= schedules.len(),
        "only {} of {} schedules were accepted",
        accepted.len(),
        schedules.len()
    );

    let mut numbers = Vec::new();
    for (place, (namespace, forwards)) in TENANTS.into_iter().enumerate() {
        let own: Vec<(usize, &Schedule)> = accepted
            .iter()
            .map(|place| (*place, &schedules[*place]))
            .filter(|(_, schedule)| schedule.namespace == namespace)
            .collect();
        for count in 0..NUMBERS_EACH {
            let digits = format!("400100{}{:03}", place + 1, 37 * count);
            numbers.push(Number::roll(dice, (digits, namespace, forwards), &own, &callers));
        }
    }
    let names: Vec<&str> = tariffs.iter().map(|tariff| tariff.name).collect();
    apply(rig, numbers.iter().flat_map(|number| number.manifests(&schedules, &names)).collect()).await;
    all_ready(rig, "fhn", numbers.len()).await;
    all_ready(rig, "rov", numbers.iter().map(|number| number.overrides.len()).sum()).await;
    World { calendars, schedules, numbers, tariffs, callers }
}

/// As the examples' tenant, under another name and with its own bounds; approved.
fn tenant(name: &str, forwards: usize) -> [Value; 2] {
    let example = read_example("platform/tenant.yaml");
    let mut parts = serde_saphyr::from_multiple::<Value>(&example).unwrap().into_iter();
    let (mut tenant, mut approval) = (parts.next().unwrap(), parts.next().unwrap());
    tenant["metadata"]["name"] = json!(name);
    tenant["spec"]["namespaces"] = json!([name]);
    tenant["spec"]["tariffs"] = json!(["eight", "nine"]);
    tenant["spec"]["limits"] = json!({"numbers": 100, "destinationsPerNumber": 60, "forwardsPerCall": forwards});
    let reviewed = serde_json::from_value(tenant.clone()).unwrap();
    approval["metadata"]["name"] = json!(format!("tenant-{name}"));
    approval["spec"]["subject"]["name"] = json!(name);
    approval["spec"]["subject"]["digest"] =
        json!(fourhundred::controllers::tenant::reviewed_digest(&reviewed).to_string());
    [tenant, approval]
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

async fn listed(rig: &Rig, kind: &str) -> Vec<Value> {
    let list = rig.cluster.kubectl(&["get", kind, "-A", "-o", "json"]).await.json();
    list["items"].as_array().unwrap().clone()
}

async fn accepted_schedules(rig: &Rig, schedules: &[Schedule]) -> Vec<usize> {
    let objects = eventually(PATIENCE, "every schedule is judged", async || {
        let objects = listed(rig, "rsch").await;
        let judged = objects.iter().filter(|object| condition(object, "Accepted").is_some()).count();
        if judged == schedules.len() { Ok(objects) } else { Err(format!("{judged} of {}", schedules.len())) }
    })
    .await;
    let is_accepted = |schedule: &Schedule| {
        let object = objects.iter().find(|object| {
            object["metadata"]["name"] == schedule.name && object["metadata"]["namespace"] == schedule.namespace
        });
        let accepted = condition(object.unwrap(), "Accepted").unwrap();
        assert!(accepted["status"] == "True" || accepted["reason"] == "PeriodsOverlap", "{accepted}");
        accepted["status"] == "True"
    };
    (0..schedules.len()).filter(|place| is_accepted(&schedules[*place])).collect()
}

async fn all_ready(rig: &Rig, kind: &str, count: usize) {
    eventually(PATIENCE, &format!("{count} {kind} are live"), async || {
        let objects = listed(rig, kind).await;
        let is_true = |object: &Value, kind| {
            condition(object, kind).is_some_and(|found| {
                found["status"] == "True" && found["observedGeneration"] == object["metadata"]["generation"]
            })
        };
        let live = |object: &&Value| is_true(object, "Accepted") && is_true(object, "Programmed");
        let late: Vec<&Value> = objects.iter().filter(|object| !live(object)).collect();
        if objects.len() == count && late.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "{} of {count}, such as {}",
                objects.len() - late.len(),
                late.first().map_or(String::new(), ToString::to_string)
            ))
        }
    })
    .await;
}

/// An instant where something may change, or any.
fn instant(dice: &mut Dice, number: &Number, world: &World) -> i64 {
    let (first, last) =
        (days::day(FIRST_DAY.0, FIRST_DAY.1, FIRST_DAY.2), days::day(LAST_DAY.0, LAST_DAY.1, LAST_DAY.2));
    let any = dice.between(first * 86_400, last * 86_400);
    let Some(schedule) = number.schedule.map(|place| &world.schedules[place]) else { return any };
    let calendar = schedule.calendar.map(|place| &world.calendars[place]);
    let ranges: Vec<_> = schedule.periods.iter().flat_map(|(_, ranges)| ranges).collect();
    let range = *dice.pick(&ranges);
    let day = match (dice.below(6), calendar, &range.days) {
        (0, Some(calendar), _) if !calendar.off.is_empty() => *dice.pick(&calendar.off),
        (1, Some(calendar), _) if !calendar.make_up.is_empty() => *dice.pick(&calendar.make_up),
        (2, ..) => days::last_sunday(*dice.pick(&[2025, 2026, 2027]), *dice.pick(&[3, 10])),
        (3, _, Days::Dates(first, last)) => *dice.pick(&[*first, *last]),
        (4, ..) => return any,
        _ => any.div_euclid(86_400),
    };
    let second = *dice.pick(&[range.from, range.to, 120, 180]) * 60 + dice.between(-1, 1);
    schedule.zone.about(day + dice.between(0, 1), second).clamp(first * 86_400, last * 86_400)
}

/// Compares calls' answers; gives how often what was met.
async fn ask(world: Arc<World>, mut dice: Dice, router: std::net::SocketAddr) -> BTreeMap<String, usize> {
    let mut met = BTreeMap::new();
    let mut connection = Connection::open(router).await.unwrap();
    for count in 0..CALLS / 3 {
        let (number, caller) = (dice.pick(&world.numbers), dice.pick(&world.callers));
        let at = instant(&mut dice, number, &world);
        let call = json!({"to": number.digits, "from": caller.written, "at": days::instant_text(at * 1_000), "callId": format!("call-{count}")});
        let answer = connection.post("/v1/route", "", "application/json", call.to_string().as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{call}: {answer:?}");
        let expected = calls::decide(number, &world.schedules, &world.calendars, caller, at);
        for what in expected.kinds() {
            *met.entry(what).or_default() += 1;
        }
        if let Err(differs) = expected.compare(number, answer.json()) {
            let schedule = number.schedule.map(|place| &world.schedules[place]);
            panic!("{call}\nis answered {differs}\n{caller:?}\n{number:?}\n{schedule:?}\n{:?}", world.calendars);
        }
    }
    met
}

/// Sends calls' legs mixed up, some again, some contradicted afterwards.
async fn post(rig: &Rig, world: &World, dice: &mut Dice) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < RECORDS {
        records.extend(Record::call(dice, records.len(), &world.numbers, &world.callers));
    }
    for place in (1..records.len()).rev() {
        records.swap(place, usize::try_from(dice.below(place as u64 + 1)).unwrap());
    }
    let mut switch = rig.connect().await.unwrap();
    let mut sent = 0;
    for batch in records.chunks(250) {
        let mut lines: Vec<String> = batch.iter().map(|record| record.line(&world.numbers)).collect();
        let (again, against) = (dice.below(20), dice.below(10));
        lines.extend((0..again).map(|_| dice.pick(&records[..=sent]).line(&world.numbers)));
        lines.extend((0..against).map(|_| dice.pick(&records[..=sent]).contradicted().line(&world.numbers)));
        sent += batch.len();
        let answer = switch.post_records(TOKEN, &lines.join("\n")).await.unwrap();
        let told = answer.json();
        let expected =
            json!({"accepted": batch.len(), "duplicates": again, "conflicts": against, "unrated": 0, "refused": []});
        assert_eq!((answer.status, &told), (200, &expected));
    }
    records
}

async fn charges_agree(rig: &mut Rig, world: &World, records: &[Record]) {
    let expected = money::totals(&world.numbers, &world.tariffs, records);
    statuses_agree(rig, world, &expected).await;
    rig.kill().await;
    ledger_agrees(rig, world, &expected);
}

/// What tenants see of the month in progress.
async fn statuses_agree(rig: &Rig, world: &World, expected: &BTreeMap<(usize, i64), Totals>) {
    let december = 202_612;
    for (place, number) in world.numbers.iter().enumerate() {
        let wanted = &expected[&(place, december)];
        eventually(PATIENCE, &format!("{} shows {wanted:?}", number.name), async || {
            let path = ["get", "fhn", &number.name, "-n", &number.namespace, "-o", "json"];
            let usage = rig.cluster.kubectl(&path).await.json()["status"]["usage"].clone();
            let yuan = |micro: i64| {
                let text = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
                let (whole, fraction) = text.split_once('.').unwrap();
                format!("{whole}.{:0<2}", fraction.trim_end_matches('0'))
            };
            let shown = (
                &usage["calls"]["offered"],
                &usage["chargedSeconds"],
                &usage["charges"]["voice"],
                &usage["charges"]["total"],
            );
            let total = wanted.setup + wanted.voice + wanted.functions;
            let right = (
                &json!(wanted.offered),
                &json!(wanted.charged_seconds),
                &json!(yuan(wanted.voice)),
                &json!(yuan(total)),
            );
            if shown == right { Ok(()) } else { Err(format!("{usage}, not {right:?}")) }
        })
        .await;
    }
}

/// The ledger, of every month.
fn ledger_agrees(rig: &Rig, world: &World, expected: &BTreeMap<(usize, i64), Totals>) {
    let ledger = ledger(rig);
    let sql = "SELECT number, month, offered, answered, refused, charged_seconds, setup, voice, functions, unrated FROM usage";
    let mut rows = ledger.prepare(sql).unwrap();
    let booked: BTreeMap<(usize, i64), Totals> = rows
        .query_map([], |row| {
            assert_eq!(row.get::<_, i64>(9)?, 0);
            let digits = row.get::<_, i64>(0)?.to_string();
            let place = world.numbers.iter().position(|number| number.digits == digits).unwrap();
            let totals = Totals {
                offered: row.get(2)?,
                answered: row.get(3)?,
                refused: row.get(4)?,
                charged_seconds: row.get(5)?,
                setup: row.get(6)?,
                voice: row.get(7)?,
                functions: row.get(8)?,
            };
            Ok(((place, row.get::<_, i64>(1)?), totals))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(booked.len(), expected.len());
    for (((place, month), booked), (known, expected)) in booked.iter().zip(expected) {
        let number = &world.numbers[*place];
        assert_eq!(booked, expected, "{} of {:?} in {month} {known:?}", number.name, number.terms);
    }
}
