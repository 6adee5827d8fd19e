//! Where a part of the plan may stand: its ConfigMap's namespace and name follow from what is in it. Pure.
//!
//! Whoever may write ConfigMaps in some namespace must not speak for a gateway of another one, so a worker holds each
//! part against its place before it reads anything else of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::digest::Digest;

/// The leaf that a gateway's own settings stand in.
pub const HEAD_LEAF: &str = "head";

/// `plan-<16 hex digits>-<leaf>`; the digits are of the gateway's name and the tenant namespace.
pub fn part_name(gateway: &str, tenant_namespace: &str, leaf: &str) -> String {
    let digest = Digest::of(format!("{gateway}\0{tenant_namespace}").as_bytes());
    format!("plan-{}-{leaf}", digest.short())
}

/// `prices-<16 hex digits>`, of the price book's digest.
pub fn prices_name(book: &Digest) -> String {
    format!("prices-{}", book.short())
}

/// The leaf of callers of a list: `l<16 hex digits>`, of the digest of their text.
pub fn callers_leaf(callers: &Digest) -> String {
    format!("l{}", callers.short())
}

/// Why a part may not stand where it does. The sentences name places, never what else the part says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("its text is no part of a plan")]
    Unreadable,
    #[error("it is of gateway {gateway}, and stands in namespace {namespace}")]
    Namespace { gateway: String, namespace: String },
    #[error("it is of gateway {gateway}, and its label names {label:?}")]
    Label { gateway: String, label: Option<String> },
    #[error("with what it holds its name would be {wanted}")]
    Name { wanted: String },
}

/// What a part says of its own place; the rest of it is passed over.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow)]
    part: Cow<'a, str>,
    #[serde(borrow, default)]
    gateway: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    leaf: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    book: Option<&'a RawValue>,
}

/// Whether a part with this `text` may stand in `namespace` under `name`, with the gateway's name `label`.
pub fn check(text: &str, namespace: &str, name: &str, label: Option<&str>) -> Result<(), Misplaced> {
    let marks: Marks<'_> = serde_json::from_str(text).map_err(|_| Misplaced::Unreadable)?;
    if marks.part == "prices" {
        let book = marks.book.ok_or(Misplaced::Unreadable)?;
        return is_named(name, &prices_name(&Digest::of(book.get().as_bytes())));
    }
    let (Some(gateway), leaf) = (marks.gateway, marks.leaf.unwrap_or_default()) else {
        return Err(Misplaced::Unreadable);
    };
    let own = gateway.split_once('/').filter(|(home, _)| *home == namespace);
    let Some((_, gateway_name)) = own else {
        let namespace = namespace.chars().take(63).collect();
        return Err(Misplaced::Namespace { gateway: short(&gateway), namespace });
    };
    if label != Some(gateway_name) {
        return Err(Misplaced::Label { gateway: short(&gateway), label: label.map(short) });
    }
    let (tenant, leaf) = match marks.part.as_ref() {
        "head" => (Cow::default(), HEAD_LEAF.to_owned()),
        "numbers" => (marks.namespace.unwrap_or_default(), format!("n{leaf}")),
        "bindings" => (marks.namespace.unwrap_or_default(), format!("b{leaf}")),
        "callers" => (marks.namespace.unwrap_or_default(), callers_leaf(&Digest::of(text.as_bytes()))),
        _ => return Err(Misplaced::Unreadable),
    };
    is_named(name, &part_name(gateway_name, &tenant, &leaf))
}

fn is_named(name: &str, wanted: &str) -> Result<(), Misplaced> {
    if name == wanted { Ok(()) } else { Err(Misplaced::Name { wanted: short(wanted) }) }
}

/// The text is somebody else's: no log line grows with it.
fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: &str = r#"{"part":"numbers","format":1,"gateway":"telephony/east","namespace":"acme","leaf":"01",
        "numbers":[{"number":"4001000868"}]}"#;
    const HEAD: &str = r#"{"part":"head","format":1,"gateway":"telephony/east","listeners":[]}"#;
    const CALLERS: &str = r#"{"part":"callers","format":1,"gateway":"telephony/east","namespace":"acme","callers":[]}"#;
    const PRICES: &str = r#"{"part":"prices","format":1,"tariff":"standard","book":{"currency":"CNY"}}"#;

    #[test]
    fn a_part_stands_in_its_gateways_namespace_under_its_own_name() {
        let (leaf, head) = (part_name("east", "acme", "n01"), part_name("east", "", "head"));
        assert_eq!(check(NUMBERS, "telephony", &leaf, Some("east")), Ok(()));
        assert_eq!(check(HEAD, "telephony", &head, Some("east")), Ok(()));
        let prices = prices_name(&Digest::of(br#"{"currency":"CNY"}"#));
        assert_eq!(check(PRICES, "telephony", &prices, None), Ok(()));
        let callers = part_name("east", "acme", &callers_leaf(&Digest::of(CALLERS.as_bytes())));
        assert_eq!(check(CALLERS, "telephony", &callers, Some("east")), Ok(()));
    }

    #[test]
    fn nobody_speaks_for_a_gateway_of_another_namespace_or_name() {
        let leaf = part_name("east", "acme", "n01");
        for (text, namespace, name, label) in [
            (NUMBERS, "acme", leaf.as_str(), Some("east")),
            (NUMBERS, "telephony", leaf.as_str(), Some("west")),
            (NUMBERS, "telephony", leaf.as_str(), None),
            (NUMBERS, "telephony", &part_name("east", "acme", "n0"), Some("east")),
            (NUMBERS, "telephony", &part_name("east", "acme", "b01"), Some("east")),
            (HEAD, "telephony", &part_name("east", "acme", "head"), Some("east")),
            (CALLERS, "telephony", &part_name("east", "acme", "l0011223344556677"), Some("east")),
            (PRICES, "telephony", "prices-0011223344556677", None),
            ("{}", "telephony", leaf.as_str(), Some("east")),
            (r#"{"part":"head"}"#, "telephony", leaf.as_str(), Some("east")),
        ] {
            assert!(check(text, namespace, name, label).is_err(), "{text} as {namespace}/{name}");
        }
    }
}
