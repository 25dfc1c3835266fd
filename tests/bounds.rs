//! Hostile and oversized data: memory, metrics and documents stay small, sums stay correct, and an invalid string affects
//! nothing else.

use std::collections::BTreeSet;

use fastrand::Rng;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::{Collection, Database};

use crate::support::{
    Exporter, Filled, eventually, exporter_on, fresh_database, insert_broken, promtool_error, seed,
    strict_parser_error, uri_of,
};

/// More than the exporter lists individually of anything.
const MANY: i32 = 5_000;

const MEGABYTE: usize = 1_000_000;

async fn insert(database: &Database, collection: &str, document: impl Fn(i32) -> Document) {
    let documents: Vec<Document> = (0..MANY).map(document).collect();
    let collection = database.collection(collection);
    collection
        .insert_many(documents)
        .await
        .expect("the documents can be inserted");
}

/// Inserts far more documents than a real workspace has, with far too long strings.
async fn overfill(database: &Database) {
    let now = DateTime::now();
    let yesterday = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let yesterday = yesterday.date().yesterday().expect("there is a day before");
    let month = jiff::Timestamp::now().strftime("%Y-%m").to_string();
    let long = "x".repeat(MEGABYTE);
    insert(database, "instances", |number| {
        doc! { "_id": format!("instance {number}"), "_updatedAt": now, "extraInformation": { "conns": 2 } }
    })
    .await;
    insert(database, "rocketchat_cron_history", |number| {
        doc! { "name": format!("job {number}"), "intendedAt": now, "finishedAt": now }
    })
    .await;
    insert(database, "users", |number| {
        doc! {
            "_id": format!("one of many {number}"), "active": true, "type": "user", "language": format!("l{number}"),
            "services": { format!("service{number}"): {}, "ldap": {} }, "roles": [format!("role {number}")],
        }
    })
    .await;
    insert(database, "rocketchat_room", |number| {
        doc! {
            "t": if number % 2 == 0 { "l".to_owned() } else { format!("kind {number}") }, "ts": now,
            "source": { "type": "widget", "alias": format!("source {number}") },
            "v": { "_id": format!("visitor {number}"), "activity": [&month] },
        }
    })
    .await;
    insert(database, "rocketchat_sessions", |number| {
        doc! {
            "type": "user_daily", "year": i32::from(yesterday.year()), "month": i32::from(yesterday.month()),
            "day": i32::from(yesterday.day()), "userId": format!("one of many {number}"),
            "mostImportantRole": format!("role {number}"), "sessions": 1, "time": 2,
            "devices": [{ "sessions": 1, "time": 2, "device": {
                "type": "browser", "name": format!("device {number}"), "version": "1",
                "os": { "name": format!("system {number}"), "version": "1" },
            } }],
        }
    })
    .await;
    insert(
        database,
        "rocketchat_matrix_bridged_rooms",
        |number| doc! { "fromServer": format!("server{number}.example") },
    )
    .await;
    insert(
        database,
        "rocketchat_settings",
        |number| doc! { "_id": format!("Accounts_OAuth_Custom-Service{number}"), "value": true },
    )
    .await;
    let long_ones = (0..30).map(|number| {
        let later = DateTime::from_millis(now.timestamp_millis() + 50_000);
        doc! { "_id": format!("{long}{number}"), "_updatedAt": later, "extraInformation": { "host": &long } }
    });
    let instances: Collection<Document> = database.collection("instances");
    instances
        .insert_many(long_ones)
        .await
        .expect("long ids can be inserted");
    let settings: Collection<Document> = database.collection("rocketchat_settings");
    for id in [
        "Site_Url",
        "uniqueID",
        "Site_Name",
        "Custom_Script_On_Logout",
        "Organization_Type",
    ] {
        settings
            .update_one(
                doc! { "_id": id },
                doc! { "$set": { "value": long.repeat(8) } },
            )
            .upsert(true)
            .await
            .expect("the setting can be updated");
    }
    let mut stored = doc! { "createdAt": now, "version": "6.12.1" };
    stored.extend((0..500_000).map(|number| (format!("field{number}"), Bson::Int32(number))));
    database
        .collection("rocketchat_statistics")
        .insert_one(stored)
        .await
        .expect("a large document can be inserted");
}

#[tokio::test(flavor = "multi_thread")]
async fn overfilled_database_keeps_memory_bounded_and_sums_correct() {
    let filled = Filled::new().await;
    let database = &filled.database;
    let before = filled.exporter(&[]).await.exporter;
    let before_value = |series: &str| before.value(series).expect("the series exists");
    let (instances, contacts, ldap) = (
        before_value("rocketchat_instances"),
        before_value("rocketchat_monthly_active_contacts"),
        before_value("rocketchat_users_by_login_service{login_service=\"ldap\"}"),
    );
    drop(before);
    overfill(database).await;
    // Later versions do not collect remote servers.
    let exporter = Exporter::on(&uri_of(database), &["--rocketchat.version=7.7.1"]);
    exporter.wait_for_collectors().await;

    let value = |series: &str| exporter.value(series).expect("the series exists");
    let many = f64::from(MANY);
    let shown = |difference: f64| difference - many;
    assert!(shown(value("rocketchat_instances") - instances).abs() < 31.0);
    // From one scrape, because instances expire.
    let metrics = exporter.metrics();
    let connections = metrics
        .lines()
        .find_map(|line| {
            line.strip_prefix("rocketchat_connections ")?
                .parse::<f64>()
                .ok()
        })
        .expect("connections are exported");
    let of_each = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("rocketchat_instance_connections{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    assert!((of_each.sum::<f64>() - connections).abs() < 0.5);
    let contacts = value("rocketchat_monthly_active_contacts") - contacts;
    assert!((contacts - many / 2.0).abs() < 0.5, "{contacts}");
    let ldap = value("rocketchat_users_by_login_service{login_service=\"ldap\"}") - ldap;
    assert!(shown(ldap).abs() < 0.5, "{ldap}");

    let document = exporter.get("/info/statistics.json");
    assert!(
        document.body.len() < 2 * MEGABYTE,
        "{}",
        document.body.len()
    );
    let document = &document.json()["statistics"];
    let sum = |list: &serde_json::Value, key: &str| -> f64 {
        let items = list.as_array().expect("the value is a list").iter();
        items.filter_map(|item| item[key].as_f64()).sum()
    };
    let languages = document["userLanguages"]
        .as_object()
        .expect("languages are an object");
    let languages = languages
        .values()
        .filter_map(serde_json::Value::as_f64)
        .sum::<f64>();
    assert!((languages - document["totalUsers"].as_f64().unwrap()).abs() < 0.5);
    for (path, key, min) in [
        ("uniqueDevicesOfYesterday", "count", many),
        ("uniqueOSOfLastMonth", "count", many),
    ] {
        let list = &document[path]["data"];
        assert!(sum(list, key) >= min, "{path}");
        assert!(
            list.as_array().is_some_and(|list| list.len() <= 1_001),
            "{path}"
        );
    }
    let users = &document["uniqueUsersOfLastWeek"]["data"][0];
    assert!((sum(&users["roles"], "count") - users["count"].as_f64().unwrap()).abs() < 0.5);
    let servers = &document["matrixFederation"]["externalConnectedServers"];
    assert!(servers["quantity"].as_f64() >= Some(many));

    let left_out = |collector: &str, what: &str| {
        value(&format!(
            "rocketchat_exporter_left_out{{collector=\"{collector}\",what=\"{what}\"}}"
        ))
    };
    assert!(left_out("sessions", "devices") >= many - 1_000.0);
    assert!(left_out("user_features", "languages") >= many - 1_000.0);
    assert!((left_out("stored", "long_documents") - 1.0).abs() < 0.5);
    assert!((left_out("instances", "long_values") - 30.0).abs() < 0.5);
    assert!((left_out("workspace", "long_values") - 2.0).abs() < 0.5);

    let metrics = exporter.metrics();
    assert!(metrics.len() < MEGABYTE, "{}", metrics.len());
    assert!(exporter.get("/info").body.len() < MEGABYTE / 2);
    assert!(
        exporter
            .get("/info")
            .text()
            .contains(" devices individually"),
        "the page does not mention omitted devices"
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.pid()));
    let status = status.expect("the process runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    assert!(peak < Some(120_000), "{peak:?} kB");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf_8_affects_only_its_own_value() {
    let database = fresh_database().await;
    let now = DateTime::now();
    for (collection, documents) in [
        (
            "instances",
            vec![
                doc! { "_id": "BROKEN", "_updatedAt": now, "extraInformation": { "host": "BROKEN", "nodeVersion": "BROKEN" } },
                doc! { "_id": "whole", "_updatedAt": now },
            ],
        ),
        (
            "users",
            vec![
                doc! { "active": true, "language": "BROKEN", "services": { "BROKEN": 1, "ldap": 1 }, "status": "BROKEN" },
                doc! { "active": true, "language": "de" },
            ],
        ),
        (
            "rocketchat_settings",
            vec![
                doc! { "_id": "Site_Url", "value": "http://BROKEN" },
                doc! { "_id": "Site_Name", "value": { "BROKEN": "BROKEN" } },
                doc! { "_id": "Livechat_enabled", "value": true },
            ],
        ),
        (
            "rocketchat_statistics",
            vec![doc! { "createdAt": now, "version": "6.12.1", "tag": "BROKEN" }],
        ),
        (
            "migrations",
            vec![doc! { "_id": "control", "version": 304, "odd": "BROKEN" }],
        ),
        (
            "rocketchat_room",
            vec![
                doc! { "t": "l", "source": { "type": "BROKEN" } },
                doc! { "t": "BROKEN" },
            ],
        ),
        ("rocketchat_apps", vec![doc! { "status": "BROKEN" }]),
        (
            "rocketchat_matrix_bridged_rooms",
            vec![doc! { "fromServer": "BROKEN" }],
        ),
        (
            "rocketchat_cron",
            vec![doc! { "name": "BROKEN", "nextRunAt": now }],
        ),
    ] {
        insert_broken(&database, collection, documents).await;
    }
    let exporter = Exporter::on(&uri_of(&database), &[]);
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.value("rocketchat_instances"), Some(2.0));
    assert_eq!(exporter.value("rocketchat_livechat_enabled"), Some(1.0));
    assert_eq!(exporter.value("rocketchat_migration_version"), Some(304.0));
    let document = &exporter.get("/info/statistics.json").json()["statistics"];
    assert_eq!(document["userLanguages"]["de"], 1);
    assert_eq!(document["services"]["ldap"]["users"], 1);
    let site = document["tag"].as_str().expect("the tag is a string");
    assert!(site.contains('\u{fffd}'), "{site}");
    let unreadable =
        "rocketchat_exporter_left_out{collector=\"settings\",what=\"unreadable_documents\"}";
    assert_eq!(exporter.value(unreadable), Some(1.0));
    assert_eq!(promtool_error(exporter.metrics().as_bytes()), None);
}

/// A name with characters that need escaping.
fn hostile(random: &mut Rng) -> Bson {
    let long = "\u{e9}".repeat(150);
    match random.u8(..16) {
        0 => Bson::Int32(1),
        1 => Bson::Int64(2),
        2 => Bson::Boolean(true),
        3 => "1".into(),
        4 => "1 ".into(),
        5 => "".into(),
        6 => Bson::Null,
        7 => "a\0b".into(),
        8 => "a\u{fffd}b".into(),
        9 => "BROKEN".into(),
        10 => "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}!".into(),
        11 => format!("{long}{}", random.u8(..3)).into(),
        12 => "other".into(),
        13 => "\"} 1\n# EOF\r\n{\\".into(),
        14 => "x".repeat(random.usize(190..210)).into(),
        _ => Bson::Double(1.5),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_unique_for_any_names() {
    let mut random = Rng::with_seed(seed());
    let database = fresh_database().await;
    let now = DateTime::now();
    for _ in 0..60 {
        let mut name = || hostile(&mut random);
        let instance = doc! {
            "_id": name(), "pid": name(), "_createdAt": now, "_updatedAt": now,
            "extraInformation": { "host": name(), "port": name(), "nodeVersion": name(), "conns": 1 },
        };
        // A duplicate id is rejected.
        insert_broken(&database, "instances", vec![instance]).await;
    }
    for id in ["Site_Url", "uniqueID"] {
        let setting = doc! { "_id": id, "value": hostile(&mut random) };
        insert_broken(&database, "rocketchat_settings", vec![setting]).await;
    }
    let exporter = Exporter::on(&uri_of(&database), &["--compat-metrics"]);
    exporter.wait_for_collectors().await;
    let metrics = exporter.metrics();
    assert_eq!(promtool_error(metrics.as_bytes()), None);
    let open_metrics = exporter.request(
        "GET",
        "/metrics",
        &[("Accept", "application/openmetrics-text; version=1.0.0")],
    );
    let known = "'rocketchat_instance' in families";
    assert_eq!(strict_parser_error(&open_metrics.body, known), None);
    let mut series = BTreeSet::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, _) = line.rsplit_once(' ').expect("a series has a value");
        assert!(series.insert(name), "duplicate series {name}");
    }
    let connections = metrics
        .lines()
        .filter_map(|line| {
            line.strip_prefix("rocketchat_instance_connections{")?
                .rsplit_once(' ')
        })
        .filter_map(|(_, value)| value.parse::<f64>().ok());
    let all = exporter.value("rocketchat_instances");
    assert_eq!(
        Some(connections.sum::<f64>()),
        all,
        "connections are missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_ids_1_as_number_and_string_stay_distinct() {
    let now = DateTime::now();
    let instance = |id: Bson, port: &str| doc! { "_id": id, "_updatedAt": now, "extraInformation": { "host": "h", "port": port } };
    let instances = vec![instance("1".into(), "3000"), instance(1.into(), "3001")];
    let exporter = exporter_on(vec![("instances", instances)]).await;
    for (id, port) in [("1", "3000"), ("1 (Int32)", "3001")] {
        let series = format!(
            "rocketchat_instance_info{{instance_id=\"{id}\",address=\"h:{port}\",pid=\"\",node_version=\"\"}}"
        );
        assert_eq!(exporter.value(&series), Some(1.0), "{series}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_label_is_truncated_and_counted() {
    let now = DateTime::now();
    let address = "h".repeat(250);
    let instances =
        vec![doc! { "_id": "i", "_updatedAt": now, "extraInformation": { "host": address } }];
    let exporter = exporter_on(vec![("instances", instances)]).await;
    let series = "rocketchat_exporter_label_values_cut{metric=\"rocketchat_instance_info\"}";
    eventually("the truncation is counted", || exporter.value(series)).await;
    let metrics = exporter.metrics();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("rocketchat_instance_info{"))
        .expect("the instance is listed");
    assert!(line.contains("hhh\u{2026}") && line.len() < 300, "{line}");
}
