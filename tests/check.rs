//! The subcommand `check`: its findings and remedies, its query plans, and its exit status.

use std::collections::BTreeSet;
use std::process::Output;

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, IndexModel};
use serde_json::Value as Json;
use testbed::mongod::{Mongod, MongodVersion, Options};

use crate::connecting::fill;
use crate::support::{
    Exporter, Filled, PASSWORD, READER, client, empty_workspace, mongod, shared_workspace, uri_of,
    with_reader,
};

fn run(uri: &str, arguments: &[&str]) -> Output {
    Exporter::command()
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .env("ROCKETCHAT_EXPORTER_MONGODB_CONNECT_TIMEOUT", "2s")
        .args(["check", "--rocketchat.timezone=UTC"])
        .args(arguments)
        .output()
        .expect("the exporter runs")
}

/// The exit status and the report as JSON.
fn check(uri: &str, arguments: &[&str]) -> (Option<i32>, Json) {
    let output = run(uri, &[&["--format=json"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report)
}

/// The exit status and the report as text.
fn text(uri: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(uri, arguments);
    let report = String::from_utf8(output.stdout).expect("the report is UTF-8");
    (output.status.code(), report)
}

fn uri_of_reader(mongod: &Mongod, password: &str) -> String {
    let password =
        percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
    format!(
        "mongodb://{READER}:{password}@127.0.0.1:{}/?authSource=admin",
        mongod.port()
    )
}

fn list<'a>(report: &'a Json, key: &str) -> &'a [Json] {
    report[key].as_array().expect("the value is a list")
}

/// The findings of a list as text, one per line.
fn findings(report: &Json, key: &str) -> String {
    let lines: Vec<String> = list(report, key)
        .iter()
        .map(|finding| format!("{} | {}", finding["what"], finding["remedy"]))
        .collect();
    lines.join("\n")
}

fn queries<'a>(report: &'a Json, collector: &str) -> &'a [Json] {
    let row = list(report, "collectors")
        .iter()
        .find(|row| row["name"] == collector)
        .unwrap_or_else(|| panic!("{collector} is not listed"));
    list(row, "queries")
}

/// Runs the statements of a report, as `mongosh` would.
async fn execute(client: &Client, statements: &str) {
    for statement in statements.split("; ") {
        let (database, call) = statement
            .strip_prefix("db.getSiblingDB(\"")
            .and_then(|rest| rest.split_once("\")."))
            .unwrap_or_else(|| panic!("{statement}"));
        let (function, arguments) = call
            .strip_suffix(')')
            .and_then(|call| call.split_once('('))
            .unwrap_or_else(|| panic!("{statement}"));
        // `mongosh` prompts for the password.
        let arguments = arguments.replace("passwordPrompt()", &Json::from(PASSWORD).to_string());
        let arguments: Json = serde_json::from_str(&format!("[{arguments}]"))
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
        let mut command = serde_json::Map::new();
        let named = |key: &str| (function.to_owned(), arguments[0][key].clone());
        match function {
            "createRole" => command.extend([named("role")]),
            "createUser" => command.extend([named("user")]),
            "grantPrivilegesToRole" | "grantRolesToUser" => {
                let key = function[5..]
                    .split("To")
                    .next()
                    .expect("the function names what it grants");
                command.insert(function.to_owned(), arguments[0].clone());
                command.insert(key.to_lowercase(), arguments[1].clone());
            }
            _ => panic!("{statement}"),
        }
        let rest = arguments[0].as_object().into_iter().flatten();
        let rest = rest.filter(|(key, _)| !["role", "user"].contains(&key.as_str()));
        command.extend(rest.map(|(key, value)| (key.clone(), value.clone())));
        let command: Document =
            mongodb::bson::serialize_to_document(&command).expect("JSON is BSON");
        client
            .database(database)
            .run_command(command)
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

fn statement(report: &Json) -> &str {
    let statement = report["privileges"]["statement"].as_str();
    statement.expect("the report has a statement")
}

#[tokio::test(flavor = "multi_thread")]
async fn healthy_workspace_passes_and_no_message_document_is_read() {
    let shared = shared_workspace().await;
    let uri = &shared.uri;
    let (status, report) = check(uri, &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    assert_eq!(report["ok"], true);
    assert_eq!(
        list(&report, "collectors").len(),
        rocketchat_exporter::COLLECTORS
    );
    assert!(
        list(&report, "collectors")
            .iter()
            .all(|row| row["ok"] == true)
    );
    let connection = &report["connection"];
    assert_eq!(connection["topology"]["kind"], "standalone");
    assert_eq!(connection["database"], shared.name());
    assert_eq!(connection["rocketchat_version"], "9.0.0");
    assert!(connection["mongodb_version"].is_string() && connection["migration"].is_u64());
    assert_eq!(connection["tls"], false);
    assert_eq!(report["privileges"]["access"], "open");
    let of_messages = queries(&report, "messages");
    assert!(of_messages.len() > 2);
    for query in of_messages {
        let is_index_only = query["plan"]["documents_examined"] == 0
            && !query["plan"]["stages"].to_string().contains("COLLSCAN");
        assert!(query["metadata"] == true || is_index_only, "{query}");
    }
    for row in list(&report, "collectors") {
        for query in list(row, "queries") {
            assert!(query["unexplained"].is_null(), "{query}");
            assert!(
                query["metadata"] == true || query["plan"].is_object(),
                "{query}"
            );
        }
    }
    let (status, text) = text(uri, &[]);
    assert_eq!(status, Some(0));
    for part in [
        "Everything that is enabled works.",
        "a server alone",
        "present: ",
        "IXSCAN ",
        "metadata",
    ] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_plans_and_examined_counts_are_correct() {
    let database = empty_workspace().await;
    let users = database.collection::<Document>("users");
    let documents = (0..30).map(|number| {
        let status = if number < 12 { "online" } else { "offline" };
        doc! { "_id": number, "status": status, "statusConnection": status }
    });
    users
        .insert_many(documents)
        .await
        .expect("users can be inserted");
    users
        .create_index(IndexModel::builder().keys(doc! { "status": 1 }).build())
        .await
        .expect("the index can be created");
    let only = ["--collector.disable-defaults", "--collector.presence"];
    let (status, report) = check(&uri_of(&database), &only);
    // A database with nothing but users is not a workspace.
    assert_eq!(status, Some(1));
    assert!(findings(&report, "problems").contains("--mongodb.database"));
    let explained: Vec<&Json> = queries(&report, "presence")
        .iter()
        .filter(|query| query["command"] == "aggregate")
        .collect();
    let [by_status, by_connection] = explained[..] else {
        panic!("{explained:?}");
    };
    let plan = &by_status["plan"];
    assert_eq!(by_status["collection"], "users");
    assert_eq!(plan["stages"][0], "IXSCAN status_1");
    assert_eq!(plan["documents_examined"], 0, "{plan}");
    let keys = plan["keys_examined"]
        .as_u64()
        .expect("the count is a number");
    // Twelve keys match; the scan may visit one more for each of its ranges.
    assert!((12..=15).contains(&keys), "{plan}");
    assert_eq!(plan["documents_returned"], 1, "{plan}");
    let plan = &by_connection["plan"];
    assert_eq!(plan["stages"][0], "COLLSCAN");
    assert_eq!(plan["documents_examined"], 30, "{plan}");
    assert_eq!(plan["scans_large_collection"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn scan_of_a_large_collection_is_marked() {
    let database = empty_workspace().await;
    let uploads = (0..10_001).map(|number| doc! { "_id": number, "size": 1 });
    database
        .collection::<Document>("rocketchat_uploads")
        .insert_many(uploads)
        .await
        .expect("uploads can be inserted");
    let only = ["--collector.disable-defaults", "--collector.uploads"];
    let (_, report) = check(&uri_of(&database), &only);
    let plan = &queries(&report, "uploads")[0]["plan"];
    assert_eq!(plan["documents_examined"], 10_001);
    assert_eq!(plan["scans_large_collection"], true);
    let (_, text) = text(&uri_of(&database), &only);
    assert!(text.contains("SCANS A LARGE COLLECTION"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn warning_queries_do_not_scan_large_collections() {
    let filled = Filled::new().await;
    let long_ago = DateTime::from_millis(1_600_000_000_000);
    let later = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_600_000);
    for (collection, document) in [
        ("rocketchat_cron", doc! { "name": "calendar-event" }),
        (
            "rocketchat_cron_history",
            doc! { "name": "NPS", "finishedAt": long_ago },
        ),
        (
            "rocketchat_livechat_contact",
            doc! { "activity": ["2020-01"] },
        ),
        ("rocketchat_notification_queue", doc! { "ts": later }),
        ("rocketchat_room", doc! { "t": "l", "ts": long_ago }),
        ("rocketchat_statistics", doc! { "createdAt": long_ago }),
    ] {
        let copies = (0..10_001_i64).map(|number| {
            let mut copy = document.clone();
            // A unique index covers this field.
            copy.insert(
                "intendedAt",
                DateTime::from_millis(1_600_000_000_000 + number),
            );
            copy
        });
        let inserted = filled.collection(collection).insert_many(copies).await;
        inserted.expect("the documents can be inserted");
    }
    let uri = uri_of(&filled.database);
    let (status, report) = check(&uri, &["--rocketchat.version=7.7.1"]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    let collectors = [
        "collections",
        "jobs",
        "omnichannel",
        "push",
        "server",
        "settings",
        "stored",
    ];
    for collector in collectors {
        for query in queries(&report, collector) {
            let plan = &query["plan"];
            assert_ne!(plan["scans_large_collection"], true, "{collector}: {query}");
            let examined = plan["documents_examined"].as_u64().unwrap_or_default();
            assert!(examined < 5_000, "{collector}: {query}");
        }
    }
    let queried = |collector: &str, collection: &str| {
        queries(&report, collector)
            .iter()
            .any(|query| query["collection"] == collection && query["command"] == "aggregate")
    };
    // Too many planned jobs are skipped; the history of jobs has an index.
    assert!(!queried("jobs", "rocketchat_cron"));
    assert!(queried("jobs", "rocketchat_cron_history"));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_index_is_a_warning_with_the_statement_to_create_it() {
    let filled = Filled::new().await;
    for (collection, index) in [
        ("rocketchat_message", "tcount_1_tlm_1"),
        ("users", "roles_1"),
    ] {
        filled
            .collection(collection)
            .drop_index(index)
            .await
            .expect("the index can be dropped");
    }
    let (status, report) = check(&uri_of(&filled.database), &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    let warnings = findings(&report, "warnings");
    assert!(
        warnings.contains("small enough to be scanned"),
        "{warnings}"
    );
    assert!(warnings.contains("are not sent"), "{warnings}");
    for row in list(&report, "indexes") {
        if row["present"] == true {
            continue;
        }
        let (collection, key) = (&row["collection"], &row["key"]);
        let expected = format!(
            "db.getSiblingDB(\"{}\").getCollection({collection}).createIndex({{{key}: 1}})",
            filled.database.name()
        );
        assert_eq!(row["statement"], expected);
        assert_eq!(row["scanned_instead"], collection == "users");
        let key = key.as_str().expect("the name is a string");
        filled
            .collection(collection.as_str().expect("the name is a string"))
            .create_index(IndexModel::builder().keys(doc! { key: 1 }).build())
            .await
            .expect("the index can be created");
    }
    let (_, report) = check(&uri_of(&filled.database), &[]);
    assert!(list(&report, "warnings").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_workspaces_is_selected() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yaml");
    let uri = &shared.uri;
    let text = format!(
        "workspaces:\n  good:\n    mongodb: {{uri: \"{uri}\"}}\n  bad:\n    mongodb: {{uri: \"mongodb://127.0.0.1:9\", connect-timeout: 200ms}}\n"
    );
    std::fs::write(&file, text).expect("the file can be written");
    let check = |arguments: &[&str]| {
        let output = Exporter::command()
            .arg("check")
            .arg(format!("--config.file={}", file.display()))
            .args(arguments)
            .output();
        output.expect("the exporter runs")
    };
    assert_eq!(check(&["--workspace=good"]).status.code(), Some(0));
    assert_eq!(check(&["--workspace=bad"]).status.code(), Some(1));
    let ambiguous = check(&[]);
    assert_eq!(ambiguous.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&ambiguous.stderr);
    assert!(stderr.contains("bad, good"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_server_is_the_only_problem() {
    let uri = "mongodb://me:topsecret@127.0.0.1:9";
    let (status, report) = check(uri, &["--mongodb.connect-timeout=200ms"]);
    assert_eq!(status, Some(1));
    assert_eq!(report["connection"]["address"], "127.0.0.1:9");
    let problems = findings(&report, "problems");
    assert!(problems.contains("no MongoDB server answers"), "{problems}");
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    let (status, text) = text(uri, &["--mongodb.connect-timeout=200ms"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("no MongoDB server answers"), "{text}");
    assert!(!text.contains("topsecret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_compared_with_those_that_collectors_need() {
    let mongod = with_reader().await;
    let uri = uri_of_reader(&mongod, PASSWORD);
    let everything = ["--rocketchat.license-modules=*"];

    // The documented role suffices, and the listed privileges are exactly those that the queries use.
    let (status, report) = check(&uri, &everything);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    assert!(report["privileges"]["statement"].is_null());
    assert!(
        list(&report, "warnings").is_empty(),
        "{}",
        findings(&report, "warnings")
    );
    assert_eq!(report["connection"]["user"], format!("{READER}@admin"));
    let (needed, used) = (needed(&report), used(&report));
    let differences: Vec<_> = needed.symmetric_difference(&used).collect();
    assert!(differences.is_empty(), "needed or used: {differences:#?}");

    // A missing privilege is named, and the printed statement grants it.
    let administrator = client(&mongod.uri()).await;
    let admin = administrator.database("admin");
    let rooms = doc! { "db": "rocketchat", "collection": "rocketchat_room" };
    admin
        .run_command(doc! {
            "revokePrivilegesFromRole": "rocketchatExporter",
            "privileges": [
                { "resource": rooms, "actions": ["find"] },
                { "resource": { "cluster": true }, "actions": ["serverStatus"] },
            ],
        })
        .await
        .expect("privileges can be revoked");
    let (status, text) = text(&uri, &[]);
    assert_eq!(status, Some(1));
    assert!(!text.contains("p@ss"), "{text}");
    let refusal = "FAILED: aggregate on rocketchat_room is not permitted";
    assert!(text.contains(refusal), "{text}");
    let (status, report) = check(&uri, &[]);
    assert_eq!(status, Some(1));
    let problems = findings(&report, "problems");
    assert!(
        problems.contains(
            "find on rocketchat_room (omnichannel, federation, rooms, contacts, room_features)"
        ),
        "{problems}"
    );
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    assert!(findings(&report, "warnings").contains("serverStatus on the server"));
    let without_rooms = [
        "--no-collector.omnichannel",
        "--no-collector.federation",
        "--no-collector.rooms",
        "--no-collector.room_features",
        "--no-collector.contacts",
    ];
    let (status, unaffected) = check(&uri, &without_rooms);
    assert_eq!(status, Some(0), "{}", findings(&unaffected, "problems"));
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&uri, &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());

    // A built-in role that allows more than needed passes. It cannot be changed, so another role is proposed.
    admin
        .run_command(doc! {
            "createUser": "other",
            "pwd": "secret",
            "roles": [{ "role": "read", "db": "rocketchat" }],
        })
        .await
        .expect("a user can be created");
    let other_user = uri.replace(&uri[10..uri.find('@').unwrap_or(10)], "other:secret");
    let (status, report) = check(&other_user, &everything);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    let warnings = findings(&report, "warnings");
    let grants = "grantRolesToUser(\\\"other\\\", ";
    assert!(
        warnings.contains("serverStatus") && warnings.contains(grants),
        "{warnings}"
    );

    // A failed login is reported.
    let (status, wrong) = check(&uri_of_reader(&mongod, "topsecret"), &[]);
    assert_eq!(status, Some(1));
    let problems = findings(&wrong, "problems");
    assert!(problems.contains("refuses the login"), "{problems}");
    assert!(!wrong.to_string().contains("topsecret"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_statements_create_the_missing_user() {
    let mongod = mongod(Options {
        auth: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let administrator = client(&mongod.uri()).await;

    // Without a login, a role and a user are created.
    let anonymous = format!("mongodb://127.0.0.1:{}/rocketchat", mongod.port());
    let (status, report) = check(&anonymous, &[]);
    assert_eq!(status, Some(1));
    assert_eq!(report["privileges"]["access"], "logged_out");
    let problems = findings(&report, "problems");
    assert!(problems.contains("names no user"), "{problems}");
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&uri_of_reader(&mongod, PASSWORD), &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());

    // A user without a custom role is granted one.
    for (command, name) in [("dropRole", "rocketchatExporter"), ("dropUser", READER)] {
        let admin = administrator.database("admin");
        let dropped = admin.run_command(doc! { command: name }).await;
        dropped.expect("the role and the user can be dropped");
    }
    administrator
        .database("rocketchat")
        .run_command(doc! { "createUser": READER, "pwd": PASSWORD, "roles": [] })
        .await
        .expect("a user can be created");
    let reader = uri_of_reader(&mongod, PASSWORD).replace("/?authSource=admin", "/rocketchat");
    let (status, report) = check(&reader, &[]);
    assert_eq!(status, Some(1));
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&reader, &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_only_a_warning_without_access_control() {
    let filled = Filled::new().await;
    filled
        .database
        .run_command(doc! { "createUser": "powerless", "pwd": "secret", "roles": [] })
        .await
        .expect("a user can be created");
    let uri = uri_of(&filled.database).replace("mongodb://", "mongodb://powerless:secret@");
    let (status, report) = check(&uri, &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    let warnings = findings(&report, "warnings");
    assert!(warnings.contains("works without them"), "{warnings}");
}

type PrivilegeUse = (String, String, String);

/// Collector, collection and action of every privilege that a report lists.
fn needed(report: &Json) -> BTreeSet<PrivilegeUse> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    list(&report["privileges"], "needed")
        .iter()
        .filter(|row| row["collection"].is_string())
        .flat_map(|row| {
            let users = list(row, "needed_by").iter();
            users.map(|user| (text(user), text(&row["collection"]), text(&row["action"])))
        })
        .filter(|(user, ..)| user != "the API")
        .collect()
}

/// Collector, collection and action of every query that a report lists.
fn used(report: &Json) -> BTreeSet<PrivilegeUse> {
    let mut used = BTreeSet::new();
    for row in list(report, "collectors") {
        let collector = row["name"].as_str().expect("a collector has a name");
        for query in list(row, "queries") {
            let Some(collection) = query["collection"].as_str() else {
                continue;
            };
            let action = match query["command"].as_str() {
                Some("listIndexes") => "listIndexes",
                Some("$collStats") => "collStats",
                _ => "find",
            };
            used.insert((
                collector.to_owned(),
                collection.to_owned(),
                action.to_owned(),
            ));
        }
    }
    // The query on the sessions looks up the account of each connection.
    used.insert(["connections", "users", "find"].map(str::to_owned).into());
    // Before 7.0 the collector reads visitors instead of contacts.
    let visitors = ["omnichannel", "rocketchat_livechat_visitor", "listIndexes"];
    used.insert(visitors.map(str::to_owned).into());
    // Only a replica set has an oplog.
    used.insert(
        ["server", "local.oplog.rs", "find"]
            .map(str::to_owned)
            .into(),
    );
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_set_is_shown_with_its_members() {
    let mongod = mongod(Options {
        replica_set: true,
        auth: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let (status, report) = check(&mongod.uri(), &[]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    let topology = &report["connection"]["topology"];
    let member = format!("127.0.0.1:{}", mongod.port());
    assert_eq!(topology["name"], "rs0");
    assert_eq!(topology["members"][0]["address"], member);
    assert_eq!(topology["members"][0]["state"], "PRIMARY");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_is_explained_on_mongodb_4_4() {
    let mongod = mongod(Options {
        version: MongodVersion::V4_4,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let (status, report) = check(&mongod.uri(), &["--rocketchat.license-modules=*"]);
    assert_eq!(status, Some(0), "{}", findings(&report, "problems"));
    for row in list(&report, "collectors") {
        for query in list(row, "queries") {
            assert!(query["unexplained"].is_null(), "{query}");
        }
    }
}
