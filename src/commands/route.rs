//! `fourhundred route`: where would this call go, and why?

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::folder::{self, Reading};
use super::live_plan::LivePlan;
use super::output::{Output, end_with_data};
use crate::domain::calendar::{DEFAULT_ZONE, parse_zone};
use crate::domain::numbering::{Area, Caller, FourHundred, areas};
use crate::domain::routing::decide::{CallFacts, decide};
use crate::domain::routing::decision::{AfterLastDocument, DecisionDocument, OutcomeName};
use crate::domain::routing::plan::Plan;
use crate::domain::routing::trace::{Explanation, Step, TraceLine};
use crate::offline::OfflineError;

const EXAMPLES: &str = "\
EXAMPLES
  Sunday night from Guangzhou, with every step:
    fourhundred route examples/platform examples/acme \\
      --to 4001000868 --from '020 3888 7777' --at 2026-11-22T03:00:00+08:00 --explain

  What the routers of a cluster answer now, overrides and monthly caps included:
    fourhundred route --kubeconfig ~/.kube/config --gateway-namespaces telephony --to 4001000868 --from '020 3888 7777'

  A caller who withholds the number, now, as the HTTP API would answer it:
    fourhundred route examples/platform examples/acme --to 4001000868 --output json

A cluster's plan knows the overrides that have not ended, and the statutory days of last year, this one and the next.

Exit code: 0 the call is routed or hears an announcement, 1 it is refused, 2 the question was wrong.";

/// Arguments of `route`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Folders and files with manifests, read as one: a tenant's and the platform's, for instance
    #[arg(required_unless_present = "kubeconfig", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub cluster: LivePlan,
    /// The 400 number that is called
    #[arg(long, value_name = "NUMBER", value_parser = called)]
    pub to: FourHundred,
    /// The caller's number as people write it; withheld when absent
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// When the call comes, RFC 3339 with offset; now when absent
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<Timestamp>,
    /// Call-ID: decides draws by percentage and chance; generated and told when absent
    #[arg(long, value_name = "ID")]
    pub call_id: Option<String>,
    /// The turn of round-robin groups; routers count on from call to call
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub turn: u64,
    /// Show every step of the decision
    #[arg(long)]
    pub explain: bool,
    /// How the decision is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

fn called(text: &str) -> Result<FourHundred, String> {
    FourHundred::from_called(text)
        .ok_or_else(|| format!("{text:?} is not a 400 number: ten digits starting with 400, such as 4001000868"))
}

/// Decides and prints.
pub async fn run(arguments: &Arguments) -> ExitCode {
    match arguments.cluster.read().await {
        Err(code) => code,
        Ok(Some(live)) => {
            let at = arguments.at.unwrap_or_else(|| arguments.reading.now());
            print(arguments, at, &live.snapshot())
        }
        Ok(None) => match by_folder(arguments) {
            Ok((plan, at)) => print(arguments, at, &plan),
            Err(error) => folder::fail(&error),
        },
    }
}

fn by_folder(arguments: &Arguments) -> Result<(Plan, Timestamp), OfflineError> {
    let offline = arguments.reading.read(&arguments.paths)?;
    folder::warn_of_refusals(&offline);
    let at = arguments.at.unwrap_or(offline.now);
    Ok((offline.plan_at(at)?, at))
}

fn print(arguments: &Arguments, at: Timestamp, plan: &Plan) -> ExitCode {
    let decision = decision(plan, arguments, at);
    let code = ExitCode::from(u8::from(decision.outcome == OutcomeName::Refuse));
    let holder = holder(plan, arguments.to);
    let text = || text(holder.as_deref(), arguments.from.as_deref(), at, &decision);
    end_with_data(arguments.output, &decision, text, code)
}

fn decision(plan: &Plan, arguments: &Arguments, at: Timestamp) -> DecisionDocument {
    // Nothing of an offline answer is secret: an id that names the instant is good enough, and told back.
    let generated = arguments.call_id.is_none().then(|| format!("route-{}", at.as_nanosecond()));
    let call_id = arguments.call_id.as_deref().or(generated.as_deref()).unwrap_or_default();
    let caller = arguments.from.as_deref().map_or(Caller::ANONYMOUS, Caller::parse);
    let facts = CallFacts { to: arguments.to, caller, at, call_id };
    let mut turn = arguments.turn;
    let mut explanation = Explanation::default();
    let decision = decide(plan, &facts, &mut turn, &mut explanation);
    let trace = arguments.explain.then_some(explanation.lines);
    decision.document(generated.clone(), trace)
}

/// The FourHundredNumber that holds the number called.
fn holder(plan: &Plan, number: FourHundred) -> Option<String> {
    let held = plan.number(number)?;
    Some(format!("{}/{}", held.leaf.key.namespace, held.name()))
}

/// The decision as a supervisor reads it. `holder` is the FourHundredNumber called, as `NAMESPACE/NAME`.
pub fn text(holder: Option<&str>, from: Option<&str>, at: Timestamp, decision: &DecisionDocument) -> String {
    let zone = parse_zone(DEFAULT_ZONE).unwrap_or(TimeZone::UTC);
    let mut text = String::new();
    let whose = holder.map(|holder| format!(" ({holder})")).unwrap_or_default();
    let _ = writeln!(
        text,
        "{}{whose} called by {} on {}",
        decision.number,
        caller(from),
        at.to_zoned(zone).strftime("%A %Y-%m-%d %H:%M:%S %:z")
    );
    match decision.outcome {
        OutcomeName::Route => destinations(&mut text, decision),
        OutcomeName::Announce => {
            let name = decision.announcement.as_deref().unwrap_or_default();
            let _ = writeln!(text, "hears the announcement {name} ({})", decision.uri.as_deref().unwrap_or_default());
        }
        OutcomeName::Refuse => {
            let sip = decision.sip.map(|sip| format!(" (SIP {sip})")).unwrap_or_default();
            let _ = writeln!(text, "is refused{sip}");
        }
    }
    let _ = writeln!(text, "because {}", because(decision));
    if let Some(trace) = &decision.trace {
        let _ = writeln!(text, "\nstep by step:");
        for line in trace {
            let _ = writeln!(text, "  {:<10} {}", step(line.step), sentence(line));
        }
    }
    if let Some(call_id) = &decision.call_id {
        let _ = writeln!(text, "\ncall id {call_id}; give it with --call-id to ask for the same call again");
    }
    text
}

fn caller(from: Option<&str>) -> String {
    let Some(written) = from else { return "a withheld number".to_owned() };
    let caller = Caller::parse(written);
    match (caller.number(), caller.area()) {
        (None, _) => "a withheld number".to_owned(),
        (Some(number), Area::Unknown) => format!("{number} (area unknown)"),
        (Some(number), Area::Known(code)) => {
            let cities: Vec<&str> = areas::cities(code).collect();
            format!("{number} (area {code}, {} {})", areas::province(code).unwrap_or_default(), cities.join("/"))
        }
    }
}

fn destinations(text: &mut String, decision: &DecisionDocument) {
    let _ = writeln!(text, "is sent to");
    for (index, destination) in decision.destinations.iter().flatten().enumerate() {
        let name = destination.name.as_deref().unwrap_or("(a number of the override)");
        let rings = destination.ring_seconds.map(|seconds| format!(", rings {seconds} s")).unwrap_or_default();
        let _ = writeln!(text, "  {}. {name}: {}{rings}", index + 1, destination.number);
    }
    if let Some(AfterLastDocument { announcement, uri, release }) = &decision.when_exhausted {
        let _ = match (announcement, release) {
            (Some(name), _) => {
                writeln!(
                    text,
                    "  then, if nobody answers, announcement {name} ({})",
                    uri.as_deref().unwrap_or_default()
                )
            }
            (None, Some(release)) => writeln!(text, "  then, if nobody answers, release {release:?}"),
            (None, None) => Ok(()),
        };
    }
}

fn because(decision: &DecisionDocument) -> String {
    let period = decision.period.as_ref().map(|period| format!(" in period {period}")).unwrap_or_default();
    match (&decision.override_name, &decision.rule, decision.reason) {
        (Some(name), ..) => format!("override {name} holds"),
        (None, Some(rule), _) => format!("rule {rule} matches{period}"),
        (None, None, Some(reason)) => reason.as_str().to_owned(),
        (None, None, None) => "nothing else was said".to_owned(),
    }
}

fn step(step: Step) -> &'static str {
    match step {
        Step::Number => "number",
        Step::Screening => "screening",
        Step::Limits => "limits",
        Step::Override => "override",
        Step::Period => "period",
        Step::Rule => "rule",
        Step::Target => "target",
    }
}

fn sentence(line: &TraceLine) -> String {
    let name = line.name.as_deref().unwrap_or_default();
    match (line.step, line.result.as_str()) {
        (_, "pass") => "passed".to_owned(),
        (Step::Override, "none") => "none holds".to_owned(),
        (Step::Override, "inactive") => format!("{name} does not hold at this time"),
        (Step::Period, "none") => "the number has no timetable".to_owned(),
        (Step::Rule, "skip") => {
            format!("{name} does not match: its {}", line.because.as_deref().unwrap_or("condition"))
        }
        (Step::Rule | Step::Override, "match") => format!("{name} decides"),
        (Step::Target, "number") => "a number that the spec does not list".to_owned(),
        (Step::Target, kind) if !name.is_empty() => format!("{kind} {name}"),
        (_, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::{Cli, Command};
    use crate::offline::tests::{examples, golden, root};

    fn asked(words: &str) -> (Arguments, DecisionDocument) {
        let words = std::iter::once("fourhundred route .").chain(words.split('|')).collect::<Vec<_>>().join(" ");
        let Command::Route(arguments) = Cli::try_parse_from(words.split(' ')).unwrap().command else { panic!("route") };
        let at = arguments.at.unwrap();
        let decision = decision(&examples().plan_at(at).unwrap(), &arguments, at);
        (arguments, decision)
    }

    #[test]
    fn a_decision_is_explained_to_a_supervisor() {
        let mut seen = String::new();
        for words in [
            "--to 4001000868 --from 02038887777 --at 2026-11-22T03:00:00+08:00 --call-id a --explain",
            "--to 4001000868 --from 01066660000 --at 2026-11-23T10:00:00+08:00 --call-id a",
            "--to 4001000868 --from 01066660000 --at 2026-11-23T21:00:00+08:00 --call-id a --explain",
            "--to 4001000868 --from 089866660000 --at 2026-11-23T10:00:00+08:00 --call-id a",
            "--to 4001000868 --at 2026-10-01T10:00:00+08:00",
            "--to 4001000869 --from 10086 --at 2026-10-01T10:00:00+08:00 --call-id a",
        ] {
            let (arguments, decision) = asked(words);
            let at = arguments.at.unwrap();
            let _ = writeln!(seen, "$ fourhundred route {words}");
            let holder = holder(&examples().plan_at(at).unwrap(), arguments.to);
            seen.push_str(&text(holder.as_deref(), arguments.from.as_deref(), at, &decision));
            seen.push('\n');
        }
        golden(&root().join("src/commands/golden/route.txt"), &seen);
    }

    #[test]
    fn the_json_form_is_the_contracts_decision() {
        let (_, decision) = asked("--to 4001000868 --from 075566661234 --at 2026-11-23T10:00:00+08:00 --call-id a");
        let mut value = serde_json::to_value(&decision).unwrap();
        let plan = value.as_object_mut().unwrap().remove("plan").unwrap();
        assert!(plan.as_str().unwrap().starts_with("sha256:"));
        assert_eq!(
            value,
            serde_json::json!({"outcome": "Route", "number": "4001000868", "tenant": "acme", "period": "work",
                "rule": "south-by-day", "destinations": [{"name": "shenzhen", "number": "075566660002", "ringSeconds": 20}],
                "whenExhausted": {"announcement": "all-lines-busy", "uri": "sip:busy@127.0.0.1:5080"}})
        );
    }
}
