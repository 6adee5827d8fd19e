use std::path::Path;

use proptest::prelude::*;

use super::callers::Lists;
use super::*;
use crate::domain::numbering::Caller;
use crate::folder::{Folder, Schemas};
use crate::offline::tests::{now, root};

/// The examples with one file changed; what replaces nothing is put behind it.
fn edited(file: &str, edits: &[(&str, &str)]) -> Offline {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples"), folder.path());
    let path = folder.path().join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (before, after) in edits {
        assert!(text.contains(before), "{before}");
        if before.is_empty() {
            text.push_str(after);
        } else {
            text = text.replace(before, after);
        }
    }
    std::fs::write(&path, text).unwrap();
    let schemas = Schemas::from_crds(&crate::api::crds::all()).unwrap();
    let folder = Folder::read(folder.path(), &schemas).unwrap();
    Offline::judge(folder, now()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn year() -> (Timestamp, Timestamp) {
    (now(), "2027-12-23T12:00:00+08:00".parse().unwrap())
}

fn difference(old: &Offline, new: &Offline) -> Difference {
    let (from, until) = year();
    between(old, new, from, until).unwrap()
}

#[test]
fn the_same_folder_tells_every_call_the_same() {
    let examples = edited("acme/hotline.yaml", &[]);
    assert!(difference(&examples, &edited("acme/hotline.yaml", &[])).is_empty());
}

#[test]
fn an_area_that_moves_is_told_with_its_period_and_its_callers() {
    let old = edited("acme/hotline.yaml", &[]);
    let new = edited("acme/hotline.yaml", &[(r#"callerAreas: ["0755", "020"]"#, r#"callerAreas: ["0755"]"#)]);
    let told = difference(&old, &new);
    assert_eq!(
        text::plain(&told),
        "4001000868 (acme/hotline)\n  from 2026-11-23T12:00:00+08:00, period work, callers of 020; withheld numbers of 020:\n    \
         shenzhen → beijing, then shenzhen, then duty\ncompared from 2026-11-23T12:00:00+08:00 until 2027-12-23T12:00:00+08:00\n"
    );
    assert!(text::markdown(&told).contains("| 4001000868 (acme/hotline) | 2026-11-23T12:00:00+08:00 | period work |"));
}

#[test]
fn a_longer_day_is_told_by_the_periods_that_change_hands() {
    let old = edited("acme/office-hours.yaml", &[]);
    let new = edited("acme/office-hours.yaml", &[("to: \"18:00\"", "to: \"19:00\"")]);
    let told = difference(&old, &new);
    let rows: Vec<(&str, &str, &str)> =
        told.changes.iter().map(|c| (c.from.as_str(), c.when.as_str(), c.after.as_str())).collect();
    assert!(
        rows.contains(&(
            "2026-11-23T18:00:00+08:00",
            "period closed → period work",
            "beijing, then shenzhen, then duty"
        )),
        "{rows:?}"
    );
    assert!(told.changes.iter().all(|change| change.when == "period closed → period work"), "{rows:?}");
}

#[test]
fn another_number_under_the_same_name_is_told_in_full() {
    let old = edited("acme/sales.yaml", &[]);
    let new = edited("acme/sales.yaml", &[("021-6666 0003", "021-6666 0005")]);
    let told = difference(&old, &new);
    assert_eq!(told.changes.len(), 1);
    let change = &told.changes[0];
    let callers = "callers whom no pattern or list names; withheld numbers";
    assert_eq!((change.when.as_str(), change.callers.as_str()), ("at all times", callers), "partners go elsewhere");
    assert_eq!(change.before, "shanghai (02166660003 for 25 s, at most 1)");
    assert_eq!(change.after, "shanghai (02166660005 for 25 s, at most 1)");
}

/// The number's own part of the plan is the same; where its announcements play is not.
#[test]
fn an_announcement_that_plays_elsewhere_is_told_by_the_numbers_that_play_it() {
    let old = edited("platform/gateway.yaml", &[]);
    let new = edited("platform/gateway.yaml", &[("sip:holiday@127.0.0.1:5080", "sip:holiday@127.0.0.1:5081")]);
    // National Day lies in it.
    let (from, until) = ("2026-09-01T00:00:00+08:00", "2026-11-01T00:00:00+08:00");
    let told = between(&old, &new, from.parse().unwrap(), until.parse().unwrap()).unwrap();
    assert!(!told.changes.is_empty(), "{}", text::plain(&told));
    assert!(told.changes.iter().all(|change| change.when == "period holiday"), "{}", text::plain(&told));
    assert!(told.changes[0].after.contains("sip:holiday@127.0.0.1:5081"), "{}", told.changes[0].after);
}

#[test]
fn nothing_is_said_of_years_whose_days_the_plan_does_not_carry() {
    let folder = edited("acme/hotline.yaml", &[]);
    let told = between(&folder, &folder, now(), "2035-01-01T00:00:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(told.until, "2028-01-01T00:00:00+08:00");
}

#[test]
fn a_denied_caller_and_a_trunk_are_told() {
    let old = edited("acme/hotline.yaml", &[]);
    let new = edited("acme/hotline.yaml", &[(r#"denyCallers: ["0898*"]"#, r#"denyCallers: ["0898*", "13900001111"]"#)]);
    let told = difference(&old, &new);
    assert_eq!(told.changes.len(), 1, "{}", text::plain(&told));
    assert_eq!(
        (told.changes[0].callers.as_str(), told.changes[0].before.as_str(), told.changes[0].after.as_str()),
        ("13900001111", "duty", "refused: CallerDenied")
    );
    let new = edited("platform/gateway.yaml", &[("trunk: {host: 127.0.0.1", "trunk: {host: 127.0.0.9")]);
    let told = difference(&old, &new);
    assert_eq!(told.gateways.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["trunk"]);
}

/// A rule of the hotline that asks for a list, and the list.
fn asking(callers: &str) -> [(String, String); 2] {
    let rules = "  - {name: key-customers, when";
    let asking = format!("  - {{name: vips, when: {{callerLists: [vip, more]}}, to: {{group: service}}}}\n{rules}");
    let list = |name: &str, callers: &str| {
        format!(
            "---\napiVersion: fourhundred.io/v1alpha1\nkind: CallerList\nmetadata: {{name: {name}, namespace: acme}}\n\
             spec: {{callers: [{callers}]}}\n"
        )
    };
    [(rules.to_owned(), asking), (String::new(), list("vip", callers) + &list("more", "\"13800138000\""))]
}

fn with_list(callers: &str, more: &[(&str, &str)]) -> Offline {
    let asking = asking(callers);
    let edits: Vec<(&str, &str)> = asking.iter().map(|(before, after)| (before.as_str(), after.as_str())).collect();
    edited("acme/hotline.yaml", &[&edits, more].concat())
}

#[test]
fn callers_put_on_a_list_and_taken_off_it_are_told_as_such() {
    let old = with_list(r#""13900002222", "13900003333", "0755888*""#, &[]);
    let new = with_list(r#""13900002222", "13900004444", "13900005555""#, &[]);
    let told = text::plain(&difference(&old, &new));
    for (callers, change) in [
        ("callers put on list vip", "duty → beijing, then shenzhen, then duty"),
        ("callers taken off list vip", "beijing, then shenzhen, then duty → duty"),
        ("0755888*", "beijing, then shenzhen, then duty → shenzhen"),
    ] {
        let found = told.split("  from ").any(|part| part.contains(callers) && part.contains(change));
        assert!(found, "{callers}: {change}\n{told}");
    }
    assert!(!told.contains("13900004444"), "who is on a list is not spelt out: {told}");
}

/// The two folders of the property below: every list of the hotline is another one.
fn two_plans() -> (Offline, Offline) {
    let edits = [
        (r#"callerAreas: ["0755", "020"]"#, r#"callerAreas: ["0755", "0898", "Unknown"]"#),
        (r#"callers: ["13900001111", "0105555*"]"#, r#"callers: ["139*", "01055551*", "00*"]"#),
        (r#"denyCallers: ["0898*"]"#, r#"denyCallers: ["089866*", "1380013*"]"#),
        ("percent: 70", "percent: 60"),
        ("percent: 30", "percent: 40"),
    ];
    let old = with_list(r#""13900001111", "13912345678", "0105555*", "010555512345", "13800138000""#, &[]);
    (old, with_list(r#""13912345678", "01055551*", "13800130000", "075512345678""#, &edits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whoever calls whenever is of a class that is asked about, at a moment that is asked about, and is told what that
    /// class is told at that moment, on both sides. So no difference is missed and none is made up.
    #[test]
    fn any_call_is_told_what_its_class_is_told_at_its_moment(
        calls in prop::collection::vec((any_caller(), 0..34_214_399_i64), 64),
    ) {
        let (old, new) = two_plans();
        let (from, until) = year();
        let plans = [old.plan_at(from).unwrap(), new.plan_at(from).unwrap()];
        let number: FourHundred = "4001000868".parse().unwrap();
        let objects = [old.holder_of(number).unwrap(), new.holder_of(number).unwrap()];
        let written = Written::of([(&old, Some(&objects[0])), (&new, Some(&objects[1]))]);
        let comparison = Comparison { plans: [&plans[0], &plans[1]], number, from, until };
        let sides: Vec<CompiledNumber<'_>> = comparison.sides().into_iter().flatten().collect();
        let classes = classes(&sides, &written);
        let lists = Lists::of(&sides);
        let moments = distinct(&comparison.spans(&sides));
        for (caller, seconds) in calls {
            let at = from.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
            let class = classes.iter().find(|class| lists.signature(&class.caller) == lists.signature(&caller));
            prop_assert!(class.is_some(), "no class for {caller:?}");
            let class = class.unwrap();
            let moment = comparison.moment(at);
            let asked = moments.iter().find(|(known, _)| *known == moment);
            prop_assert!(asked.is_some(), "no moment for {at}: {moment:?}");
            for plan in &plans {
                let of_class = answer(plan, number, class.caller, asked.unwrap().1);
                prop_assert_eq!(answer(plan, number, caller, at), of_class, "{:?} at {}", caller, at);
            }
        }
    }
}

/// Numbers in and around what the lists name, withheld ones among them.
fn any_caller() -> impl Strategy<Value = Caller> {
    let starts = vec![
        "139",
        "13900001111",
        "1380013",
        "138",
        "0105555",
        "01055551",
        "01055552",
        "010",
        "0755",
        "0898",
        "089866",
        "0898661",
        "020",
        "00852",
        "8",
        "1008",
        "0565",
        "1",
        "",
        "13912345678",
        "010555512345",
        "13800138000",
        "075512345678",
    ];
    (prop::sample::select(starts), "([0-9]{0,8})?", prop::bool::weighted(0.1)).prop_map(|(start, rest, withheld)| {
        let digits = format!("{start}{rest}");
        if withheld { Caller::anonymous_from(&digits) } else { Caller::parse(&digits) }
    })
}
