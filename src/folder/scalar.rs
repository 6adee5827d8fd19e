//! What an unquoted YAML word means to kubectl: the rules of its library (sigs.k8s.io/yaml 1.6 over go-yaml 2), which
//! are YAML 1.1 with Go's own integers. Pure; the table in the tests holds that library's answers, the rest follows its
//! source.
//!
//! Surprising on purpose: `0755` is 493, `020` is 16, `0898` is 898 (not octal, so a decimal fraction without one),
//! `no` is false, `+8610` is a number; dates and times of day stay text.

use serde_json::{Number, Value};

/// The meaning of an unquoted word.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    Text,
    Null,
    Bool(bool),
    Number(Number),
    /// `.nan`, `.inf`: a number that JSON cannot hold; kubectl fails on it.
    NotFinite,
}

impl Word {
    /// The JSON value of `written`; `None` where JSON has none.
    pub fn value(&self, written: &str) -> Option<Value> {
        Some(match self {
            Self::Text => Value::String(written.to_owned()),
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::NotFinite => return None,
        })
    }
}

/// Reads an unquoted word as kubectl does.
pub fn read_plain(written: &str) -> Word {
    match written {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Word::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Word::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Word::Null,
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => Word::NotFinite,
        _ => match written.as_bytes().first() {
            Some(b'.') => fraction_with_underscores(written),
            Some(b'+' | b'-' | b'0'..=b'9') => digits(&written.replace('_', "")),
            _ => Word::Text,
        },
    }
}

fn digits(plain: &str) -> Word {
    if let Some(number) = integer(plain) {
        return Word::Number(number);
    }
    if is_decimal(plain) {
        return decimal(plain);
    }
    // Go's reader allows a sign after the prefix: `0b-101`.
    plain
        .strip_prefix("0b")
        .and_then(|rest| i64::from_str_radix(rest, 2).ok())
        .map_or(Word::Text, |value| Word::Number(value.into()))
}

/// Go's `ParseInt(text, 0, 64)`, then `ParseUint`: a prefix or a leading 0 chooses the base.
fn integer(plain: &str) -> Option<Number> {
    let (negative, signed, magnitude) = match plain.as_bytes().first()? {
        b'-' => (true, true, plain.get(1..)?),
        b'+' => (false, true, plain.get(1..)?),
        _ => (false, false, plain),
    };
    let (base, body) = base_of(magnitude)?;
    if !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    // "0" alone is an octal number without digits.
    let value = if body.is_empty() { 0 } else { u64::from_str_radix(body, base).ok()? };
    if negative {
        return 0_i64.checked_sub_unsigned(value).map(Number::from);
    }
    if signed {
        return i64::try_from(value).ok().map(Number::from);
    }
    Some(Number::from(value))
}

fn base_of(magnitude: &str) -> Option<(u32, &str)> {
    let Some(rest) = magnitude.strip_prefix('0') else {
        return (!magnitude.is_empty()).then_some((10, magnitude));
    };
    let base = match rest.as_bytes() {
        [b'x' | b'X', _, ..] => 16,
        [b'b' | b'B', _, ..] => 2,
        [b'o' | b'O', _, ..] => 8,
        _ => return Some((8, rest)),
    };
    rest.get(1..).map(|body| (base, body))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(plain: &str) -> bool {
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_stands = all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_stands = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && all_digits(text)
    });
    mantissa_stands && exponent_stands
}

/// A word that begins with a dot goes to Go's `ParseFloat` as it is: underscores only between digits.
fn fraction_with_underscores(written: &str) -> Word {
    let bytes = written.as_bytes();
    let stands = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let digit = |index: Option<usize>| index.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(at.checked_add(1))
    });
    let plain = written.replace('_', "");
    if stands && is_decimal(&plain) { decimal(&plain) } else { Word::Text }
}

/// A decimal as Go prints it into JSON: whole values without a fraction, so that `100.00` is the integer 100.
fn decimal(plain: &str) -> Word {
    let Some(value) = plain.parse::<f64>().ok().filter(|value| value.is_finite()) else {
        return Word::Text;
    };
    let shortest = value.to_string();
    let whole = shortest.parse::<i64>().map(Number::from).or_else(|_| shortest.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(value)).map_or(Word::Text, Word::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(written, JSON)`, the right column as sigs.k8s.io/yaml 1.6.0 answers.
    const MEASURED: &[(&str, &str)] = &[
        ("0755", "493"),
        ("020", "16"),
        ("0898", "898"),
        ("010", "8"),
        ("0", "0"),
        ("00", "0"),
        ("-0", "0"),
        ("+0", "0"),
        ("007", "7"),
        ("08", "8"),
        ("09", "9"),
        ("0_8", "8"),
        ("-0755", "-493"),
        ("+0755", "493"),
        ("0_755", "493"),
        ("1_000", "1000"),
        ("1_", "1"),
        ("1__0", "10"),
        ("-_1", "-1"),
        ("+8610", "8610"),
        ("+861088880001", "861088880001"),
        ("-12", "-12"),
        ("4001000868", "4001000868"),
        ("on", "true"),
        ("On", "true"),
        ("ON", "true"),
        ("off", "false"),
        ("Off", "false"),
        ("OFF", "false"),
        ("y", "true"),
        ("Y", "true"),
        ("yes", "true"),
        ("Yes", "true"),
        ("YES", "true"),
        ("n", "false"),
        ("N", "false"),
        ("no", "false"),
        ("No", "false"),
        ("NO", "false"),
        ("true", "true"),
        ("True", "true"),
        ("TRUE", "true"),
        ("false", "false"),
        ("False", "false"),
        ("FALSE", "false"),
        ("null", "null"),
        ("Null", "null"),
        ("NULL", "null"),
        ("~", "null"),
        ("", "null"),
        ("0x1F", "31"),
        ("0X1f", "31"),
        ("-0x1f", "-31"),
        ("0x_1F", "31"),
        ("0xFFFFFFFFFFFFFFFF", "18446744073709551615"),
        ("0b101", "5"),
        ("-0b101", "-5"),
        ("+0b101", "5"),
        ("-0b11111", "-31"),
        ("0o17", "15"),
        ("0O17", "15"),
        ("-0o17", "-15"),
        ("1.5", "1.5"),
        ("1.", "1"),
        (".5", "0.5"),
        ("+.5", "0.5"),
        ("-.5", "-0.5"),
        (".5_5", "0.55"),
        (".1_0", "0.1"),
        (".1e2", "10"),
        ("1_0.5", "10.5"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("1_e3", "1000"),
        ("1.5e-7", "1.5e-7"),
        ("0.10", "0.1"),
        ("100.00", "100"),
        ("0.0", "0"),
        ("0.000001", "0.000001"),
        ("123456789.125", "123456789.125"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
    ];

    /// Words that stay text.
    const TEXT: &[&str] = &[
        "_1",
        "oN",
        "yEs",
        "tRUE",
        "nULL",
        "0b102",
        "1e400",
        "09:00",
        "24:00",
        "9:30",
        "190:20:30",
        "2026-11-23",
        "2026-11-23T20:00:00+08:00",
        "2026-11-23 10:00:00",
        "2026-13-45",
        "2026-11",
        "138 0013 8000",
        "010-8888",
        "0x",
        "0b",
        ".",
        "..",
        "+",
        "-x",
        "0898*",
        "1,000",
        "12abc",
        "0x1p-2",
        ".0x1p-2",
        ".infinity",
        "=",
        "<<",
        "00x1",
        "0x1g",
        "010-8888 0001",
        "+86 755 6666 0002",
    ];

    #[test]
    fn words_mean_what_kubectl_reads() {
        for (written, json) in MEASURED {
            let expected: Value = serde_json::from_str(json).expect("the table's JSON");
            assert_eq!(read_plain(written).value(written), Some(expected), "{written}");
        }
    }

    #[test]
    fn dates_times_and_numbers_with_blanks_stay_text() {
        for written in TEXT {
            assert_eq!(read_plain(written), Word::Text, "{written}");
        }
    }

    #[test]
    fn infinities_have_no_json() {
        for written in [".inf", "-.Inf", "+.INF", ".nan", ".NaN"] {
            assert_eq!(read_plain(written).value(written), None, "{written}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_read_without_a_panic(written in "[-+._0-9a-fxobeEyn:]{0,24}|\\PC{0,16}") {
            let _ = read_plain(&written);
        }

        #[test]
        fn a_decimal_without_a_leading_zero_is_itself(value in 1_i64..=i64::MAX) {
            let written = value.to_string();
            proptest::prop_assert_eq!(read_plain(&written), Word::Number(value.into()));
        }
    }
}
