//! What a person sees at the end: kubectl's tables, one decision and one charge explained, and what to try next.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::Api;
use serde_json::{Value, json};

use super::records::{ReadyNumber, Traffic};
use super::{DevError, say, show};
use crate::api::Tariff;
use crate::api::call_gateway::Protocol;
use crate::commands::route;
use crate::controllers::key::Key;
use crate::controllers::tariff;
use crate::domain::rating::book::PriceBook;
use crate::domain::rating::rate::{MonthPackage, PackageUse};
use crate::domain::rating::{CallRecord, Charge, rate_call};
use crate::domain::routing::decision::DecisionDocument;
use crate::runtime::{client, launch};

/// A caller whose call shows schedule, screening and rules at work.
const ASKED_FROM: &str = "075566661234";

/// See the module's text.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) ground_kubeconfig: &'a Path,
    pub(super) context: Option<&'a str>,
    pub(super) kubectl: &'a Path,
}

impl Shown<'_> {
    /// Numbers, timetables, gateways and tenants, by kubectl itself.
    pub(super) async fn tables(&self) -> Result<(), DevError> {
        let arguments = ["get", "fhn,rsch,cgw,ten", "--all-namespaces"];
        show(&format!("\n$ kubectl {}\n", arguments.join(" ")));
        let mut kubectl = launch::bound(self.kubectl);
        kubectl.arg("--kubeconfig").arg(self.ground_kubeconfig);
        if let Some(context) = self.context {
            kubectl.args(["--context", context]);
        }
        // An inherited variable must not lead elsewhere, and its caches belong to no one else's home.
        kubectl.env_remove("KUBECONFIG").args(["--cache-dir", "/dev/null"]).args(arguments);
        let failed = |source| DevError::Program { program: self.kubectl.to_owned(), source };
        let output = tokio::task::spawn_blocking(move || kubectl.output()).await;
        let output = output.map_err(|error| failed(error.into()))?.map_err(failed)?;
        show(&format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)));
        Ok(())
    }

    /// One decision, step by step.
    pub(super) async fn decision(&self, traffic: &Traffic) -> Result<(), DevError> {
        let rules = |number: &&ReadyNumber| number.object.spec.rules.len();
        let Some(number) = traffic.numbers.iter().max_by_key(rules) else { return Ok(()) };
        let Some(address) = number.address(Protocol::Http) else { return Ok(()) };
        let at = Timestamp::now();
        let question = json!({"to": number.number, "from": ASKED_FROM, "at": at}).to_string();
        let path = "/v1/route?explain=true";
        let answer = client::post(&address.to_string(), path, "", "application/json", question).await?;
        show(&format!("\nWhy does a call from {ASKED_FROM} to {} go where it goes?\n", number.number));
        match serde_json::from_slice::<DecisionDocument>(&answer.body) {
            Ok(decision) if answer.status == 200 => {
                let holder = Key::of(&number.object).to_string();
                show(&route::text(Some(&holder), Some(ASKED_FROM), at, &decision));
            }
            _ => show(&format!("  the gateway answered {}: its listener asks for a token\n", answer.status)),
        }
        Ok(())
    }

    /// One charge, figure by figure: the same rules by which the ledger booked it.
    pub(super) async fn charge(&self, client: &Client, traffic: &Traffic) -> Result<(), DevError> {
        // A call that its package does not cover shows more.
        let mut numbers: Vec<&ReadyNumber> = traffic.numbers.iter().collect();
        numbers.sort_by_key(|number| number.object.spec.package.is_some());
        for number in numbers {
            let name = &number.object.spec.tariff_ref.name;
            let tariff = Api::<Tariff>::all(client.clone()).get_opt(name).await;
            let tariff = tariff.map_err(|source| DevError::Read { what: "the tariff", source: Box::new(source) })?;
            let charged = tariff.as_ref().and_then(|tariff| first_charge(tariff, number, &traffic.records));
            if let Some((record, charge)) = charged {
                let destination = record["destination"].as_str().unwrap_or_default();
                let caller = record["caller"].as_str().unwrap_or_default();
                let number = &number.number;
                show(&format!("\nWhat does the call from {caller} to {number} and on to {destination} cost?\n"));
                for line in charge.explain().lines() {
                    show(&format!("  {line}\n"));
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// What to try.
    pub(super) fn next_lines(&self, traffic: &Traffic, once: bool, took: Duration) {
        show("\n");
        say(&format!("done in {} s", took.as_secs()));
        if !once {
            show(&self.to_try(traffic));
        }
    }

    fn to_try(&self, traffic: &Traffic) -> String {
        let mut text = "\nIt stays up until Ctrl-C. In another terminal:\n".to_owned();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  export KUBECONFIG={}", self.ground_kubeconfig.display());
        if self.kubectl.is_absolute() {
            let _ = writeln!(text, "  alias kubectl={}", self.kubectl.display());
        }
        let Some(number) = traffic.numbers.first() else { return text };
        let Key { namespace, name } = Key::of(&number.object);
        let _ = writeln!(text, "  kubectl get fhn -A -w");
        let _ = writeln!(text, "  kubectl -n {namespace} describe fhn {name}");
        let _ = writeln!(text, "  kubectl -n {namespace} edit fhn {name}          # routed anew within a second");
        if let Some(address) = number.address(Protocol::Http) {
            let question = json!({"to": number.number, "from": "010 6666 0000"});
            let _ = writeln!(text, "  curl -s 'http://{address}/v1/route?explain=true' -d '{question}'");
        }
        text
    }
}

/// The first charge of a number's month, rated as the ledger rated it: nothing used of its package before.
fn first_charge<'a>(tariff: &Tariff, number: &ReadyNumber, records: &'a [Value]) -> Option<(&'a Value, Charge)> {
    let book = PriceBook::new(&tariff::price_book(tariff).ok()?.document).ok()?;
    let mut legs = records.iter().filter(|record| record["number"] == number.number.as_str() && record["leg"] == 1);
    legs.find_map(|value| {
        let record = CallRecord::from_json(value.to_string().as_bytes()).ok()?;
        let version = book.version_at(record.started_at())?;
        let package = number.object.spec.package.as_ref().and_then(|name| version.package(name));
        let package = package.map(|package| PackageUse {
            terms: MonthPackage { package, version },
            used_seconds: 0,
            carried_seconds: 0,
        });
        Some((value, rate_call(&book, package.into(), &record, record.distance()).ok()?.charge?))
    })
}
