//! Schemas of the scalars that the kinds share: names, money, civil dates, times of day, instants, phone text.
//!
//! The pattern keeps out what can never be meant; whether the value exists (a 30 February, an unknown zone, a
//! destination that is no mainland number) is the pure check's to say, in a sentence.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

/// Schema of a string: `min..=max` characters that match `pattern`.
fn text(min: u32, max: u32, pattern: &str) -> Schema {
    json_schema!({"type": "string", "minLength": min, "maxLength": max, "pattern": pattern})
}

/// Free text of at most `MAX` characters.
pub(super) fn free_text<const MAX: u32>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX})
}

/// Name of a Kubernetes object that others refer to.
pub(super) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(1, 63, "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
}

/// Name of an item inside an object: a destination, a rule, a package, a grade.
pub(super) fn item_name(_: &mut SchemaGenerator) -> Schema {
    text(1, 63, "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
}

/// Key inside a Secret's data.
pub(super) fn secret_key(_: &mut SchemaGenerator) -> Schema {
    text(1, 253, "^[-._a-zA-Z0-9]+$")
}

/// A 400 number: exactly ten digits.
pub(super) fn number(_: &mut SchemaGenerator) -> Schema {
    text(10, 10, "^400[0-9]{7}$")
}

/// A phone number as people write it.
pub(super) fn phone(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 3, "maxLength": 32})
}

/// Digits of a caller's national form with an optional final `*`.
pub(super) fn caller_pattern(_: &mut SchemaGenerator) -> Schema {
    text(1, 24, "^[0-9]+\\*?$")
}

/// An area code written with its 0, or `Unknown`.
pub(super) fn area(_: &mut SchemaGenerator) -> Schema {
    text(3, 8, "^(0[0-9]{2,3}|Unknown)$")
}

/// A pattern of 400 numbers, matched at their end.
pub(super) fn number_pattern(_: &mut SchemaGenerator) -> Schema {
    text(1, 10, "^(\\*|[0-9A-Z?]+)$")
}

/// An amount of yuan, not negative, with at most six decimals.
pub(super) fn money(_: &mut SchemaGenerator) -> Schema {
    text(1, 19, "^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$")
}

/// An amount of yuan that may be negative.
pub(super) fn signed_money(_: &mut SchemaGenerator) -> Schema {
    text(1, 20, "^-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$")
}

/// A percentage with at most two decimals.
pub(super) fn percent(_: &mut SchemaGenerator) -> Schema {
    text(1, 6, "^(100|[1-9]?[0-9])(\\.[0-9]{1,2})?$")
}

/// A civil date such as `2026-11-23`.
pub(super) fn date(_: &mut SchemaGenerator) -> Schema {
    text(10, 10, "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
}

/// A civil month such as `2026-11`.
pub(super) fn month(_: &mut SchemaGenerator) -> Schema {
    text(7, 7, "^[0-9]{4}-(0[1-9]|1[0-2])$")
}

/// A time of day from `00:00` to `24:00`.
pub(super) fn time_of_day(_: &mut SchemaGenerator) -> Schema {
    text(5, 5, "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
}

/// An instant: RFC 3339 with offset.
pub(super) fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 40})
}

/// Name of a zone of the IANA time zone database.
pub(super) fn time_zone(_: &mut SchemaGenerator) -> Schema {
    text(1, 64, "^[A-Za-z0-9_+/-]+$")
}

/// A digest as this project writes it.
pub(super) fn digest(_: &mut SchemaGenerator) -> Schema {
    text(71, 71, "^sha256:[0-9a-f]{64}$")
}

/// Host name or address of a SIP peer.
pub(super) fn host(_: &mut SchemaGenerator) -> Schema {
    text(1, 253, "^[A-Za-z0-9.:_\\[\\]-]+$")
}

/// A network in CIDR form.
pub(super) fn network(_: &mut SchemaGenerator) -> Schema {
    text(4, 43, "^[0-9A-Fa-f.:]+/[0-9]{1,3}$")
}

/// A SIP URI.
pub(super) fn sip_uri(_: &mut SchemaGenerator) -> Schema {
    text(5, 256, "^sips?:[^\\s<>\"]+$")
}

/// An amount of storage such as `10Gi`.
pub(super) fn quantity(_: &mut SchemaGenerator) -> Schema {
    text(1, 20, "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$")
}

/// Key of a label, prefix included.
pub(super) fn label_key(_: &mut SchemaGenerator) -> Schema {
    text(1, 317, "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
}

/// Value of a label.
pub(super) fn label_value(_: &mut SchemaGenerator) -> Schema {
    text(0, 63, "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
}
