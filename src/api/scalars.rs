//! Schemas of the scalars that the kinds share: names, money, civil dates, times of day, instants, phone text.
//!
//! A rule keeps out what can never be meant, with a sentence that shows what would pass; whether the value exists (a
//! 30 February, an unknown zone, a destination that is no mainland number) is the pure check's to say. Lengths are
//! wider than what the rule admits: the API server tells of a length or a `pattern` instead of the rule, in words that
//! say neither what is needed nor what would pass.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

/// Schema of a string of at most `max` characters that matches `shape`; `sentence` is what a user reads who wrote
/// another.
fn text(max: u32, shape: &str, sentence: &str) -> Schema {
    let shape = shape.replace('\\', r"\\");
    json_schema!({
        "type": "string",
        "maxLength": max,
        "x-kubernetes-validations": [{"rule": format!("self.matches('{shape}')"), "message": sentence}],
    })
}

/// Schema of an item of a list so long that a rule on each would be dear: a bare pattern.
fn listed(max: u32, shape: &str) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": max, "pattern": shape})
}

/// Free text of at most `MAX` characters.
pub(super) fn free_text<const MAX: u32>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX})
}

/// Name of a Kubernetes object that others refer to.
pub(super) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "write a name of small letters, digits, hyphens and dots, such as office-hours",
    )
}

/// Name of a namespace.
pub(super) fn namespace_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "write a namespace's name of small letters, digits and hyphens, such as acme",
    )
}

/// Name of an item inside an object: a destination, a rule, a package, a grade.
pub(super) fn item_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "write a name of letters, digits, hyphens, underscores and dots, such as south-by-day",
    )
}

/// Key inside a Secret's data.
pub(super) fn secret_key(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        "^[-._a-zA-Z0-9]+$",
        "write the key inside the Secret's data: letters, digits, hyphens, underscores and dots, such as token",
    )
}

/// A 400 number: exactly ten digits.
pub(super) fn number(_: &mut SchemaGenerator) -> Schema {
    text(32, "^400[0-9]{7}$", "write the ten digits of a 400 number without spaces or hyphens, such as 4001000868")
}

/// A phone number as people write it.
pub(super) fn phone(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 32})
}

const CALLER_PATTERN: &str = "^[0-9]+\\*?$";

/// Digits of a caller's national form with an optional final `*`.
pub(super) fn caller_pattern(_: &mut SchemaGenerator) -> Schema {
    text(
        24,
        CALLER_PATTERN,
        "write a caller's digits as dialled at home, with an optional `*` at the end, such as 13900001111 or 0105555*",
    )
}

/// The same in a deny list.
pub(super) fn denied_caller(_: &mut SchemaGenerator) -> Schema {
    listed(24, CALLER_PATTERN)
}

const AREA: &str = "^(0[0-9]{2,3}|Unknown)$";

/// An area code written with its 0, or `Unknown`.
pub(super) fn area(_: &mut SchemaGenerator) -> Schema {
    text(8, AREA, "write an area code with its 0, such as 0755, or Unknown")
}

/// A province as the area table writes it. Which there are is the pure check's.
pub(super) fn province(_: &mut SchemaGenerator) -> Schema {
    text(16, "^[\\x{4e00}-\\x{9fff}]{2,16}$", "write a province by its Chinese name, such as 广东")
}

/// The same in a list of screening.
pub(super) fn screened_area(_: &mut SchemaGenerator) -> Schema {
    listed(8, AREA)
}

/// A header field that may travel on: none by which a request finds its way, its end or its rights.
pub(super) fn passed_header(_: &mut SchemaGenerator) -> Schema {
    text(
        64,
        "^([XP]-[A-Za-z0-9][A-Za-z0-9-]{0,60}|User-to-User|Subject|Priority|Alert-Info|Call-Info)$",
        "write a header field that may travel on, such as X-Customer or User-to-User",
    )
}

/// A pattern of 400 numbers, matched at their end.
pub(super) fn number_pattern(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "^(\\*|[0-9A-Z?]{1,10})$",
        "write up to ten digits, capital letters and question marks, such as AABB or 168, or `*` alone",
    )
}

/// An amount of yuan, not negative, with at most six decimals.
pub(super) fn money(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$",
        "write yuan with at most twelve digits before the point and six after it, such as 0.15",
    )
}

/// An amount of yuan that may be negative.
pub(super) fn signed_money(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "^-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$",
        "write yuan, below zero or above it, with at most twelve digits before the point and six after it, such as -100.50",
    )
}

/// A percentage from 0 to 100 with at most two decimals.
pub(super) fn percent(_: &mut SchemaGenerator) -> Schema {
    text(
        16,
        "^(100(\\.0{1,2})?|[1-9]?[0-9](\\.[0-9]{1,2})?)$",
        "write a percentage from 0 to 100 with at most two decimals, such as 6 or 12.5",
    )
}

/// A civil date such as `2026-11-23`.
pub(super) fn date(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "write the year with four digits, month and day with two each, such as 2026-11-03",
    )
}

/// A civil month such as `2026-11`.
pub(super) fn month(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 7})
}

/// A time of day from `00:00` to `24:00`.
pub(super) fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    text(
        16,
        "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        "write hours and minutes with two digits each, from 00:00 to 24:00, such as 09:00",
    )
}

/// An instant: RFC 3339 with offset.
pub(super) fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 40})
}

/// Name of a zone of the IANA time zone database.
pub(super) fn time_zone(_: &mut SchemaGenerator) -> Schema {
    text(64, "^[A-Za-z0-9_+/-]+$", "write the name of a zone of the IANA database, such as Asia/Shanghai")
}

/// A digest as this project writes it.
pub(super) fn digest(_: &mut SchemaGenerator) -> Schema {
    text(
        128,
        "^sha256:[0-9a-f]{64}$",
        "write the whole digest, `sha256:` and 64 hexadecimal digits: `fourhundred approve` prints an Approval with it",
    )
}

/// Host name or address of a SIP peer.
pub(super) fn host(_: &mut SchemaGenerator) -> Schema {
    text(
        253,
        "^[A-Za-z0-9.:_\\[\\]-]+$",
        "write a host name or an address without a port, such as sbc.example.com or 10.0.3.20",
    )
}

/// A network in CIDR form.
pub(super) fn network(_: &mut SchemaGenerator) -> Schema {
    text(
        64,
        "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
        "write a network as address and length of its prefix, such as 10.0.0.0/8, or 10.0.3.20/32 for one host",
    )
}

/// A SIP URI.
pub(super) fn sip_uri(_: &mut SchemaGenerator) -> Schema {
    text(256, "^sips?:[^\\s<>\"]+$", "write a SIP URI, such as sip:busy@10.0.3.30")
}

/// An amount of storage such as `10Gi`.
pub(super) fn quantity(_: &mut SchemaGenerator) -> Schema {
    text(20, "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$", "write an amount of storage, such as 10Gi")
}

/// Key of a label, prefix included.
pub(super) fn label_key(_: &mut SchemaGenerator) -> Schema {
    text(
        317,
        "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "write the key of a label, such as kubernetes.io/metadata.name",
    )
}

/// Value of a label.
pub(super) fn label_value(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "write the value of a label: letters, digits, hyphens, underscores and dots, such as acme",
    )
}
