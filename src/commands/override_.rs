//! `fourhundred override`: until an instant, a number's calls go elsewhere.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use kube::Api;

use super::target::Cluster;
use crate::api::routing_target::OverrideTarget;
use crate::api::{LocalRef, RoutingOverride, RoutingOverrideSpec};
use crate::domain::numbering::Destination;

const EXAMPLES: &str = "\
EXAMPLES
  Everything to the desk on duty until tomorrow morning:
    fourhundred override hotline -n acme --to destination=duty --until 2026-11-24T08:00:00+08:00 \\
      --reason 'Typhoon in Shenzhen' --kubeconfig ~/.kube/config

  Print the manifest for Git:
    fourhundred override hotline -n acme --to number='138 0013 8000' --until 2026-11-24T08:00:00+08:00 --reason Typhoon";

/// Arguments of `override`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Name of the FourHundredNumber
    pub number: String,
    /// Its namespace
    #[arg(long, short, value_name = "NAME")]
    pub namespace: String,
    /// Where its calls go: destination=NAME, group=NAME, announcement=NAME or number=DIGITS
    #[arg(long, value_name = "KIND=VALUE", value_parser = target)]
    pub to: OverrideTarget,
    /// When it ends
    #[arg(long, value_name = "INSTANT")]
    pub until: Timestamp,
    /// When it begins; at once when absent
    #[arg(long, value_name = "INSTANT")]
    pub from: Option<Timestamp>,
    /// Why, for the reader
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Name of the RoutingOverride; made from the number's name and the end when absent
    #[arg(long = "override-name", value_name = "NAME")]
    pub override_name: Option<String>,
    #[command(flatten)]
    pub cluster: Cluster,
}

fn target(text: &str) -> Result<OverrideTarget, String> {
    let (kind, value) = text.split_once('=').ok_or("write it as KIND=VALUE, such as destination=duty")?;
    let value = value.to_owned();
    match kind {
        "destination" => Ok(OverrideTarget::Destination(value)),
        "group" => Ok(OverrideTarget::Group(value)),
        "announcement" => Ok(OverrideTarget::Announcement(value)),
        "number" => match Destination::parse(&value) {
            Ok(_) => Ok(OverrideTarget::Number(value)),
            Err(error) => Err(error.to_string()),
        },
        other => Err(format!("{other} is no target: destination, group, announcement or number is needed")),
    }
}

/// Writes the override.
pub async fn run(arguments: Arguments) -> ExitCode {
    if arguments.from.is_some_and(|from| from >= arguments.until) {
        eprintln!("error: --until must lie after --from");
        return ExitCode::from(2);
    }
    let client = match arguments.cluster.client().await {
        Ok(client) => client,
        Err(code) => return code,
    };
    let namespace = arguments.namespace.clone();
    let object = object(&arguments);
    arguments.cluster.put(client, &object, |client| Api::namespaced(client, &namespace)).await
}

fn object(arguments: &Arguments) -> RoutingOverride {
    let made = || format!("{}-until-{}", arguments.number, arguments.until.strftime("%Y%m%d%H%M"));
    let spec = RoutingOverrideSpec {
        number_ref: LocalRef::new(&arguments.number),
        to: arguments.to.clone(),
        from: arguments.from.map(|from| from.to_string()),
        until: arguments.until.to_string(),
        reason: Some(arguments.reason.clone()),
    };
    let mut object = RoutingOverride::new(&arguments.override_name.clone().unwrap_or_else(made), spec);
    object.metadata.namespace = Some(arguments.namespace.clone());
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_what_is_wrong_with_it() {
        assert_eq!(target("destination=duty"), Ok(OverrideTarget::Destination("duty".to_owned())));
        assert_eq!(target("number=138 0013 8000"), Ok(OverrideTarget::Number("138 0013 8000".to_owned())));
        for wrong in ["duty", "queue=q", "number=0085212345678"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
