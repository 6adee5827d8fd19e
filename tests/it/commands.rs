//! The commands that write objects, and the one that calls, against a real API server and the operator's own router.

use serde_json::Value;

use crate::{
    child,
    harness::{OUTSIDER, eventually, launch},
    rig::{
        PATIENCE, Rig,
        objects::{create, number, told},
    },
};

use fourhundred::runtime::control_plane::ADMIN;
use serde_json::json;

suite! {
    a_tenant_is_approved_a_call_overridden_and_the_tenant_rejected_by_commands,
    what_a_command_prints_for_git_is_what_kubectl_takes,
    a_reader_that_has_seen_enough_ends_no_command_badly,
    a_call_is_explained_by_the_plan_that_the_clusters_routers_load,
}

const NUMBER: &str = "4001000742";
/// A time that holds the operator's now.
const WHILE: &str = "--from 2026-11-09T08:00:00+08:00 --until 2026-11-24T08:00:00+08:00";

/// Runs `fourhundred ARGUMENTS`; its exit code, and what it printed on both outputs.
async fn run(arguments: Vec<String>) -> (i32, String, String) {
    let output =
        tokio::task::spawn_blocking(move || child::run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
    let output = output.await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Runs a command that writes to the rig's cluster, named on its own command line.
async fn on_cluster(rig: &Rig, line: &str, reason: &str) -> String {
    let mut arguments = words(line);
    arguments.extend(["--reason".to_owned(), reason.to_owned(), "--kubeconfig".to_owned()]);
    arguments.push(rig.cluster.kubeconfig(ADMIN).display().to_string());
    let (code, printed, told) = run(arguments).await;
    assert_eq!(code, 0, "{line}: {printed}{told}");
    assert!(told.starts_with("cluster: context "), "the cluster is named before it is touched: {told}");
    printed
}

/// The answer to `fourhundred call`, and its exit code.
async fn call(rig: &Rig, from: &str) -> (i32, Value) {
    let line = format!("call --to {NUMBER} --from {from} --output json 127.0.0.1:{}", rig.sip);
    let (code, printed, told) = run(words(&line)).await;
    (code, serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{told}")))
}

async fn called(rig: &Rig, code: i32, status: u64, contact: Option<&str>) {
    let what = format!("a call is answered {status} with {contact:?}");
    eventually(PATIENCE, &what, async || {
        let (ended, answer) = call(rig, "13900002222").await;
        let first = answer["contacts"][0]["uri"].as_str().and_then(|uri| uri.strip_prefix("sip:")?.split('@').next());
        let same = ended == code && answer["status"] == status && first == contact;
        if same { Ok(()) } else { Err(format!("exit code {ended}: {answer}")) }
    })
    .await;
}

async fn with_unapproved_tenant() -> Rig {
    let rig = Rig::running().await;
    rig.apply(
        "apiVersion: v1
kind: Namespace
metadata: {name: globex}
---
apiVersion: fourhundred.io/v1alpha1
kind: Tenant
metadata: {name: globex}
spec:
  displayName: Globex
  kind: Enterprise
  papers: {licence: \"91310000MA1FL00000\", realNameForm: \"2026-0911\"}
  namespaces: [globex]
  tariffs: [standard]
",
    )
    .await;
    rig.apply(&rig.gateway().replace("values: [acme]", "values: [acme, globex]")).await;
    create(&rig.cluster, &number("globex", "desk", &json!({ "number": NUMBER }))).await;
    told(&rig.cluster, &["fhn", "desk", "-n", "globex"], "Accepted", "False", "Unverified").await;
    rig
}

async fn a_tenant_is_approved_a_call_overridden_and_the_tenant_rejected_by_commands() {
    let rig = with_unapproved_tenant().await;
    let desk = ["fhn", "desk", "-n", "globex"];
    called(&rig, 1, 404, None).await;

    let printed = on_cluster(&rig, "approve tenant globex --until 2031-06-30", "Licence and form seen").await;
    assert!(
        printed.starts_with("approval.fourhundred.io/tenant-globex-approved-") && printed.ends_with(" created\n"),
        "{printed}"
    );
    told(&rig.cluster, &desk, "Ready", "True", "Ready").await;
    called(&rig, 0, 302, Some("01088880001")).await;

    // Without --from it begins at its creation, which is the API server's time and not the operator's.
    let line = format!("override desk -n globex --to number=13800138000 {WHILE}");
    let line = line.as_str();
    let printed = on_cluster(&rig, line, "Typhoon in Shenzhen").await;
    assert_eq!(printed, "routingoverride.fourhundred.io/desk-until-202611240000 created\n");
    called(&rig, 0, 302, Some("13800138000")).await;
    // The same name again is somebody's already: told, and nothing is overwritten.
    let kubeconfig = rig.cluster.kubeconfig(ADMIN).display().to_string();
    let (code, _, told_again) =
        run([words(line), words("--reason again --kubeconfig"), vec![kubeconfig]].concat()).await;
    assert_eq!(code, 2, "{told_again}");
    let advice = "already exists: give --override-name, or delete the old one\n";
    assert!(told_again.ends_with(advice) && !told_again.contains("Status {"), "{told_again}");

    // Both verdicts on the same papers have names of their own.
    let printed = on_cluster(&rig, "approve tenant globex --reject -o json", "The seal is forged").await;
    let rejection: Value = serde_json::from_str(&printed).unwrap();
    let name = rejection["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("tenant-globex-rejected-") && rejection["metadata"]["uid"].is_string(), "{printed}");
    told(&rig.cluster, &desk, "Accepted", "False", "Rejected").await;
    called(&rig, 1, 404, None).await;
    // A rejection stands until it is deleted: an approval beside it is not written.
    let kubeconfig = rig.cluster.kubeconfig(ADMIN).display().to_string();
    let line = words("approve tenant globex --approval-name again --reason Seen --kubeconfig");
    let (code, _, told_why) = run([line, vec![kubeconfig]].concat()).await;
    assert_eq!(code, 1, "{told_why}");
    assert!(told_why.contains(&format!("kubectl delete approvals {name}")), "{told_why}");
}

/// `head` closes the pipe at the first line; what is printed is larger than a pipe holds.
async fn a_reader_that_has_seen_enough_ends_no_command_badly() {
    let folder = crate::harness::workspace().folder("closed-");
    let script = r#"set -o pipefail; "$1" crds 2>"$2" | head -n 1; test ! -s "$2""#;
    let told = folder.path().join("told");
    let mut shell = launch::program("bash");
    shell.args(["-c", script, "--", env!("CARGO_BIN_EXE_fourhundred")]).arg(&told);
    let output = shell.output().await.unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    assert!(output.status.success() && output.stdout == b"---\n", "{output:?} {told}");
}

async fn what_a_command_prints_for_git_is_what_kubectl_takes() {
    let rig = with_unapproved_tenant().await;
    let folder = crate::harness::workspace().folder("commands-");
    let tenant = folder.path().join("tenant.yaml");
    let kept = rig.cluster.kubectl(&["get", "tenant", "globex", "-o", "yaml"]).await.ok();
    std::fs::write(&tenant, kept.split("\nstatus:").next().unwrap()).unwrap();
    let line = format!("approve tenant globex --reason Seen --folder {}", tenant.display());
    let (code, approval, told_why) = run(words(&line)).await;
    assert_eq!(code, 0, "{told_why}");
    rig.apply(&approval).await;
    told(&rig.cluster, &["fhn", "desk", "-n", "globex"], "Ready", "True", "Ready").await;

    let line = format!("override desk -n globex --to number=075566660002 {WHILE} --reason Test");
    let (code, routing_override, told_why) = run(words(&line)).await;
    assert_eq!(code, 0, "{told_why}");
    rig.apply(&routing_override).await;
    called(&rig, 0, 302, Some("075566660002")).await;
}

/// The answer is the router's own, an override and a caller list included, whatever the folder says.
async fn a_call_is_explained_by_the_plan_that_the_clusters_routers_load() {
    let rig = Rig::running().await;
    rig.apply_acme(&["office-hours", "hotline", "partners", "sales"]).await;
    rig.programmed("hotline").await;
    let sales = rig.programmed("sales").await.status.unwrap().number.unwrap();
    let asked = async |to: &str, more: &str, user: &str| {
        let kubeconfig = rig.cluster.kubeconfig(user).display().to_string();
        run(words(&format!("route --to {to} {more} --call-id a --kubeconfig {kubeconfig}"))).await
    };
    let (code, printed, told_why) =
        asked("4001000868", "--from 075566661234 --at 2026-11-23T10:00:00+08:00", ADMIN).await;
    assert_eq!(code, 0, "{told_why}");
    assert!(told_why.starts_with("cluster: context "), "{told_why}");
    assert!(printed.starts_with("4001000868 (acme/hotline) called by 075566661234 (area 0755,"), "{printed}");
    assert!(printed.contains("because rule south-by-day matches in period work"), "{printed}");

    let partner = "--from 13600001111 --at 2026-11-23T10:00:00+08:00 --gateway-namespaces telephony --output json";
    let (code, printed, told_why) = asked(&sales, partner, ADMIN).await;
    let decision: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {told_why}"));
    assert_eq!((code, &decision["rule"]), (0, &json!("partners")), "{decision}");
    let live = rig
        .connect()
        .await
        .unwrap()
        .post(
            "/v1/route",
            "",
            "application/json",
            json!({"to": sales, "from": "13600001111", "at": "2026-11-23T10:00:00+08:00", "callId": "a"})
                .to_string()
                .as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(live.json()["plan"], decision["plan"], "the router goes by the same part");

    let (code, printed, _) = asked("4001000999", "", ADMIN).await;
    assert!(code == 1 && printed.contains("NumberUnknown"), "{printed}");
    let (code, _, told_why) = asked("4001000868", "", OUTSIDER).await;
    assert_eq!(code, 2);
    assert!(
        told_why.contains("you may not list ConfigMaps in every namespace: name your gateways' namespaces"),
        "{told_why}"
    );
    let nowhere = "--gateway-namespaces acme";
    let (code, _, told_why) = asked("4001000868", nowhere, ADMIN).await;
    assert!(code == 2 && told_why.contains("no part of a plan is there"), "{told_why}");
}
