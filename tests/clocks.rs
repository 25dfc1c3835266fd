//! Dates in the database are compared with the database's clock, not with the exporter's.

use std::collections::BTreeMap;

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};

use crate::support::license::{content, v3};
use crate::support::{Exporter, Filled, client, shared_mongod, shift_clock, uri_of};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn exporter_with_a_wrong_clock_shows_the_same_values() {
    let filled = Filled::new().await;
    prepare(&filled).await;
    // The sizes of files change with a checkpoint; the exporters must not read them before and after one.
    let flushed = client(&shared_mongod().uri())
        .await
        .database("admin")
        .run_command(doc! { "fsync": 1 })
        .await;
    flushed.expect("a checkpoint can be made");
    let uri = uri_of(&filled.database);
    // More than the longest period of any metric, a month.
    let exporters = [0, 40 * DAY, -40 * DAY].map(|seconds| exporter(&uri, seconds));
    for exporter in &exporters {
        exporter.wait_for_collectors().await;
    }
    let [right, ahead, behind] = exporters;
    let expected = metrics(&right);
    for known in [
        "rocketchat_instances",
        "rocketchat_license_valid",
        "rocketchat_sessions_yesterday",
        "rocketchat_job_overdue_seconds{name=\"NPS\"}",
        "rocketchat_notification_queue_with_state{state=\"sending\"}",
        "rocketchat_livechat_active_contacts",
    ] {
        let value = expected.get(known).copied().unwrap_or_default();
        assert!(value > 0.0, "{known} is {value}: {expected:#?}");
    }
    for wrong in [&ahead, &behind] {
        let shown = metrics(wrong);
        for (series, value) in &expected {
            let other = shown.get(series).copied().unwrap_or(f64::NAN);
            let difference = (value - other).abs();
            // The exporters did not read in the same second.
            let tolerated = if series.contains("overdue") {
                60.0
            } else {
                0.0
            };
            assert!(
                difference <= tolerated,
                "{series}: {value}, and {other} with a wrong clock"
            );
        }
        assert_eq!(shown.len(), expected.len());
        assert_eq!(document(wrong, &filled), document(&right, &filled));
        assert_eq!(warnings(wrong), warnings(&right));
        assert_eq!(status_of_grant(wrong), 200);
    }
    assert!(
        warnings(&right).contains("The license expires in 2"),
        "{}",
        warnings(&right)
    );
}

/// Inserts dates whose meaning depends on the current time.
async fn prepare(filled: &Filled) {
    let now = DateTime::now();
    let at = |seconds: i64| DateTime::from_millis(now.timestamp_millis() + 1000 * seconds);
    let iso = |seconds: i64| {
        at(seconds)
            .try_to_rfc3339_string()
            .expect("the time is a valid date")
    };
    let insert = async |collection: &str, document| {
        let inserted = filled.collection(collection).insert_one(document).await;
        inserted.expect("the document can be inserted");
    };
    // One job is an hour overdue, the other is not due yet.
    insert(
        "rocketchat_cron",
        doc! { "name": "NPS", "nextRunAt": at(-60 * MINUTE) },
    )
    .await;
    insert(
        "rocketchat_cron",
        doc! { "name": "LDAP_Sync", "nextRunAt": at(30 * MINUTE) },
    )
    .await;
    let run = doc! { "name": "NPS", "intendedAt": at(-DAY), "finishedAt": at(-DAY) };
    insert("rocketchat_cron_history", run).await;
    insert(
        "rocketchat_notification_queue",
        doc! { "ts": now, "sending": now },
    )
    .await;
    insert(
        "rocketchat_freeswitch_calls",
        doc! { "startedAt": at(-60 * MINUTE), "duration": 9 },
    )
    .await;
    let this_month = &iso(0)[..7];
    insert(
        "rocketchat_livechat_contact",
        doc! { "activity": [this_month] },
    )
    .await;
    let grant = doc! { "accessToken": "grant", "userId": filled.credentials.admin.user_id.clone(), "expires": at(DAY) };
    insert("rocketchat_oauth_access_tokens", grant).await;
    let mut license = content();
    license["information"]["visualExpiration"] = json!(iso(3 * DAY));
    license["validation"]["validPeriods"][0] = json!({
        "validFrom": iso(-DAY), "validUntil": iso(3 * DAY), "invalidBehavior": "invalidate_license",
    });
    filled.set("Site_Url", "https://chat.example.com").await;
    filled.set("Enterprise_License", v3(&license)).await;
    filled.set("Enterprise_License_Status", "Valid").await;
    // Heartbeats from the future last as long as reads may take on a busy machine.
    let beats = doc! { "$set": { "_updatedAt": at(50) } };
    let updated = filled
        .collection("instances")
        .update_many(doc! {}, beats)
        .await;
    updated.expect("heartbeats can be written");
}

fn exporter(uri: &str, seconds_ahead: i64) -> Exporter {
    let mut command = Exporter::command();
    command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri).args([
        "--rocketchat.timezone=UTC",
        "--collection.fast-interval=1h",
        "--collection.normal-interval=1h",
        "--collection.slow-interval=1h",
    ]);
    Exporter::spawn(shift_clock(&mut command, seconds_ahead))
}

/// Every series except those about the exporter and its machine.
fn metrics(exporter: &Exporter) -> BTreeMap<String, f64> {
    let own = [
        "#",
        "process_",
        "rocketchat_exporter_",
        "rocketchat_host_",
        "rocketchat_mongodb_",
    ];
    let metrics = exporter.metrics();
    let lines = metrics
        .lines()
        .filter(|line| !own.iter().any(|prefix| line.starts_with(prefix)));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a line has a value");
            (
                series.to_owned(),
                value.parse().expect("the value is a number"),
            )
        })
        .collect()
}

/// The statistics document without the time of the read and the machine.
fn document(exporter: &Exporter, filled: &Filled) -> Value {
    let admin = &filled.credentials.admin;
    let headers = [
        ("X-User-Id", &*admin.user_id),
        ("X-Auth-Token", &*admin.token),
    ];
    let response = exporter.request("GET", "/api/v1/statistics?shape=flat", &headers);
    assert_eq!(response.status, 200, "{}", response.text());
    let mut document = response.json();
    let fields = document.as_object_mut().expect("the document is an object");
    for own in ["createdAt", "_updatedAt", "os", "process"] {
        fields.remove(own);
    }
    document
}

/// The warnings of the Info page, without the times since when the exporter has seen them.
fn warnings(exporter: &Exporter) -> String {
    let page = exporter.get("/info").text();
    let (_, rest) = page.split_once("id=\"warnings\"").unwrap_or_default();
    let warnings = rest.split("</section>").next().unwrap_or_default();
    // The load of the machine changes between the readings.
    let of_workspace = |item: &&str| !item.contains("\"HostLoadHigh\"");
    let warnings: String = warnings
        .split_inclusive("</li>")
        .filter(of_workspace)
        .collect();
    let mut parts = warnings.split("<p class=\"when\">");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("</p>").map_or("", |(_, rest)| rest)
    })
}

fn status_of_grant(exporter: &Exporter) -> u16 {
    let headers = [("Authorization", "Bearer grant")];
    exporter
        .request("GET", "/api/v1/statistics", &headers)
        .status
}
