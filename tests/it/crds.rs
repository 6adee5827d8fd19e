//! The definitions in `crds/` on a real API server: installed, obeyed, shown by kubectl.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    cases::{Case, On, Table},
    harness::{
        Cluster, cluster, eventually,
        manifests::{self, Dry},
    },
};

suite! {
    either_apply_installs_the_definitions_and_the_other_changes_nothing,
    what_is_written_is_read_back_and_counts_as_not_looked_at,
    each_case_is_accepted_or_refused_as_its_table_says,
    each_sentence_of_a_definition_is_heard_in_some_case,
    each_list_takes_as_many_items_as_its_bound_and_not_one_more,
    kubectl_prints_the_columns_of_the_tables,
    kubectl_knows_short_names_and_the_category,
    fields_that_users_select_by_can_be_selected,
    kubectl_explains_every_field,
}

/// The namespace of the tables' objects.
const NAMESPACE: &str = "tables";

static WRITTEN: OnceCell<Vec<Written>> = OnceCell::const_new();

/// A table whose object is on the shared cluster.
struct Written {
    table: Table,
    /// As the API server first answered.
    created: Value,
    /// With its status.
    present: Value,
}

/// The shared cluster with the definitions, the tables' objects and their statuses.
async fn prepared() -> (&'static Cluster, &'static [Written]) {
    let cluster = cluster().await;
    let tables = WRITTEN.get_or_init(async || {
        manifests::install_crds(cluster).await;
        cluster.kubectl(&["create", "namespace", NAMESPACE]).await.ok();
        let mut written = Vec::new();
        for table in Table::all() {
            let created = manifests::create(cluster.client(), &table.object, Dry::No).await;
            let created = created.unwrap_or_else(|refusal| panic!("{}: {refusal}", table.file));
            let present = match &table.status {
                Some(status) => manifests::write_status(cluster.client(), &table.object, status).await,
                None => created.clone(),
            };
            written.push(Written { table, created, present });
        }
        written
    });
    (cluster, tables.await)
}

async fn definitions(cluster: &Cluster) -> Vec<CustomResourceDefinition> {
    let all = Api::<CustomResourceDefinition>::all(cluster.client()).list(&ListParams::default()).await.unwrap();
    all.items.into_iter().filter(|crd| crd.spec.group == "fourhundred.io").collect()
}

async fn either_apply_installs_the_definitions_and_the_other_changes_nothing() {
    let cluster = Cluster::own().await;
    let folder = manifests::path("crds");
    let apply = async |flags: &[&str]| {
        let arguments = [&["apply", "--filename", folder.to_str().unwrap()], flags].concat();
        cluster.kubectl(&arguments).await.ok()
    };
    apply(&[]).await;
    manifests::established(&cluster).await;
    let by_client = definitions(&cluster).await;
    assert_eq!(by_client.len(), manifests::files("crds").len());
    for crd in &by_client {
        let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref()).unwrap();
        let wrong = conditions
            .iter()
            .find(|condition| (condition.type_ == "NonStructuralSchema") == (condition.status == "True"));
        assert!(wrong.is_none(), "{}: {wrong:?}", crd.name_any());
    }

    apply(&["--server-side", "--force-conflicts"]).await;
    manifests::established(&cluster).await;
    for (before, after) in by_client.iter().zip(definitions(&cluster).await) {
        assert_eq!(before.spec, after.spec, "{}", before.name_any());
        assert_eq!(before.metadata.generation, after.metadata.generation, "{}", before.name_any());
    }
}

async fn what_is_written_is_read_back_and_counts_as_not_looked_at() {
    let (_cluster, tables) = prepared().await;
    for Written { table, created, .. } in tables {
        assert_eq!(created["spec"], table.object["spec"], "{}", table.file);
        if table.object["kind"] == "NumberClaim" {
            assert_eq!(created.get("status"), None, "{}: a claim has all in its spec", table.file);
        } else {
            assert_eq!(created["status"], json!({ "observedGeneration": -1 }), "{}", table.file);
        }
    }
}

/// What the API server says to a case.
async fn answer(cluster: &Cluster, table: &Table, case: &Case, present: &Value) -> Result<Value, String> {
    let object = table.edited(case, present);
    match case.on {
        On::Create => manifests::create(cluster.client(), &object, Dry::Run).await,
        On::Update => manifests::replace(cluster.client(), &object, Dry::Run).await,
    }
}

async fn each_case_is_accepted_or_refused_as_its_table_says() {
    let (cluster, tables) = prepared().await;
    let mut wrong = Vec::new();
    for Written { table, present, .. } in tables {
        for case in &table.cases {
            let instead = match (answer(cluster, table, case, present).await, &case.refused) {
                (Ok(_), None) => continue,
                (Err(refusal), Some(words)) if refusal.contains(words) => continue,
                (Ok(_), Some(words)) => format!("accepted, and not refused with {words:?}"),
                (Err(refusal), _) => format!("refused: {refusal}"),
            };
            wrong.push(format!("{}, {}: {instead}", table.file, case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

async fn each_sentence_of_a_definition_is_heard_in_some_case() {
    let (cluster, tables) = prepared().await;
    let mut refusals: BTreeMap<&str, String> = BTreeMap::new();
    for Written { table, present, .. } in tables {
        for case in table.cases.iter().filter(|case| case.refused.is_some()) {
            let refusal = answer(cluster, table, case, present).await.err().unwrap_or_default();
            refusals.entry(table.object["kind"].as_str().unwrap()).or_default().push_str(&refusal);
        }
    }
    let mut sentences = Vec::new();
    for crd in definitions(cluster).await {
        let schema = schema_of(&crd, "");
        find(&schema, "x-kubernetes-validations", &mut |rules| {
            for rule in rules.as_array().unwrap() {
                sentences.push((crd.spec.names.kind.clone(), rule["message"].as_str().unwrap().to_owned()));
            }
        });
    }
    assert!(sentences.len() > 40, "only {} rules are there", sentences.len());
    sentences.retain(|(kind, sentence)| !refusals.get(kind.as_str()).is_some_and(|heard| heard.contains(sentence)));
    assert!(sentences.is_empty(), "no case is refused with: {sentences:#?}");
}

/// The schema of the one version, or what a pointer finds in it.
fn schema_of(crd: &CustomResourceDefinition, pointer: &str) -> Value {
    let [version] = crd.spec.versions.as_slice() else { panic!("{} has one version", crd.name_any()) };
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).unwrap();
    serde_json::to_value(schema).unwrap().pointer(pointer).expect("a part of the schema").clone()
}

/// Shows every member `name`, however deep.
fn find(value: &Value, name: &str, show: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                if member == name {
                    show(value);
                } else {
                    find(value, name, show);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, name, show)),
        _ => {}
    }
}

async fn each_list_takes_as_many_items_as_its_bound_and_not_one_more() {
    let (cluster, tables) = prepared().await;
    let definitions = definitions(cluster).await;
    let mut tried = 0;
    for Written { table, present, .. } in tables {
        let Some(case) = table.cases.iter().find(|case| case.full) else { continue };
        let full = table.edited(case, present);
        let crd = definitions.iter().find(|crd| crd.spec.names.kind == table.object["kind"].as_str().unwrap()).unwrap();
        let mut lists = Vec::new();
        bounded_lists(&schema_of(crd, "/properties/spec"), &full["spec"], "/spec", &mut lists);
        for (pointer, bound) in lists {
            let held = full.pointer(&pointer).and_then(Value::as_array).map_or(0, Vec::len);
            assert_eq!(held, bound, "{}: {pointer} of the full case", table.file);
            let mut over = full.clone();
            let items = over.pointer_mut(&pointer).and_then(Value::as_array_mut).unwrap();
            items.push(items[0].clone());
            let refusal = manifests::create(cluster.client(), &over, Dry::Run).await.expect_err(&pointer);
            assert!(
                refusal.contains(&format!("must have at most {bound} items")),
                "{}: {pointer}: {refusal}",
                table.file
            );
            tried += 1;
        }
    }
    assert!(tried > 25, "only {tried} lists were tried");
}

/// Pointers to the lists in `value`, each place of the schema once, with their bounds. A list that is not there counts
/// too, unless there are too few different items: those of an enumeration.
fn bounded_lists(schema: &Value, value: &Value, pointer: &str, lists: &mut Vec<(String, usize)>) {
    if let Some(members) = schema["properties"].as_object() {
        for (name, member) in members {
            bounded_lists(member, &value[name], &format!("{pointer}/{name}"), lists);
        }
    }
    let items = &schema["items"];
    let key = schema["x-kubernetes-list-map-keys"][0].as_str().unwrap_or_default();
    let closed = items["enum"].is_array() || items["properties"][key]["enum"].is_array();
    if let Some(bound) = schema["maxItems"].as_u64().filter(|_| !closed) {
        lists.push((pointer.to_owned(), usize::try_from(bound).unwrap()));
    }
    if items.is_object() {
        bounded_lists(items, &value[0], &format!("{pointer}/0"), lists);
    }
}

/// Cells under the header's words; a cell may be empty or hold blanks, a header's words are parted by two blanks or more.
fn cells(table: &str) -> (Vec<String>, Vec<String>) {
    let mut lines = table.lines();
    let (header, row) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let begins = |at: &usize| *at == 0 || header[..*at].ends_with("  ") && !header[*at..].starts_with(' ');
    let starts: Vec<usize> = (0..header.len()).filter(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([usize::MAX]);
    let cut =
        |line: &str, start: usize, end: usize| line.get(start..end.min(line.len())).unwrap_or("").trim().to_owned();
    starts.iter().zip(ends).map(|(start, end)| (cut(header, *start, end), cut(row, *start, end))).unzip()
}

async fn kubectl_prints_the_columns_of_the_tables() {
    let (cluster, tables) = prepared().await;
    for Written { table, .. } in tables {
        let get = ["get", &table.short_name, table.name(), "--namespace", NAMESPACE];
        let (header, row) = cells(&cluster.kubectl(&get).await.ok());
        assert_eq!(header.join(" "), table.columns, "{}", table.file);
        assert_eq!(row[..table.row.len()], table.row, "{}", table.file);
        assert!(row.len() <= table.row.len() + 1, "{}: only the age is not compared: {row:?}", table.file);

        if !table.wide.is_empty() {
            let (header, row) = cells(&cluster.kubectl(&[&get[..], &["--output", "wide"]].concat()).await.ok());
            assert_eq!(header.join(" "), format!("{} {}", table.columns, table.wide), "{}", table.file);
            let narrow = table.columns.split(' ').count();
            assert_eq!(row[narrow..narrow + table.wide_row.len()], table.wide_row, "{}", table.file);
        }
    }
}

async fn kubectl_knows_short_names_and_the_category() {
    let (cluster, tables) = prepared().await;
    let resources = cluster.kubectl(&["api-resources", "--api-group=fourhundred.io", "--no-headers"]).await.ok();
    let rows: Vec<Vec<&str>> = resources.lines().map(|line| line.split_whitespace().collect()).collect();
    for Written { table, .. } in tables {
        let kind = table.object["kind"].as_str().unwrap();
        let row = rows.iter().find(|row| row.contains(&kind)).unwrap_or_else(|| panic!("{kind} in {resources}"));
        assert_eq!(row[1], table.short_name, "{kind}");
    }
    let listed = cluster.kubectl(&["get", "fourhundred", "--all-namespaces", "--output=name"]).await.ok();
    for Written { table, .. } in tables {
        let name = format!("{}.fourhundred.io/{}", table.object["kind"].as_str().unwrap().to_lowercase(), table.name());
        assert!(listed.lines().any(|line| line == name), "{name} in:\n{listed}");
    }
}

async fn fields_that_users_select_by_can_be_selected() {
    let (cluster, tables) = prepared().await;
    let mut selected = BTreeMap::<String, usize>::new();
    for Written { table, .. } in tables {
        for selector in &table.selectors {
            let found =
                manifests::api_of(cluster.client(), &table.object).list(&ListParams::default().fields(selector)).await;
            let names: Vec<String> = found.unwrap().items.iter().map(ResourceExt::name_any).collect();
            assert_eq!(names, [table.name()], "{}: {selector}", table.file);
            for term in selector.split(',') {
                *selected
                    .entry(format!("{} .{}", table.object["kind"], term.split('=').next().unwrap()))
                    .or_default() += 1;
            }
        }
    }
    for crd in definitions(cluster).await {
        for field in crd.spec.versions[0].selectable_fields.iter().flatten() {
            let field = format!("{} {}", json!(crd.spec.names.kind), field.json_path);
            assert!(selected.contains_key(&field), "no table selects by {field}");
        }
    }
}

async fn kubectl_explains_every_field() {
    let (cluster, _tables) = prepared().await;
    let mut told = 0;
    for crd in definitions(cluster).await {
        let kind = crd.spec.names.singular.clone().unwrap();
        // What kubectl reads is published a moment after a definition is served.
        let listed = eventually(Duration::from_secs(30), "kubectl explains", async || {
            let answer = cluster.kubectl(&["explain", &kind, "--recursive"]).await;
            if answer.code == Some(0) { Ok(answer.stdout) } else { Err(answer.stderr) }
        })
        .await;
        let mut fields = Vec::new();
        for part in ["spec", "status"] {
            if let Some(schema) = schema_of(&crd, "/properties").get(part) {
                fields_of(schema, part, &mut fields);
            }
        }
        let listed = explained(&listed);
        for (path, description) in &fields {
            assert!(!description.is_empty(), "{kind}.{path} says nothing");
            assert!(listed.contains(path), "kubectl explain {kind} --recursive does not list {path}");
        }
        told += fields.len();
    }
    assert!(told > 200, "only {told} fields are there");
    // What stands below a field is what its page shows.
    let rules = cluster.kubectl(&["explain", "fhn.spec.rules"]).await.ok();
    for field in ["name", "when", "to"] {
        assert!(rules.contains(&format!("  {field}\t<")), "{field} in:\n{rules}");
    }
    assert!(!rules.contains("<no description>"), "{rules}");
}

/// Every field below `schema` with its description.
fn fields_of(schema: &Value, path: &str, fields: &mut Vec<(String, String)>) {
    let object = if schema["items"].is_object() { &schema["items"] } else { schema };
    for (name, member) in object["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let description = member["description"].as_str().unwrap_or_default().trim().to_owned();
        fields.push((path.clone(), description));
        fields_of(member, &path, fields);
    }
}

/// The paths of what `kubectl explain --recursive` lists: a field a line, two blanks deeper than what holds it.
fn explained(text: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut above: Vec<&str> = Vec::new();
    for line in text.lines().skip_while(|line| *line != "FIELDS:").skip(1) {
        let Some((name, _type)) = line.trim_start().split_once('\t') else { continue };
        let depth = (line.len() - line.trim_start().len()) / 2 - 1;
        above.truncate(depth);
        above.push(name);
        paths.insert(above.join("."));
    }
    paths
}
