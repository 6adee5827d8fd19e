//! Who calls. Pure.
//!
//! A caller is never refused for its form: what cannot be read as a number is anonymous, what cannot be placed has
//! an unknown area. Whether such callers are served is the number's owner's choice, made in screening.

use std::fmt;

use super::area_code::Area;
use super::areas;
use super::national::{Masked, NationalNumber};
use super::normalise::normalise;

/// The calling side of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    number: Option<NationalNumber>,
    area: Area,
}

impl Caller {
    /// A caller of whom nothing is known.
    pub const ANONYMOUS: Self = Self { number: None, area: Area::Unknown };

    /// Reads a caller's number as a switch or a person writes it. Text that is no telephone number, such as
    /// `anonymous`, `alice` or `138****8000`, makes the caller anonymous: digits picked out of it could be anybody's.
    ///
    /// ```
    /// use fourhundred::domain::numbering::Caller;
    /// let caller = Caller::parse("+86 138 0013 8000");
    /// assert_eq!(caller.number().unwrap().as_str(), "13800138000");
    /// assert_eq!(caller.area().to_string(), "010");
    /// assert!(Caller::parse("anonymous").is_anonymous());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        normalise(text).map_or(Self::ANONYMOUS, Self::of)
    }

    /// The caller with a number that is in national form already.
    #[must_use]
    pub fn of(number: NationalNumber) -> Self {
        Self { number: Some(number), area: areas::area_of(number) }
    }

    /// A caller who withheld a number that the network asserts (RFC 3325 `Privacy: id`): anonymous for screening and
    /// lists, while its area still routes and prices the call.
    #[must_use]
    pub fn anonymous_from(text: &str) -> Self {
        Self { number: None, ..Self::parse(text) }
    }

    /// The number in national form; `None` when it is withheld or there is none.
    #[must_use]
    pub const fn number(&self) -> Option<NationalNumber> {
        self.number
    }

    /// The area, by area code or mobile segment alone; unknown for service codes and callers from overseas.
    #[must_use]
    pub const fn area(&self) -> Area {
        self.area
    }

    /// Whether there is no number to go by.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.number.is_none()
    }

    /// The caller as logs may show it: `138****8000`, `anonymous`.
    #[must_use]
    pub const fn masked(&self) -> Masked {
        Masked(self.number)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({}, {})", self.masked(), self.area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_comes_from_the_area_code_or_the_mobile_segment_alone() {
        for (written, number, area) in [
            ("13800138000", "13800138000", "010"),
            ("0898 6666 0000", "089866660000", "0898"),
            // A local part that no destination may have.
            ("010 95588", "01095588", "010"),
            ("0755-1", "07551", "0755"),
            ("+86 755 6666 0002", "075566660002", "0755"),
            // Service codes, overseas, local numbers, cancelled area codes: unknown.
            ("10086", "10086", "Unknown"),
            ("95588", "95588", "Unknown"),
            ("+44 20 7946 0958", "00442079460958", "Unknown"),
            ("00852 2345 6789", "0085223456789", "Unknown"),
            ("+20 2 2345 6789", "0020223456789", "Unknown"),
            ("8888 0001", "88880001", "Unknown"),
            ("0565 666 0001", "05656660001", "Unknown"),
            // Too short to be a mobile number, though its segment is known.
            ("1380013", "1380013", "Unknown"),
        ] {
            let caller = Caller::parse(written);
            assert_eq!(caller.number().map(|n| n.to_string()).as_deref(), Some(number), "{written}");
            assert_eq!(caller.area().to_string(), area, "{written}");
            assert!(!caller.is_anonymous());
        }
    }

    #[test]
    fn what_is_no_number_is_anonymous() {
        for text in ["", "anonymous", "alice", "alice2", "138****8000", &"1".repeat(80)] {
            assert_eq!(Caller::parse(text), Caller::ANONYMOUS, "{text}");
        }
    }

    #[test]
    fn a_withheld_number_keeps_its_area_and_shows_nothing_else() {
        let caller = Caller::anonymous_from("0755 6666 0002");
        assert!(caller.is_anonymous());
        assert_eq!(caller.number(), None);
        assert_eq!(caller.area().to_string(), "0755");
        assert_eq!(caller.masked().to_string(), "anonymous");
        assert_eq!(format!("{:?}", Caller::parse("13812348000")), "Caller(138****8000, 0518)");
    }
}
