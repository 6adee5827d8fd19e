use super::*;
use crate::folder::fault::Position;
use crate::folder::yaml::parse;

fn schema() -> Schema {
    let name = json!({"type": "string", "minLength": 1, "maxLength": 8});
    Schema::new(&json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["number", "destinations"],
                "properties": {
                    "number": {"type": "string", "pattern": "^400[0-9]{7}$"},
                    "state": {"type": "string", "enum": ["Active", "Paused"]},
                    "areas": {"type": "array", "x-kubernetes-list-type": "set", "maxItems": 3, "items": {"type": "string"}},
                    "ringSeconds": {"type": "integer", "format": "int32", "minimum": 5, "maximum": 120},
                    "share": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
                    "enabled": {"type": "boolean"},
                    "note": {"type": "string", "nullable": true},
                    "port": {"x-kubernetes-int-or-string": true},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "to": {"type": "object", "minProperties": 1, "properties": {"group": name, "destination": name},
                           "oneOf": [{"required": ["group"]}, {"required": ["destination"]}]},
                    "destinations": {
                        "type": "array", "minItems": 1,
                        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name", "number"],
                                  "properties": {"name": name, "number": {"type": "string"}}},
                        "x-kubernetes-validations": [
                            {"rule": "self.all(d, d.name != 'spare' || size(self) > 1)",
                             "message": "a spare destination needs another beside it"}]
                    }
                }
            }
        }
    }))
    .expect("a schema")
}

/// The sentences about a manifest whose spec is the given text after a sound head.
fn told(rest: &str) -> Vec<String> {
    let text = format!(
        "apiVersion: example.io/v1\nkind: Thing\nmetadata: {{name: a}}\nspec:\n  number: \"4001000868\"\n  destinations: [{{name: desk, number: \"1\"}}]\n{rest}"
    );
    told_of(&text)
}

fn told_of(text: &str) -> Vec<String> {
    let manifest = parse(text).expect("YAML").remove(0);
    let file = std::sync::Arc::from(std::path::Path::new("a.yaml"));
    schema().check(&manifest).into_iter().map(|flaw| flaw.in_file(&file).to_string()).collect()
}

#[test]
fn a_sound_manifest_passes() {
    let all = "  state: Paused\n  areas: [\"0755\", \"020\"]\n  ringSeconds: 20\n  share: 0.5\n  enabled: true\n  note: null\n  port: 80\n  labels: {a: \"1\"}\n  to: {group: x}\n";
    assert_eq!(told(all), Vec::<String>::new());
}

#[test]
fn text_read_as_something_else_must_be_quoted() {
    let cases = [
        (
            "  areas: [0755]\n",
            "a.yaml:7:11: spec.areas[0] is written 0755, which YAML reads as the number 493: quote it (\"0755\")",
        ),
        (
            "  areas: [\"0755\", 020]\n",
            "a.yaml:7:19: spec.areas[1] is written 020, which YAML reads as the number 16: quote it (\"020\")",
        ),
        (
            "  state: no\n",
            "a.yaml:7:10: spec.state is written no, which YAML reads as the boolean false: quote it (\"no\")",
        ),
        ("  labels: {a: ~}\n", "a.yaml:7:15: spec.labels.a is written ~, which YAML reads as null: quote it (\"~\")"),
        ("  state:\n", "spec.state is empty, which YAML reads as null: give it a value or remove the line"),
    ];
    for (rest, sentence) in cases {
        let told = told(rest);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with(sentence), "{told:?}");
    }
}

#[test]
fn a_phone_number_is_not_shown_whole() {
    let told = told("  areas: [+8613800138000]\n");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("quote it") && !told[0].contains("00138000"), "{told:?}");
}

#[test]
fn each_bound_has_its_sentence() {
    let cases = [
        ("  destination: []\n", "7:3: spec.destination is not a field here: did you mean destinations?"),
        ("  zzz: 1\n", "7:3: spec.zzz is not a field here"),
        ("  state: active\n", "spec.state is \"active\", but must be one of Active, Paused: did you mean Active?"),
        (
            "  areas: [a, b, a]\n",
            "spec.areas[2] repeats an earlier item of the list (\"a\", first at line 7): each may stand once",
        ),
        ("  areas: [a, b, c, d]\n", "spec.areas has 4 items, but must have at most 3"),
        ("  areas: a\n", "spec.areas is the text \"a\", but a list is needed"),
        ("  ringSeconds: 4\n", "spec.ringSeconds is 4, but must be at least 5"),
        ("  ringSeconds: 121\n", "spec.ringSeconds is 121, but must be at most 120"),
        ("  ringSeconds: \"20\"\n", "spec.ringSeconds is the text \"20\", but a whole number is needed"),
        ("  ringSeconds: 20.5\n", "spec.ringSeconds is the number 20.5, but a whole number is needed"),
        ("  share: 0\n", "spec.share is 0, but must be more than 0"),
        ("  enabled: \"yes\"\n", "spec.enabled is the text \"yes\", but true or false is needed"),
        ("  port: [1]\n", "spec.port is a list, but a whole number or text is needed"),
        ("  to: {}\n", "spec.to has 0 fields, but must have at least 1"),
        ("  to: {group: a, destination: b}\n", "spec.to does not have the shape that its schema's oneOf asks for"),
        ("  to: {group: \"\"}\n", "spec.to.group has 0 characters, but must have at least 1"),
        ("  to: {group: 八八八八八八八八九}\n", "spec.to.group has 9 characters, but must have at most 8"),
        ("stat: 1\n", "7:1: stat is not a field here"),
    ];
    for (rest, sentence) in cases {
        let told = told(rest);
        assert_eq!(told.len(), 1, "{rest}: {told:?}");
        assert!(told[0].contains(sentence), "{rest}: {told:?}");
    }
}

#[test]
fn what_is_required_and_keyed_is_checked_with_places() {
    let head = "apiVersion: example.io/v1\nkind: Thing\nmetadata: {name: a}\n";
    assert_eq!(told_of(head), ["a.yaml:1:1: spec is missing: it is required"]);
    let twice =
        format!("{head}spec:\n  number: \"400\"\n  destinations:\n  - {{name: a, number: x}}\n  - {{name: a}}\n");
    assert_eq!(
        told_of(&twice),
        [
            "a.yaml:5:11: spec.number is \"400\", which does not match ^400[0-9]{7}$",
            "a.yaml:8:5: spec.destinations[1] repeats an earlier item of the list (name \"a\", first at line 7): each may stand once",
            "a.yaml:8:5: spec.destinations[1].number is missing: it is required",
        ]
    );
}

#[test]
fn metadata_is_checked_as_the_server_does() {
    let told = told_of(
        "apiVersion: example.io/v1\nkind: Thing\nmetadata: {name: Big, label: {}, annotations: {a: yes}}\nspec: {number: \"4001000868\", destinations: [{name: a, number: b}]}\n",
    );
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("metadata.name is \"Big\", which does not match"));
    assert!(told[1].contains("metadata.label is not a field here: did you mean labels?"));
    assert!(told[2].contains("metadata.annotations.a is written yes"));
}

#[test]
fn cel_rules_are_evaluated_at_their_place() {
    let text = "apiVersion: example.io/v1\nkind: Thing\nmetadata: {name: a}\nspec:\n  number: \"4001000868\"\n  destinations: [{name: spare, number: \"1\"}]\n";
    assert_eq!(
        told_of(text),
        ["a.yaml:6:3: spec.destinations is refused: a spare destination needs another beside it"]
    );
    assert!(schema().unusable_rules().is_empty());
}

#[test]
fn a_rule_that_does_not_parse_is_told_and_breaks_nothing() {
    let broken = Schema::new(&json!({"type": "object", "properties": {"spec": {"type": "object",
        "x-kubernetes-validations": [{"rule": "self.(", "message": "x"}]}}}))
    .expect("a schema");
    assert_eq!(broken.unusable_rules().len(), 1);
    let manifest = parse("{apiVersion: a, kind: b, metadata: {name: c}, spec: {}}").expect("YAML").remove(0);
    assert_eq!(broken.check(&manifest), Vec::new());
}

#[test]
fn a_pattern_that_does_not_compile_is_refused() {
    assert!(matches!(Schema::new(&json!({"type": "string", "pattern": "("})), Err(SchemaError::Pattern { .. })));
}

#[test]
fn flaws_carry_their_position() {
    let manifest = parse("spec: {}\n").expect("YAML").remove(0);
    assert!(schema().check(&manifest).iter().all(|flaw| flaw.position != Position::default()));
}
