use super::*;

/// The timetable that the contract shows.
fn office_hours() -> Schedule {
    compiled(
        "Asia/Shanghai",
        &[
            period("work", &[days(&[Day::Workday], "09:00", "18:00")]),
            period("promotion", &[dates("2026-11-11", "2026-11-11", "00:00", "24:00")]),
            period("holiday", &[days(&[Day::Holiday], "00:00", "24:00")]),
        ],
    )
}

#[track_caller]
fn assert_periods(schedule: &Schedule, expected: &[(&str, &str)]) {
    for (wall, name) in expected {
        assert_eq!(period_on_wall(schedule, wall), *name, "{wall}");
    }
}

#[test]
fn office_hours_hold_from_their_first_minute_to_before_their_last() {
    assert_periods(
        &office_hours(),
        &[
            ("2026-11-23T08:59:59.999", "closed"),
            ("2026-11-23T09:00", "work"),
            ("2026-11-23T17:59:59.999", "work"),
            ("2026-11-23T18:00", "closed"),
        ],
    );
}

#[test]
fn sunday_at_three_in_the_night_is_closed() {
    assert_periods(&office_hours(), &[("2026-11-22T03:00", "closed"), ("2026-11-22T10:00", "closed")]);
}

#[test]
fn a_make_up_saturday_and_sunday_are_working_days() {
    assert_periods(
        &office_hours(),
        &[("2026-10-10T10:00", "work"), ("2026-09-20T17:00", "work"), ("2026-10-10T18:00", "closed")],
    );
}

#[test]
fn a_day_off_is_a_holiday_whatever_its_weekday() {
    assert_periods(
        &office_hours(),
        &[("2026-10-01T10:00", "holiday"), ("2026-10-03T00:00", "holiday"), ("2026-10-07T23:59", "holiday")],
    );
    assert_periods(&office_hours(), &[("2026-09-30T23:59", "closed"), ("2026-10-08T00:00", "closed")]);
}

#[test]
fn dates_beat_working_hours_and_the_day_off() {
    let schedule = compiled(
        "Asia/Shanghai",
        &[
            period("work", &[days(&[Day::Workday], "09:00", "18:00")]),
            period("sale", &[dates("2026-10-07", "2026-10-10", "10:00", "12:00")]),
            period("holiday", &[days(&[Day::Holiday], "00:00", "24:00")]),
        ],
    );
    assert_periods(
        &schedule,
        &[
            ("2026-10-07T09:59", "holiday"),
            ("2026-10-07T10:00", "sale"),
            ("2026-10-07T12:00", "holiday"),
            ("2026-10-10T11:59", "sale"),
            ("2026-10-10T12:00", "work"),
            ("2026-10-12T11:00", "work"),
        ],
    );
}

#[test]
fn a_make_up_saturday_keeps_working_hours_where_saturdays_have_their_own() {
    let mut periods = [
        period("work", &[days(&[Day::Workday], "09:00", "18:00")]),
        period("saturday", &[days(&[Day::Saturday], "08:00", "13:00")]),
    ];
    // The order in which periods are written decides nothing.
    for _ in 0..2 {
        periods.reverse();
        assert_periods(
            &compiled("Asia/Shanghai", &periods),
            &[
                ("2026-10-10T08:30", "saturday"), // no range of the make-up day's rank covers it
                ("2026-10-10T09:30", "work"),
                ("2026-10-17T09:30", "saturday"),
                ("2026-10-03T09:30", "saturday"), // a day off is a Saturday all the same
            ],
        );
    }
}

#[test]
fn a_day_off_beats_its_weekday_in_either_order() {
    let mut periods = [
        period("thursday", &[days(&[Day::Thursday], "09:00", "18:00")]),
        period("holiday", &[days(&[Day::Holiday], "10:00", "16:00")]),
    ];
    for _ in 0..2 {
        periods.reverse();
        assert_periods(
            &compiled("Asia/Shanghai", &periods),
            &[("2026-10-01T09:59", "thursday"), ("2026-10-01T10:00", "holiday"), ("2026-10-08T10:00", "thursday")],
        );
    }
}

#[test]
fn weekend_means_neither_made_up_nor_off() {
    let schedule = compiled("Asia/Shanghai", &[period("weekend", &[days(&[Day::Weekend], "00:00", "24:00")])]);
    assert_periods(
        &schedule,
        &[
            ("2026-10-17T12:00", "weekend"),
            ("2026-10-10T12:00", "closed"),
            ("2026-10-03T12:00", "closed"),
            ("2026-10-16T12:00", "closed"),
        ],
    );
}

#[test]
fn a_range_past_midnight_belongs_to_the_day_on_which_it_starts() {
    let schedule = compiled("Asia/Shanghai", &[period("night", &[days(&[Day::Friday], "22:00", "06:00")])]);
    assert_periods(
        &schedule,
        &[
            ("2026-11-20T05:59", "closed"),
            ("2026-11-20T21:59", "closed"),
            ("2026-11-20T22:00", "night"),
            ("2026-11-21T05:59", "night"),
            ("2026-11-21T06:00", "closed"),
            ("2026-11-21T22:00", "closed"),
        ],
    );
}

#[test]
fn a_range_past_midnight_competes_by_the_rank_of_the_day_before() {
    let schedule = compiled(
        "Asia/Shanghai",
        &[
            period("night", &[days(&[Day::Workday], "22:00", "06:00")]),
            period("holiday", &[days(&[Day::Holiday], "00:00", "24:00")]),
            period("watch", &[days(&[Day::Sunday], "04:00", "05:00")]),
        ],
    );
    assert_periods(
        &schedule,
        &[
            // Wednesday 30 September is a plain workday (rank 3), 1 October is off (rank 2).
            ("2026-09-30T23:00", "night"),
            ("2026-10-01T00:00", "holiday"),
            // Saturday 10 October is made up (rank 1), Sunday's own range has rank 3.
            ("2026-10-11T04:30", "night"),
            ("2026-10-11T06:00", "closed"),
            ("2026-10-18T04:30", "watch"),
        ],
    );
}

#[test]
fn a_dated_range_past_midnight_still_beats_the_next_day() {
    let schedule = compiled(
        "Asia/Shanghai",
        &[
            period("gala", &[dates("2026-09-30", "2026-09-30", "20:00", "02:00")]),
            period("holiday", &[days(&[Day::Holiday], "00:00", "24:00")]),
        ],
    );
    assert_periods(
        &schedule,
        &[
            ("2026-09-30T01:00", "closed"),
            ("2026-09-30T20:00", "gala"),
            ("2026-10-01T01:59", "gala"),
            ("2026-10-01T02:00", "holiday"),
        ],
    );
}

#[test]
fn a_range_until_midnight_may_say_so_either_way() {
    for to in ["24:00", "00:00"] {
        let schedule = compiled("Asia/Shanghai", &[period("late", &[days(&[Day::Monday], "22:00", to)])]);
        assert_periods(&schedule, &[("2026-11-23T23:59:59", "late"), ("2026-11-24T00:00", "closed")]);
    }
}

#[test]
fn a_year_the_calendar_does_not_list_goes_by_weekdays() {
    assert_periods(
        &office_hours(),
        &[("2027-10-01T10:00", "work"), ("2027-10-02T10:00", "closed"), ("2025-10-01T10:00", "work")],
    );
}

#[test]
fn a_period_may_be_named_like_otherwise() {
    let schedule = compiled(
        "Asia/Shanghai",
        &[
            period("closed", &[dates("2026-11-11", "2026-11-11", "00:00", "24:00")]),
            period("open", &[days(&[Day::Wednesday], "09:00", "17:00")]),
        ],
    );
    assert_eq!(schedule.period_names(), ["open", "closed"]);
    assert_periods(&schedule, &[("2026-11-11T10:00", "closed"), ("2026-11-18T10:00", "open")]);
    let at = on_wall(&schedule, "2026-11-10T20:00");
    let expected = (on_wall(&schedule, "2026-11-18T09:00"), "open");
    assert_eq!(schedule.next_change(at), Some(expected), "a period that only looks new is no change");
}

#[test]
fn indexes_follow_the_document_and_end_with_otherwise() {
    let schedule = office_hours();
    assert_eq!(schedule.period_names(), ["work", "promotion", "holiday", "closed"]);
    assert_eq!(schedule.period_index_at(on_wall(&schedule, "2026-11-11T10:00")), 1);
    assert_eq!(schedule.period_index_at(on_wall(&schedule, "2026-11-12T20:00")), 3);
}

#[test]
fn the_wall_clock_is_the_zones() {
    let at: Timestamp = "2026-11-23T02:15:00Z".parse().unwrap();
    assert_eq!(office_hours().wall(at).to_string(), "2026-11-23T10:15:00");
}

#[test]
fn an_hour_that_occurs_twice_belongs_to_its_range_both_times() {
    let schedule = compiled("Europe/Berlin", &[period("early", &[days(&[Day::Sunday], "02:15", "02:45")])]);
    // On 25 October 2026 the clock goes from 03:00 back to 02:00 at 01:00 UTC.
    let start: Timestamp = "2026-10-25T00:00:00Z".parse().unwrap();
    let until: Timestamp = "2026-10-25T02:00:00Z".parse().unwrap();
    let timetable: Vec<String> = schedule.changes(start, until).map(|(at, name)| format!("{at} {name}")).collect();
    assert_eq!(
        timetable,
        [
            "2026-10-25T00:00:00Z closed",
            "2026-10-25T00:15:00Z early",
            "2026-10-25T00:45:00Z closed",
            "2026-10-25T01:15:00Z early",
            "2026-10-25T01:45:00Z closed",
        ]
    );
}

#[test]
fn a_range_that_is_running_when_the_clock_goes_back_is_ended_and_resumed_by_the_wall() {
    let schedule = compiled("Europe/Berlin", &[period("early", &[days(&[Day::Sunday], "02:30", "04:00")])]);
    let start: Timestamp = "2026-10-25T00:00:00Z".parse().unwrap();
    let timetable: Vec<String> = schedule
        .changes(start, start + jiff::SignedDuration::from_hours(4))
        .map(|(at, name)| format!("{at} {name}"))
        .collect();
    assert_eq!(
        timetable,
        [
            "2026-10-25T00:00:00Z closed",
            "2026-10-25T00:30:00Z early",
            "2026-10-25T01:00:00Z closed", // 02:00 again
            "2026-10-25T01:30:00Z early",
            "2026-10-25T03:00:00Z closed",
        ]
    );
}

#[test]
fn a_start_that_never_occurs_is_the_next_instant_that_exists() {
    let schedule = compiled(
        "Europe/Berlin",
        &[
            period("early", &[days(&[Day::Sunday], "02:30", "04:00")]),
            period("gone", &[days(&[Day::Sunday], "02:00", "02:30")]),
        ],
    );
    // On 29 March 2026 the clock goes from 02:00 to 03:00 at 01:00 UTC.
    let start: Timestamp = "2026-03-29T00:30:00Z".parse().unwrap();
    assert_eq!(schedule.period_at(start), "closed");
    let (begins, name) = schedule.next_change(start).unwrap();
    assert_eq!((begins.to_string().as_str(), name), ("2026-03-29T01:00:00Z", "early"));
    let (ends, name) = schedule.next_change(begins).unwrap();
    assert_eq!((ends.to_string().as_str(), name), ("2026-03-29T02:00:00Z", "closed"));
}

#[test]
fn the_next_change_is_found_years_ahead() {
    let schedule =
        compiled("Europe/Berlin", &[period("jubilee", &[dates("2051-12-30", "2051-12-31", "12:00", "13:00")])]);
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let changes: Vec<String> = schedule.changes(at, Timestamp::MAX).map(|(at, name)| format!("{at} {name}")).collect();
    assert_eq!(
        changes,
        [
            "2026-01-01T00:00:00Z closed",
            "2051-12-30T11:00:00Z jubilee",
            "2051-12-30T12:00:00Z closed",
            "2051-12-31T11:00:00Z jubilee",
            "2051-12-31T12:00:00Z closed",
        ]
    );
}

#[test]
fn the_next_day_off_is_found_months_ahead() {
    let schedule = compiled("Asia/Shanghai", &[period("holiday", &[days(&[Day::Holiday], "23:00", "02:00")])]);
    let expected = (on_wall(&schedule, "2026-09-25T23:00"), "holiday");
    assert_eq!(schedule.next_change(on_wall(&schedule, "2026-06-22T02:00")), Some(expected));
}

#[test]
fn what_never_changes_again_has_no_next_change() {
    let at: Timestamp = "2026-10-08T00:00:00Z".parse().unwrap();
    assert_eq!(compiled("Europe/Berlin", &[]).next_change(at), None);
    let holidays = [period("holiday", &[days(&[Day::Holiday], "00:00", "24:00")])];
    assert_eq!(compiled("Asia/Shanghai", &holidays).next_change(at), None, "the calendar lists no later day off");
}

#[test]
fn a_change_hidden_by_a_clock_change_is_found_a_week_later() {
    let schedule = compiled("Europe/Berlin", &[period("early", &[days(&[Day::Sunday], "02:00", "03:00")])]);
    let at = on_wall(&schedule, "2099-03-28T12:00");
    let expected = (on_wall(&schedule, "2099-04-05T02:00"), "early");
    assert_eq!(schedule.wall(on_wall(&schedule, "2099-03-29T01:59")).to_string(), "2099-03-29T01:59:00");
    assert_eq!(schedule.next_change(at), Some(expected));
}
