//! Conformance: the exporter's documents on recorded databases equal those that Rocket.Chat served, field by field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};

use crate::support::{Exporter, dump, fresh_database, license, uri_of};

/// Fields that describe the machine of the recording.
const MACHINE_FIELDS: [&str; 3] = ["os", "process", "mongoVersion"];

fn object(bytes: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(bytes).expect("the response is JSON") {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// Sorts lists whose order is undefined in Rocket.Chat.
fn sorted(key: &str, mut value: Value) -> Value {
    if key.starts_with("unique")
        && let Some(data) = value.get_mut("data").and_then(Value::as_array_mut)
    {
        data.sort_by_key(ToString::to_string);
    }
    value
}

/// The recording of a real workspace: a loaded database dump, and the responses to its admin.
struct Recording {
    folder: PathBuf,
    database: Database,
    admin: [String; 2],
}

impl Recording {
    /// Loads a recording; `None`, with a message, if the recordings are not next to the project.
    async fn load(name: &str) -> Option<Self> {
        let Some(recordings) = dump::recordings() else {
            eprintln!("skipped: the recording of a real workspace is not next to the project");
            return None;
        };
        let folder = recordings.join(name);
        let database = fresh_database().await;
        dump::load(&folder.join("dump"), &database).await;
        let tokens = std::fs::read(folder.join("tokens.json")).expect("the recording has tokens");
        let admin = &Value::Object(object(&tokens))["admin"];
        let text = |name: &str| {
            admin[name]
                .as_str()
                .expect("the admin has an id and a token")
                .to_owned()
        };
        Some(Self {
            database,
            admin: [text("userId"), text("authToken")],
            folder,
        })
    }

    /// A recorded response.
    fn response(&self, name: &str) -> Map<String, Value> {
        object(&std::fs::read(self.folder.join(name)).expect("the recorded response can be read"))
    }

    /// Starts an exporter and waits until it has read the workspace.
    async fn exporter(&self, arguments: &[&str]) -> Exporter {
        let exporter = Exporter::on(&uri_of(&self.database), arguments);
        exporter.wait_for_collectors().await;
        exporter
    }

    /// The exporter's response to the admin.
    fn get(&self, exporter: &Exporter, path: &str) -> Map<String, Value> {
        let [user_id, token] = &self.admin;
        let headers = [
            ("X-User-Id", user_id.as_str()),
            ("X-Auth-Token", token.as_str()),
        ];
        let response = exporter.request("GET", path, &headers);
        assert_eq!(response.status, 200, "{}", response.text());
        object(&response.body)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn document_equals_rocket_chat_3_4_0() {
    let Some(alpha) = Recording::load("alpha").await else {
        return;
    };
    let expected = alpha.response("statistics.json");
    let exporter = alpha
        .exporter(&["--debug.now=2026-11-21T00:16:51.225Z"])
        .await;
    let actual = alpha.get(&exporter, "/api/v1/statistics?refresh=true&shape=flat");

    for (key, expected) in &expected {
        if MACHINE_FIELDS.contains(&key.as_str()) {
            continue;
        }
        let actual = actual.get(key).cloned().unwrap_or_default();
        assert_eq!(sorted(key, actual), sorted(key, expected.clone()), "{key}");
    }
    let unexpected: Vec<_> = actual
        .keys()
        .filter(|key| !expected.contains_key(*key))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    for key in ["nodeVersion", "pid"] {
        assert_eq!(actual["process"][key], expected["process"][key], "{key}");
    }
    assert_metrics(&exporter, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_list_equals_rocket_chat_3_4_0() {
    let Some(alpha) = Recording::load("alpha").await else {
        return;
    };
    let expected = alpha.response("statistics-list.json");
    let exporter = alpha.exporter(&["--rocketchat.version=3.4.0"]).await;
    let actual = alpha.get(&exporter, "/api/v1/statistics.list");
    for key in ["count", "offset", "total", "success"] {
        assert_eq!(actual[key], expected[key], "{key}");
    }
    let documents = |response: &Map<String, Value>| response["statistics"].as_array().cloned();
    assert_eq!(documents(&actual), documents(&expected));
}

/// Compares the metrics whose definition is that of 3.4.0.
fn assert_metrics(exporter: &Exporter, expected: &Map<String, Value>) {
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
    // The document has the sum of the rooms' counters, which drift; the metric counts messages.
    assert_eq!(exporter.value("rocketchat_messages"), Some(551.0));
}

/// Fields that are random or describe the machine, the build or the license of the recording.
const IGNORED_FIELDS: [&str; 20] = [
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

/// Collects every leaf by its path. A list is a single, sorted leaf.
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
async fn document_equals_rocket_chat_5_3_to_8_3() {
    let Some(modern) = Recording::load("modern-a").await else {
        return;
    };
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        for licensed in [false, true] {
            let version_flag = format!("--rocketchat.version={version}");
            let mut arguments = vec!["--debug.now=2026-11-21T12:00:00Z", &version_flag];
            if licensed {
                arguments.push("--rocketchat.license-modules=*");
            }
            // The flag enables every module, but has no tags.
            let different: &[&str] = if licensed { &["enterprise.tags"] } else { &[] };
            let exporter = modern.exporter(&arguments).await;
            for refresh in [true, false] {
                let path = format!("/api/v1/statistics?shape=flat&refresh={refresh}");
                let actual = modern.get(&exporter, &path);
                let licensed = if licensed { "-licensed" } else { "" };
                let refresh = if refresh { "" } else { ".norefresh" };
                let recorded = format!("statistics-{version}{licensed}{refresh}.json");
                compare(&modern, &recorded, actual, different);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn licensed_document_equals_rocket_chat_5_3_to_8_3() {
    let Some(modern) = Recording::load("modern-a").await else {
        return;
    };
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        let recorded = format!("statistics-{version}-licensed.json");
        let expected = modern.response(&recorded);
        let modules = expected["enterprise"]["modules"].as_array().cloned();
        let modules = modules.expect("the modules are a list").into_iter();
        let mut content = license::with("/validation/serverUrls/0/value", json!("localhost:3000"));
        content["grantedModules"] = modules.map(|module| json!({ "module": module })).collect();
        for (id, value) in [
            ("Enterprise_License", license::v3(&content)),
            ("Enterprise_License_Status", "Valid".to_owned()),
        ] {
            modern
                .database
                .collection::<Document>("rocketchat_settings")
                .update_one(doc! { "_id": id }, doc! { "$set": { "value": value } })
                .await
                .expect("the setting can be updated");
        }
        let version_flag = format!("--rocketchat.version={version}");
        let exporter = modern
            .exporter(&["--debug.now=2026-11-21T12:00:00Z", &version_flag])
            .await;
        let actual = modern.get(&exporter, "/api/v1/statistics?shape=flat&refresh=true");
        compare(&modern, &recorded, actual, &[]);
    }
}

/// JavaScript's date format has the long name of the time zone, which the exporter does not know. At the clock of this
/// recording the heartbeats are ten hours ahead: Rocket.Chat counts such instances, the exporter does not.
const KNOWN_DIFFERENCES: [&str; 3] = ["lastLogin", "lastSeenSubscription", "instanceCount"];

#[tokio::test(flavor = "multi_thread")]
async fn days_follow_the_time_zone() {
    let Some(modern) = Recording::load("modern-a").await else {
        return;
    };
    let exporter = modern
        .exporter(&[
            "--debug.now=2026-11-21T01:30:00Z",
            "--rocketchat.version=8.3.0-develop",
            "--rocketchat.timezone=America/Sao_Paulo",
        ])
        .await;
    let actual = modern.get(&exporter, "/api/v1/statistics?shape=flat&refresh=true");
    let recorded = "statistics-8.3.0-develop.saopaulo.json";
    compare(&modern, recorded, actual, &KNOWN_DIFFERENCES);
}

/// Compares every leaf except ignored and known differences.
fn compare(dump: &Recording, recorded: &str, actual: Map<String, Value>, different: &[&str]) {
    let (mut expected, mut found) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &dump.response(recorded).into(), &mut expected);
    leaves("", &actual.into(), &mut found);
    let mut differences = Vec::new();
    for path in expected.keys().chain(found.keys()) {
        let skipped = is_below(path, &IGNORED_FIELDS) || is_below(path, different);
        if !skipped && expected.get(path) != found.get(path) {
            differences.push(format!(
                "{path}: {:?} instead of {:?}",
                found.get(path),
                expected.get(path)
            ));
        }
    }
    assert!(differences.is_empty(), "{recorded}: {differences:#?}");
}

/// Fields in the list of all fields that no version stores, and the one that every response has.
const NEVER_STORED: [&str; 4] = [
    "federationOverviewData",
    "roomsInsideTeams",
    "success",
    "totalLivechatRoomsWithPriority",
];

/// A correction of the list of all fields, found by running Rocket.Chat and by reading its releases.
struct Correction {
    /// The field and all nested fields.
    parent: &'static str,
    first: Option<&'static str>,
    last: Option<&'static str>,
    /// A gap: the first version without the field, and the first version with it again.
    without: Option<[&'static str; 2]>,
}

const fn corrected(parent: &'static str) -> Correction {
    Correction {
        parent,
        first: None,
        last: None,
        without: None,
    }
}

/// The last matching correction applies.
const CORRECTIONS: [Correction; 6] = [
    Correction {
        without: Some(["4.6.0", "4.8.0"]),
        ..corrected("teams.totalTeams")
    },
    Correction {
        without: Some(["5.0.0", "6.8.0"]),
        ..corrected("settings")
    },
    // The settings are gone, but the fields exist again, undefined.
    Correction {
        without: Some(["5.0.0", "6.8.0"]),
        last: Some("8.3"),
        ..corrected("settings.general.apps")
    },
    // 4.8 is the last release line before 5.0.
    Correction {
        last: Some("4.x"),
        ..corrected("settings.videoConference")
    },
    Correction {
        first: Some("6.3.0"),
        ..corrected("matrixFederation")
    },
    corrected("matrixFederation.enabled"),
];

/// Version ranges by path: the first version, and the first version after the range, `None` if the newest of the list has the
/// field.
type Ranges<'a> = BTreeMap<&'a str, Vec<(Numbers, Option<Numbers>)>>;

type Numbers = [u16; 3];

/// Parses a version of the list: `8.x` is the first examined version of that line, and `7.5.0?` an inferred one.
fn numbers(version: &str) -> Numbers {
    let mut numbers = version
        .trim_end_matches('?')
        .split('.')
        .map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// The first release line that the list does not know.
const AFTER_LIST: Numbers = [8, 4, 0];

/// The first release line after the last version of a field; `None` if the newest of the list has the field.
fn end_after(last: &str) -> Option<Numbers> {
    let [major, minor, _] = numbers(last);
    let end = match last.split('.').nth(1) {
        Some("x") => [major + 1, 0, 0],
        _ => [major, minor + 1, 0],
    };
    within_list(end)
}

/// The end of a range, or `None` if the list says nothing about that version.
fn within_list(end: Numbers) -> Option<Numbers> {
    (end < AFTER_LIST).then_some(end)
}

/// The version ranges in the statistics reference.
fn ranges_of(reference: &str) -> Ranges<'_> {
    let mut ranges = Ranges::new();
    for line in reference.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let (Some(path), Some(versions)) = (
            cells
                .first()
                .and_then(|cell| cell.strip_prefix("| `")?.strip_suffix('`')),
            cells.get(1),
        ) else {
            continue;
        };
        if let Some(first) = versions.strip_suffix(" and later") {
            ranges.entry(path).or_default().push((numbers(first), None));
        } else if let Some((first, end)) = versions.split_once(" to before ") {
            let range = (numbers(first), within_list(numbers(end)));
            ranges.entry(path).or_default().push(range);
        }
    }
    ranges
}

/// The ranges of a field: its own, else those of an enclosing field, else those of its nested fields.
fn ranges_of_field(ranges: &Ranges<'_>, path: &str) -> Vec<(Numbers, Option<Numbers>)> {
    let mut enclosing = Some(path);
    while let Some(outer) = enclosing {
        if let Some(found) = ranges.get(outer) {
            return found.clone();
        }
        enclosing = outer.rsplit_once('.').map(|(outer, _)| outer);
    }
    let parts = ranges.iter().filter(|(part, _)| is_below(part, &[path]));
    parts.flat_map(|(_, ranges)| ranges.clone()).collect()
}

#[test]
fn field_versions_equal_the_known_ones() {
    let Some(recordings) = dump::recordings() else {
        eprintln!("skipped: the list of all fields is not next to the project");
        return;
    };
    let list = recordings.join("../rocketchat/fields.tsv");
    let list = std::fs::read_to_string(list).expect("the list can be read");
    let reference = rocketchat_exporter::statistics_reference();
    let ranges = ranges_of(&reference);
    let mut wrong = Vec::new();
    for line in list.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let path = columns[0].replace("[]", "").replace(".<name>", "");
        if NEVER_STORED.contains(&path.as_str()) {
            continue;
        }
        let none = corrected("");
        let correction = CORRECTIONS
            .iter()
            .rev()
            .find(|correction| is_below(&path, &[correction.parent]))
            .unwrap_or(&none);
        // Adjacent ranges are merged.
        let mut found: Vec<(Numbers, Option<Numbers>)> = Vec::new();
        let mut rows = ranges_of_field(&ranges, &path);
        rows.sort_unstable();
        for (first, end) in rows {
            match found.last_mut() {
                Some(latest) if latest.1.is_none_or(|end| first <= end) => {
                    latest.1 = latest.1.and_then(|latest_end| Some(latest_end.max(end?)));
                }
                _ => found.push((first, end)),
            }
        }
        let first = numbers(correction.first.unwrap_or(columns[2]));
        let end = end_after(correction.last.unwrap_or(columns[3]));
        let expected = match correction.without.map(|range| range.map(numbers)) {
            Some([from, to]) => vec![(first, Some(from)), (to, end)],
            None => vec![(first, end)],
        };
        // A field that began after the gap or ended before it has one range.
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(first, end)| end.is_none_or(|end| *first < end))
            .collect();
        if found != expected {
            wrong.push(format!("{path}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
