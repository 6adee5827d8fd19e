//! Whether one rule matches every call that another matches. Pure; says no where it is not sure.

use crate::api::four_hundred_number::{Rule, When};
use crate::domain::numbering::CallerPattern;

/// Whether `earlier` matches whatever `later` matches. `periods` are all the names that the timetable can give.
pub fn covers(earlier: &Rule, later: &Rule, periods: &[String]) -> bool {
    let none = When::default();
    let (wide, narrow) = (earlier.when.as_ref().unwrap_or(&none), later.when.as_ref().unwrap_or(&none));
    periods_cover(&wide.periods, &narrow.periods, periods)
        && places_cover(wide, narrow)
        && callers_cover(&wide.callers, &narrow.callers)
        && list_covers(&wide.caller_lists, &narrow.caller_lists)
}

/// Whether `earlier` matches whatever `later` matches at the same times and from the same places, whoever calls.
pub fn covers_but_for_callers(earlier: &When, later: &When, periods: &[String]) -> bool {
    periods_cover(&earlier.periods, &later.periods, periods) && places_cover(earlier, later)
}

fn periods_cover(wide: &[String], narrow: &[String], all: &[String]) -> bool {
    let every = !all.is_empty() && all.iter().all(|period| wide.contains(period));
    every || list_covers(wide, narrow)
}

fn places_cover(wide: &When, narrow: &When) -> bool {
    match (wide.areas(), narrow.areas()) {
        (Ok(wide), Ok(narrow)) => list_covers(&wide, &narrow),
        _ => false,
    }
}

/// An empty list matches everything.
fn list_covers(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
}

fn callers_cover(wide: &[String], narrow: &[String]) -> bool {
    if wide.is_empty() || narrow.is_empty() {
        return wide.is_empty();
    }
    let wide: Vec<CallerPattern> = wide.iter().filter_map(|text| text.parse().ok()).collect();
    narrow.iter().all(|text| {
        text.parse::<CallerPattern>().is_ok_and(|narrow| wide.iter().any(|wide| pattern_covers(wide, &narrow)))
    })
}

fn pattern_covers(wide: &CallerPattern, narrow: &CallerPattern) -> bool {
    if wide.is_prefix() {
        narrow.digits().starts_with(wide.digits())
    } else {
        !narrow.is_prefix() && narrow.digits() == wide.digits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(when: &str) -> Rule {
        let when = if when.is_empty() { String::new() } else { format!("when: {when}, ") };
        serde_saphyr::from_str(&format!("{{name: r, {when}to: {{destination: d}}}}")).unwrap()
    }

    #[test]
    fn a_rule_is_covered_only_where_each_of_its_conditions_is() {
        let periods = ["work", "closed"].map(str::to_owned);
        for (earlier, later, covered) in [
            ("", "{periods: [work]}", true),
            ("", "", true),
            ("{periods: [work]}", "", false),
            ("{periods: [work]}", "{periods: [work], callers: [\"139*\"]}", true),
            ("{periods: [work]}", "{periods: [work, closed]}", false),
            ("{periods: [work, closed]}", "{callers: [\"139*\"]}", true),
            ("{callers: [\"139*\"]}", "{callers: [\"13900001111\", \"1390*\"]}", true),
            ("{callers: [\"1390*\"]}", "{callers: [\"139*\"]}", false),
            ("{callers: [\"13900001111\"]}", "{callers: [\"13900001111\"]}", true),
            ("{callerAreas: [\"020\", \"0755\"]}", "{callerAreas: [\"0755\"], periods: [work]}", true),
            ("{callerAreas: [\"020\"]}", "{callers: [\"020*\"]}", false),
            ("{callerProvinces: [广东]}", "{callerAreas: [\"0755\"]}", true),
            ("{callerProvinces: [广东]}", "{callerAreas: [\"0755\", \"010\"]}", false),
            ("{callerAreas: [\"010\"]}", "{callerProvinces: [北京]}", true),
            ("", "{callerLists: [vip]}", true),
            ("{callerLists: [vip]}", "", false),
            ("{callerLists: [vip, more]}", "{callerLists: [vip], periods: [work]}", true),
            ("{callerLists: [vip]}", "{callerLists: [vip, more]}", false),
            ("{callerLists: [vip]}", "{callers: [\"139*\"]}", false),
        ] {
            assert_eq!(covers(&rule(earlier), &rule(later), &periods), covered, "{earlier:?} before {later:?}");
        }
    }
}
