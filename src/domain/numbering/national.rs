//! Digits held inline: numbers in national form and their international twin. Pure, `Copy`, no allocation.
//!
//! `Debug` masks the middle digits, so that a `{:?}` in a log line or an error never shows a customer's number;
//! `Display` and `as_str` write it in full and are for wires and files.

use std::cmp::Ordering;
use std::fmt;

use super::destination::LineClass;
use super::normalise::line_class;

/// Most digits a number may have: 15 (ITU-T E.164) + `00` + a carrier-select prefix, with room to spare.
pub const MAX_DIGITS: usize = 24;

/// A telephone number in national form, as bare ASCII digits: `01088880001`, `13800138000`, `10086`; numbers from
/// overseas begin with `00`. One to [`MAX_DIGITS`] digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NationalNumber {
    // Unused bytes are 0, so that comparing the array compares the text.
    digits: [u8; MAX_DIGITS],
    len: u8,
}

/// By digits, as text is ordered.
impl Ord for NationalNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.words().cmp(&other.words())
    }
}

impl PartialOrd for NationalNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl NationalNumber {
    /// Takes ASCII digits as they are. `None` when there is none, another character, or more than [`MAX_DIGITS`].
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits = [0; MAX_DIGITS];
        digits.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { digits, len: u8::try_from(bytes.len()).ok()? })
    }

    /// Digits that are known to be, followed by zero bytes.
    pub(super) fn padded<const N: usize>(text: [u8; N], len: u8) -> Self {
        let mut digits = [0; MAX_DIGITS];
        for (into, digit) in digits.iter_mut().zip(text) {
            *into = digit;
        }
        Self { digits, len }
    }

    /// The digits eight at a time, for comparisons: every call makes some, and a call to compare bytes takes longer.
    pub(super) fn words(&self) -> [u64; MAX_DIGITS / 8] {
        let (eights, _) = self.digits.as_chunks::<8>();
        let mut eights = eights.iter().map(|eight| u64::from_be_bytes(*eight));
        std::array::from_fn(|_| eights.next().unwrap_or(0))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored, so the empty fallback is out of reach.
        self.digits.get(..usize::from(self.len)).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    /// What kind of mainland line it is; `None` for a service code, a 400 or 800 number, one from overseas.
    #[must_use]
    pub fn line_class(&self) -> Option<LineClass> {
        line_class(self.as_str())
    }

    /// The number with its middle digits hidden, for logs and messages: `138****8000`.
    #[must_use]
    pub fn masked(&self) -> Masked {
        Masked(Some(*self))
    }

    /// `head` followed by `tail`, both ASCII digits.
    pub(super) fn concat(head: &str, tail: &str) -> Option<Self> {
        let mut digits = [0; MAX_DIGITS];
        let len = head.len().checked_add(tail.len())?;
        digits.get_mut(..head.len())?.copy_from_slice(head.as_bytes());
        digits.get_mut(head.len()..len)?.copy_from_slice(tail.as_bytes());
        let all_digits = digits.get(..len)?.iter().all(u8::is_ascii_digit);
        (all_digits && len > 0).then_some(Self { digits, len: u8::try_from(len).ok()? })
    }
}

impl fmt::Display for NationalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NationalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.masked(), f)
    }
}

/// A mainland number in international form without its `+`: `861088880001` (ITU-T E.164).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164Number(pub(super) NationalNumber);

impl E164Number {
    /// The digits, country code first.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for E164Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for E164Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.masked(), f)
    }
}

/// A number as logs and status may show it; without a number, `anonymous`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Masked(pub(super) Option<NationalNumber>);

/// How many digits stay in clear before and after the stars. Service codes (`10086`, `95588`) belong to no person.
pub(super) fn digits_in_clear(digits: usize) -> (usize, usize) {
    match digits {
        0..=6 => (digits, 0),
        7..=10 => (2, 2),
        _ => (3, 4),
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let Some(number) = &self.0 else { return f.write_str("anonymous") };
        let digits = number.as_str();
        let (head, tail) = digits_in_clear(digits.len());
        for (place, digit) in digits.chars().enumerate() {
            let clear = place < head || place + tail >= digits.len();
            f.write_char(if clear { digit } else { '*' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a person wrote, with the middle digits hidden, for an error that tells them what was seen.
pub(super) fn mask_text(text: &str) -> String {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let (head, tail) = digits_in_clear(digits);
    let mut place = 0;
    let shown = text.chars().take(super::normalise::MAX_INPUT_CHARS).map(|c| {
        if !c.is_numeric() {
            return c;
        }
        place += 1;
        if place <= head || place + tail > digits { c } else { '*' }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept_as_written_and_anything_else_is_refused() {
        let number = NationalNumber::from_digits("075566660002").unwrap();
        assert_eq!(number.as_str(), "075566660002");
        assert_eq!(number.to_string(), "075566660002");
        assert_eq!(NationalNumber::from_digits(&"9".repeat(24)).unwrap().as_str().len(), 24);
        for wrong in ["", "1380013800a", "138 0013", "１", &"9".repeat(25)] {
            assert_eq!(NationalNumber::from_digits(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn order_is_that_of_the_text() {
        let mut numbers =
            ["2", "10", "100", "1", "13800138000", "010"].map(|d| NationalNumber::from_digits(d).unwrap());
        numbers.sort();
        assert_eq!(numbers.each_ref().map(NationalNumber::as_str), ["010", "1", "10", "100", "13800138000", "2"]);
    }

    #[test]
    fn masks_hide_the_middle_of_a_persons_number_and_leave_service_codes() {
        let masked = |digits: &str| NationalNumber::from_digits(digits).unwrap().masked().to_string();
        assert_eq!(masked("13812348000"), "138****8000");
        assert_eq!(masked("075512340002"), "075*****0002");
        assert_eq!(masked("88123401"), "88****01");
        assert_eq!(masked("10086"), "10086");
        assert_eq!(format!("{:?}", NationalNumber::from_digits("13812348000")), "Some(138****8000)");
        assert_eq!(mask_text("138 1234 800"), "13* **** *00");
        assert_eq!(mask_text("+86 138-1234-8000 x"), "+86 1**-****-8000 x");
    }
}
