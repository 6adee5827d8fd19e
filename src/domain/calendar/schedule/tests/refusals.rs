use super::*;

fn refusal(periods: &[PeriodDocument]) -> ScheduleError {
    Schedule::compile(&document("Asia/Shanghai", periods), None).unwrap_err()
}

fn one_range(range: RangeDocument) -> ScheduleError {
    refusal(&[period("work", &[range])])
}

#[test]
fn a_range_that_makes_no_sense_is_refused_with_a_sentence() {
    let monday = [Day::Monday];
    let both = RangeDocument { days: monday.to_vec(), ..dates("2026-11-11", "2026-11-11", "09:00", "10:00") };
    for (range, sentence) in [
        (days(&monday, "09:00", "09:00"), "is empty, from 09:00 to 09:00"),
        (days(&monday, "00:00", "00:00"), "a whole day is from \"00:00\" to \"24:00\""),
        (days(&monday, "24:00", "06:00"), "begins at 24:00"),
        (days(&monday, "9:00", "18:00"), "has a time that cannot be read"),
        (days(&monday, "09:00", "24:30"), "has a time that cannot be read"),
        (days(&[], "09:00", "18:00"), "neither dates nor days"),
        (both, "both dates and days"),
        (dates("2026-11-12", "2026-11-11", "09:00", "18:00"), "2026-11-12 is after 2026-11-11"),
        (dates("2026-11-12", "2226-11-11", "09:00", "18:00"), "2226-11-11: dates from 1970 to 2199"),
    ] {
        let error = one_range(range.clone()).to_string();
        assert!(error.contains(sentence) && error.contains("\"work\""), "{range:?}: {error}");
    }
}

#[test]
fn a_time_that_cannot_be_read_is_told_by_the_source() {
    use std::error::Error as _;
    let error = one_range(days(&[Day::Monday], "9am", "18:00"));
    assert!(error.source().unwrap().to_string().contains("\"9am\""));
}

#[test]
fn a_zone_that_does_not_exist_is_refused() {
    use std::error::Error as _;
    let error = Schedule::compile(&document("Asia/Peking", &[]), None).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("\"Asia/Peking\""));
}

#[test]
fn periods_are_named_once_and_have_ranges() {
    let work = || period("work", &[days(&[Day::Monday], "09:00", "18:00")]);
    assert_eq!(refusal(&[work(), work()]), ScheduleError::DuplicatePeriod("work".into()));
    assert_eq!(refusal(&[period("work", &[])]), ScheduleError::NoRanges("work".into()));
    assert_eq!(refusal(&[PeriodDocument { name: String::new(), ..work() }]), ScheduleError::PeriodName(String::new()));
}

#[test]
fn a_period_named_like_otherwise_is_still_named_once() {
    let closed = |from: &str, to: &str| period("closed", &[days(&[Day::Monday], from, to)]);
    let error = refusal(&[closed("09:00", "10:00"), closed("11:00", "12:00")]);
    assert_eq!(error, ScheduleError::DuplicatePeriod("closed".into()));
}

#[test]
fn size_is_bounded() {
    let range = || days(&[Day::Monday], "09:00", "18:00");
    let periods: Vec<_> = (0..=MAX_PERIODS).map(|index| period(&format!("period-{index}"), &[range()])).collect();
    assert_eq!(refusal(&periods), ScheduleError::TooManyPeriods(MAX_PERIODS + 1));
    let error = refusal(&[period("work", &vec![range(); MAX_RANGES]), period("more", &[range()])]);
    assert_eq!(error, ScheduleError::TooManyRanges(MAX_RANGES + 1));
}

#[test]
fn a_calendar_that_is_named_must_be_given() {
    let named = ScheduleDocument { calendar: Some("0123456789abcdef".into()), ..document("Asia/Shanghai", &[]) };
    let error = Schedule::compile(&named, None).unwrap_err();
    assert_eq!(error, ScheduleError::CalendarMissing("0123456789abcdef".into()));
    assert!(Schedule::compile(&named, Some(&Calendar::default())).is_ok());
}

#[track_caller]
fn assert_overlap(first: &[RangeDocument], second: &[RangeDocument], expected: &str) {
    let error = refusal(&[period("one", first), period("two", second)]);
    let example = expected.into();
    assert_eq!(error, ScheduleError::PeriodsOverlap { first: "one".into(), second: "two".into(), example });
}

#[test]
fn two_periods_of_one_rank_that_could_meet_are_refused_with_an_example() {
    use Day::{Friday, Holiday, Monday, Saturday, Sunday, Weekend, Workday};
    let work = [days(&[Workday], "09:00", "18:00")];
    assert_overlap(&work, &[days(&[Friday], "15:30", "20:00")], "Friday 15:30");
    assert_overlap(&work, &[days(&[Workday], "17:59", "20:00")], "Monday 17:59");
    assert_overlap(&[days(&[Weekend], "08:00", "12:00")], &[days(&[Sunday], "11:00", "13:00")], "Sunday 11:00");
    let holiday = [days(&[Holiday], "00:00", "10:00")];
    assert_overlap(&holiday, &[days(&[Holiday], "09:30", "12:00")], "09:30 on a day off");
    assert_overlap(
        &[days(&[Holiday], "22:00", "06:00")],
        &[days(&[Holiday], "05:00", "12:00")],
        "05:00 on a day off that follows another",
    );
    // What runs past midnight meets the next day, from either side of the document.
    assert_overlap(&[days(&[Friday], "22:00", "06:00")], &[days(&[Saturday], "05:30", "09:00")], "Saturday 05:30");
    assert_overlap(&[days(&[Weekend], "00:00", "09:00")], &[days(&[Workday], "22:00", "06:00")], "Saturday 00:00");
    assert_overlap(&[days(&[Sunday], "22:00", "06:00")], &[days(&[Monday], "05:59", "09:00")], "Monday 05:59");
    let launch = [dates("2026-11-09", "2026-11-12", "10:00", "12:00")];
    assert_overlap(&launch, &[dates("2026-11-11", "2026-12-31", "11:00", "11:30")], "2026-11-11 11:00");
    assert_overlap(&launch, &[dates("2026-11-08", "2026-11-08", "23:00", "11:00")], "2026-11-09 10:00");
}

#[test]
fn periods_of_different_rank_or_of_days_that_never_meet_are_accepted() {
    use Day::{Friday, Holiday, Saturday, Sunday, Weekend, Workday};
    let accepted: [(RangeDocument, RangeDocument); 8] = [
        (days(&[Workday], "09:00", "18:00"), days(&[Saturday], "09:00", "18:00")),
        (days(&[Workday], "09:00", "18:00"), days(&[Holiday], "09:00", "18:00")),
        (days(&[Holiday], "00:00", "24:00"), days(&[Friday], "00:00", "24:00")),
        (days(&[Workday], "00:00", "24:00"), days(&[Weekend], "00:00", "24:00")),
        (days(&[Workday], "09:00", "18:00"), dates("2026-11-11", "2026-11-11", "09:00", "18:00")),
        (days(&[Friday], "22:00", "06:00"), days(&[Saturday], "06:00", "22:00")),
        (days(&[Friday], "22:00", "06:00"), days(&[Sunday], "00:00", "06:00")),
        (dates("2026-11-11", "2026-11-11", "22:00", "06:00"), dates("2026-11-12", "2026-11-12", "06:00", "22:00")),
    ];
    for (one, two) in accepted {
        let document = document("Asia/Shanghai", &[period("one", &[one]), period("two", &[two])]);
        assert!(Schedule::compile(&document, None).is_ok(), "{document:?}");
    }
}

#[test]
fn ranges_of_one_period_may_overlap() {
    let document = document(
        "Asia/Shanghai",
        &[period("work", &[days(&[Day::Workday], "09:00", "18:00"), days(&[Day::Friday], "15:00", "20:00")])],
    );
    assert!(Schedule::compile(&document, None).is_ok());
}
