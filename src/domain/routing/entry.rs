//! The check of one number's entry beyond its schema: what its owner must mend before it enters a plan. Pure.
//!
//! Controllers turn the answer into `Accepted=False`, `fourhundred lint` into places in files. It holds without any
//! cluster, so that nothing depends on admission.

use super::compile::{Compiler, Violation};
use super::document::{GroupEntry, NumberEntry, RuleEntry, ScheduleDocument, Strategy};
use super::shared::Shared;
use crate::domain::numbering::FourHundred;

/// Everything in `entry` that cannot stand, in the order of its fields. `schedule` is the one that the entry's rules
/// may name periods of.
pub fn check_entry(entry: &NumberEntry, schedule: Option<&ScheduleDocument>) -> Vec<Violation> {
    if let Err(error) = entry.number.parse::<FourHundred>() {
        return vec![Violation { field: "number".to_owned(), sentence: error.to_string() }];
    }
    let periods = schedule.map(period_names);
    let mut shared = Shared::default();
    let mut compiler = Compiler::new(entry, periods.as_deref(), None, &mut shared);
    compiler.destinations(entry);
    compiler.entry(entry);
    if entry.destinations.is_empty() {
        compiler.refuse("destinations", "needs at least one destination");
    }
    for group in &entry.groups {
        check_group(group, &mut compiler);
    }
    check_rules(&entry.rules, &mut compiler);
    compiler.violations
}

/// The names of a schedule's periods as rules may use them, the one of every other instant last.
pub fn period_names(schedule: &ScheduleDocument) -> Vec<&str> {
    schedule.periods.iter().map(|period| period.name.as_str()).chain([schedule.otherwise.as_str()]).collect()
}

fn check_group(group: &GroupEntry, compiler: &mut Compiler<'_>) {
    let field = format!("groups[{}].members", group.name);
    if group.members.is_empty() {
        compiler.refuse(field, "needs at least one member");
        return;
    }
    if group.strategy != Strategy::Percentage {
        if let Some(member) = group.members.iter().find(|member| member.percent.is_some()) {
            let sentence =
                format!("has a meaning in a group of strategy Percentage only, and this one is {:?}", group.strategy);
            compiler.refuse(format!("{field}[{}].percent", member.destination), sentence);
        }
        return;
    }
    let mut sum = 0_u32;
    for member in &group.members {
        match member.percent {
            Some(percent @ 1..=100) => sum += u32::from(percent),
            Some(percent) => {
                compiler.refuse(
                    format!("{field}[{}].percent", member.destination),
                    format!("{percent} is not within 1 to 100"),
                );
                return;
            }
            None => {
                compiler.refuse(
                    format!("{field}[{}].percent", member.destination),
                    "is needed in a group of strategy Percentage",
                );
                return;
            }
        }
    }
    if sum != 100 {
        compiler.refuse(field, format!("the percentages sum to {sum}, and 100 is needed"));
    }
}

fn check_rules(rules: &[RuleEntry], compiler: &mut Compiler<'_>) {
    let Some(last) = rules.last() else {
        compiler.refuse("rules", "needs at least one rule");
        return;
    };
    if last.when.is_some() {
        compiler.refuse(
            format!("rules[{}].when", last.name),
            "the last rule must match every call: take its `when` away, or add a rule without one",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::document::{MemberEntry, Target, When};
    use crate::domain::routing::worlds;

    fn fields(spoil: impl FnOnce(&mut NumberEntry)) -> Vec<String> {
        let mut entry = worlds::hotline();
        spoil(&mut entry);
        check_entry(&entry, Some(&worlds::office_hours())).into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn the_contracts_own_number_stands() {
        assert_eq!(check_entry(&worlds::hotline(), Some(&worlds::office_hours())), vec![]);
    }

    #[test]
    fn each_fault_is_told_with_its_field() {
        type Spoil = fn(&mut NumberEntry);
        let cases: [(Spoil, &str); 19] = [
            (|e| e.number = "8001000868".into(), "number"),
            (|e| e.destinations[1].number = "0755-1".into(), "destinations[shenzhen].number"),
            (
                |e| e.groups[0].members[1].destination = "shanghai".into(),
                "groups[service].members[shanghai].destination",
            ),
            (|e| e.groups[0].overflow[0] = "nobody".into(), "groups[service].overflow"),
            (|e| e.groups[1].members[0].percent = Some(71), "groups[trial].members"),
            (|e| e.groups[1].members[1].percent = None, "groups[trial].members[shenzhen].percent"),
            (|e| e.groups[0].members[0].percent = Some(50), "groups[service].members[beijing].percent"),
            (|e| e.groups[0].members.clear(), "groups[service].members"),
            (
                |e| e.groups[0].members.push(MemberEntry { destination: "beijing".into(), percent: None }),
                "groups[service].members[beijing]",
            ),
            (|e| e.screening.deny_callers.push("+86139*".into()), "screening.denyCallers"),
            (|e| e.screening.only_areas.push("Hainan".into()), "screening.onlyAreas"),
            (|e| e.rules[1].when.as_mut().unwrap().periods.push("lunch".into()), "rules[south-by-day].when.periods"),
            (|e| e.rules[0].when.as_mut().unwrap().callers.push("86139*".into()), "rules[key-customers].when.callers"),
            (|e| e.rules[3].to = Target::Group("servce".into()), "rules[by-day].to.group"),
            (|e| e.rules[4].to = Target::Announcement("a b".into()), "rules[holiday].to.announcement"),
            (|e| e.rules[5].to = Target::Number("13800138000".into()), "rules[night].to.number"),
            (|e| e.rules[5].when = Some(When { callers: vec!["139*".into()], ..When::default() }), "rules[night].when"),
            (|e| e.rules[4].name = "by-day".into(), "rules[by-day]"),
            (|e| e.rules.clear(), "rules"),
        ];
        for (spoil, field) in cases {
            assert_eq!(fields(spoil), vec![field.to_owned()]);
        }
    }

    #[test]
    fn periods_without_a_schedule_are_refused() {
        let violations = check_entry(&worlds::hotline(), None);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "rules[south-by-day].when.periods",
                "rules[promotion].when.periods",
                "rules[by-day].when.periods",
                "rules[holiday].when.periods"
            ]
        );
    }

    #[test]
    fn a_wrong_name_is_answered_with_those_there_are() {
        let mut entry = worlds::hotline();
        entry.rules[3].to = Target::Group("servce".into());
        let violations = check_entry(&entry, Some(&worlds::office_hours()));
        assert_eq!(violations[0].sentence, "names group \"servce\", which does not exist: name one of service, trial");
    }
}
