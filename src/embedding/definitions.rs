//! The wait for the `CustomResourceDefinition`s: there, established, and not older than this build.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::api::{crds, outdated, reasons};
use crate::runtime::sentence::with_causes;

/// What brings definitions up to date.
const REMEDY: &str = "kubectl apply --server-side -f crds/";
/// Missing fields that are named per definition.
const NAMED_AT_MOST: usize = 3;

/// How the installed definitions compare with this build's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    missing: Vec<String>,
    /// With what each lacks.
    outdated: Vec<(String, Vec<String>)>,
    /// Whose digest is another one, and which lack nothing.
    newer: Vec<String>,
}

/// Waits until every definition can be served by, telling what stands in the way each time that changes. False when
/// `stop` came first.
pub async fn wait(client: &Client, stop: &CancellationToken, mut tell: impl FnMut(&str)) -> bool {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let wanted = crds::all();
    let mut pause = Duration::from_millis(200);
    let mut told = None;
    loop {
        let sentence = match look(&api, &wanted).await {
            Ok(standing) => {
                let Some(sentence) = obstacle(&standing) else {
                    tell_newer(&standing.newer);
                    return true;
                };
                sentence
            }
            Err(error) => format!("the API server does not answer: {}", with_causes(&error)),
        };
        if told.as_ref() != Some(&sentence) {
            tell(&sentence);
            told = Some(sentence);
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn tell_newer(names: &[String]) {
    if !names.is_empty() {
        let names = names.join(", ");
        tracing::warn!("definitions of another version, with all that this one needs: {names}");
    }
}

async fn look(
    api: &Api<CustomResourceDefinition>,
    wanted: &[CustomResourceDefinition],
) -> Result<Standing, kube::Error> {
    let mut standing = Standing::default();
    for ours in wanted {
        let name = ours.name_any();
        match api.get_opt(&name).await?.filter(is_established) {
            None => standing.missing.push(name),
            Some(installed) => compare(&mut standing, ours, &installed),
        }
    }
    Ok(standing)
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|found| found.type_ == "Established" && found.status == "True")
}

fn compare(standing: &mut Standing, ours: &CustomResourceDefinition, installed: &CustomResourceDefinition) {
    let lacking = outdated::lacking(ours, installed);
    if !lacking.is_empty() {
        standing.outdated.push((ours.name_any(), lacking));
    } else if crds::schema_digest(ours) != crds::schema_digest(installed) {
        standing.newer.push(ours.name_any());
    }
}

/// What keeps the operator from starting, and what helps.
fn obstacle(standing: &Standing) -> Option<String> {
    let mut sentences = Vec::new();
    if !standing.missing.is_empty() {
        sentences.push(format!("not installed: {}", standing.missing.join(", ")));
    }
    if !standing.outdated.is_empty() {
        let named = |(name, lacking): &(String, Vec<String>)| {
            let shown = lacking.iter().take(NAMED_AT_MOST).cloned().collect::<Vec<_>>().join(", ");
            let more = lacking.len().saturating_sub(NAMED_AT_MOST);
            if more > 0 { format!("{name} lacks {shown} and {more} more") } else { format!("{name} lacks {shown}") }
        };
        let outdated: Vec<String> = standing.outdated.iter().map(named).collect();
        sentences.push(format!("{}: older than this operator: {}", reasons::SCHEMA_OUTDATED.name, outdated.join("; ")));
    }
    (!sentences.is_empty()).then(|| format!("{} ({REMEDY})", sentences.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_named_with_what_helps() {
        assert_eq!(
            obstacle(&Standing { newer: vec!["tenants.fourhundred.io".to_owned()], ..Standing::default() }),
            None
        );
        let standing = Standing {
            missing: vec!["tariffs.fourhundred.io".to_owned()],
            outdated: vec![("tenants.fourhundred.io".to_owned(), ["a", "b", "c", "d"].map(str::to_owned).to_vec())],
            newer: Vec::new(),
        };
        assert_eq!(
            obstacle(&standing).as_deref(),
            Some(
                "not installed: tariffs.fourhundred.io; SchemaOutdated: older than this operator: \
                 tenants.fourhundred.io lacks a, b, c and 1 more (kubectl apply --server-side -f crds/)"
            )
        );
    }
}
