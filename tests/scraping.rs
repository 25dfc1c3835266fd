//! A real Prometheus scrapes the exporter.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use testbed::tools;

use crate::support::{Prometheus, eventually, shared_exporter};

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_2_and_3_store_every_metric() {
    let workspace = shared_exporter(&[]).await;
    for version in [tools::PROMETHEUS_2, tools::PROMETHEUS_3] {
        // JSON is YAML.
        let configuration = json!({
            "global": { "scrape_interval": "1s" },
            "scrape_configs": [{
                "job_name": "rocketchat-exporter",
                "static_configs": [{ "targets": [workspace.exporter.address()] }],
            }],
        });
        let prometheus = Prometheus::start(version, &configuration.to_string()).await;
        let up = eventually("the exporter is scraped", || {
            let series = prometheus
                .query("rocketchat_up")
                .expect("the query is valid");
            series.into_iter().next()
        })
        .await;
        assert_eq!(
            (&*up.labels["job"], up.points[0].1),
            ("rocketchat-exporter", 1.0)
        );
        let targets = prometheus.api("targets", &[]).expect("targets are listed");
        let target = &targets["activeTargets"][0];
        assert_eq!(
            (&target["health"], &target["lastError"]),
            (&json!("up"), &json!(""))
        );
        // Some series describe the previous scrape, so the first scrape may lack them.
        eventually("Prometheus stores every series", || {
            let lines = workspace.exporter.metrics();
            let lines = lines.lines().filter(|line| !line.starts_with('#')).count();
            let stored = prometheus.query("scrape_samples_post_metric_relabeling");
            let stored = stored.expect("the query is valid").first()?.points[0].1;
            (stored.to_string() == lines.to_string()).then_some(())
        })
        .await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO).as_secs_f64();
        let rooms = prometheus
            .query_range("sum by (kind) (rocketchat_rooms)", (now - 5.0, now), 1.0)
            .expect("the query is valid");
        assert!(
            rooms
                .iter()
                .any(|series| series.labels["kind"] == "channel"),
            "{rooms:?}"
        );
        let error = prometheus.query("rate(rocketchat_rooms)");
        assert!(error.is_err_and(|error| error.contains("range vector")));
    }
}
