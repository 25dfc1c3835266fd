//! The commands that the exporter sends to MongoDB, recorded on the wire, and their support in versions that no test runs on.
//!
//! `docs/mongodb.md` has the table that these tests read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::{Collection, Database, IndexModel};
use regex_lite::Regex;
use serde_json::Value as Json;
use testbed::mongod::{Mongod, Options};
use tokio::sync::OnceCell;

use crate::support::{
    Exporter, Filled, WireProxy, Workspace, client, eventually, fresh_database, mongod,
    shared_mongod, shared_workspace, uri_of,
};

/// Flags with which no collector runs again during a test.
const ONCE: [&str; 3] = [
    "--collection.fast-interval=1h",
    "--collection.normal-interval=1h",
    "--collection.slow-interval=1h",
];

const EVERY_MODULE: &str = "--rocketchat.license-modules=*";

/// A query with every operator that clients of the API may use.
const CLIENT_QUERY: &str = r#"{
    "$and": [{ "a": { "$eq": 1 } }, { "$nor": [{ "a": { "$ne": 1 } }] }],
    "$or": [{ "a": { "$gt": 1, "$gte": 1, "$lt": 1, "$lte": 1 } }, { "a": { "$in": [1], "$nin": [1], "$all": [1] } }],
    "b": { "$exists": true, "$type": "string", "$not": { "$size": 1 } },
    "c": { "$elemMatch": { "$mod": [2, 1] } },
    "d": { "$regex": "a", "$options": "i" }
}"#;

/// The error code for a strict client that uses something outside of the Stable API.
const API_STRICT_ERROR: i32 = 323;
/// The error code for a strict client and most hints that name a sparse index.
const BAD_VALUE: i32 = 2;
/// The error code for a change stream on a view, strict or not.
const VIEW: i32 = 166;
/// The error code for a missing collection, strict or not.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// The recorded commands of the exporter.
struct Observed {
    mongod: Mongod,
    /// Every command, without the additions of a proxy.
    commands: Vec<Document>,
}

/// A replica set on which everything that sends commands has run once: serving with and without live mode and for old
/// versions, `check`, `statistics`, `backfill`, the API and the Info page. All commands declare version 1 of the Stable API.
async fn observed() -> &'static Observed {
    static OBSERVED: OnceCell<Observed> = OnceCell::const_new();
    OBSERVED.get_or_init(observe).await
}

async fn observe() -> Observed {
    let options = Options {
        replica_set: true,
        ..Options::default()
    };
    let mongod = mongod(options).await;
    let proxy = WireProxy::with_stable_api(mongod.port()).await;
    let filled = Filled::at(&mongod.uri()).await;
    insert_unusual_documents(&filled.database).await;
    // Without a database name, so that the exporter lists databases.
    run_subcommands(&proxy.uri(""));
    serve_live(filled, &proxy).await;
    let uri = proxy.uri("rocketchat");
    for version in ["1.0.0", "3.17.0", "9.0.0"] {
        serve_once(&uri, version).await;
    }
    let without_indexes = client(&mongod.uri()).await.database("without_indexes");
    let without_indexes = Filled::on(without_indexes).await.database;
    drop_indexes(&without_indexes).await;
    serve_once(&proxy.uri("without_indexes"), "8.3.0").await;
    serve_with_view(&without_indexes, &proxy.uri("without_indexes")).await;
    Observed {
        mongod,
        commands: proxy.commands(),
    }
}

/// Inserts documents that change queries: a counter that is not a number, and more stored documents than fit into a reply.
async fn insert_unusual_documents(database: &Database) {
    let room = doc! { "_id": "invalid", "t": "c", "msgs": f64::NAN, "prid": "" };
    let rooms = database.collection::<Document>("rocketchat_room");
    rooms
        .insert_one(room)
        .await
        .expect("a room can be inserted");
    let documents = (0..100).map(|day| {
        let created = DateTime::from_millis(1_600_000_000_000 + day * 86_400_000);
        doc! { "_id": format!("old {day}"), "version": "3.4.0", "createdAt": created, "totalUsers": 3 }
    });
    let statistics = database.collection::<Document>("rocketchat_statistics");
    let inserted = statistics.insert_many(documents).await;
    inserted.expect("documents can be inserted");
}

/// Runs the subcommands that query the database.
fn run_subcommands(uri: &str) {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let output = format!("--output={}", folder.path().join("past.om").display());
    let backfill = ["backfill", "--label=job=a", "--label=instance=b", &output];
    for command in [&["check"][..], &["statistics"], &backfill] {
        let output = Exporter::command()
            .args(command)
            .args(["--mongodb.uri", uri])
            .output()
            .expect("the exporter runs");
        assert!(output.status.success(), "{output:?}");
    }
}

async fn serve_live(filled: Filled, proxy: &WireProxy) {
    let arguments = [
        "--mongodb.live=on",
        "--rocketchat.version=8.3.0",
        "--rocketchat.allow-unsafe-query-and-fields-api-params",
        EVERY_MODULE,
    ];
    let workspace = filled.start_on(&proxy.uri("rocketchat"), &arguments).await;
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        let state = workspace.exporter.value(following);
        state.filter(|state| *state > 0.0)
    })
    .await;
    let list = |parameters: &[(&str, &str)]| {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let encoded = encoded.extend_pairs(parameters).finish();
        format!("/api/v1/statistics.list?{encoded}")
    };
    let sort = ("sort", r#"{"createdAt":-1}"#);
    for path in [
        "/api/v1/statistics?refresh=true",
        &list(&[sort, ("query", CLIENT_QUERY)]),
        &list(&[sort, ("count", "0"), ("offset", "1")]),
        &list(&[sort, ("fields", r#"{"os.cpus":{"$slice":1}}"#)]),
        "/info",
    ] {
        let response = workspace.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
    }
    let by_token = workspace
        .exporter
        .get("/api/v1/statistics?access_token=unknown");
    assert_eq!(by_token.status, 401);
    let looked_up = "rocketchat_accounts{kind=\"guest\",state=\"activated\"}";
    let before = workspace.exporter.value(looked_up).unwrap_or_default();
    become_guest(&workspace).await;
    eventually("a change is looked up", || {
        let guests = workspace.exporter.value(looked_up);
        guests.filter(|guests| *guests > before)
    })
    .await;
    let log = workspace.exporter.log();
    assert!(!log.contains("level=error"), "{log}");
}

/// Updates part of a field, so that live mode looks up the document.
async fn become_guest(workspace: &Workspace) {
    let users: Collection<Document> = workspace.collection("users");
    let user = doc! { "_id": "new user", "active": true, "roles": ["user"] };
    users
        .insert_one(user)
        .await
        .expect("a user can be inserted");
    let guest = doc! { "$set": { "roles.0": "guest" } };
    let changed = users.update_one(doc! { "_id": "new user" }, guest).await;
    changed.expect("a user can be updated");
}

async fn serve_once(uri: &str, version: &str) {
    let version = format!("--rocketchat.version={version}");
    let arguments = [&*version, EVERY_MODULE, "--mongodb.live=off"];
    let exporter = Exporter::on(uri, &[&ONCE[..], &arguments].concat());
    exporter.wait_for_collectors().await;
}

/// Serves with live mode where uploads are a view, so that it follows change streams instead of the oplog.
async fn serve_with_view(database: &Database, uri: &str) {
    let uploads = database.collection::<Document>("rocketchat_uploads");
    uploads.drop().await.expect("a collection can be dropped");
    let view = database.create_collection("rocketchat_uploads");
    let view = view
        .view_on("rocketchat_room".to_owned())
        .pipeline([doc! { "$match": {} }]);
    view.await.expect("a view can be created");
    let arguments = [&ONCE[..], &["--mongodb.live=on"]].concat();
    let exporter = Exporter::on(uri, &arguments);
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        exporter.value(following).filter(|state| *state > 0.0)
    })
    .await;
}

async fn drop_indexes(database: &Database) {
    let names = database.list_collection_names().await;
    for name in names.expect("collections can be listed") {
        let dropped = database.collection::<Document>(&name).drop_indexes().await;
        dropped.expect("indexes can be dropped");
    }
}

/// A kind of name that the table has, and the name.
type Name = (&'static str, String);

const COMMAND: &str = "command";
const STAGE: &str = "stage";
const OPERATOR: &str = "operator";
const VARIABLE: &str = "variable";
const KINDS: [&str; 4] = [COMMAND, STAGE, OPERATOR, VARIABLE];

/// The names in a command.
fn names(command: &Document) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    add_command(&mut names, command);
    names
}

fn add_command(names: &mut BTreeSet<Name>, command: &Document) {
    let mut members = command.iter();
    let (name, value) = members.next().expect("a command has a name");
    names.insert((COMMAND, name.clone()));
    if let Bson::Document(explained) = value {
        add_command(names, explained);
    }
    for (key, value) in members {
        match (key.as_str(), value) {
            ("pipeline", Bson::Array(stages)) => add_stages(names, stages),
            // Fields of the driver are not operators: `$db`, `$readPreference`, `$clusterTime`.
            (key, _) if key.starts_with('$') => {}
            _ => add_values(names, value),
        }
    }
}

fn add_stages(names: &mut BTreeSet<Name>, stages: &[Bson]) {
    for (stage, value) in stages.iter().filter_map(Bson::as_document).flatten() {
        names.insert((STAGE, stage.clone()));
        match value {
            Bson::Document(pipelines) if stage == "$facet" => {
                for pipeline in pipelines.values().filter_map(Bson::as_array) {
                    add_stages(names, pipeline);
                }
            }
            value => add_values(names, value),
        }
    }
}

fn add_values(names: &mut BTreeSet<Name>, value: &Bson) {
    match value {
        Bson::Document(members) => {
            for (key, value) in members {
                if key.starts_with('$') {
                    names.insert((OPERATOR, key.clone()));
                }
                add_values(names, value);
            }
        }
        Bson::Array(items) => items.iter().for_each(|item| add_values(names, item)),
        Bson::String(text) if text.starts_with("$$") => {
            let variable = text.split('.').next().unwrap_or_default();
            names.insert((VARIABLE, variable.to_owned()));
        }
        _ => {}
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table in `docs/mongodb.md`: names, and whether they are in version 1 of the Stable API. Exceptions need a reason.
fn documented() -> BTreeMap<Name, bool> {
    let text = fs::read_to_string(root().join("docs/mongodb.md")).expect("the file can be read");
    let mut documented = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [kind, name, is_stable, reason] = cells[..] else {
            continue;
        };
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
            continue;
        };
        let is_stable = match (is_stable, reason) {
            ("yes", "") => true,
            ("no", reason) if !reason.is_empty() => false,
            _ => panic!("{line}"),
        };
        let name = (kind, name.trim_matches('`').to_owned());
        let earlier = documented.insert(name, is_stable);
        assert_eq!(earlier, None, "{line}");
    }
    documented
}

/// Source files of the exporter, without their unit tests and comments.
fn sources() -> Vec<String> {
    fn add(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the directory can be listed") {
            let path = entry.expect("the directory can be listed").path();
            if path.is_dir() {
                add(&path, files);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    add(&root().join("src"), &mut files);
    let code = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("the file can be read");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines();
        lines
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    files.iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn table_has_exactly_the_commands_stages_and_operators_that_are_sent() {
    let commands = &observed().await.commands;
    let sent: BTreeSet<Name> = commands.iter().flat_map(names).collect();
    let documented: BTreeSet<Name> = documented().into_keys().collect();
    let undocumented: Vec<_> = sent.difference(&documented).collect();
    assert!(
        undocumented.is_empty(),
        "not in the table: {undocumented:#?}"
    );
    let unsent: Vec<_> = documented.difference(&sent).collect();
    assert!(unsent.is_empty(), "never sent: {unsent:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operator_in_the_source_is_sent() {
    let commands = &observed().await.commands;
    let sent: BTreeSet<String> = commands
        .iter()
        .flat_map(names)
        .map(|(_, name)| name)
        .collect();
    let operator = Regex::new(r#""(\$[a-z][A-Za-z]*)":"#).expect("the expression is valid");
    let mut written = BTreeSet::new();
    for text in sources() {
        written.extend(
            operator
                .captures_iter(&text)
                .map(|found| found[1].to_owned()),
        );
    }
    assert!(written.len() > 40, "{written:?}");
    let unsent: Vec<_> = written.difference(&sent).collect();
    assert!(unsent.is_empty(), "{unsent:?}");
}

/// The versions of the Stable API that have each command, and those in which it is deprecated.
async fn versions_of_commands(database: &Database) -> BTreeMap<String, [Vec<Bson>; 2]> {
    let reply = database.run_command(doc! { "listCommands": 1 }).await;
    let reply = reply.expect("commands can be listed");
    let commands = reply
        .get_document("commands")
        .expect("the commands are a document");
    let versions =
        |command: &Document, key: &str| command.get_array(key).cloned().unwrap_or_default();
    commands
        .iter()
        .filter_map(|(name, command)| Some((name, command.as_document()?)))
        .map(|(name, command)| {
            let lists = ["apiVersions", "deprecatedApiVersions"];
            (name.clone(), lists.map(|key| versions(command, key)))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn server_agrees_which_commands_are_in_the_stable_api() {
    let mongod = &observed().await.mongod;
    let admin = client(&mongod.uri()).await.database("admin");
    let known = versions_of_commands(&admin).await;
    for ((kind, name), is_stable) in documented() {
        if kind == COMMAND {
            let [versions, deprecated] = &known[&name];
            assert_eq!(versions.contains(&"1".into()), is_stable, "{name}");
            assert!(deprecated.is_empty(), "{name}");
        }
    }
}

/// Commands that belong to a connection or to a cursor, so that they cannot be sent again.
const BOUND: [&str; 5] = ["endSessions", "getMore", "hello", "isMaster", "killCursors"];

/// The commands that can be sent again, each once.
fn repeatable(commands: &[Document]) -> Vec<Document> {
    let mut seen = BTreeSet::new();
    let mut repeatable = Vec::new();
    for command in commands {
        let name = command.keys().next().expect("a command has a name");
        if BOUND.contains(&name.as_str()) {
            continue;
        }
        let mut command = command.clone();
        for key in ["lsid", "$clusterTime", "$readPreference", "comment"] {
            command.remove(key);
        }
        if seen.insert(command.to_string()) {
            repeatable.push(command);
        }
    }
    repeatable
}

/// Names of sparse indexes by their database and collection.
async fn sparse_indexes(database: &Database) -> BTreeSet<(String, String)> {
    let mut sparse = BTreeSet::new();
    let names = database.list_collection_names().await;
    for collection in names.expect("collections can be listed") {
        let indexes = database
            .collection::<Document>(&collection)
            .list_indexes()
            .await;
        let indexes: Vec<IndexModel> = indexes
            .expect("indexes can be listed")
            .try_collect()
            .await
            .expect("indexes can be listed");
        for options in indexes.into_iter().filter_map(|index| index.options) {
            if options.sparse == Some(true) {
                let name = options.name.expect("an index has a name");
                sparse.insert((collection.clone(), name));
            }
        }
    }
    sparse
}

/// Whether a command, or the one that it explains, names a sparse index.
fn names_sparse_index(command: &Document, sparse: &BTreeSet<(String, String)>) -> bool {
    if let Ok(explained) = command.get_document("explain") {
        return names_sparse_index(explained, sparse);
    }
    let collection = command.values().next().and_then(Bson::as_str);
    let hint = command.get_str("hint").ok();
    let named = collection.zip(hint);
    named.is_some_and(|(collection, hint)| {
        sparse.contains(&(collection.to_owned(), hint.to_owned()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_server_refuses_only_documented_exceptions_and_sparse_hints() {
    let Observed { mongod, commands } = observed().await;
    let client = client(&mongod.uri()).await;
    let sparse = sparse_indexes(&client.database("rocketchat")).await;
    let documented = documented();
    let mut proven = BTreeSet::new();
    for command in repeatable(commands) {
        let names = names(&command);
        let mut strict = command.clone();
        let database = strict.remove("$db").expect("a command names its database");
        let database = client.database(database.as_str().expect("it is text"));
        strict.extend(doc! { "apiVersion": "1", "apiStrict": true, "apiDeprecationErrors": true });
        let code = match database.run_command(strict).await {
            Ok(_) => None,
            Err(error) => match *error.kind {
                ErrorKind::Command(ref refusal) => Some(refusal.code),
                _ => panic!("{error}: {command}"),
            },
        };
        let is_exception = names.iter().any(|name| !documented[name]);
        match code {
            None | Some(NAMESPACE_NOT_FOUND | VIEW) => assert!(!is_exception, "{command}"),
            Some(BAD_VALUE) => assert!(names_sparse_index(&command, &sparse), "{command}"),
            code => {
                let expected = is_exception.then_some(API_STRICT_ERROR);
                assert_eq!(code, expected, "{command}");
            }
        }
        if code.is_none() {
            proven.extend(names);
        }
    }
    let is_bound = |(kind, name): &Name| *kind == COMMAND && BOUND.contains(&name.as_str());
    let unproven: Vec<_> = documented
        .into_iter()
        .filter(|(name, is_stable)| *is_stable && !proven.contains(name) && !is_bound(name))
        .collect();
    assert!(unproven.is_empty(), "{unproven:?}");
}

/// The series of an exporter that say the same at any time, with their values.
fn lasting_series(exporter: &Exporter) -> BTreeMap<String, String> {
    let passing = [
        "rocketchat_exporter_",
        "rocketchat_host_",
        "rocketchat_process_",
        "process_",
    ];
    let metrics = exporter.metrics();
    let lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter(|(series, _)| !series.starts_with('#'))
        .filter(|(series, _)| !passing.iter().any(|prefix| series.starts_with(prefix)))
        .map(|(series, value)| {
            // Sizes change with the server's next checkpoint.
            let is_passing =
                series.contains("_seconds") || series.contains("_size_bytes{collection");
            let value = if is_passing { "" } else { value };
            (series.to_owned(), value.to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_equal_with_the_stable_api() {
    let shared = shared_workspace().await;
    let proxy = WireProxy::with_stable_api(shared_mongod().port()).await;
    let plain = shared.start(&[]).await;
    shared.keep_alive().await;
    let declaring = Exporter::on(&proxy.uri(shared.name()), &ONCE);
    declaring.wait_for_collectors().await;
    assert!(!proxy.commands().is_empty());
    let series = lasting_series(&declaring);
    assert!(series.len() > 200, "{}", series.len());
    let expected = lasting_series(&plain.exporter);
    let differing = |one: &BTreeMap<_, _>, other: &BTreeMap<_, _>| {
        let mut one = one.clone();
        one.retain(|series, value| other.get(series) != Some(value));
        one
    };
    assert_eq!(differing(&series, &expected), differing(&expected, &series));
}

/// A condition that equals null, and all conditions on its field.
fn null_conditions(filter: &Document, found: &mut Vec<Document>) {
    for (key, condition) in filter {
        match (key.as_str(), condition) {
            ("$and" | "$or" | "$nor", Bson::Array(filters)) => {
                for filter in filters.iter().filter_map(Bson::as_document) {
                    null_conditions(filter, found);
                }
            }
            // Expressions never took undefined for null.
            ("$expr", _) => {}
            (_, Bson::Null) => found.push(doc! { "$eq": Bson::Null }),
            (_, Bson::Document(conditions)) => {
                let is_null = |value: &Bson| match value {
                    Bson::Array(values) => values.contains(&Bson::Null),
                    value => *value == Bson::Null,
                };
                if conditions.values().any(is_null) {
                    found.push(conditions.clone());
                }
            }
            _ => {}
        }
    }
}

/// The filters of a command.
fn filters(command: &Document) -> Vec<Document> {
    let members = ["filter", "query"].map(|key| command.get_document(key).ok().cloned());
    let stages = command.get_array("pipeline").map_or(&[][..], Vec::as_slice);
    let stages = stages.iter().filter_map(Bson::as_document);
    let matches = stages.filter_map(|stage| stage.get_document("$match").ok().cloned());
    members.into_iter().flatten().chain(matches).collect()
}

/// From MongoDB 8.0 on null does not equal undefined, so what means both has to say so.
#[tokio::test(flavor = "multi_thread")]
async fn every_null_filter_handles_undefined() {
    let mut conditions = Vec::new();
    for command in &observed().await.commands {
        for filter in filters(command) {
            null_conditions(&filter, &mut conditions);
        }
    }
    for condition in conditions {
        let excludes = condition.get("$not") == Some(&Bson::from(doc! { "$type": "undefined" }));
        let only_text = condition.get("$type").and_then(Bson::as_str) == Some("string");
        assert!(excludes || only_text, "{condition}");
    }
}

/// Converts a reply of 6.0 to that of 8.0: the version, and plans in the formats of the slot-based engine and of express
/// plans, after published replies of 8.0.
fn as_of_8_0(command: &Document, reply: &mut Document) {
    if reply.contains_key("maxWireVersion") {
        reply.insert("maxWireVersion", 25);
    }
    if reply.contains_key("version") {
        reply.insert("version", "8.0.16");
    }
    if command.contains_key("explain") {
        change_plans(reply);
    }
}

fn change_plans(reply: &mut Document) {
    if let Ok(plan) = reply.get_document_mut("winningPlan") {
        *plan = match plan.get_str("stage") {
            Ok("IDHACK") => doc! {
                "isCached": false,
                "stage": "EXPRESS_IXSCAN",
                "keyPattern": "{ _id: 1 }",
                "indexName": "_id_",
            },
            _ if plan.contains_key("queryPlan") => {
                let mut plan = plan.clone();
                plan.insert("isCached", false);
                plan
            }
            _ => doc! {
                "isCached": false,
                "queryPlan": plan.clone(),
                "slotBasedPlan": { "slots": "$$RESULT=s7 env: { }", "stages": "[2] project [s7]" },
            },
        };
        return;
    }
    if reply.contains_key("explainVersion") {
        reply.insert("explainVersion", "2");
    }
    for (_, value) in reply.iter_mut() {
        match value {
            Bson::Document(inner) => change_plans(inner),
            Bson::Array(items) => {
                for inner in items.iter_mut().filter_map(Bson::as_document_mut) {
                    change_plans(inner);
                }
            }
            _ => {}
        }
    }
}

/// The report of `check` as JSON.
fn check(uri: &str) -> Json {
    let output = Exporter::command()
        .args(["check", "--format=json", "--mongodb.uri", uri, EVERY_MODULE])
        .output()
        .expect("the exporter runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

/// The collector, the command, its collection and the stages of every query that was explained.
fn plans(report: &Json) -> Vec<String> {
    let rows = report["collectors"].as_array().into_iter().flatten();
    let mut plans = Vec::new();
    for row in rows {
        for query in row["queries"].as_array().into_iter().flatten() {
            assert!(query["unexplained"].is_null(), "{query}");
            plans.push(format!(
                "{} {} {} {} {}",
                row["name"],
                query["command"],
                query["collection"],
                query["plan"]["stages"],
                query["plan"]["documents_examined"]
            ));
        }
    }
    plans
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reads_the_plans_of_mongodb_8() {
    let database = fresh_database().await;
    let filled = Filled::on(database).await;
    let proxy = WireProxy::with_replies(shared_mongod().port(), as_of_8_0).await;
    let plain = check(&uri_of(&filled.database));
    let of_8_0 = check(&proxy.uri(filled.database.name()));
    assert_eq!(of_8_0["connection"]["mongodb_version"], "8.0.16");
    let expected: Vec<String> = plans(&plain)
        .iter()
        // A plan within a projection stays unchanged.
        .map(|plan| plan.replace("[\"IDHACK\",\"$", "[\"EXPRESS_IXSCAN _id_\",\"$"))
        .collect();
    let is_express = |plan: &&String| plan.contains("EXPRESS_IXSCAN _id_");
    assert!(expected.iter().filter(is_express).count() > 0);
    let found = plans(&of_8_0);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}
