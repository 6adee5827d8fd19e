//! Days, hours and zones by the model's own arithmetic: proleptic Gregorian days since 1970, and the rules of a few zones
//! as they are in the years that the model visits.

/// Days since 1970-01-01.
pub type Day = i64;

pub const MINUTES_OF_A_DAY: i64 = 1_440;

/// The day of a date, counting years from March so that the leap day is the last of its year.
pub fn day(year: i64, month: i64, day_of_month: i64) -> Day {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day_of_month - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of the month.
pub fn date(day: Day) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_month)
}

/// 0 is Monday.
pub fn weekday(day: Day) -> i64 {
    (day + 3).rem_euclid(7)
}

pub fn date_text(day: Day) -> String {
    let (year, month, day) = date(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `09:05`; 1440 is `24:00`.
pub fn time_text(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub fn instant_text(milliseconds: i64) -> String {
    let (seconds, rest) = (milliseconds.div_euclid(1_000), milliseconds.rem_euclid(1_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    format!("{}T{}:{:02}.{rest:03}Z", date_text(day), time_text(second / 60), second % 60)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Eight hours ahead all year.
    Shanghai,
    /// Nine.
    Tokyo,
    /// One hour ahead; two from the last Sunday of March to that of October, each time at 01:00 UTC.
    Berlin,
}

impl Zone {
    pub fn name(self) -> &'static str {
        match self {
            Self::Shanghai => "Asia/Shanghai",
            Self::Tokyo => "Asia/Tokyo",
            Self::Berlin => "Europe/Berlin",
        }
    }

    fn offset_seconds(self, seconds: i64) -> i64 {
        match self {
            Self::Shanghai => 8 * 3_600,
            Self::Tokyo => 9 * 3_600,
            Self::Berlin => {
                let (year, _, _) = date(seconds.div_euclid(86_400));
                let change = |month| last_sunday(year, month) * 86_400 + 3_600;
                if (change(3)..change(10)).contains(&seconds) { 7_200 } else { 3_600 }
            }
        }
    }

    /// What the clock on the wall shows: the civil day and the second of it.
    pub fn wall(self, seconds: i64) -> (Day, i64) {
        let shown = seconds + self.offset_seconds(seconds);
        (shown.div_euclid(86_400), shown.rem_euclid(86_400))
    }

    /// An instant at which the wall shows this, or about it where it never does.
    pub fn about(self, day: Day, second: i64) -> i64 {
        let guess = day * 86_400 + second;
        guess - self.offset_seconds(guess - 3_600)
    }

    /// Year and month on the wall, as `202611`.
    pub fn month(self, seconds: i64) -> i64 {
        let (year, month, _) = date(self.wall(seconds).0);
        year * 100 + month
    }
}

/// Of a month of 31 days.
pub fn last_sunday(year: i64, month: i64) -> Day {
    let last = day(year, month, 31);
    last - (weekday(last) + 1) % 7
}
