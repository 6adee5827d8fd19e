//! Digits in half a byte each, for sets of numbers that calls are compared with: sixteen bytes a number, two words to
//! compare. Pure.

use super::national::{MAX_DIGITS, NationalNumber};

const DIGIT_BITS: u32 = 4;
const WORD_BITS: u32 = 8 * DIGIT_BITS;
/// Where the first digit begins.
const TOP: u32 = u128::BITS - DIGIT_BITS;

/// A number's digits from the top bits down, each as itself plus one; 0 where the number has ended. They are ordered as
/// text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PackedDigits(u128);

impl PackedDigits {
    pub(super) fn of(number: NationalNumber) -> Self {
        let words = number.words().into_iter().zip([3, 2, 1]);
        Self(words.fold(0, |packed, (word, place)| packed | u128::from(halved(word)) << (WORD_BITS * place)))
    }

    pub(super) fn number(self) -> Option<NationalNumber> {
        let mut text = [0; MAX_DIGITS];
        let mut length = 0;
        for (place, into) in (0..).zip(&mut text) {
            let digit = self.0 >> (TOP - DIGIT_BITS * place) & 0x0f;
            let Some(digit) = u8::try_from(digit).ok().and_then(|digit| digit.checked_sub(1)) else { break };
            *into = b'0' + digit;
            length += 1;
        }
        NationalNumber::from_digits(std::str::from_utf8(text.get(..length)?).ok()?)
    }

    pub(super) const fn begins_with(self, beginning: Self) -> bool {
        let below = beginning.0.trailing_zeros() / DIGIT_BITS * DIGIT_BITS;
        match u128::MAX.checked_shl(below) {
            Some(reach) => self.0 & reach == beginning.0,
            None => true,
        }
    }
}

/// Eight bytes of text, each an ASCII digit or 0, as eight half bytes in the same order.
fn halved(word: u64) -> u32 {
    // The one bit that every ASCII digit has, and 0 has not, is the one that is added.
    let each = (word & 0x0f0f_0f0f_0f0f_0f0f) + (word >> 4 & 0x0101_0101_0101_0101);
    let pairs = (each | each >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let eight = fours | fours >> 16;
    u32::try_from(eight & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(digits: &str) -> NationalNumber {
        NationalNumber::from_digits(digits).unwrap()
    }

    proptest! {
        #[test]
        fn packed_digits_are_the_number_that_they_were_packed_from(digits in "[0-9]{1,24}") {
            let packed = PackedDigits::of(number(&digits));
            prop_assert_eq!(packed.number(), Some(number(&digits)));
        }

        #[test]
        fn packed_digits_are_ordered_and_begin_as_their_text_does(one in "[0-2]{1,24}", other in "[0-2]{1,4}") {
            let packed = |digits: &str| PackedDigits::of(number(digits));
            prop_assert_eq!(packed(&one).cmp(&packed(&other)), one.cmp(&other));
            prop_assert_eq!(packed(&one).begins_with(packed(&other)), one.starts_with(&other));
            prop_assert_eq!(packed(&other).begins_with(packed(&one)), other.starts_with(&one));
        }
    }
}
