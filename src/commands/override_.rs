//! `fourhundred override`: until an instant, a number's calls go elsewhere.

use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use jiff::Timestamp;
use kube::Api;

use super::output::tell;
use super::target::Cluster;
use crate::api::routing_target::OverrideTarget;
use crate::api::{LocalRef, RoutingOverride, RoutingOverrideSpec};
use crate::domain::digest::Digest;
use crate::domain::numbering::Destination;

const EXAMPLES: &str = "\
EXAMPLES
  Everything to the desk on duty until tomorrow morning:
    fourhundred override hotline -n acme --to destination=duty --until 2026-11-24T08:00:00+08:00 \\
      --reason 'Typhoon in Shenzhen' --kubeconfig ~/.kube/config

  Print the manifest for Git:
    fourhundred override hotline -n acme --to number='138 0013 8000' --until 2026-11-24T08:00:00+08:00 --reason Typhoon

Exit code: 0 written, 2 the question was wrong.";

/// Longest name of a RoutingOverride: references reach no further.
const LONGEST_NAME: usize = 63;

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
    pub until: Instant,
    /// When it begins; at once when absent
    #[arg(long, value_name = "INSTANT")]
    pub from: Option<Instant>,
    /// Why, for the reader
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Name of the RoutingOverride; made from the number's name and the end when absent
    #[arg(long = "override-name", value_name = "NAME")]
    pub override_name: Option<String>,
    #[command(flatten)]
    pub cluster: Cluster,
}

/// An instant in the words in which it was written, offset included: whoever reads the object thinks in that zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    text: String,
    at: Timestamp,
}

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "an instant is written as 2026-11-24T08:00:00+08:00";
        let at = text.parse::<Timestamp>().map_err(|error| format!("{wanted}: {error}"))?;
        // jiff reads more forms than the API server's date-time.
        let text = if is_date_time(text) { text.to_owned() } else { at.to_string() };
        Ok(Self { text, at })
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction, then `Z` or an offset `±HH:MM`.
fn is_date_time(text: &str) -> bool {
    let is_shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, like)| match like {
                b'0' => byte.is_ascii_digit(),
                _ => byte == like,
            })
    };
    let Some((head, rest)) = text.split_at_checked(19) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    is_shaped(head, "0000-00-00T00:00:00")
        && (offset == "Z" || is_shaped(offset, "+00:00") || is_shaped(offset, "-00:00"))
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
    if arguments.from.as_ref().is_some_and(|from| from.at >= arguments.until.at) {
        tell("error: --until must lie after --from");
        return ExitCode::from(2);
    }
    let client = match arguments.cluster.client().await {
        Ok(client) => client,
        Err(code) => return code,
    };
    let namespace = arguments.namespace.clone();
    let object = object(&arguments);
    let api = |client| Api::namespaced(client, &namespace);
    arguments.cluster.put(client, &object, api, "--override-name").await
}

fn object(arguments: &Arguments) -> RoutingOverride {
    let made = || made_name(&arguments.number, arguments.until.at);
    let spec = RoutingOverrideSpec {
        number_ref: LocalRef::new(&arguments.number),
        to: arguments.to.clone(),
        from: arguments.from.as_ref().map(|from| from.text.clone()),
        until: arguments.until.text.clone(),
        reason: Some(arguments.reason.clone()),
    };
    let mut object = RoutingOverride::new(&arguments.override_name.clone().unwrap_or_else(made), spec);
    object.metadata.namespace = Some(arguments.namespace.clone());
    object
}

/// `NUMBER-until-202611240000`, in UTC. Of a name that is too long the beginning and a digest are left, so that two
/// such numbers do not share one.
fn made_name(number: &str, until: Timestamp) -> String {
    let end = format!("-until-{}", until.strftime("%Y%m%d%H%M"));
    let room = LONGEST_NAME.saturating_sub(end.len());
    if number.len() <= room {
        return format!("{number}{end}");
    }
    let digest: String = Digest::of(number.as_bytes()).short().chars().take(8).collect();
    let kept: String = number.chars().take(room.saturating_sub(digest.len() + 1)).collect();
    format!("{}-{digest}{end}", kept.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::commands::{Cli, Command};

    fn written(number: &str, until: &str) -> RoutingOverride {
        let words = format!("fourhundred override {number} -n acme --to destination=duty --reason Why --until {until}");
        let Command::Override(arguments) = Cli::try_parse_from(words.split(' ')).unwrap().command else {
            panic!("override")
        };
        object(&arguments)
    }

    #[test]
    fn an_instant_is_kept_as_it_was_written() {
        let made = written("hotline", "2026-11-24T08:00:00+08:00");
        assert_eq!(made.spec.until, "2026-11-24T08:00:00+08:00");
        assert_eq!(made.metadata.name.as_deref(), Some("hotline-until-202611240000"));
        // A form that the API server would refuse becomes one that it takes.
        assert_eq!(written("hotline", "2026-11-24T08:00+08").spec.until, "2026-11-24T00:00:00Z");
    }

    #[test]
    fn a_made_name_is_never_too_long_and_tells_two_numbers_apart() {
        let long = "n".repeat(43);
        let names = ["a", "b"].map(|end| {
            let made = written(&format!("{long}.{end}"), "2026-11-24T08:00:00+08:00");
            made.metadata.name.unwrap()
        });
        assert!(names.iter().all(|name| name.len() <= 63 && name.ends_with("-until-202611240000")), "{names:?}");
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn a_target_says_what_is_wrong_with_it() {
        assert_eq!(target("destination=duty"), Ok(OverrideTarget::Destination("duty".to_owned())));
        assert_eq!(target("number=138 0013 8000"), Ok(OverrideTarget::Number("138 0013 8000".to_owned())));
        for wrong in ["duty", "queue=q", "number=0085212345678"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
