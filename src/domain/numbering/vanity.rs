//! Vanity patterns (靓号): shapes over the last digits of a 400 number, for grades and for choosing one. Pure.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::four_hundred::FourHundred;

/// Most places a pattern may have: those of the number.
const MAX_PLACES: usize = 10;

/// A shape that the end of a number has or has not.
///
/// A digit is itself and `?` any digit. Equal letters stand for equal digits and different letters for different
/// digits. Three or more letters in a row that follow each other in the alphabet, each used once in the pattern, are
/// a run: `ABCD` rises by one from digit to digit, `DCBA` falls, and neither goes past 9 or 0. `*` alone is every
/// number.
///
/// ```
/// use fourhundred::domain::numbering::{FourHundred, VanityPattern};
/// let number: FourHundred = "4001006677".parse().unwrap();
/// assert!("AABB".parse::<VanityPattern>()?.matches(number));
/// assert!(!"AAAA".parse::<VanityPattern>()?.matches(number));
/// # Ok::<(), fourhundred::domain::numbering::ParseVanityPatternError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VanityPattern {
    places: [Place; MAX_PLACES],
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Any,
    Digit(u8),
    /// A letter (0 for A), and how its digit follows from the one before.
    Letter(u8, Follows),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Follows {
    Freely,
    Rising,
    Falling,
}

/// Why a text is no vanity pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseVanityPatternError {
    #[error(
        "{0:?} is not a vanity pattern: 1 to {MAX_PLACES} digits, capital letters and ? are needed, such as \"AABB\", \
         \"ABCD\" or \"168\", or * alone for every number"
    )]
    Shape(String),
}

impl VanityPattern {
    /// The pattern that every number matches, written `*`.
    pub const ALL: Self = Self { places: [Place::Any; MAX_PLACES], len: 0 };

    /// Whether the end of the number has this shape.
    #[must_use]
    pub fn matches(&self, number: FourHundred) -> bool {
        // The digit each letter stands for so far, and which digits are taken.
        let mut meanings = [None; 26];
        let mut taken = [false; 10];
        let mut previous = 0;
        let digits = number.digits();
        let places = self.places.iter().take(self.len);
        places.zip(digits.into_iter().skip(MAX_PLACES - self.len)).all(|(place, digit)| {
            let fits = match *place {
                Place::Any => true,
                Place::Digit(wanted) => wanted == digit,
                Place::Letter(letter, follows) => {
                    follows.allows(previous, digit) && means(&mut meanings, &mut taken, letter, digit)
                }
            };
            previous = digit;
            fits
        })
    }
}

/// Whether a letter may stand for a digit, and from now on it does.
fn means(meanings: &mut [Option<u8>; 26], taken: &mut [bool; 10], letter: u8, digit: u8) -> bool {
    let (Some(meaning), Some(taken)) = (meanings.get_mut(usize::from(letter)), taken.get_mut(usize::from(digit)))
    else {
        return false;
    };
    match meaning {
        Some(known) => *known == digit,
        None if *taken => false,
        None => {
            *meaning = Some(digit);
            *taken = true;
            true
        }
    }
}

impl Follows {
    fn allows(self, previous: u8, digit: u8) -> bool {
        match self {
            Self::Freely => true,
            Self::Rising => digit == previous + 1,
            Self::Falling => digit + 1 == previous,
        }
    }
}

impl FromStr for VanityPattern {
    type Err = ParseVanityPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseVanityPatternError::Shape(text.chars().take(40).collect());
        if text == "*" {
            return Ok(Self::ALL);
        }
        let mut pattern = Self { len: text.len(), ..Self::ALL };
        if text.is_empty() || text.len() > MAX_PLACES {
            return Err(wrong());
        }
        for (place, byte) in pattern.places.iter_mut().zip(text.bytes()) {
            *place = match byte {
                b'?' => Place::Any,
                b'0'..=b'9' => Place::Digit(byte - b'0'),
                b'A'..=b'Z' => Place::Letter(byte - b'A', Follows::Freely),
                _ => return Err(wrong()),
            };
        }
        mark_runs(&mut pattern.places);
        Ok(pattern)
    }
}

/// Finds three or more adjacent letters, each used once, whose places in the alphabet rise or fall by one.
fn mark_runs(places: &mut [Place; MAX_PLACES]) {
    let written = *places;
    let once =
        |letter: u8| written.iter().filter(|place| matches!(place, Place::Letter(l, _) if *l == letter)).count() == 1;
    for place in 2..MAX_PLACES {
        let Some([Place::Letter(a, _), Place::Letter(b, _), Place::Letter(c, _)]) = written.get(place - 2..=place)
        else {
            continue;
        };
        if ![*a, *b, *c].into_iter().all(once) {
            continue;
        }
        let follows = match (a.abs_diff(*b), b.abs_diff(*c)) {
            (1, 1) if a < b && b < c => Follows::Rising,
            (1, 1) if a > b && b > c => Follows::Falling,
            _ => continue,
        };
        for (place, letter) in places.iter_mut().skip(place - 1).zip([*b, *c]) {
            *place = Place::Letter(letter, follows);
        }
    }
}

impl fmt::Display for VanityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if self.len == 0 {
            return f.write_char('*');
        }
        self.places.iter().take(self.len).try_for_each(|place| match *place {
            Place::Any => f.write_char('?'),
            Place::Digit(digit) => f.write_char(char::from(b'0' + digit)),
            Place::Letter(letter, _) => f.write_char(char::from(b'A' + letter)),
        })
    }
}

impl Serialize for VanityPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VanityPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, number: &str) -> bool {
        pattern.parse::<VanityPattern>().unwrap().matches(number.parse().unwrap())
    }

    #[test]
    fn a_pattern_is_the_shape_of_the_end_of_a_number() {
        for (pattern, fits, fails) in [
            ("168", "4001000168", "4001001680"),
            ("8??8", "4001008128", "4001008129"),
            ("AAAA", "4001008888", "4001008887"),
            ("AABB", "4001006677", "4001006666"),
            ("ABAB", "4001006767", "4001006666"),
            ("ABBA", "4001006776", "4001006777"),
            ("AABBCC", "4001667788", "4001667766"),
            ("ABCABC", "4001682682", "4001682683"),
            ("ABC", "4001000345", "4001000346"),
            ("ABCD", "4001006789", "4001007890"),
            ("DCBA", "4001003210", "4001001098"),
            ("ABCDE", "4001034567", "4001034568"),
            ("XYZ", "4001000123", "4001000132"),
            // Two letters are no run, nor are letters used twice or apart in the alphabet.
            ("AB", "4001000071", "4001000077"),
            ("ACE", "4001000719", "4001000717"),
            ("ABCA", "4001007197", "4001007198"),
            // Two runs, one rising and one falling.
            ("ABCZYX", "4001345987", "4001345986"),
            // A letter may stand for a digit that is also written.
            ("AB8C", "4001007189", "4001007187"),
            ("A8", "4001000088", "4001000087"),
            ("400100????", "4001001234", "4001011234"),
        ] {
            assert!(matches(pattern, fits), "{pattern} {fits}");
            assert!(!matches(pattern, fails), "{pattern} {fails}");
        }
        assert!(matches("*", "4001927364"));
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        for wrong in ["", "**", "8*", "aabb", "AA-BB", "靓", "12345678901"] {
            let error = wrong.parse::<VanityPattern>().unwrap_err().to_string();
            assert!(error.contains("such as \"AABB\""), "{error}");
        }
        for text in ["*", "AABB", "8??A", "DCBA"] {
            assert_eq!(text.parse::<VanityPattern>().unwrap().to_string(), text);
        }
    }

    /// The ruling word by word, every pair and every window compared.
    fn reference(pattern: &str, number: &str) -> bool {
        if pattern == "*" {
            return true;
        }
        let pattern = pattern.as_bytes();
        let digits = &number.as_bytes()[10 - pattern.len()..];
        let letter = |place: usize| pattern[place].is_ascii_uppercase();
        let places = 0..pattern.len();
        let digits_fit = places.clone().all(|i| !pattern[i].is_ascii_digit() || pattern[i] == digits[i]);
        let letters_fit = places.clone().all(|i| {
            places.clone().all(|j| !letter(i) || !letter(j) || (pattern[i] == pattern[j]) == (digits[i] == digits[j]))
        });
        let steps = |text: &[u8], by: i16| text.windows(2).all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by);
        let runs_fit = places.clone().all(|from| {
            (from + 3..=pattern.len()).all(|to| {
                let window = &pattern[from..to];
                let once = window
                    .iter()
                    .all(|l| l.is_ascii_uppercase() && places.clone().filter(|i| pattern[*i] == *l).count() == 1);
                [1, -1].into_iter().all(|by| !once || !steps(window, by) || steps(&digits[from..to], by))
            })
        });
        digits_fit && letters_fit && runs_fit
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn matching_agrees_with_the_ruling_read_word_by_word(
            pattern in prop_oneof!["[A-D]{1,6}", "[A-C?8]{1,6}", "ABCD?[A-F]{0,2}", "[A-B]{0,2}DCB", "\\*"],
            tail in prop_oneof!["[0-9]{6}", "[1-3]{6}", "[0-9]{2}(1234|4321|8901|7654)"],
        ) {
            let number = format!("4001{tail}");
            prop_assert_eq!(matches(&pattern, &number), reference(&pattern, &number), "{} {}", pattern, number);
        }
    }
}
