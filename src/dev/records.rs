//! The traffic: which numbers are ready, calls to them, and the records a softswitch would send of these calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::calls::{self, Placed, Sender, Wish};
use super::{DevError, say};
use crate::api::call_gateway::{Protocol, RecordFormat, RecordSource};
use crate::api::conditions::READY;
use crate::api::{CallGateway, FourHundredNumber};
use crate::commands::output::counted;
use crate::controllers::key::Key;
use crate::runtime::client;

/// Numbers are usually ready a second after they are applied.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// After the first ready number the others have this long to join it.
const JOIN_WITHIN: Duration = Duration::from_secs(5);
/// Usage is written at most every five seconds.
const USAGE_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);
/// Numbers called; a folder may hold thousands.
const NUMBERS_CALLED: usize = 20;

/// From all over the country, withheld by nobody; the examples deny the second.
const CALLERS: [&str; 6] =
    ["01066660000", "089866660000", "075566661234", "13900001111", "02038887777", "057187654321"];

/// A number that takes calls.
#[derive(Debug, Clone)]
pub(super) struct ReadyNumber {
    pub(super) object: FourHundredNumber,
    pub(super) number: String,
    pub(super) gateway: CallGateway,
}

/// What was done.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) numbers: Vec<ReadyNumber>,
    /// Every record handed over, as sent.
    pub(super) records: Vec<Value>,
    /// Calls that the number's usage must show, those of earlier runs included.
    offered: BTreeMap<String, i64>,
}

impl ReadyNumber {
    /// The address of the gateway's first listener of `protocol`.
    pub(super) fn address(&self, protocol: Protocol) -> Option<SocketAddr> {
        let listener = self.gateway.spec.listeners.iter().find(|listener| listener.protocol == protocol)?;
        let addresses = &self.gateway.status.as_ref()?.addresses;
        addresses.iter().find(|address| address.listener == listener.name)?.value.parse().ok()
    }
}

/// Waits for the numbers of the cluster; at least one must become ready.
pub(super) async fn ready_numbers(client: &Client) -> Result<Vec<ReadyNumber>, DevError> {
    let (began, mut first) = (Instant::now(), None);
    loop {
        let (ready, all) = look(client).await?;
        if !ready.is_empty() {
            first.get_or_insert_with(Instant::now);
        }
        let enough = first.is_some_and(|first| ready.len() == all.len() || first.elapsed() >= JOIN_WITHIN);
        if enough {
            if ready.len() < all.len() {
                let (some, all) = (ready.len(), counted(all.len(), "number"));
                say(&format!("ready are {some} of {all}; `kubectl describe fhn -A` says why not all"));
            }
            return Ok(ready.into_iter().take(NUMBERS_CALLED).collect());
        }
        if began.elapsed() >= READY_WITHIN {
            return Err(nothing_ready(&all));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Once the error is told the cluster is gone, so the numbers' own sentences come with it.
fn nothing_ready(numbers: &[FourHundredNumber]) -> DevError {
    if numbers.is_empty() {
        return DevError::NoNumbers;
    }
    let (told, more) = numbers.split_at(numbers.len().min(NUMBERS_CALLED));
    let mut why = String::new();
    // Writing to a String cannot fail.
    for number in told {
        let _ = write!(why, "\n  {}: {}", Key::of(number), ready_sentence(number));
    }
    if !more.is_empty() {
        let _ = write!(why, "\n  and {} more", more.len());
    }
    DevError::NothingReady { seconds: READY_WITHIN.as_secs(), why }
}

fn ready_sentence(number: &FourHundredNumber) -> String {
    let conditions = number.status.iter().flat_map(|status| &status.conditions);
    match conditions.into_iter().find(|condition| condition.type_ == READY) {
        Some(ready) if ready.status == "True" => "is ready, but its gateway's listeners are not open".to_owned(),
        Some(ready) => format!("{}: {}", ready.reason, ready.message),
        None => "the operator has not looked at it yet".to_owned(),
    }
}

/// The numbers that take calls, and all there are.
async fn look(client: &Client) -> Result<(Vec<ReadyNumber>, Vec<FourHundredNumber>), DevError> {
    let failed = |source| DevError::Read { what: "the numbers", source: Box::new(source) };
    let numbers = Api::<FourHundredNumber>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)?;
    let gateways = Api::<CallGateway>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)?;
    let all = numbers.items;
    let ready = all.iter().filter_map(|object| {
        let status = object.status.as_ref()?;
        status.conditions.iter().find(|condition| condition.type_ == READY && condition.status == "True")?;
        let number = status.number.clone()?;
        let reference = &object.spec.gateway_ref;
        let namespace = reference.namespace.clone().or_else(|| object.namespace());
        let gateway = gateways
            .items
            .iter()
            .find(|gateway| gateway.name_any() == reference.name && gateway.namespace() == namespace)?;
        let ready = ReadyNumber { gateway: gateway.clone(), number, object: object.clone() };
        ready.address(Protocol::Udp).map(|_| ready)
    });
    let ready: Vec<ReadyNumber> = ready.collect();
    // Taken up again, the cluster shows for a moment where the last run's listeners were.
    let webs: BTreeSet<SocketAddr> = ready.iter().filter_map(|number| number.address(Protocol::Http)).collect();
    let mut closed = BTreeSet::new();
    for web in webs {
        if TcpStream::connect(web).await.is_err() {
            closed.insert(web);
        }
    }
    let is_open = |number: &ReadyNumber| number.address(Protocol::Http).is_none_or(|web| !closed.contains(&web));
    Ok((ready.into_iter().filter(is_open).collect(), all))
}

fn calls_shown(number: &ReadyNumber) -> i64 {
    let usage = number.object.status.as_ref().and_then(|status| status.usage.as_ref());
    usage.map_or(0, |usage| usage.calls.offered)
}

/// Calls every number, and hands over the records of the calls that were answered.
pub(super) async fn traffic(
    client: &Client,
    numbers: &[ReadyNumber],
    folder: &Path,
    run: u64,
) -> Result<Traffic, DevError> {
    let before = numbers.iter().map(|number| (number.number.clone(), calls_shown(number)));
    let mut traffic = Traffic { numbers: numbers.to_vec(), records: Vec::new(), offered: before.collect() };
    let mut routers: BTreeMap<SocketAddr, Vec<&ReadyNumber>> = BTreeMap::new();
    for number in numbers {
        if let Some(router) = number.address(Protocol::Udp) {
            routers.entry(router).or_default().push(number);
        }
    }
    for (position, (router, numbers)) in routers.into_iter().enumerate() {
        let wish = |number: &ReadyNumber, caller| Wish { number: number.number.clone(), caller };
        let wishes: Vec<Wish> =
            numbers.iter().flat_map(|number| CALLERS.into_iter().map(|caller| wish(number, caller))).collect();
        let run = run.wrapping_add(position as u64);
        let (sender, placed) = calls::place(router, &wishes, folder, run).await.map_err(DevError::Calls)?;
        tell(sender, router, &placed);
        let Some(number) = numbers.first() else { continue };
        let source = source_of(&number.gateway);
        let records: Vec<Value> =
            placed.iter().enumerate().flat_map(|(at, call)| records_of(call, at, &source)).collect();
        wait_until_ended(&records).await;
        // Nobody will show calls whose records nobody got.
        if hand_over(client, number, &records).await? == HandedOver::Yes {
            for call in placed.iter().filter(|call| call.status == Some(302)) {
                *traffic.offered.entry(call.number.clone()).or_default() += 1;
            }
        }
        traffic.records.extend(records);
    }
    Ok(traffic)
}

fn tell(sender: Sender, router: SocketAddr, placed: &[Placed]) {
    let by = match sender {
        Sender::Sipp => "SIPp",
        Sender::Own => "the built-in sender (SIPp is not there)",
    };
    let redirected = placed.iter().filter(|call| call.status == Some(302)).count();
    let silent = placed.iter().filter(|call| call.status.is_none()).count();
    let refused = placed.len() - redirected - silent;
    say(&format!(
        "{} placed by {by} at {router}: {redirected} redirected, {refused} refused, {silent} without an answer",
        counted(placed.len(), "call")
    ));
}

/// A switch that the gateway takes neutral records from. Where it lists its switches, no other's are taken.
fn source_of(gateway: &CallGateway) -> String {
    let sources = gateway.spec.call_records.iter().flat_map(|records| &records.sources);
    let neutral = |source: &&RecordSource| source.format.is_none_or(|format| format == RecordFormat::Neutral);
    sources.into_iter().find(neutral).map_or_else(|| "dev".to_owned(), |source| source.name.clone())
}

/// The caller's leg and the leg to the destination. A refused call makes none: a redirect server keeps no state.
fn records_of(call: &Placed, position: usize, source: &str) -> Vec<Value> {
    if call.status != Some(302) {
        return Vec::new();
    }
    let after = |milliseconds: i64| {
        let at = call.started_at.saturating_add(SignedDuration::from_millis(milliseconds)).unwrap_or(call.started_at);
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at).to_string()
    };
    let talk = 500 + 150 * i64::try_from(position % 10).unwrap_or(0);
    let record = |leg: u8, destination: Option<&str>| {
        json!({"source": source, "callId": call.call_id, "leg": leg, "number": call.number, "caller": call.caller,
            "destination": destination, "startedAt": after(0), "answeredAt": after(300), "endedAt": after(300 + talk),
            "outcome": "Answered", "cause": 16})
    };
    let destination = call.contact.as_deref().filter(|contact| contact.bytes().all(|byte| byte.is_ascii_digit()));
    let mut records = vec![record(0, None)];
    // An announcement has no leg of its own.
    records.extend(destination.map(|destination| record(1, Some(destination))));
    records
}

/// A record of a call that has not ended yet would be a lie.
async fn wait_until_ended(records: &[Value]) {
    let ends = records.iter().filter_map(|record| record["endedAt"].as_str()?.parse::<Timestamp>().ok());
    if let Some(last) = ends.max() {
        let left = Duration::try_from(last.duration_since(Timestamp::now())).unwrap_or_default();
        tokio::time::sleep(left).await;
    }
}

/// Whether somebody has the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandedOver {
    Yes,
    No,
}

async fn hand_over(client: &Client, number: &ReadyNumber, records: &[Value]) -> Result<HandedOver, DevError> {
    let Some(address) = number.address(Protocol::Http) else {
        say("the gateway has no HTTP listener: no call records are handed over");
        return Ok(HandedOver::No);
    };
    let Some(token) = token(client, &number.gateway).await? else {
        say("the gateway names no Secret for call records: none are handed over");
        return Ok(HandedOver::No);
    };
    let body = records.iter().fold(String::new(), |text, record| format!("{text}{record}\n"));
    let sent = client::post(&address.to_string(), "/v1/call-records", &token, "application/x-ndjson", body).await?;
    let answer = String::from_utf8_lossy(&sent.body).trim().to_owned();
    if sent.status != 200 {
        return Err(DevError::RecordsRefused(sent.status, answer));
    }
    say(&format!("{} handed over: {answer}", counted(records.len(), "call record")));
    Ok(HandedOver::Yes)
}

async fn token(client: &Client, gateway: &CallGateway) -> Result<Option<String>, DevError> {
    let Some(reference) = gateway.spec.call_records.as_ref().and_then(|records| records.token_secret_ref.as_ref())
    else {
        return Ok(None);
    };
    let api: Api<Secret> = Api::namespaced(client.clone(), &gateway.namespace().unwrap_or_default());
    let secret = api
        .get_opt(&reference.name)
        .await
        .map_err(|source| DevError::Read { what: "the Secret for call records", source: Box::new(source) })?;
    let value = secret.and_then(|secret| secret.data?.remove(&reference.key));
    Ok(value.and_then(|value| String::from_utf8(value.0).ok()).map(|text| text.trim().to_owned()))
}

/// Waits until every called number shows its calls. One that takes long is told, and no error.
pub(super) async fn usage_shown(client: &Client, traffic: &Traffic) -> Result<(), DevError> {
    let began = Instant::now();
    loop {
        let (ready, _) = look(client).await?;
        let missing = traffic.offered.iter().filter(|(number, calls)| {
            let shown = ready.iter().find(|ready| ready.number == **number).map(calls_shown);
            shown.is_none_or(|shown| shown < **calls)
        });
        let missing = missing.count();
        if missing == 0 {
            return Ok(());
        }
        if began.elapsed() >= USAGE_WITHIN {
            let (missing, seconds) = (counted(missing, "number"), USAGE_WITHIN.as_secs());
            say(&format!("after {seconds} s usage is still missing at {missing}"));
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rating::CallRecord;

    fn call(status: u16, contact: Option<&str>) -> Placed {
        Placed {
            call_id: "demo-1@127.0.0.1".to_owned(),
            number: "4001000868".to_owned(),
            caller: "02038887777".to_owned(),
            status: Some(status),
            contact: contact.map(str::to_owned),
            started_at: "2026-11-23T02:00:00.123456Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_redirected_call_makes_the_records_of_its_legs_and_a_refused_one_none() {
        assert!(records_of(&call(403, None), 0, "dev").is_empty());
        assert_eq!(records_of(&call(302, Some("holiday")), 0, "dev").len(), 1);
        let records = records_of(&call(302, Some("13800138000")), 3, "fs-2");
        let legs: Vec<u32> = records
            .iter()
            .map(|record| CallRecord::from_json(record.to_string().as_bytes()).unwrap().identity().leg)
            .collect();
        assert_eq!(legs, [0, 1]);
        assert_eq!(records[1]["source"], "fs-2");
    }

    #[test]
    fn records_come_from_a_switch_that_the_gateway_lists() {
        let gateway = |records: Value| -> CallGateway {
            let spec = json!({"listeners": [], "trunk": {"host": "10.0.0.1"}, "callRecords": records});
            serde_json::from_value(json!({"metadata": {"name": "east"}, "spec": spec})).unwrap()
        };
        assert_eq!(source_of(&gateway(json!({}))), "dev");
        let sources = json!({"sources": [
            {"name": "old", "format": "AsteriskCsv"}, {"name": "fs-2"}, {"name": "fs-3", "format": "Neutral"}]});
        assert_eq!(source_of(&gateway(sources)), "fs-2");
    }

    #[test]
    fn numbers_that_are_not_ready_are_told_with_their_own_sentences() {
        let number: FourHundredNumber = serde_json::from_value(json!({
            "metadata": {"name": "desk", "namespace": "globex"},
            "spec": {"gatewayRef": {"name": "east"}, "tariffRef": {"name": "standard"}, "destinations": [], "rules": []},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Unverified",
                "message": "nobody approved the papers", "lastTransitionTime": "2026-11-23T00:00:00Z"}]},
        }))
        .unwrap();
        let sentence = nothing_ready(&[number]).to_string();
        assert!(sentence.ends_with("\n  globex/desk: Unverified: nobody approved the papers"), "{sentence}");
        assert!(matches!(nothing_ready(&[]), DevError::NoNumbers));
    }
}
