//! The whole way of an alert: the exporter, Prometheus with the shipped rules, Alertmanager with the shipped routes, and
//! somebody who is notified. Only times and addresses are changed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use serde_json::{Value, json};
use testbed::mongod::Options;
use testbed::tools;

use crate::rules::{RULES, parsed, rule_files};
use crate::support::{Alertmanager, Exporter, Filled, Prometheus, Receiver, SOON, mongod};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_call_hears_that_the_workspace_is_down_and_that_it_is_back() {
    let mut mongod = mongod(Options::default()).await;
    let database = Filled::at(&mongod.uri()).await.database;
    let exporter = Exporter::on(&mongod.uri(), &SOON);
    exporter.whole().await;
    let receiver = Receiver::start().await;
    // First: what cannot be delivered is sent again only after a minute.
    let alertmanager = Alertmanager::start(&routes_to(&receiver)).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let configuration = scrape_of(&exporter, &alertmanager, folder.path());
    let _prometheus = Prometheus::start(tools::PROMETHEUS_2, &configuration).await;

    // All instances end, and nobody has read for a while.
    let instances = database.collection::<Document>("instances");
    instances
        .delete_many(doc! {})
        .await
        .expect("they can be removed");
    last_seen(&database, DateTime::from_millis(0)).await;
    let alert = told(&receiver, "firing", "RocketChatDown").await;
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["labels"]["instance"], exporter.address());
    let summary = format!(
        "No instance of Rocket.Chat is alive in {}.",
        exporter.address()
    );
    assert_eq!(alert["annotations"]["summary"], summary);
    let runbook = alert["annotations"]["runbook_url"].as_str();
    assert!(runbook.is_some_and(|it| it.ends_with("/docs/runbooks/RocketChatDown.md")));

    let alive = tokio::spawn(keep_alive(instances));
    told(&receiver, "resolved", "RocketChatDown").await;
    alive.abort();

    mongod.kill().expect("mongod can be killed");
    let alert = told(&receiver, "firing", "DatabaseUnreachable").await;
    assert_eq!(alert["labels"]["job"], "rocketchat-exporter");
    mongod.restart().await.expect("mongod starts again");
    told(&receiver, "resolved", "DatabaseUnreachable").await;
}

/// Waits until whoever has the pager is told of an alert.
async fn told(receiver: &Receiver, status: &str, name: &str) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(alert) = receiver.alert("pager", status, name) {
            return alert;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(4),
            "{name} was never told to be {status}, but {:?}",
            receiver.told()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Writes the heartbeats of an instance, for as long as it takes.
async fn keep_alive(instances: Collection<Document>) {
    loop {
        instances
            .update_one(
                doc! { "_id": "new" },
                doc! { "$set": { "pid": 1, "_updatedAt": DateTime::now() } },
            )
            .upsert(true)
            .await
            .expect("it can be written");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn last_seen(database: &Database, when: DateTime) {
    database
        .collection::<Document>("rocketchat_subscription")
        .update_many(
            doc! { "ls": { "$exists": true } },
            doc! { "$set": { "ls": when } },
        )
        .await
        .expect("they can be changed");
}

/// The shipped Alertmanager configuration without its waiting, to this receiver.
fn routes_to(receiver: &Receiver) -> String {
    let mut configuration = parsed("deploy/prometheus/alertmanager.yml");
    hurry(&mut configuration["route"]);
    for route in configuration["route"]["routes"]
        .as_array_mut()
        .expect("there are routes")
    {
        hurry(route);
    }
    let receivers = configuration["receivers"].as_array_mut();
    for one in receivers.expect("there are receivers") {
        for webhook in one["webhook_configs"]
            .as_array_mut()
            .expect("the examples are webhooks")
        {
            webhook["url"] = json!(format!("http://{}/", receiver.address()));
        }
    }
    configuration.to_string()
}

fn hurry(route: &mut Value) {
    route["group_wait"] = json!("100ms");
    route["group_interval"] = json!("1s");
}

/// The shipped Prometheus configuration and rules with short times, for this exporter.
fn scrape_of(exporter: &Exporter, alertmanager: &Alertmanager, folder: &Path) -> String {
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
