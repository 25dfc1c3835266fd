//! Compares answers with those of real Rocket.Chats on their own databases, field by field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::{Map, Value, json};

use crate::support::{Exporter, dump, fresh_database, license, uri_of};

/// Fields that differ: they describe another machine, another server version, or the time of the capture.
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

/// A dump of a real workspace in a database of its own, and its admin's credentials.
struct Dump {
    folder: PathBuf,
    database: Database,
    admin: [String; 2],
}

impl Dump {
    /// Loads a workspace; `None`, with a message, if the dumps are not beside the project.
    async fn load(name: &str) -> Option<Self> {
        let Some(truth) = dump::truth() else {
            eprintln!("not compared: the dump of a real workspace does not lie beside the project");
            return None;
        };
        let folder = truth.join(name);
        let database = fresh_database().await;
        dump::load(&folder.join("dump"), &database).await;
        let tokens = std::fs::read(folder.join("tokens.json")).expect("the capture has tokens");
        let admin = &Value::Object(object(&tokens))["admin"];
        let text = |name: &str| admin[name].as_str().expect("the admin has it").to_owned();
        Some(Self {
            database,
            admin: [text("userId"), text("authToken")],
            folder,
        })
    }

    /// A file of the capture.
    fn answer(&self, name: &str) -> Map<String, Value> {
        object(&std::fs::read(self.folder.join(name)).expect("the capture is complete"))
    }

    /// An exporter that has read the whole workspace.
    async fn exporter(&self, arguments: &[&str]) -> Exporter {
        let exporter = Exporter::on(&uri_of(&self.database), arguments);
        exporter.whole().await;
        exporter
    }

    /// The exporter's answer to the admin.
    fn ask(&self, exporter: &Exporter, path: &str) -> Map<String, Value> {
        let [user_id, token] = &self.admin;
        let headers = [
            ("X-User-Id", user_id.as_str()),
            ("X-Auth-Token", token.as_str()),
        ];
        let answer = exporter.request("GET", path, &headers);
        assert_eq!(answer.status, 200, "{}", answer.text());
        object(&answer.body)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn document_equals_rocket_chat_3_4_0() {
    let Some(alpha) = Dump::load("alpha").await else {
        return;
    };
    let expected = alpha.answer("statistics.json");
    let exporter = alpha
        .exporter(&["--debug.now=2026-11-21T00:16:51.225Z"])
        .await;
    let answered = alpha.ask(&exporter, "/api/v1/statistics?refresh=true&shape=flat");

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
async fn list_equals_rocket_chat_3_4_0() {
    let Some(alpha) = Dump::load("alpha").await else {
        return;
    };
    let expected = alpha.answer("statistics-list.json");
    let exporter = alpha.exporter(&["--rocketchat.version=3.4.0"]).await;
    let answered = alpha.ask(&exporter, "/api/v1/statistics.list");
    for key in ["count", "offset", "total", "success"] {
        assert_eq!(answered[key], expected[key], "{key}");
    }
    let documents = |answer: &Map<String, Value>| answer["statistics"].as_array().cloned();
    assert_eq!(documents(&answered), documents(&expected));
}

/// Compares the metrics whose definition is that of 3.4.0.
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
async fn document_equals_rocket_chat_5_3_to_8_3() {
    let Some(modern) = Dump::load("modern-a").await else {
        return;
    };
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        for licensed in [false, true] {
            let version_flag = format!("--rocketchat.version={version}");
            let mut arguments = vec!["--debug.now=2026-11-21T12:00:00Z", &version_flag];
            if licensed {
                arguments.push("--rocketchat.license-modules=*");
            }
            // The flag stands for every module without their names, and tells no tag.
            let different: &[&str] = if licensed {
                &["enterprise.modules", "enterprise.tags"]
            } else {
                &[]
            };
            let exporter = modern.exporter(&arguments).await;
            for refresh in [true, false] {
                let path = format!("/api/v1/statistics?shape=flat&refresh={refresh}");
                let answered = modern.ask(&exporter, &path);
                let licensed = if licensed { "-licensed" } else { "" };
                let refresh = if refresh { "" } else { ".norefresh" };
                let capture = format!("statistics-{version}{licensed}{refresh}.json");
                compare(&modern, &capture, answered, different);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn licensed_document_equals_rocket_chat_5_3_to_8_3() {
    let Some(modern) = Dump::load("modern-a").await else {
        return;
    };
    for version in ["5.3.0", "6.14.0-develop", "7.7.1", "8.3.0-develop"] {
        let capture = format!("statistics-{version}-licensed.json");
        let expected = modern.answer(&capture);
        let modules = expected["enterprise"]["modules"].as_array().cloned();
        let modules = modules.expect("they are a list").into_iter();
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
                .expect("the setting can be written");
        }
        let version_flag = format!("--rocketchat.version={version}");
        let exporter = modern
            .exporter(&["--debug.now=2026-11-21T12:00:00Z", &version_flag])
            .await;
        let answered = modern.ask(&exporter, "/api/v1/statistics?shape=flat&refresh=true");
        compare(&modern, &capture, answered, &[]);
    }
}

/// JavaScript's date text has the long name of the time zone, which this system does not know. At that clock the
/// heartbeats lie ten hours ahead: Rocket.Chat counts such instances, the exporter does not.
const OTHERWISE: [&str; 3] = ["lastLogin", "lastSeenSubscription", "instanceCount"];

#[tokio::test(flavor = "multi_thread")]
async fn days_follow_the_time_zone() {
    let Some(modern) = Dump::load("modern-a").await else {
        return;
    };
    let exporter = modern
        .exporter(&[
            "--debug.now=2026-11-21T01:30:00Z",
            "--rocketchat.version=8.3.0-develop",
            "--rocketchat.timezone=America/Sao_Paulo",
        ])
        .await;
    let answered = modern.ask(&exporter, "/api/v1/statistics?shape=flat&refresh=true");
    let capture = "statistics-8.3.0-develop.saopaulo.json";
    compare(&modern, capture, answered, &OTHERWISE);
}

/// Compares every leaf except those that differ by nature.
fn compare(dump: &Dump, capture: &str, answered: Map<String, Value>, different: &[&str]) {
    let (mut wanted, mut found) = (BTreeMap::new(), BTreeMap::new());
    leaves("", &dump.answer(capture).into(), &mut wanted);
    leaves("", &answered.into(), &mut found);
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
    assert!(differences.is_empty(), "{capture}: {differences:#?}");
}

/// Fields that the list of all fields declares although no version has them, and the one that every answer has.
const NEVER_STORED: [&str; 4] = [
    "federationOverviewData",
    "roomsInsideTeams",
    "success",
    "totalLivechatRoomsWithPriority",
];

/// Corrections of the list of all fields, from runs of the real code and from the releases.
struct Correction {
    /// The fields, and all below them.
    parent: &'static str,
    first: Option<&'static str>,
    last: Option<&'static str>,
    /// Versions in between that had nothing: the first of them, and the first that has it again.
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

/// The last one that fits a path counts.
const CORRECTIONS: [Correction; 6] = [
    Correction {
        without: Some(["4.6.0", "4.8.0"]),
        ..corrected("teams.totalTeams")
    },
    Correction {
        without: Some(["5.0.0", "6.8.0"]),
        ..corrected("settings")
    },
    // Their settings are gone, but the members are there again, undefined.
    Correction {
        without: Some(["5.0.0", "6.8.0"]),
        last: Some("8.3"),
        ..corrected("settings.general.apps")
    },
    // 4.8 is the last line before 5.0.
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

/// First versions and first versions outside again, by path; `None` while the newest still has the field.
type Ranges<'a> = BTreeMap<&'a str, Vec<(Numbers, Option<Numbers>)>>;

type Numbers = [u16; 3];

/// `8.x` is the first version of that line that was looked at, and `7.5.0?` one that was inferred.
fn numbers(version: &str) -> Numbers {
    let mut numbers = version
        .trim_end_matches('?')
        .split('.')
        .map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// The first release line after the last version that had something; `None` when that is the newest of the list.
fn end_after(last: &str) -> Option<Numbers> {
    let [major, minor, _] = numbers(last);
    match last.split('.').nth(1) {
        _ if last == "8.3" => None,
        Some("x") => Some([major + 1, 0, 0]),
        _ => Some([major, minor + 1, 0]),
    }
}

/// The rows of the reference.
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
            let range = (numbers(first), Some(numbers(end)));
            ranges.entry(path).or_default().push(range);
        }
    }
    ranges
}

/// The ranges of a field: of its own rows, else of those of the whole that it is part of, else of its parts.
fn ranges_of_field(ranges: &Ranges<'_>, path: &str) -> Vec<(Numbers, Option<Numbers>)> {
    let mut whole = Some(path);
    while let Some(outer) = whole {
        if let Some(found) = ranges.get(outer) {
            return found.clone();
        }
        whole = outer.rsplit_once('.').map(|(outer, _)| outer);
    }
    let parts = ranges.iter().filter(|(part, _)| is_below(part, &[path]));
    parts.flat_map(|(_, ranges)| ranges.clone()).collect()
}

#[test]
fn field_versions_equal_the_known_ones() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the list of all fields does not lie beside the project");
        return;
    };
    let list = truth.join("../rocketchat/fields.tsv");
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
        // Ranges that touch are one.
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
        let wanted = match correction.without.map(|range| range.map(numbers)) {
            Some([from, to]) => vec![(first, Some(from)), (to, end)],
            None => vec![(first, end)],
        };
        // What began after the gap, or ended before it, has none.
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter(|(first, end)| end.is_none_or(|end| *first < end))
            .collect();
        if found != wanted {
            wrong.push(format!("{path}: {found:?} instead of {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
