//! The end of Rocket.Chat's support and the supported versions of MongoDB, by the workspace's stored version.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::support::{Exporter, empty_workspace, uri_of};

const END_OF_SUPPORT: &str = "rocketchat_end_of_support_timestamp_seconds";
const MONGODB_SUPPORTED: &str = "rocketchat_mongodb_supported";

/// A workspace whose newest stored statistics are of a version.
async fn workspace_of(version: &str) -> Database {
    let database = empty_workspace().await;
    let statistics = doc! { "version": version, "createdAt": DateTime::now() };
    database
        .collection::<Document>("rocketchat_statistics")
        .insert_one(statistics)
        .await
        .expect("statistics can be stored");
    database
}

async fn exporter_of(version: &str, arguments: &[&str]) -> Exporter {
    let database = workspace_of(version).await;
    let exporter = Exporter::on(&uri_of(&database), arguments);
    exporter.wait_for_collectors().await;
    exporter
}

fn midnight(day: &str) -> f64 {
    let day: Date = day.parse().expect("it is a day");
    let midnight = day.to_zoned(TimeZone::UTC).expect("it has a midnight");
    midnight.timestamp().as_second() as f64
}

/// The line of the server, such as 6.0.
fn server_line(exporter: &Exporter) -> String {
    let metrics = exporter.metrics();
    let (_, rest) = metrics
        .split_once("rocketchat_mongodb_info{version=\"")
        .expect("the server's version is known");
    let parts: Vec<&str> = rest.split('.').take(2).collect();
    parts.join(".")
}

#[tokio::test(flavor = "multi_thread")]
async fn support_ends_on_the_day_of_the_release_line() {
    for (version, day) in [
        ("9.0.0", "2027-05-10"),
        ("8.6.1", "2027-01-31"),
        ("8.5.4", "2027-06-30"),
        ("7.10.14", "2026-09-30"),
        ("6.5.0-rc.12", "2024-06-30"),
    ] {
        let exporter = exporter_of(version, &[]).await;
        let end = exporter.value(END_OF_SUPPORT);
        assert_eq!(end, Some(midnight(day)), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_is_compared_with_the_list_of_the_release_line() {
    for (version, lines) in [
        ("9.0.0", &["8.0", "8.2"][..]),
        ("8.6.1", &["8.0", "8.2"]),
        ("7.7.1", &["5.0", "6.0", "7.0"]),
    ] {
        let exporter = exporter_of(version, &[]).await;
        let is_listed = lines.contains(&&*server_line(&exporter));
        let expected = f64::from(u8::from(is_listed));
        assert_eq!(
            exporter.value(MONGODB_SUPPORTED),
            Some(expected),
            "{version}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_versions_have_no_support_metrics_and_no_warning() {
    for version in ["99.0.0", "7.14.0", "0.74.3", "odd", ""] {
        let exporter = exporter_of(version, &[]).await;
        assert_eq!(exporter.value(END_OF_SUPPORT), None, "{version}");
        assert_eq!(exporter.value(MONGODB_SUPPORTED), None, "{version}");
        let page = exporter.get("/info").text();
        assert!(!page.contains("Support for Rocket.Chat"), "{version}");
        assert!(!page.contains("does not support MongoDB"), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn info_page_warns_a_month_before_the_end_of_support_and_after_it() {
    let database = workspace_of("8.6.1").await;
    for (now, warning) in [
        ("2026-12-15T00:00:00Z", None),
        (
            "2027-01-15T00:00:00Z",
            Some("Support for Rocket.Chat 8.6 ends on 2027-01-31."),
        ),
        (
            "2027-02-15T00:00:00Z",
            Some("Support for Rocket.Chat 8.6 ended on 2027-01-31: it gets no security fixes"),
        ),
    ] {
        let exporter = Exporter::on(&uri_of(&database), &[&format!("--debug.now={now}")]);
        exporter.wait_for_collectors().await;
        let page = exporter.get("/info").text();
        match warning {
            Some(warning) => assert!(page.contains(warning), "{now}: {page}"),
            None => assert!(!page.contains("Support for Rocket.Chat"), "{now}: {page}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn info_page_marks_an_estimated_day() {
    let exporter = exporter_of("9.0.0", &["--debug.now=2027-05-01T00:00:00Z"]).await;
    let page = exporter.get("/info").text();
    let warning = "Support for Rocket.Chat 9.0 ends on 2027-05-10, estimated from its release.";
    assert!(page.contains(warning), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn info_page_warns_of_a_server_that_is_not_on_the_list() {
    let exporter = exporter_of("9.0.0", &[]).await;
    let line = server_line(&exporter);
    let page = exporter.get("/info").text();
    let warning = format!("Rocket.Chat 9.0 does not support MongoDB {line}");
    let is_expected = !["8.0", "8.2"].contains(&&*line);
    assert_eq!(page.contains(&warning), is_expected, "{page}");
    assert_eq!(page.contains("; it supports 8.0, 8.2."), is_expected);
}
