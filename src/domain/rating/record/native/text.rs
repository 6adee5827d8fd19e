//! What the forms share: a JSON object's fields by path, digits out of a dialled resource, rows of a CSV text.

use jiff::Timestamp;
use memchr::memchr_iter;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::NativeError;

/// Reads a JSON object.
pub(super) fn object(text: &[u8]) -> Result<Value, NativeError> {
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| NativeError::Json { line: error.line(), column: error.column() })?;
    if value.is_object() { Ok(value) } else { Err(NativeError::Json { line: 1, column: 1 }) }
}

/// The value at a dotted path, as text without percent-encoding; `None` where it is absent or empty. A name may itself
/// hold dots: the longest one that is there wins.
pub(super) fn field(object: &Value, path: &str) -> Option<String> {
    let value = at(object, path)?;
    let text = match value {
        Value::String(text) => percent_decode_str(text).decode_utf8().ok()?.into_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.match_indices('.').rev().find_map(|(dot, _)| {
        let (name, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
        at(value.get(name)?, rest)
    })
}

/// Seconds since 1970 with an optional fraction, cut off to microseconds: `1764122407.123456`.
pub(super) fn unix_seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 11 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Timestamp::from_microsecond(whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?).ok()
}

/// Rows of a CSV text with the line (from 1) each begins at; blank ones are passed over. A line end inside quotes
/// belongs to its row.
pub fn rows(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut quoted = false;
    // Doubled quotes inside quotes open and close again at once: their parity is that of the row.
    let lines = text.split_inclusive(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b'\n' && !quoted
    });
    let mut next = 1;
    lines.filter_map(move |row| {
        let line = next;
        next += memchr_iter(b'\n', row).count();
        let row = row.trim_ascii();
        (!row.is_empty()).then_some((line, row))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_goes_through_names_that_hold_dots() {
        let object = json!({"variables": {"sip_h_X-Called": "40010%300868", "sip.to.user": "a%20b", "empty": " ", "n": 7},
            "a.b": {"c": "1"}, "a": {"b": {"c": "2"}}});
        assert_eq!(field(&object, "variables.sip_h_X-Called").as_deref(), Some("4001000868"));
        assert_eq!(field(&object, "variables.sip.to.user").as_deref(), Some("a b"));
        assert_eq!(field(&object, "variables.n").as_deref(), Some("7"));
        assert_eq!(field(&object, "a.b.c").as_deref(), Some("1"));
        for path in ["variables.empty", "variables", "variables.none", "", ".", "..", "variables."] {
            assert_eq!(field(&object, path), None, "{path:?}");
        }
    }

    #[test]
    fn seconds_since_1970_may_have_a_fraction() {
        let at = |text| unix_seconds(text).map(Timestamp::as_microsecond);
        assert_eq!(at("1764122407"), Some(1_764_122_407_000_000));
        assert_eq!(at("1764122407.5"), Some(1_764_122_407_500_000));
        assert_eq!(at("1764122407.1234569"), Some(1_764_122_407_123_456));
        for text in ["", ".5", "-1", "1e9", "176412240700", "17x", "1.2.3", " 1"] {
            assert_eq!(at(text), None, "{text:?}");
        }
    }

    #[test]
    fn rows_end_at_line_ends_that_no_quotes_enclose() {
        let text = b"a,b\r\n\n\"c\nd\",\"e \"\"f\"\"\"\ng";
        let found: Vec<_> = rows(text).map(|(line, row)| (line, std::str::from_utf8(row).unwrap())).collect();
        assert_eq!(found, [(1, "a,b"), (3, "\"c\nd\",\"e \"\"f\"\"\""), (5, "g")]);
    }
}
