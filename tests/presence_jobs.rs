//! Presence and background jobs as Rocket.Chat 8.6 and later write them.

use mongodb::bson::{DateTime, Document, doc};
use testbed::mongod::Options;

use crate::support::{Exporter, Filled, eventually, exporter_on, mongod};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn ago(milliseconds: i64) -> DateTime {
    DateTime::from_millis(DateTime::now().timestamp_millis() - milliseconds)
}

/// A one-time job that is scheduled for a time.
fn one_time(name: &str, at: DateTime) -> Document {
    doc! { "name": name, "type": "normal", "priority": 0, "data": {}, "nextRunAt": at, "lockedAt": null }
}

/// A completed one-time job.
fn done(name: &str, at: DateTime) -> Document {
    doc! {
        "name": name, "type": "normal", "nextRunAt": null, "lockedAt": null, "lastRunAt": at, "lastFinishedAt": at,
    }
}

fn value(exporter: &Exporter, metric: &str, job: &str) -> Option<f64> {
    exporter.value(&format!("rocketchat_job_{metric}{{name=\"{job}\"}}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn completed_or_removed_one_time_jobs_are_not_late() {
    let gone = doc! {
        "name": "calendar-status-scheduler",
        "intendedAt": ago(HOUR),
        "startedAt": ago(HOUR),
        "finishedAt": ago(HOUR),
    };
    let mut finished = one_time("calendar-reminders", ago(2 * HOUR));
    finished.insert("lastFinishedAt", ago(2 * HOUR - MINUTE));
    let exporter = exporter_on(vec![
        (
            "rocketchat_cron",
            vec![done("presence-status-expiration", ago(2 * HOUR)), finished],
        ),
        ("rocketchat_cron_history", vec![gone]),
    ])
    .await;
    for job in [
        "presence-status-expiration",
        "calendar-reminders",
        "calendar-status-scheduler",
    ] {
        assert_eq!(value(&exporter, "overdue_seconds", job), None, "{job}");
        assert_eq!(value(&exporter, "failing", job), Some(0.0), "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn due_one_time_job_is_late_until_it_runs() {
    let exporter = exporter_on(vec![(
        "rocketchat_cron",
        vec![
            done("presence-status-expiration", ago(DAY)),
            one_time("presence-status-expiration", ago(HOUR)),
            one_time("calendar-reminders", ago(-HOUR)),
        ],
    )])
    .await;
    let late = value(&exporter, "overdue_seconds", "presence-status-expiration");
    let late = late.expect("it is planned");
    assert!((3600.0..3700.0).contains(&late), "{late}");
    let reminders = value(&exporter, "overdue_seconds", "calendar-reminders");
    assert_eq!(reminders, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeating_job_is_late_although_it_ran_before() {
    let mut job = one_time("presence-status-expiration", ago(HOUR));
    job.insert("type", "single");
    job.insert("repeatInterval", "* * * * *");
    // A run that took longer than the interval.
    job.insert("lastFinishedAt", ago(MINUTE));
    let exporter = exporter_on(vec![("rocketchat_cron", vec![job])]).await;
    let late = value(&exporter, "overdue_seconds", "presence-status-expiration");
    assert!(late > Some(3500.0), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_failure_of_a_one_time_job_does_not_last() {
    let failed = |name: &str, at: DateTime, repeats: bool| {
        let mut job = done(name, at);
        job.insert("failedAt", at);
        if repeats {
            job.insert("repeatInterval", "0 2 * * *");
        }
        job
    };
    let exporter = exporter_on(vec![(
        "rocketchat_cron",
        vec![
            failed("calendar-reminders", ago(3 * DAY), false),
            failed("calendar-status-scheduler", ago(DAY), false),
            failed("version_check", ago(3 * DAY), true),
        ],
    )])
    .await;
    assert_eq!(value(&exporter, "failing", "calendar-reminders"), None);
    let newer = value(&exporter, "failing", "calendar-status-scheduler");
    assert_eq!(newer, Some(1.0));
    assert_eq!(value(&exporter, "failing", "version_check"), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_omnichannel_rooms_are_grouped_and_never_late() {
    let next = ago(-HOUR);
    let mut held = one_time("omnichannel_scheduler-room3", ago(2 * DAY));
    held.insert("lockedAt", ago(2 * DAY));
    let exporter = exporter_on(vec![(
        "rocketchat_cron",
        vec![
            one_time("omnichannel_scheduler-room1", ago(2 * DAY)),
            one_time("omnichannel_scheduler-room2", next),
            held,
            done("omnichannel_auto_close_on_hold_scheduler-room1", ago(HOUR)),
            one_time("Omnichannel-Queue-Inactivity-Monitor-inquiry", ago(DAY)),
            one_time("omnichannel_schedulers", ago(-DAY)),
            doc! { "name": 7, "nextRunAt": ago(-DAY) },
        ],
    )])
    .await;
    let scheduler = "omnichannel_scheduler";
    let overdue = value(&exporter, "overdue_seconds", scheduler);
    assert_eq!(overdue, Some(0.0));
    assert_eq!(
        value(&exporter, "next_run_timestamp_seconds", scheduler),
        Some(next.timestamp_millis() as f64 / 1000.0)
    );
    let locked = value(&exporter, "locked_timestamp_seconds", scheduler);
    assert_eq!(locked, None);
    let closed = "omnichannel_auto_close_on_hold_scheduler";
    assert_eq!(value(&exporter, "failing", closed), Some(0.0));
    let queue = "Omnichannel-Queue-Inactivity-Monitor";
    assert_eq!(value(&exporter, "overdue_seconds", queue), None);
    assert_eq!(value(&exporter, "overdue_seconds", "other"), Some(0.0));
    assert!(!exporter.metrics().contains("room1"));
}

/// A user as the presence engine of 8.6 writes it.
fn user(id: &str, status: &str, source: &str) -> Document {
    doc! {
        "_id": id,
        "type": "user",
        "active": true,
        "status": status,
        "statusConnection": "online",
        "statusDefault": status,
        "statusSource": source,
        "statusId": "claim",
        "statusExpiresAt": ago(-HOUR),
        "previousState": { "statusDefault": "online", "statusText": "", "statusSource": "manual" },
    }
}

fn users() -> Vec<Document> {
    vec![
        user("meeting", "busy", "internal"),
        user("chosen", "away", "manual"),
        user("other", "busy", "external"),
        doc! { "_id": "plain", "type": "user", "active": true, "status": "online", "statusConnection": "online" },
    ]
}

/// Accounts that are online, away and busy.
fn presence(exporter: &Exporter) -> [Option<f64>; 3] {
    ["online", "away", "busy"]
        .map(|state| exporter.value(&format!("rocketchat_users{{presence=\"{state}\"}}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn source_and_expiry_of_a_status_do_not_change_presence() {
    let exporter = exporter_on(vec![("users", users())]).await;
    assert_eq!(presence(&exporter), [1.0, 1.0, 2.0].map(Some));
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_of_a_status_is_followed_in_live_mode() {
    let options = Options {
        replica_set: true,
        ..Options::default()
    };
    let mongod = mongod(options).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let accounts = database.collection::<Document>("users");
    let exporter = Exporter::on(
        &mongod.uri(),
        &["--collection.fast-interval=1h", "--mongodb.live=on"],
    );
    let following = "rocketchat_exporter_live_state{state=\"following\"}";
    eventually("changes are followed", || {
        exporter.value(following).filter(|state| *state > 0.0)
    })
    .await;
    let before = presence(&exporter);
    let becomes = async |change: [f64; 3]| {
        let expected = [0, 1, 2].map(|state| before[state].map(|count| count + change[state]));
        eventually("presence is followed", || {
            (presence(&exporter) == expected).then_some(())
        })
        .await;
    };
    accounts
        .insert_many(users())
        .await
        .expect("users can be inserted");
    becomes([1.0, 1.0, 2.0]).await;
    let extended = doc! { "$set": { "statusExpiresAt": ago(-2 * HOUR), "statusSource": "manual" } };
    let expired = doc! {
        "$set": { "status": "online", "statusDefault": "online" },
        "$unset": { "statusExpiresAt": 1, "statusId": 1, "previousState": 1 },
    };
    for (id, change) in [("other", extended), ("meeting", expired)] {
        accounts
            .update_one(doc! { "_id": id }, change)
            .await
            .expect("a user can be changed");
    }
    becomes([2.0, 1.0, 1.0]).await;
}
