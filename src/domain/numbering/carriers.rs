//! Whose range a number is from. Facts in tables, so that a new range is a new row. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FourHundred;

/// A carrier (运营商) of the mainland.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Carrier {
    /// 中国移动
    ChinaMobile,
    /// 中国联通
    ChinaUnicom,
    /// 中国电信
    ChinaTelecom,
    /// 中国广电
    ChinaBroadnet,
}

impl Carrier {
    /// The name that manifests use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChinaMobile => "ChinaMobile",
            Self::ChinaUnicom => "ChinaUnicom",
            Self::ChinaTelecom => "ChinaTelecom",
            Self::ChinaBroadnet => "ChinaBroadnet",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Prefixes of 400 numbers. A prefix that is not here is of no known carrier, not of a likely one.
const FOUR_HUNDRED: &[(u64, Carrier)] = &[
    (4000, Carrier::ChinaUnicom),
    (4001, Carrier::ChinaMobile),
    (4006, Carrier::ChinaUnicom),
    (4007, Carrier::ChinaMobile),
    (4008, Carrier::ChinaTelecom),
    (4009, Carrier::ChinaTelecom),
];

/// Prefixes of mobile numbers. Where a four-digit prefix differs from its three digits, the longer one holds; three
/// digits that resellers (虚拟运营商) share are listed by their four-digit parts only.
const MOBILE: &[(Carrier, &[&str])] = &[
    (
        Carrier::ChinaMobile,
        &[
            "134", "135", "136", "137", "138", "139", "1440", "147", "148", "150", "151", "152", "157", "158", "159",
            "165", "1703", "1705", "1706", "172", "178", "182", "183", "184", "187", "188", "195", "197", "198",
        ],
    ),
    (
        Carrier::ChinaUnicom,
        &[
            "130", "131", "132", "145", "146", "155", "156", "166", "167", "1704", "1707", "1708", "1709", "171",
            "175", "176", "185", "186", "196",
        ],
    ),
    (
        Carrier::ChinaTelecom,
        &[
            "133", "1349", "1410", "149", "153", "162", "1700", "1701", "1702", "173", "1740", "177", "180", "181",
            "189", "190", "191", "193", "199",
        ],
    ),
    (Carrier::ChinaBroadnet, &["192"]),
];

/// The carrier of a 400 number's prefix.
#[must_use]
pub fn of_four_hundred(number: FourHundred) -> Option<Carrier> {
    FOUR_HUNDRED.iter().find(|(prefix, _)| *prefix == number.prefix()).map(|(_, carrier)| *carrier)
}

/// The carrier that a mobile number was *issued* by, from its first digits.
///
/// Since number portability (携号转网) a subscriber may be with another carrier by now: good enough to prefer an SMS
/// channel, never to bill by. The area is not affected, since numbers are ported within their local network.
#[must_use]
pub fn issuing_carrier(mobile: &str) -> Option<Carrier> {
    let rows = MOBILE.iter().flat_map(|(carrier, prefixes)| prefixes.iter().map(move |prefix| (*prefix, *carrier)));
    rows.filter(|(prefix, _)| mobile.starts_with(prefix)).max_by_key(|(prefix, _)| prefix.len()).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_400_number_names_its_carrier() {
        let carrier = |text: &str| text.parse::<FourHundred>().unwrap().carrier();
        assert_eq!(carrier("4001000868"), Some(Carrier::ChinaMobile));
        assert_eq!(carrier("4007000868"), Some(Carrier::ChinaMobile));
        assert_eq!(carrier("4000000868"), Some(Carrier::ChinaUnicom));
        assert_eq!(carrier("4006000868"), Some(Carrier::ChinaUnicom));
        assert_eq!(carrier("4008000868"), Some(Carrier::ChinaTelecom));
        assert_eq!(carrier("4009000868"), Some(Carrier::ChinaTelecom));
        assert_eq!(carrier("4003000868"), None);
    }

    #[test]
    fn the_longest_mobile_prefix_decides() {
        assert_eq!(issuing_carrier("13480000000"), Some(Carrier::ChinaMobile));
        assert_eq!(issuing_carrier("13490000000"), Some(Carrier::ChinaTelecom));
        assert_eq!(issuing_carrier("17050000000"), Some(Carrier::ChinaMobile));
        assert_eq!(issuing_carrier("17090000000"), Some(Carrier::ChinaUnicom));
        assert_eq!(issuing_carrier("19200000000"), Some(Carrier::ChinaBroadnet));
        assert_eq!(issuing_carrier("16000000000"), None);
        assert_eq!(issuing_carrier("01088880001"), None);
    }

    #[test]
    fn no_prefix_is_listed_twice() {
        let mut prefixes: Vec<_> = MOBILE.iter().flat_map(|(_, prefixes)| prefixes.iter()).collect();
        let listed = prefixes.len();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), listed);
    }
}
