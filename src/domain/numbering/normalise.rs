//! From what people and switches write to the national form, once, at the edge. Pure; allocates nothing unless the
//! steps are asked for.
//!
//! In this order: full-width to ASCII; spaces, hyphens and brackets dropped; a carrier-select prefix (179xx, 125xx)
//! dropped when a whole number remains; `+86`, `0086` or `86` dropped when a whole number remains (`8612 3456` is a
//! local number and stays); a `0` before a mobile dropped. A `+` that is left is written `00`.

use std::fmt;

use super::area_code::AreaCode;
use super::destination::LineClass;
use super::national::{MAX_DIGITS, NationalNumber};

/// Longest text that is looked at, in characters.
pub const MAX_INPUT_CHARS: usize = 64;

/// Text that holds no telephone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    #[error("it is longer than {MAX_INPUT_CHARS} characters")]
    TooLong,
    #[error("it has no digit")]
    NoDigit,
    #[error("it has more than {MAX_DIGITS} digits")]
    TooManyDigits,
    #[error("{0:?} does not belong in a telephone number")]
    Stray(char),
}

/// What was done to a text, for a reader who asks why a number came out as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    FullWidth,
    Punctuation,
    /// The five digits of the prefix, as an integer.
    CarrierSelect(u32),
    CountryCode,
    TrunkZeroAdded,
    ZeroBeforeMobile,
    PlusAsZeros,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullWidth => f.write_str("full-width characters written in ASCII"),
            Self::Punctuation => f.write_str("spaces, hyphens and brackets dropped"),
            Self::CarrierSelect(prefix) => write!(f, "carrier-select prefix {prefix} dropped"),
            Self::CountryCode => f.write_str("country code 86 dropped"),
            Self::TrunkZeroAdded => f.write_str("0 written before the area code"),
            Self::ZeroBeforeMobile => f.write_str("0 before a mobile number dropped"),
            Self::PlusAsZeros => f.write_str("+ of an overseas number written 00"),
        }
    }
}

/// The national form of what was written. It need not be a valid number: service codes, local numbers without their
/// area code and numbers from overseas pass.
///
/// ```
/// use fourhundred::domain::numbering::normalise;
/// assert_eq!(normalise("+86 (10) 8888-0001")?.as_str(), "01088880001");
/// assert_eq!(normalise("17951 013800138000")?.as_str(), "13800138000");
/// assert_eq!(normalise("8612 3456")?.as_str(), "86123456");
/// assert_eq!(normalise("+1 212 555 0100")?.as_str(), "0012125550100");
/// # Ok::<(), fourhundred::domain::numbering::NormaliseError>(())
/// ```
pub fn normalise(text: &str) -> Result<NationalNumber, NormaliseError> {
    walk(text, &mut |_| ())
}

/// [`normalise`], with the steps that changed something, in order.
pub fn normalise_explained(text: &str) -> (Result<NationalNumber, NormaliseError>, Vec<Step>) {
    let mut steps = Vec::new();
    let number = walk(text, &mut |step| steps.push(step));
    (number, steps)
}

fn walk(text: &str, step: &mut impl FnMut(Step)) -> Result<NationalNumber, NormaliseError> {
    let written = Written::read(text)?;
    if written.full_width {
        step(Step::FullWidth);
    }
    if written.punctuation {
        step(Step::Punctuation);
    }
    let mut digits = written.digits();

    if !written.plus
        && let Some((prefix, rest)) = split_carrier_select(digits)
        && (is_whole(rest) || after_country_code(rest).is_some())
    {
        step(Step::CarrierSelect(prefix));
        digits = rest;
    }
    let after = if written.plus { digits.strip_prefix("86").and_then(whole) } else { after_country_code(digits) };
    if let Some((number, trunk_zero)) = after {
        step(Step::CountryCode);
        if trunk_zero == TrunkZero::Added {
            step(Step::TrunkZeroAdded);
        }
        return Ok(without_zero_before_mobile(number, step));
    }
    if written.plus {
        step(Step::PlusAsZeros);
        return NationalNumber::concat("00", digits).ok_or(NormaliseError::TooManyDigits);
    }
    let number = NationalNumber::from_digits(digits).ok_or(NormaliseError::TooManyDigits)?;
    Ok(without_zero_before_mobile(number, step))
}

fn without_zero_before_mobile(number: NationalNumber, step: &mut impl FnMut(Step)) -> NationalNumber {
    let mobile = number.as_str().strip_prefix('0').filter(|rest| is_mobile(rest)).and_then(NationalNumber::from_digits);
    if mobile.is_some() {
        step(Step::ZeroBeforeMobile);
    }
    mobile.unwrap_or(number)
}

/// Eleven digits, `1` and then `3` to `9`.
pub(super) fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && matches!(digits.as_bytes().get(1), Some(b'3'..=b'9'))
}

/// The local part of a fixed number: seven or eight digits, the first of them 2 to 8.
pub(super) fn is_local(digits: &str) -> bool {
    matches!(digits.len(), 7 | 8) && matches!(digits.as_bytes().first(), Some(b'2'..=b'8'))
}

/// `0`, an area code in use and a local part.
fn is_fixed(digits: &str) -> bool {
    AreaCode::split(digits).is_some_and(|(area, local)| is_local(local) && area.is_in_use())
}

/// What kind of line whole national digits are of.
pub(super) fn line_class(digits: &str) -> Option<LineClass> {
    if is_mobile(digits) { Some(LineClass::Mobile) } else { is_fixed(digits).then_some(LineClass::Fixed) }
}

/// 400 and 800 numbers, which have no area.
fn is_nation_wide(digits: &str) -> bool {
    digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"))
}

/// Whether digits are a whole mainland number as dialled inside the mainland.
fn is_whole(digits: &str) -> bool {
    is_mobile(digits) || digits.strip_prefix('0').is_some_and(is_mobile) || is_fixed(digits) || is_nation_wide(digits)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TrunkZero {
    Written,
    Added,
}

/// What follows a country code, in national form: there a fixed number is written without its `0`, or by mistake with.
fn whole(digits: &str) -> Option<(NationalNumber, TrunkZero)> {
    if is_whole(digits) {
        return Some((NationalNumber::from_digits(digits)?, TrunkZero::Written));
    }
    let number = NationalNumber::concat("0", digits)?;
    is_fixed(number.as_str()).then_some((number, TrunkZero::Added))
}

fn after_country_code(digits: &str) -> Option<(NationalNumber, TrunkZero)> {
    digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).and_then(whole)
}

/// Whether digits begin as carrier-select prefixes do: 179 or 125.
pub(super) fn begins_with_carrier_select(digits: &str) -> bool {
    digits.starts_with("179") || digits.starts_with("125")
}

fn split_carrier_select(digits: &str) -> Option<(u32, &str)> {
    let (prefix, rest) = digits.split_at_checked(5).filter(|(prefix, _)| begins_with_carrier_select(prefix))?;
    Some((prefix.parse().ok()?, rest))
}

/// A text reduced to its digits.
struct Written {
    digits: [u8; MAX_DIGITS],
    len: usize,
    plus: bool,
    full_width: bool,
    punctuation: bool,
}

impl Written {
    fn read(text: &str) -> Result<Self, NormaliseError> {
        let mut written = Self { digits: [0; MAX_DIGITS], len: 0, plus: false, full_width: false, punctuation: false };
        for (place, character) in text.chars().enumerate() {
            if place >= MAX_INPUT_CHARS {
                return Err(NormaliseError::TooLong);
            }
            let ascii = to_ascii(character);
            written.full_width |= ascii != character;
            match ascii {
                '0'..='9' => {
                    let free = written.digits.get_mut(written.len).ok_or(NormaliseError::TooManyDigits)?;
                    *free = u8::try_from(ascii).unwrap_or(b'0');
                    written.len += 1;
                }
                '+' if written.len == 0 && !written.plus => written.plus = true,
                _ if is_punctuation(ascii) => written.punctuation = true,
                _ => return Err(NormaliseError::Stray(character)),
            }
        }
        if written.len == 0 { Err(NormaliseError::NoDigit) } else { Ok(written) }
    }

    fn digits(&self) -> &str {
        self.digits.get(..self.len).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }
}

/// The ASCII twin of a full-width character (U+FF01 to U+FF5E), any other as it is.
fn to_ascii(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

/// What people put between digits. Beside ASCII: every Unicode space (no-break and ideographic among them) and dash,
/// the dot of RFC 3966 §3, Chinese brackets, and the invisible marks that address books paste along with a number.
fn is_punctuation(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '.' | '(' | ')' | '[' | ']' | '【' | '】' | '〔' | '〕')
        || matches!(character, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{00AD}')
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dialled_forms_come_out_in_national_form() {
        for (written, national) in [
            ("13800138000", "13800138000"),
            ("138 0013 8000", "13800138000"),
            ("１３８－００１３－８０００", "13800138000"),
            ("013800138000", "13800138000"),
            ("+86-138-0013-8000", "13800138000"),
            ("8613800138000", "13800138000"),
            ("0086 013800138000", "13800138000"),
            ("1795113800138000", "13800138000"),
            ("12593 013800138000", "13800138000"),
            ("17911 86 138 0013 8000", "13800138000"),
            ("010-8888 0001", "01088880001"),
            ("（010）8888\u{2013}0001", "01088880001"),
            ("(010)\u{a0}88880001\u{202c}", "01088880001"),
            ("+86 10 8888 0001", "01088880001"),
            ("+86 (010) 8888 0001", "01088880001"),
            ("+86 755 6666 0002", "075566660002"),
            ("17951 0755 6666 0002", "075566660002"),
            ("+86 400 100 0868", "4001000868"),
            ("86 800 810 0001", "8008100001"),
            ("+1 (212) 555-0100", "0012125550100"),
            ("0012125550100", "0012125550100"),
            // Nothing whole would remain.
            ("8612 3456", "86123456"),
            ("861 2345", "8612345"),
            ("17951", "17951"),
            ("17951 8888 0001", "1795188880001"),
            ("12593", "12593"),
            ("+8610086", "008610086"),
            ("+86 565 666 0001", "00865656660001"),
            ("10086", "10086"),
            ("95588", "95588"),
        ] {
            assert_eq!(normalise(written).map(|n| n.to_string()), Ok(national.to_owned()), "{written}");
        }
    }

    #[test]
    fn text_without_a_number_is_told_apart() {
        assert_eq!(normalise(""), Err(NormaliseError::NoDigit));
        assert_eq!(normalise("+ -"), Err(NormaliseError::NoDigit));
        assert_eq!(normalise("anonymous"), Err(NormaliseError::Stray('a')));
        assert_eq!(normalise("138****8000"), Err(NormaliseError::Stray('*')));
        assert_eq!(normalise("138+0013"), Err(NormaliseError::Stray('+')));
        assert_eq!(normalise("++8613800138000"), Err(NormaliseError::Stray('+')));
        assert_eq!(normalise(&"1".repeat(25)), Err(NormaliseError::TooManyDigits));
        assert_eq!(normalise(&format!("+{}", "1".repeat(23))), Err(NormaliseError::TooManyDigits));
        assert_eq!(normalise(&" ".repeat(65)), Err(NormaliseError::TooLong));
    }

    #[test]
    fn the_steps_tell_what_was_done_and_in_which_order() {
        use Step::{CarrierSelect, CountryCode, FullWidth, PlusAsZeros, Punctuation, TrunkZeroAdded, ZeroBeforeMobile};
        let steps = |text| normalise_explained(text).1;
        assert_eq!(steps("01088880001"), []);
        assert_eq!(
            steps("１７９５１ 0086 0138 0013 8000"),
            [FullWidth, Punctuation, CarrierSelect(17951), CountryCode, ZeroBeforeMobile]
        );
        assert_eq!(steps("+861088880001"), [CountryCode, TrunkZeroAdded]);
        assert_eq!(steps("+12125550100"), [PlusAsZeros]);
        assert_eq!(CarrierSelect(12593).to_string(), "carrier-select prefix 12593 dropped");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(
            text in "(17951|12593|\\+|00)?(86|0086)?(0?1[3-9][0-9]{9}|0?10[0-9]{8}|0?755[0-9]{7,8}|400[0-9]{7}|[0-9 -]{1,13})",
        ) {
            if let Ok(once) = normalise(&text) {
                prop_assert_eq!(normalise(once.as_str()), Ok(once));
            }
        }

        #[test]
        fn any_text_is_answered_and_explained_alike(text in "\\PC{0,70}") {
            prop_assert_eq!(normalise(&text), normalise_explained(&text).0);
        }

        #[test]
        fn international_and_national_forms_normalise_alike(
            national in prop_oneof!["1[3-9][0-9]{9}", "010[2-8][0-9]{7}", "0755[2-8][0-9]{7}", "0898[2-8][0-9]{6,7}"],
            country in prop_oneof!["\\+86", "0086", "86", "\\+86 ", "＋86-"],
        ) {
            let significant = national.strip_prefix('0').unwrap_or(&national);
            let expected = normalise(&national);
            prop_assert_eq!(expected.map(|n| n.to_string()), Ok(national.clone()));
            prop_assert_eq!(normalise(&format!("{country}{significant}")), expected);
            prop_assert_eq!(normalise(&format!("17951{national}")), expected);
        }
    }
}
