//! The answers of real Rocket.Chats on their own databases, compared field by field.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};

use crate::support::{Exporter, dump, eventually, fresh_database, license, uri_of};

/// Fields that cannot be equal: they describe another machine, another server version, or the second of the capture.
const OF_ANOTHER_MACHINE: [&str; 3] = ["os", "process", "mongoVersion"];

fn object(bytes: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(bytes).expect("the answer is JSON") {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// Sorts the lists whose order is random in the original.
fn sorted(key: &str, mut value: Value) -> Value {
    if key.starts_with("unique")
        && let Some(data) = value.get_mut("data").and_then(Value::as_array_mut)
    {
        data.sort_by_key(ToString::to_string);
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_equals_what_rocket_chat_3_4_0_answered() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let alpha = truth.join("alpha");
    let read = |name: &str| std::fs::read(alpha.join(name)).expect("the capture is complete");
    let expected = object(&read("statistics.json"));
    let tokens = object(&read("tokens.json"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");

    let database = fresh_database().await;
    dump::load(&alpha.join("dump"), &database).await;
    let exporter = Exporter::on(
        &uri_of(&database),
        &["--debug.now=2026-11-21T00:16:51.225Z"],
    );
    eventually("all collectors succeed", || {
        exporter.all_collectors_succeeded().then_some(())
    })
    .await;
    let answer = exporter.request(
        "GET",
        "/api/v1/statistics?refresh=true&shape=flat",
        &[
            ("X-Auth-Token", admin("authToken")),
            ("X-User-Id", admin("userId")),
        ],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answered = object(&answer.body);

    for (key, expected) in &expected {
        if OF_ANOTHER_MACHINE.contains(&key.as_str()) {
            continue;
        }
        let answered = answered.get(key).cloned().unwrap_or_default();
        assert_eq!(
            sorted(key, answered),
            sorted(key, expected.clone()),
            "{key}"
        );
    }
    let unexpected: Vec<_> = answered
        .keys()
        .filter(|key| !expected.contains_key(*key))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    for key in ["nodeVersion", "pid"] {
        assert_eq!(answered["process"][key], expected["process"][key], "{key}");
    }
    agree(&exporter, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_equals_what_rocket_chat_3_4_0_answered() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let alpha = truth.join("alpha");
    let read = |name: &str| std::fs::read(alpha.join(name)).expect("the capture is complete");
    let expected = object(&read("statistics-list.json"));
    let tokens = object(&read("tokens.json"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");

    let database = fresh_database().await;
    dump::load(&alpha.join("dump"), &database).await;
    let exporter = Exporter::on(&uri_of(&database), &["--rocketchat.version=3.4.0"]);
    let answer = exporter.request(
        "GET",
        "/api/v1/statistics.list",
        &[
            ("X-Auth-Token", admin("authToken")),
            ("X-User-Id", admin("userId")),
        ],
    );
    let answered = object(&answer.body);
    for key in ["count", "offset", "total", "success"] {
        assert_eq!(answered[key], expected[key], "{key}");
    }
    let documents = |answer: &Map<String, Value>| answer["statistics"].as_array().cloned();
    assert_eq!(documents(&answered), documents(&expected));
}

/// The metrics say the same, where their definition is that of 3.4.0.
fn agree(exporter: &Exporter, expected: &Map<String, Value>) {
    for (series, key) in [
        (
            "rocketchat_users_connected{connection=\"online\"}",
            "onlineUsers",
        ),
        (
            "rocketchat_users_connected{connection=\"away\"}",
            "awayUsers",
        ),
        ("rocketchat_rooms{kind=\"channel\"}", "totalChannels"),
        (
            "rocketchat_rooms{kind=\"private_group\"}",
            "totalPrivateGroups",
        ),
        ("rocketchat_rooms{kind=\"direct\"}", "totalDirect"),
        ("rocketchat_rooms{kind=\"livechat\"}", "totalLivechat"),
        ("rocketchat_discussions", "totalDiscussions"),
        ("rocketchat_threads", "totalThreads"),
        (
            "rocketchat_room_messages{kind=\"channel\"}",
            "totalChannelMessages",
        ),
        (
            "rocketchat_room_messages{kind=\"direct\"}",
            "totalDirectMessages",
        ),
        ("rocketchat_uploads", "uploadsTotal"),
        ("rocketchat_uploads_size_bytes", "uploadsTotalSize"),
        ("rocketchat_livechat_visitors", "totalLivechatVisitors"),
        ("rocketchat_livechat_agents", "totalLivechatAgents"),
        ("rocketchat_instances", "instanceCount"),
        (
            "rocketchat_accounts{kind=\"guest\",state=\"activated\"}",
            "activeGuests",
        ),
    ] {
        assert_eq!(exporter.value(series), expected[key].as_f64(), "{series}");
    }
    // The real number of messages beside the sum of the drifting counters.
    assert_eq!(exporter.value("rocketchat_messages"), Some(551.0));
}

/// What a run of the statistics code of one version on the newer workspace answered.
struct Capture {
    version: &'static str,
    licensed: bool,
    refresh: bool,
}

/// Fields that describe the machine, the build or the made-up licence of the captures, or that are random.
const NOT_OF_THE_WORKSPACE: [&str; 20] = [
    "_id",
    "_updatedAt",
    "allowUnsafeQueryAndFieldsApiParamsEnabled",
    "apps.enabled",
    "apps.engineVersion",
    "branch",
    "createdAt",
    "dailyPeakConnections",
    "deploy",
    "enterpriseReady",
    "mongoStorageEngine",
    "mongoVersion",
    "msEnabled",
    "oplogEnabled",
    "os",
    "process",
    "settings.email",
    "success",
    "tag",
    "version",
];

fn is_below(path: &str, parents: &[&str]) -> bool {
    parents.iter().any(|parent| {
        path.strip_prefix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every leaf by its path; lists whose order is random are sorted and taken whole.
fn leaves(path: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(&path, value, into);
            }
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(with_sorted_roles).collect();
            items.sort_by_key(ToString::to_string);
            into.insert(path.to_owned(), Value::Array(items));
        }
        other => {
            into.insert(path.to_owned(), other.clone());
        }
    }
}

fn with_sorted_roles(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(roles) = item.get_mut("roles").and_then(Value::as_array_mut) {
        roles.sort_by_key(ToString::to_string);
    }
    item
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_equals_what_5_3_to_8_3_answered() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let folder = truth.join("modern-a");
    let database = fresh_database().await;
    dump::load(&folder.join("dump"), &database).await;
    let tokens = object(&std::fs::read(folder.join("tokens.json")).expect("there are tokens"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        for (licensed, refresh) in [(false, true), (false, false), (true, true), (true, false)] {
            let capture = Capture {
                version,
                licensed,
                refresh,
            };
            let mut arguments = vec![
                "--debug.now=2026-11-21T12:00:00Z".to_owned(),
                format!("--rocketchat.version={version}"),
            ];
            if licensed {
                arguments.push("--rocketchat.license-modules=*".to_owned());
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let exporter = Exporter::on(&uri_of(&database), &arguments);
            eventually("all collectors succeed", || {
                exporter.all_collectors_succeeded().then_some(())
            })
            .await;
            let answer = exporter.request(
                "GET",
                &format!("/api/v1/statistics?shape=flat&refresh={refresh}"),
                &[
                    ("X-Auth-Token", admin("authToken")),
                    ("X-User-Id", admin("userId")),
                ],
            );
            compare(&folder, &capture, &answer.json());
        }
    }
}

/// JavaScript's date text has the long name of the time zone, which this system does not know. At that clock the
/// heartbeats lie ten hours ahead: Rocket.Chat counts such instances, the exporter does not.
const OTHERWISE: [&str; 3] = ["lastLogin", "lastSeenSubscription", "instanceCount"];

#[tokio::test(flavor = "multi_thread")]
async fn days_are_those_of_the_workspaces_time_zone() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let folder = truth.join("modern-a");
    let database = fresh_database().await;
    dump::load(&folder.join("dump"), &database).await;
    let tokens = object(&std::fs::read(folder.join("tokens.json")).expect("there are tokens"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri_of(&database))
        .args([
            "--debug.now=2026-11-21T01:30:00Z",
            "--rocketchat.version=8.3.0-develop",
            "--rocketchat.timezone=America/Sao_Paulo",
        ]);
    let exporter = Exporter::spawn(&mut command);
    eventually("all collectors succeed", || {
        exporter.all_collectors_succeeded().then_some(())
    })
    .await;
    let answer = exporter.request(
        "GET",
        "/api/v1/statistics?shape=flat&refresh=true",
        &[
            ("X-Auth-Token", admin("authToken")),
            ("X-User-Id", admin("userId")),
        ],
    );
    let file = "statistics-8.3.0-develop.saopaulo.json";
    compare_with(&folder.join(file), &answer.json(), &OTHERWISE);
}

fn compare(folder: &std::path::Path, capture: &Capture, answered: &Value) {
    let Capture {
        version,
        licensed,
        refresh,
    } = capture;
    let name = format!(
        "statistics-{version}{}{}.json",
        if *licensed { "-licensed" } else { "" },
        if *refresh { "" } else { ".norefresh" }
    );
    // The flag stands for every module without their names, and tells no tag.
    let different: &[&str] = if *licensed {
        &["enterprise.modules", "enterprise.tags"]
    } else {
        &[]
    };
    compare_with(&folder.join(name), answered, different);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_license_in_the_settings_is_answered_as_5_3_to_8_3_did() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let folder = truth.join("modern-a");
    let database = fresh_database().await;
    dump::load(&folder.join("dump"), &database).await;
    let tokens = object(&std::fs::read(folder.join("tokens.json")).expect("there are tokens"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        let capture = folder.join(format!("statistics-{version}-licensed.json"));
        let expected = object(&std::fs::read(&capture).expect("the capture is complete"));
        let modules = expected["enterprise"]["modules"].as_array().cloned();
        let modules = modules.expect("they are a list").into_iter();
        let mut content = license::with("/validation/serverUrls/0/value", json!("localhost:3000"));
        content["grantedModules"] = modules.map(|it| json!({ "module": it })).collect();
        for (id, value) in [
            ("Enterprise_License", license::v3(&content)),
            ("Enterprise_License_Status", "Valid".to_owned()),
        ] {
            database
                .collection::<Document>("rocketchat_settings")
                .update_one(doc! { "_id": id }, doc! { "$set": { "value": value } })
                .await
                .expect("the setting can be written");
        }
        let exporter = Exporter::on(
            &uri_of(&database),
            &[
                "--debug.now=2026-11-21T12:00:00Z",
                &format!("--rocketchat.version={version}"),
            ],
        );
        eventually("all collectors succeed", || {
            exporter.all_collectors_succeeded().then_some(())
        })
        .await;
        let answer = exporter.request(
            "GET",
            "/api/v1/statistics?shape=flat&refresh=true",
            &[
                ("X-Auth-Token", admin("authToken")),
                ("X-User-Id", admin("userId")),
            ],
        );
        compare_with(&capture, &answer.json(), &[]);
    }
}

/// Compares every leaf but those that cannot be equal.
fn compare_with(capture: &std::path::Path, answered: &Value, different: &[&str]) {
    let file = std::fs::read(capture).expect("the capture is complete");
    let expected = Value::Object(object(&file));
    let (mut wanted, mut found) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &expected, &mut wanted);
    leaves("", answered, &mut found);
    let mut differences = Vec::new();
    for path in wanted.keys().chain(found.keys()) {
        let skipped = is_below(path, &NOT_OF_THE_WORKSPACE) || is_below(path, different);
        if !skipped && wanted.get(path) != found.get(path) {
            differences.push(format!(
                "{path}: {:?} instead of {:?}",
                found.get(path),
                wanted.get(path)
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{}: {differences:#?}",
        capture.display()
    );
}

/// Fields that the list of all fields declares although no version has them, and the one that every answer has.
const NEVER_STORED: [&str; 4] = [
    "federationOverviewData",
    "roomsInsideTeams",
    "success",
    "totalLivechatRoomsWithPriority",
];

#[test]
fn every_known_field_has_a_row() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the list of all fields does not lie beside the project");
        return;
    };
    let list = truth.join("../rocketchat/fields.tsv");
    let list = std::fs::read_to_string(list).expect("the list can be read");
    let reference = rocketchat_exporter::statistics_reference();
    let rows: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let missing: Vec<String> = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .map(|path| path.replace("[]", "").replace(".<name>", ""))
        .filter(|path| !NEVER_STORED.contains(&path.as_str()))
        .filter(|path| {
            // A row may hold the field, or be a whole that the field is part of.
            let has = |inner: &str, outer: &str| inner.starts_with(&format!("{outer}."));
            !rows
                .iter()
                .any(|row| row == path || has(row, path) || has(path, row))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
