//! A schedule's ranges, read and checked one by one: which days own a range, by which rank, and which minutes it has.

use jiff::civil::Date;

use super::super::holidays::DayStatus;
use super::super::time::{CivilDay, CivilMinute, DAY_MINUTES, parse_time_of_day};
use super::super::{ParseTimeOfDayError, ParseZoneError, YEARS};
use crate::domain::routing::document::{Day, PeriodDocument, RangeDocument, ScheduleDocument};

/// Most periods of a schedule, `otherwise` not counted.
pub const MAX_PERIODS: usize = 32;

/// Most ranges of a schedule, its periods taken together.
pub const MAX_RANGES: usize = 128;

/// Longest name of a period, in bytes.
const MAX_NAME: usize = 63;

/// Why a schedule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("the schedule's time zone cannot be used")]
    Zone(#[from] ParseZoneError),
    #[error("the schedule goes by calendar {0:?}, which was not given")]
    CalendarMissing(String),
    #[error("{0} periods are too many: a schedule has at most {MAX_PERIODS}")]
    TooManyPeriods(usize),
    #[error("{0} ranges are too many: a schedule has at most {MAX_RANGES} in all its periods")]
    TooManyRanges(usize),
    #[error("{0:?} cannot name a period: 1 to {MAX_NAME} characters are needed, such as \"work\"")]
    PeriodName(String),
    #[error("period {0:?} is listed twice: write its ranges under one name")]
    DuplicatePeriod(String),
    #[error("period {0:?} has no range under \"at\": it would never be reached")]
    NoRanges(String),
    #[error("a range of period {period:?} has a time that cannot be read")]
    TimeOfDay { period: String, source: ParseTimeOfDayError },
    #[error("a range of period {0:?} begins at 24:00: a range begins at 00:00 to 23:59 of the day that owns it")]
    BeginsAtDayEnd(String),
    #[error("a range of period {period:?} is empty, from {time} to {time}: a whole day is from \"00:00\" to \"24:00\"")]
    EmptyRange { period: String, time: CivilMinute },
    #[error("a range of period {0:?} has both dates and days: write two ranges")]
    DatesAndDays(String),
    #[error("a range of period {0:?} has neither dates nor days: one of them is needed, such as days: [Workday]")]
    NeitherDatesNorDays(String),
    #[error("a range of period {period:?} has its dates reversed: {first} is after {last}")]
    DatesReversed { period: String, first: Date, last: Date },
    #[error("a range of period {period:?} speaks of {date}: dates from {from} to {until} are needed",
        from = YEARS.start(), until = YEARS.end())]
    DateOutOfRange { period: String, date: Date },
    #[error(
        "periods {first:?} and {second:?} could both hold, with equal rank, at {example}: \
        make their ranges disjoint, or give the exception dates of its own"
    )]
    PeriodsOverlap { first: String, second: String, example: String },
}

/// How strongly a range claims an instant. The lowest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The range names dates.
    Dates,
    /// `Workday`, on a make-up day.
    MakeUpDay,
    /// `Holiday`, on a day off.
    DayOff,
    /// Everything else.
    Ordinary,
}

/// A civil day as ranges see it, its date aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayClass {
    /// 0 for Monday to 6 for Sunday.
    pub weekday: u8,
    pub status: DayStatus,
}

/// A set of [`Day`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySet(u16);

impl DaySet {
    fn of(days: &[Day]) -> Self {
        Self(days.iter().fold(0, |set, &day| set | Self::bit(day)))
    }

    const fn bit(day: Day) -> u16 {
        1 << day as u16
    }

    const fn has(self, day: Day) -> bool {
        self.0 & Self::bit(day) != 0
    }

    const fn has_weekday(self, weekday: u8) -> bool {
        // The document lists Monday to Sunday first.
        self.0 & (1 << weekday) != 0
    }

    /// The rank by which the set owns a day of `class`: the lowest of its members that do.
    fn rank(self, class: DayClass) -> Option<Rank> {
        let by_kind = match class.status {
            DayStatus::MakeUp => (Day::Workday, Rank::MakeUpDay),
            DayStatus::Off => (Day::Holiday, Rank::DayOff),
            DayStatus::Ordinary if class.weekday < 5 => (Day::Workday, Rank::Ordinary),
            DayStatus::Ordinary => (Day::Weekend, Rank::Ordinary),
        };
        if self.has(by_kind.0) {
            return Some(by_kind.1);
        }
        self.has_weekday(class.weekday).then_some(Rank::Ordinary)
    }
}

/// The civil days on which a range starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// First and last day, both included.
    Dates {
        first: CivilDay,
        last: CivilDay,
    },
    Days(DaySet),
}

/// One range of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Index into the names of periods.
    pub period: u16,
    pub owners: Owners,
    /// First minute, on the owning day: 0 to 1439.
    pub from: u16,
    /// The minute after the last, counted from the start of the owning day: more than `from`, 1 to 2879.
    pub end: u16,
}

impl Rule {
    /// The rank by which the range starts on a day of `class`, if its owners are days and one of them is such.
    pub fn rank_by_day(&self, class: DayClass) -> Option<Rank> {
        match self.owners {
            Owners::Dates { .. } => None,
            Owners::Days(days) => days.rank(class),
        }
    }

    /// Whether the range starts on `day` because its dates say so.
    pub fn starts_by_date(&self, day: CivilDay) -> bool {
        matches!(self.owners, Owners::Dates { first, last } if first <= day && day <= last)
    }

    /// Whether it runs past midnight.
    pub const fn spills(&self) -> bool {
        self.end > DAY_MINUTES
    }
}

/// The names of a schedule's periods, `otherwise` last, and its ranges in the order written.
///
/// Names are unique: a period named like `otherwise` shares its index.
pub fn read(document: &ScheduleDocument) -> Result<(Vec<String>, Vec<Rule>), ScheduleError> {
    let periods = &document.periods;
    if periods.len() > MAX_PERIODS {
        return Err(ScheduleError::TooManyPeriods(periods.len()));
    }
    let ranges: usize = periods.iter().map(|period| period.at.len()).sum();
    if ranges > MAX_RANGES {
        return Err(ScheduleError::TooManyRanges(ranges));
    }
    check_name(&document.otherwise)?;
    let mut names: Vec<String> = Vec::with_capacity(periods.len() + 1);
    for (index, period) in periods.iter().enumerate() {
        check_name(&period.name)?;
        if periods.iter().take(index).any(|earlier| earlier.name == period.name) {
            return Err(ScheduleError::DuplicatePeriod(period.name.clone()));
        }
        if period.name != document.otherwise {
            names.push(period.name.clone());
        }
    }
    names.push(document.otherwise.clone());

    let mut rules = Vec::with_capacity(ranges);
    for period in periods {
        if period.at.is_empty() {
            return Err(ScheduleError::NoRanges(period.name.clone()));
        }
        let index = names.iter().position(|name| *name == period.name).unwrap_or_default();
        for range in &period.at {
            rules.push(rule(u16::try_from(index).unwrap_or_default(), period, range)?);
        }
    }
    Ok((names, rules))
}

fn check_name(name: &str) -> Result<(), ScheduleError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(ScheduleError::PeriodName(name.chars().take(MAX_NAME).collect()));
    }
    Ok(())
}

fn rule(index: u16, period: &PeriodDocument, range: &RangeDocument) -> Result<Rule, ScheduleError> {
    let name = || period.name.clone();
    let time =
        |text: &str| parse_time_of_day(text).map_err(|source| ScheduleError::TimeOfDay { period: name(), source });
    let (from, to) = (time(&range.from)?, time(&range.to)?);
    if from == CivilMinute::DAY_END {
        return Err(ScheduleError::BeginsAtDayEnd(name()));
    }
    if from == to {
        return Err(ScheduleError::EmptyRange { period: name(), time: from });
    }
    let end = if from < to { to.minutes() } else { to.minutes() + DAY_MINUTES };
    let owners = match (&range.dates, range.days.as_slice()) {
        (Some(_), [_, ..]) => return Err(ScheduleError::DatesAndDays(name())),
        (None, []) => return Err(ScheduleError::NeitherDatesNorDays(name())),
        (None, days) => Owners::Days(DaySet::of(days)),
        (Some(dates), []) => {
            if dates.first > dates.last {
                return Err(ScheduleError::DatesReversed { period: name(), first: dates.first, last: dates.last });
            }
            if let Some(date) = [dates.first, dates.last].into_iter().find(|date| !YEARS.contains(&date.year())) {
                return Err(ScheduleError::DateOutOfRange { period: name(), date });
            }
            Owners::Dates { first: CivilDay::of(dates.first), last: CivilDay::of(dates.last) }
        }
    };
    Ok(Rule { period: index, owners, from: from.minutes(), end })
}
