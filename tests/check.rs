//! `check`: what works, what does not, what to do about it, and what each query costs.

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

/// The status and the report as JSON.
fn check(uri: &str, arguments: &[&str]) -> (Option<i32>, Json) {
    let output = run(uri, &[&["--format=json"], arguments].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), report)
}

/// The status and the report for people.
fn text(uri: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(uri, arguments);
    let report = String::from_utf8(output.stdout).expect("it is text");
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
    report[key].as_array().expect("it is a list")
}

/// The texts of a list of findings.
fn found(report: &Json, key: &str) -> String {
    let findings = list(report, key).iter();
    let lines: Vec<String> = findings
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

/// Runs the statements that a report tells to run, as `mongosh` would.
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
        // What a person would type.
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
                    .expect("it grants something");
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
    statement.expect("there is a statement")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_workspace_passes_with_every_collector_and_no_message_is_read_to_be_counted() {
    let shared = shared_workspace().await;
    let uri = &shared.uri;
    let (status, report) = check(uri, &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
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
    assert_eq!(connection["rocketchat_version"], "7.7.1");
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
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_what_they_examine_are_true() {
    let database = empty_workspace().await;
    let users = database.collection::<Document>("users");
    let documents = (0..30).map(|number| {
        let status = if number < 12 { "online" } else { "offline" };
        doc! { "_id": number, "status": status, "statusConnection": status }
    });
    users.insert_many(documents).await.expect("users are made");
    users
        .create_index(IndexModel::builder().keys(doc! { "status": 1 }).build())
        .await
        .expect("the index can be made");
    let only = ["--collector.disable-defaults", "--collector.presence"];
    let (status, report) = check(&uri_of(&database), &only);
    // A database with nothing but users is none of Rocket.Chat's.
    assert_eq!(status, Some(1));
    assert!(found(&report, "problems").contains("--mongodb.database"));
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
    let keys = plan["keys_examined"].as_u64().expect("it is a number");
    // The twelve, and at most one more for each value that is looked for.
    assert!((12..=15).contains(&keys), "{plan}");
    assert_eq!(plan["documents_returned"], 1, "{plan}");
    let plan = &by_connection["plan"];
    assert_eq!(plan["stages"][0], "COLLSCAN");
    assert_eq!(plan["documents_examined"], 30, "{plan}");
    assert_eq!(plan["scans_large_collection"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_a_large_collection_is_marked() {
    let database = empty_workspace().await;
    let uploads = (0..10_001).map(|number| doc! { "_id": number, "size": 1 });
    database
        .collection::<Document>("rocketchat_uploads")
        .insert_many(uploads)
        .await
        .expect("uploads are made");
    let only = ["--collector.disable-defaults", "--collector.uploads"];
    let (_, report) = check(&uri_of(&database), &only);
    let plan = &queries(&report, "uploads")[0]["plan"];
    assert_eq!(plan["documents_examined"], 10_001);
    assert_eq!(plan["scans_large_collection"], true);
    let (_, text) = text(&uri_of(&database), &only);
    assert!(text.contains("SCANS A LARGE COLLECTION"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_warns_operators_scans_nothing_large() {
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
            // What must be unique is.
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
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
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
    let asked = |collector: &str, collection: &str| {
        queries(&report, collector)
            .iter()
            .any(|query| query["collection"] == collection && query["command"] == "aggregate")
    };
    // What is planned is left out where it has become much; what has happened stands in an index.
    assert!(!asked("jobs", "rocketchat_cron"));
    assert!(asked("jobs", "rocketchat_cron_history"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_index_is_a_warning_with_the_statement_that_makes_it() {
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
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    let warnings = found(&report, "warnings");
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
        let key = key.as_str().expect("it is a name");
        filled
            .collection(collection.as_str().expect("it is a name"))
            .create_index(IndexModel::builder().keys(doc! { key: 1 }).build())
            .await
            .expect("the index can be made");
    }
    let (_, report) = check(&uri_of(&filled.database), &[]);
    assert!(list(&report, "warnings").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_workspaces_is_chosen() {
    let shared = shared_workspace().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
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
    let unclear = check(&[]);
    assert_eq!(unclear.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unclear.stderr);
    assert!(said.contains("bad, good"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_that_is_said_plainly() {
    let uri = "mongodb://me:topsecret@127.0.0.1:9";
    let (status, report) = check(uri, &["--mongodb.connect-timeout=200ms"]);
    assert_eq!(status, Some(1));
    assert_eq!(report["connection"]["address"], "127.0.0.1:9");
    let problems = found(&report, "problems");
    assert!(problems.contains("no MongoDB server answers"), "{problems}");
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    let (status, text) = text(uri, &["--mongodb.connect-timeout=200ms"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("no MongoDB server answers"), "{text}");
    assert!(!text.contains("topsecret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_compared_with_what_collectors_need() {
    let mongod = with_reader().await;
    let uri = uri_of_reader(&mongod, PASSWORD);
    let everything = ["--rocketchat.license-modules=*"];

    // The README's role suffices, and what the table names is what is asked.
    let (status, report) = check(&uri, &everything);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    assert!(report["privileges"]["statement"].is_null());
    assert!(
        list(&report, "warnings").is_empty(),
        "{}",
        found(&report, "warnings")
    );
    assert_eq!(report["connection"]["user"], format!("{READER}@admin"));
    assert_eq!(needed(&report), asked(&report));

    // A missing one is named, and the statement grants it.
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
    let problems = found(&report, "problems");
    assert!(
        problems.contains(
            "find on rocketchat_room (omnichannel, federation, rooms, contacts, room_features)"
        ),
        "{problems}"
    );
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    assert!(found(&report, "warnings").contains("serverStatus on the server"));
    let without_rooms = [
        "--no-collector.omnichannel",
        "--no-collector.federation",
        "--no-collector.rooms",
        "--no-collector.room_features",
        "--no-collector.contacts",
    ];
    let (status, unaffected) = check(&uri, &without_rooms);
    assert_eq!(status, Some(0), "{}", found(&unaffected, "problems"));
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&uri, &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());

    // A role of MongoDB's own that allows more than is needed will do; it cannot be changed, so another one is proposed.
    admin
        .run_command(doc! {
            "createUser": "somebody",
            "pwd": "secret",
            "roles": [{ "role": "read", "db": "rocketchat" }],
        })
        .await
        .expect("a user can be made");
    let somebody = uri.replace(&uri[10..uri.find('@').unwrap_or(10)], "somebody:secret");
    let (status, report) = check(&somebody, &everything);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    let warnings = found(&report, "warnings");
    let grants = "grantRolesToUser(\\\"somebody\\\", ";
    assert!(
        warnings.contains("serverStatus") && warnings.contains(grants),
        "{warnings}"
    );

    // Whoever cannot log in is told so.
    let (status, wrong) = check(&uri_of_reader(&mongod, "topsecret"), &[]);
    assert_eq!(status, Some(1));
    let problems = found(&wrong, "problems");
    assert!(problems.contains("refuses the login"), "{problems}");
    assert!(!wrong.to_string().contains("topsecret"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_statements_make_the_user_that_is_missing() {
    let mongod = mongod(Options {
        auth: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let administrator = client(&mongod.uri()).await;

    // Nobody is logged in: a role and a user are made.
    let nobody = format!("mongodb://127.0.0.1:{}/rocketchat", mongod.port());
    let (status, report) = check(&nobody, &[]);
    assert_eq!(status, Some(1));
    assert_eq!(report["privileges"]["access"], "logged_out");
    let problems = found(&report, "problems");
    assert!(problems.contains("names no user"), "{problems}");
    assert_eq!(list(&report, "problems").len(), 1, "{problems}");
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&uri_of_reader(&mongod, PASSWORD), &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());

    // A user without a role that could be changed gets one.
    for (command, name) in [("dropRole", "rocketchatExporter"), ("dropUser", READER)] {
        let admin = administrator.database("admin");
        let dropped = admin.run_command(doc! { command: name }).await;
        dropped.expect("it can be dropped");
    }
    administrator
        .database("rocketchat")
        .run_command(doc! { "createUser": READER, "pwd": PASSWORD, "roles": [] })
        .await
        .expect("a user can be made");
    let reader = uri_of_reader(&mongod, PASSWORD).replace("/?authSource=admin", "/rocketchat");
    let (status, report) = check(&reader, &[]);
    assert_eq!(status, Some(1));
    execute(&administrator, statement(&report)).await;
    let (status, report) = check(&reader, &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    assert!(list(&report, "warnings").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_do_not_matter_to_a_server_without_access_control() {
    let filled = Filled::new().await;
    filled
        .database
        .run_command(doc! { "createUser": "powerless", "pwd": "secret", "roles": [] })
        .await
        .expect("a user can be made");
    let uri = uri_of(&filled.database).replace("mongodb://", "mongodb://powerless:secret@");
    let (status, report) = check(&uri, &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    let warnings = found(&report, "warnings");
    assert!(warnings.contains("works without them"), "{warnings}");
}

type Use = (String, String, String);

/// Collector, collection and action of every privilege that a report lists.
fn needed(report: &Json) -> BTreeSet<Use> {
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

/// The same of every query that it lists.
fn asked(report: &Json) -> BTreeSet<Use> {
    let mut asked = BTreeSet::new();
    for row in list(report, "collectors") {
        let collector = row["name"].as_str().expect("it has a name");
        for query in list(row, "queries") {
            let Some(collection) = query["collection"].as_str() else {
                continue;
            };
            let action = match query["command"].as_str() {
                Some("listIndexes") => "listIndexes",
                Some("$collStats") => "collStats",
                _ => "find",
            };
            asked.insert((
                collector.to_owned(),
                collection.to_owned(),
                action.to_owned(),
            ));
        }
    }
    // The account behind a connection is looked up by the query on the sessions.
    asked.insert(["connections", "users", "find"].map(str::to_owned).into());
    // Before 7.0 visitors are asked about instead of contacts.
    let visitors = ["omnichannel", "rocketchat_livechat_visitor", "listIndexes"];
    asked.insert(visitors.map(str::to_owned).into());
    // Only a replica set has one.
    asked.insert(
        ["server", "local.oplog.rs", "find"]
            .map(str::to_owned)
            .into(),
    );
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_set_is_shown_with_its_members() {
    let mongod = mongod(Options {
        replica_set: true,
        auth: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let (status, report) = check(&mongod.uri(), &[]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    let topology = &report["connection"]["topology"];
    let member = format!("127.0.0.1:{}", mongod.port());
    assert_eq!(topology["name"], "rs0");
    assert_eq!(topology["members"][0]["address"], member);
    assert_eq!(topology["members"][0]["state"], "PRIMARY");
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_4_4_explains_itself() {
    let mongod = mongod(Options {
        version: MongodVersion::V4_4,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let (status, report) = check(&mongod.uri(), &["--rocketchat.license-modules=*"]);
    assert_eq!(status, Some(0), "{}", found(&report, "problems"));
    for row in list(&report, "collectors") {
        for query in list(row, "queries") {
            assert!(query["unexplained"].is_null(), "{query}");
        }
    }
}
