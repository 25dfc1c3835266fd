//! Alerts end to end: exporter, Prometheus with the shipped rules, Alertmanager with the shipped routes, and a webhook
//! receiver. Only times and addresses differ from the shipped files.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use serde_json::{Value, json};
use testbed::mongod::Options;
use testbed::tools;

use crate::rules::{RULES, parsed, rule_files};
use crate::support::{
    Alertmanager, Exporter, Filled, Prometheus, Receiver, SHORT_INTERVALS, mongod,
};

#[tokio::test(flavor = "multi_thread")]
async fn alerts_fire_and_resolve_from_exporter_to_receiver() {
    let mut mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    let receiver = Receiver::start().await;
    // Alertmanager starts first, because Prometheus repeats an undelivered alert only after a minute.
    let alertmanager = Alertmanager::start(&routes_to(&receiver)).await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let configuration = prometheus_configuration(&exporter, &alertmanager, folder.path());
    let _prometheus = Prometheus::start(tools::PROMETHEUS_2, &configuration).await;

    // All instances are gone, and no user has been active recently.
    let instances = database.collection::<Document>("instances");
    instances
        .delete_many(doc! {})
        .await
        .expect("instances can be deleted");
    set_last_seen(&database, DateTime::from_millis(0)).await;
    let alert = notification(&receiver, "firing", "RocketChatDown").await;
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["labels"]["instance"], exporter.address());
    let summary = format!(
        "No instance of Rocket.Chat is alive in {}.",
        exporter.address()
    );
    assert_eq!(alert["annotations"]["summary"], summary);
    let runbook = alert["annotations"]["runbook_url"].as_str();
    assert!(runbook.is_some_and(|url| url.ends_with("/docs/runbooks/RocketChatDown.md")));

    let alive = tokio::spawn(keep_alive(instances));
    notification(&receiver, "resolved", "RocketChatDown").await;
    alive.abort();

    mongod.kill().expect("mongod can be killed");
    let alert = notification(&receiver, "firing", "DatabaseUnreachable").await;
    assert_eq!(alert["labels"]["job"], "rocketchat-exporter");
    mongod.restart().await.expect("mongod can be restarted");
    notification(&receiver, "resolved", "DatabaseUnreachable").await;
}

/// Waits until the receiver `pager` is notified of an alert.
async fn notification(receiver: &Receiver, status: &str, name: &str) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(alert) = receiver.alert("pager", status, name) {
            return alert;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(4),
            "no notification that {name} is {status}; received: {:?}",
            receiver.received()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Writes the heartbeat of an instance every second.
async fn keep_alive(instances: Collection<Document>) {
    loop {
        instances
            .update_one(
                doc! { "_id": "new" },
                doc! { "$set": { "pid": 1, "_updatedAt": DateTime::now() } },
            )
            .upsert(true)
            .await
            .expect("the heartbeat can be written");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn set_last_seen(database: &Database, when: DateTime) {
    database
        .collection::<Document>("rocketchat_subscription")
        .update_many(
            doc! { "ls": { "$exists": true } },
            doc! { "$set": { "ls": when } },
        )
        .await
        .expect("subscriptions can be updated");
}

/// The shipped Alertmanager configuration with short waits, for this receiver.
fn routes_to(receiver: &Receiver) -> String {
    let mut configuration = parsed("deploy/prometheus/alertmanager.yml");
    shorten_waits(&mut configuration["route"]);
    for route in configuration["route"]["routes"]
        .as_array_mut()
        .expect("there are routes")
    {
        shorten_waits(route);
    }
    let receivers = configuration["receivers"].as_array_mut();
    for receiver_config in receivers.expect("there are receivers") {
        for webhook in receiver_config["webhook_configs"]
            .as_array_mut()
            .expect("the examples are webhooks")
        {
            webhook["url"] = json!(format!("http://{}/", receiver.address()));
        }
    }
    configuration.to_string()
}

fn shorten_waits(route: &mut Value) {
    route["group_wait"] = json!("100ms");
    route["group_interval"] = json!("1s");
}

/// The shipped Prometheus configuration and rules with short intervals, for this exporter.
fn prometheus_configuration(
    exporter: &Exporter,
    alertmanager: &Alertmanager,
    folder: &Path,
) -> String {
    for file in rule_files() {
        let mut rules = parsed(&format!("{RULES}/{file}"));
        for group in rules["groups"].as_array_mut().expect("there are groups") {
            for rule in group["rules"].as_array_mut().expect("there are rules") {
                if rule.get("for").is_some() {
                    rule["for"] = json!("2s");
                }
            }
        }
        // JSON is YAML.
        fs::write(folder.join(file), rules.to_string()).expect("the rules can be written");
    }
    let mut configuration = parsed("deploy/prometheus/prometheus.yml");
    configuration["global"]["evaluation_interval"] = json!("1s");
    configuration["rule_files"] = json!([format!("{}/*.yml", folder.display())]);
    configuration["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] =
        json!([alertmanager.address()]);
    let scrape = &mut configuration["scrape_configs"][0];
    scrape["scrape_interval"] = json!("2s");
    scrape["scrape_timeout"] = json!("2s");
    scrape["static_configs"][0]["targets"] = json!([exporter.address()]);
    configuration.to_string()
}
