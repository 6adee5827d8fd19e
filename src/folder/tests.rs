use std::fs;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::json;

use super::*;

fn schemas() -> Schemas {
    let crd = |kind: &str, plural: &str, scope: &str| {
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.fourhundred.io")},
            "spec": {
                "group": "fourhundred.io", "scope": scope, "names": {"kind": kind, "plural": plural},
                "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"], "properties": {
                        "spec": {"type": "object", "properties": {"text": {"type": "string"},
                            "list": {"type": "array", "items": {"type": "string"}}}},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]
            }
        });
        serde_json::from_value(crd).expect("a CRD")
    };
    Schemas::from_crds(&[crd("Thing", "things", "Namespaced"), crd("Realm", "realms", "Cluster")]).expect("schemas")
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn thing(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: fourhundred.io/v1alpha1\nkind: Thing\nmetadata: {{name: {name}, namespace: acme}}\nspec: {spec}\n"
    )
}

fn sentences(folder: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    let problems = Folder::read(folder, &schemas()).expect_err("problems");
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

fn key(namespace: Option<&str>, kind: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: namespace.map(str::to_owned), name: name.into() }
}

#[test]
fn a_folder_is_read_whole_and_in_order() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "b/two.yml", &thing("two", "{text: x}"));
    write(
        dir.path(),
        "a.yaml",
        &format!("{}---\n{}", thing("one", "{list: [a, b]}"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"),
    );
    write(
        dir.path(),
        "c.json",
        r#"{"apiVersion":"fourhundred.io/v1alpha1","kind":"Realm","metadata":{"name":"r"},"spec":{}}"#,
    );
    write(dir.path(), "acme.routing-test.yaml", "tests: []\n");
    write(dir.path(), ".hidden.yaml", "a: [");
    write(dir.path(), "kustomization.yaml", "a: [");
    write(dir.path(), "readme.md", "a: [");
    let folder = Folder::read(dir.path(), &schemas()).expect("a folder");
    let keys: Vec<String> = folder.objects.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["Realm r", "Thing acme/one", "Thing acme/two"]);
    assert_eq!(folder.routing_tests, [dir.path().join("acme.routing-test.yaml")]);
    assert_eq!(folder.notes.len(), 1);
    assert_eq!(folder.notes[0].place.position.line, 6);
    let place = folder.place_of(&key(Some("acme"), "Thing", "one"), "spec.list[1]").expect("a place");
    assert_eq!((place.file.as_ref(), place.position.line), (dir.path().join("a.yaml").as_path(), 4));
    assert_eq!(Folder::read(dir.path(), &schemas()).expect("a folder").digest, folder.digest);
}

#[test]
fn objects_get_the_metadata_of_a_cluster() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = thing("one", "{}").replace(", namespace: acme", "");
    write(dir.path(), "a.yaml", &text);
    let read = || Folder::read(dir.path(), &schemas()).expect("a folder");
    let folder = read();
    let object = folder.objects.get(&key(Some("default"), "Thing", "one")).expect("the object");
    assert_eq!(object.namespace_origin, objects::NamespaceOrigin::Defaulted);
    let metadata = &object.value["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["creationTimestamp"], "1970-01-01T00:00:00Z");
    let uid = metadata["uid"].as_str().expect("a uid");
    assert_eq!(uid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_eq!(read().objects.get(&key(Some("default"), "Thing", "one")).expect("it").value["metadata"]["uid"], uid);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{text: 0755}"));
    write(dir.path(), "b.yaml", "a: [\n");
    write(dir.path(), "c.yaml", &thing("x", "{}").replace("kind: Thing", "kind: Thinng"));
    write(dir.path(), "d.yaml", &thing("x", "{}").replace("v1alpha1", "v9"));
    write(dir.path(), "e.yaml", "kind: Thing\n");
    let told = sentences(dir.path());
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(
        told[0],
        "a.yaml:4:14: spec.text is written 0755, which YAML reads as the number 493: quote it (\"0755\")"
    );
    assert!(told[1].starts_with("b.yaml:1:4: the document is not YAML: "), "{told:?}");
    assert_eq!(told[2], "c.yaml:2:1: kind is a kind this build does not serve: did you mean Thing?");
    assert!(told[3].contains("write fourhundred.io/v1alpha1"), "{told:?}");
    assert_eq!(told[4], "e.yaml:1:1: apiVersion is missing: it is required");
}

#[test]
fn an_object_declared_twice_names_both_places() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    write(dir.path(), "b.yaml", &format!("---\n{}", thing("one", "{}")));
    let told = sentences(dir.path());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("b.yaml:2:1: Thing acme/one is declared twice, here and at "), "{told:?}");
    assert!(told[0].contains("a.yaml:1:1"), "{told:?}");
}

#[test]
fn lists_are_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    let item = |name: &str| {
        format!("- apiVersion: fourhundred.io/v1alpha1\n  kind: Realm\n  metadata: {{name: {name}}}\n  spec: {{}}\n")
    };
    write(dir.path(), "a.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n{}{}", item("a"), item("b")));
    assert_eq!(Folder::read(dir.path(), &schemas()).expect("a folder").objects.len(), 2);
}

#[test]
fn secrets_are_decoded_and_never_printed() {
    let dir = tempfile::tempdir().expect("a folder");
    write(
        dir.path(),
        "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\ndata: {a: aGk=}\nstringData: {token: open-sesame}\n",
    );
    let folder = Folder::read(dir.path(), &schemas()).expect("a folder");
    let secret = folder.objects.secret("ns", "s").expect("the secret");
    assert_eq!(secret.0["a"], b"hi");
    assert_eq!(secret.0["token"], b"open-sesame");
    assert!(!format!("{folder:?}").contains("sesame"));
    write(dir.path(), "b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: t, namespace: ns}\ndata: {a: '!'}\n");
    assert_eq!(sentences(dir.path()), ["b.yaml:4:11: data.a is not base64"]);
}

#[test]
fn a_secret_s_value_stays_out_of_sentences() {
    let dir = tempfile::tempdir().expect("a folder");
    write(
        dir.path(),
        "a.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData: {token: 40012345678901}\n",
    );
    let told = sentences(dir.path());
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("quote it") && !told[0].contains("40012345678901"), "{told:?}");
}

#[test]
fn namespaces_have_their_labels_and_their_name() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: acme, labels: {team: a}}\n");
    let folder = Folder::read(dir.path(), &schemas()).expect("a folder");
    let labels = folder.objects.namespace_labels("acme");
    assert_eq!(labels["team"], "a");
    assert_eq!(labels["kubernetes.io/metadata.name"], "acme");
    assert_eq!(folder.objects.namespace_labels("other").len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(matches!(sentences(&dir.path().join("nowhere")).as_slice(), [one] if one.contains("cannot be read")));
}

#[tokio::test]
async fn a_followed_folder_tells_edits_and_mistakes_once() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    let mut states = Box::pin(follow(dir.path(), None, Arc::new(schemas()), Duration::from_millis(10)));
    let first = states.next().await.expect("a state").expect("a folder");
    assert_eq!(first.objects.len(), 1);
    write(dir.path(), "b.yaml", "a: [");
    assert_eq!(states.next().await.expect("a state").expect_err("a problem").len(), 1);
    write(dir.path(), "b.yaml", &thing("second", "{}"));
    assert_eq!(states.next().await.expect("a state").expect("a folder").objects.len(), 2);
    let quiet = tokio::time::timeout(Duration::from_millis(80), states.next()).await;
    assert!(quiet.is_err());
    fs::remove_file(dir.path().join("b.yaml")).expect("removed");
    let last = states.next().await.expect("a state").expect("a folder");
    assert_eq!((last.objects.len(), last.digest), (1, first.digest));
}

async fn next(states: &mut (impl futures::Stream<Item = follow::State> + Unpin)) -> follow::State {
    tokio::time::timeout(Duration::from_secs(5), states.next()).await.expect("in time").expect("a state")
}

#[tokio::test]
async fn a_folder_that_is_being_written_is_not_read_before_it_rests() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    let mut states = Box::pin(follow(dir.path(), None, Arc::new(schemas()), Duration::from_millis(120)));
    assert_eq!(next(&mut states).await.expect("a folder").objects.len(), 1);
    // One file after the other, for longer than an interval: no half of it is told.
    for index in 0..20 {
        write(dir.path(), &format!("b{index}.yaml"), &thing(&format!("b{index}"), "{}"));
        let told = tokio::time::timeout(Duration::from_millis(20), states.next()).await;
        assert!(told.is_err(), "half of the edit is told");
    }
    assert_eq!(next(&mut states).await.expect("a folder").objects.len(), 21);
}

#[tokio::test]
async fn a_folder_that_is_suddenly_empty_is_told_and_not_taken_over() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    let mut states = Box::pin(follow(dir.path(), None, Arc::new(schemas()), Duration::from_millis(10)));
    assert_eq!(next(&mut states).await.expect("a folder").objects.len(), 1);
    fs::remove_file(dir.path().join("a.yaml")).expect("removed");
    let problems = next(&mut states).await.expect_err("refused");
    assert!(problems[0].to_string().contains("as an unmounted folder does"), "{problems:?}");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    assert_eq!(next(&mut states).await.expect("it is back").objects.len(), 1);
    write(dir.path(), "a.yaml", "# nothing, on purpose\n");
    assert!(next(&mut states).await.expect("a file without objects says so").objects.is_empty());
}

#[tokio::test]
async fn the_folder_of_the_program_s_own_data_is_read_past() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.yaml", &thing("one", "{}"));
    fs::create_dir_all(dir.path().join("data/status")).expect("a folder");
    write(&dir.path().join("data/status"), "one.yaml", &thing("one", "{}"));
    let data = dir.path().join("data/../data");
    let mut states = Box::pin(follow(dir.path(), Some(&data), Arc::new(schemas()), Duration::from_millis(10)));
    assert_eq!(next(&mut states).await.expect("a folder").objects.len(), 1);
}
