//! The load on the database, measured by the database's profiler.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use testbed::mongod::Options;
use tokio::sync::OnceCell;

use crate::support::{
    Exporter, Filled, LoggedCommand, MAX_CONNECTIONS, Workspace, all_documents, client,
    connections_of_exporters, eventually, log_commands, logged_commands, mongod,
};

/// The profiled operations of the exporter's first reads and two full refreshes.
async fn profiled() -> &'static [Document] {
    static PROFILED: OnceCell<Vec<Document>> = OnceCell::const_new();
    PROFILED.get_or_init(profile_refreshes).await
}

async fn profile_refreshes() -> Vec<Document> {
    let filled = Filled::new().await;
    let database = filled.database.clone();
    profile(&database, 2).await;
    let workspace = filled.start(&[]).await;
    for _ in 0..2 {
        let response = workspace.get("/api/v1/statistics?refresh=true");
        assert_eq!(response.status, 200);
    }
    profile(&database, 0).await;
    let profile = database.collection("system.profile");
    let operations = all_documents(&profile).await;
    let operations: Vec<Document> = operations
        .into_iter()
        .filter(|operation| text(operation, "appName") == "rocketchat-exporter")
        .collect();
    assert!(operations.len() > 60, "{} operations", operations.len());
    operations
}

async fn profile(database: &Database, level: i32) {
    database
        .run_command(doc! { "profile": level })
        .await
        .expect("the profiler can be set");
}

fn text<'a>(operation: &'a Document, key: &str) -> &'a str {
    operation.get_str(key).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_full_refreshes_write_nothing_and_scan_no_messages() {
    for operation in profiled().await {
        let kind = text(operation, "op");
        assert!(
            ["query", "command", "getmore"].contains(&kind),
            "{operation}"
        );
        let command = operation
            .get_document("command")
            .expect("an operation has a command");
        let name = command.keys().next().expect("a command has a name");
        let reads = [
            "aggregate",
            "find",
            "count",
            "listCollections",
            "listIndexes",
            "getMore",
        ];
        assert!(reads.contains(&name.as_str()), "{operation}");
        let writes = ["$out", "$merge"];
        let written = command.to_string();
        assert!(writes.iter().all(|stage| !written.contains(stage)));
        if text(operation, "ns").ends_with(".rocketchat_message") {
            let plan = text(operation, "planSummary");
            assert!(!plan.contains("COLLSCAN"), "{operation}");
            // Flagged messages are fetched to exclude hidden ones; no other message is read.
            let comment = command.get_str("comment").unwrap_or_default();
            let read = operation.get_i32("docsExamined").unwrap_or_default();
            assert!(read == 0 || comment.ends_with(" marks"), "{operation}");
        }
    }
}

/// Commands that the driver sends by itself.
const DRIVER_COMMANDS: [&str; 4] = ["endSessions", "hello", "isMaster", "killCursors"];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_time_limit_and_a_comment() {
    let mongod = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    let filled = Filled::at(&mongod.uri()).await;
    let database = filled.database.clone();
    log_commands(database.client()).await;
    // Without a database name, so that the exporter lists databases.
    let workspace = filled.start_on(&mongod.uri(), &["--mongodb.live=on"]).await;
    eventually("changes are followed", || {
        let following = "rocketchat_exporter_live_state{state=\"following\"}";
        workspace
            .exporter
            .value(following)
            .filter(|value| *value > 0.0)
    })
    .await;
    for path in [
        "/api/v1/statistics?refresh=true",
        "/api/v1/statistics.list",
        "/info",
    ] {
        assert_eq!(workspace.get(path).status, 200, "{path}");
    }
    drop(workspace);
    for subcommand in ["check", "statistics"] {
        let output = Exporter::command()
            .args([subcommand, "--mongodb.uri", &mongod.uri()])
            .output()
            .expect("the exporter runs");
        assert!(output.status.success(), "{output:?}");
    }
    // Where a collection is a view, changes come from change streams.
    let uploads = database.collection::<Document>("rocketchat_uploads");
    uploads.drop().await.expect("the collection can be dropped");
    let view = database.create_collection("rocketchat_uploads");
    let view = view.view_on("rocketchat_avatars".to_owned());
    view.await.expect("the view can be created");
    let exporter = Exporter::on(&mongod.uri(), &["--mongodb.live=on"]);
    eventually("streams are read", || {
        let mut commands = logged_commands(&mongod, 0).into_iter();
        commands.find(|command| command.name == "getMore")
    })
    .await;
    drop(exporter);
    let mut names = BTreeSet::new();
    let commands = logged_commands(&mongod, 0);
    for LoggedCommand {
        name,
        comment,
        command,
        is_stream,
    } in &commands
    {
        names.insert(name.as_str());
        if comment.is_empty() && DRIVER_COMMANDS.contains(&name.as_str()) {
            continue;
        }
        // A change stream has no comment: the driver puts it into the stage, where the server rejects it.
        assert!(
            comment.starts_with("rocketchat-exporter ") || *is_stream,
            "{command}"
        );
        // A cursor inherits the limit of its command. A change stream has none; the exporter limits its opening by its
        // own timer.
        let is_limited_elsewhere = name == "getMore" || *is_stream;
        let has_limit = command.get("maxTimeMS").is_some();
        assert!(has_limit || is_limited_elsewhere, "{command}");
    }
    for name in [
        "aggregate",
        "count",
        "find",
        "getMore",
        "listCollections",
        "listDatabases",
        "listIndexes",
        "serverStatus",
    ] {
        assert!(names.contains(name), "{names:?}");
    }
}

/// Every collection that is scanned in a workspace of this size, the collector that scans it, and the reason.
const SCANS: [(&str, &str, &str); 16] = [
    ("instances", "connections", FEW),
    ("instances", "instances", FEW),
    ("rocketchat_analytics", "administration", FEW),
    ("rocketchat_apps", "apps", FEW),
    ("rocketchat_cron", "jobs", FEW),
    ("rocketchat_integrations", "integrations", FEW),
    ("rocketchat_invites", "administration", FEW),
    ("rocketchat_livechat_contact", "contacts", ALL),
    ("rocketchat_livechat_custom_field", "omnichannel", FEW),
    ("rocketchat_livechat_department", "omnichannel", FEW),
    ("rocketchat_roles", "administration", FEW),
    ("rocketchat_room", "room_features", ALL),
    ("rocketchat_room", "rooms", ALL),
    ("rocketchat_uploads", "uploads", ALL),
    ("users", "hygiene", ALL),
    ("users", "user_features", ALL),
];

const FEW: &str = "it is small in every workspace, or skipped where it is large";
const ALL: &str = "the statistics need every document, and no index has the fields";

#[tokio::test(flavor = "multi_thread")]
async fn only_collections_that_must_be_read_whole_are_scanned() {
    let seen: BTreeSet<(&str, &str)> = profiled()
        .await
        .iter()
        .filter(|operation| text(operation, "planSummary").contains("COLLSCAN"))
        .map(|operation| {
            let (_, collection) = text(operation, "ns").split_once('.').unwrap_or_default();
            let command = operation
                .get_document("command")
                .expect("an operation has a command");
            let comment = text(command, "comment");
            (
                collection,
                comment.trim_start_matches("rocketchat-exporter "),
            )
        })
        .collect();
    let allowed = SCANS.map(|(collection, collector, _)| (collection, collector));
    assert_eq!(seen, BTreeSet::from(allowed));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_stay_within_the_budget() {
    let mongod = mongod(Options::default()).await;
    let admin = client(&mongod.uri()).await.database("admin");
    let credentials = Filled::at(&mongod.uri()).await.credentials;
    let exporter = Exporter::on(
        &mongod.uri(),
        &[
            "--collection.fast-interval=10ms",
            "--collection.normal-interval=10ms",
        ],
    );
    exporter.wait_for_collectors().await;
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let headers = [
                    ("X-User-Id", credentials.admin.user_id.as_str()),
                    ("X-Auth-Token", credentials.admin.token.as_str()),
                ];
                exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
            });
        }
    });
    let connections = connections_of_exporters(admin.client()).await;
    assert!(
        (2..=MAX_CONNECTIONS).contains(&connections),
        "{connections} connections"
    );
}

/// Expensive collectors of the slow tier.
const EXPENSIVE: [&str; 5] = [
    "contacts",
    "room_features",
    "sessions",
    "uploads",
    "user_features",
];

/// The largest number of collectors of [`EXPENSIVE`] that were read at the same moment: from the end of their first query to that
/// of their last one.
fn most_at_once(operations: &[Document]) -> usize {
    let mut spans: BTreeMap<&str, (DateTime, DateTime)> = BTreeMap::new();
    for operation in operations {
        let command = operation.get_document("command");
        let comment = text(command.expect("an operation has a command"), "comment");
        let collector = comment.split(' ').nth(1).unwrap_or_default();
        if EXPENSIVE.contains(&collector) {
            let end = *operation.get_datetime("ts").expect("it has a time");
            let span = spans.entry(collector).or_insert((end, end));
            *span = (span.0.min(end), span.1.max(end));
        }
    }
    let at = |time: DateTime| {
        let spans = spans.values();
        spans
            .filter(|(first, last)| (*first..*last).contains(&time))
            .count()
    };
    let most = spans.values().map(|(first, _)| at(*first)).max();
    most.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_expensive_collectors_run_at_once_while_a_request_waits() {
    let mongod = mongod(Options::default()).await;
    let Filled {
        database,
        credentials,
    } = Filled::at(&mongod.uri()).await;
    let exporter = Exporter::on(&mongod.uri(), &[]);
    exporter.wait_for_collectors().await;
    let delay = doc! {
        "configureFailPoint": "failCommand",
        "mode": "alwaysOn",
        "data": {
            "failCommands": ["aggregate"],
            "appName": "rocketchat-exporter",
            "blockConnection": true,
            "blockTimeMS": 300,
        },
    };
    let admin = database.client().database("admin");
    admin
        .run_command(delay)
        .await
        .expect("the fail point can be set");
    profile(&database, 2).await;
    let headers = [
        ("X-User-Id", credentials.admin.user_id.as_str()),
        ("X-Auth-Token", credentials.admin.token.as_str()),
    ];
    let response = exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
    assert_eq!(response.status, 200);
    profile(&database, 0).await;
    let operations = all_documents(&database.collection("system.profile")).await;
    assert_eq!(most_at_once(&operations), 2);
}

/// The number of session documents that a refresh examined.
async fn sessions_examined_by_a_refresh(workspace: &Workspace) -> i64 {
    let profiles = workspace.database.collection::<Document>("system.profile");
    profiles.drop().await.expect("the profile can be dropped");
    profile(&workspace.database, 2).await;
    let admin = &workspace.credentials.admin;
    let response = workspace.get_as(admin, "/api/v1/statistics?refresh=true");
    assert_eq!(response.status, 200);
    profile(&workspace.database, 0).await;
    let operations = profiles
        .find(doc! { "command.comment": "rocketchat-exporter sessions" })
        .await
        .expect("the profile can be read");
    let operations: Vec<Document> = operations
        .try_collect()
        .await
        .expect("the profile can be read");
    assert!(!operations.is_empty());
    let examined = operations.iter().map(|operation| {
        let examined = operation.get("docsExamined").and_then(Bson::as_i32);
        i64::from(examined.unwrap_or_default())
    });
    examined.sum()
}

/// Users and sessions of yesterday in the statistics document.
fn of_yesterday(workspace: &Workspace) -> (u64, f64) {
    let document = workspace.get("/api/v1/statistics").json();
    let users = &document["statistics"]["uniqueUsersOfYesterday"]["data"][0];
    (
        users["count"].as_u64().unwrap_or_default(),
        users["sessions"].as_f64().unwrap_or_default(),
    )
}

/// A summary of the day before `now`.
fn summary_of_yesterday(now: &Zoned, user: &str, sessions: i32, computed: DateTime) -> Document {
    let day = now.date().yesterday().expect("there is a day before");
    doc! {
        "_id": user,
        "type": "user_daily",
        "userId": user,
        "year": i32::from(day.year()),
        "month": i32::from(day.month()),
        "day": i32::from(day.day()),
        "sessions": sessions,
        "time": 60,
        "devices": [],
        "_computedAt": computed,
    }
}

/// A workspace whose exporter's clock is three hours ahead, and the time of that clock.
async fn workspace_three_hours_later() -> (Workspace, Zoned) {
    let now = Timestamp::now()
        .checked_add(3.hours())
        .expect("the time is in range");
    let arguments = [
        &*format!("--debug.now={now}"),
        "--rocketchat.timezone=UTC",
        "--mongodb.live=off",
    ];
    (
        Workspace::start(&arguments).await,
        now.to_zoned(TimeZone::UTC),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nightly_summaries_are_read_again_only_after_they_change() {
    let (workspace, now) = workspace_three_hours_later().await;
    assert_eq!(sessions_examined_by_a_refresh(&workspace).await, 0);
    let (users, sessions) = of_yesterday(&workspace);
    let summaries = workspace
        .database
        .collection::<Document>("rocketchat_sessions");
    // One more summary, computed before the others.
    let earlier = DateTime::from_system_time(SystemTime::now() - Duration::from_hours(2));
    let summary = summary_of_yesterday(&now, "extra", 5, earlier);
    summaries
        .insert_one(summary)
        .await
        .expect("the summary can be inserted");
    assert!(sessions_examined_by_a_refresh(&workspace).await > 0);
    assert_eq!(of_yesterday(&workspace), (users + 1, sessions + 5.0));
    assert_eq!(sessions_examined_by_a_refresh(&workspace).await, 0);
    // The same number of summaries, one of them recomputed.
    let summary = summary_of_yesterday(&now, "extra", 9, DateTime::now());
    summaries
        .replace_one(doc! { "_id": "extra" }, summary)
        .await
        .expect("the summary can be replaced");
    assert!(sessions_examined_by_a_refresh(&workspace).await > 0);
    assert_eq!(of_yesterday(&workspace), (users + 1, sessions + 9.0));
    assert_eq!(sessions_examined_by_a_refresh(&workspace).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn summaries_are_read_on_every_refresh_while_they_may_still_change() {
    let (workspace, now) = workspace_three_hours_later().await;
    let summaries = workspace
        .database
        .collection::<Document>("rocketchat_sessions");
    let computed = now.timestamp().as_millisecond() - 600_000;
    let summary = summary_of_yesterday(&now, "extra", 5, DateTime::from_millis(computed));
    summaries
        .insert_one(summary)
        .await
        .expect("the summary can be inserted");
    for _ in 0..2 {
        assert!(sessions_examined_by_a_refresh(&workspace).await > 0);
    }
}
