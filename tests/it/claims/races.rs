//! Races for numbers: between tenants, between operators, and against a quota.

use std::time::Duration;

use fourhundred::runtime::control_plane::ADMIN;
use futures::future::join_all;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::{open_gateway, pool};
use crate::{
    harness::{eventually, workspace},
    rig::{
        PATIENCE, Rig, TUESDAY,
        objects::{api, claim, condition, create, delete, number, tenant, told},
        process::Process,
    },
};

suite! {
    of_two_tenants_and_two_operators_one_gets_each_of_two_hundred_numbers,
    a_tenant_cannot_outrun_its_quota,
}

async fn of_two_tenants_and_two_operators_one_gets_each_of_two_hundred_numbers() {
    const NUMBERS: u32 = 200;
    let rig = Rig::new().await;
    rig.apply(&open_gateway(&rig)).await;
    pool(&rig, "race", "4001100000", "4001100999", 3).await;
    tenant(&rig, "zuoji", &["zuoji-live"], 500).await;
    tenant(&rig, "youji", &["youji-live"], 500).await;
    let folder = workspace().folder("race-");
    let flags = ["--leader-election", "none", "--clock-at", TUESDAY];
    let start = async |name, more: &[&str]| {
        Process::ready(&rig.cluster, ADMIN, folder.path(), name, &[&flags[..], more].concat()).await
    };
    let (first, second) = (start("first", &[]).await, start("second", &["--workers", "none"]).await);
    let wish = |count: u32| json!({ "number": (4_001_100_000 + count).to_string() });
    race(&rig, NUMBERS, &wish).await;
    let outcome = eventually(Duration::from_mins(1), "every race is decided", async || {
        let mut numbers = Vec::new();
        for namespace in ["zuoji-live", "youji-live"] {
            numbers.extend(api(&rig.cluster, namespace).list(&ListParams::default()).await.map_err(|e| e.to_string())?);
        }
        let told: Vec<Value> = numbers.iter().map(|number| serde_json::to_value(number).unwrap()).collect();
        let undecided = told.iter().filter(|number| condition(number, "Accepted").is_none()).count();
        if undecided == 0 { Ok(told) } else { Err(format!("{undecided} undecided\n{}", first.log())) }
    })
    .await;
    let mut won = [0, 0];
    for count in 0..NUMBERS {
        let asked = wish(count)["number"].as_str().unwrap().to_owned();
        won[usize::from(one_owner(&rig, &format!("n{count}"), &asked, &outcome).await)] += 1;
    }
    println!("of {NUMBERS} races one tenant won {}, the other {}", won[0], won[1]);
    let claims = rig.cluster.kubectl(&["get", "nclaim", "-o", "name"]).await.ok();
    assert_eq!(claims.lines().count(), usize::try_from(NUMBERS).unwrap());
    the_gateways_status_comes_to_rest(&rig).await;
    drop(second);
}

/// Both tenants apply everything at the same time, in opposite order every other time.
async fn race(rig: &Rig, numbers: u32, wish: &impl Fn(u32) -> Value) {
    let races = (0..numbers).map(|count| {
        let cluster = &rig.cluster;
        async move {
            let name = format!("n{count}");
            let both = ["zuoji-live", "youji-live"].map(|namespace| number(namespace, &name, &wish(count)));
            let [one, other] =
                if count % 2 == 0 { both } else { both.into_iter().rev().collect::<Vec<_>>().try_into().unwrap() };
            tokio::join!(create(cluster, &one), create(cluster, &other));
        }
    });
    join_all(races).await;
}

/// Asserts that one of two applicants has the number and the other is told without its name; tells whether it was the
/// second tenant.
async fn one_owner(rig: &Rig, name: &str, asked: &str, outcome: &[Value]) -> bool {
    let pair: Vec<&Value> = outcome.iter().filter(|number| number["metadata"]["name"] == name).collect();
    assert_eq!(pair.len(), 2);
    let accepted: Vec<&&Value> =
        pair.iter().filter(|number| condition(number, "Accepted").unwrap()["status"] == "True").collect();
    assert_eq!(accepted.len(), 1, "{name}: one owner, but {pair:#?}");
    let owner = accepted[0]["metadata"]["namespace"].as_str().unwrap();
    let loser = pair.iter().find(|number| number["metadata"]["namespace"] != owner).unwrap();
    let refusal = condition(loser, "Accepted").unwrap();
    assert_eq!(refusal["reason"], "NumberTaken", "{refusal}");
    for word in ["zuoji", "youji"] {
        let status = loser["status"].to_string();
        assert!(!status.contains(word), "{status} names a tenant");
    }
    if asked.ends_with('0') {
        let spec = claim(&rig.cluster, asked).await.unwrap();
        assert_eq!((&spec["holder"]["namespace"], &spec["holder"]["name"]), (&json!(owner), &json!(name)));
        assert_eq!(format!("{}-live", spec["tenant"].as_str().unwrap()), owner);
    }
    owner == "youji-live"
}

/// Two operators of which one has no workers do not overwrite each other's words about a gateway for ever.
async fn the_gateways_status_comes_to_rest(rig: &Rig) {
    eventually(Duration::from_secs(40), "nobody writes the gateway's status for five seconds", async || {
        let requests = rig.cluster.requests();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let seen = requests.seen();
        match seen.iter().filter(|request| request.is_write() && request.resource == "callgateways/status").count() {
            0 => Ok(()),
            some => Err(format!("{some} writes in five seconds")),
        }
    })
    .await;
    told(&rig.cluster, &["cgw", "east", "-n", "telephony"], "Programmed", "True", "Programmed").await;
}

async fn a_tenant_cannot_outrun_its_quota() {
    let rig = Rig::new().await;
    rig.apply(&open_gateway(&rig)).await;
    tenant(&rig, "zuoji", &["zuoji-live"], 7).await;
    let mut rig = rig;
    rig.start(&[]);
    let objects: Vec<_> = (0..25)
        .map(|count| {
            number("zuoji-live", &format!("n{count}"), &json!({ "number": (4_001_002_000_u64 + count).to_string() }))
        })
        .collect();
    join_all(objects.iter().map(|object| create(&rig.cluster, object))).await;
    let (accepted, refused) = eventually(PATIENCE, "every number is judged", async || {
        let list =
            api(&rig.cluster, "zuoji-live").list(&ListParams::default()).await.map_err(|error| error.to_string())?;
        let told: Vec<Value> = list.iter().map(|number| serde_json::to_value(number).unwrap()).collect();
        let with = |reason: &str| {
            told.iter().filter(|number| condition(number, "Accepted").is_some_and(|c| c["reason"] == reason)).count()
        };
        let (accepted, refused) = (with("Accepted"), with("QuotaExceeded"));
        if accepted + refused == 25 { Ok((accepted, refused)) } else { Err(format!("{accepted} and {refused}")) }
    })
    .await;
    assert_eq!((accepted, refused), (7, 18));
    who_was_refused_is_served_as_soon_as_there_is_room(&rig).await;
}

/// One more after a release, all when the quota is raised.
async fn who_was_refused_is_served_as_soon_as_there_is_room(rig: &Rig) {
    let released = api(&rig.cluster, "zuoji-live").list(&ListParams::default()).await.unwrap();
    let released =
        released.iter().find(|number| number.status.as_ref().is_some_and(|status| status.number.is_some())).unwrap();
    delete(&rig.cluster, "zuoji-live", released.metadata.name.as_deref().unwrap()).await;
    let bound = async || {
        let list = rig.cluster.kubectl(&["get", "nclaim", "-o", "json"]).await.json();
        list["items"].as_array().unwrap().iter().filter(|claim| claim["spec"]["state"] == "Bound").count()
    };
    eventually(PATIENCE, "another number takes the place", async || {
        let claims = rig.cluster.kubectl(&["get", "nclaim", "-o", "name"]).await.ok().lines().count();
        let bound = bound().await;
        if (claims, bound) == (8, 7) { Ok(()) } else { Err(format!("{claims} claims, {bound} bound")) }
    })
    .await;
    rig.cluster
        .kubectl(&["patch", "tenant", "zuoji", "--type=merge", "-p", r#"{"spec":{"limits":{"numbers":30}}}"#])
        .await
        .ok();
    eventually(PATIENCE, "all are accepted", async || {
        let bound = bound().await;
        if bound == 24 { Ok(()) } else { Err(bound) }
    })
    .await;
}
