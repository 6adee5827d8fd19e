//! The statutory calendar: which civil days are off and which weekend days are worked instead (调休).
//!
//! The State Council publishes both once a year, late in the year before, and may change them at short notice; so they
//! are always given, never built in. A day nobody listed is what its weekday says.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::YEARS;
use super::time::CivilDay;
use crate::domain::routing::document::CalendarDocument;

/// What a civil day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayKind {
    /// Monday to Friday and not off; or a make-up working day (调休上班日), whatever its weekday.
    Workday { make_up: bool },
    /// Saturday or Sunday, neither made up nor off.
    Weekend,
    /// A statutory day off (法定节假日), whatever its weekday.
    Holiday,
}

/// What a calendar says of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DayStatus {
    /// Nothing: its weekday decides.
    #[default]
    Ordinary,
    MakeUp,
    Off,
}

/// Days off and make-up days of the years it lists. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    years: Arc<[i16]>,
    first_day: CivilDay,
    /// One entry a day from `first_day` on: a day is found by subtraction.
    statuses: Arc<[DayStatus]>,
}

/// Why a calendar is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("year {0} is outside {first} to {last}", first = YEARS.start(), last = YEARS.end())]
    YearOutOfRange(i16),
    #[error("year {0} is listed twice")]
    DuplicateYear(i16),
    #[error("{0} is of a year that the calendar does not list: list {year} too, or leave the date out", year = .0.year())]
    YearNotListed(Date),
    #[error("{0} is listed twice: once is enough")]
    DuplicateDate(Date),
    #[error("{0} is both a day off and a make-up workday: it can be only one of them")]
    OffAndMakeUp(Date),
}

impl Default for Calendar {
    /// The calendar that lists no year.
    fn default() -> Self {
        Self { years: Arc::default(), first_day: CivilDay::FIRST, statuses: Arc::default() }
    }
}

impl Calendar {
    /// Checks a document and makes its days quick to find.
    pub fn new(document: &CalendarDocument) -> Result<Self, CalendarError> {
        let years = checked_years(&document.years)?;
        let mut days: BTreeMap<Date, DayStatus> = BTreeMap::new();
        let off = document.days_off.iter().map(|&date| (date, DayStatus::Off));
        let make_up = document.make_up_workdays.iter().map(|&date| (date, DayStatus::MakeUp));
        for (date, status) in off.chain(make_up) {
            if years.binary_search(&date.year()).is_err() {
                return Err(CalendarError::YearNotListed(date));
            }
            match days.insert(date, status) {
                None => {}
                Some(before) if before == status => return Err(CalendarError::DuplicateDate(date)),
                Some(_) => return Err(CalendarError::OffAndMakeUp(date)),
            }
        }
        let Some((&first, &last)) = days.keys().next().zip(days.keys().next_back()) else {
            return Ok(Self { years: years.into(), ..Self::default() });
        };
        let first_day = CivilDay::of(first);
        let statuses = (first_day.0..=CivilDay::of(last).0)
            .map(|day| CivilDay(day).date().and_then(|date| days.get(&date).copied()).unwrap_or_default())
            .collect();
        Ok(Self { years: years.into(), first_day, statuses })
    }

    /// The years it lists, ascending.
    pub fn years(&self) -> &[i16] {
        &self.years
    }

    /// Whether it lists `year`; of another year it knows nothing and weekdays decide.
    pub fn lists(&self, year: i16) -> bool {
        self.years.binary_search(&year).is_ok()
    }

    /// What `date` is.
    pub fn kind_of_day(&self, date: Date) -> DayKind {
        let day = CivilDay::of(date);
        match self.status(day) {
            DayStatus::MakeUp => DayKind::Workday { make_up: true },
            DayStatus::Off => DayKind::Holiday,
            DayStatus::Ordinary if day.weekday() < 5 => DayKind::Workday { make_up: false },
            DayStatus::Ordinary => DayKind::Weekend,
        }
    }

    pub(super) fn status(&self, day: CivilDay) -> DayStatus {
        let index = usize::try_from(day.0 - self.first_day.0).ok();
        index.and_then(|index| self.statuses.get(index)).copied().unwrap_or_default()
    }

    /// The day after the last one listed: from there on every day is ordinary.
    pub(super) fn end(&self) -> CivilDay {
        self.first_day.plus(i32::try_from(self.statuses.len()).unwrap_or(0))
    }
}

fn checked_years(listed: &[i16]) -> Result<Vec<i16>, CalendarError> {
    if let Some(&year) = listed.iter().find(|year| !YEARS.contains(year)) {
        return Err(CalendarError::YearOutOfRange(year));
    }
    let mut years = listed.to_vec();
    years.sort_unstable();
    match years.array_windows().find(|[one, next]| one == next) {
        Some(&[year, _]) => Err(CalendarError::DuplicateYear(year)),
        None => Ok(years),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::civil::date;

    use super::*;

    /// The notice for 2026, as date and kind: 33 days off and 6 make-up days.
    const DAYS_2026: &str = "
        2026-01-01 Off  2026-01-02 Off  2026-01-03 Off  2026-01-04 Work
        2026-02-14 Work 2026-02-15 Off  2026-02-16 Off  2026-02-17 Off  2026-02-18 Off  2026-02-19 Off
        2026-02-20 Off  2026-02-21 Off  2026-02-22 Off  2026-02-23 Off  2026-02-28 Work
        2026-04-04 Off  2026-04-05 Off  2026-04-06 Off
        2026-05-01 Off  2026-05-02 Off  2026-05-03 Off  2026-05-04 Off  2026-05-05 Off  2026-05-09 Work
        2026-06-19 Off  2026-06-20 Off  2026-06-21 Off
        2026-09-20 Work 2026-09-25 Off  2026-09-26 Off  2026-09-27 Off
        2026-10-01 Off  2026-10-02 Off  2026-10-03 Off  2026-10-04 Off  2026-10-05 Off  2026-10-06 Off
        2026-10-07 Off  2026-10-10 Work";

    pub fn document_2026() -> CalendarDocument {
        let words: Vec<&str> = DAYS_2026.split_whitespace().collect();
        let of_kind =
            |kind: &str| words.chunks(2).filter(|pair| pair[1] == kind).map(|pair| pair[0].parse().unwrap()).collect();
        CalendarDocument { years: vec![2026], days_off: of_kind("Off"), make_up_workdays: of_kind("Work") }
    }

    fn kind(text: &str) -> DayKind {
        Calendar::new(&document_2026()).unwrap().kind_of_day(text.parse().unwrap())
    }

    #[test]
    fn the_notice_for_2026_is_whole() {
        let document = document_2026();
        assert_eq!((document.days_off.len(), document.make_up_workdays.len()), (33, 6));
        let calendar = Calendar::new(&document).unwrap();
        for day in 0..365 {
            let date = CivilDay::of(date(2026, 1, 1)).plus(day).date().unwrap();
            let weekend = i16::from(date.weekday().to_monday_zero_offset()) >= 5;
            let expected = match (document.days_off.contains(&date), document.make_up_workdays.contains(&date)) {
                (true, false) => DayKind::Holiday,
                (false, true) => DayKind::Workday { make_up: true },
                _ if weekend => DayKind::Weekend,
                _ => DayKind::Workday { make_up: false },
            };
            assert_eq!(calendar.kind_of_day(date), expected, "{date}");
        }
    }

    #[test]
    fn a_make_up_saturday_and_sunday_are_working_days() {
        assert_eq!(kind("2026-10-10"), DayKind::Workday { make_up: true });
        assert_eq!(kind("2026-09-20"), DayKind::Workday { make_up: true });
    }

    #[test]
    fn a_thursday_off_is_a_holiday_and_the_next_thursday_a_workday() {
        assert_eq!(kind("2026-10-01"), DayKind::Holiday);
        assert_eq!(kind("2026-10-08"), DayKind::Workday { make_up: false });
    }

    #[test]
    fn a_year_that_is_not_listed_goes_by_weekdays() {
        assert_eq!(kind("2027-10-01"), DayKind::Workday { make_up: false });
        assert_eq!(kind("2027-10-02"), DayKind::Weekend);
        let calendar = Calendar::new(&document_2026()).unwrap();
        assert!(calendar.lists(2026) && !calendar.lists(2027));
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        type Edit = fn(&mut CalendarDocument);
        let cases: [(Edit, CalendarError); 6] = [
            (|d| d.days_off.push(date(2027, 1, 1)), CalendarError::YearNotListed(date(2027, 1, 1))),
            (|d| d.days_off.push(date(2026, 10, 10)), CalendarError::OffAndMakeUp(date(2026, 10, 10))),
            (|d| d.days_off.push(date(2026, 10, 5)), CalendarError::DuplicateDate(date(2026, 10, 5))),
            (|d| d.make_up_workdays.push(date(2026, 5, 9)), CalendarError::DuplicateDate(date(2026, 5, 9))),
            (|d| d.years.push(2026), CalendarError::DuplicateYear(2026)),
            (|d| d.years.push(1026), CalendarError::YearOutOfRange(1026)),
        ];
        for (edit, expected) in cases {
            let mut document = document_2026();
            edit(&mut document);
            assert_eq!(Calendar::new(&document), Err(expected));
        }
    }
}
