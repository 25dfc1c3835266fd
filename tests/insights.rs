//! Metrics for alerts, on documents that distinguish a problem from similar states.

use mongodb::bson::{Bson, DateTime, Document, doc};

use testbed::mongod::Options;

use crate::support::{
    Exporter, Filled, client, eventually, exporter_of_reader, exporter_on, mongod, with_reader,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn ago(milliseconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - milliseconds)
}

/// A time in seconds, as in metrics.
fn seconds(instant: DateTime) -> Option<f64> {
    Some(instant.timestamp_millis() as f64 / 1000.0)
}

fn setting(id: &str, value: impl Into<mongodb::bson::Bson>) -> Document {
    doc! { "_id": id, "value": value.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_accepted_report_is_shown_without_its_token() {
    let accepted = ago(4 * DAY);
    let exporter = exporter_on(vec![
        (
            "rocketchat_statistics",
            vec![
                doc! { "createdAt": ago(6 * DAY), "statsToken": "secret-of-old" },
                doc! { "createdAt": accepted, "statsToken": "secret-token" },
                doc! { "createdAt": ago(3 * DAY), "statsToken": "" },
                doc! { "createdAt": ago(2 * DAY), "statsToken": 7 },
                doc! { "createdAt": ago(DAY), "version": "7.7.1" },
            ],
        ),
        (
            "rocketchat_settings",
            vec![
                setting("Cloud_Workspace_AirGapped_Restrictions_Remaining_Days", 6),
                setting("Presence_broadcast_disabled", true),
            ],
        ),
    ])
    .await;
    assert_eq!(
        exporter.value("rocketchat_usage_report_timestamp_seconds"),
        seconds(accepted)
    );
    assert_eq!(
        exporter.value("rocketchat_read_only_countdown_seconds"),
        Some(6.0 * 86_400.0)
    );
    assert_eq!(
        exporter.value("rocketchat_presence_broadcast_disabled"),
        Some(1.0)
    );
    assert_eq!(
        exporter.value("rocketchat_presence_connections_limit"),
        Some(200.0)
    );
    assert!(!exporter.metrics().contains("secret-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unrestricted_workspace_has_no_countdown() {
    let exporter = exporter_on(vec![
        (
            "rocketchat_statistics",
            vec![
                doc! { "createdAt": ago(DAY), "version": "7.7.1" },
                doc! { "createdAt": ago(40 * DAY), "statsToken": "too old to be read" },
            ],
        ),
        (
            "rocketchat_settings",
            vec![setting(
                "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
                -1,
            )],
        ),
    ])
    .await;
    for absent in [
        "rocketchat_usage_report_timestamp_seconds",
        "rocketchat_read_only_countdown_seconds",
        // The version predates the limit.
        "rocketchat_presence_connections_limit",
        "rocketchat_presence_broadcast_disabled",
    ] {
        assert_eq!(exporter.value(absent), None, "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_count_live_instances_and_license_removes_their_limit() {
    let instance = |id: &str, heartbeat: DateTime, conns: i32| {
        doc! { "_id": id, "_updatedAt": heartbeat, "extraInformation": { "conns": conns } }
    };
    let database = crate::support::fresh_database().await;
    for (collection, documents) in [
        (
            "instances",
            vec![
                instance("one", DateTime::now(), 120),
                instance("other", DateTime::now(), 45),
                instance("crashed", ago(10 * MINUTE), 1000),
            ],
        ),
        (
            "rocketchat_settings",
            vec![setting("Presence_broadcast_disabled", false)],
        ),
    ] {
        database
            .collection::<Document>(collection)
            .insert_many(documents)
            .await
            .expect("the documents can be inserted");
    }
    for (modules, limit) in [
        ("auditing", Some(200.0)),
        ("unlimited-presence", None),
        ("scalability", None),
    ] {
        let exporter = Exporter::on(
            &crate::support::uri_of(&database),
            &[&format!("--rocketchat.license-modules={modules}")],
        );
        exporter.wait_for_collectors().await;
        assert_eq!(exporter.value("rocketchat_connections"), Some(165.0));
        assert_eq!(
            exporter.value("rocketchat_presence_connections_limit"),
            limit,
            "{modules}"
        );
        assert_eq!(
            exporter.value("rocketchat_presence_broadcast_disabled"),
            Some(0.0)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_counted_by_state() {
    let oldest = ago(50 * MINUTE);
    let exporter = exporter_on(vec![(
        "rocketchat_notification_queue",
        vec![
            doc! { "ts": oldest },
            doc! { "ts": ago(2 * MINUTE) },
            doc! { "ts": ago(90 * MINUTE), "error": "no gateway" },
            doc! { "ts": ago(80 * MINUTE), "error": {} },
            doc! { "ts": "invalid" },
            doc! { "ts": ago(MINUTE), "sending": ago(MINUTE) },
            doc! { "ts": ago(30 * MINUTE), "sending": ago(6 * MINUTE) },
            doc! { "ts": ago(30 * MINUTE), "sending": ago(20 * MINUTE) },
        ],
    )])
    .await;
    let state = |state: &str| {
        exporter.value(&format!(
            "rocketchat_notification_queue_with_state{{state=\"{state}\"}}"
        ))
    };
    assert_eq!(exporter.value("rocketchat_notification_queue"), Some(8.0));
    assert_eq!(
        exporter.value("rocketchat_notification_queue_oldest_timestamp_seconds"),
        seconds(oldest)
    );
    assert_eq!(state("sending"), Some(1.0));
    assert_eq!(state("stuck"), Some(2.0));
    assert_eq!(state("failed"), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_of_the_month_are_counted_once() {
    let month = jiff::Timestamp::from_millisecond(DateTime::now().timestamp_millis())
        .expect("the time is in range")
        .strftime("%Y-%m")
        .to_string();
    let began = ago(3 * DAY);
    let exporter = exporter_on(vec![
        (
            "rocketchat_livechat_contact",
            vec![
                doc! { "activity": ["2020-01", &month] },
                doc! { "activity": [&month] },
                doc! { "activity": ["2020-01"] },
                doc! { "name": "never active" },
            ],
        ),
        (
            "rocketchat_room",
            vec![
                doc! { "t": "l", "open": true, "ts": began },
                doc! { "t": "l", "open": true, "ts": ago(DAY) },
                doc! { "t": "l", "open": true, "ts": 5 },
                doc! { "t": "l", "ts": ago(9 * DAY) },
                doc! { "t": "v", "open": true, "ts": ago(8 * DAY) },
            ],
        ),
    ])
    .await;
    assert_eq!(
        exporter.value("rocketchat_livechat_active_contacts"),
        Some(2.0)
    );
    assert_eq!(exporter.value("rocketchat_livechat_open"), Some(3.0));
    assert_eq!(
        exporter.value("rocketchat_livechat_open_since_timestamp_seconds"),
        seconds(began)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_optional_privileges_are_logged_once() {
    let mongod = with_reader().await;
    let admin = client(&mongod.uri()).await.database("admin");
    let queue = doc! { "db": "rocketchat", "collection": "rocketchat_notification_queue" };
    let revoked = admin
        .run_command(doc! {
            "revokePrivilegesFromRole": "rocketchatExporter",
            "privileges": [{ "resource": queue, "actions": ["listIndexes", "collStats"] }],
        })
        .await;
    revoked.expect("a privilege can be revoked");
    let short_intervals = [
        "--collection.fast-interval=200ms",
        "--collection.normal-interval=200ms",
        "--collection.slow-interval=200ms",
        "--collection.max-share=1",
    ];
    let exporter = exporter_of_reader(&mongod, &short_intervals);
    exporter.wait_for_collectors().await;
    let readings = "rocketchat_exporter_collector_readings_total{collector=\"push\"}";
    eventually("the collector has run again", || {
        exporter.value(readings).filter(|number| *number > 2.0)
    })
    .await;
    assert!(exporter.value("rocketchat_notification_queue") > Some(0.0));
    let oldest = "rocketchat_notification_queue_oldest_timestamp_seconds";
    assert_eq!(exporter.value(oldest), None);
    let missing = "rocketchat_exporter_missing_privilege{collection=\"rocketchat_notification_queue\",action=\"listIndexes\"}";
    assert_eq!(exporter.value(missing), Some(1.0));
    let message = "listIndexes on rocketchat_notification_queue";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
    let size = |name: &str| {
        exporter.value(&format!(
            "rocketchat_collection_documents{{collection=\"{name}\"}}"
        ))
    };
    assert_eq!(size("rocketchat_notification_queue"), None);
    assert!(size("users") > Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_shown_by_name_and_unknown_ones_as_other() {
    let now = ago(0);
    let run = |name: &str, ended: DateTime, error: Option<&str>| {
        let mut run =
            doc! { "name": name, "intendedAt": ended, "startedAt": ended, "finishedAt": ended };
        if let Some(error) = error {
            run.insert("error", error);
        }
        run
    };
    let exporter = exporter_on(vec![
        (
            "rocketchat_cron",
            vec![
                doc! { "name": "NPS", "nextRunAt": ago(3 * 60 * MINUTE), "lockedAt": null },
                doc! { "name": "version_check", "nextRunAt": ago(-DAY), "lastFinishedAt": ago(DAY), "failedAt": ago(DAY) },
                doc! { "name": "LDAP_Sync", "nextRunAt": ago(-DAY), "lockedAt": ago(20 * MINUTE), "lastFinishedAt": ago(5 * DAY), "failedAt": ago(9 * DAY) },
                doc! { "name": "calendar-event-1", "nextRunAt": ago(-MINUTE) },
                doc! { "name": "calendar-event-2", "nextRunAt": ago(-DAY) },
                doc! { "name": "Crowd_Sync", "nextRunAt": ago(DAY), "disabled": true },
                doc! { "name": "invalid", "nextRunAt": "soon", "lockedAt": 3, "lastFinishedAt": [], "failedAt": {} },
            ],
        ),
        (
            "rocketchat_cron_history",
            vec![
                run("NPS", ago(DAY), None),
                run("NPS", ago(DAY + MINUTE), Some("resolved")),
                run("Cleanup OEmbed cache", ago(DAY), None),
                run("Cleanup OEmbed cache", now, Some("no network")),
                // Its last run is too old to be read.
                run("aggregate-sessions", ago(3 * DAY), None),
                doc! { "name": "LDAP_Sync", "intendedAt": now, "startedAt": now },
                doc! { "name": 7, "intendedAt": now, "finishedAt": "invalid" },
            ],
        ),
    ])
    .await;
    let value = |metric: &str, job: &str| {
        exporter.value(&format!("rocketchat_job_{metric}{{name=\"{job}\"}}"))
    };
    assert_eq!(value("failing", "NPS"), Some(0.0));
    assert_eq!(value("failing", "Cleanup OEmbed cache"), Some(1.0));
    assert_eq!(value("failing", "version_check"), Some(1.0));
    assert_eq!(value("failing", "LDAP_Sync"), Some(0.0));
    assert_eq!(value("failing", "aggregate-sessions"), None);
    assert_eq!(value("failing", "other"), None);
    assert_eq!(
        value("last_failure_timestamp_seconds", "Cleanup OEmbed cache"),
        seconds(now)
    );
    assert!(value("last_success_timestamp_seconds", "Cleanup OEmbed cache") < seconds(now));
    let late = value("overdue_seconds", "NPS").expect("the value is exported");
    assert!((10_800.0..10_900.0).contains(&late), "{late}");
    assert_eq!(value("overdue_seconds", "version_check"), Some(0.0));
    assert_eq!(value("overdue_seconds", "Crowd_Sync"), None);
    let next = value("next_run_timestamp_seconds", "other");
    assert!(next > seconds(now) && next < seconds(ago(-2 * MINUTE)));
    assert!(value("locked_timestamp_seconds", "LDAP_Sync") < seconds(ago(19 * MINUTE)));
    assert_eq!(value("locked_timestamp_seconds", "NPS"), None);
    assert!(!exporter.metrics().contains("calendar-event"));
}

#[tokio::test(flavor = "multi_thread")]
async fn account_security_counts_local_people() {
    let tokens =
        |number: usize| doc! { "resume": { "loginTokens": vec![doc! { "when": 1 }; number] } };
    let admin = |id: &str, services: Document| {
        doc! { "_id": id, "roles": ["user", "admin"], "active": true, "type": "user", "lastLogin": ago(DAY), "services": services }
    };
    let exporter = exporter_on(vec![(
        "users",
        vec![
            admin("careless", tokens(3)),
            admin("switched off", doc! { "totp": { "enabled": false }, "email2fa": { "enabled": false } }),
            admin("app", doc! { "totp": { "enabled": true } }),
            admin("mail", doc! { "email2fa": { "enabled": true } }),
            doc! { "_id": "former", "roles": ["admin"], "active": false, "type": "user", "statusConnection": "away" },
            doc! { "_id": "bot", "roles": ["admin"], "active": true, "type": "bot" },
            doc! { "_id": "never", "active": true, "type": "user", "services": tokens(40) },
            doc! { "_id": "imported", "active": true },
            doc! { "_id": "never and gone", "active": false, "type": "user", "statusConnection": "offline" },
            doc! { "_id": "remote", "active": true, "type": "user", "isRemote": true },
            doc! { "_id": "matrix", "active": true, "type": "user", "federated": true },
            doc! { "_id": "invalid", "services": { "resume": { "loginTokens": "invalid" } } },
        ],
    )])
    .await;
    for (series, expected) in [
        ("rocketchat_administrators_without_second_factor", 2.0),
        ("rocketchat_users_never_logged_in", 2.0),
        ("rocketchat_users_deactivated_connected", 1.0),
        ("rocketchat_login_tokens", 43.0),
        ("rocketchat_login_tokens_of_one_account_max", 40.0),
    ] {
        assert_eq!(exporter.value(series), Some(expected), "{series}");
    }
    assert!(!exporter.metrics().contains("careless"));
}

#[tokio::test(flavor = "multi_thread")]
async fn orphaned_rooms_exclude_direct_and_omnichannel_rooms() {
    let room = |id: &str, kind: &str, members: Bson| doc! { "_id": id, "t": kind, "msgs": 1, "usersCount": members };
    let exporter = exporter_on(vec![(
        "rocketchat_room",
        vec![
            room("left", "c", Bson::Int32(0)),
            room("left too", "p", Bson::Double(0.0)),
            room("lively", "c", Bson::Int32(3)),
            room("direct", "d", Bson::Int32(0)),
            room("omnichannel", "l", Bson::Int32(0)),
            room("call", "v", Bson::Int32(0)),
            room("unknown", "c", Bson::Null),
            doc! { "_id": "old", "t": "c", "msgs": 1 },
            // A filter finds the items of a list.
            room("listed", "c", Bson::Array(vec![Bson::Int32(0)])),
        ],
    )])
    .await;
    assert_eq!(exporter.value("rocketchat_rooms_orphaned"), Some(3.0));
    let no_rooms = exporter_on(vec![("users", vec![doc! { "_id": "user" }])]).await;
    assert_eq!(no_rooms.value("rocketchat_rooms_orphaned"), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_sizes_equal_collstats_and_missing_ones_are_absent() {
    let chunks = (0..3).map(|number| doc! { "n": number, "data": "x".repeat(1000) });
    let exporter = exporter_on(vec![
        ("rocketchat_userDataFiles.chunks", chunks.collect()),
        ("rocketchat_nothing_special", vec![doc! {}]),
    ])
    .await;
    let value = |metric: &str, name: &str| {
        exporter.value(&format!(
            "rocketchat_collection_{metric}{{collection=\"{name}\"}}"
        ))
    };
    let chunks = "rocketchat_userDataFiles.chunks";
    assert_eq!(value("documents", chunks), Some(3.0));
    let size = value("size_bytes", chunks).expect("the value is exported");
    assert!((3000.0..3300.0).contains(&size), "{size}");
    for metric in ["storage_size_bytes", "index_size_bytes"] {
        assert!(value(metric, chunks) > Some(0.0), "{metric}");
    }
    assert!(value("free_size_bytes", chunks).is_some());
    assert_eq!(value("documents", "rocketchat_message"), None);
    assert_eq!(value("documents", "rocketchat_nothing_special"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn oplog_window_is_absent_without_replica_set() {
    let window = "rocketchat_mongodb_oplog_window_seconds";
    let standalone = exporter_on(vec![("users", vec![doc! { "_id": "user" }])]).await;
    assert_eq!(standalone.value(window), None);
    let options = Options {
        replica_set: true,
        auth: true,
        ..Options::default()
    };
    let mongod = mongod(options).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &["--mongodb.database=rocketchat"]);
    exporter.wait_for_collectors().await;
    let seconds = exporter.value(window).expect("there is an oplog");
    assert!((0.0..600.0).contains(&seconds), "{seconds}");

    // Without the privilege everything else is read, and a warning is logged.
    let create = doc! {
        "createUser": "reader",
        "pwd": "secret",
        "roles": [{ "role": "read", "db": "rocketchat" }],
    };
    database
        .run_command(create)
        .await
        .expect("a user can be created");
    let uri = format!(
        "mongodb://reader:secret@127.0.0.1:{}/rocketchat",
        mongod.port()
    );
    let exporter = Exporter::on(&uri, &[]);
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.value(window), None);
    let missing =
        "rocketchat_exporter_missing_privilege{collection=\"local.oplog.rs\",action=\"find\"}";
    assert_eq!(exporter.value(missing), Some(1.0));
    let message = "find on local.oplog.rs";
    let log = exporter.logged(message).await;
    assert_eq!(log.matches(message).count(), 1, "{log}");
}
