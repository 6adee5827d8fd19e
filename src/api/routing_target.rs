//! Where a call can be sent, as an object of which exactly one member is set.
//!
//! Rust sees an enum; the schema is an object with a rule whose sentence names the members.

use std::borrow::Cow;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};

use super::{scalars, schema};

/// Where a rule sends a call: exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// Name of one of the number's destinations.
    Destination(String),
    /// Name of one of the number's groups.
    Group(String),
    /// Name of an announcement of the gateway.
    Announcement(String),
    /// Name of a queue of a virtual call centre (呼叫排队).
    Queue(String),
    /// Name of a voice menu (语音导航).
    Menu(String),
}

/// Where an override sends calls: exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverrideTarget {
    /// Name of one of the number's destinations.
    Destination(String),
    /// Name of one of the number's groups.
    Group(String),
    /// Name of an announcement of the gateway.
    Announcement(String),
    /// A phone number that the number's spec does not list, as people write it.
    Number(String),
}

/// What a call meets after every destination was tried: exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exhausted {
    /// Name of an announcement of the gateway.
    Announcement(String),
    /// How the call is released.
    Release(Release),
}

/// How a call that nobody answered is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Release {
    Busy,
    NoAnswer,
    Unavailable,
}

const DESTINATION: &str = "Name of one of the number's destinations.";
const GROUP: &str = "Name of one of the number's groups.";
const ANNOUNCEMENT: &str =
    "Name of an announcement of the gateway; a name that the gateway does not list is asked of the trunk.";

const QUEUE: &str = "Name of a queue of a virtual call centre. Not served yet: it needs a gateway in mode Proxy.";
const MENU: &str = "Name of a voice menu. Not served yet: it needs a gateway in mode Proxy.";

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = scalars::item_name(generator);
        schema::exactly_one(
            &[
                ("destination", DESTINATION, name.clone()),
                ("group", GROUP, name.clone()),
                ("announcement", ANNOUNCEMENT, name.clone()),
                ("queue", QUEUE, name.clone()),
                ("menu", MENU, name),
            ],
            "set exactly one of destination, group, announcement, queue and menu",
        )
    }
}

impl JsonSchema for OverrideTarget {
    fn schema_name() -> Cow<'static, str> {
        "OverrideTarget".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = scalars::item_name(generator);
        let phone = scalars::phone(generator);
        schema::exactly_one(
            &[
                ("destination", DESTINATION, name.clone()),
                ("group", GROUP, name.clone()),
                ("announcement", ANNOUNCEMENT, name),
                (
                    "number",
                    "A mainland mobile or fixed number that the spec does not list, such as 138 0013 8000.",
                    phone,
                ),
            ],
            "set exactly one of destination, group, announcement and number",
        )
    }
}

impl JsonSchema for Exhausted {
    fn schema_name() -> Cow<'static, str> {
        "Exhausted".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = scalars::item_name(generator);
        let release = json_schema!({"type": "string", "enum": ["Busy", "NoAnswer", "Unavailable"]});
        schema::exactly_one(
            &[
                ("announcement", ANNOUNCEMENT, name),
                (
                    "release",
                    "Release the call with this cause; in mode Redirect the switch's own answer stands.",
                    release,
                ),
            ],
            "set exactly one of announcement and release",
        )
    }
}
