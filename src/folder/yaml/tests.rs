use serde_json::json;

use super::*;

fn one(text: &str) -> Node {
    let mut documents = parse(text).expect("YAML");
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn fault(text: &str) -> Flaw {
    parse(text).expect_err("a flaw")
}

#[test]
fn documents_keep_values_places_and_quoting() {
    let documents = parse("# two\n---\na: 0755\nb: ['0755', \"x\"]\n---\n---\nc:\n- d: |\n    block\n").expect("YAML");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0].to_json(), json!({"a": 493, "b": ["0755", "x"]}));
    assert_eq!(documents[1].to_json(), json!({"c": [{"d": "block\n"}]}));
    assert_eq!(documents[0].position_of("b[1]"), Position { line: 4, column: 13 });
    assert_eq!(documents[1].position_of("c[0].d"), Position { line: 8, column: 3 });
    let Content::Scalar(scalar) = &documents[0].get("a").expect("a").content else { panic!("a scalar") };
    assert_eq!((scalar.text.as_str(), scalar.style), ("0755", Style::Plain));
}

#[test]
fn a_path_that_is_not_there_is_placed_at_what_holds_it() {
    let node = one("spec:\n  rules:\n  - {name: night}\n");
    assert_eq!(node.position_of("spec.rules[0].to.group"), Position { line: 3, column: 5 });
    assert_eq!(node.position_of("spec.other"), Position { line: 1, column: 1 });
    assert_eq!(node.position_of("spec.rules[7]").line, 2);
}

#[test]
fn columns_count_characters() {
    assert_eq!(one("{名: x, y1: z}").position_of("y1"), Position { line: 1, column: 8 });
}

#[test]
fn a_key_that_stands_twice_names_both_places() {
    let flaw = fault("spec:\n  name: a\n  other: b\n  name: c\n");
    assert_eq!(flaw.position, Position { line: 4, column: 3 });
    assert_eq!(flaw.path, "spec.name");
    assert_eq!(flaw.fault, Fault::DuplicateKey { first: Position { line: 2, column: 3 } });
    assert!(matches!(fault("{a: 1, 'a': 2}").fault, Fault::DuplicateKey { .. }));
}

#[test]
fn a_key_that_is_not_text_must_be_quoted() {
    assert_eq!(fault("labels:\n  no: x\n").fault, Fault::KeyNotText { written: "no".into() });
    assert_eq!(one("'no': x").to_json(), json!({"no": "x"}));
    assert_eq!(fault("? [a]\n: x\n").fault, Fault::KeyNotScalar);
}

#[test]
fn aliases_and_merges_are_expanded() {
    let node = one("base: &b {a: 1, b: 2}\ncopy: *b\nmerged:\n  <<: *b\n  b: 3\n");
    assert_eq!(node.to_json(), json!({"base": {"a": 1, "b": 2}, "copy": {"a": 1, "b": 2}, "merged": {"b": 3, "a": 1}}));
    assert!(matches!(fault("base: &b {a: 1}\nmerged:\n  a: 2\n  <<: *b\n").fault, Fault::DuplicateKey { .. }));
    assert_eq!(fault("a: {<<: 1}").fault, Fault::MergeNotMap);
    assert_eq!(fault("a: &a [*a]").fault, Fault::AliasInsideItself);
    assert!(matches!(fault("a: *nobody").fault, Fault::Syntax(_)));
}

#[test]
fn alias_bombs_are_bounded() {
    let mut nodes = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = level - 1;
        let items = vec![format!("*a{below}"); 10].join(", ");
        nodes = format!("{nodes}a{level}: &a{level} [{items}]\n");
    }
    assert!(matches!(fault(&nodes).fault, Fault::TooManyNodes { .. }));
    let long = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 40].join(", "));
    assert!(matches!(fault(&long).fault, Fault::TooManyNodes { .. }));
}

#[test]
fn depth_and_size_are_bounded() {
    assert!(parse(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
    assert_eq!(fault(&format!("{}{}", "[".repeat(65), "]".repeat(65))).fault, Fault::TooDeep { limit: 64 });
    let nested = format!("a: &a {}x{}\nb: {}*a{}\n", "[".repeat(40), "]".repeat(40), "[".repeat(40), "]".repeat(40));
    assert_eq!(fault(&nested).fault, Fault::TooDeep { limit: 64 });
    assert!(matches!(fault(&" ".repeat(MAX_BYTES + 1)).fault, Fault::TooLarge { .. }));
    assert!(matches!(fault(&"- a\n".repeat(MAX_NODES + 1)).fault, Fault::TooManyNodes { .. }));
}

#[test]
fn tags_of_the_core_schema_count_and_others_are_refused() {
    assert_eq!(one("[!!str 0755, !!int '7', ! 020]").to_json(), json!(["0755", 7, "020"]));
    assert!(matches!(fault("a: !secret x").fault, Fault::Tag { .. }));
    assert!(matches!(fault("a: !!int x").fault, Fault::Tag { .. }));
}

#[test]
fn json_is_read_as_json() {
    let text = "{\n\t\"a\": \"0755\",\n\t\"b\": [1, true, null],\n\t\"c\": \"x\\/y\\u00e9\"\n}\n";
    assert_eq!(one(text).to_json(), serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
}

#[test]
fn infinities_are_refused() {
    assert_eq!(fault("a: .inf").fault, Fault::NotFinite { written: ".inf".into() });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-:#&*!|>'\"%@\\[\\]{},?a-c0-2 \n\t<]{0,80}|\\PC{0,60}") {
        if let Ok(documents) = parse(&text) {
            for node in documents {
                let _ = node.to_json();
            }
        }
    }

    #[test]
    fn quoted_text_comes_back_as_it_was(text in "[ -~\u{4e00}-\u{4fff}]{0,40}") {
        let yaml = format!("v: {}\n", serde_json::to_string(&text).expect("JSON"));
        proptest::prop_assert_eq!(one(&yaml).to_json(), json!({"v": text}));
    }
}
